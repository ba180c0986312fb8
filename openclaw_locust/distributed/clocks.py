"""Clocks of several machines: where the run's begin lies on a worker's own clock.

A worker asks the master for its time over their own channel, several times, and believes the
answer that came back fastest: the master read its clock somewhere between the question and the
answer, so the error is at most half of that round trip (Cristian 1989, "Probabilistic clock
synchronization"). Pure; the times come in as arguments, in nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

QUESTIONS = 8


@dataclass(frozen=True, slots=True)
class Offset:
    """What the master's clock shows more than this one's, and how wrong that can be."""

    offset_ns: int
    error_ns: int

    def here(self, master_ns: int) -> int:
        """Return a time of the master's clock on this process's clock."""
        return master_ns - self.offset_ns


class ClockComparison:
    """Collects the answers.

    Attributes:
        best: the offset by the fastest round trip, or None before the first answer.
    """

    def __init__(self) -> None:
        self.best: Offset | None = None

    def answer(self, asked_ns: int, master_ns: int, answered_ns: int) -> None:
        """Enter one answer: asked and answered on this clock, the master's own in between."""
        error_ns = (answered_ns - asked_ns) // 2
        if self.best is None or error_ns < self.best.error_ns:
            self.best = Offset(master_ns - (asked_ns + error_ns), error_ns)
