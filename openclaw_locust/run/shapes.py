"""Load shapes: Locust's way to change the number of users over time."""

from __future__ import annotations

from locust import LoadTestShape
from locust.env import Environment

from openclaw_locust.measure.stages import Stages
from openclaw_locust.option_values import SettingsError

_INTERVAL_S = 1.0  # Locust asks a shape once a second
_RIVALS = (("num_users", "-u"), ("spawn_rate", "-r"), ("run_time", "-t"))


class StagesShape(LoadTestShape):
    """The users of ``--stages``. Abstract: it is put in only when the option is given."""

    abstract = True

    def __init__(self, stages: Stages) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._stages = stages
        self._users = 0

    def reset_time(self) -> None:
        """Begin from nothing; Locust calls it at the start of each run."""
        super().reset_time()  # type: ignore[no-untyped-call]
        self._users = 0

    def tick(self) -> tuple[int, float] | None:
        """Return the users to have now and the rate to reach them within the second."""
        elapsed_s: float = self.get_run_time()  # type: ignore[no-untyped-call]
        users = self._stages.target_at(elapsed_s)
        if users is None:
            return None
        change = abs(users - self._users)
        self._users = users
        return users, max(1.0, change / _INTERVAL_S)


def refuse_contradictions(environment: Environment) -> None:
    """Refuse what Locust would ignore in silence beside ``--stages``.

    Raises:
        SettingsError: users, rate or time are given too, or the locustfile has its own shape.
    """
    options = vars(environment.parsed_options) if environment.parsed_options else {}
    if not options.get("stages"):
        return
    for name, flag in _RIVALS:
        if options.get(name) is not None:
            raise SettingsError(f"--stages and {flag} contradict each other; leave {flag} out")
    if environment.shape_class is not None:
        own = type(environment.shape_class).__name__
        raise SettingsError(f"--stages and the locustfile's own shape {own}; leave one of them out")


def put_in_stages(environment: Environment, stages: Stages | None) -> None:
    """Let the stages rule the next run; None: take out those of the last one."""
    if stages is not None:
        environment.shape_class = StagesShape(stages)
        environment.shape_class.runner = environment.runner
    elif isinstance(environment.shape_class, StagesShape):
        environment.shape_class = None
