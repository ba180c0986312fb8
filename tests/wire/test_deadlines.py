"""Deadlines are total: nothing that a peer does or leaves undone extends them."""

from typing import Any

import pytest

from openclaw_locust.failures import Failure
from openclaw_locust.wire.connection import Clock
from openclaw_locust.wire.frames import BINARY, PING, PONG
from openclaw_locust.wire.tcp import TimedOut
from openclaw_locust.wire.websocket import WebSocket
from tests.peers import (
    SWITCHING,
    Step,
    close_frame,
    cut,
    dribble,
    end_tls,
    flood,
    frame,
    hear_frame,
    hear_some,
    hear_upgrade,
    hold,
    ignore,
    play,
    reset,
    say,
    tls,
)
from tests.wire.client import full_backlog, refused, soon, talk, until
from tests.wire.conftest import Pki

SHORT = "400ms"
LONG_RECORD = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"  # a record of 16 KiB, and no end of it


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_connect_that_nobody_answers_ends_in_tcp(host: str) -> None:
    shown = f"[{host}]" if ":" in host else host
    with full_backlog(host) as port:
        clock = Clock()
        failure = refused(f"wss://{shown}:{port}/", connect_timeout=SHORT, clock=clock)
    assert str(failure) == "tcp.timeout"
    assert (clock.dns_ns or 0) > 0
    assert clock.tcp_ns is None


@pytest.mark.parametrize(
    "script",
    [(hold(),), (ignore(),), (hear_some(), dribble(LONG_RECORD))],
    ids=["silence", "deafness", "dribble"],
)
def test_a_handshake_without_end_ends_in_tls(script: tuple[Step, ...]) -> None:
    with play(*script) as peer:
        clock = Clock()
        url = f"wss://{peer.host}:{peer.port}/"
        assert str(refused(url, connect_timeout=SHORT, clock=clock)) == "tls.timeout"
    assert (clock.tcp_ns or 0) > 0
    assert clock.tls_ns is None


@pytest.mark.parametrize("secure", [True, False], ids=["tls", "plain"])
@pytest.mark.parametrize(
    "script",
    [
        (hold(),),
        (ignore(),),
        (hear_upgrade(), dribble(SWITCHING[:-4] + b"\r\nX: ")),
        (hear_upgrade(), flood(b"HTTP/1.1 103 Wait\r\n\r\n" * 50)),
    ],
    ids=["silence", "deafness", "dribble", "early hints without end"],
)
def test_an_upgrade_without_end_ends_in_http(
    pki: Pki, secure: bool, script: tuple[Step, ...]
) -> None:
    with play(*((tls(pki.server),) if secure else ()), *script) as peer:
        url = f"{'wss' if secure else 'ws'}://{peer.host}:{peer.port}/"
        clock = Clock()
        failure = refused(url, tls_ca=pki.ca, connect_timeout=SHORT, clock=clock)
    assert str(failure) == "http.timeout"
    assert clock.upgrade_ns is None
    assert (clock.tls_ns is not None) == secure


@pytest.mark.parametrize("body", [hold(), dribble(b"words ")], ids=["silence", "dribble"])
def test_a_refusal_whose_body_does_not_end_is_a_refusal(pki: Pki, body: Step) -> None:
    head = b"HTTP/1.1 503 Busy\r\nContent-Length: 1000\r\n\r\n"
    with play(tls(pki.server), hear_upgrade(), say(head), body) as peer:
        url = f"wss://{peer.host}:{peer.port}/"
        failure = refused(url, tls_ca=pki.ca, connect_timeout=SHORT)
    assert str(failure) == "http.overloaded"


CHATTER: dict[str, tuple[Step, ...]] = {
    "silence": (hold(),),
    "a dribbled frame": (dribble(frame(b"x" * 125)),),
    "pings now and then": (dribble(frame(b"", PING), 0.02),),
    "fragments without end": (say(frame(b"x", fin=False)), flood(frame(b"", 0, fin=False) * 500)),
}


