"""Thresholds held against a series: each value against plain numbers, whole and in windows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from openclaw_locust.judging.checks import Check, Op, holds
from openclaw_locust.judging.evaluation import evaluate
from openclaw_locust.judging.live import LiveThresholds
from openclaw_locust.judging.reader import effective, parse_thresholds
from openclaw_locust.judging.thresholds import DEFAULTS, Threshold
from openclaw_locust.measure.recorder import Increments
from openclaw_locust.measure.series import Series, Window
from tests.report.series_sets import NAME, SECOND_NS, Script

Event = tuple[int, str, int | None]
"""A second, a row's name, and how many microseconds the ack took; None: it failed."""


def series_of(script: Script, until_s: int, interval_s: int = 1) -> Series:
    series = Series(interval_s)
    series.add(script.recorder.drain(until_s * SECOND_NS))
    return series


def held(
    script: Script, *texts: str, start_s: float = 0, end_s: float = 10, interval_s: int = 1
) -> list[Check]:
    series = series_of(script, int(end_s) + 1, interval_s)
    return evaluate(parse_thresholds(texts), series, start_s, end_s)


def value_of(script: Script, text: str, **part: float) -> float | None:
    (check,) = held(script, text, start_s=part.get("start_s", 0), end_s=part.get("end_s", 10))
    return check.value


def each_second(seconds: int, *milliseconds: float) -> Script:
    script = Script()
    for second in range(seconds):
        script.acked(*milliseconds, at_s=second)
    return script


# -- the whole run -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        ("p50", 1.226),
        ("p80", 1.8),
        ("p99.9", 1.999),
        ("mean", 1.225),
        ("min", 0.1),
        ("max", 1.999),
    ],
)
def test_a_latency_s_value_is_that_of_all_acks_in_milliseconds(
    statistic: str, value: float
) -> None:
    script = Script().acked(0.1).acked(1.8, 1.0, at_s=4).acked(1.999, 1.226, at_s=9)
    script.failed("ACK", "app.ack.timeout").took("ack.failed", 5000)
    assert value_of(script, f"ack {statistic} < 1s") == value


def test_a_check_tells_its_row_its_column_its_limit_and_its_threshold() -> None:
    (check,) = held(Script().acked(1), "ack p99.9 <= 1ms")
    assert check == Check(
        *("ACK", NAME, "p999_ms", 1.0, 1.0, "<="), threshold="ack p99.9 <= 1ms", at_s=None
    )
    assert check.passed


def test_each_row_is_held_by_itself() -> None:
    script = Script().acked(1, name="b").acked(2, 2, name="a")
    found = held(script, "ack max < 1s", "rate > 1/s")
    assert [(c.name, c.value) for c in found] == [("a", 2), ("b", 1), ("a", 0.2), ("b", 0.1)]


def test_a_rate_is_the_acks_of_each_second_of_the_measured_part() -> None:
    script = each_second(10, 1, 1).failed("ACK", "app.ack.timeout", 7)
    assert value_of(script, "rate > 1/s", start_s=5) == 2


def test_what_came_before_the_measured_part_is_in_no_value() -> None:
    script = Script().acked(900).failed("ACK", "app.ack.timeout", 3).acked(1, 2, at_s=5)
    found = held(script, "ack max < 1s", "errors < 1%", "ack max < 1s for 2s", start_s=5)
    assert [check.value for check in found] == [2, 0, 2]
    assert held(Script().acked(1), *map(str, DEFAULTS), start_s=5) == []


def test_errors_are_of_each_row_s_own_requests() -> None:
    script = Script().acked(1, 1, 1).failed("ACK", "app.ack.timeout").connected(2)
    script.failed("TLS", "tls.alert", 2, name="other")
    found = {check.row: check.value for check in held(script, "errors < 1%")}
    assert found == {
        f"ACK {NAME}": 0.25,
        f"TLS {NAME}": 0,
        "TLS other": 1,
        f"UPGRADE {NAME}": 0,
    }


