"""The end of one run: its facts, its verdict, its report and the exit code."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import gevent
from locust import stats as locust_stats
from locust.env import Environment
from locust.runners import WorkerRunner

from openclaw_locust.distributed.master import MasterSide
from openclaw_locust.run.csv_files import CsvFiles
from openclaw_locust.run.demo import DemoServer
from openclaw_locust.run.early_end import early_end
from openclaw_locust.run.environment import goal_of
from openclaw_locust.run.facts import Measured, gather_facts
from openclaw_locust.run.generator import GeneratorWatch
from openclaw_locust.run.reserve import DescriptorReserve
from openclaw_locust.run.watch import RunWatch
from openclaw_locust.validity import judge_generator, local_failures
from openclaw_locust.workload import Workload

if TYPE_CHECKING:
    from openclaw_locust.report.build import Report
    from openclaw_locust.results import RunFacts

logger = logging.getLogger("openclaw_locust")

# Locust's writer rewrites its files at this interval and at no other time.
_CSV_LAG_S = locust_stats.CSV_STATS_INTERVAL_SEC + 0.2


class RunEnd:
    """Judges a run once and shows it once, whichever of Locust's events comes first.

    Attributes:
        environment: Locust's.
        workload: the run's.
        watch: what went on while it lasted.
        all_spawned: whether all users that were asked for had been spawned.
    """

    def __init__(
        self,
        environment: Environment,
        workload: Workload,
        demo: DemoServer | None,
        master: MasterSide | None,
        watch: RunWatch,
        generator: GeneratorWatch | None,
        csv_files: CsvFiles,
        previous: RunEnd | None,
    ) -> None:
        self.workload = workload
        self.watch = watch
        self.all_spawned = False
        self._cause: str | None = None
        self._reserve = DescriptorReserve()
        self._generator = generator
        self._csv_files = csv_files
        self._master = master
        self.environment = environment
        self._is_demo = demo is not None
        self._started = datetime.now(UTC)
        self._duration_s: float | None = None
        self._report: Report | None = None
        self._earlier_code = previous.exit_code if previous is not None else None
        self._shown = False

    def note_stop(self, cause: str | None = None) -> None:
        """The load ends now; what comes after is only waited for, and no time of the run's.

        Args:
            cause: who ended it before its time, for `run.early_end`; None: nobody.
        """
        if self._duration_s is None:
            self._duration_s = self.watch.elapsed_s
            self._cause = cause

    def judge(self, server_counts: dict[str, int], failure: str | None = None) -> None:
        """Make the report from Locust's statistics in memory, write it, set the exit code.

        Args:
            server_counts: the embedded server's own record, if there is one.
            failure: why the run itself failed; None: it did not.
        """
        environment = self.environment
        if self._report is not None or isinstance(environment.runner, WorkerRunner):
            return
        self._reserve.release()
        facts = self._facts(server_counts, failure)
        self._report = self._make_report(facts)
        prefix = getattr(environment.parsed_options, "csv_prefix", None)
        if prefix:
            self._write(prefix, facts)
        self._set_exit_code()

    def _facts(self, server_counts: dict[str, int], failure: str | None) -> RunFacts:
        if self._master is not None:
            self.workload.records = self._master.accounts.records()
        duration_s = self._duration_s or self.watch.elapsed_s
        return gather_facts(
            self.workload,
            started=self._started.isoformat(timespec="seconds"),
            duration_s=round(duration_s, 1),
            load=_load(self.environment),
            goal=goal_of(self.environment),
            is_demo=self._is_demo,
            server_counts=server_counts,
            measured=self._measured(),
            workers=self._master.accounts.shares() if self._master else (),
            gaps=self._gaps(duration_s),
            failure=failure or (self._master.refusal if self._master else None),
        )

    def _gaps(self, duration_s: float) -> list[str]:
        """Return a line for each part of the run that is missing."""
        early = early_end(
            self._cause,
            self.workload.settings,
            getattr(self.environment.parsed_options, "run_time", None),
            duration_s,
            self.watch.begin_s,
            all_spawned=self.all_spawned,
        )
        return [*([early] if early else []), *(self._master.gaps() if self._master else [])]

    def _make_report(self, facts: RunFacts) -> Report:
        # pandas costs half a second and 40 MB: only who judges imports it, and only now.
        from openclaw_locust.report.build import from_environment  # noqa: PLC0415

        return from_environment(self.environment, facts, check_locust=not self.watch.was_reset)

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
            invalid=(*local_failures(window), *invalid),
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

    def _write(self, prefix: str, facts: RunFacts) -> None:
        """Write what stands beside Locust's CSV, which is given the time to catch up.

        Who wants the files must not see a 0 when one is missing, and those that are there must say
        what was judged.
        """
        from openclaw_locust.run.result_files import write_results  # noqa: PLC0415

        assert self._report is not None
        problems = write_results(self._report, prefix)
        gevent.sleep(_CSV_LAG_S)
        problems += self._csv_files.problems()
        if problems:
            facts = replace(facts, incomplete=(*facts.incomplete, *problems))
            self._report = self._make_report(facts)
            write_results(self._report, prefix)

    def show(self) -> None:
        """Print the report, once the run has nothing more to write."""
        if self._report is None or self._shown:
            return
        self._shown = True
        show_report(self._report)


def show_report(report: Report) -> None:
    """Print a report; to stderr where stdout takes nothing, so that it is not lost."""
    from openclaw_locust.report.terminal import print_report, write_out  # noqa: PLC0415

    for file in filter(None, (sys.stdout, sys.stderr)):
        try:
            write_out("\n", file)
            print_report(report, file=file)
        except OSError as error:
            logger.error(f"the report cannot be printed here: {error.strerror}")
        else:
            return


def _load(environment: Environment) -> dict[str, str]:
    """Return Locust's own options that say what the load was."""
    options: dict[str, Any] = vars(environment.parsed_options) if environment.parsed_options else {}
    names = {"num_users": "users", "spawn_rate": "spawn rate", "run_time": "run time"}
    return {
        label: f"{value:g}" + (" s" if name == "run_time" else "")
        for name, label in names.items()
        if isinstance(value := options.get(name), (int, float))
    }
