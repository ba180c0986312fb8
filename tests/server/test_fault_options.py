"""What ``--fault`` means, and what it refuses."""

import pytest

from openclaw_locust.failures import CLASSES
from openclaw_locust.server.errors import ServerError
from openclaw_locust.server.faults.kinds import ALIASES, OCCASIONS
from openclaw_locust.server.faults.options import Fault, Faults, Stall, parse_faults


def test_without_a_fault_there_is_none() -> None:
    assert parse_faults([]) == Faults()


def test_a_stall_has_a_length_and_a_time_and_may_come_again() -> None:
    assert parse_faults(["stall=2s@10s", "stall=500ms@1m30s", "stall=1@0"]).stalls == (
        Stall(at_s=10, duration_s=2),
        Stall(at_s=90, duration_s=0.5),
        Stall(at_s=0, duration_s=1),
    )


def test_a_fault_has_the_name_of_the_class_that_a_client_shall_see() -> None:
    assert {name for name in OCCASIONS if name not in CLASSES} == set()


def test_an_alias_stands_for_a_fault() -> None:
    assert set(ALIASES.values()) <= set(OCCASIONS)
    assert parse_faults(["ack.loss=5%"]).others == (Fault("app.ack.timeout", "message", 0.05),)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tls.cert.expired", Fault("tls.cert.expired", "hello")),
        ("TLS.Reset = 50%", Fault("tls.reset", "hello", 0.5)),
        ("http.503=10%", Fault("http.503", "upgrade", 0.1)),
        ("http.overloaded=0.1", Fault("http.overloaded", "upgrade", 0.1)),
        ("ws.close.4429@3s", Fault("ws.close.4429", "message", 1.0, 3.0)),
        ("app.ack.late=2%@3s..1m", Fault("app.ack.late", "message", 0.02, 3.0, 60.0)),
        ("ws.close_timeout", Fault("ws.close_timeout", "close")),
    ],
)
def test_a_fault_may_have_a_share_and_a_time(text: str, fault: Fault) -> None:
    assert parse_faults([text]).others == (fault,)


def test_faults_are_asked_for_by_their_occasion_in_the_order_given() -> None:
    faults = parse_faults(["http.503", "tls.eof=1%", "http.eof=2%", "app.ack.late"])
    assert [fault.name for fault in faults.at("upgrade")] == ["http.503", "http.eof"]
    assert [fault.name for fault in faults.at("hello", "message")] == ["tls.eof", "app.ack.late"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stal=2s@10s", "there is no fault 'stal'; `openclaw-locust failures` lists them"),
        ("", "there is no fault ''; `openclaw-locust failures` lists them"),
        ("http.101", "there is no fault 'http.101'"),
        ("http.1000", "there is no fault 'http.1000'"),
        ("ws.close.5000", "there is no fault 'ws.close.5000'"),
        ("ws.close.99²9", "there is no fault"),
        ("dns.nxdomain", "there is no fault 'dns.nxdomain'"),
        ("stall", "it does not say how long; give it as stall=2s@10s"),
        ("stall=2s", "it does not say when: there is no @"),
        ("stall=2x@10s", "before the @, '2x' is no duration"),
        ("stall=2s@soon", "behind the @, 'soon' is no duration"),
        ("stall=2s@", "behind the @, the duration is missing"),
        ("stall=0s@1s", "before the @, '0s' is no time to stall for"),
        ("stall=2s@1s@2s", "behind the @, '1s@2s' is no duration"),
        ("tls.eof=", "'' is no share of more than 0% and up to 100%; give it as NAME, NAME=5%"),
        ("tls.eof=0%", "'0%' is no share"),
        ("tls.eof=101%", "'101%' is no share"),
        ("tls.eof=nan", "'nan' is no share"),
        ("tls.eof=5%%", "'5%%' is no share"),
        ("tls.eof=5", "'5' is no share"),
        ("tls.eof@", "behind the @, the duration is missing"),
        ("tls.eof@5s..", "behind the .., the duration is missing"),
        ("tls.eof@5s..5s", "'5s..5s' ends before it begins"),
    ],
)
def test_a_wrong_fault_says_its_place_and_what_to_write(text: str, words: str) -> None:
    with pytest.raises(ServerError) as caught:
        parse_faults([text])
    line = str(caught.value)
    assert line.startswith(f"--fault {text!r}: ")
    assert words in line
    assert "\n" not in line
