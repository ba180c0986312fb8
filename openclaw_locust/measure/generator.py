"""The generator's probe: how late its event loop is, and how much CPU it uses.

An answer that comes while the loop is busy is timed late. So the probe asks for the loop at planned
times, fifty a second, and notes how late it got it. When the loop stood still for two seconds, all
the planned times of these seconds were missed, each by its own lateness; one sample of two seconds
would hide that (coordinated omission, of the probe itself).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from openclaw_locust.measure.alarm import Alarm
from openclaw_locust.measure.machine import (
    cpu_limit,
    descriptor_limit,
    open_descriptors,
    throttled_us,
)

PROBE_NS = 20_000_000
"""Between two probes: 50 a second cost 0.04 % of a busy core (7 µs each), and 0.7 % of an idle one,
which each has to wake; twice as many would cost twice as much."""

_LOOK_NS = 1_000_000_000
_DESCRIPTORS_EVERY = 5  # looks: counting ten thousand of them is not free
_MOST_PER_STANDSTILL = 1000
_SECONDS_KEPT = 3600

now_ns = time.perf_counter_ns


@dataclass(frozen=True, slots=True)
class GeneratorSummary:
    """What one process measured of itself.

    Attributes:
        process: its label.
        cpu_mean, cpu_peak: its CPU time as a share of one core: over the window, and in its
            busiest second; None before the first second.
        cpus: how many CPUs it may use.
        cpus_source: what says so.
        throttled_share: the share of the window in which the kernel held its container back, for
            each CPU that it may use; at the most, as other CPUs can be held back as well.
        descriptors: the most that were open.
        descriptors_limit: how many may be.
        standstill_ms: the longest time that its loop stood still.
        standstill_at_s: when that began, in seconds since the run's begin.
    """

    process: str
    cpu_mean: float | None
    cpu_peak: float | None
    cpus: float
    cpus_source: str
    throttled_share: float
    descriptors: int
    descriptors_limit: int
    standstill_ms: float
    standstill_at_s: float

    def to_plain(self) -> dict[str, Any]:
        """Return the summary as plain types, for the way to the master."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> GeneratorSummary:
        """Return the summary that :meth:`to_plain` made."""
        return cls(**plain)


@dataclass(frozen=True, slots=True)
class _Second:
    """One look: its end, and what was used since the look before it, all in nanoseconds.

    Attributes:
        cpu_peak: the busiest of the seconds that became one; None: too short to say.
    """

    end_ns: int
    wall_ns: int
    cpu_ns: int
    throttled_ns: int
    cpu_peak: float | None


class GeneratorProbe:
    """Probes the process that it is made in, from :meth:`start` to :meth:`stop`."""

    def __init__(
        self, process: str, zero_ns: int, from_s: float, on_lag: Callable[[int, int], None]
    ) -> None:
        """Make a probe.

        Args:
            process: the process's label.
            zero_ns: the run's begin on the ``perf_counter_ns`` clock.
            from_s: the begin of the measured window, in seconds since the run's begin.
            on_lag: called in gevent's hub with the planned time of a probe and how much later it
                was served, in nanoseconds; must not block.
        """
        self._process = process
        self._zero_ns = zero_ns
        self._from_ns = zero_ns + int(from_s * 1e9)
        self._on_lag = on_lag
        self._alarm: Alarm | None = None
        self._due_ns = 0
        self._look_ns = 0
        self._looks = 0
        self._before = (0, 0, 0)
        self._seconds: list[_Second] = []
        self._descriptors = 0
        self._standstill = (0, 0)  # how long, and when it began
        self._cpu_limit = cpu_limit()
        self._descriptor_limit = descriptor_limit()

    def start(self) -> None:
        """Begin to probe."""
        now = now_ns()
        self._alarm = Alarm(self._on_alarm)
        self._before = (now, time.process_time_ns(), throttled_us())
        self._look_ns = now + _LOOK_NS
        self._due_ns = now + PROBE_NS
        self._alarm.set(self._due_ns)

    def stop(self) -> None:
        """Probe no longer; the summary stays."""
        if self._alarm is not None:
            now = now_ns()
            self._serve(now)
            self._look(now)
            self._alarm.close()
            self._alarm = None

    def summary(self) -> GeneratorSummary:
        """Return what is known of the measured window so far."""
        seconds = [each for each in self._seconds if each.end_ns - each.wall_ns >= self._from_ns]
        wall_ns = sum(each.wall_ns for each in seconds)
        throttled_ns = sum(each.throttled_ns for each in seconds) / max(1.0, self._cpu_limit.cpus)
        length_ns, at_ns = self._standstill
        return GeneratorSummary(
            process=self._process,
            cpu_mean=sum(each.cpu_ns for each in seconds) / wall_ns if wall_ns else None,
            cpu_peak=_highest(seconds),
            cpus=self._cpu_limit.cpus,
            cpus_source=self._cpu_limit.source,
            throttled_share=min(1.0, throttled_ns / wall_ns) if wall_ns else 0.0,
            descriptors=self._descriptors,
            descriptors_limit=self._descriptor_limit,
            standstill_ms=length_ns / 1e6,
            standstill_at_s=(at_ns - self._zero_ns) / 1e9 if length_ns else 0.0,
        )

    def _on_alarm(self) -> None:
        now = now_ns()
        self._serve(now)
        if now >= self._look_ns:
            self._look(now)
        assert self._alarm is not None
        self._alarm.set(self._due_ns)

    def _serve(self, now: int) -> None:
        """Give the lateness of each probe that is due."""
        late_ns = now - self._due_ns
        stood_from_ns = max(self._due_ns, self._from_ns)  # what reaches out of the warm-up counts
        if now - stood_from_ns > self._standstill[0]:
            self._standstill = (now - stood_from_ns, stood_from_ns)
        step_ns = max(PROBE_NS, late_ns // _MOST_PER_STANDSTILL)
        while self._due_ns <= now:
            self._on_lag(self._due_ns, now - self._due_ns)
            self._due_ns += step_ns

    def _look(self, now: int) -> None:
        """Note the CPU time since the last look."""
        before_ns, cpu_before_ns, throttled_before_us = self._before
        cpu_now_ns, throttled = time.process_time_ns(), throttled_us()
        self._before = (now, cpu_now_ns, throttled)
        self._look_ns = now + _LOOK_NS
        wall_ns, cpu_ns = now - before_ns, cpu_now_ns - cpu_before_ns
        throttled_ns = (throttled - throttled_before_us) * 1000
        peak = cpu_ns / wall_ns if wall_ns > _LOOK_NS // 2 else None
        self._seconds.append(_Second(now, wall_ns, cpu_ns, throttled_ns, peak))
        if len(self._seconds) > _SECONDS_KEPT:
            self._seconds = [_together(*pair) for pair in _pairs(self._seconds)]
        if self._looks % _DESCRIPTORS_EVERY == 0:
            self._descriptors = max(self._descriptors, open_descriptors())
        self._looks += 1


def _highest(seconds: Iterable[_Second]) -> float | None:
    return max((each.cpu_peak for each in seconds if each.cpu_peak is not None), default=None)


def _pairs(seconds: list[_Second]) -> list[tuple[_Second, ...]]:
    return [tuple(seconds[at : at + 2]) for at in range(0, len(seconds), 2)]


def _together(*seconds: _Second) -> _Second:
    """Return neighbouring seconds as one, so that a run of days keeps a bounded number."""
    return _Second(
        seconds[-1].end_ns,
        sum(each.wall_ns for each in seconds),
        sum(each.cpu_ns for each in seconds),
        sum(each.throttled_ns for each in seconds),
        _highest(seconds),
    )
