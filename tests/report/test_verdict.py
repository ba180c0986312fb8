"""The limits held against rows, without files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from openclaw_locust.judging.checks import Check
from openclaw_locust.judging.reader import effective
from openclaw_locust.results import RunFacts
from openclaw_locust.verdict import EXIT_CODES, LIMITS, Row, Status, Verdict, judge
from tests.report.series_sets import Script

FACTS = RunFacts("wss://localhost/rating", goal=("ACK",))


def ack(count: int = 1000, failures: int = 0, **latencies: float | None) -> Row:
    figures = {"p50_ms": 20.0, "p95_ms": 40.0, "p99_ms": 60.0} | latencies
    return Row("ACK", "OpenClawRating", count, failures, **figures)


def upgrade(count: int = 50, failures: int = 0, name: str = "OpenClawRating") -> Row:
    return Row("UPGRADE", name, count, failures, 5.0, 6.0, 7.0)


def lost(count: int = 1, name: str = "OpenClawRating") -> Row:
    return Row("WS", name, count, count)


def crossings(verdict: Verdict) -> list[tuple[str, str, float | None]]:
    return [(check.type, check.metric, check.value) for check in verdict.crossed]


def test_the_limits_are_the_article_s() -> None:
    assert LIMITS == {"p50_ms": 100, "p95_ms": 250, "p99_ms": 500, "errors": 0.01}


def test_a_healthy_run_passes_with_a_margin_for_each_check() -> None:
    verdict = judge([ack(), upgrade()], FACTS)
    assert (verdict.status, verdict.exit_code, verdict.reason) == ("passed", 0, None)
    margins = {check.metric: check.margin for check in verdict.checks if check.type == "ACK"}
    assert margins == {"errors": 0.01, "p50_ms": 80, "p95_ms": 210, "p99_ms": 440}


@pytest.mark.parametrize(
    ("metric", "value", "passes"),
    [
        ("p50_ms", 99.9, True),
        ("p50_ms", 100.0, False),
        ("p95_ms", 249.9, True),
        ("p95_ms", 250.0, False),
        ("p99_ms", 499.9, True),
        ("p99_ms", 500.0, False),
    ],
)
def test_a_latency_must_be_under_its_limit_and_equal_is_crossed(
    metric: str, value: float, passes: bool
) -> None:
    verdict = judge([ack(**{metric: value})], FACTS)
    assert verdict.exit_code == (0 if passes else 99)
    assert crossings(verdict) == ([] if passes else [("ACK", metric, value)])


@pytest.mark.parametrize(("failures", "code"), [(0, 0), (9, 0), (10, 99), (50, 99), (999, 99)])
def test_one_percent_of_failed_requests_is_crossed(failures: int, code: int) -> None:
    assert judge([ack(1000, failures)], FACTS).exit_code == code


def test_many_good_requests_of_other_rows_do_not_hide_failing_acks() -> None:
    rows = [ack(100, 5), upgrade(1_000_000), Row("GET", "/health", 1_000_000, 0, 1, 1, 1)]
    assert crossings(judge(rows, FACTS)) == [("ACK", "errors", 0.05)]


def test_the_total_is_not_judged_because_it_is_no_row() -> None:
    assert {check.type for check in judge([ack(), upgrade()], FACTS).checks} == {"ACK", "UPGRADE"}


def test_no_latency_of_an_answered_row_is_crossed_and_has_no_margin() -> None:
    verdict = judge([ack(p99_ms=None)], FACTS)
    assert crossings(verdict) == [("ACK", "p99_ms", None)]
    assert verdict.crossed[0].margin is None


def test_times_of_failures_are_no_latency() -> None:
    row = Row("GET", "/refused", 100, 100, 2.0, 2.0, 2.0)
    verdict = judge([ack(), row], FACTS)
    assert verdict.status == "crossed"
    assert crossings(verdict)[0] == ("GET", "errors", 1.0)
    assert ("GET", "p50_ms", None) in crossings(verdict)


def test_lost_connections_are_compared_with_those_opened_and_not_with_the_acks() -> None:
    rows = [ack(1_000_000), upgrade(50), lost(1)]
    verdict = judge(rows, FACTS)
    assert crossings(verdict) == [("WS", "errors", 0.02)]
    assert verdict.crossed[0].of == "connections"
    assert judge([ack(), upgrade(101), lost(1)], FACTS).status == "passed"


def test_lost_connections_are_compared_with_those_of_the_same_name() -> None:
    rows = [ack(), upgrade(50), upgrade(5000, name="other"), lost(1)]
    assert crossings(judge(rows, FACTS)) == [("WS", "errors", 0.02)]
    rows = [ack(), upgrade(50), lost(1, name="renamed")]
    assert crossings(judge(rows, FACTS)) == [("WS", "errors", 0.02)]


def test_lost_connections_without_a_known_opened_one_are_crossed() -> None:
    assert crossings(judge([ack(), lost(1)], FACTS)) == [("WS", "errors", None)]


@pytest.mark.parametrize("kind", ["ACK", "HANDSHAKE", "HTTP"])
def test_what_could_not_be_sent_is_a_share_of_the_planned_without_a_series_too(kind: str) -> None:
    # the failed ones were sent as well; the phases of connections are no sends
    rows = [Row(kind, "x", 90, 10, 1.0, 1.0, 1.0), upgrade(1000), Row("UNSENT", "x", 10, 10)]
    found = [check for check in judge(rows).checks if check.type == "UNSENT"]
    assert [(check.value, check.of) for check in found] == [(0.1, "planned")]


def test_lost_connections_have_no_latency_limit() -> None:
    checks = judge([ack(), upgrade(), lost(1)], FACTS).checks
    assert [check.metric for check in checks if check.type == "WS"] == ["errors"]


def test_a_ws_row_of_somebody_else_s_messages_is_judged_like_any_other() -> None:
    row = Row("WS", "message", 1000, 5, 120.0, 130.0, 140.0)
    assert crossings(judge([row])) == [("WS", "p50_ms", 120.0)]


def test_a_row_without_requests_is_not_judged() -> None:
    assert judge([ack(), Row("TLS", "OpenClawRating", 0, 0)], FACTS).status == "passed"


@pytest.mark.parametrize(
    ("rows", "facts", "words"),
    [
        ([], None, "nothing was measured: no request"),
        ([], FACTS, "nothing was measured: no ACK request"),
        ([upgrade()], FACTS, "nothing was measured: no ACK request"),
        ([ack(7, 7), upgrade()], FACTS, "every ACK request failed (7 of 7)"),
        ([Row("GET", "/", 3, 3)], None, "every request failed (3 of 3)"),
        ([Row("GET", "/", 0, 0)], None, "no request was made"),
    ],
)
def test_without_a_successful_request_of_the_goal_nothing_was_measured(
    rows: list[Row], facts: RunFacts | None, words: str
) -> None:
    verdict = judge(rows, facts)
    assert (verdict.status, verdict.exit_code) == ("failed", 1)
    assert words in str(verdict.reason)


def test_without_facts_any_successful_request_is_a_measurement() -> None:
    assert judge([upgrade()]).status == "passed"


def test_a_run_that_failed_by_its_own_account_fails_whatever_its_figures() -> None:
    facts = RunFacts("x", failure="a worker was lost")
    verdict = judge([ack(p50_ms=900.0)], facts)
    assert (verdict.exit_code, verdict.reason) == (1, "a worker was lost")
    assert judge([ack()], RunFacts("x", failure="")).exit_code == 1


def test_one_error_of_the_locustfile_fails_a_run_that_would_pass() -> None:
    verdict = judge([ack()], FACTS, script_errors=1)
    assert (verdict.exit_code, verdict.reason) == (1, "the locustfile raised an error once")


def test_gaps_in_the_figures_fail_a_run_that_would_pass() -> None:
    verdict = judge([ack()], FACTS, damage=["run_stats.csv, line 3: cut"])
    assert verdict.exit_code == 1
    assert "line 3" in str(verdict.reason)


def test_a_crossed_limit_is_told_even_when_figures_have_gaps() -> None:
    assert judge([ack(p95_ms=300.0)], FACTS, script_errors=1, damage=["x"]).exit_code == 99


def test_the_goal_s_crossings_come_first_then_the_farthest_over_their_limit() -> None:
    rows = [
        Row("TLS", "x", 100, 0, 900.0, 900.0, 900.0),
        ack(p50_ms=110.0, p95_ms=500.0, p99_ms=600.0),
    ]
    order = [(check.type, check.metric) for check in judge(rows, FACTS).crossed]
    assert order == [
        *(("ACK", "p95_ms"), ("ACK", "p99_ms"), ("ACK", "p50_ms")),
        *(("TLS", "p50_ms"), ("TLS", "p95_ms"), ("TLS", "p99_ms")),
    ]


def test_more_failures_than_requests_are_a_share_of_one() -> None:
    assert crossings(judge([ack(), Row("X", "y", 0, 3)], FACTS))[0] == ("X", "errors", 1.0)


ALL_AT_ONCE: list[tuple[Status, dict[str, Any]]] = [
    ("failed", {"failure": "a worker was lost"}),
    ("incomplete", {"incomplete": ("worker 2 did not answer", "worker 3 did not answer")}),
    ("invalid", {"invalid": ("the event loop was late", "the CPU was full")}),
]


@pytest.mark.parametrize("place", range(len(ALL_AT_ONCE)))
def test_failed_comes_before_incomplete_before_invalid_before_crossed(place: int) -> None:
    facts = FACTS
    for _, said in ALL_AT_ONCE[place:]:
        facts = replace(facts, **said)
    verdict = judge([ack(p95_ms=900.0)], facts, script_errors=1, damage=["x"])
    status, said = ALL_AT_ONCE[place]
    reason = next(iter(said.values()))
    assert verdict.status == status
    assert verdict.reason == (reason if isinstance(reason, str) else reason[0])
    assert crossings(verdict) == [("ACK", "p95_ms", 900.0)]


def test_nothing_measured_comes_before_what_is_missing_or_was_too_busy() -> None:
    facts = replace(FACTS, incomplete=("x",), invalid=("y",))
    assert judge([], facts).status == "failed"


def test_each_status_has_its_exit_code() -> None:
    codes = {"passed": 0, "crossed": 99, "invalid": 98, "incomplete": 98, "failed": 1}
    assert codes == EXIT_CODES
    for status, code in EXIT_CODES.items():
        assert Verdict(status, None, ()).exit_code == code


def test_crossings_are_ordered_by_their_share_of_the_limit_and_without_a_value_last() -> None:
    near = Check("ACK", "x", "p95_ms", 110.0, 100.0)
    slow = Check("ACK", "x", "rate", 100.0, 400.0, ">")
    far = Check("ACK", "x", "errors", 0.05, 0.01)
    nothing = Check("ACK", "x", "p50_ms", None, 100.0)
    other = Check("TLS", "x", "p50_ms", 9000.0, 100.0)
    passed = Check("ACK", "x", "rate", 401.0, 400.0, ">")
    verdict = Verdict("crossed", None, (other, nothing, near, passed, slow, far), ("ACK",))
    assert verdict.crossed == (far, slow, near, nothing, other)


def test_a_limit_of_zero_can_be_crossed() -> None:
    checks = (Check("ACK", "x", "errors", 0.5, 0.0), Check("ACK", "x", "p50_ms", None, 0.0))
    assert Verdict("crossed", None, checks).crossed == checks


@pytest.mark.parametrize(
    ("op", "below", "equal", "above"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
    ],
)
def test_a_check_holds_by_its_operator_and_its_margin_is_positive_on_the_good_side(
    op: Any, below: bool, equal: bool, above: bool
) -> None:
    checks = [Check("ACK", "x", "rate", value, 10.0, op) for value in (9.0, 10.0, 12.0)]
    assert [check.passed for check in checks] == [below, equal, above]
    sign = 1 if below else -1
    assert [check.margin for check in checks] == [sign * 1, 0, sign * -2]


# -- runs with a series --------------------------------------------------------------------------


def measured(script: Script, *thresholds: str, **facts: Any) -> RunFacts:
    run = replace(FACTS, duration_s=10.0, series=script.series(), thresholds=thresholds)
    return replace(run, **facts)


def steady(*milliseconds: float) -> Script:
    script = Script()
    for second in range(10):
        script.acked(*milliseconds, at_s=second)
    return script


def test_a_run_with_a_series_is_judged_by_it_and_not_by_its_rows() -> None:
    facts = measured(steady(9), "ack p95 < 10ms")
    assert judge([ack(p95_ms=900.0)], facts).status == "passed"
    facts = measured(steady(1.5), "ack p95 < 1ms")
    assert crossings(judge([ack(p95_ms=0.5)], facts)) == [("ACK", "p95_ms", 1.5)]


def test_a_run_with_a_series_and_without_known_thresholds_is_judged_by_the_defaults() -> None:
    verdict = judge([ack()], measured(steady(300).connected(5), thresholds=None))
    assert [metric for _, metric, _ in crossings(verdict)] == ["p50_ms", "p95_ms"]
    assert {check.type for check in verdict.checks} == {"ACK", "TLS", "UPGRADE"}


def test_the_thresholds_of_the_run_hold_for_its_own_rows_and_the_defaults_for_foreign_ones() -> (
    None
):
    facts = measured(steady(300), *map(str, effective(["ack p95 < 1s"], ["ack"])))
    rows = [ack(), Row("GET", "/health", 100, 0, 1.0, 260.0, 300.0)]
    assert crossings(judge(rows, facts)) == [("GET", "p95_ms", 260.0)]


def test_a_foreign_row_with_the_name_of_an_own_type_is_judged_too() -> None:
    rows = [ack(), Row("WS", "message", 1000, 0, 120.0, 130.0, 140.0)]
    assert crossings(judge(rows, measured(steady(1), "errors < 1%"))) == [("WS", "p50_ms", 120.0)]


def test_the_errors_of_every_row_are_those_of_foreign_rows_too() -> None:
    rows = [ack(), Row("GET", "/health", 100, 4, 1.0, 1.0, 1.0)]
    assert judge(rows, measured(steady(1), "errors < 5%")).status == "passed"
    assert judge(rows, measured(steady(1), "errors < 3%")).status == "crossed"
    assert judge(rows, measured(steady(1), "ack errors < 9%")).status == "crossed"


def test_a_foreign_row_is_held_by_the_operator_that_was_given_and_names_the_threshold() -> None:
    rows = [ack(), Row("GET", "/health", 100, 0, 1.0, 1.0, 1.0)]
    verdict = judge(rows, measured(steady(1), "errors <= 0%"))
    assert verdict.status == "passed"
    (check,) = (each for each in verdict.checks if (each.type, each.metric) == ("GET", "errors"))
    assert (check.op, check.threshold) == ("<=", "errors <= 0%")
    rows[1] = Row("GET", "/health", 100, 1, 1.0, 1.0, 1.0)
    assert crossings(judge(rows, measured(steady(1), "errors <= 0%"))) == [("GET", "errors", 0.01)]


def test_a_run_without_thresholds_is_not_judged() -> None:
    rows = [ack(), Row("GET", "/health", 100, 50, 900.0, 900.0, 900.0)]
    script = steady(900).failed("ACK", "app.ack.timeout", 10)
    verdict = judge(rows, measured(script, *map(str, effective(["none"], ["ack"]))))
    assert (verdict.status, verdict.checks) == ("passed", ())


def test_a_worst_window_crosses_a_limit_that_the_whole_run_holds() -> None:
    script = steady(*[9] * 100).acked(*[90] * 5, at_s=6)
    verdict = judge([ack()], measured(script, "ack p99 < 50ms", "ack p99 < 50ms for 2s"))
    (check,) = verdict.crossed
    assert (check.window_s, check.at_s) == (2, 5)


def test_the_warm_up_is_not_judged() -> None:
    facts = measured(steady(1).acked(900, at_s=1), "ack max < 100ms", warm_up_s=2)
    assert judge([ack()], facts).status == "passed"
    assert judge([ack()], replace(facts, warm_up_s=1)).status == "crossed"


def test_a_rate_is_over_the_run_without_its_warm_up() -> None:
    verdict = judge([ack()], measured(steady(1, 1), "rate >= 2/s", warm_up_s=4))
    assert [(check.value, check.passed) for check in verdict.checks] == [(2, True)]


def test_a_warm_up_that_is_longer_than_the_run_is_named() -> None:
    facts = measured(steady(1), "ack p95 < 1s", warm_up_s=60)
    verdict = judge([], facts)
    assert verdict.status == "failed"
    assert verdict.reason == (
        "nothing was measured: no ACK request was made after the warm-up of 60 s"
    )
