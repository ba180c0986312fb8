"""Thresholds held against the series of a run that is over: the whole of it, or sliding windows."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from openclaw_locust.judging.checks import RELATIONS, Check
from openclaw_locust.judging.thresholds import DEFAULTS, Threshold, defaults_of
from openclaw_locust.judging.values import (
    Value,
    check_of,
    each_interval,
    only_what_is_needed,
    specific_of,
    up_to_whole,
    values_of,
    window_length,
)
from openclaw_locust.measure.series import Series, Window, merged
from openclaw_locust.measure.sliding import SlidingWindow


def evaluate(
    thresholds: Sequence[Threshold], series: Series, start_s: float, end_s: float
) -> list[Check]:
    """Return each threshold held against each row that it is about.

    A run that is shorter than a threshold's windows is one window: the check has its length.

    Args:
        thresholds: what must hold.
        series: the run's.
        start_s, end_s: the measured part of the run, in seconds since its begin.
    """
    scope = _Scope.of(thresholds, series, start_s)
    seconds = end_s - scope.begin_s
    sliding = [
        each
        for each in thresholds
        if seconds > (window_length(each, series.interval_s) or math.inf)
    ]
    worst = _worst(sliding, scope, series, end_s) if sliding else {}
    checks = []
    for threshold in thresholds:
        rows = scope.values(threshold, scope.whole, seconds if seconds > 0 else 1.0)
        for row in rows or _no_data(threshold, thresholds):
            if threshold not in worst:
                check = check_of(threshold, row, scope.begin_s)
                is_shorter = threshold.window_s is not None and 0 < seconds < threshold.window_s
                checks.append(replace(check, window_s=math.ceil(seconds)) if is_shorter else check)
                continue
            value, at_s = worst[threshold].get((row.type, row.name), (None, scope.begin_s))
            checks.append(check_of(threshold, replace(row, value=value), at_s))
    return checks


@dataclass(frozen=True, slots=True)
class _Scope:
    """What all windows of a run are seen against.

    Attributes:
        begin_s: the begin of the measured part in seconds.
        whole: the measured part, whose rows are there in each window.
        ever: the run with its warm-up: a connection may be opened in it and lost much later.
        specific: see :func:`specific_of`, for each threshold.
    """

    begin_s: int
    whole: Window
    ever: Window
    specific: dict[Threshold, frozenset[str]]

    @classmethod
    def of(cls, thresholds: Sequence[Threshold], series: Series, start_s: float) -> _Scope:
        begin_s = up_to_whole(start_s, series.interval_s)
        whole = series.window(begin_s)
        ever = merged([series.window(0, begin_s), whole]) if begin_s else whole
        return cls(
            begin_s, whole, ever, {each: specific_of(each, thresholds) for each in thresholds}
        )

    def values(self, threshold: Threshold, window: Window, seconds: float) -> list[Value]:
        """Return a threshold's value for each row, in a window."""
        specific = self.specific[threshold]
        return values_of(threshold, window, self.whole, self.ever, seconds, specific)


def _worst(
    thresholds: Iterable[Threshold], scope: _Scope, series: Series, end_s: float
) -> dict[Threshold, dict[tuple[str, str], tuple[float, float]]]:
    """Return the worst value of all windows that have one, and the window's begin.

    By threshold and row. All thresholds go over the series together, since unpacking an interval
    costs more than all else, and those with windows of one length share a running sum.
    """
    groups: dict[int, list[Threshold]] = {}
    for threshold in thresholds:
        length_s = window_length(threshold, series.interval_s)
        assert length_s is not None
        groups.setdefault(length_s, []).append(threshold)
    sliding = {length_s: SlidingWindow(length_s) for length_s in groups}
    worst: dict[Threshold, dict[tuple[str, str], tuple[float, float]]] = {
        threshold: {} for members in groups.values() for threshold in members
    }
    for end_of_window_s, entering in each_interval(series, scope.begin_s, end_s):
        for length_s, members in groups.items():
            window = sliding[length_s]
            window.enter(
                end_of_window_s - series.interval_s, only_what_is_needed(entering, members)
            )
            window.leave(end_of_window_s)
            begin_s = end_of_window_s - length_s
            if begin_s < scope.begin_s:
                continue
            for threshold in members:
                values = scope.values(threshold, window.sum, length_s)
                _keep_worse(worst[threshold], threshold, values, begin_s)
    return worst


def _keep_worse(
    worst: dict[tuple[str, str], tuple[float, float]],
    threshold: Threshold,
    values: Iterable[Value],
    begin_s: float,
) -> None:
    is_more_worse = threshold.op in ("<", "<=")
    for row in values:
        if row.value is None:
            continue
        key = (row.type, row.name)
        known = worst.get(key)
        if known is None or (row.value > known[0] if is_more_worse else row.value < known[0]):
            worst[key] = (row.value, begin_s)


def _no_data(threshold: Threshold, thresholds: Collection[Threshold]) -> list[Value]:
    """Return what a threshold without a row has: no value where it was asked for, else nothing.

    The defaults of a metric come together, which tells them from one that was given and is the
    same: no connection need be made in the measured part, but what was asked for must occur.
    """
    kind = threshold.metric.upper()
    if kind in RELATIONS or not kind:
        return []
    defaults = defaults_of(threshold.metric)
    if threshold in DEFAULTS and all(each in thresholds for each in defaults):
        return []
    return [Value(kind, threshold.name or "", None)]
