"""The series of real runs: exact percentiles, ledger, warm-up, stages, thresholds, workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hdrh.log import HistogramLogReader

from openclaw_locust.measure.histogram import Histogram
from openclaw_locust.measure.recorder import ACK
from openclaw_locust.measure.series import Series
from tests.embedded import serve
from tests.locust_run import NAME, Run, free_port, run, run_all
from tests.run.odd_service import OddService

LOGGING = Path(__file__).with_name("logging_locustfile.py")
LOAD = ("-u", 4, "-r", 100, "--pause", "20ms")


def series_of(run: Run) -> Series:
    return Series.from_plain(run.facts["series"])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, odd: OddService) -> dict[str, Run]:
    """One run of each kind, some at the same time."""
    folder = tmp_path_factory.mktemp("series")
    # each master its own port, and its workers with it
    ports = [
        ("--master-bind-port", port, "--master-port", port) for port in (free_port(), free_port())
    ]
    with serve("--ack-delay", "20ms") as server:
        to = ("--host", server.url, "--tls-ca", server.ca, *LOAD)
        cases: dict[str, tuple[Any, ...]] = {
            "plain": (*to, "-t", "4s"),
            "workers": (*to, "-t", "4s", "--processes", 2, *ports[0]),
            "warm-up": (*to, "-t", "5s", "--warm-up", "2s"),
            "long warm-up": (*to, "-t", "2s", "--warm-up", "1m"),
            "stages": (
                *("--host", server.url, "--tls-ca", server.ca, "--pause", "20ms"),
                *("--stages", "0s:2,2s:2,0s:6,3s:6"),
            ),
            "crossed": (*to, "-t", "4s", "--threshold", "ack p95 < 5ms for 2s"),
            "held": (
                *(*to, "-t", "4s", "--threshold", "ack p99.9 < 2s", "--threshold", "rate > 10/s"),
                *("--threshold", "tls p50 < 1s", "--threshold", "errors < 5%"),
            ),
            "none": (*to, "-t", "2s", "--threshold", "none"),
            "nothing": (*to, "-t", "2s", "--threshold", "proxy p95 < 1s"),
            "abort": (
                *("--host", odd.url("/negative/abort"), *LOAD, "-t", "40s"),
                *("--threshold", "errors < 50% abort after 2s"),
            ),
            "abort, workers": (
                *(*to, "-t", "40s", "--processes", 2, *ports[1]),
                *("--threshold", "ack p50 < 1ms for 2s abort after 2s"),
            ),
            "mixed": (
                "--host",
                odd.url("/late/mixed"),
                *LOAD,
                "-t",
                "4s",
                "--ack-timeout",
                "100ms",
            ),
        }
        return run_all(folder, cases)


@pytest.mark.parametrize("name", ["plain", "workers"])
def test_the_series_has_every_request_that_locust_counted(runs: dict[str, Run], name: str) -> None:
    found = runs[name].ended_with(0)
    window = series_of(found).window()
    for kind, metric in (("ACK", "ack"), ("TLS", "tls"), ("UPGRADE", "upgrade")):
        assert window.histograms[metric, NAME].total == found.count(kind) > 0
    assert window.sends == window.settled == found.count("ACK")
    assert found.report_json["problems"] == []


def test_what_workers_merged_is_shown_with_their_names(runs: dict[str, Run]) -> None:
    found = runs["workers"]
    assert len(found.facts["generator"]) == 2
    window = series_of(found).window()
    assert len(window.names("loop")) == 2
    assert "within" in found.facts["clocks"]


def test_the_report_s_percentiles_are_those_of_the_merged_histogram(runs: dict[str, Run]) -> None:
    found = runs["workers"]
    whole = Histogram()
    for _, window in series_of(found).intervals():
        if (ACK, NAME) in window.histograms:
            whole.merge(window.histograms[ACK, NAME])
    row = next(row for row in found.report_json["percentiles"] if row["type"] == "ACK")
    wanted = [us / 1000 for us in whole.percentiles_us((50, 95, 99, 99.9)) if us is not None]
    assert [row["p50_ms"], row["p95_ms"], row["p99_ms"], row["p999_ms"]] == wanted
    assert row["max_ms"] == whole.max_us / 1000
    assert 20 <= row["p50_ms"] != int(row["p50_ms"])  # finer than Locust's whole milliseconds


def test_two_workers_merged_are_every_sample_of_both_bit_for_bit(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.mkdir()
    port = ("--master-bind-port", free_port())
    with serve("--ack-delay", "5ms", "--ack-jitter", "5ms") as server:
        to = ("--host", server.url, "--tls-ca", server.ca, *LOAD, "-t", "5s", "--processes", 2)
        found = run(
            tmp_path / "run",
            *(*to, *port, "--master-port", port[1]),
            file=LOGGING,
            env={"LOG_FOLDER": str(log)},
        ).ended_with(0)
    files = list(log.iterdir())
    assert len(files) == 2
    everything = Histogram()
    for file in files:
        for line in file.read_text().splitlines():
            everything.record_ns(round(float(line) * 1e6))
    assert everything.total > 200
    assert series_of(found).window().histograms[ACK, NAME] == everything


def test_locust_s_own_figures_are_of_the_same_buckets(tmp_path: Path) -> None:
    with serve("--ack-delay", "147ms") as server:
        to = ("--host", server.url, "--tls-ca", server.ca, *LOAD, "-t", "3s")
        found = run(tmp_path, *to).ended_with(99)
    median = int(found.rows["ACK", NAME]["50%"])
    assert 147 <= median < 150, "Locust's own two digits would make it 150"
    row = next(row for row in found.report_json["percentiles"] if row["type"] == "ACK")
    assert int(row["p50_ms"]) == median


def test_the_log_is_read_by_hdrhistogram_s_own_reader(runs: dict[str, Run]) -> None:
    found = runs["plain"]
    reference = series_of(found).window().histograms[ACK, NAME]
    reader = HistogramLogReader(f"{found.prefix}.hlog", _new_histogram())
    total, lines = 0, 0
    while (interval := reader.get_next_interval_histogram()) is not None:
        if interval.get_tag() == f"ack:{NAME}":
            total += interval.get_total_count()
            lines += 1
    assert total == reference.total
    assert lines >= 3


def _new_histogram() -> Any:
    from hdrh.histogram import HdrHistogram

    return HdrHistogram(1, 3_600_000_000, 3)


def test_the_warm_up_is_in_no_figure_and_said_to_be_excluded(runs: dict[str, Run]) -> None:
    found = runs["warm-up"].ended_with(0)
    row = next(row for row in found.report_json["percentiles"] if row["type"] == "ACK")
    series = series_of(found)
    assert row["count"] == series.window(2).sends
    assert row["count"] < found.count("ACK") == series.window().sends
    assert not [row for row in found.report_json["percentiles"] if row["type"] == "TLS"]
    assert "2 s (warm-up) are excluded" in found.printed


def test_a_warm_up_longer_than_the_run_leaves_nothing_measured(runs: dict[str, Run]) -> None:
    found = runs["long warm-up"].ended_with(1)
    assert "nothing was measured" in found.verdict
    assert "warm-up of 60 s" in found.verdict


def test_each_stage_has_its_own_figures(runs: dict[str, Run]) -> None:
    found = runs["stages"].ended_with(0)
    first, second = found.report_json["stages"]
    assert (first["label"], second["label"]) == ("2s:2", "3s:6")
    rates = []
    for stage in (first, second):
        (row,) = [row for row in stage["rows"] if row["type"] == "ACK"]
        assert row["p50_ms"] >= 20
        rates.append(row["rate"])
    assert rates[1] > 1.5 * rates[0]


def test_a_window_that_is_crossed_is_named(runs: dict[str, Run]) -> None:
    found = runs["crossed"].ended_with(99)
    assert "in the 2 s from" in found.verdict
    (check,) = [check for check in found.report_json["thresholds"] if check["window_s"] == 2]
    assert check["value"] >= 20
    assert check["margin"] < -10
    assert not [
        c for c in found.report_json["thresholds"] if c["metric"] == "p50_ms" and c["type"] == "ACK"
    ]


def test_thresholds_that_hold_are_all_shown(runs: dict[str, Run]) -> None:
    found = runs["held"].ended_with(0)
    texts = {check["threshold"] for check in found.report_json["thresholds"]}
    assert {"ack p99.9 < 2000ms", "rate > 10/s", "tls p50 < 1000ms", "errors < 5%"} <= texts
    assert "errors < 1%" not in texts
    rate = next(c for c in found.report_json["thresholds"] if c["metric"] == "rate")
    assert rate["value"] > 10
    assert "ack p99.9 < 2000ms" in found.printed


def test_none_takes_all_limits_away(runs: dict[str, Run]) -> None:
    found = runs["none"].ended_with(0)
    assert found.report_json["thresholds"] == []
    assert "no limit was set" in found.verdict


def test_a_threshold_over_nothing_is_crossed(runs: dict[str, Run]) -> None:
    found = runs["nothing"].ended_with(99)
    assert "no data" in found.verdict


@pytest.mark.parametrize("name", ["abort", "abort, workers"])
def test_a_threshold_can_end_the_run(runs: dict[str, Run], name: str) -> None:
    found = runs[name]
    assert found.exit_code == (1 if name == "abort" else 99), str(found)
    assert found.facts["duration_s"] < 30
    assert "was crossed" in found.facts["aborted"]
    ledger = found.report_json["ledger"]
    assert ledger["sends"] == sum(ledger["outcomes"].values()) > 0


def test_the_ledger_tells_a_late_ack_from_none(runs: dict[str, Run]) -> None:
    found = runs["mixed"]
    ledger = found.report_json["ledger"]
    assert ledger["outcomes"]["late"] > 0
    assert sum(ledger["outcomes"].values()) == ledger["sends"] == found.count("ACK")
    late_and_none = ledger["outcomes"]["late"] + ledger["outcomes"]["timeout"]
    assert late_and_none == found.errors["ACK", "app.ack.timeout"]


def test_the_time_of_failures_is_kept_apart(runs: dict[str, Run]) -> None:
    found = runs["mixed"]
    failed = next(row for row in found.report_json["phases"] if row["type"] == "ACK.FAILED")
    assert failed["count"] == found.failures("ACK")
    assert failed["p50_ms"] >= 100  # they waited for their whole time


def test_reports_can_be_made_again_from_the_files(runs: dict[str, Run], tmp_path: Path) -> None:
    found = runs["workers"]
    again = found.report("--no-write")
    assert again.returncode == 0
    shown = [line for line in again.stdout.splitlines() if line.startswith("ACK ")]
    assert shown
    assert all(line in found.stdout for line in shown)
