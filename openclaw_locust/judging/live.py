"""Thresholds that end a run, held against the series while it lasts."""

from __future__ import annotations

from collections.abc import Sequence

from openclaw_locust.judging.checks import Check
from openclaw_locust.judging.thresholds import DEFAULT_ERRORS, Threshold
from openclaw_locust.judging.values import (
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


class LiveThresholds:
    """The thresholds that end a run, looked at while it lasts.

    A second is looked at when all its sends have their outcome, so a fast answer never counts
    before a slow one of the same second. Each second is looked at, also when many are settled at
    once, so that it does not matter when :meth:`update` is called.
    """

    def __init__(self, thresholds: Sequence[Threshold], start_s: float) -> None:
        """Watch those of ``thresholds`` that may end the run, from a second of the run on."""
        self._all = thresholds
        self._aborting = [each for each in thresholds if each.abort_after_s is not None]
        self._start_s = start_s
        self._judged_until_s = 0
        self._begin(interval_s=1)

    def _begin(self, interval_s: int) -> None:
        self._interval_s = interval_s
        self._begin_s = up_to_whole(self._start_s, interval_s)
        self._seen_until_s = 0
        self._ever = Window()
        self._sliding = [SlidingWindow(window_length(each, interval_s)) for each in self._aborting]

    def update(self, series: Series) -> Check | None:
        """Return the check that is crossed now, or None."""
        if not self._aborting:
            return None
        if series.interval_s != self._interval_s:
            # the seen seconds and the new ones may lie in one interval now, so all are read again
            self._begin(series.interval_s)
        step_s = self._interval_s
        until_s = series.settled_until_s // step_s * step_s
        for end_s, window in each_interval(series, self._seen_until_s, until_s):
            self._seen_until_s = end_s
            self._enter(end_s - step_s, window)
            if end_s > max(self._begin_s, self._judged_until_s):
                self._judged_until_s = end_s
                crossed = self._crossed(end_s)
                if crossed is not None:
                    return crossed
        return None

    def _enter(self, begin_s: int, window: Window) -> None:
        self._ever.add(only_what_is_needed(window, [DEFAULT_ERRORS]))
        if begin_s < self._begin_s:
            return
        for threshold, sliding in zip(self._aborting, self._sliding, strict=True):
            # a copy: the series packs its old intervals, and a slow handshake may still come in
            sliding.enter(begin_s, merged([only_what_is_needed(window, [threshold])]))
            sliding.leave(begin_s + self._interval_s)

    def _crossed(self, end_s: int) -> Check | None:
        measured_s = end_s - self._begin_s
        for threshold, sliding in zip(self._aborting, self._sliding, strict=True):
            seconds = sliding.length_s or measured_s
            if measured_s < max(threshold.abort_after_s or 0.0, seconds):
                continue
            specific = specific_of(threshold, self._all)
            content = sliding.sum
            for value in values_of(threshold, content, content, self._ever, seconds, specific):
                check = check_of(threshold, value, end_s - seconds)
                # windows without a sample are passed over; a run whose every request failed is not
                if not check.passed and (value.value is not None or threshold.window_s is None):
                    return check
        return None
