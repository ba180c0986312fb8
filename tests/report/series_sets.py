"""Hand-made time series, for figures that are known beforehand."""

from __future__ import annotations

from openclaw_locust.measure.recorder import Recorder
from openclaw_locust.measure.series import Series

SECOND_NS = 1_000_000_000
NAME = "OpenClawRating"


class Script:
    """What a run would have recorded, second by second."""

    def __init__(self) -> None:
        self.recorder = Recorder(0)
        self._last_s = 0

    def took(self, metric: str, *milliseconds: float, at_s: int = 0, name: str = NAME) -> Script:
        """Durations of a phase."""
        interval = self.recorder.at(self._ns(at_s))
        for value in milliseconds:
            interval.record((metric, name), round(value * 1e6))
        return self

    def acked(self, *milliseconds: float, at_s: int = 0, name: str = NAME) -> Script:
        """Ratings and their acks."""
        interval = self.recorder.at(self._ns(at_s))
        interval.sends += len(milliseconds)
        interval.settled += len(milliseconds)
        return self.took("ack", *milliseconds, at_s=at_s, name=name)

    def failed(
        self, kind: str, class_name: str, times: int = 1, at_s: int = 0, name: str = NAME
    ) -> Script:
        """Failures; those of ``ACK`` are sends."""
        interval = self.recorder.at(self._ns(at_s))
        for _ in range(times):
            interval.fail(kind, name, class_name)
        if kind == "ACK":
            interval.sends += times
            interval.settled += times
        return self

    def late(self, times: int, at_s: int = 0) -> Script:
        """Acks that came after their sends had been counted as failed."""
        self.recorder.at(self._ns(at_s)).late += times
        return self

    def unsettled(self, times: int, at_s: int = 0) -> Script:
        """Sends that have no outcome."""
        self.recorder.at(self._ns(at_s)).sends += times
        return self

    def connected(self, times: int, at_s: int = 0, name: str = NAME) -> Script:
        """Connections in all their phases."""
        for metric, value in (("tcp", 0.1), ("tls", 2.5), ("upgrade", 1.0), ("connect", 3.6)):
            self.took(metric, *[value] * times, at_s=at_s, name=name)
        return self

    def series(self) -> Series:
        """The series of all that."""
        series = Series()
        series.add(self.recorder.drain((self._last_s + 1) * SECOND_NS))
        return series

    def _ns(self, at_s: int) -> int:
        self._last_s = max(self._last_s, at_s)
        return at_s * SECOND_NS
