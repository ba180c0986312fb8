"""The run's own figures: its time series, without the warm-up, by row, by phase and by stage.

Pure arithmetic over :class:`~openclaw_locust.results.RunFacts`; no pandas, no Locust, no text.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from openclaw_locust.judging.figures import (
    Figures,
    Ledger,
    Recovery,
    ledger,
    phase_rows,
    recovery,
    request_rows,
)
from openclaw_locust.measure.series import Window
from openclaw_locust.results import RunFacts, Stage


@dataclass(frozen=True, slots=True)
class StageFigures:
    """One stage's requests.

    Attributes:
        stage: which one.
        start_s: the begin of its figures in seconds since the run's begin: the stage's own, or the
            warm-up's end where that is later.
        end_s: the stage's end, or the run's where that is earlier.
        rows: a row for each type and name that occurred; empty also for a stage that the run did
            not reach, or that is wholly in the warm-up.
    """

    stage: Stage
    start_s: float
    end_s: float
    rows: tuple[Figures, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The figures that come from the run's series.

    Attributes:
        seconds: the length of the measured window, the warm-up excluded.
        requests: a row for each request type and name that occurred.
        phases: a row for each phase and name that occurred.
        ledger: the sends, and what became of them.
        recovery: the connections that were lost, and how soon their users had others.
        stages: one for each stage of the run.
        failures: counts by request type, name and class.
        whole: the same rows as ``requests`` over the whole run, the warm-up among it.
        excluded_sends: the sends of the warm-up.
        known: request types and names that are the series' own, in the warm-up or after it.
        known_classes: failure classes that the series counts, in the warm-up or after it.
    """

    seconds: float
    requests: tuple[Figures, ...]
    phases: tuple[Figures, ...]
    ledger: Ledger
    recovery: Recovery
    stages: tuple[StageFigures, ...]
    failures: Counter[tuple[str, str, str]]
    whole: tuple[Figures, ...]
    excluded_sends: int
    known: frozenset[tuple[str, str]]
    known_classes: frozenset[str]


def measured(facts: RunFacts | None) -> Measured | None:
    """Return the figures of a run's series, or None for a run without one."""
    if facts is None or facts.series is None:
        return None
    series = facts.series
    end_s = float(series.end_s)
    if facts.duration_s:
        end_s = min(facts.duration_s, end_s)
    window = series.window(facts.warm_up_s)
    excluded = series.window(0, facts.warm_up_s) if facts.warm_up_s else Window()
    whole = Window()
    whole.add(window)
    whole.add(excluded)
    seconds = _length(facts.warm_up_s, end_s)
    rows = tuple(request_rows(whole, _length(0, end_s)))
    return Measured(
        seconds=seconds,
        requests=tuple(request_rows(window, seconds)),
        phases=tuple(phase_rows(window, seconds)),
        ledger=ledger(window),
        recovery=recovery(window),
        stages=tuple(_stage(facts, stage, end_s) for stage in facts.stages),
        failures=window.failures,
        whole=rows,
        excluded_sends=excluded.sends,
        known=frozenset((row.type, row.name) for row in rows),
        known_classes=frozenset(class_name for _, _, class_name in whole.failures),
    )


def _stage(facts: RunFacts, stage: Stage, run_end_s: float) -> StageFigures:
    assert facts.series is not None
    start_s = max(stage.start_s, facts.warm_up_s)
    end_s = min(stage.end_s, run_end_s)
    if end_s <= start_s:
        return StageFigures(stage, start_s, max(start_s, end_s), ())
    window = facts.series.window(start_s, stage.end_s)
    return StageFigures(stage, start_s, end_s, tuple(request_rows(window, end_s - start_s)))


def _length(start_s: float, end_s: float) -> float:
    """Return a window's length; one second for a run that ended in its first after the warm-up."""
    return end_s - start_s if end_s > start_s else 1.0
