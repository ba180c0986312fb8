"""The schedule of the open model: when each arrival is planned, a pure function of time.

Several processes share one schedule. Constant arrivals are dealt out by their number, so that the
processes together have exactly the whole schedule, evenly spaced, also when the split changes.
Random arrivals need no dealing: independent Poisson processes of a rate's parts are together one
of the whole rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

from openclaw_locust.measure.rates import RateProfile

Kind = Literal["constant", "poisson"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A rate over time, and how its arrivals are spaced.

    Attributes:
        profile: the rate.
        kind: ``constant``: evenly; ``poisson``: at random, with the rate as their mean.
        seed: of the random arrivals: the same seed gives the same arrivals.
    """

    profile: RateProfile
    kind: Kind = "constant"
    seed: str = ""

    def times(self, from_s: float, index: int, count: int) -> Iterator[float]:
        """Yield the planned times from a time on of one of ``count`` parts, in seconds."""
        time_of = self.profile.time_of
        for number in self._numbers(from_s, index, count):
            when_s = time_of(number)
            if when_s is None:
                return
            if when_s >= from_s:
                yield when_s

    def _numbers(self, from_s: float, index: int, count: int) -> Iterator[float]:
        """Yield the numbers of a part's arrivals, from a little before ``from_s`` on."""
        begin = self.profile.expected_by(from_s)
        if self.kind == "constant":
            first = max(0, math.floor(begin) - 1)  # times decide, not this rounding
            number = first + (index - first) % count
            while True:
                yield number
                number += count
        chance = Random(f"{self.seed}/{from_s:.6f}/{index}/{count}")
        at = begin
        while True:
            at += chance.expovariate(1) * count
            yield at


class Share:
    """The part of a schedule that one process sends, which changes with the number of processes."""

    def __init__(self, schedule: Schedule) -> None:
        """Begin with nothing, until :meth:`resplit`."""
        self._schedule = schedule
        self._splits: list[tuple[float, int | None, int]] = []  # to come, in the order of time
        self._times: Iterator[float] = iter(())
        self._next_s: float | None = None

    def peek(self) -> float | None:
        """Return the next planned time in seconds; None when there is none."""
        return self._next_s

    def pop(self) -> float:
        """Return the next planned time and go on to the one after it.

        Raises:
            IndexError: there is none.
        """
        found = self._next_s
        if found is None:
            raise IndexError("nothing is planned")
        self._advance()
        return found

    def resplit(self, at_s: float, index: int | None, count: int) -> None:
        """Take another part from a time on; what is planned before it stays.

        Args:
            at_s: the time of the schedule, not before what was popped last.
            index: which part, from 0; None: nothing.
            count: of how many; 0: nothing.
        """
        self._splits = [split for split in self._splits if split[0] < at_s]
        self._splits.append((at_s, index, count))
        if self._next_s is None or self._next_s >= at_s:
            self._switch()

    def _advance(self) -> None:
        self._next_s = next(self._times, None)
        if self._splits and (self._next_s is None or self._next_s >= self._splits[0][0]):
            self._switch()

    def _switch(self) -> None:
        """Go over to the next split that has something before the one behind it."""
        while self._splits:
            at_s, index, count = self._splits.pop(0)
            if index is None or count == 0:
                self._times = iter(())
            else:
                self._times = self._schedule.times(at_s, index, count)
            self._next_s = next(self._times, None)
            if not self._splits or (self._next_s is not None and self._next_s < self._splits[0][0]):
                return
