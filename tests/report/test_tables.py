"""The two tables, from frames."""

from __future__ import annotations

import pandas as pd
import pytest

from openclaw_locust.failures import CLASSES
from openclaw_locust.report.read_csv import read_exceptions, read_failures, read_stats
from openclaw_locust.report.tables import (
    FOREIGN_LENGTH,
    error_class,
    error_table,
    percentile_table,
    script_errors,
    verdict_rows,
)
from openclaw_locust.results import Sample
from tests.report.report_sets import (
    STATS_HEADER,
    as_csv,
    exceptions_csv,
    failures_csv,
    stats_csv,
    stats_row,
)


def percentiles(*rows: list[object]) -> pd.DataFrame:
    return percentile_table(read_stats(stats_csv(*rows), "s").frame)


def errors(
    *failures: tuple[str, str, str, int],
    exceptions: tuple[tuple[int, str], ...] = (),
    samples: tuple[Sample, ...] = (),
    requests: int = 1000,
) -> pd.DataFrame:
    return error_table(
        read_failures(failures_csv(*failures), "f").frame,
        read_exceptions(exceptions_csv(*exceptions), "e").frame,
        samples,
        requests,
    )


def test_the_percentile_table_has_its_columns_and_the_total_last() -> None:
    table = percentiles(stats_row("TLS", "x", 50), stats_row())
    assert list(table.columns) == [
        *("name", "type", "count", "failures", "rate", "mean_ms"),
        *("p50_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms"),
    ]
    figures = [105.0, 20.0, 20.0, 40.0, 60.0, 80.0, 80.0]
    assert table.iloc[-1].tolist() == ["Aggregated", "", 1050, 0, *figures]
    assert [row.type for row in verdict_rows(table)] == ["TLS", "ACK"]


def test_a_row_of_which_every_request_failed_has_no_latency() -> None:
    table = percentiles(stats_row(count=10, failures=10))
    assert table.iloc[0, -6:].isna().all()
    assert table["rate"].tolist() == [1.0, 1.0]


def test_times_that_failures_carry_are_no_latency() -> None:
    row = stats_row("GET", "/", 10, 9)
    row[3] = 10
    assert percentiles(row).iloc[0, -6:].isna().all()


def test_successes_without_any_time_are_no_latency() -> None:
    assert percentiles(stats_row(p50=0, p95=0, p99=0, maximum=0.0)).iloc[0, -6:].isna().all()


def test_times_below_a_millisecond_are_data_though_locust_writes_0() -> None:
    row = percentiles(stats_row(p50=0, p95=0, p99=0, maximum=0.4)).iloc[0]
    assert row["p50_ms"] == 0
    assert row["max_ms"] == 0.4


def test_a_percentile_is_never_above_the_maximum_or_under_the_minimum() -> None:
    row = stats_row(p50=250, p95=250, p99=260, maximum=255.6)
    row[6] = 254.9
    shown = percentiles(row).iloc[0]
    assert shown[["p50_ms", "p95_ms", "p99_ms", "max_ms"]].tolist() == [254.9, 254.9, 255.6, 255.6]


def test_a_percentile_of_0_under_a_minimum_of_milliseconds_is_no_data() -> None:
    row = stats_row(p50=0, p95=40, p99=60)
    row[6] = 12.0
    shown = percentiles(row).iloc[0]
    assert pd.isna(shown["p50_ms"])
    assert shown["p95_ms"] == 40


def test_a_lost_total_is_summed_up_without_percentiles() -> None:
    data = as_csv(STATS_HEADER, [stats_row(count=10, failures=1), stats_row("TLS", "x", 5)])
    table = percentile_table(read_stats(data, "s").frame)
    total = table.iloc[-1]
    assert (total["type"], total["count"], total["failures"], total["max_ms"]) == ("", 15, 1, 80.0)
    assert total[["p50_ms", "p95_ms", "p99_ms"]].isna().all()
    assert [row.count for row in verdict_rows(table)] == [10, 5]


def test_a_run_without_rows_has_an_empty_table() -> None:
    table = percentile_table(read_stats(as_csv(STATS_HEADER, []), "s").frame)
    assert len(table) == 0
    assert verdict_rows(table) == []


