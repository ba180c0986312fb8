"""When nothing may be sent: the stalls of ``--fault stall=…`` on the clock. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openclaw_locust.server.faults.options import Stall


class StallTimes:
    """Stalls, in nanoseconds of ``time.monotonic_ns()`` once the first rating has come.

    They count from the first rating and not from the server's start, because that is when the load
    begins, however long its start took: ``stall=2s@10s`` lies in the tenth second of what the
    server records and, but for the way there, of what a client measures.
    """

    def __init__(self, stalls: Iterable[Stall] = ()) -> None:
        self._stalls = tuple(stalls)
        self._spans: list[tuple[int, int]] = []

    def begin(self, first_rating_ns: int) -> None:
        """The first rating has come."""
        for stall in self._stalls:
            begin_ns = first_rating_ns + round(stall.at_s * 1e9)
            self._spans.append((begin_ns, begin_ns + round(stall.duration_s * 1e9)))
        self._spans.sort()

    def free_from(self, when_ns: int) -> int:
        """Return the first time from ``when_ns`` on at which something may be sent."""
        for begin_ns, end_ns in self._spans:  # few, in the order of time
            if begin_ns <= when_ns < end_ns:
                when_ns = end_ns
        return when_ns

    def cancel(self) -> None:
        """From now on everything may be sent at any time."""
        self._stalls = ()
        self._spans.clear()
