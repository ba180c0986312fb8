"""A rate of arrivals over time, constant or in linear ramps: how many are due by when. Pure.

What is written is read as exact fractions, so that the number of arrivals before each ramp is exact
too: a float's dust there would plan an arrival too much at the end, or put one into a pause.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from openclaw_locust.durations import format_duration, parse_duration

MAX_RATE = 1_000_000
MIN_RATE = 1e-9  # one in 30 years: beyond, a clock in nanoseconds overflows
_PER = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}
_RATE = re.compile(r"(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?:/\s*(?P<unit>[a-z]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Ramp:
    """A span in which the rate changes evenly.

    Attributes:
        start_s: its begin.
        rate: arrivals per second at its begin.
        slope: by how much the rate grows in each second.
        length_s: its length; infinite for a rate that stays.
        before: how many arrivals are due before it.
    """

    start_s: float
    rate: float
    slope: float
    length_s: float
    before: float

    def due(self, since_s: float) -> float:
        """Return how many arrivals are due in the first ``since_s`` seconds of it."""
        return since_s * (self.rate + self.slope * since_s / 2)

    def when(self, arrivals: float) -> float:
        """Return after how many seconds of it that many are due."""
        # the stable form of the quadratic formula: it needs no slope, and no rate to begin with
        root = math.sqrt(max(0.0, self.rate**2 + 2 * self.slope * arrivals))
        divisor = self.rate + root
        return 2 * arrivals / divisor if divisor else 0.0


class RateProfile:
    """A rate over time: how many arrivals are due by a time, and when the n-th is.

    Attributes:
        duration_s: when it ends; None for a rate without an end.
        total: how many arrivals there are in all; infinite for a rate without an end.
    """

    def __init__(self, ramps: list[_Ramp], total: float, text: str) -> None:
        self._ramps = ramps
        self._text = text
        self._starts = [ramp.start_s for ramp in ramps]
        self._before = [ramp.before for ramp in ramps]
        last = ramps[-1]
        endless = math.isinf(last.length_s)
        self.duration_s = None if endless else last.start_s + last.length_s
        self.total = total

    def rate_at(self, when_s: float) -> float:
        """Return the arrivals per second at a time; 0 after the end."""
        ramp = self._ramps[max(0, bisect_right(self._starts, when_s) - 1)]
        since_s = when_s - ramp.start_s
        return ramp.rate + ramp.slope * since_s if 0 <= since_s < ramp.length_s else 0.0

    def expected_by(self, when_s: float) -> float:
        """Return how many arrivals are due before a time: the integral of the rate."""
        if when_s <= 0:
            return 0.0
        if self.duration_s is not None and when_s >= self.duration_s:
            return self.total
        ramp = self._ramps[bisect_right(self._starts, when_s) - 1]
        return ramp.before + ramp.due(when_s - ramp.start_s)

    def time_of(self, arrivals: float) -> float | None:
        """Return when that many arrivals are due, in seconds; None when they never are.

        The inverse of :meth:`expected_by`: the i-th arrival, from 0, is at ``time_of(i)``.
        """
        if arrivals >= self.total:
            return None
        ramp = self._ramps[bisect_right(self._before, arrivals) - 1]
        return ramp.start_s + min(ramp.when(arrivals - ramp.before), ramp.length_s)

    def __str__(self) -> str:
        """Return the spelling that the parsers read back."""
        return self._text


def parse_rate(text: str) -> float:
    """Return the arrivals per second that a text means: ``500/s``, ``30/m``, ``1/h``, ``500``.

    Raises:
        ValueError: it is no rate above 0; the message says what it is, and the mend.
    """
    return float(_parse_above_0(text))


def parse_rate_profile(text: str) -> RateProfile:
    """Return a constant rate without an end.

    Raises:
        ValueError: as :func:`parse_rate`.
    """
    rate = _parse_above_0(text)
    return RateProfile([_Ramp(0.0, float(rate), 0.0, math.inf, 0.0)], math.inf, _spell(rate))


def parse_rate_stages(text: str) -> RateProfile:
    """Read ``<duration>:<rate>`` stages, ``1m:100/s,3m:1000/s,1m:0/s``.

    Each ramps from the last rate, at first 0, to its own; a stage of ``0s`` jumps.

    Raises:
        ValueError: it is not a list of stages; the message says which is wrong, and the mend.
    """
    spans, rates = [], [Fraction(0)]
    for part in text.split(","):
        duration, colon, rate = part.strip().partition(":")
        if not colon:
            raise ValueError(
                f"stage {part.strip()!r} is not a duration and a rate; "
                "write stages like 1m:100/s,3m:1000/s,1m:0/s"
            )
        try:
            spans.append(_exact(parse_duration(duration)))
            rates.append(_parse(rate))
        except ValueError as error:
            raise ValueError(f"stage {part.strip()!r}: {error}") from None
    ramps, start_s, before = [], Fraction(0), Fraction(0)
    for length_s, (rate_from, rate_to) in zip(spans, pairwise(rates), strict=True):
        if length_s == 0:
            continue
        slope = (rate_to - rate_from) / length_s
        ramps.append(_Ramp(*map(float, (start_s, rate_from, slope, length_s, before))))
        start_s, before = start_s + length_s, before + length_s * (rate_from + rate_to) / 2
    if not ramps:
        raise ValueError("the stages take no time at all; give at least one a duration")
    if before == 0:
        raise ValueError("the stages have no arrivals at all; give at least one a rate above 0")
    stages = zip(spans, rates[1:], strict=True)
    spelling = ",".join(f"{format_duration(float(s))}:{_spell(rate)}" for s, rate in stages)
    return RateProfile(ramps, float(before), spelling)


def _parse_above_0(text: str) -> Fraction:
    rate = _parse(text)
    if rate == 0:
        raise ValueError(f"{text.strip()!r} is a rate of nothing; write e.g. 500/s")
    return rate


def _parse(text: str) -> Fraction:
    match = _RATE.fullmatch(text.strip().lower())
    unit = match["unit"] or "s" if match else ""
    if match is None or unit not in _PER:
        raise ValueError(f"{text.strip()!r} is no rate; write e.g. 500/s or 30/m")
    number, per = float(match["number"]), _PER[unit]
    if number > MAX_RATE * per:
        raise ValueError(f"{text.strip()!r} is more than {MAX_RATE:,} per second; write less")
    if 0 < number < MIN_RATE * per:
        raise ValueError(f"{text.strip()!r} is less than one in 30 years; write more")
    return _exact(number) / per


def _exact(number: float) -> Fraction:
    """Return the decimal number that was written, and not the float next to it."""
    return Fraction(repr(number))


def _spell(rate: Fraction) -> str:
    """Return the text that is read as exactly this rate: per second where that can be written."""
    for unit in ("s", "m", "h"):
        number = float(rate * _PER[unit])
        if _exact(number) == rate * _PER[unit]:
            break
    return f"{Decimal(repr(number)).normalize():f}/{unit}"
