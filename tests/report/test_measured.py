"""The figures of our own record: the window, the stages, and Locust's rows beside them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from openclaw_locust.measure.series import Series
from openclaw_locust.report.build import Report, load
from openclaw_locust.report.measured import Measured, measured
from openclaw_locust.report.own_rows import differences
from openclaw_locust.report.read_csv import read_stats
from openclaw_locust.results import RunFacts, Sample, Stage
from tests.report.report_sets import stats_csv, stats_row, write_set
from tests.report.series_sets import NAME, Script


def facts(script: Script | Series, **fields: object) -> RunFacts:
    series = script.series() if isinstance(script, Script) else script
    fields = {"duration_s": 10.0, "goal": ("ACK",), **fields}
    return RunFacts("wss://localhost/rating", series=series, **fields)  # type: ignore[arg-type]


def found(script: Script, **fields: object) -> Measured:
    own = measured(facts(script, **fields))
    assert own is not None
    return own


def ten_seconds() -> Script:
    script = Script().connected(4)
    for second in range(10):
        script.acked(10.0 + second, at_s=second)
    return script


def row(report: Report, kind: str, name: str = NAME) -> dict[str, object]:
    table = report.percentiles
    (only,) = table[(table["type"] == kind) & (table["name"] == name)].to_dict("records")
    return only


def test_a_run_without_a_series_has_no_figures_of_its_own() -> None:
    assert measured(None) is None
    assert measured(RunFacts("x")) is None


def test_the_warm_up_is_in_no_figure() -> None:
    script = ten_seconds().failed("ACK", "app.ack.timeout", at_s=1)
    script.failed("ACK", "app.ack.negative", at_s=5)
    own = found(script, warm_up_s=3)
    (acks,) = own.requests
    assert (acks.type, acks.count, acks.failures, acks.max_ms) == ("ACK", 8, 1, 19.0)
    assert own.seconds == 7.0
    assert acks.rate == pytest.approx(8 / 7)
    assert own.ledger.sends == 8
    assert own.excluded_sends == 4
    assert {class_name for _, _, class_name in own.failures} == {"app.ack.negative"}
    assert {figures.type for figures in own.whole} == {"TLS", "UPGRADE", "ACK"}


def test_a_run_that_ended_in_its_warm_up_has_no_rows() -> None:
    own = found(ten_seconds(), warm_up_s=60)
    assert own.requests == ()
    assert own.excluded_sends == 10
    assert own.seconds > 0


def test_the_rate_is_over_the_time_in_which_was_sent() -> None:
    """Not over the drain, in which the last acks are waited for and nothing is sent."""
    (acks,) = found(Script().acked(*[1.0] * 40, at_s=9), duration_s=15.0).requests
    assert acks.rate == pytest.approx(4.0)


def test_each_stage_has_figures_of_its_own_and_the_warm_up_is_cut_away_from_them() -> None:
    stages = (Stage("4s:1", 0, 4), Stage("4s:2", 4, 8), Stage("4s:3", 8, 12), Stage("1m:0", 12, 72))
    own = found(ten_seconds(), warm_up_s=2, stages=stages)
    shown = [(each.start_s, each.end_s, [r.count for r in each.rows]) for each in own.stages]
    assert shown == [(2, 4, [2]), (4, 8, [4]), (8, 10, [2]), (12, 12, [])]
    assert own.stages[1].rows[0].rate == pytest.approx(1.0)
    assert [each.rows[0].max_ms for each in own.stages[:3]] == [13.0, 17.0, 19.0]


def test_a_stage_that_is_wholly_in_the_warm_up_has_no_rows() -> None:
    (stage,) = found(ten_seconds(), warm_up_s=5, stages=(Stage("4s:1", 0, 4),)).stages
    assert stage.rows == ()
    assert stage.end_s == stage.start_s


# -- beside Locust's rows ----------------------------------------------------------------------


def test_our_own_record_takes_the_place_of_locust_s_rows(tmp_path: Path) -> None:
    prefix = write_set(tmp_path, stats_row("ACK", count=10, p50=999), stats_row("GET", "/", 7))
    facts(Script().acked(0.35, 2.51, 20.4)).write(prefix)
    report = load(prefix)
    assert report.percentiles["type"].tolist() == ["ACK", "GET", ""]
    acks = row(report, "ACK")
    assert (acks["count"], acks["max_ms"]) == (3, 20.4)
    assert acks["p50_ms"] == pytest.approx(2.51, rel=0.001)
    assert acks["mean_ms"] == pytest.approx(7.75, abs=0.01)
    assert row(report, "GET", "/")["p50_ms"] == 20
    total = report.percentiles.iloc[-1]
    assert (total["count"], total["max_ms"]) == (10, 80.0)
    assert pd.isna(total["p50_ms"]), "percentiles of two sources cannot be merged"


def test_the_total_of_our_own_rows_is_the_percentile_of_all_of_them(tmp_path: Path) -> None:
    prefix = write_set(tmp_path, stats_row())
    facts(Script().acked(*[20.0] * 98).took("tls", 1.0, 1.0)).write(prefix)
    total = load(prefix).percentiles.iloc[-1]
    assert (total["count"], total["p50_ms"]) == (100, pytest.approx(20.0, rel=0.001))
    assert total["p999_ms"] == total["max_ms"] == 20.0


def test_a_run_whose_csv_set_is_lost_is_reported_from_its_results_alone(tmp_path: Path) -> None:
    prefix = str(tmp_path / "run")
    facts(ten_seconds()).write(prefix)
    report = load(prefix)
    assert row(report, "ACK")["count"] == 10
    assert report.verdict.status == "passed"
    assert [problem.rpartition(" ")[2] for problem in report.problems] == ["missing"] * 3


def test_a_cut_csv_is_named_and_loses_nothing_that_our_own_record_has(tmp_path: Path) -> None:
    prefix = write_set(tmp_path, stats_row(), stats_row("TLS"))
    path = Path(f"{prefix}_stats.csv")
    path.write_bytes(path.read_bytes()[:-90])
    facts(ten_seconds()).write(prefix)
    report = load(prefix)
    assert report.verdict.status == "passed"
    assert any("run_stats.csv" in problem for problem in report.problems)


def test_a_cut_csv_with_rows_of_other_user_classes_fails_the_run(tmp_path: Path) -> None:
    prefix = write_set(tmp_path, stats_row("GET", "/"), stats_row("GET", "/x"))
    path = Path(f"{prefix}_stats.csv")
    path.write_bytes(path.read_bytes()[:-90])
    facts(ten_seconds()).write(prefix)
    assert "gaps" in str(load(prefix).verdict.reason)


def test_the_error_table_has_no_failure_of_the_warm_up(tmp_path: Path) -> None:
    prefix = write_set(
        tmp_path,
        stats_row("ACK", count=12, failures=2),
        stats_row("GET", "/", 5, 1),
        failures=(
            ("ACK", NAME, "app.ack.timeout", 1),
            ("ACK", NAME, "app.ack.negative", 1),
            ("GET", "/", "boom", 1),
        ),
    )
    script = ten_seconds().failed("ACK", "app.ack.timeout", at_s=1)
    script.failed("ACK", "app.ack.negative", at_s=5)
    samples = (Sample("app.ack.timeout", 1, "5 s"), Sample("app.ack.negative", 1, "no"))
    facts(script, warm_up_s=3, samples=samples).write(prefix)
    errors = load(prefix).errors
    assert errors[["class", "count"]].values.tolist() == [["app.ack.negative", 1], ["boom", 1]]
    assert errors["where"].tolist() == [(f"ACK {NAME}",), ("GET /",)]
    assert errors["sample"][0] == "no"


# -- Locust's count against ours ---------------------------------------------------------------


def compared(script: Script, *rows: list[object]) -> list[str]:
    return differences(read_stats(stats_csv(*rows), "s").frame, found(script, warm_up_s=3))


def test_equal_counts_over_the_whole_run_are_no_difference() -> None:
    script = ten_seconds().failed("WS", "ws.abnormal.rst").failed("UNSENT", "gen.unsent", 2)
    rows = [stats_row(kind, count=4) for kind in ("TLS", "UPGRADE")]
    rows += [stats_row("WS", count=1, failures=1), stats_row("UNSENT", count=2, failures=2)]
    assert compared(script, *rows, stats_row(count=10), stats_row("GET", "/", 99)) == []


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([stats_row(count=11)], "Locust counted 11 ACK requests, our own record has 10"),
        ([stats_row(count=10, failures=1)], "Locust counted 1 ACK failures, our own record has 0"),
        ([], "Locust counted 0 ACK requests, our own record has 10"),
        (
            [stats_row(count=10), stats_row("STRAY", count=1, failures=1)],
            "Locust counted 1 STRAY requests, our own record has 0",
        ),
    ],
)
def test_a_difference_is_one_line_for_each_type(rows: list[list[object]], line: str) -> None:
    handshakes = [stats_row(kind, count=4) for kind in ("TLS", "UPGRADE")]
    assert compared(ten_seconds(), *handshakes, *rows) == [line]


def test_rows_of_other_user_classes_with_our_types_are_not_compared() -> None:
    handshakes = [stats_row(kind, count=4) for kind in ("TLS", "UPGRADE")]
    other = stats_row("WS", "somebody else's", 50)
    assert compared(ten_seconds(), *handshakes, stats_row(count=10), other) == []
