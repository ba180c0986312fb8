"""The open model: ratings go out on schedule, whatever the service does; each is accounted for."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from openclaw_locust.measure.recorder import ACK, LAG, SERVICE
from openclaw_locust.measure.series import Series
from tests.embedded import serve
from tests.locust_run import NAME, Run, free_port, run, run_all, start
from tests.run.odd_service import OddService

USERS = ("-u", 5, "-r", 100)


def series_of(run: Run) -> Series:
    return Series.from_plain(run.facts["series"])


def sends_by_second(run: Run) -> list[int]:
    """Return the sends of each second, with zeros, from the first that has any."""
    counts = {begin_s: window.sends for begin_s, window in series_of(run).intervals()}
    first = min(second for second, sends in counts.items() if sends)
    return [counts.get(second, 0) for second in range(first, max(counts) + 1)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, odd: OddService) -> dict[str, Run]:
    """One run of each kind, some at the same time."""
    folder = tmp_path_factory.mktemp("open")
    with serve("--ack-delay", "20ms") as server:
        to = ("--host", server.url, "--tls-ca", server.ca, *USERS)
        cases: dict[str, tuple[Any, ...]] = {
            "constant": (*to, "-t", "7s", "--arrival-rate", "100/s"),
            "poisson": (*to, "-t", "7s", "--arrival-rate", "100/s", "--arrivals", "poisson"),
            "in flight": (
                *(*to, "-t", "5s", "--arrival-rate", "400/s"),
                *("--ack-id", "id", "--in-flight", "20"),
            ),
            "stages": (*to, "--arrival-stages", "2s:100/s,1s:100/s,1s:0/s"),
            "closed in flight": (
                *(*to, "-t", "3s", "--pause", "0"),
                *("--ack-id", "id", "--in-flight", "4"),
            ),
            "silent": (
                *("--host", odd.url("/silent/open"), *USERS, "-t", "5s"),
                *("--arrival-rate", "50/s", "--ack-timeout", "1s"),
            ),
        }
        return run_all(folder, cases)


def test_ratings_go_out_at_the_rate_of_the_schedule(runs: dict[str, Run]) -> None:
    sends = sends_by_second(runs["constant"].ended_with(0))
    begin_s = runs["constant"].facts["model"]["begin_s"]
    assert begin_s >= 1
    assert begin_s == int(begin_s)  # so that a second of the schedule is one of the series
    # the run may end before the last arrival of its last second
    whole = int(runs["constant"].facts["duration_s"] - begin_s) - 1
    assert whole >= 3
    assert sends[:whole] == [100] * whole  # planned in it, whenever it was sent


def test_the_planned_equal_the_sent_and_the_unsent(runs: dict[str, Run]) -> None:
    for name in ("constant", "poisson", "in flight", "stages", "silent"):
        ledger = runs[name].report_json["ledger"]
        assert ledger["planned"] == ledger["sends"] + ledger["unsent"]
        assert sum(ledger["outcomes"].values()) == ledger["sends"] > 0, str(runs[name])


def test_random_arrivals_vary_around_the_rate(runs: dict[str, Run]) -> None:
    sends = sends_by_second(runs["poisson"].ended_with(0))[1:-1]
    assert 240 <= sum(sends) * 3 / len(sends) <= 360
    assert len(set(sends)) > 1


def test_many_in_flight_on_one_connection_are_matched_by_their_id(runs: dict[str, Run]) -> None:
    found = runs["in flight"].ended_with(0)
    assert found.count("UPGRADE") == 5
    assert found.count("ACK") > 1000
    assert found.errors == {}
    window = series_of(found).window()
    assert window.histograms[ACK, NAME].total == window.sends == found.count("ACK")


def test_response_service_and_lag_are_recorded_apart(runs: dict[str, Run]) -> None:
    window = series_of(runs["constant"]).window()
    acks = window.histograms[ACK, NAME].total
    assert window.histograms[SERVICE, NAME].total == window.histograms[LAG, NAME].total == acks
    phases = {row["type"]: row for row in runs["constant"].report_json["phases"]}
    assert phases["SERVICE"]["p50_ms"] >= 20
    assert phases["LAG"]["p50_ms"] < phases["SERVICE"]["p50_ms"]


def test_a_rate_over_time_is_followed_and_ends_the_run(runs: dict[str, Run]) -> None:
    found = runs["stages"].ended_with(0)
    assert found.report_json["ledger"]["planned"] == pytest.approx(250, abs=2)
    assert [stage["label"] for stage in found.facts["stages"]] == [
        "2s:100/s",
        "1s:100/s",
        "1s:0/s",
    ]
    per_stage = [
        sum(row["count"] for row in stage["rows"] if row["type"] == "ACK")
        for stage in found.report_json["stages"]
    ]
    assert per_stage == pytest.approx([100, 100, 50], abs=3)


def test_in_the_closed_model_too_ratings_may_overlap(runs: dict[str, Run]) -> None:
    found = runs["closed in flight"].ended_with(0)
    # one at a time, 5 users with 20 ms for each ack could not send more than 250 a second
    assert max(sends_by_second(found)) > 400
    assert found.report_json["model"]["kind"] == "closed"
    assert found.report_json["ledger"]["planned"] is None


def test_what_found_no_room_is_counted_and_crosses_the_limit(runs: dict[str, Run]) -> None:
    found = runs["silent"]
    assert found.exit_code == 1  # nothing was acked
    ledger = found.report_json["ledger"]
    assert ledger["unsent"] > ledger["sends"]
    assert found.failures("UNSENT") == ledger["unsent"]
    assert ("UNSENT", "gen.unsent") in found.errors
    check = next(check for check in found.report_json["thresholds"] if check["type"] == "UNSENT")
    assert check["of"] == "planned"
    assert check["value"] == pytest.approx(ledger["unsent"] / ledger["planned"])
    assert not check["passed"]


def test_the_report_names_the_model(runs: dict[str, Run]) -> None:
    assert "open model: 100/s constant arrivals" in runs["constant"].printed
    assert "open model: 100/s poisson arrivals" in runs["poisson"].printed
    assert "up to 20 in flight" in runs["in flight"].printed
    assert "closed model" in runs["closed in flight"].printed
    assert "coordinated omission" in runs["closed in flight"].printed
    assert "coordinated omission" not in runs["constant"].printed


def test_a_stall_is_charged_to_the_ratings_that_were_planned_in_it(tmp_path: Path) -> None:
    stall = ("--fault", "stall=1s@1s")  # from the first rating on: each run its own server
    with serve(*stall) as first, serve(*stall) as second:
        runs = run_all(
            tmp_path,
            {
                name: ("--host", server.url, "--tls-ca", server.ca, *USERS, "-t", "6s", *model)
                for name, server, model in (
                    ("open", first, ("--arrival-rate", "100/s")),
                    ("closed", second, ("--pause", "50ms")),
                )
            },
        )
    late = {name: share_above(found, 200) for name, found in runs.items()}
    # a fifth of the plan lies in the stall, and what was planned in its first 0.8 s waited longer
    assert late["open"] > 0.1, str(runs["open"])
    # a user that waits does not send, so the same stall all but vanishes
    assert late["closed"] < 0.05, str(runs["closed"])
    ledger = runs["open"].report_json["ledger"]
    assert ledger["unsent"] == 0
    assert ledger["sends"] == ledger["planned"]


def share_above(run: Run, milliseconds: float) -> float:
    share = series_of(run).window().histograms[ACK, NAME].share_above(milliseconds)
    assert share is not None
    return share


# -- master and workers --------------------------------------------------------------------------


def test_workers_share_the_schedule_and_share_it_anew_when_one_leaves(tmp_path: Path) -> None:
    port = free_port()
    with serve("--ack-delay", "5ms") as server:
        to = ("--host", server.url, "--tls-ca", server.ca)
        with (
            start(
                tmp_path / "master",
                *(*to, "--master", "--master-bind-port", port, "--expect-workers", 2),
                *("-u", 6, "-r", 100, "-t", "14s", "--arrival-rate", "100/s"),
                "--enable-rebalancing",
            ) as master,
            start(
                tmp_path / "a", "--worker", "--master-port", port, headless=False, csv=False
            ) as a,
            start(
                tmp_path / "b", "--worker", "--master-port", port, headless=False, csv=False
            ) as b,
        ):
            master.wait_for(lambda: "All users spawned" in master.stderr)
            # the first split is at work for some seconds before one of the two goes
            master.wait_for(lambda: requests_so_far(master.stderr) > 200)
            b.send(signal.SIGTERM)
            b.wait()
            found = master.wait()
            a.wait()
        counts = server.counts()
    found.ended_with(98)  # a worker left early, and the verdict says so
    sends = sends_by_second(found)[1:-1]
    assert sum(sends) == pytest.approx(100 * len(sends), rel=0.25)  # a gap until it was noticed
    assert sends[-2:] == [100, 100]  # the one that is left has the whole schedule
    assert found.report_json["ledger"]["sends"] == counts["ratings"]
    assert "workers' seconds are the master's within" in found.printed


def test_a_worker_that_joins_takes_its_part_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    port = free_port()
    worker = ("--worker", "--master-port", port)
    with serve("--ack-delay", "5ms") as server:
        with (
            start(
                tmp_path / "master",
                *("--host", server.url, "--tls-ca", server.ca, "--master", "--expect-workers", 1),
                *("--master-bind-port", port, "-u", 6, "-r", 100, "-t", "14s"),
                *("--arrival-rate", "100/s", "--enable-rebalancing"),
            ) as master,
            start(tmp_path / "a", *worker, headless=False, csv=False),
        ):
            master.wait_for(lambda: requests_so_far(master.stderr) > 200)
            with start(tmp_path / "b", *worker, headless=False, csv=False):
                found = master.wait()
        counts = server.counts()
    found.ended_with(0)
    sends = sends_by_second(found)[:-1]
    assert set(sends) == {100}, sends
    assert found.report_json["ledger"]["sends"] == counts["ratings"]
    shares = [line for line in found.facts["details"] if line.startswith("worker ")]
    assert len(shares) == 2
    assert all(int(line.split()[-2]) > 100 for line in shares), shares


def requests_so_far(printed: str) -> int:
    """Return the requests in the last table that a master printed while it runs."""
    totals = [line.split() for line in printed.splitlines() if "Aggregated" in line]
    return int(totals[-1][1]) if totals else 0


def test_two_workers_send_the_constant_schedule_evenly_and_once(tmp_path: Path) -> None:
    with serve() as server:
        found = run(
            tmp_path,
            *("--host", server.url, "--tls-ca", server.ca, "--processes", 2, "-u", 6, "-r", 100),
            *("-t", "6s", "--arrival-rate", "100/s"),
        )
        counts = server.counts()
    found.ended_with(0)
    sends = sends_by_second(found)[1:-1]
    assert set(sends) == {100}
    assert found.report_json["ledger"]["sends"] == counts["ratings"] == counts["acks"]


# -- refusals ------------------------------------------------------------------------------------


def test_contradictions_are_refused_in_one_line(tmp_path: Path) -> None:
    cases = {
        "both": (("--arrival-rate", "5/s", "--arrival-stages", "1m:5/s"), "contradict"),
        "pause": (("--arrival-rate", "5/s", "--pause", "2s"), "--pause"),
        "kind": (("--arrival-rate", "5/s", "--arrivals", "odd"), "constant or poisson"),
        "alone": (("--arrivals", "poisson"), "--arrival-rate"),
        "rate": (("--arrival-rate", "fast"), "write e.g. 500/s"),
        "id": (("--in-flight", "2"), "--ack-id"),
        "threshold": (("--threshold", "ack p95 < 250"), "column 11"),
    }
    runs = run_all(
        tmp_path,
        {name: ("--host", "wss://127.0.0.1:9/", *options) for name, (options, _) in cases.items()},
    )
    for name, (_, said) in cases.items():
        found = runs[name].ended_with(2)
        (line,) = found.complaints
        assert line.startswith("openclaw_locust: error: ")
        assert said in line, line
