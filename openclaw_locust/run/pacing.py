"""The open model inside a run: when the schedule begins, and which part of it each process sends.

It begins one to two seconds after the last user was spawned, so that the connections it needs are
open. With workers the master splits it over those that have users, and again whenever one joins or
leaves.
"""

from __future__ import annotations

from locust.env import Environment

from openclaw_locust.distributed.messages import Pace
from openclaw_locust.failures import Failure
from openclaw_locust.measure.arrivals import Schedule, Share
from openclaw_locust.measure.pacer import Pacer
from openclaw_locust.measure.recorder import PACE
from openclaw_locust.users.request_events import UNSENT, RequestEvents
from openclaw_locust.workload import Workload

SCHEDULE_AFTER_S = 1.0
_SEED = "openclaw"  # random arrivals are the same in every run, so that runs can be compared
RESPLIT_AFTER_S = 1.0  # by then each worker knows of it


def make_pacer(environment: Environment, workload: Workload, process: str) -> Pacer:
    """Return the pacer of a process that sends, with no part of the schedule yet.

    Args:
        environment: Locust's.
        workload: the run's.
        process: its label.
    """
    plan = workload.settings.arrivals
    assert plan is not None
    events = RequestEvents(environment, workload)
    key = (PACE, process)

    def on_late(planned_ns: int, late_ns: int) -> None:
        workload.recorder.at(planned_ns).record(key, late_ns)

    def on_unsent(planned_ns: int) -> None:
        events.failed(UNSENT, events.name, Failure("gen.unsent"), planned_ns)

    share = Share(Schedule(plan.profile, plan.kind, _SEED))
    return Pacer(share, workload.ack_timeout_ns, on_late, on_unsent)


def take_pace(workload: Workload, pace: Pace) -> None:
    """Take the part of the schedule that the master gave to this process."""
    pacer = workload.pacer
    if pacer is None:
        return
    pacer.resplit(pace.at_s, pace.index if pace.index >= 0 else None, pace.count)
    if pacer.begin_ns is None:
        pacer.begin(workload.recorder.zero_ns + int(pace.begin_s * 1e9))