def test_a_row_of_which_every_request_failed_has_no_latency_and_fails() -> None:
    script = Script().failed("ACK", "app.ack.timeout", 4, at_s=3)
    found = held(script, "ack p95 < 1s", "ack p95 < 1s for 2s", "errors < 1%", "rate > 1/s")
    assert [check.value for check in found] == [None, None, 1, 0]
    assert not any(check.passed for check in found)


@pytest.mark.parametrize("text", ["dns p95 < 1s", "ack[x] p95 < 1s", "tls errors < 1%"])
@pytest.mark.parametrize("window", ["", " for 2s"])
def test_what_was_asked_for_and_did_not_occur_has_no_value_and_fails(
    text: str, window: str
) -> None:
    (check,) = held(Script().acked(1), text + window)
    assert (check.type, check.value, check.passed) == (text[:3].upper(), None, False)


def test_a_default_over_nothing_is_not_checked_and_the_same_limit_that_was_given_fails() -> None:
    texts = ("tls p50 < 100ms", "tls p95 < 250ms", "tls p99 < 500ms")
    assert held(Script().acked(1), *texts) == []
    assert [check.value for check in held(Script().acked(1), texts[1])] == [None]


def test_a_measured_part_of_no_length_has_no_endless_rate() -> None:
    assert value_of(Script().acked(1, 1, at_s=5), "rate > 1/s", start_s=5, end_s=5) == 2


def test_a_rate_of_nothing_is_zero() -> None:
    assert value_of(Script(), "rate > 1/s") == 0


@pytest.mark.parametrize("kind", ["ws", "stray", "unsent"])
def test_failures_that_did_not_occur_are_no_row(kind: str) -> None:
    assert held(Script().acked(1), f"{kind} errors < 1%") == []


def test_lost_connections_are_a_share_of_all_opened_also_of_those_in_the_warm_up() -> None:
    script = Script().connected(50).connected(30, name="other").failed("WS", "ws.lost", 2, at_s=8)
    found = held(script, "ws errors < 1%", "ws errors < 1% for 2s", start_s=5)
    assert [(check.value, check.of) for check in found] == [(0.04, "connections")] * 2


def test_lost_connections_of_an_unknown_name_are_a_share_of_all_that_were_opened() -> None:
    script = Script().connected(50).connected(30, name="b").failed("WS", "ws.lost", 2, name="c")
    assert value_of(script, "ws errors < 1%") == 0.025


def test_lost_connections_without_an_opened_one_have_no_value_and_fail() -> None:
    (check,) = held(Script().failed("WS", "ws.lost"), "ws errors < 1%")
    assert (check.value, check.passed) == (None, False)


def test_stray_answers_are_a_share_of_the_acks() -> None:
    script = Script().acked(*[1] * 20).failed("STRAY", "app.ack.duplicate", 3)
    (check,) = held(script, "stray errors < 1%")
    assert (check.value, check.of) == (0.15, "acks")


def test_what_could_not_be_sent_is_a_share_of_what_was_planned() -> None:
    script = each_second(10, 1, 1, 1).failed("ACK", "app.ack.timeout", at_s=7)
    script.failed("UNSENT", "gen.no_room", 4, at_s=7)
    whole, window = held(script, "unsent errors < 1%", "unsent errors < 1% for 2s")
    assert (whole.value, whole.of) == (4 / 35, "planned")
    assert (window.value, window.at_s) == (4 / 11, 6)


@pytest.mark.parametrize("kind", ["handshake", "http"])
def test_connections_and_requests_are_held_as_ratings_are(kind: str) -> None:
    script = Script()
    for second in range(10):
        script.took(kind, 1, 3, at_s=second)
    script.failed(kind.upper(), "tls.eof", 5, at_s=9)
    texts = ("max < 3ms", "errors < 20%", "rate > 1/s", "errors < 70% for 2s")
    found = held(script, *(f"{kind} {text}" for text in texts))
    assert [check.value for check in found] == [3, 0.2, 2, 5 / 9]
    assert [check.passed for check in found] == [False, False, True, True]
    assert {check.type for check in found} == {kind.upper()}


