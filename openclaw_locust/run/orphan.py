"""A worker whose master is gone: it shows its own part of the run, which nobody else has now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from locust.env import Environment

from openclaw_locust.distributed.worker import WorkerSide
from openclaw_locust.run.environment import goal_of, thresholds_of
from openclaw_locust.run.facts import Measured, gather_facts
from openclaw_locust.run.generator import GeneratorWatch
from openclaw_locust.validity import judge_generator, local_failures
from openclaw_locust.workload import Workload

if TYPE_CHECKING:
    from openclaw_locust.report.build import Report


def orphans_report(
    environment: Environment,
    workload: Workload,
    worker: WorkerSide,
    generator: GeneratorWatch | None,
) -> Report:
    """Return the report of a worker's own part of a run, never a passed one."""
    from openclaw_locust.report.build import from_environment  # noqa: PLC0415 - costs 0.5 s

    series, duration_s = worker.series, worker.run_s
    thresholds = thresholds_of(environment, workload)
    window = series.window(workload.settings.warm_up_s)
    summaries = [generator.summary()] if generator is not None else []
    reports, invalid = judge_generator(summaries, window, thresholds)
    facts = gather_facts(
        workload,
        started=(datetime.now(UTC) - timedelta(seconds=duration_s)).isoformat(timespec="seconds"),
        duration_s=round(duration_s, 1),
        load={},
        goal=goal_of(environment),
        is_demo=False,
        server_counts={},
        measured=Measured(
            series=series,
            thresholds=thresholds,
            generator=tuple(reports),
            invalid=(*local_failures(window), *invalid),
        ),
        gaps=[
            f"the master is gone, it was last heard of {worker.silence_s:.0f} s before the end: "
            f"this is the part of worker {worker.name} alone"
        ],
    )
    # Locust's own rows were sent to the master and cleared; the series has everything
    return from_environment(environment, facts, check_locust=False)
