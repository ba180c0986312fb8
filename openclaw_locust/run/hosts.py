"""The target's URL, whose secrets Locust must not show.

Locust shows its host in the web UI and in its HTML report, so it gets a masked one, and the real
one is kept here. It travels to workers among the options, as every other option does.
"""

from __future__ import annotations

from locust.env import Environment
from locust.runners import WorkerRunner

from openclaw_locust.distributed.messages import HOST_OPTION
from openclaw_locust.redact import mask_url
from openclaw_locust.users.target_user import TargetUser


class ConcealedHosts:
    """The real URL behind each masked one of this process."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}

    def target(self, environment: Environment) -> str | None:
        """Return the target with its secrets: the environment's host, or the user class's own."""
        options = environment.parsed_options
        is_worker = isinstance(environment.runner, WorkerRunner) and options is not None
        if is_worker and (sent := vars(options).get(HOST_OPTION)):
            return str(sent)
        own = (c.host for c in environment.user_classes if issubclass(c, TargetUser) and c.host)
        host = environment.host or next(own, None)
        return self._real.get(host, host) if host else None

    def conceal(self, environment: Environment) -> None:
        """Leave a masked URL with Locust, in place of its host and of a user class's own."""
        for user_class in environment.user_classes:
            own = user_class.host
            if issubclass(user_class, TargetUser) and own and mask_url(own) != own:
                user_class.host = mask_url(own)
                self._real[user_class.host] = self._real.get(own, own)
        host, options = environment.host, environment.parsed_options
        if not host or options is None or mask_url(host) == host:
            return
        environment.host = options.host = mask_url(host)
        self._real[environment.host] = self._real.get(host, host)

    def send(self, environment: Environment) -> None:
        """Put the real URL among the options that go to workers, where Locust's is masked."""
        if environment.parsed_options is not None:
            real = self._real.get(environment.host or "", "")
            vars(environment.parsed_options)[HOST_OPTION] = real