def test_connections_that_no_user_had_room_for_are_a_share_of_those_planned() -> None:
    script = Script().unsettled(6).took("handshake", *[1] * 5).failed("HANDSHAKE", "tls.eof")
    (check,) = held(script.failed("UNSENT", "gen.unsent", 2), "unsent errors < 1%")
    assert (check.value, check.of) == (0.25, "planned")


@pytest.mark.parametrize("part", ["hello", "own", "rest"])
def test_a_part_of_a_handshake_has_a_row_for_full_and_one_for_resumed(part: str) -> None:
    script = Script().took(part, 4).took(part, 60, name=f"{NAME} (resumed)")
    found = held(script, f"{part} p95 < 50ms")
    assert [(check.type, check.name, check.passed) for check in found] == [
        (part.upper(), NAME, True),
        (part.upper(), f"{NAME} (resumed)", False),
    ]


def test_a_threshold_of_one_row_is_about_that_row_only() -> None:
    script = Script().acked(1, name="login").acked(9, name="other")
    found = held(script, "ack[login] max < 5ms", "ack[other] rate > 1/s", "ack[login] errors < 1%")
    assert [(c.name, c.value) for c in found] == [("login", 1), ("other", 0.1), ("login", 0)]


def test_errors_of_one_type_take_its_rows_out_of_the_errors_of_all() -> None:
    script = Script().acked(1).failed("ACK", "app.ack.timeout").connected(1)
    found = held(script, "errors < 1%", "ack errors < 60%")
    assert [(c.type, c.limit) for c in found] == [("TLS", 0.01), ("UPGRADE", 0.01), ("ACK", 0.6)]


def test_errors_of_one_row_leave_the_errors_of_all_as_they_are() -> None:
    found = held(Script().acked(1), "errors < 1%", f"ack[{NAME}] errors < 60%")
    assert [(c.type, c.limit) for c in found] == [("ACK", 0.01), ("ACK", 0.6)]


def test_a_refusal_is_an_error_and_no_fault() -> None:
    script = Script().acked(*[1.0] * 6).connected(8)
    script.failed("ACK", "app.ack.timeout").failed("ACK", "app.ack.negative", 3)
    script.failed("UPGRADE", "http.rate_limited", 2)
    shares = ("errors", "faults", "refusals")
    texts = [f"{metric} {share} <= 50%" for metric in ("ack", "upgrade") for share in shares]
    found = {check.threshold: check.value for check in held(script, *texts)}
    assert list(found.values()) == [0.4, 0.1, 0.3, 0.2, 0, 0.2]
    assert {check.metric for check in held(script, *texts)} == set(shares)


def test_faults_of_one_type_take_its_rows_out_of_the_errors_of_all_and_refusals_do_not() -> None:
    script = Script().acked(1.0).failed("ACK", "app.ack.negative").connected(1)
    found = held(script, "errors < 1%", "ack faults < 2%", "ack refusals < 60%")
    assert [(c.type, c.metric, c.value) for c in found] == [
        ("TLS", "errors", 0),
        ("UPGRADE", "errors", 0),
        ("ACK", "faults", 0),
        ("ACK", "refusals", 0.5),
    ]


def test_the_time_to_recover_is_a_latency_of_its_own() -> None:
    script = Script().acked(1.0).took("recover", 300.0, 700.0)
    assert value_of(script, "recover max < 1s") == 700


# -- sliding windows ---------------------------------------------------------------------------


def test_the_worst_window_is_told_with_its_begin_and_its_length() -> None:
    script = each_second(10, 1).acked(7, at_s=6)
    slow, few = held(script, "ack max < 5ms for 3s", "rate > 2/s for 3s")
    assert (slow.value, slow.at_s, slow.window_s) == (7, 4, 3)
    assert (few.value, few.at_s) == (1, 0)


