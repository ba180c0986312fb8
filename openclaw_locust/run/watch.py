"""What goes on while a run lasts, in the process that judges it: a single one, or the master.

Once a second it gathers the series, splits the schedule anew when a worker came or left, and ends
the run when a threshold says so or the schedule is over.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence

import gevent
from locust.env import Environment

from openclaw_locust.distributed.master import MasterSide
from openclaw_locust.judging.live import LiveThresholds
from openclaw_locust.judging.thresholds import Threshold
from openclaw_locust.measure.series import Series
from openclaw_locust.run.early_word import early_word, has_worked
from openclaw_locust.run.pacing import RESPLIT_AFTER_S, SCHEDULE_AFTER_S
from openclaw_locust.workload import Workload

logger = logging.getLogger("openclaw_locust")

_LOOK_S = 1.0
_EARLY_S = (2.0, 60.0)  # the run's begin, when the word about it is said


class RunWatch:
    """One run's watch.

    Attributes:
        thresholds: what the run is judged by.
        aborted: why a threshold ended the run, in one line; None when none did.
        begin_s: when the schedule began, in seconds since the run's begin; None when it did not.
        was_reset: whether the figures were begun anew, so that Locust's and ours may differ by
            what was under way.
    """

    def __init__(
        self,
        environment: Environment,
        workload: Workload,
        master: MasterSide | None,
        thresholds: Sequence[Threshold],
    ) -> None:
        self._environment = environment
        self._workload = workload
        self._master = master
        self._series = Series()
        self.thresholds = tuple(thresholds)
        self._live = LiveThresholds(thresholds, workload.settings.warm_up_s)
        self._workers: list[str] = []
        self.aborted: str | None = None
        self.begin_s: float | None = None
        self.was_reset = False
        self._has_said_word = False
        self._greenlet = gevent.spawn(self._watch)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run's begin."""
        return (time.perf_counter_ns() - self._workload.recorder.zero_ns) / 1e9

    @property
    def series(self) -> Series:
        """Everything that was recorded so far."""
        if self._master is not None:
            return self._master.accounts.series
        self._series.add(self._workload.recorder.drain(time.perf_counter_ns()))
        return self._series

    def begin_schedule(self) -> None:
        """Begin the schedule of the open model once all users were spawned."""
        if self.begin_s is not None or not self._workload.settings.is_open_model:
            return
        # at a whole second, so that the seconds of the schedule are those of the series
        self.begin_s = float(math.ceil(self.elapsed_s + SCHEDULE_AFTER_S))
        if self._master is not None:
            self._split(at_s=0.0)
        elif self._workload.pacer is not None:
            self._workload.pacer.resplit(0.0, 0, 1)
            zero_ns = self._workload.recorder.zero_ns
            self._workload.pacer.begin(zero_ns + int(self.begin_s * 1e9))

    def reset(self) -> None:
        """Begin the series anew; in a master the accounts do."""
        self._series = Series()
        self.was_reset = True

    def stop(self) -> None:
        """Watch no longer."""
        self._greenlet.kill(block=False)

    def _say_early_word(self) -> None:
        """Say once what is wrong when nothing has worked since the run's begin."""
        if self._has_said_word or not _EARLY_S[0] <= self.elapsed_s <= _EARLY_S[1]:
            return
        window = self.series.window()
        master = self._master
        records = self._workload.records if master is None else master.accounts.records()
        word = early_word(window, records)
        self._has_said_word = word is not None or has_worked(window)
        if word is not None:
            logger.warning(word)

    def _watch(self) -> None:
        while True:
            gevent.sleep(_LOOK_S)
            self._say_early_word()
            if self._master is not None:
                self._master.let_go_of_missing()
                if self.begin_s is not None:
                    self._split(self.elapsed_s - self.begin_s + RESPLIT_AFTER_S)
            crossed = self._live.update(self.series)
            if crossed is not None:
                value = "no data" if crossed.value is None else f"{crossed.value:.4g}"
                self.aborted = (
                    f"{crossed.threshold} was crossed ({crossed.row}: {value}) "
                    f"{self.elapsed_s:.0f} s after the begin"
                )
                logger.warning(f"ending the run: {self.aborted}")
                self._end_run()
                return
            if self._is_schedule_over():
                logger.info("ending the run: the schedule is over")
                self._end_run()
                return

    def _split(self, at_s: float) -> None:
        """Split the schedule over the workers that have users, if they are others than before."""
        assert self._master is not None
        assert self.begin_s is not None
        workers = self._master.loaded_workers()
        if workers and workers != self._workers:
            self._workers = workers
            self._master.pace(self.begin_s, max(0.0, at_s), workers)

    def _is_schedule_over(self) -> bool:
        plan = self._workload.settings.arrivals
        if plan is None or self.begin_s is None or plan.profile.duration_s is None:
            return False
        return self.elapsed_s > self.begin_s + plan.profile.duration_s

    def _end_run(self) -> None:
        """End the run as Locust's own time limit does."""
        runner, options = self._environment.runner, self._environment.parsed_options
        if runner is None:
            return
        if options is not None and options.headless:
            gevent.spawn(runner.quit)
        else:
            gevent.spawn(runner.stop)
