"""The limits as data, and the verdict of a run against them. No I/O and no pandas.

How a run is judged:

* Each row with at least one request is judged by itself, by the run's thresholds; without any, by
  the article's limits on three percentiles and the share of failed requests. Because no row may
  pass 1 %, neither can the whole, and many good handshakes never hide failing acks.
* Three types hold failures only, and so have no latency limit. ``WS`` counts connections that were
  lost; they are compared with the connections that were opened (the successful ``UPGRADE``
  requests of the same name, else of any), not with the requests: one connection lost of fifty is
  2 %, however many acks came before. ``STRAY`` counts answers that belong to no rating that waits,
  such as a second ack; they are compared with the acks. ``UNSENT`` counts what a schedule planned
  and nobody had room for; it is compared with all that was planned.
* The total mixes handshakes with acks. It is shown, and never judged.
* No data is a state of its own, and a limit over nothing is crossed. A row of which every request
  failed has no latency, whatever times its failures carry.
* A row without requests is not judged: Locust keeps such rows after ``--reset-stats``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from openclaw_locust.judging.checks import RELATIONS, Check, Of, Relation
from openclaw_locust.judging.evaluation import evaluate
from openclaw_locust.judging.figures import METRIC_OF, SENDS, row_names
from openclaw_locust.judging.reader import parse_thresholds
from openclaw_locust.judging.thresholds import DEFAULT_ERRORS, DEFAULTS, Threshold

if TYPE_CHECKING:
    from openclaw_locust.results import RunFacts

Metric = Literal["p50_ms", "p95_ms", "p99_ms", "errors"]
Status = Literal["passed", "crossed", "invalid", "incomplete", "failed"]

LIMITS: dict[Metric, float] = {"p50_ms": 100.0, "p95_ms": 250.0, "p99_ms": 500.0, "errors": 0.01}
"""What a row must stay under when nothing else is said: milliseconds, and failed per request."""

OWN_TYPES = (*METRIC_OF, *RELATIONS)
"""The request types of this tool's user classes."""

LATENCY_METRICS: tuple[Metric, ...] = ("p50_ms", "p95_ms", "p99_ms")

EXIT_CODES: dict[Status, int] = {
    "passed": 0,
    "crossed": 99,
    "invalid": 98,
    "incomplete": 98,
    "failed": 1,
}
"""99 is k6's exit code for a crossed threshold."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the percentile table, the total excepted.

    Attributes:
        type: Locust's request type, e.g. ``ACK``.
        name: Locust's request name.
        count: all requests, the failed ones among them.
        failures: the failed ones.
        p50_ms: milliseconds under which half of the answered requests stayed; None is no data.
        p95_ms: the same for 95 %.
        p99_ms: the same for 99 %.
    """

    type: str
    name: str
    count: int
    failures: int
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None

    @property
    def successes(self) -> int:
        """Requests that did not fail; never negative, as Locust can count a failure alone."""
        return max(self.count - self.failures, 0)

    @property
    def relation(self) -> Relation | None:
        """What the failures of a row that has nothing else are a share of; None for all others."""
        only_failures = self.failures > 0 and self.successes == 0
        return RELATIONS.get(self.type) if only_failures else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the run's figures say.

    Attributes:
        status: ``passed``, ``crossed`` (a limit), ``invalid`` (the load generator was the
            bottleneck), ``incomplete`` (a part of the run is missing) or ``failed`` (the run
            itself).
        reason: why the run failed, what is missing or what was too busy, in one line; None
            otherwise.
        checks: every limit that was held against a row, in the order of the table.
    """

    status: Status
    reason: str | None
    checks: tuple[Check, ...]
    goal: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """The exit code of the process: 0, 99, 98 or 1."""
        return EXIT_CODES[self.status]

    @property
    def crossed(self) -> tuple[Check, ...]:
        """The checks that did not pass: the run's goal first, then the farthest over its limit."""

        def weight(check: Check) -> tuple[bool, float]:
            if check.margin is None:
                return check.type not in self.goal, 0.0
            return check.type not in self.goal, check.margin / (check.limit or 1.0)

        return tuple(sorted((check for check in self.checks if not check.passed), key=weight))


def judge(
    rows: Sequence[Row],
    facts: RunFacts | None = None,
    *,
    script_errors: int = 0,
    damage: Sequence[str] = (),
) -> Verdict:
    """Return the verdict over a run.

    In this order: a run that failed by its own account, and one without a successful request of
    its goal, has ``failed``; one of which a part is missing is ``incomplete``, and one whose
    generator was the bottleneck ``invalid``, whatever the rest of it says; a limit that is crossed
    is ``crossed``; errors of the locustfile and figures with gaps are ``failed``, since then nobody
    can say that the limits hold.

    Args:
        rows: the rows of the run without the total.
        facts: what the run says about itself; its goal decides what "nothing was measured" means.
        script_errors: how often the locustfile raised an error. One is enough: a user that died
            of it leaves the load below what was asked for.
        damage: one line for each gap in the figures (a row that could not be read).
    """
    checks = tuple(_checks(rows, facts))
    goal = facts.goal if facts else ()
    status, reason = _decide(rows, facts, checks, script_errors, damage)
    return Verdict(status, reason, checks, goal)


