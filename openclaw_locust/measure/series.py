"""The time series of a run: one sparse histogram for each metric, name and interval, merged.

Increments of one process or of many workers go in, in any order; any window comes out, merged from
its intervals. Percentiles are always computed from merged intervals and never kept.

An interval is one second. A run of more than an hour gets intervals of 2, 4, … seconds, so that the
memory is bounded by an hour's worth of intervals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from openclaw_locust.measure.hdr import (
    decode_base64,
    decode_counts,
    encode_base64,
    encode_counts,
)
from openclaw_locust.measure.histogram import Histogram
from openclaw_locust.measure.recorder import FailureKey, Increment, Increments, Key

MAX_INTERVALS = 3600
_PACKED_AFTER_S = 60  # live thresholds read what is younger


@dataclass(slots=True)
class Window:
    """Everything that was recorded of one interval, or of many together.

    Attributes:
        sends: sends that were intended in it.
        settled: those of them that have their outcome.
        late: those whose ack came after they had been counted as failed.
        histograms: durations by metric and name.
        failures: counts by request type, name and class.
    """

    sends: int = 0
    settled: int = 0
    late: int = 0
    histograms: dict[Key, Histogram] = field(default_factory=dict)
    failures: Counter[FailureKey] = field(default_factory=Counter)

    def add(self, other: Window) -> None:
        """Add another window."""
        self.sends += other.sends
        self.settled += other.settled
        self.late += other.late
        for key, histogram in other.histograms.items():
            self.histogram(key).merge(histogram)
        self.failures.update(other.failures)

    def remove(self, other: Window) -> None:
        """Take out a window that was added before; the maxima stay as they are."""
        self.sends -= other.sends
        self.settled -= other.settled
        self.late -= other.late
        for key, histogram in other.histograms.items():
            self.histograms[key].remove(histogram)
        self.failures.subtract(other.failures)

    def histogram(self, key: Key) -> Histogram:
        """Return the histogram of a metric and name, to be written to."""
        found = self.histograms.get(key)
        if found is None:
            found = self.histograms[key] = Histogram()
        return found

    def names(self, metric: str) -> list[str]:
        """Return the names that a metric was recorded for, in alphabetical order."""
        return sorted(name for found, name in self.histograms if found == metric)

    def failed(
        self, kind: str, name: str | None = None, classes: Container[str] | None = None
    ) -> int:
        """Return the failures of a request type: of one name and of some classes, or of all."""
        return sum(
            count
            for (found, row, class_name), count in self.failures.items()
            if found == kind and name in (None, row) and (classes is None or class_name in classes)
        )


@dataclass(slots=True)
class _Cell:
    """One interval; its histograms are packed when it is old."""

    counts: Window
    packed: dict[Key, tuple[int, bytes]] | None = None

    def window(self) -> Window:
        """Return the interval as it may be read."""
        if self.packed is None:
            return self.counts
        histograms = {key: _histogram(*packed) for key, packed in self.packed.items()}
        counts = self.counts
        return Window(counts.sends, counts.settled, counts.late, histograms, counts.failures)

    def open(self) -> Window:
        """Return the interval to be written to."""
        self.counts, self.packed = self.window(), None
        return self.counts

    def pack(self) -> None:
        """Keep the histograms in a twentieth of the memory."""
        if self.packed is None:
            histograms = self.counts.histograms
            self.packed = {k: (h.max_us, encode_counts(h)) for k, h in histograms.items()}
            self.counts.histograms = {}


class Series:
    """The intervals of a run.

    Attributes:
        interval_s: seconds of one interval.
    """

    def __init__(self, interval_s: int = 1) -> None:
        self.interval_s = interval_s
        self._cells: dict[int, _Cell] = {}
        self._settled: dict[str, int] = {}
        self._oldest_open = 0

    def add(self, increments: Increments, process: str = "") -> None:
        """Add what one process recorded.

        Args:
            increments: since its last time.
            process: which process, for :attr:`settled_until_s`.
        """
        for increment in increments.intervals:
            self._add(increment)
        self._settled[process] = increments.settled_until

    def forget_process(self, process: str) -> None:
        """Do not wait for a process that is gone."""
        self._settled.pop(process, None)

    @property
    def settled_until_s(self) -> int:
        """Seconds since the run's begin before which nothing more will come."""
        return min(self._settled.values(), default=0)

    @property
    def end_s(self) -> int:
        """The end of the last interval, in seconds since the run's begin."""
        return (max(self._cells, default=-1) + 1) * self.interval_s

    def intervals(
        self, start_s: float = 0, end_s: float | None = None
    ) -> Iterator[tuple[int, Window]]:
        """Yield the begin in seconds and the content of each interval that begins in a window.

        Intervals that nothing was recorded in are left out.
        """
        for index in sorted(self._cells):
            begin_s = index * self.interval_s
            if begin_s >= start_s and (end_s is None or begin_s < end_s):
                yield begin_s, self._cells[index].window()

    def window(self, start_s: float = 0, end_s: float | None = None) -> Window:
        """Return all intervals that begin in a window, merged."""
        whole = Window()
        for _, interval in self.intervals(start_s, end_s):
            whole.add(interval)
        return whole

    def _add(self, increment: Increment) -> None:
        second = increment.index
        while second >= MAX_INTERVALS * self.interval_s:
            self._coarsen()
        index = second // self.interval_s
        cell = self._cells.get(index)
        if cell is None:
            cell = self._cells[index] = _Cell(Window())
            self._pack_before(index - _PACKED_AFTER_S // self.interval_s)
        window = cell.open()
        window.sends += increment.sends
        window.settled += increment.settled
        window.late += increment.late
        for metric, name, max_us, payload in increment.histograms:
            window.histogram((metric, name)).merge(_histogram(max_us, payload))
        for kind, name, class_name, count in increment.failures:
            window.failures[kind, name, class_name] += count

    def _pack_before(self, index: int) -> None:
        for old in range(self._oldest_open, index):
            if old in self._cells:
                self._cells[old].pack()
        self._oldest_open = max(self._oldest_open, index)

    def _coarsen(self) -> None:
        """Double the interval."""
        cells: dict[int, _Cell] = {}
        for index, cell in self._cells.items():
            cells.setdefault(index // 2, _Cell(Window())).counts.add(cell.window())
        self._cells = cells
        self.interval_s *= 2
        self._oldest_open = 0
        self._pack_before(max(cells, default=0) - 1)

    # -- the results file ----------------------------------------------------------------------

    def to_plain(self) -> dict[str, Any]:
        """Return the series as types of JSON; the shape is in :mod:`openclaw_locust.results`."""
        histograms: dict[Key, list[list[object]]] = {}
        failures: dict[FailureKey, list[list[int]]] = {}
        counts = []
        for begin_s, window in self.intervals():
            if window.sends or window.settled or window.late:
                counts.append([begin_s, window.sends, window.settled, window.late])
            for key, histogram in window.histograms.items():
                row = [begin_s, histogram.max_us, encode_base64(histogram)]
                histograms.setdefault(key, []).append(row)
            for failure, count in window.failures.items():
                failures.setdefault(failure, []).append([begin_s, count])
        return {
            "interval_s": self.interval_s,
            "counts": counts,
            "histograms": [
                {"metric": metric, "name": name, "intervals": intervals}
                for (metric, name), intervals in sorted(histograms.items())
            ],
            "failures": [
                {"type": kind, "name": name, "class": class_name, "intervals": intervals}
                for (kind, name, class_name), intervals in sorted(failures.items())
            ],
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Series:
        """Return the series that :meth:`to_plain` made.

        Raises:
            ValueError, TypeError, KeyError: it is not of that shape.
        """
        series = cls(_whole(plain["interval_s"], least=1))
        for begin_s, sends, settled, late in plain["counts"]:
            window = series._at(begin_s)
            window.sends, window.settled, window.late = map(_whole, (sends, settled, late))
        for entry in plain["histograms"]:
            key = (_text(entry["metric"]), _text(entry["name"]))
            for begin_s, max_us, text in entry["intervals"]:
                series._at(begin_s).histograms[key] = decode_base64(text, max_us=_whole(max_us))
        for entry in plain["failures"]:
            failure = (_text(entry["type"]), _text(entry["name"]), _text(entry["class"]))
            for begin_s, count in entry["intervals"]:
                series._at(begin_s).failures[failure] = _whole(count)
        return series

    def _at(self, begin_s: object) -> Window:
        index = _whole(begin_s) // self.interval_s
        return self._cells.setdefault(index, _Cell(Window())).counts


def merged(windows: Iterable[Window]) -> Window:
    """Return all windows together."""
    whole = Window()
    for window in windows:
        whole.add(window)
    return whole


def _histogram(max_us: int, payload: bytes) -> Histogram:
    histogram = Histogram()
    histogram.counts = decode_counts(payload)
    histogram.max_us = max_us
    return histogram


def _whole(value: object, least: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{value!r} is no count")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value
