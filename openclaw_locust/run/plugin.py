"""One run's life inside Locust: which of its events we hear, and what happens at each.

    options       add ours to Locust's parser
    init          refuse wrong options; start the embedded server; put in the stages; guard the form
    test_start    fresh settings, contexts and records; a run id for the workers
    spawning_complete  begin the schedule of the open model
    test_stopping end it
    test_stop     master: the drain; all: close what is open; in the web UI: judge and show
    quitting      stop what still runs, so that nothing is judged before its last answer; exit code
    quit          the report, below Locust's own tables

Importing this module hears these events; `openclaw_locust.__getattr__` imports it together with the
user classes.
"""

from __future__ import annotations

import atexit
import logging
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import gevent
from locust import events
from locust import stats as locust_stats
from locust.env import Environment
from locust.runners import MasterRunner, Runner, WorkerRunner
from locust.web import WebUI

from openclaw_locust import workload as workloads
from openclaw_locust.distributed.master import MasterSide
from openclaw_locust.distributed.worker import WorkerSide
from openclaw_locust.measure.histogram import bucketed_ms
from openclaw_locust.option_values import SettingsError
from openclaw_locust.options import add_options
from openclaw_locust.run.capacity import check_machine, check_worker
from openclaw_locust.run.csv_files import CsvFiles
from openclaw_locust.run.demo import DemoError, DemoServer, start_demo
from openclaw_locust.run.early_end import WORKERS_GONE
from openclaw_locust.run.end import RunEnd, show_report
from openclaw_locust.run.environment import (
    check_classes,
    goal_of,
    has_form,
    is_worker,
    one_at_a_time,
    thresholds_of,
    uses_us,
)
from openclaw_locust.run.facts import notes_of
from openclaw_locust.run.generator import GeneratorWatch
from openclaw_locust.run.hosts import ConcealedHosts
from openclaw_locust.run.interrupts import Interruptions
from openclaw_locust.run.orphan import orphans_report
from openclaw_locust.run.outputs import check_outputs
from openclaw_locust.run.pacing import make_pacer, take_pace
from openclaw_locust.run.refusal import BAD_OPTIONS, INTERRUPTED, refuse
from openclaw_locust.run.shapes import put_in_stages, refuse_contradictions
from openclaw_locust.run.watch import RunWatch
from openclaw_locust.run.web_form import guard_form
from openclaw_locust.streams import flush_or_drop_outputs
from openclaw_locust.users.request_events import ACK
from openclaw_locust.workload import Workload, options_of

if TYPE_CHECKING:
    from openclaw_locust.report.build import Report

logger = logging.getLogger("openclaw_locust")

_DRAIN_MARGIN_S = 5.0
_POLL_S = 0.01
_THIS_PROCESS = "this process"