def _decide(
    rows: Sequence[Row],
    facts: RunFacts | None,
    checks: Sequence[Check],
    script_errors: int,
    damage: Sequence[str],
) -> tuple[Status, str | None]:
    if facts and facts.failure is not None:
        return "failed", facts.failure or "the run itself failed"
    nothing = _nothing_measured(rows, facts.goal if facts else ())
    if nothing:
        after = f" after the warm-up of {facts.warm_up_s} s" if facts and facts.warm_up_s else ""
        return "failed", nothing + after
    if facts and facts.incomplete:
        return "incomplete", facts.incomplete[0]
    if facts and facts.invalid:
        return "invalid", facts.invalid[0]
    if not all(check.passed for check in checks):
        return "crossed", None
    if script_errors:
        return "failed", f"the locustfile raised an error {_times(script_errors)}"
    if damage:
        return "failed", f"the figures have gaps: {damage[0]}"
    return "passed", None


def _checks(rows: Sequence[Row], facts: RunFacts | None) -> Iterator[Check]:
    """Yield the checks of each row: by the run's thresholds; a foreign one's by the defaults."""
    if facts is None or facts.series is None:
        for row in rows:
            yield from _check_row(row, rows, [DEFAULT_ERRORS])
        return
    series = facts.series
    whole = series.window()
    own = {(kind, name) for kind in OWN_TYPES for name in row_names(whole, kind)}
    thresholds = _thresholds(facts)
    end_s = min(facts.duration_s or math.inf, series.end_s)
    yield from evaluate(thresholds, series, facts.warm_up_s, end_s)
    if not thresholds:
        return
    errors = [each for each in thresholds if each.family == "errors" and not each.metric]
    for row in rows:
        if (row.type, row.name) not in own:
            yield from _check_row(row, rows, errors or [DEFAULT_ERRORS])


def _thresholds(facts: RunFacts) -> tuple[Threshold, ...]:
    if facts.thresholds is None:
        return DEFAULTS
    return parse_thresholds(facts.thresholds)


def _nothing_measured(rows: Sequence[Row], goal: Sequence[str]) -> str | None:
    kind = f" {' or '.join(goal)}" if goal else ""
    wanted = [row for row in rows if not goal or row.type in goal]
    sent = sum(row.count for row in wanted)
    if any(row.successes for row in wanted):
        return None
    if not sent:
        return f"nothing was measured: no{kind} request was made"
    return f"nothing was measured: every{kind} request failed ({sent} of {sent})"


def _check_row(row: Row, rows: Sequence[Row], errors: Iterable[Threshold]) -> list[Check]:
    """Return the checks of a row that only Locust knows: by these limits of errors, whole run."""
    share: float | None
    if row.relation is not None:
        whole = _successes_of(row.relation.type, row.name, rows)
        if row.relation.of == "planned":
            whole = _planned(rows)
        share = row.failures / whole if whole else None
        return [_errors_check(row, share, each, row.relation.of) for each in errors]
    if not row.count and not row.failures:
        return []
    # Locust can count a failure without its request; a share above 1 would be nonsense
    share = row.failures / max(row.count, row.failures)
    checks = [_errors_check(row, share, each) for each in errors]
    for metric in LATENCY_METRICS:
        value = getattr(row, metric) if row.successes else None
        checks.append(Check(row.type, row.name, metric, value, LIMITS[metric]))
    return checks


def _errors_check(
    row: Row, share: float | None, threshold: Threshold, of: Of = "requests"
) -> Check:
    limit, op = threshold.limit, threshold.op
    return Check(row.type, row.name, "errors", share, limit, op, of, str(threshold))


def _successes_of(request_type: str, name: str, rows: Sequence[Row]) -> int:
    """Return the successes of a type: those of the same name, else of any."""
    of_type = [row for row in rows if row.type == request_type]
    same_name = sum(row.successes for row in of_type if row.name == name)
    return same_name or sum(row.successes for row in of_type)


def _planned(rows: Sequence[Row]) -> int:
    """Return what a schedule called for: what was sent, and what could not be."""
    kinds = (*SENDS, "UNSENT")
    return sum(max(row.count, row.failures) for row in rows if row.type in kinds)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
