"""What is said at the begin of a run in which nothing works."""

from __future__ import annotations

from openclaw_locust.failures import CLASSES, Failure
from openclaw_locust.measure.records import Records
from openclaw_locust.run.early_word import early_word, has_worked
from tests.report.series_sets import Script


def word(script: Script, *failures: Failure) -> str | None:
    records = Records()
    for failure in failures:
        records.failure(failure)
    return early_word(script.series().window(), records)


def test_connections_that_all_fail_are_told_with_class_sample_and_remedy() -> None:
    script = Script().failed("TLS", "tls.cert.expired", 3)
    kind = CLASSES["tls.cert.expired"]
    assert word(script, Failure("tls.cert.expired", "on Friday")) == (
        f"no connection yet: all 3 failed with tls.cert.expired: {kind.meaning} (seen: on Friday)"
        f" -> {kind.remedy}"
    )


def test_of_several_classes_the_most_frequent_is_told() -> None:
    script = Script().failed("TLS", "tls.reset", 2).failed("UPGRADE", "http.overloaded", 5)
    said = word(script) or ""
    assert said.startswith("no connection yet: 5 of 7 failed with http.overloaded: ")


def test_acks_that_all_fail_are_told_once_there_are_connections() -> None:
    assert word(Script().connected(2).failed("UPGRADE", "http.overloaded")) is None
    said = word(Script().connected(2).failed("ACK", "app.ack.timeout", 4)) or ""
    assert said.startswith("no ack yet: all 4 failed with app.ack.timeout: ")


def test_connections_that_are_the_goal_are_spoken_of_as_those_on_the_way_to_one() -> None:
    said = word(Script().failed("HANDSHAKE", "tls.version", 3)) or ""
    assert said.startswith("no connection yet: all 3 failed with tls.version: ")
    said = word(Script().connected(2).failed("HTTP", "http.not_found", 4)) or ""
    assert said.startswith("no answer yet: all 4 failed with http.not_found: ")


def test_one_good_connection_or_request_is_enough_to_say_nothing() -> None:
    for metric in ("handshake", "http"):
        assert has_worked(Script().took(metric, 1.0).series().window())


def test_one_ack_is_enough_to_say_nothing() -> None:
    window = Script().connected(1).acked(1.0).failed("ACK", "app.ack.timeout", 9).series().window()
    assert early_word(window, Records()) is None
    assert has_worked(window)


def test_a_run_of_which_nothing_is_known_yet_is_not_spoken_of() -> None:
    assert word(Script()) is None
    assert not has_worked(Script().connected(1).series().window())
