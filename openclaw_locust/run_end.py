"""The end of one run: its facts, its verdict, its report and the exit code."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import gevent
from locust import stats as locust_stats
from locust.env import Environment
from locust.runners import WorkerRunner

from openclaw_locust.demo import DemoServer
from openclaw_locust.facts import gather_facts
from openclaw_locust.users.websocket_user import WebSocketUser
from openclaw_locust.workload import Workload

if TYPE_CHECKING:
    from openclaw_locust.report.build import Report

logger = logging.getLogger("openclaw_locust")

# Locust's writer rewrites its files at this interval and at no other time.
_CSV_LAG_S = locust_stats.CSV_STATS_INTERVAL_SEC + 0.2


class RunEnd:
    """Judges a run once and shows it once, whichever of Locust's events comes first.

    Attributes:
        workload: the run's.
    """

    def __init__(
        self, environment: Environment, workload: Workload, demo: DemoServer | None
    ) -> None:
        self.workload = workload
        self._environment = environment
        self._is_demo = demo is not None
        self._started = datetime.now(UTC)
        self._started_s = time.monotonic()
        self._report: Report | None = None
        self._shown = False

    def judge(self, server_counts: dict[str, int]) -> None:
        """Make the report from Locust's statistics in memory, write it, set the exit code."""
        environment = self._environment
        if self._report is not None or isinstance(environment.runner, WorkerRunner):
            return
        # pandas costs half a second and 40 MB: only who judges imports it, and only now.
        from openclaw_locust.report.build import from_environment  # noqa: PLC0415

        facts = gather_facts(
            self.workload,
            started=self._started.isoformat(timespec="seconds"),
            duration_s=round(time.monotonic() - self._started_s, 1),
            load=_load(environment),
            goal=_goal(environment),
            is_demo=self._is_demo,
            server_counts=server_counts,
        )
        self._report = from_environment(environment, facts)
        if not environment.process_exit_code:
            environment.process_exit_code = self._report.verdict.exit_code
        prefix = getattr(environment.parsed_options, "csv_prefix", None)
        if prefix:
            self._write(prefix)

    def _write(self, prefix: str) -> None:
        """Write what stands beside Locust's CSV, which is given the time to catch up."""
        from openclaw_locust.report.markdown import write_markdown  # noqa: PLC0415

        assert self._report is not None
        assert self._report.facts is not None
        try:
            self._report.facts.write(prefix)
            write_markdown(self._report, prefix)
        except OSError as error:
            logger.error(f"the report beside {prefix} cannot be written: {error}")
        gevent.sleep(_CSV_LAG_S)

    def show(self) -> None:
        """Print the report."""
        if self._report is None or self._shown:
            return
        from openclaw_locust.report.terminal import print_report  # noqa: PLC0415

        self._shown = True
        print()
        print_report(self._report)


def _load(environment: Environment) -> dict[str, str]:
    """Return Locust's own options that say what the load was."""
    options: dict[str, Any] = vars(environment.parsed_options) if environment.parsed_options else {}
    names = {"num_users": "users", "spawn_rate": "spawn rate", "run_time": "run time"}
    return {
        label: f"{value:g}" + (" s" if name == "run_time" else "")
        for name, label in names.items()
        if isinstance(value := options.get(name), (int, float))
    }


def _goal(environment: Environment) -> tuple[str, ...]:
    """Return the request types that the run's user classes are about."""
    classes = [c for c in environment.user_classes if issubclass(c, WebSocketUser)]
    return tuple(dict.fromkeys(kind for user_class in classes for kind in user_class.goal))
