"""Whether a run ended before its time. Pure; who ended it comes in as words."""

from __future__ import annotations

from openclaw_locust.settings import Settings

SIGINT, SIGTERM = "SIGINT", "SIGTERM"
WORKERS_GONE = "the loss of its last worker"


def early_end(
    cause: str | None,
    settings: Settings,
    run_time_s: float | None,
    duration_s: float,
    begin_s: float | None,
    *,
    all_spawned: bool,
) -> str | None:
    """Return in one line what is missing of a run that something ended; None when nothing is.

    A run that was not told how long to last is ended by a signal as a matter of course.

    Args:
        cause: what ended it; None: its own time, or somebody who may.
        settings: the run's.
        run_time_s: Locust's ``--run-time``; None without.
        duration_s: from the run's begin to its end.
        begin_s: when the schedule of the open model began; None when it did not.
        all_spawned: whether all users that were asked for had been spawned.
    """
    if cause is None:
        return None
    ended = f"ended by {cause} after {duration_s:.1f} s"
    asked_s = _asked_s(settings, run_time_s, begin_s)
    if asked_s is not None and duration_s < asked_s:
        return f"{ended} of the {asked_s:.10g} s that were asked for"
    if not all_spawned:
        return f"{ended}, before all users were spawned"
    if cause == WORKERS_GONE:
        return ended
    return None


def _asked_s(settings: Settings, run_time_s: float | None, begin_s: float | None) -> float | None:
    """Return how long the run was to last at the most; None when nothing says it."""
    asked = [run_time_s] if run_time_s else []
    if settings.stages is not None:
        asked.append(settings.stages.duration_s)
    plan = settings.arrivals
    if plan is not None and plan.profile.duration_s is not None:
        asked.append((begin_s or 0.0) + plan.profile.duration_s)
    return min(asked, default=None)
