"""What Locust's environment says of a run: whose classes, which process, which options."""

from __future__ import annotations

from locust.env import Environment
from locust.runners import WorkerRunner

from openclaw_locust.judging.reader import effective
from openclaw_locust.judging.thresholds import Threshold
from openclaw_locust.settings import Settings
from openclaw_locust.users.request_events import ACK, HANDSHAKE, HTTP, TLS, UPGRADE
from openclaw_locust.users.target_user import TargetUser
from openclaw_locust.workload import Workload


def goal_of(environment: Environment) -> tuple[str, ...]:
    """Return the request types that the run's user classes are about."""
    classes = [c for c in environment.user_classes if issubclass(c, TargetUser)]
    return tuple(dict.fromkeys(kind for user_class in classes for kind in user_class.goal))


def thresholds_of(environment: Environment, workload: Workload) -> tuple[Threshold, ...]:
    """Return what the run is judged by: the given thresholds, and the defaults of its metrics."""
    types = {UPGRADE, *goal_of(environment)} & {ACK, HANDSHAKE, HTTP, UPGRADE}
    if workload.settings.target.secure:
        types.add(TLS)
    return effective(workload.settings.thresholds, {kind.lower() for kind in types})


def check_classes(environment: Environment, settings: Settings) -> None:
    """Refuse options that mean nothing to the user classes of the run.

    Raises:
        SettingsError: there is one.
    """
    for user_class in environment.user_classes:
        if issubclass(user_class, TargetUser):
            user_class.check(settings)


def one_at_a_time(environment: Environment) -> list[str]:
    """Return the names of the user classes that have one message in flight, whatever is asked."""
    return [
        user_class.__name__
        for user_class in environment.user_classes
        if issubclass(user_class, TargetUser) and not user_class.may_overlap()
    ]


def uses_us(environment: Environment) -> bool:
    """Whether any user class is ours: else this plugin keeps still."""
    return any(issubclass(user_class, TargetUser) for user_class in environment.user_classes)


def is_worker(environment: Environment) -> bool:
    """Whether this process is a worker, also before its runner is known."""
    if environment.runner is not None:
        return isinstance(environment.runner, WorkerRunner)
    return bool(getattr(environment.parsed_options, "worker", False))


def has_form(environment: Environment) -> bool:
    """Whether somebody can still give a host: the web UI without a start of its own."""
    options = environment.parsed_options
    return environment.web_ui is not None and not (options and options.autostart)
