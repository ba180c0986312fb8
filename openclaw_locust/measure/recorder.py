"""The hot path's side of the time series: what happens goes into the interval of its intended time.

A send, its answer and its failure all belong to the second in which it was to be sent, however late
the answer comes. So in each interval the sends equal the outcomes as soon as all have one, and a
warm-up or a stage has neither half of a rating too much.

Only this process's own records are here, and only until they are drained into a
:class:`~openclaw_locust.measure.series.Series`, in this process or in the master.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openclaw_locust.measure.hdr import encode_counts
from openclaw_locust.measure.histogram import Histogram

Key = tuple[str, str]
"""A metric and the name of its row."""

FailureKey = tuple[str, str, str]
"""A request type, the name of its row, and a failure class."""

ACK, SERVICE, LAG, LOOP, PACE = "ack", "service", "lag", "loop", "pace"
CONNECT, DNS, TCP, PROXY, TLS, UPGRADE = "connect", "dns", "tcp", "proxy", "tls", "upgrade"
HELLO, OWN, REST = "hello", "own", "rest"
RECOVER, HANDSHAKE, HTTP = "recover", "handshake", "http"
"""The metrics, all durations: ``ack`` from the intended send to the ack (response time),
``service`` from the actual send, ``lag`` from the intended to the actual send; ``connect`` from
DNS to the 101 and each phase of it; ``hello``, ``own`` and ``rest`` together are ``tls``: from the
ClientHello sent to the ServerHello, our own computing, and all other waiting for the server;
``handshake`` and ``http`` as ``ack``, for a connection and a request of ``HandshakeUser``;
``recover`` from the loss of a connection until its user has
another; by process ``loop``, how late its event loop was, and ``pace``,
how late its schedule was.
``ack`` with :data:`FAILED` behind it is the time that failures took, and is in no percentile of
``ack``; so with ``tls``, ``upgrade``, ``handshake`` and ``http``."""

FAILED = ".failed"

_NS = 1_000_000_000


class Interval:
    """One second of this process.

    Attributes:
        index: whole seconds since the run's begin.
        sends: sends that were intended in it.
        settled: those of them that have their outcome.
        late: those whose ack came after they had been counted as failed.
        connecting: connections that began in it and are not open yet.
        histograms: durations by metric and name.
        failures: counts by request type, name and class.
    """

    __slots__ = (
        "_drained",
        "connecting",
        "failures",
        "histograms",
        "index",
        "late",
        "sends",
        "settled",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.sends = self.settled = self.late = self.connecting = 0
        self._drained = (0, 0, 0)
        self.histograms: dict[Key, Histogram] = {}
        self.failures: dict[FailureKey, int] = {}

    def record(self, key: Key, duration_ns: int) -> None:
        """Record one duration."""
        try:
            self.histograms[key].record_ns(duration_ns)
        except KeyError:
            self.histograms[key] = histogram = Histogram()
            histogram.record_ns(duration_ns)

    def fail(self, kind: str, name: str, class_name: str) -> None:
        """Count one failure of a request type."""
        key = (kind, name, class_name)
        self.failures[key] = self.failures.get(key, 0) + 1

    def take(self) -> Increment | None:
        """Return what came since the last time, or None when nothing did."""
        counts = (self.sends, self.settled, self.late)
        if counts == self._drained and not self.histograms and not self.failures:
            return None
        sends, settled, late = (
            now - before for now, before in zip(counts, self._drained, strict=True)
        )
        self._drained = counts
        histograms = tuple(
            (metric, name, histogram.max_us, encode_counts(histogram))
            for (metric, name), histogram in self.histograms.items()
        )
        failures = tuple((*key, count) for key, count in self.failures.items())
        self.histograms, self.failures = {}, {}
        return Increment(self.index, sends, settled, late, histograms, failures)


@dataclass(frozen=True, slots=True)
class Increment:
    """What was recorded of one interval since it was last drained.

    Attributes:
        index, sends, settled, late, failures: as in :class:`Interval`.
        histograms: (metric, name, maximum in µs, counts as
            :func:`~openclaw_locust.measure.hdr.encode_counts` packs them).
    """

    index: int
    sends: int
    settled: int
    late: int
    histograms: tuple[tuple[str, str, int, bytes], ...]
    failures: tuple[tuple[str, str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Increments:
    """What one process recorded since it was last drained.

    Attributes:
        intervals: one for each interval that something was recorded in.
        settled_until: the first second of which something may still come.
    """

    intervals: tuple[Increment, ...] = ()
    settled_until: int = 0

    def to_plain(self) -> list[Any]:
        """Return the increments as lists of plain types, for the way to the master."""
        rows = [
            [i.index, i.sends, i.settled, i.late, list(i.histograms), list(i.failures)]
            for i in self.intervals
        ]
        return [self.settled_until, rows]

    @classmethod
    def from_plain(cls, plain: list[Any]) -> Increments:
        """Return the increments that :meth:`to_plain` made."""
        settled_until, rows = plain
        intervals = [
            Increment(
                index, sends, settled, late, tuple(map(tuple, found)), tuple(map(tuple, failed))
            )
            for index, sends, settled, late, found, failed in rows
        ]
        return cls(tuple(intervals), settled_until)


class Recorder:
    """This process's intervals that are not drained yet, or have sends without an outcome.

    Attributes:
        zero_ns: the run's begin on this process's ``perf_counter_ns`` clock.
    """

    def __init__(self, zero_ns: int) -> None:
        self.zero_ns = zero_ns
        self._intervals: dict[int, Interval] = {}
        self._current = self._at_index(0)
        self._begin_ns, self._end_ns = zero_ns, zero_ns + _NS

    def at(self, when_ns: int) -> Interval:
        """Return the interval of a time; it may be kept, and recorded into at any later time."""
        if self._begin_ns <= when_ns < self._end_ns:
            return self._current
        index = max(0, (when_ns - self.zero_ns) // _NS)
        self._begin_ns = self.zero_ns + index * _NS
        self._end_ns = self._begin_ns + _NS
        self._current = self._at_index(index)
        return self._current

    def drain(self, now_ns: int) -> Increments:
        """Return what was recorded since the last time.

        An interval that is over, and whose sends all have their outcome, is let go.
        """
        now = max(0, (now_ns - self.zero_ns) // _NS)
        found, unsettled = [], now
        for index in sorted(self._intervals):
            interval = self._intervals[index]
            increment = interval.take()
            if increment is not None:
                found.append(increment)
            if interval.sends > interval.settled or interval.connecting:
                unsettled = min(unsettled, index)
            elif interval is not self._current:
                del self._intervals[index]
        return Increments(tuple(found), unsettled)

    def _at_index(self, index: int) -> Interval:
        interval = self._intervals.get(index)
        if interval is None:
            interval = self._intervals[index] = Interval(index)
        return interval
