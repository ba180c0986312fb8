"""The worker's side: marks its reports; gives its last word when it is asked, or when it ends.

It keeps what it has sent, merged, for the case that the master is gone before the run is judged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from locust import runners
from locust.argument_parser import get_parser
from locust.env import Environment
from locust.runners import WorkerRunner

from openclaw_locust import workload as workloads
from openclaw_locust.distributed.clocks import QUESTIONS, ClockComparison
from openclaw_locust.distributed.messages import (
    CLOCK,
    DRAIN,
    LAST_WORD,
    PACE,
    REFUSED,
    REPORT_KEY,
    RESET,
    RUN_OPTION,
    WORKERS_OPTION,
    ZERO_OPTION,
    Pace,
    ReportMark,
    worker_name,
)
from openclaw_locust.measure.recorder import Increments
from openclaw_locust.measure.series import Series
from openclaw_locust.options import LOCAL_OPTIONS

_LATE_NUMBERS = 1_000_000
_ORPHAN_LIMIT_S = 8
_SILENCE_S = 4.0  # Locust's master answers once a second
_WORD_OUT_S = 0.5
_BETWEEN_QUESTIONS_S = 0.05

logger = logging.getLogger("openclaw_locust")


def _own_options(environment: Environment) -> dict[str, Any]:
    """Return what the worker itself was given of the options that belong to its machine.

    An order to spawn that came early has overwritten them with the master's: then they are read
    from the command line again.
    """
    options = vars(environment.parsed_options) if environment.parsed_options else {}
    if RUN_OPTION in options:
        options = vars(get_parser().parse_args())
    return {o.dest: options[o.dest] for o in LOCAL_OPTIONS if options.get(o.dest)}


class WorkerSide:
    """One worker's part in a run, from the order to spawn to its last word.

    Attributes:
        on_pace: called with each new part of the schedule that this worker gets.
        generator: says how this process itself fares, as plain types.
        series: everything that this process recorded in the run, also what was sent.
        run_s: how long the run lasted here, in seconds.
        silence_s: for how long the master had not been heard of when this process was to end.
        is_orphan: whether that says that the master is gone.
        is_run_lost: whether it went without the last word of the latest run.
    """

    def __init__(self, environment: Environment, runner: WorkerRunner) -> None:
        self._environment = environment
        self._runner = runner
        self._run = ""
        self._requests = 0
        self._ended_run = ""
        self._word_given = Event()
        self._own = _own_options(environment)
        self._clock = ClockComparison()
        self._clock_error_ms = 0.0
        self.series = Series()
        self.run_s = self.silence_s = 0.0
        self.is_orphan = self.is_run_lost = False
        self._word_at_s: float | None = None
        self.generator: Callable[[], dict[str, Any]] = dict
        self.on_pace: Callable[[Pace], None] = lambda pace: None
        # Locust's own limit is 60 s, long for a load that nobody watches any more.
        runners.MASTER_HEARTBEAT_TIMEOUT = min(runners.MASTER_HEARTBEAT_TIMEOUT, _ORPHAN_LIMIT_S)
        # Registered after Locust's own: ours runs when the report is filled, and, as Locust fires
        # quitting in reverse, before the message that takes this worker off the master's list.
        environment.events.report_to_master.add_listener(self._mark_report)
        environment.events.quitting.add_listener(self._on_quitting)
        runner.register_message(DRAIN, self._on_drain, concurrent=True)
        runner.register_message(RESET, self._on_reset)
        runner.register_message(PACE, self._on_pace)
        runner.register_message(CLOCK, self._on_clock)
        gevent.spawn(self._compare_clocks)

    @property
    def share(self) -> workloads.Share:
        """Which worker this is and of how many; one that joined late counts on from far behind."""
        index = max(self._runner.worker_index, 0)
        count = int(vars(self._environment.parsed_options).get(WORKERS_OPTION) or 1)
        return (index, count) if index < count else (_LATE_NUMBERS * index, 1)

    @property
    def workers(self) -> int:
        """How many workers there are at the least."""
        count = int(vars(self._environment.parsed_options).get(WORKERS_OPTION) or 1)
        return max(count, self._runner.worker_index + 1)

    @property
    def name(self) -> str:
        """This worker for people, as the master calls it."""
        return worker_name(self._runner.client_id, self._runner.worker_index)

    def start(self) -> None:
        """Begin a run: its id came with the options."""
        options = vars(self._environment.parsed_options)
        if not options.get("demo"):  # the embedded server's CA is the master's to name
            options.update(self._own)
        self._run = str(options.get(RUN_OPTION) or "")
        self._requests = 0
        self.series = Series()
        self.run_s = 0.0
        self._word_at_s = None

    def zero_ns(self) -> int:
        """Return the run's begin on this process's clock."""
        now_ns = time.perf_counter_ns()
        sent = vars(self._environment.parsed_options).get(ZERO_OPTION)
        if not sent:
            return now_ns
        master_ns, wall_ns = sent
        best = self._clock.best
        if best is not None:
            self._clock_error_ms = best.error_ns / 1e6
            return best.here(int(master_ns))
        # told to spawn before the master could be asked: the two machines' clocks must do
        self._clock_error_ms = -1.0
        return now_ns - max(0, time.time_ns() - int(wall_ns))

    def note_stop(self) -> None:
        """The load of this process ends now."""
        workload = workloads.current(self._environment)
        if workload is not None:
            self.run_s = (time.perf_counter_ns() - workload.recorder.zero_ns) / 1e9

    def refuse(self, reason: str) -> None:
        """Tell the master that the run cannot be done here; the word must be out before the end."""
        logger.error(reason)
        self._runner.send_message(REFUSED, {"run": self._run, "reason": reason})
        gevent.sleep(_WORD_OUT_S)

    def _mark_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        self._requests += int(data.get("stats_total", {}).get("num_requests", 0))
        data[REPORT_KEY] = self._mark().to_plain()

    def _mark(self) -> ReportMark:
        workload = workloads.current(self._environment)
        records: dict[str, Any] = {}
        series: list[Any] = Increments().to_plain()
        if workload is not None:
            records = workload.records.to_plain()
            increments = workload.recorder.drain(time.perf_counter_ns())
            self.series.add(increments)
            series = increments.to_plain()
        return ReportMark(
            self._run, self._requests, records, series, self.generator(), self._clock_error_ms
        )

    def _on_drain(self, msg: Any, **_: Any) -> None:
        if msg.data.get("run") == self._run:
            self._end()
        else:  # the order to spawn never came: there is nothing to say, and that is said
            nothing = Increments().to_plain()
            mark = ReportMark(str(msg.data.get("run")), 0, {}, nothing, {}, 0.0)
            self._runner.send_message(LAST_WORD, mark.to_plain())

    def _on_pace(self, msg: Any, **_: Any) -> None:
        pace = Pace(**msg.data)
        if pace.run == self._run:
            self.on_pace(pace)

    def _compare_clocks(self) -> None:
        for _ in range(QUESTIONS):
            self._runner.send_message(CLOCK, {"asked": time.perf_counter_ns()})
            gevent.sleep(_BETWEEN_QUESTIONS_S)

    def _on_clock(self, msg: Any, **_: Any) -> None:
        data = msg.data
        self._clock.answer(data["asked"], data["master"], time.perf_counter_ns())

    def _on_reset(self, **_: Any) -> None:
        """Begin anew with the master, which has no hold on what was not yet reported to it."""
        self._runner.stats.reset_all()
        self.series = Series()
        workload = workloads.current(self._environment)
        if workload is not None:
            workload.reset_records()

    def _on_quitting(self, **_: Any) -> None:
        heard_s = self._runner.last_heartbeat_timestamp
        if heard_s is not None:
            self.silence_s = time.time() - heard_s
            self.is_orphan = self.silence_s > _SILENCE_S
            is_told = self._word_at_s is not None and heard_s > self._word_at_s
            self.is_run_lost = self.is_orphan and bool(self._run) and not is_told
        if self._run:
            self._end()

    def _end(self) -> None:
        """Stop the users, each with its last answer; report; say the last word.

        Messages to the master keep their order, so when the word is there, the report is too. Once:
        a Ctrl-C reaches all processes, and stopping users twice cuts their last answers off. Who
        comes second waits: the process would end before the word is out.
        """
        if self._ended_run == self._run:
            self._word_given.wait()
            return
        self._ended_run = self._run
        self._word_given.clear()
        try:
            if self._runner.user_count:
                self._runner.stop()
            self._runner._send_stats()
            self._runner.send_message(LAST_WORD, self._mark().to_plain())
            self._word_at_s = time.time()
        finally:
            self._word_given.set()