@pytest.mark.parametrize("end_s", [10, 10.9])
def test_windows_lie_wholly_inside_the_measured_part(end_s: float) -> None:
    script = Script().acked(1, 1, at_s=10)
    for second in range(5, 10):
        script.acked(1, at_s=second)
    found = held(script, "rate >= 1/s for 3s", "rate <= 1/s for 3s", start_s=5, end_s=end_s)
    assert [check.value for check in found] == [1, 1]


def test_a_run_that_is_shorter_than_the_window_is_one_window_of_its_own_length() -> None:
    (check,) = held(Script().acked(1, 5), "ack max < 3ms for 60s", end_s=8.3)
    assert (check.value, check.at_s, check.window_s) == (5, 0, 9)
    (check,) = held(Script().acked(1, 5), "ack max < 3ms for 9s", end_s=9)
    assert (check.value, check.at_s, check.window_s) == (5, 0, 9)
    (check,) = held(each_second(6, 1), "rate > 1/s for 60s", start_s=2, end_s=6)
    assert (check.value, check.at_s) == (1, 2)


def test_windows_without_a_sample_are_passed_over_by_latencies_and_errors() -> None:
    script = Script().acked(3, at_s=7)
    slow, failed = held(script, "ack p95 > 2ms for 2s", "errors < 1% for 2s")
    assert (slow.value, slow.at_s) == (3, 6)
    assert (failed.value, failed.at_s) == (0, 6)


def test_a_window_without_an_ack_has_a_rate_of_zero() -> None:
    script = each_second(4, 1).acked(1, at_s=9)
    (check,) = held(script, "rate > 0/s for 3s")
    assert (check.value, check.at_s, check.passed) == (0, 4, False)


def test_without_a_sample_in_any_window_there_is_no_value_and_the_check_fails() -> None:
    (check,) = held(Script().acked(1, at_s=10), "ack p95 < 1s for 4s", end_s=10.5)
    assert (check.value, check.passed) == (None, False)


def test_windows_of_coarser_intervals_are_lengthened_to_whole_ones() -> None:
    series = series_of(each_second(40, 1, 1), 40, interval_s=4)
    (check,) = evaluate(parse_thresholds(["rate >= 2/s for 6s"]), series, 5, 40)
    assert (check.value, check.at_s) == (2, 8)


def test_the_rate_of_a_run_of_coarser_intervals_counts_from_the_first_measured_one() -> None:
    series = series_of(each_second(40, 1, 1), 40, interval_s=4)
    (check,) = evaluate(parse_thresholds(["rate >= 2/s"]), series, 5, 40)
    assert check.value == 2


events = st.lists(
    st.tuples(
        st.integers(0, 29), st.sampled_from("ab"), st.integers(0, 2047) | st.none()
    ),  # up to 2047 µs each microsecond is told apart, so that values are exact
    max_size=40,
)
kinds = st.tuples(
    st.sampled_from(["p50", "p95", "max", "min", "mean", "errors", "rate"]),
    st.sampled_from(["<", "<=", ">", ">="]),
    st.floats(0, 1),
)


def plain_value(statistic: str, took: Sequence[int | None], seconds: float) -> float | None:
    """Return a statistic of plain numbers."""
    answered = sorted(us for us in took if us is not None)
    if statistic == "rate":
        return len(answered) / seconds
    if statistic == "errors":
        return took.count(None) / len(took) if took else None
    if not answered:
        return None
    if statistic == "mean":
        return sum(answered) / len(answered) / 1000
    percent = {"p50": 50, "p95": 95, "max": 100, "min": 0}[statistic]
    return answered[max(1, math.ceil(percent * len(answered) / 100)) - 1] / 1000


def scripted(drawn: Sequence[Event]) -> Script:
    script = Script()
    for second, name, us in drawn:
        if us is None:
            script.failed("ACK", "app.ack.timeout", at_s=second, name=name)
        else:
            script.acked(us / 1000, at_s=second, name=name)
    return script