@pytest.mark.parametrize("secure", [True, False], ids=["tls", "plain"])
@pytest.mark.parametrize("what", CHATTER)
def test_no_chatter_extends_the_wait_for_a_message(pki: Pki, what: str, secure: bool) -> None:
    with talk(pki, *CHATTER[what], secure=secure) as (websocket, _):
        for _ in range(2):
            with pytest.raises(TimedOut):
                websocket.receive(soon(0.15))
        assert websocket.lost is None


def test_a_deadline_that_is_over_still_gives_what_has_come(pki: Pki) -> None:
    with talk(pki, behind=frame(b"one") + frame(b"two")) as (websocket, _):
        assert websocket.receive(0).payload == b"one"
        assert websocket.receive(0).payload == b"two"
        with pytest.raises(TimedOut):
            websocket.receive(0)


def fill(websocket: WebSocket) -> str:
    """Send until the peer's window is full, and return the failure."""
    with pytest.raises(Failure) as caught:
        for _ in range(100):
            websocket.send(b"x" * 1_000_000, soon(0.2), BINARY)
    return str(caught.value)


@pytest.mark.parametrize("secure", [True, False], ids=["tls", "plain"])
def test_a_peer_that_does_not_read_blocks_a_send_until_its_deadline(pki: Pki, secure: bool) -> None:
    with talk(pki, ignore(), secure=secure) as (websocket, _):
        assert fill(websocket) == "ws.send_blocked"
        assert str(websocket.lost) == "ws.send_blocked"


ENDLESS: dict[str, tuple[Any, ...]] = {
    "silence": (hold(),),
    "deafness": (ignore(),),
    "a flood": (flood(frame(b"x" * 1000)),),
    "a dribble": (dribble(frame(b"x" * 100), 0.01),),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_a_close_waits_for_the_server_only_until_its_deadline(pki: Pki, what: str) -> None:
    with talk(pki, *ENDLESS[what]) as (websocket, _):
        failure = websocket.close(1000, soon(0.15))
        assert str(failure) == "ws.close_timeout"
        assert str(websocket.lost) == "ws.not_open"


@pytest.mark.parametrize(
    "script",
    [
        (hear_frame(), say(close_frame(1000)), hold()),
        (hear_frame(), say(frame(b"ack") + frame(b"", PING) + close_frame(1000)), hold()),
        (hear_frame(), say(b"\xff\xff"), hold()),
        (hear_frame(), reset()),
        (hear_frame(), cut()),
        (hear_frame(), end_tls()),
    ],
    ids=["answered", "answered behind others", "nonsense", "reset", "cut", "ended"],
)
def test_a_server_that_reacts_to_a_close_has_not_failed(pki: Pki, script: tuple[Step, ...]) -> None:
    with talk(pki, *script) as (websocket, _):
        assert websocket.close(1000, soon(1.0)) is None


@pytest.mark.parametrize("opcode", [PING, PONG])
@pytest.mark.parametrize("secure", [True, False], ids=["tls", "plain"])
def test_a_flood_of_pings_ends_the_connection(pki: Pki, opcode: int, secure: bool) -> None:
    with talk(pki, flood(frame(b"", opcode) * 1000), secure=secure) as (websocket, _):
        with pytest.raises(Failure, match=r"^ws\.ping_flood$"):
            websocket.receive(soon())
        assert str(websocket.lost) == "ws.ping_flood"


def test_a_flood_of_pings_ends_a_connection_that_nobody_reads(pki: Pki) -> None:
    with talk(pki, flood(frame(b"", PING) * 1000)) as (websocket, _):
        until(lambda: websocket.lost is not None)
        assert str(websocket.lost) == "ws.ping_flood"


def test_a_hundred_pings_at_once_are_answered(pki: Pki) -> None:
    pings = frame(b"?", PING) * 100
    with talk(pki, say(pings + frame(b"hi")), *[hear_frame()] * 100, hold()) as (websocket, peer):
        assert websocket.receive(soon()).payload == b"hi"
        assert peer.heard(102)[2:] == [b"\x8a?"] * 100
