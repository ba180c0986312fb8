"""From a window to rows of figures and to the ledger, with samples that are known beforehand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_locust.judging.figures import (
    Figures,
    Ledger,
    ledger,
    phase_rows,
    request_rows,
    row_names,
)
from openclaw_locust.measure.histogram import Histogram
from openclaw_locust.measure.series import Window
from tests.report.series_sets import Script


def rows_of(script: Script, seconds: float = 1) -> list[Figures]:
    return request_rows(script.series().window(), seconds)


def ledger_of(script: Script) -> Ledger:
    return ledger(script.series().window())


def test_rows_are_ordered_by_request_type_and_then_by_name() -> None:
    script = Script()
    for kind in ("UNSENT", "STRAY", "WS", "UPGRADE"):
        script.failed(kind, "x")
    script.took("tls", 1, name="b").took("tls", 1, name="a").acked(1)
    rows = [(row.type, row.name[:1]) for row in rows_of(script)]
    assert rows == [
        *(("ACK", "O"), ("TLS", "a"), ("TLS", "b"), ("UPGRADE", "O")),
        *(("WS", "O"), ("STRAY", "O"), ("UNSENT", "O")),
    ]


def test_a_row_s_names_are_those_that_succeeded_or_failed() -> None:
    script = Script().acked(1, name="b").failed("ACK", "app.ack.timeout", name="a")
    script.failed("ACK", "app.ack.timeout", name="b").failed("WS", "ws.lost", name="c")
    window = script.series().window()
    assert (row_names(window, "ACK"), row_names(window, "WS")) == (["a", "b"], ["c"])


def test_nothing_recorded_has_no_rows() -> None:
    assert request_rows(Window(), 1) == phase_rows(Window(), 1) == []


def test_failures_are_in_count_and_rate_and_in_no_latency() -> None:
    script = Script().acked(10, 20, 30).failed("ACK", "app.ack.timeout", 2)
    script.took("ack.failed", 5000, 5000)
    (row,) = rows_of(script, seconds=10)
    assert (row.count, row.failures, row.rate) == (5, 2, 0.5)
    assert row.p50_ms == pytest.approx(20, rel=1e-3)
    assert row.max_ms == 30


def test_a_row_of_which_every_request_failed_has_no_latency() -> None:
    (row,) = rows_of(Script().failed("TLS", "tls.alert", 3))
    assert (row.count, row.failures) == (3, 3)
    latencies = (row.mean_ms, row.p50_ms, row.p95_ms, row.p99_ms, row.p999_ms, row.max_ms)
    assert latencies == (None,) * 6


def test_each_percentile_is_the_nearest_rank_and_at_most_a_bucket_more() -> None:
    (row,) = rows_of(Script().acked(*range(1, 1001)))
    found = (row.p50_ms, row.p95_ms, row.p99_ms, row.p999_ms)
    for value, rank in zip(found, (500, 950, 990, 999), strict=True):
        assert value is not None
        assert rank <= value <= rank * 1.001
    assert row.max_ms == 1000
    assert row.mean_ms == pytest.approx(500.5, rel=1e-3)


@given(st.lists(st.integers(1, 5_000_000), min_size=1, max_size=200))
def test_percentiles_and_mean_are_those_of_the_plain_numbers(samples_us: list[int]) -> None:
    (row,) = rows_of(Script().acked(*(us / 1000 for us in samples_us)))
    ordered = sorted(samples_us)
    for value, percent in (
        *((row.p50_ms, 50), (row.p95_ms, 95)),
        *((row.p99_ms, 99), (row.p999_ms, 99.9)),
    ):
        exact_ms = ordered[math.ceil(round(percent * len(ordered) / 100, 6)) - 1] / 1000
        assert value is not None
        assert exact_ms <= value <= exact_ms * 1.001
    assert row.max_ms == ordered[-1] / 1000
    assert row.mean_ms == pytest.approx(sum(ordered) / len(ordered) / 1000, rel=1e-3)


def test_phases_are_in_the_order_of_a_connection_and_behind_them_parts_and_failed_times() -> None:
    wanted = ["dns", "tcp", "proxy", "tls", "upgrade", "connect", "service", "lag"]
    wanted += ["ack.failed", "tls.failed", "upgrade.failed"]
    script = Script()
    for metric in reversed(wanted):
        script.took(metric, 7)
    script.took("ack", 7).took("loop", 7).took("pace", 7)
    rows = phase_rows(script.series().window(), 2)
    assert [row.type for row in rows] == [metric.upper() for metric in wanted]
    assert {(row.count, row.failures, row.rate, row.max_ms) for row in rows} == {(1, 0, 0.5, 7)}


@pytest.mark.parametrize(
    ("class_name", "outcome"),
    [
        ("app.ack.negative", "negative"),
        ("app.ack.malformed", "malformed"),
        ("app.ack.mismatch", "mismatch"),
        ("app.ack.timeout", "timeout"),
        ("app.ack.unrecognised", "unrecognised"),
        ("app.ack.lost_on_close", "lost"),
        ("gen.stopped", "stopped"),
        ("ws.send.failed", "other"),
    ],
)
def test_each_failed_send_has_its_outcome_in_the_ledger(class_name: str, outcome: str) -> None:
    found = ledger_of(Script().acked(1, 1).failed("ACK", class_name, 3))
    assert {name: count for name, count in found.outcomes.items() if count} == {
        "ok": 2,
        outcome: 3,
    }
    assert (found.sends, found.balanced) == (5, True)


def test_the_ledger_names_all_outcomes_in_one_order_also_those_that_none_has() -> None:
    order = "ok late negative malformed mismatch timeout unrecognised lost stopped failed other"
    assert list(ledger_of(Script()).outcomes) == order.split()


def test_connections_and_requests_are_sends_of_the_ledger_as_ratings_are() -> None:
    window = Window(sends=5)
    for kind in ("handshake", "http"):
        window.histograms[kind, "x"] = histogram = Histogram()
        histogram.record_ns(1_000_000)
        window.failures[kind.upper(), "x", "tls.eof"] = 1
    window.failures["HANDSHAKE", "x", "gen.stopped"] = 1
    window.failures["TLS", "x", "tls.eof"] = 7  # of a connection that is no send
    found = ledger(window)
    assert {name: count for name, count in found.outcomes.items() if count} == {
        "ok": 2,
        "failed": 2,
        "stopped": 1,
    }
    assert found.balanced


def test_failures_of_other_types_are_no_outcome_of_a_send() -> None:
    script = Script().acked(1).failed("STRAY", "app.ack.duplicate").failed("WS", "ws.lost")
    found = ledger_of(script)
    assert (sum(found.outcomes.values()), found.balanced) == (1, True)


@pytest.mark.parametrize(("late", "left"), [(0, (4, 2)), (3, (1, 2)), (5, (0, 1)), (9, (0, 0))])
def test_late_ones_are_taken_out_of_the_timeouts_and_then_of_the_unrecognised(
    late: int, left: tuple[int, int]
) -> None:
    script = Script().failed("ACK", "app.ack.timeout", 4).failed("ACK", "app.ack.unrecognised", 2)
    found = ledger_of(script.failed("ACK", "app.ack.negative").late(late))
    assert (found.outcomes["timeout"], found.outcomes["unrecognised"]) == left
    assert found.late == 6 - sum(left)
    assert found.outcomes["negative"] == 1
    assert found.balanced


def test_a_send_without_an_outcome_unbalances_the_ledger() -> None:
    assert not ledger_of(Script().acked(1).unsettled(1)).balanced


def test_an_outcome_too_many_unbalances_the_ledger() -> None:
    assert not ledger_of(Script().acked(1).took("ack", 1)).balanced


def test_what_was_planned_is_known_in_the_open_model_only() -> None:
    assert ledger_of(Script().acked(1, 1)).planned is None
    assert ledger_of(Script().acked(1, 1).took("lag", 0, 0)).planned == 2


def test_what_could_not_be_sent_was_planned_and_is_no_send() -> None:
    found = ledger_of(Script().acked(1, 1).failed("UNSENT", "gen.no_room", 3))
    assert (found.planned, found.sends, found.unsent, found.balanced) == (5, 2, 3, True)
