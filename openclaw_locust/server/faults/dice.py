"""Whether a fault strikes at an occasion: its share and its time, and the luck of the draw."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openclaw_locust.server.faults.options import Fault


class FaultClock:
    """The time since the first rating, from which the times of faults count, as a stall's do."""

    def __init__(self) -> None:
        self._begin_s: float | None = None

    def begin(self) -> None:
        """The first rating has come; later calls change nothing."""
        if self._begin_s is None:
            self._begin_s = time.monotonic()

    def elapsed_s(self) -> float:
        """Return the seconds since the first rating; 0 before it."""
        return 0.0 if self._begin_s is None else time.monotonic() - self._begin_s


class FaultDice:
    """The faults of some occasions.

    Attributes:
        struck: how often each fault struck, 0 for those that have not yet; it is the counter that
            was given, or one of its own.
    """

    def __init__(
        self, faults: Iterable[Fault], clock: FaultClock, struck: Counter[str] | None = None
    ) -> None:
        self._faults = tuple(faults)
        self._clock = clock
        self.struck: Counter[str] = Counter() if struck is None else struck
        self.struck.update({fault.name: 0 for fault in self._faults})

    def throw(self) -> str | None:
        """Return the name of the fault that strikes at this occasion, or None."""
        now_s = self._clock.elapsed_s()
        for fault in self._faults:
            if now_s < fault.begin_s or (fault.end_s is not None and now_s >= fault.end_s):
                continue
            if fault.share >= 1 or random.random() < fault.share:
                self.struck[fault.name] += 1
                return fault.name
        return None
