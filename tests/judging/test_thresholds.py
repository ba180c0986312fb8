"""The grammar of thresholds: what is read, what is refused, and what a run is judged by."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from openclaw_locust.judging.checks import Op
from openclaw_locust.judging.reader import effective, parse_threshold, parse_thresholds
from openclaw_locust.judging.thresholds import (
    COUNTED,
    DEFAULT_ERRORS,
    DEFAULTS,
    FAILING,
    GRACE_S,
    LATENCIES,
    Threshold,
    defaults_of,
)


def latency(
    statistic: str, limit: float, metric: str = "ack", name: str | None = None, op: Op = "<"
) -> Threshold:
    return Threshold(metric, name, statistic, op, limit)


def errors(limit: float, metric: str = "", op: Op = "<") -> Threshold:
    return Threshold(metric, None, "errors", op, limit)


def rate(limit: float, op: Op = ">") -> Threshold:
    return Threshold("ack", None, "rate", op, limit)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ack p95 < 250ms", latency("p95", 250)),
        ("  ACK  P95<250MS ", latency("p95", 250)),
        ("ack p(99.9) <= 1s", latency("p99.9", 1000, op="<=")),
        ("ack p100 < 1s", latency("p100", 1000)),
        ("ack p95 < 1.5s", latency("p95", 1500)),
        ("ack p95 < .5 s", latency("p95", 500)),
        ("tcp min > 250us", latency("min", 0.25, "tcp", op=">")),
        ("tcp min > 250µs", latency("min", 0.25, "tcp", op=">")),
        ("lag mean < 1ms", latency("mean", 1, "lag")),
        ("lag avg < 1ms", latency("mean", 1, "lag")),
        ("service med < 1ms", latency("p50", 1, "service")),
        ("service median < 1ms", latency("p50", 1, "service")),
        ("connect max >= 1ms", latency("max", 1, "connect", op=">=")),
        ("ack[login] p95 < 1ms", latency("p95", 1, name="login")),
        ("ack [the Login; 2] p95 < 1ms", latency("p95", 1, name="the Login; 2")),
        ("errors < 1%", errors(0.01)),
        ("errors < 0.01", errors(0.01)),
        ("Errors < 1 %", errors(0.01)),
        ("errors <= 0%", errors(0, op="<=")),
        ("errors < 100%", errors(1)),
        ("ws errors < 35%", errors(0.35, "ws")),
        ("faults < 1%", Threshold("", None, "faults", "<", 0.01)),
        ("upgrade refusals <= 5%", Threshold("upgrade", None, "refusals", "<=", 0.05)),
        ("recover p95 < 5s", latency("p95", 5000, "recover")),
        ("handshake p95 < 250ms", latency("p95", 250, "handshake")),
        ("http p99.9 < 1s", latency("p99.9", 1000, "http")),
        ("hello p95 < 50ms", latency("p95", 50, "hello")),
        ("own mean < 2ms", latency("mean", 2, "own")),
        ("rest max < 1s", latency("max", 1000, "rest")),
        ("handshake errors < 1%", errors(0.01, "handshake")),
        ("http errors < 1%", errors(0.01, "http")),
        ("handshake rate > 200/s", Threshold("handshake", None, "rate", ">", 200)),
        ("rate > 400/s", rate(400)),
        ("ack rate > 400 / s", rate(400)),
        ("rate >= 3/m", rate(0.05, ">=")),
        ("rate >= 3/min", rate(0.05, ">=")),
        ("rate > 36/h", rate(0.01)),
    ],
)
def test_a_text_is_read_as_the_threshold_that_it_says(text: str, wanted: Threshold) -> None:
    assert parse_threshold(text) == wanted


@pytest.mark.parametrize(
    ("end", "window_s", "abort_after_s"),
    [
        ("", None, None),
        (" for 60s", 60, None),
        (" for 1m30s", 90, None),
        (" FOR 5 ABORT", 5, GRACE_S),
        (" abort", None, GRACE_S),
        (" abort after 500ms", None, 0.5),
        (" abort after 0s", None, 0),
        (" for 5s abort after 30s", 5, 30),
    ],
)
def test_a_window_and_an_abort_stand_behind_the_limit(
    end: str, window_s: int | None, abort_after_s: float | None
) -> None:
    found = parse_threshold("errors < 5%" + end)
    assert found == Threshold("", None, "errors", "<", 0.05, window_s, abort_after_s)


def test_a_share_is_the_nearest_to_what_was_written_so_that_equal_is_equal() -> None:
    for percent in range(1, 101):
        assert parse_threshold(f"errors < {percent}%").limit == percent / 100


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("ack p(99.90) < 1s", "ack p99.9 < 1000ms"),
        ("ack rate > 400/s for 60s", "rate > 400/s for 1m"),
        ("tls rate > 4/s", "tls rate > 4/s"),
        ("rate > 5/min", "rate > 5/m"),
        ("rate > 6/min", "rate > 0.1/s"),
        ("rate > 7/h", "rate > 7/h"),
        ("ack[a] rate > 4/s", "ack[a] rate > 4/s"),
        ("errors < 0.07", "errors < 7%"),
        ("errors < 1% abort after 10s", "errors < 1% abort"),
        ("errors < 1% for 5s abort after 30s", "errors < 1% for 5s abort after 30s"),
        ("ack p95 < 1000000000ms", "ack p95 < 1000000000ms"),
        ("ack min > 0.0001us", "ack min > 0.0000001ms"),
    ],
)
def test_a_threshold_has_one_spelling(text: str, spelling: str) -> None:
    assert str(parse_threshold(text)) == spelling


names = st.none() | st.text(
    st.characters(codec="utf-8", exclude_characters="]"), min_size=1, max_size=20
)
percents = st.integers(1, 100_000).map(lambda thousandths: f"p{thousandths / 1000:.12g}")
latency_kinds = st.tuples(
    st.sampled_from(LATENCIES),
    names,
    percents | st.sampled_from(("mean", "min", "max")),
    st.floats(0, 1e12),
)
error_kinds = st.one_of(
    st.tuples(st.sampled_from(FAILING), names, st.just("errors"), st.floats(0, 1)),
    st.tuples(st.just(""), st.none(), st.just("errors"), st.floats(0, 1)),
)
rate_kinds = st.tuples(st.sampled_from(COUNTED), names, st.just("rate"), st.floats(0, 1e12))


@given(
    latency_kinds | error_kinds | rate_kinds,
    st.sampled_from(("<", "<=", ">", ">=")),
    st.none() | st.integers(1, 100_000),
    st.none() | st.integers(0, 100_000) | st.just(0.25),
)
def test_the_spelling_of_any_threshold_reads_back_as_itself(
    kind: tuple[str, str | None, str, float],
    op: Op,
    window_s: int | None,
    abort_after_s: float | None,
) -> None:
    metric, name, statistic, limit = kind
    assume(limit or op != "<")  # nothing is under 0
    threshold = Threshold(metric, name, statistic, op, limit, window_s, abort_after_s)
    assert parse_threshold(str(threshold)) == threshold


@given(st.integers(0, 10_000), st.sampled_from(("s", "m", "min", "h")))
def test_the_spelling_of_any_rate_reads_back_as_itself(count: int, per: str) -> None:
    found = parse_threshold(f"rate > {count}/{per}")
    assert parse_threshold(str(found)) == found


@given(st.text(st.sampled_from([*string.printable, "µ", "٣", "\u2003"]), max_size=30))
def test_any_other_text_is_refused_in_one_line(noise: str) -> None:
    for text in (noise, f"ack p95 < {noise}", f"ack[{noise}", f"errors < 1% {noise}"):
        try:
            parse_threshold(text)
        except ValueError as refusal:
            assert str(refusal).startswith("--threshold ")
            assert len(str(refusal).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "place", "what", "mend"),
    [
        ("", "at the end", "unknown metric", "ack p95 < 250ms"),
        ("foo p95 < 3ms", "'foo' (column 1)", "unknown metric", "ack p95 < 250ms"),
        ("foo[x] p95 < 3ms", "'foo[x]' (column 1)", "unknown metric", "one of ack, connect"),
        ("errors[x] < 1%", "'errors[x]' (column 1)", "unknown metric", "one of ack, connect"),
        ("ack[] p95 < 3ms", "'[]' (column 4)", "name stands in brackets", "ack[login]"),
        ("ack[login p95 < 3ms", "'[login' (column 4)", "name stands in brackets", "ack[login]"),
        ("ack", "at the end", "unknown statistic", "p95, mean"),
        ("ack average < 1s", "'average' (column 5)", "unknown statistic", "p95, mean"),
        ("p95 < 250ms", "'p95' (column 1)", "of which metric?", "ack p95"),
        ("ack p0 < 3ms", "'p0' (column 5)", "no such percentile", "p99.9"),
        ("ack p100.1 < 3ms", "'p100.1' (column 5)", "no such percentile", "p99.9"),
        ("ack p(95 < 3ms", "'p(95' (column 5)", "unknown statistic", "p95, mean"),
        ("ack p95) < 3ms", "')' (column 8)", "an operator", "<, <=, > or >="),
        ("ws p95 < 3ms", "'p95' (column 4)", "ws has no p95", "ack p95"),
        ("lag errors < 1%", "'errors' (column 5)", "lag has no errors", "ack errors"),
        ("ws rate > 3/s", "'rate' (column 4)", "ws has no rate", "ack rate"),
        ("ack p95", "at the end", "an operator", "<, <=, > or >="),
        ("ack p95 =< 3ms", "'=<' (column 9)", "an operator", "<, <=, > or >="),
        ("ack p95 <", "at the end", "the limit", "250ms"),
        ("errors < x", "'x' (column 10)", "the limit", "1%"),
        ("errors < -1%", "'-1%' (column 10)", "the limit", "1%"),
        ("rate > x", "'x' (column 8)", "the limit", "400/s"),
        ("ack p95 < 250", "'250' (column 11)", "the limit has no unit", "250ms"),
        ("ack p95 < 250 for 5s", "'250' (column 11)", "the limit has no unit", "250ms"),
        ("rate > 400", "'400' (column 8)", "the limit has no unit", "400/s"),
        ("ack p95 < 3%", "'3%' (column 11)", "'%' is no unit of a time", "3ms"),
        ("errors < 3ms", "'3ms' (column 10)", "'ms' is no unit of a share", "3%"),
        ("rate > 3s", "'3s' (column 8)", "'s' is no unit of a rate", "3/s"),
        ("errors < 200%", "'200%' (column 10)", "up to 100%", "5%"),
        ("errors < 5", "'5' (column 10)", "up to 100%", "5%"),
        (f"rate > {'9' * 400}/s", "(column 8)", "no value comes near", "400/s"),
        ("rate > 3/s for", "at the end", "a duration", "60s"),
        ("rate > 3/s for x", "'x' (column 16)", "no duration", "60s"),
        ("rate > 3/s for 1.5s", "'1.5s' (column 16)", "whole seconds", "for 60s"),
        ("rate > 3/s for 0s", "'0s' (column 16)", "whole seconds", "for 60s"),
        ("rate > 3/s abort after", "at the end", "a duration", "60s"),
        ("rate > 3/s abort for 5s", "'for' (column 18)", "something too much", "leave it out"),
        ("  rate > 3/s  now", "'now' (column 13)", "something too much", "leave it out"),
        ("errors < 1%%", "'%' (column 12)", "something too much", "leave it out"),
    ],
)
def test_a_wrong_text_is_refused_with_its_place_and_the_mend(
    text: str, place: str, what: str, mend: str
) -> None:
    with pytest.raises(ValueError, match=r"^--threshold ") as refused:
        parse_threshold(text)
    said, _, mended = str(refused.value).rpartition("; ")
    assert place in said
    assert what in said
    assert mend in mended


def test_the_same_threshold_twice_is_one() -> None:
    assert parse_thresholds(["ack p95 < 1s", "ack  p(95) < 1000ms"]) == (latency("p95", 1000),)


def test_without_a_threshold_a_run_is_judged_by_the_defaults_of_its_metrics() -> None:
    assert effective([], COUNTED) == DEFAULTS
    assert effective([], ["tls"]) == (DEFAULT_ERRORS, *defaults_of("tls"))


def test_the_defaults_are_the_article_s() -> None:
    assert [str(each) for each in effective([], ["ack"])] == [
        "errors < 1%",
        *("ack p50 < 100ms", "ack p95 < 250ms", "ack p99 < 500ms"),
    ]


def test_a_metric_without_successes_of_its_own_has_no_defaults() -> None:
    assert effective([], ["ws", "stray", "unsent"]) == (DEFAULT_ERRORS,)


def test_a_threshold_replaces_the_defaults_of_its_metric_and_of_no_other() -> None:
    found = effective(["ack max < 1s"], ["ack", "tls"])
    assert found == (DEFAULT_ERRORS, *defaults_of("tls"), latency("max", 1000))


@pytest.mark.parametrize("text", ["ack errors < 5%", "rate > 400/s", "service p95 < 1s"])
def test_errors_rates_and_other_metrics_replace_no_latencies(text: str) -> None:
    found = effective([text], ["ack"])
    assert found == (DEFAULT_ERRORS, *defaults_of("ack"), parse_threshold(text))


def test_the_errors_of_every_row_replace_the_default_for_errors() -> None:
    assert effective(["errors < 5%"], ["ack"]) == (*defaults_of("ack"), errors(0.05))


def test_faults_take_the_place_of_errors_and_refusals_do_not() -> None:
    assert effective(["faults < 5%"], []) == parse_thresholds(["faults < 5%"])
    assert effective(["refusals < 5%"], []) == (
        DEFAULT_ERRORS,
        *parse_thresholds(["refusals < 5%"]),
    )


def test_none_takes_the_defaults_away_and_leaves_what_was_given() -> None:
    assert effective(["none"], COUNTED) == ()
    assert effective(["tls p95 < 1s", " None "], COUNTED) == (latency("p95", 1000, "tls"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ack p95 < 250m", "'m' is no unit of a time"),
        ("errors < 1", "a bare 1 is all requests"),
        ("errors < 0%", "nothing is under 0, at '0%' (column 10); write <= 0%"),
    ],
)
def test_a_slip_of_the_hand_is_no_threshold(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_threshold(text)


def test_a_threshold_of_one_row_leaves_the_defaults_of_the_others() -> None:
    found = [str(each) for each in effective(["ack[login] p95 < 1s"], {"ack"})]
    assert "ack p95 < 250ms" in found
    assert "ack[login] p95 < 1000ms" in found
