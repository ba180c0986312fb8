"""One run's life inside Locust: which of its events we hear, and what happens at each.

    options   add ours to Locust's parser
    init      refuse wrong options before anything starts; start the embedded server; guard the form
    test_start     fresh settings, contexts and records
    test_stop      close what is open; judge; write the report
    quitting       stop what still runs, so that nothing is judged before its last answer; exit code
    quit           the report, below Locust's own tables

Importing this module hears these events; `openclaw_locust.__getattr__` imports it together with the
user classes.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, NoReturn

from locust import events
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner
from locust.web import WebUI

from openclaw_locust import workload as workloads
from openclaw_locust.demo import DemoError, DemoServer, start_demo
from openclaw_locust.facts import notes_of
from openclaw_locust.options import add_options
from openclaw_locust.redact import mask_url
from openclaw_locust.run_end import RunEnd
from openclaw_locust.settings import SettingsError
from openclaw_locust.users.websocket_user import WebSocketUser
from openclaw_locust.web_form import guard_form

logger = logging.getLogger("openclaw_locust")

_BAD_OPTIONS = 2


class Plugin:
    """What we know of the process's run between Locust's events."""

    def __init__(self) -> None:
        self._demo: DemoServer | None = None
        self._concealed: dict[str, str] = {}
        self._end: RunEnd | None = None

    def on_init(self, environment: Environment, web_ui: WebUI | None, **_: Any) -> None:
        """Refuse wrong options in one line, before the first user."""
        if not _uses_us(environment) or isinstance(environment.runner, WorkerRunner):
            return  # a worker gets its options with the order to spawn
        options = environment.parsed_options
        try:
            if options is not None and options.demo:
                self._start_demo(environment)
            workloads.check(
                environment, self._host(environment), host_may_follow=_has_form(environment)
            )
        except (SettingsError, DemoError) as error:
            self._stop_demo()
            _refuse(str(error))
        if web_ui is not None:
            guard_form(web_ui, environment)
        self._conceal(environment)

    def _start_demo(self, environment: Environment) -> None:
        options = environment.parsed_options
        assert options is not None
        if self._host(environment):
            raise SettingsError(
                "--demo and a host contradict each other (--host, LOCUST_HOST or the class's own); "
                "give one of them"
            )
        self._demo = start_demo()
        environment.host = options.host = self._demo.url
        options.tls_ca = str(self._demo.ca)

    def on_test_start(self, environment: Environment, **_: Any) -> None:
        """Begin a run from nothing, also the second one in the web UI."""
        if not _uses_us(environment):
            return
        workload = workloads.prepare(environment, self._host(environment))
        self._conceal(environment)
        self._end = RunEnd(environment, workload, self._demo)
        if not isinstance(environment.runner, WorkerRunner):
            for note in notes_of(workload, is_demo=self._demo is not None):
                logger.warning(note)
            logger.warning("ratings are writes: this run writes to the target")

    def on_reset_stats(self, **_: Any) -> None:
        """Reset our records with Locust's."""
        if self._end is not None:
            self._end.workload.reset_records()

    def on_test_stop(self, environment: Environment, **_: Any) -> None:
        """End the run: what is open is closed; in the web UI the report comes now."""
        if self._end is None:
            return
        self._end.workload.close_all()
        if environment.web_ui is not None and not isinstance(environment.runner, MasterRunner):
            self._end.judge({})
            self._end.show()

    def on_quitting(self, environment: Environment, **_: Any) -> None:
        """Stop what still runs, judge, and set the exit code."""
        runner = environment.runner
        if runner is None or isinstance(runner, WorkerRunner):
            return
        if not isinstance(runner, MasterRunner) and runner.user_count:
            runner.stop()
        counts = self._stop_demo()
        if self._end is not None:
            self._end.judge(counts)

    def on_quit(self, **_: Any) -> None:
        """Print the report last, where it is looked for."""
        if self._end is not None:
            self._end.show()

    def _host(self, environment: Environment) -> str | None:
        """Return the target's URL, with its secrets."""
        own = (c.host for c in environment.user_classes if issubclass(c, WebSocketUser) and c.host)
        host = environment.host or next(own, None)
        return self._concealed.get(host, host) if host else None

    def _conceal(self, environment: Environment) -> None:
        """Leave a masked URL with Locust, which shows its host in the web UI and in its report."""
        host = environment.host
        if host and isinstance(environment.runner, LocalRunner) and mask_url(host) != host:
            environment.host = mask_url(host)
            self._concealed[environment.host] = self._concealed.get(host, host)
            if environment.parsed_options is not None:
                environment.parsed_options.host = environment.host

    def _stop_demo(self) -> dict[str, int]:
        demo, self._demo = self._demo, None
        return demo.stop() if demo is not None else {}


def _uses_us(environment: Environment) -> bool:
    return any(issubclass(user_class, WebSocketUser) for user_class in environment.user_classes)


def _has_form(environment: Environment) -> bool:
    """Whether somebody can still give a host: the web UI without a start of its own."""
    options = environment.parsed_options
    return environment.web_ui is not None and not (options and options.autostart)


def _refuse(reason: str) -> NoReturn:
    print(f"openclaw_locust: error: {reason}", file=sys.stderr)
    sys.exit(_BAD_OPTIONS)


def register() -> None:
    """Hear Locust's events, once for each process."""
    plugin = Plugin()
    events.init_command_line_parser.add_listener(add_options)
    events.init.add_listener(plugin.on_init)
    events.test_start.add_listener(plugin.on_test_start)
    events.reset_stats.add_listener(plugin.on_reset_stats)
    events.test_stop.add_listener(plugin.on_test_stop)
    events.quitting.add_listener(plugin.on_quitting)
    events.quit.add_listener(plugin.on_quit)


register()
