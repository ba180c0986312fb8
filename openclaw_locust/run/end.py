"""The end of one run: its facts, its verdict, its report and the exit code."""

from __future__ import annotations

import gc
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import gevent
from locust import stats as locust_stats
from locust.env import Environment
from locust.runners import WorkerRunner

from openclaw_locust.distributed.master import MasterSide
from openclaw_locust.run.demo import DemoServer
from openclaw_locust.run.environment import goal_of
from openclaw_locust.run.facts import Measured, gather_facts
from openclaw_locust.run.generator import GeneratorWatch
from openclaw_locust.run.watch import RunWatch
from openclaw_locust.validity import judge_generator
from openclaw_locust.workload import Workload

if TYPE_CHECKING:
    from openclaw_locust.report.build import Report

logger = logging.getLogger("openclaw_locust")

# Locust's writer rewrites its files at this interval and at no other time.
_CSV_LAG_S = locust_stats.CSV_STATS_INTERVAL_SEC + 0.2


class RunEnd:
    """Judges a run once and shows it once, whichever of Locust's events comes first.

    Attributes:
        environment: Locust's.
        workload: the run's.
        watch: what went on while it lasted.
    """

    def __init__(
        self,
        environment: Environment,
        workload: Workload,
        demo: DemoServer | None,
        master: MasterSide | None,
        watch: RunWatch,
        generator: GeneratorWatch | None,
        previous: RunEnd | None,
    ) -> None:
        self.workload = workload
        self.watch = watch
        self._generator = generator
        self._master = master
        self.environment = environment
        self._is_demo = demo is not None
        self._started = datetime.now(UTC)
        self._duration_s: float | None = None
        self._report: Report | None = None
        self._earlier_code = previous.exit_code if previous is not None else None
        self._shown = False

    def note_stop(self) -> None:
        """The load ends now; what comes after is only waited for, and no time of the run's."""
        if self._duration_s is None:
            self._duration_s = self.watch.elapsed_s

    def judge(self, server_counts: dict[str, int]) -> None:
        """Make the report from Locust's statistics in memory, write it, set the exit code."""
        environment = self.environment
        if self._report is not None or isinstance(environment.runner, WorkerRunner):
            return
        # pandas costs half a second and 40 MB: only who judges imports it, and only now.
        from openclaw_locust.report.build import from_environment  # noqa: PLC0415

        if self._master is not None:
            self.workload.records = self._master.accounts.records()
        facts = gather_facts(
            self.workload,
            started=self._started.isoformat(timespec="seconds"),
            duration_s=round(self._duration_s or self.watch.elapsed_s, 1),
            load=_load(environment),
            goal=goal_of(environment),
            is_demo=self._is_demo,
            server_counts=server_counts,
            measured=self._measured(),
            workers=self._master.accounts.shares() if self._master else (),
            gaps=self._master.gaps() if self._master else (),
            failure=self._master.refusal if self._master else None,
        )
        self._report = from_environment(environment, facts, check_locust=not self.watch.was_reset)
        self._set_exit_code()
        prefix = getattr(environment.parsed_options, "csv_prefix", None)
        if prefix:
            self._write(prefix)

    def _measured(self) -> Measured:
        """Return the series and how it came about."""
        watch, settings = self.watch, self.workload.settings
        watch.stop()
        series = watch.series
        summaries = [self._generator.summary()] if self._generator else []
        if self._master is not None:
            summaries = self._master.accounts.generators()
        window = series.window(settings.warm_up_s)
        reports, invalid = judge_generator(summaries, window, watch.thresholds)
        return Measured(
            series=series,
            thresholds=watch.thresholds,
            begin_s=watch.begin_s,
            generator=tuple(reports),
            invalid=tuple(invalid),
            aborted=watch.aborted,
            clocks=self._master.accounts.clocks() if self._master else "",
        )

    @property
    def exit_code(self) -> int | None:
        """The exit code by this run's verdict; None while there is none."""
        return self._report.verdict.exit_code if self._report is not None else None

    def _set_exit_code(self) -> None:
        """Set the exit code, 0 too: without it Locust makes one failed request exit 1.

        Another plugin's code stays where ours is 0; that of an earlier run of ours does not.
        """
        is_free = self.environment.process_exit_code in (None, self._earlier_code)
        if self.exit_code or is_free:
            self.environment.process_exit_code = self.exit_code

    def _write(self, prefix: str) -> None:
        """Write what stands beside Locust's CSV, which is given the time to catch up."""
        from openclaw_locust.report.hlog import write_hlog  # noqa: PLC0415
        from openclaw_locust.report.markdown import write_markdown  # noqa: PLC0415

        assert self._report is not None
        assert self._report.facts is not None
        try:
            self._report.facts.write(prefix)
            write_hlog(self._report.facts, prefix)
            write_markdown(self._report, prefix)
        except OSError as error:
            logger.error(f"the report beside {prefix} cannot be written: {error}")
        gevent.sleep(_CSV_LAG_S)

    def show(self) -> None:
        """Print the report, once the run has nothing more to write."""
        if self._report is None or self._shown:
            return
        from openclaw_locust.report.terminal import print_report  # noqa: PLC0415

        self._shown = True
        print()
        print_report(self._report)


def stop_csv_writer() -> None:
    """End Locust's CSV writer, which nobody else does.

    Locust closes its files and lets the writer run on; with ``--processes`` it then wakes while the
    workers are waited for, and dies with a traceback. Nothing keeps a reference to it but the loop.
    """
    for greenlet in filter(lambda each: isinstance(each, gevent.Greenlet), gc.get_objects()):
        if isinstance(getattr(greenlet._run, "__self__", None), locust_stats.StatsCSVFileWriter):
            greenlet.kill(block=False)


def _load(environment: Environment) -> dict[str, str]:
    """Return Locust's own options that say what the load was."""
    options: dict[str, Any] = vars(environment.parsed_options) if environment.parsed_options else {}
    names = {"num_users": "users", "spawn_rate": "spawn rate", "run_time": "run time"}
    return {
        label: f"{value:g}" + (" s" if name == "run_time" else "")
        for name, label in names.items()
        if isinstance(value := options.get(name), (int, float))
    }
