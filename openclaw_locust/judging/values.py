"""A threshold's value for each row, in one window of the series. Pure.

Windows and the measured part are made of whole intervals. Where these are longer than a second, a
window is lengthened and the begin of the measured part put off to the next one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from openclaw_locust.failures import REFUSALS
from openclaw_locust.judging.checks import RELATIONS, Check, Of
from openclaw_locust.judging.figures import METRIC_OF, row_names
from openclaw_locust.judging.thresholds import DEFAULTS, Threshold
from openclaw_locust.measure.histogram import Histogram
from openclaw_locust.measure.series import Series, Window


@dataclass(frozen=True, slots=True)
class Value:
    """A threshold's value for one row."""

    type: str
    name: str
    value: float | None
    of: Of = "requests"


def each_interval(series: Series, start_s: int, end_s: float) -> Iterator[tuple[int, Window]]:
    """Yield the end and the content of each whole interval, also where nothing was recorded."""
    step_s = series.interval_s
    recorded = series.intervals(start_s, end_s)
    nothing = (-1, Window())
    coming = next(recorded, nothing)
    for begin_s in range(start_s, math.floor(end_s) - step_s + 1, step_s):
        if coming[0] == begin_s:
            yield begin_s + step_s, coming[1]
            coming = next(recorded, nothing)
        else:
            yield begin_s + step_s, Window()


def window_length(threshold: Threshold, interval_s: int) -> int | None:
    """Return the length of a threshold's windows in seconds, or None for the whole run."""
    if threshold.window_s is None:
        return None
    return up_to_whole(threshold.window_s, interval_s)


def up_to_whole(seconds: float, interval_s: int) -> int:
    """Return the first begin of an interval that is not before a time."""
    return math.ceil(seconds / interval_s) * interval_s


def only_what_is_needed(window: Window, thresholds: Iterable[Threshold]) -> Window:
    """Return what thresholds need of a window; sums of all else would be for nothing."""
    wanted: set[str] = set()
    for threshold in thresholds:
        wanted.update(METRIC_OF.values() if threshold.is_of_errors else (threshold.metric,))
    histograms = {key: each for key, each in window.histograms.items() if key[0] in wanted}
    return Window(window.sends, histograms=histograms, failures=window.failures)


def values_of(
    threshold: Threshold,
    window: Window,
    whole: Window,
    ever: Window,
    seconds: float,
    specific: frozenset[str],
) -> list[Value]:
    """Return a threshold's value for each row that it is about.

    Args:
        threshold: which.
        window: what it is held against.
        whole: the measured run, whose rows are there in each window.
        ever: the run with its warm-up: a connection may be opened in it and lost much later.
        seconds: the window's length.
        specific: what other thresholds are about more closely (:func:`specific_of`).
    """
    if threshold.is_of_errors:
        kinds = [threshold.metric.upper()] if threshold.metric else [*METRIC_OF, *RELATIONS]
        values = [
            _errors(threshold.statistic, kind, name, window, ever)
            for kind in kinds
            if threshold.metric or kind not in specific
            for name in row_names(whole, kind)
        ]
    elif threshold.statistic == "rate":
        kind = threshold.metric.upper()
        names = row_names(whole, kind) or [""]
        values = [
            Value(kind, name, _count(window, threshold.metric, name) / seconds) for name in names
        ]
    else:
        kind = threshold.metric.upper()
        names = row_names(whole, kind) if kind in METRIC_OF else whole.names(threshold.metric)
        values = [
            Value(kind, name, _latency(threshold, window, name))
            for name in names
            if name not in specific
        ]
    if threshold.name is not None:
        values = [value for value in values if value.name == threshold.name]
    return values


def _errors(statistic: str, kind: str, name: str, window: Window, ever: Window) -> Value:
    failures = failed = window.failed(kind, name)
    if statistic != "errors":
        refusals = window.failed(kind, name, REFUSALS)
        failures = refusals if statistic == "refusals" else failed - refusals
    relation = RELATIONS.get(kind)
    if relation is None:
        count = _count(window, METRIC_OF[kind], name) + failed
        return Value(kind, name, failures / count if count else None)
    base = ever if relation.of == "connections" else window
    metric = METRIC_OF[relation.type]
    of = _count(base, metric, name) or sum(
        _count(base, metric, each) for each in base.names(metric)
    )
    if relation.of == "planned":
        of = window.sends + window.failed(kind)
    share = failures / of if of else None if failures else 0.0
    return Value(kind, name, share, relation.of)


def _latency(threshold: Threshold, window: Window, name: str) -> float | None:
    histogram = window.histograms.get((threshold.metric, name), Histogram())
    if not histogram.counts:
        return None
    percent = threshold.percent
    if percent is not None:
        value: float | None = histogram.percentile_us(percent)
    elif threshold.statistic == "mean":
        value = histogram.mean_us()
    elif threshold.statistic == "min":
        value = histogram.min_us()
    else:
        value = histogram.max_us
    return None if value is None else value / 1000


def _count(window: Window, metric: str, name: str) -> int:
    histogram = window.histograms.get((metric, name))
    return histogram.total if histogram is not None else 0


def specific_of(threshold: Threshold, thresholds: Iterable[Threshold]) -> frozenset[str]:
    """Return what other thresholds are about more closely, so that this one is not about it.

    Of the errors of every row: request types with errors of their own. Of a default: the names of
    rows with a threshold of their own.
    """
    same = [each for each in thresholds if each.family == threshold.family]
    if threshold.is_of_errors and not threshold.metric:
        return frozenset(each.metric.upper() for each in same if each.metric and each.name is None)
    if threshold in DEFAULTS:
        own = (each.name for each in same if each.metric == threshold.metric)
        return frozenset(name for name in own if name is not None)
    return frozenset()


def check_of(threshold: Threshold, row: Value, at_s: float) -> Check:
    """Return a value held against its threshold; ``at_s`` is the begin of its window."""
    return Check(
        type=row.type,
        name=row.name,
        metric=threshold.column,
        value=row.value,
        limit=threshold.limit,
        op=threshold.op,
        of=row.of,
        threshold=str(threshold),
        window_s=threshold.window_s,
        at_s=at_s if threshold.window_s is not None else None,
    )
