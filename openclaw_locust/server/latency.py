"""The server's own record of how long each ack took: what a client's figures are held against.

A duration runs from when a rating was read off its connection to when its ack was handed to the
connection. The ways through the kernel and the event loop before and after are not in it.
"""

from __future__ import annotations

from typing import Any

from openclaw_locust.measure.hdr import decode_counts, encode_base64, encode_counts
from openclaw_locust.measure.histogram import Histogram

LONGEST_S = 3600
"""Of how many seconds, the last ones, there is a row each; the whole has all acks."""

_OPEN_SECONDS = 4
"""Seconds kept ready to record into; older ones are packed, at a fiftieth of the memory."""

_PERCENTS = (50, 95, 99, 99.9)


class Latency:
    """The durations of all acks, whole and by the second in which the rating was read."""

    def __init__(self) -> None:
        self._first_ns = 0
        self._second = -1
        self._newest = -1
        self._current = Histogram()
        self._open: dict[int, Histogram] = {}
        self._packed: dict[int, list[Packed]] = {}
        self._before = Histogram()  # what was read more than LONGEST_S before the newest

    def begin(self, read_ns: int) -> None:
        """Say when the first rating was read: there the first second begins."""
        self._first_ns = read_ns

    def record(self, read_ns: int, written_ns: int) -> None:
        """Record one ack. The hot path: most acks belong to the second of the one before."""
        second = (read_ns - self._first_ns) // 1_000_000_000
        if second != self._second:
            self._turn_to(second)
        self._current.record_ns(written_ns - read_ns)

    def to_plain(self) -> dict[str, Any]:
        """Return what the record says, ready for JSON; None for a figure of no ack at all.

        ``count``, ``p50_us``, ``p95_us``, ``p99_us``, ``p999_us``, ``max_us`` and ``histogram``
        (HdrHistogram's text, in µs) are of all acks; ``seconds`` are rows of ``second`` (from 0,
        the first rating's), ``count``, ``p50_us``, ``p99_us`` and ``max_us``.
        """
        whole = Histogram()
        whole.merge(self._before)
        rows = []
        for second in sorted(self._open.keys() | self._packed.keys()):
            of_second = self._of_second(second)
            whole.merge(of_second)
            p50, p99 = of_second.percentiles_us((50, 99))
            rows.append(
                {
                    "second": second,
                    "count": of_second.total,
                    "p50_us": p50,
                    "p99_us": p99,
                    "max_us": of_second.max_us,
                }
            )
        p50, p95, p99, p999 = whole.percentiles_us(_PERCENTS)
        return {
            "count": whole.total,
            "p50_us": p50,
            "p95_us": p95,
            "p99_us": p99,
            "p999_us": p999,
            "max_us": whole.max_us if whole.counts else None,
            "histogram": encode_base64(whole),
            "seconds": rows,
        }

    def _turn_to(self, second: int) -> None:
        self._second = second
        if second <= self._newest - LONGEST_S:
            self._current = self._before
            return
        if second > self._newest:
            self._newest = second
            self._let_go(second - LONGEST_S)
        found = self._open.get(second)
        if found is None:
            while len(self._open) >= _OPEN_SECONDS:
                self._pack(min(self._open))
            found = self._open[second] = Histogram()
        self._current = found

    def _pack(self, second: int) -> None:
        histogram = self._open.pop(second)
        packed = (encode_counts(histogram), histogram.max_us)
        self._packed.setdefault(second, []).append(packed)

    def _let_go(self, last: int) -> None:
        for second in [s for s in self._open.keys() | self._packed.keys() if s <= last]:
            self._before.merge(self._of_second(second))
            self._open.pop(second, None)
            self._packed.pop(second, None)

    def _of_second(self, second: int) -> Histogram:
        histogram = Histogram()
        for counts, max_us in self._packed.get(second, ()):
            part = Histogram()
            part.counts, part.max_us = decode_counts(counts), max_us
            histogram.merge(part)
        if (still_open := self._open.get(second)) is not None:
            histogram.merge(still_open)
        return histogram


Packed = tuple[bytes, int]
"""The counts of a histogram as :func:`encode_counts` makes them, and its exact maximum in µs."""