@settings(max_examples=300)
@given(events, kinds, st.integers(1, 9), st.integers(0, 7), st.integers(20, 33), st.data())
def test_the_worst_window_is_the_worst_of_all_windows_one_by_one(
    drawn: list[Event],
    kind: tuple[str, Op, float],
    window_s: int,
    start_s: int,
    end_s: int,
    data: st.DataObject,
) -> None:
    interval_s = data.draw(st.sampled_from([1, 2, 4]))
    drawn = [event for event in drawn if event[0] < end_s]
    statistic, op, limit = kind
    threshold = Threshold("ack", None, statistic, op, limit, window_s)
    series = series_of(scripted(drawn), 40, interval_s)
    found = evaluate([threshold], series, start_s, end_s)

    begin_s = next(s for s in range(start_s, 99) if s % interval_s == 0)
    length_s = next(s for s in range(window_s, 99) if s % interval_s == 0)
    names = sorted({name for second, name, _ in drawn if second >= begin_s})
    wanted = []
    for name in names or [""]:
        values = []
        for at_s in range(begin_s, end_s - length_s + 1, interval_s):
            took = [us for s, row, us in drawn if row == name and at_s <= s < at_s + length_s]
            value = plain_value(statistic, took, length_s)
            if value is not None:
                values.append((value, at_s))
        worst = max if op in ("<", "<=") else min
        wanted.append(worst(values, key=lambda each: each[0], default=(None, begin_s)))
    assert [check.name for check in found] == (names or [""])
    assert [(check.value, check.at_s) for check in found] == wanted


# -- while the run lasts -----------------------------------------------------------------------


def watched(
    script: Script, *texts: str, looks: Sequence[int], start_s: float = 0
) -> tuple[str, float | None, int] | None:
    """Return what ends a run, its value, and at which of the looks.

    The series holds the whole run from the begin; a look says up to where it is settled.
    """
    live = LiveThresholds(parse_thresholds(texts), start_s)
    series = Series()
    series.add(script.recorder.drain(0))
    for now_s in looks:
        series.add(Increments((), now_s))
        found = live.update(series)
        if found is not None:
            return found.threshold, found.value, now_s
    return None


def test_nothing_ends_a_run_before_the_grace_is_over() -> None:
    text = "ack max < 5ms abort after 7s"
    assert watched(each_second(20, 9), text, looks=range(20)) == (text, 9, 7)
    assert watched(each_second(20, 9), text, looks=range(20), start_s=4) == (text, 9, 11)


def test_nothing_ends_a_run_before_a_first_whole_window() -> None:
    text = "rate > 5/s for 8s abort after 2s"
    assert watched(each_second(20, 9), text, looks=range(20)) == (text, 1, 8)
    assert watched(each_second(20, 9), text, looks=range(20), start_s=4) == (text, 1, 12)


def test_what_came_before_the_measured_part_ends_no_run() -> None:
    script = Script().acked(9, at_s=3).acked(1, at_s=4)
    assert watched(script, "ack max < 5ms abort after 0s", looks=range(20), start_s=4) is None


def test_only_settled_seconds_count() -> None:
    text = "ack max < 5ms abort after 0s"
    script = Script().acked(1).acked(9, at_s=3)
    assert watched(script, text, looks=[1, 2, 3, 3, 3]) is None
    script = Script().acked(1).acked(9, at_s=3)
    assert watched(script, text, looks=[1, 2, 3, 3, 3, 4]) == (text, 9, 4)


def test_a_threshold_without_abort_ends_no_run() -> None:
    assert watched(each_second(20, 9), "ack max < 5ms", looks=range(20)) is None


def test_what_has_no_value_ends_no_run() -> None:
    texts = ("dns p95 < 1ms abort", "ack p95 < 1ms abort", "errors < 1% abort")
    assert watched(Script(), *texts, looks=range(30)) is None


def test_a_run_of_which_every_send_failed_is_ended_by_a_latency() -> None:
    def dead() -> Script:
        script = Script()
        for second in range(20):
            script.failed("ACK", "app.ack.timeout", at_s=second)
        return script

    assert watched(dead(), "ack p95 < 1s abort", looks=range(20)) == (
        "ack p95 < 1000ms abort",
        None,
        10,
    )
    assert watched(dead(), "ack p95 < 1s for 5s abort", looks=range(20)) is None


