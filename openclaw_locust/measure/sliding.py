"""The running sum of the intervals of a window that moves over a series.

The interval that enters is added and the one that leaves is taken out, so an hour's windows cost no
more than an hour's intervals. Its percentiles must not cost more than that either: sorting some
thousand buckets for each step was most of the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from openclaw_locust.measure.hdr import BUCKETS
from openclaw_locust.measure.histogram import Histogram, highest_us, nearest_rank
from openclaw_locust.measure.series import Window

_BITS = 7
_BLOCK = 1 << _BITS  # near the root of BUCKETS: as many blocks are walked as buckets in one


class RankedHistogram(Histogram):
    """A histogram that many others go into and out of, and whose percentiles are asked each time.

    It counts blocks of buckets beside the buckets. Only :meth:`merge` and :meth:`remove` may
    change it.
    """

    __slots__ = ("_blocks", "_total")

    def __init__(self) -> None:
        super().__init__()
        self._blocks = [0] * ((BUCKETS >> _BITS) + 1)
        self._total = 0

    @property
    def total(self) -> int:
        """How many durations there are."""
        return self._total

    def merge(self, other: Histogram) -> None:
        """Add another histogram to this one."""
        self._count(other, 1)
        super().merge(other)

    def remove(self, other: Histogram) -> None:
        """Take out a histogram that was merged before; the maximum stays as it is."""
        self._count(other, -1)
        super().remove(other)

    def percentiles_us(self, percents: Iterable[float]) -> list[int | None]:
        """Return several percentiles; see :meth:`Histogram.percentile_us`."""
        if not self._total:
            return [None for _ in percents]
        return [
            min(highest_us(self._bucket_of_rank(nearest_rank(percent, self._total))), self.max_us)
            for percent in percents
        ]

    def _bucket_of_rank(self, rank: int) -> int:
        block, seen = 0, 0
        while (beyond := seen + self._blocks[block]) < rank:
            block, seen = block + 1, beyond
        bucket, count_of = block << _BITS, self.counts.get
        while (seen := seen + count_of(bucket, 0)) < rank:
            bucket += 1
        return bucket

    def _count(self, other: Histogram, sign: int) -> None:
        blocks, total = self._blocks, 0
        for bucket, count in other.counts.items():
            blocks[bucket >> _BITS] += sign * count
            total += count
        self._total += sign * total


class SlidingWindow:
    """The intervals of a window that moves, together; without a length it only grows.

    Attributes:
        length_s: the window's length in seconds, or None.
        sum: what is in it now. A row that was in it once stays, without a duration.
    """

    def __init__(self, length_s: int | None) -> None:
        self.length_s = length_s
        self._inside: deque[tuple[int, Window]] = deque()
        self.sum = Window()

    def enter(self, begin_s: int, interval: Window) -> None:
        """Add the next interval; it is kept as it is and must not change until it left."""
        for key in interval.histograms:
            if key not in self.sum.histograms:
                self.sum.histograms[key] = RankedHistogram()
        self.sum.add(interval)
        if self.length_s is not None:
            self._inside.append((begin_s, interval))

    def leave(self, end_s: float) -> None:
        """Take out what lies before a window that ends at ``end_s``."""
        while self._inside and self._inside[0][0] < end_s - (self.length_s or 0):
            _, gone = self._inside.popleft()
            self.sum.remove(gone)
            for key, histogram in gone.histograms.items():
                rest = self.sum.histograms[key]
                if histogram.max_us == rest.max_us:
                    rest.max_us = max(
                        (w.histograms[key].max_us for _, w in self._inside if key in w.histograms),
                        default=0,
                    )
