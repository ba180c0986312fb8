"""Whole users against a service that answers anything: one outcome for each rating, and no error.

The service draws the way of each answer by lot (see ``random_service``); the runs are real ones.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from openclaw_locust.failures import CLASSES
from openclaw_locust.judging.figures import ledger
from openclaw_locust.measure.series import Series, Window
from tests.locust_run import NAME, Argument, Run, run_all
from tests.users.random_service import ACK_TIMEOUT_S, RIGHT, WAYS, WRONG, Done, random_service

USERS = 6
LOAD: tuple[Argument, ...] = ("-u", USERS, "-r", 50, "-t", "4s", "--threshold", "none")
CASES: dict[str, tuple[Argument, ...]] = {
    "by-item": ("--pause", 0),
    "by-id": ("--pause", "5ms", "--ack-id", "id", "--item-max", 2),
    "in-flight": ("--pause", "5ms", "--ack-id", "id", "--in-flight", 8),
    "open": ("--arrival-rate", "300/s", "--ack-id", "id", "--in-flight", 4),
}
IN_FLIGHT = {"in-flight": 8, "open": 4}
AT_LEAST = 60
"""Ratings of each run; the runs together have enough for every way."""


@dataclass(frozen=True)
class Met:
    """A run and what the service did in it."""

    run: Run
    done: Done
    window: Window


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Met]:
    with random_service() as service:
        cases = {
            name: (
                *(*LOAD, *options, "--ack-timeout", f"{ACK_TIMEOUT_S}s"),
                *("--host", f"ws://127.0.0.1:{service.port}/{name}"),
            )
            for name, options in CASES.items()
        }
        runs = run_all(tmp_path_factory.mktemp("random"), cases)
    return {
        name: Met(run, service.done[f"/{name}"], Series.from_plain(run.facts["series"]).window())
        for name, run in runs.items()
    }


@pytest.mark.parametrize("case", CASES)
def test_each_send_has_one_event_and_one_outcome(met: dict[str, Met], case: str) -> None:
    run, window = met[case].run, met[case].window
    # a machine with other things to do makes a run invalid, and its ledger must hold all the same
    assert run.exit_code in (0, 98), str(run)
    book = ledger(window)
    assert window.sends == window.settled == run.count("ACK") > AT_LEAST, str(run)
    assert book.balanced, book
    assert run.report_json["ledger"]["outcomes"] == book.outcomes
    assert book.outcomes["other"] == 0
    assert run.report_json["problems"] == []


@pytest.mark.parametrize("case", CASES)
def test_nothing_but_failures_leaves_a_user(met: dict[str, Met], case: str) -> None:
    run = met[case].run
    with Path(f"{run.prefix}_exceptions.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == []
    assert "Traceback" not in run.stdout + run.stderr, str(run)
    assert [line for line in run.complaints if "/ERROR/" in line or "/CRITICAL/" in line] == []
    assert {name for _, name in run.errors} <= set(CLASSES)
    rows = {"ACK": ("app.ack.", "gen.stopped"), "STRAY": ("app.ack.",), "WS": ("ws.",)}
    rows |= {"UPGRADE": ("http.", "tcp."), "UNSENT": ("gen.unsent",)}
    for row, name in run.errors:
        assert name.startswith(rows[row]), (row, name)


@pytest.mark.parametrize("case", CASES)
def test_what_the_service_read_is_what_was_sent_but_for_lost_connections(
    met: dict[str, Met], case: str
) -> None:
    run, done = met[case].run, met[case].done
    losses = sum(count for (row, _), count in run.errors.items() if row == "WS")
    assert 0 <= run.count("ACK") - done.ratings <= losses * IN_FLIGHT.get(case, 1)
    assert run.knows_of(done.connections, USERS) or run.failures("UPGRADE")


@pytest.mark.parametrize("case", CASES)
def test_an_ack_is_good_only_where_the_service_sent_a_good_one(
    met: dict[str, Met], case: str
) -> None:
    outcomes, ways = ledger(met[case].window).outcomes, met[case].done.ways
    # what is held back may come in time, behind the answer of a rating right after it
    good = sum(ways[way] for way in (*RIGHT, "held"))
    assert good / 2 < outcomes["ok"] <= good
    assert outcomes["negative"] <= ways["refusal"]
    assert outcomes["malformed"] <= ways["garbage"]


@pytest.mark.parametrize("case", CASES)
def test_one_wrong_ack_is_one_mismatch_and_harms_no_rating_behind_it(
    met: dict[str, Met], case: str
) -> None:
    run, ways = met[case].run, met[case].done.ways
    mismatches = sum(n for (_, name), n in run.errors.items() if name == "app.ack.mismatch")
    assert 0 < mismatches <= sum(ways[way] for way in WRONG)


def test_every_way_was_met(met: dict[str, Met]) -> None:
    ways = sum((each.done.ways for each in met.values()), Counter())
    assert set(ways) == set(WAYS)
    names = {name for each in met.values() for _, name in each.run.errors}
    assert {"app.ack.duplicate", "app.ack.timeout", "ws.abnormal.rst", "ws.abnormal.fin"} <= names
    assert any(each.window.late for each in met.values())
    assert all(each.run.rows["ACK", NAME] for each in met.values())