@pytest.mark.parametrize(
    ("text", "class_name"),
    [
        ("tls.cert.untrusted", "tls.cert.untrusted"),
        ("Failure('tls.cert.untrusted')", "tls.cert.untrusted"),
        ("Failure('tls.cert.untrusted',)", "tls.cert.untrusted"),
        ('openclaw_locust.failures.Failure("ws.tls")', "ws.tls"),
        ("CatchResponseError('app.ack.timeout')", "app.ack.timeout"),
        ("tls.cert.unheard_of", "tls.cert.unheard_of"),
        ("Failure('tls.cert.untrusted') and more", "Failure('tls.cert.untrusted') and more"),
        ("CatchResponseError('Got wrong answer')", "Got wrong answer"),
        ("ConnectionRefusedError(111, 'x')", "ConnectionRefusedError(111, 'x')"),
        ("two\nlines\x1b[31m", "two·lines·[31m"),
        ("", "(no text)"),
    ],
)
def test_an_error_is_known_by_its_class_or_by_its_own_harmless_text(
    text: str, class_name: str
) -> None:
    assert error_class(text) == class_name


@pytest.mark.parametrize("class_name", CLASSES)
def test_every_class_is_recognised_as_locust_writes_it(class_name: str) -> None:
    assert error_class(f"Failure({class_name!r})") == class_name


def test_the_errors_of_one_class_are_one_row_with_share_meaning_and_remedy() -> None:
    table = errors(
        ("TLS", "a", "Failure('tls.eof')", 3),
        ("TLS", "b", "tls.eof", 2),
        ("ACK", "a", "Failure('app.ack.timeout')", 20),
        requests=100,
    )
    assert table["class"].tolist() == ["app.ack.timeout", "tls.eof"]
    assert table["count"].tolist() == [20, 5]
    assert table["share"].tolist() == [0.2, 0.05]
    assert table["where"].tolist() == [("ACK a",), ("TLS a", "TLS b")]
    assert table["meaning"][1] == CLASSES["tls.eof"].meaning
    assert table["remedy"][1] == CLASSES["tls.eof"].remedy
    assert {str(dtype) for dtype in table.dtypes} == {"string", "int64", "Float64", "object"}


def test_endless_texts_of_others_are_cut_and_so_become_one_row() -> None:
    table = errors(*(("GET", "/", "x" * 500 + str(number), 1) for number in range(50)))
    assert len(table) == 1
    assert table["count"][0] == 50
    assert len(table["class"][0]) == FOREIGN_LENGTH
    assert "Not one of this tool's classes" in table["meaning"][0]


def test_samples_stand_beside_their_class() -> None:
    table = errors(
        ("ACK", "a", "app.ack.negative", 3),
        ("ACK", "a", "app.ack.timeout", 2),
        samples=(
            Sample("app.ack.negative", 3, "code 7", "code 9"),
            Sample("app.ack.timeout", 2, "5 s", "5 s"),
        ),
    )
    assert table["sample"].tolist() == ["code 7 (later: code 9)", "5 s"]


def test_a_class_that_only_the_run_knows_gets_a_row_without_a_share() -> None:
    table = errors(samples=(Sample("app.ack.late", 4, "20 ms"), Sample("tls.eof", 0)))
    assert table[["class", "count", "sample"]].values.tolist() == [["app.ack.late", 4, "20 ms"]]
    assert pd.isna(table["share"][0])


def test_errors_of_the_locustfile_are_shown_with_their_text() -> None:
    table = errors(exceptions=((2, "division by zero"), (1, "NA")))
    assert table[["class", "count", "where", "sample"]].values.tolist() == [
        ["app.script", 3, ("locustfile",), "division by zero"]
    ]
    assert pd.isna(table["share"][0])


def test_a_failure_of_ours_that_went_through_the_locustfile_is_counted_once() -> None:
    table = errors(("TLS", "a", "Failure('tls.eof')", 3), exceptions=((3, "tls.eof"),))
    assert table[["class", "count"]].values.tolist() == [["tls.eof", 3]]
    exceptions = read_exceptions(exceptions_csv((3, "tls.eof"), (2, "oops")), "e").frame
    assert script_errors(exceptions) == 2


def test_no_errors_are_an_empty_table_of_the_same_columns() -> None:
    assert list(errors().columns) == list(errors(("A", "b", "c", 1)).columns)
    assert len(errors()) == 0