def test_a_run_without_an_ack_is_ended_by_a_rate() -> None:
    text = "rate > 5/s for 5s abort"
    assert watched(Script(), text, looks=range(30)) == (text, 0, 10)


def test_a_window_that_was_crossed_between_two_looks_ends_the_run() -> None:
    text = "ack max < 5ms for 2s abort after 0s"
    script = each_second(40, 1).acked(9, at_s=10)
    assert watched(script, text, looks=[5, 35]) == (text, 9, 35)


def test_errors_of_one_type_take_its_rows_out_of_the_errors_of_all_while_it_lasts_too() -> None:
    def script() -> Script:
        return Script().acked(1).failed("ACK", "app.ack.timeout")

    general = "errors < 1% abort"
    assert watched(script(), general, "ack errors < 60%", looks=[20]) is None
    assert watched(script(), general, looks=[20]) == (general, 0.5, 20)


def test_lost_connections_are_a_share_of_all_that_were_opened_until_then() -> None:
    script = Script().connected(97).connected(3, at_s=20).failed("WS", "ws.lost", 3, at_s=21)
    text = "ws errors < 3% for 2s abort"
    assert watched(script, text, looks=range(40), start_s=5) == (text, 0.03, 22)


def test_a_long_window_forgets_what_the_series_packed_meanwhile() -> None:
    live = LiveThresholds(parse_thresholds(["ack max < 5ms for 100s abort after 150s"]), 0)
    script, series = Script().acked(9), Series()
    for second in range(200):
        script.acked(1, at_s=second)
        series.add(script.recorder.drain((second + 1) * SECOND_NS))
        assert live.update(series) is None


def test_a_handshake_that_ends_when_its_second_was_looked_at_does_no_harm() -> None:
    live = LiveThresholds(parse_thresholds(["tls max < 5ms for 3s abort after 0s"]), 0)
    script, series = Script().took("tls", 1), Series()
    for second in range(1, 9):
        series.add(script.recorder.drain(second * SECOND_NS))
        assert live.update(series) is None
        script.took("tls", 9, at_s=0).took("tls", 1, at_s=second)


