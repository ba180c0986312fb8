"""Histograms of durations, exact to 3 significant digits from 1 µs to 1 hour, sparse and mergeable.

The buckets are HdrHistogram's (lowest value 1, highest 3 600 000 000, 3 digits; the unit is 1 µs):
up to 2047 µs each microsecond has its own, beyond that each doubling of the value has 1024, so that
a bucket is never wider than 0.1 % of its values. Merging adds counts, so merged histograms equal
the histogram of all samples together, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable

HIGHEST_US = 3_600_000_000
"""Longer durations count as this one; the exact maximum is kept beside the buckets."""

_SUB_BITS = 10  # of the 2048 sub-buckets of HdrHistogram's 3 digits, the upper half is used
_EXACT_BITS = _SUB_BITS + 1
_EXACT_US = (1 << _EXACT_BITS) - 1


def bucket_of(us: int) -> int:
    """Return the index of a duration's bucket, as in HdrHistogram's array of counts."""
    shift = us.bit_length() - _EXACT_BITS
    return us if shift <= 0 else (shift << _SUB_BITS) + (us >> shift)


def lowest_us(bucket: int) -> int:
    """Return the shortest duration of a bucket, in µs."""
    shift = max(0, (bucket >> _SUB_BITS) - 1)
    return (bucket - (shift << _SUB_BITS)) << shift


def highest_us(bucket: int) -> int:
    """Return the longest duration of a bucket, in µs: its "highest equivalent value"."""
    return lowest_us(bucket) + (1 << max(0, (bucket >> _SUB_BITS) - 1)) - 1


def bucketed_ms(milliseconds: float) -> float:
    """Return a duration in ms as its bucket's longest: what percentiles of the bucket show.

    Locust calls it for each request, so the buckets' arithmetic stands here once more.
    """
    # the small addend mends what a division by 1e6 and this product lose together
    us = min(int(milliseconds * 1000 + 1e-6), HIGHEST_US)
    if us <= _EXACT_US:
        return us / 1000
    shift = us.bit_length() - _EXACT_BITS
    return (us | ((1 << shift) - 1)) / 1000


class Histogram:
    """Counts by bucket, and the exact maximum.

    Attributes:
        counts: the counts that are not 0, by bucket (:func:`bucket_of`).
        max_us: the longest duration, exact; 0 when there is none.
    """

    __slots__ = ("counts", "max_us")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.max_us = 0

    def record_ns(self, duration_ns: int) -> None:
        """Record one duration. The hot path: :func:`bucket_of` stands here once more.

        A negative one counts as 0: a timer that rings early makes a lag of less than nothing.
        """
        us = duration_ns // 1000
        if us > self.max_us:
            self.max_us = us
            us = min(us, HIGHEST_US)
        elif us > HIGHEST_US:
            us = HIGHEST_US
        if us > _EXACT_US:
            shift = us.bit_length() - _EXACT_BITS
            bucket = (shift << _SUB_BITS) + (us >> shift)
        else:
            bucket = us if us > 0 else 0
        counts = self.counts
        counts[bucket] = counts.get(bucket, 0) + 1

    @property
    def total(self) -> int:
        """How many durations there are."""
        return sum(self.counts.values())

    def merge(self, other: Histogram) -> None:
        """Add another histogram to this one."""
        counts = self.counts
        for bucket, count in other.counts.items():
            counts[bucket] = counts.get(bucket, 0) + count
        self.max_us = max(self.max_us, other.max_us)

    def remove(self, other: Histogram) -> None:
        """Take out a histogram that was merged before; the maximum stays as it is."""
        counts = self.counts
        for bucket, count in other.counts.items():
            left = counts[bucket] - count
            if left:
                counts[bucket] = left
            else:
                del counts[bucket]

    def percentile_us(self, percent: float) -> int | None:
        """Return a percentile in µs, or None when there is no duration.

        The nearest rank: the shortest recorded duration that at least ``percent`` % of all do not
        exceed, as the longest of its bucket, but never above the maximum. So it is never less than
        the true one, and at most 0.1 % (or 1 µs) more.
        """
        return self.percentiles_us((percent,))[0]

    def percentiles_us(self, percents: Iterable[float]) -> list[int | None]:
        """Return several percentiles; see :meth:`percentile_us`. ``percents`` must ascend."""
        ordered = sorted(self.counts.items())
        total = sum(count for _, count in ordered)
        if not total:
            return [None for _ in percents]
        found: list[int | None] = []
        position, seen = 0, ordered[0][1]
        for percent in percents:
            rank = nearest_rank(percent, total)
            while seen < rank:
                position += 1
                seen += ordered[position][1]
            found.append(min(highest_us(ordered[position][0]), self.max_us))
        return found

    def mean_us(self) -> float | None:
        """Return the mean of the buckets' middles in µs, or None when there is no duration."""
        total = self.total
        if not total:
            return None
        return sum(_middle_us(bucket) * count for bucket, count in self.counts.items()) / total

    def min_us(self) -> int | None:
        """Return the shortest of the lowest bucket in µs, or None when there is no duration."""
        return lowest_us(min(self.counts)) if self.counts else None

    def share_above(self, milliseconds: float) -> float | None:
        """Return the share of the durations whose bucket lies above a limit, from 0 to 1."""
        total = self.total
        if not total:
            return None
        limit = bucket_of(round(bucketed_ms(milliseconds) * 1000))
        return sum(count for bucket, count in self.counts.items() if bucket > limit) / total

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return self.counts == other.counts and self.max_us == other.max_us

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Histogram({self.total} samples, max {self.max_us} µs)"


def nearest_rank(percent: float, total: int) -> int:
    """Return the nearest rank, from 1; 7 % of 100 is the 7th, whatever 0.07 is in binary."""
    exact = round(percent * total / 100, 6)
    whole = int(exact)
    return max(1, whole if whole == exact else whole + 1)


def _middle_us(bucket: int) -> float:
    return (lowest_us(bucket) + highest_us(bucket)) / 2