class Plugin:
    """What we know of the process's run between Locust's events."""

    def __init__(self) -> None:
        self._demo: DemoServer | None = None
        self._hosts = ConcealedHosts()
        self._runner: Runner | None = None
        self._master: MasterSide | None = None
        self._worker: WorkerSide | None = None
        self._interruptions: Interruptions | None = None
        self._end: RunEnd | None = None
        self._generator: GeneratorWatch | None = None
        self._csv_files: CsvFiles
        self._orphans_report: Report | None = None

    def on_init(self, environment: Environment, web_ui: WebUI | None, **_: Any) -> None:
        """Refuse wrong options in one line, before the first user."""
        if not uses_us(environment):
            return
        runner = self._runner = environment.runner
        self._csv_files = CsvFiles()
        atexit.register(flush_or_drop_outputs)  # registered first, so done last
        if isinstance(runner, WorkerRunner):
            self._worker = WorkerSide(environment, runner)
        else:
            self._init_judge(environment, web_ui)
        self._hosts.conceal(environment)
        self._interruptions = Interruptions(environment, self)
        # The loop's clock stands still while modules are imported. Locust's timer for -t would be
        # short by as much, and so would the run.
        gevent.get_hub().loop.update_now()

    def _init_judge(self, environment: Environment, web_ui: WebUI | None) -> None:
        """Prepare the process that judges the run; a worker's options come with its orders."""
        if isinstance(environment.runner, MasterRunner):
            self._master = MasterSide(environment, environment.runner)
        try:
            refuse_contradictions(environment)
            self._start_demo(environment)
            settings = workloads.check(
                environment, self._hosts.target(environment), host_may_follow=has_form(environment)
            )
            check_classes(environment, settings)
            put_in_stages(environment, settings.stages)
            if not has_form(environment):  # else the form says how many users
                check_machine(options_of(environment), settings)
        except (SettingsError, DemoError) as error:
            self._stop_demo()
            refuse(str(error))
        except KeyboardInterrupt:  # while the embedded server starts; it ends with this process
            refuse("interrupted before the run began", INTERRUPTED)
        atexit.register(self._last_resort)
        if web_ui is not None:
            guard_form(web_ui, environment)

    def on_test_start(self, environment: Environment, **_: Any) -> None:
        """Begin a run from nothing, also the second one in the web UI."""
        if not uses_us(environment):
            return
        if is_worker(environment):
            self._start_worker(environment)
            return
        workload = workloads.prepare(environment, self._hosts.target(environment))
        self._hosts.conceal(environment)
        if self._master is not None:
            self._hosts.send(environment)
            self._master.start(workload.recorder.zero_ns)
        else:
            self._load_from_here(environment, workload, _THIS_PROCESS)
        watch = RunWatch(environment, workload, self._master, thresholds_of(environment, workload))
        self._end = RunEnd(
            environment,
            workload,
            self._demo,
            self._master,
            watch,
            self._generator,
            self._csv_files,
            self._end,
        )
        for note in notes_of(workload, is_demo=self._demo is not None):
            logger.warning(note)
        if ACK in goal_of(environment):
            logger.warning("ratings are writes: this run writes to the target")
        in_flight = workload.settings.in_flight
        for name in one_at_a_time(environment) if in_flight > 1 else ():
            logger.warning(
                f"--in-flight {in_flight} does nothing for {name}: it waits for each ack"
            )

    def _start_worker(self, environment: Environment) -> None:
        # A worker that joins a run can be told to spawn before Locust has fired `init`, even before
        # it has made the runner known.
        while self._worker is None:
            gevent.sleep(_POLL_S)
        self._worker.start()
        worker = self._worker
        try:
            workload = workloads.prepare(
                environment, self._hosts.target(environment), worker.share, worker.zero_ns()
            )
            check_worker(options_of(environment), workload.settings, worker.workers)
        except SettingsError as error:
            worker.refuse(str(error))
            sys.exit(BAD_OPTIONS)
        self._load_from_here(environment, workload, worker.name)
        worker.on_pace = partial(take_pace, workload)
        worker.generator = lambda: self._generator.summary().to_plain() if self._generator else {}

    def _load_from_here(self, environment: Environment, workload: Workload, process: str) -> None:
        """Prepare a process that sends load itself."""
        if self._generator is not None:
            self._generator.stop()
        self._generator = GeneratorWatch(workload, process)
        if workload.settings.is_open_model:
            workload.pacer = make_pacer(environment, workload, process)

    def on_worker_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        """Account for a worker's report; registered before any runner, so heard before Locust's."""
        if self._master is not None:
            self._master.on_report(client_id, data)

    def on_reset_stats(self, **_: Any) -> None:
        """Reset our records with Locust's."""
        if self._end is not None:
            self._end.workload.reset_records()
            self._end.watch.reset()
        if self._master is not None:
            self._master.reset()

    def on_spawning_complete(self, **_: Any) -> None:
        """Locust's ``--reset-stats`` resets at this moment, and fires no event of its own."""
        if self._end is None:
            return
        self._end.all_spawned = True
        if self._end.environment.reset_stats:
            self.on_reset_stats()
        if self._runner is not None and self._runner.user_count:  # stages may begin with none
            self._end.watch.begin_schedule()

    def on_test_stopping(self, environment: Environment, **_: Any) -> None:
        """End the schedule before the users, so that nothing is handed to one that is leaving."""
        if self._end is not None:
            self._end.note_stop(self._cause())
        if self._worker is not None:
            self._worker.note_stop()
        workload = workloads.current(environment)
        if workload is not None and workload.pacer is not None:
            workload.pacer.stop()

    def on_test_stop(self, environment: Environment, **_: Any) -> None:
        """End the run: drain the workers; in the web UI the report comes now."""
        workload = workloads.current(environment)
        if workload is None:
            return
        if self._master is not None:
            # a last connect or ack, then the server's answer to the close
            last_ns = max(workload.ack_timeout_ns, workload.endpoint.connect_timeout_ns)
            patience_s = (last_ns + workload.close_timeout_ns) / 1e9
            self._master.drain(patience_s + environment.stop_timeout + _DRAIN_MARGIN_S)
        workload.close_all()
        if self._generator is not None:
            self._generator.stop()
        if environment.web_ui is not None and self._end is not None:
            self._end.judge({})
            self._end.show()
        elif self._master is not None and not self._master.has_workers:
            # Locust stops when its last worker went missing, and waits for its time, or for ever
            self._master.quit()

    def _cause(self) -> str | None:
        """Return what makes Locust stop the run now, where it is not its own time."""
        if self._interruptions is not None and self._interruptions.by is not None:
            return self._interruptions.by
        if self._master is not None and not self._master.has_workers:
            return WORKERS_GONE
        return None

    @property
    def has_begun(self) -> bool:
        """Whether a run has begun that this process judges."""
        return self._end is not None

    def note_stop(self, cause: str) -> None:
        """Take note of a signal that ends the run, unless it has ended by itself."""
        if self._end is not None:
            self._end.note_stop(cause)

    def hurry(self) -> None:
        """Wait for no more answers."""
        if self._master is not None:
            self._master.hurry()
        elif self._runner is not None:
            # one by one: the group passes over those that it is killing already
            for greenlet in list(self._runner.user_greenlets):
                greenlet.kill(block=False)

    def on_quitting(self, environment: Environment, **_: Any) -> None:
        """Stop what still runs, judge, and set the exit code."""
        runner = environment.runner
        if runner is not None and self._worker is None:
            if self._master is None and runner.user_count:
                runner.stop()
            counts = self._stop_demo()
            if self._end is not None:
                self._end.judge(counts)
        if self._worker is not None:
            self._end_worker(environment, self._worker)
        if self._interruptions is not None:
            self._interruptions.end_is_made()

    def on_quit(self, **_: Any) -> None:
        """Print the report last, where it is looked for."""
        if self._end is not None:
            self._end.show()
        if self._orphans_report is not None:
            show_report(self._orphans_report)

    def _end_worker(self, environment: Environment, worker: WorkerSide) -> None:
        """A worker has a verdict of its own only when there is nobody else to give one."""
        if not worker.is_orphan:
            return
        environment.process_exit_code = 1
        workload = workloads.current(environment)
        if worker.is_run_lost and workload is not None:
            self._orphans_report = orphans_report(environment, workload, worker, self._generator)
            environment.process_exit_code = self._orphans_report.verdict.exit_code

    def _last_resort(self) -> None:
        """Judge and show what was not, as Locust died on the way: of its own HTML, say."""
        if self._end is not None and self._end.exit_code is None:
            reason = "the process ended before the run was judged"
            if error := getattr(sys, "last_value", None):
                reason += f": {type(error).__name__}: {error}"
            self._end.judge(self._stop_demo(), reason)
            self._end.show()

    def _start_demo(self, environment: Environment) -> None:
        options = environment.parsed_options
        if options is None or not options.demo:
            return
        for given, name in (
            (self._hosts.target(environment), "a host"),
            (options.tls_ca, "--tls-ca"),
        ):
            if given:
                raise SettingsError(
                    f"--demo and {name} contradict each other; give one of them (look also at "
                    "locust.conf, LOCUST_ variables and the user class)"
                )
        self._demo = start_demo()
        environment.host = options.host = self._demo.url
        options.tls_ca = str(self._demo.ca)

    def _stop_demo(self) -> dict[str, int]:
        demo, self._demo = self._demo, None
        return demo.stop() if demo is not None else {}


def register() -> None:
    """Hear Locust's events, once for each process."""
    plugin = Plugin()
    # Locust keeps about two digits (147 ms counts as 150); with our buckets its own figures agree
    locust_stats.bucket_response_time = bucketed_ms  # type: ignore[assignment]
    events.init_command_line_parser.add_listener(add_options)
    events.init_command_line_parser.add_listener(check_outputs)
    events.init.add_listener(plugin.on_init)
    events.test_start.add_listener(plugin.on_test_start)
    events.worker_report.add_listener(plugin.on_worker_report)
    events.spawning_complete.add_listener(plugin.on_spawning_complete)
    events.reset_stats.add_listener(plugin.on_reset_stats)
    events.test_stopping.add_listener(plugin.on_test_stopping)
    events.test_stop.add_listener(plugin.on_test_stop)
    events.quitting.add_listener(plugin.on_quitting)
    events.quit.add_listener(plugin.on_quit)


register()
