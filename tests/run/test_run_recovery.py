"""A service that drains, limits, turns away or does not answer a close: what the users do then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from openclaw_locust.failures import CLASSES
from tests.embedded import Served, serve
from tests.locust_run import Argument, Run, run_all

USERS = 5
LOAD: tuple[Argument, ...] = ("-u", USERS, "-r", 50, "--pause", "50ms", "--ack-timeout", "1s")

# the server's faults, and Locust's options
CASES: dict[str, tuple[tuple[str, ...], tuple[Argument, ...]]] = {
    # goes away two seconds after the first rating, refuses for two more, and is healthy again
    "drain": (("ws.close.going_away@2s..2500ms", "http.overloaded@2s..4s"), ("-t", "10s")),
    "limit": (("http.rate_limited",), ("-t", "4s")),
    "negative": (
        ("app.ack.negative=50%",),
        ("-t", "2s", "--threshold", "faults < 1%", "--threshold", "ack refusals > 10%"),
    ),
    "turned away": (("ws.close.try_later",), ("-t", "4s", "--pause", "0")),
    "no close": (("ws.close_timeout",), ("-t", "2s")),
    "pings": (("ws.ping_flood",), ("-t", "2s")),
}


@dataclass(frozen=True)
class Done:
    """A run, and what its server counted."""

    run: Run
    counts: dict[str, Any]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Done]]:
    """All cases at the same time, each with a server of its own."""
    with ExitStack() as stack:
        servers: dict[str, Served] = {}
        options: dict[str, tuple[Argument, ...]] = {}
        for name, (faults, more) in CASES.items():
            args = [part for fault in faults for part in ("--fault", fault)]
            server = servers[name] = stack.enter_context(serve(*args))
            assert server.ca
            options[name] = (*LOAD, "--host", server.url, "--tls-ca", server.ca, *more)
        runs = run_all(tmp_path_factory.mktemp("recovery"), options)
        yield {name: Done(run, servers[name].counts()) for name, run in runs.items()}


def test_users_come_back_to_a_service_that_drained(done: dict[str, Done]) -> None:
    run = done["drain"].run.ended_with(99)
    assert run.errors["WS", "ws.close.going_away"] == USERS
    recovery = run.report_json["recovery"]
    assert recovery["lost"] == recovery["replaced"] == USERS
    assert recovery["max_ms"] > 1000  # the drain lasted longer than that
    late = [at_s for at_s, sends, settled, _ in run.facts["series"]["counts"] if settled == sends]
    assert max(late) >= 8  # and then there were acks again
    assert f"{USERS} connections were lost, {USERS} replaced after P50" in run.printed


def test_a_service_that_refuses_is_not_stormed(done: dict[str, Done]) -> None:
    """Two seconds of 503 with a Retry-After of one: each user has time for a few attempts."""
    assert USERS <= done["drain"].counts["faults"]["http.overloaded"] <= 4 * USERS


def test_retry_after_is_honoured_and_shown(done: dict[str, Done]) -> None:
    run = done["limit"].run.ended_with(1)
    assert set(run.errors) == {("UPGRADE", "http.rate_limited")}
    # four seconds, and a second between the attempts of each user
    assert 2 * USERS <= done["limit"].counts["faults"]["http.rate_limited"] <= 5 * USERS
    (error,) = run.report_json["errors"]
    assert error["kind"] == "refusal"
    assert "Retry-After: 1" in error["sample"]


def test_negative_acks_are_refusals_and_a_run_can_be_judged_without_them(
    done: dict[str, Done],
) -> None:
    run = done["negative"].run.ended_with(0)
    assert set(run.errors) == {("ACK", "app.ack.negative")}
    assert run.errors["ACK", "app.ack.negative"] == done["negative"].counts["errors"]
    refusals = run.stdout.partition("\nRefusals")[2]
    assert "app.ack.negative" in refusals
    assert "\nErrors" not in run.stdout.partition("Load test of")[2]
    assert "seen: " in refusals


def test_a_service_that_accepts_and_turns_away_is_not_stormed(done: dict[str, Done]) -> None:
    """An upgrade alone is no success: the pauses grow until there is an ack."""
    run = done["turned away"].run.ended_with(1)
    assert set(run.errors) == {("ACK", "app.ack.lost_on_close"), ("WS", "ws.close.try_later")}
    assert 2 * USERS <= done["turned away"].counts["upgrades"] <= 7 * USERS


def test_a_close_that_is_not_answered_ends_in_time_and_is_told(done: dict[str, Done]) -> None:
    run = done["no close"].run.ended_with(99)
    assert run.errors == {("WS", "ws.close_timeout"): USERS}
    assert run.count("ACK") == done["no close"].counts["acks"]
    assert CLASSES["ws.close_timeout"].remedy in run.printed
    assert "Reconnects" not in run.stdout


def test_a_flood_of_pings_is_told_as_such(done: dict[str, Done]) -> None:
    run = done["pings"].run.ended_with(1)
    assert set(run.errors) == {("ACK", "app.ack.lost_on_close"), ("WS", "ws.ping_flood")}
    assert CLASSES["ws.ping_flood"].remedy in run.printed