def test_a_run_of_more_than_an_hour_loses_no_second_when_its_intervals_are_doubled() -> None:
    live = LiveThresholds(parse_thresholds(["rate >= 1/s for 4s abort after 0s"]), 3580)
    script, series = each_second(3580, 1), Series()
    for second in range(3580, 3620):
        script.acked(1, at_s=second)
        series.add(script.recorder.drain(second * SECOND_NS + SECOND_NS // 2))
        assert live.update(series) is None
    assert series.interval_s == 2
    series.add(script.recorder.drain(3622 * SECOND_NS))
    found = live.update(series)
    assert found is not None
    assert (found.value, found.at_s) == (0.5, 3618)


def test_what_was_looked_at_is_not_judged_again_when_intervals_are_doubled() -> None:
    live = LiveThresholds(parse_thresholds(["tls max < 5ms for 3s abort after 0s"]), 0)
    script, series = Script().took("tls", 1), Series()
    series.add(script.recorder.drain(10 * SECOND_NS))
    assert live.update(series) is None
    script.took("tls", 9).took("tls", 1, at_s=3600)
    series.add(script.recorder.drain(3601 * SECOND_NS))
    assert series.interval_s == 2
    assert live.update(series) is None


class _Counting(Series):
    """A series that counts how many of its intervals were read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    def intervals(
        self, start_s: float = 0, end_s: float | None = None
    ) -> Iterator[tuple[int, Window]]:
        for each in super().intervals(start_s, end_s):
            self.read += 1
            yield each


def test_a_look_reads_no_more_intervals_late_in_a_run_than_early_in_it() -> None:
    texts = ["ack max < 5ms abort", "errors < 1% for 30s abort", "rate > 0/s abort"]
    live = LiveThresholds(parse_thresholds(texts), 5)
    script, series = Script(), _Counting()
    for second in range(300):
        script.acked(1, at_s=second)
        series.add(script.recorder.drain((second + 1) * SECOND_NS))
        assert live.update(series) is None
        assert series.read == second + 1


live_kinds = st.tuples(kinds, st.none() | st.integers(1, 9), st.integers(0, 12))


def first_crossed(
    thresholds: Sequence[Threshold], drawn: Sequence[Event], start_s: int, end_s: int
) -> tuple[str, str, float | None, int] | None:
    """Look at each second and each window by itself."""
    for now_s in range(start_s + 1, end_s + 1):
        known = [event for event in drawn if start_s <= event[0] < now_s]
        for threshold in thresholds:
            length_s = threshold.window_s or now_s - start_s
            assert threshold.abort_after_s is not None
            if now_s - start_s < max(length_s, threshold.abort_after_s):
                continue
            for name in sorted({name for _, name, _ in known}) or [""]:
                took = [us for s, row, us in known if row == name and s >= now_s - length_s]
                value = plain_value(threshold.statistic, took, length_s)
                if value is None:
                    is_crossed = threshold.window_s is None and bool(took)
                else:
                    is_crossed = not holds(value, threshold.op, threshold.limit)
                if is_crossed:
                    return str(threshold), name, value, now_s
    return None


@settings(max_examples=300)
@given(
    events,
    st.lists(live_kinds, min_size=1, max_size=3),
    st.integers(0, 7),
    st.sets(st.integers(1, 30)),
)
def test_many_looks_one_look_and_each_second_by_itself_say_the_same(
    drawn: list[Event],
    wanted: list[tuple[tuple[str, Op, float], int | None, int]],
    start_s: int,
    looks: set[int],
) -> None:
    thresholds = [
        Threshold("ack", None, statistic, op, limit, window_s, after_s)
        for (statistic, op, limit), window_s, after_s in wanted
    ]
    plain = first_crossed(thresholds, drawn, start_s, 30)
    for each in (looks | {30}, {30}, range(1, 31)):
        live, series, script = LiveThresholds(thresholds, start_s), Series(), scripted(drawn)
        series.add(script.recorder.drain(0))
        found = None
        for now_s in sorted(each):
            series.add(Increments((), now_s))
            if (found := live.update(series)) is not None:
                break
        if plain is None:
            assert found is None
            continue
        assert found is not None
        assert (found.threshold, found.name, found.value) == plain[:3]
        assert now_s == min(look for look in each if look >= plain[3])


@settings(max_examples=200)
@given(events, kinds, st.integers(1, 9), st.integers(0, 7))
def test_a_window_ends_a_run_just_when_the_whole_run_s_worst_window_is_crossed(
    drawn: list[Event], kind: tuple[str, Op, float], window_s: int, start_s: int
) -> None:
    assume(kind[0] != "rate")  # a row that is still to come has a rate of 0 afterwards only
    statistic, op, limit = kind
    threshold = Threshold("ack", None, statistic, op, limit, window_s, 0)
    series = series_of(scripted(drawn), 30)
    checks = evaluate([threshold], series, start_s, 30)
    is_crossed = any(check.value is not None and not check.passed for check in checks)
    assert (LiveThresholds([threshold], start_s).update(series) is not None) == is_crossed


def test_a_default_is_not_about_a_row_that_has_a_threshold_of_its_own() -> None:
    script = Script()
    interval = script.recorder.at(0)
    for name, milliseconds in (("login", 400), (NAME, 20)):
        interval.sends += 1
        interval.settled += 1
        interval.record(("ack", name), milliseconds * 1_000_000)
    given = effective(["ack[login] p95 < 1s"], {"ack"})
    checks = evaluate(given, series_of(script, 2), 0, 1)
    of_login = [check.threshold for check in checks if check.name == "login"]
    assert of_login == ["errors < 1%", "ack[login] p95 < 1000ms"]
    assert all(check.passed for check in checks)
