"""Signals: how a run ends by one, once, and how a second one hurries the end.

Python would raise Ctrl-C in whichever greenlet happens to run; a user would die of it in the middle
of a rating, with a traceback and without an outcome. SIGTERM ends the process at once, with all
that it measured, until Locust takes it: without the web UI only when its start is over, which waits
for the workers and lasts for the whole run of a load shape.
"""

from __future__ import annotations

import logging
import signal
from functools import partial
from typing import Protocol

import gevent
from gevent.event import Event
from locust.env import Environment

from openclaw_locust.run.early_end import SIGINT, SIGTERM
from openclaw_locust.run.environment import is_worker
from openclaw_locust.run.refusal import INTERRUPTED

logger = logging.getLogger("openclaw_locust")


class Ending(Protocol):
    """What ends by a signal."""

    @property
    def has_begun(self) -> bool:
        """Whether any run has begun in this process."""

    def note_stop(self, cause: str) -> None:
        """Take note that the run ends now, by a signal."""

    def hurry(self) -> None:
        """Do not wait for answers any more."""


class Interruptions:
    """The signals of one process.

    Attributes:
        by: the signal that ended the run, if one did while Locust did not handle it.
    """

    def __init__(self, environment: Environment, ending: Ending) -> None:
        self.by: str | None = None
        self._environment = environment
        self._ending = ending
        self._quitting: Event | None = None  # set when the end has been made
        options = environment.parsed_options
        self._is_worker = is_worker(environment)
        self._is_headless = bool(options and options.headless) and not self._is_worker
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            gevent.signal_handler(signal.SIGINT, partial(self._on_signal, SIGINT))
        if self._is_headless:
            gevent.signal_handler(signal.SIGTERM, self._on_terminate)
        # Registered last and so heard first, as Locust fires this event in reverse.
        environment.events.quitting.add_listener(self._on_quitting_first)

    def end_is_made(self) -> None:
        """Let a further signal's handler go on."""
        if self._quitting is not None:
            self._quitting.set()

    def _on_signal(self, name: str) -> None:
        """End the run as Locust does at the first one, hurry the end at a further one."""
        if self._quitting is not None or self.by is not None:
            self._hurry()
            return
        self.by = name
        if self._is_headless and not self._ending.has_begun:
            logger.error(f"ended by {name} before the run began")
            if self._environment.runner is not None:
                self._environment.runner.quit()  # no worker is left waiting
            _raise_in_main(SystemExit(INTERRUPTED))
            return
        if not self._is_worker:
            logger.warning("ending the run; again, and it ends without waiting for answers")
        _raise_in_main(KeyboardInterrupt())  # Locust ends with it

    def _on_terminate(self) -> None:
        """Handle SIGTERM while Locust does not: it is heard by both when Locust does."""
        if not self._ending.has_begun or self._environment.shape_class is not None:
            self._on_signal(SIGTERM)

    def _on_quitting_first(self, **_: object) -> None:
        """Make the end once: a second signal makes Locust begin another while it is being made."""
        if self._quitting is None:
            self._quitting = Event()
            self._ending.note_stop(self.by or SIGTERM)  # nothing else ends a run that goes on
        elif not self._quitting.is_set():
            self._hurry()
            self._quitting.wait()
            _never_return()

    def _hurry(self) -> None:
        logger.warning("told again to end: answers are not waited for")
        self._ending.hurry()


def _raise_in_main(error: BaseException) -> None:
    """Raise an error in the main greenlet, wherever it waits."""
    hub = gevent.get_hub()
    hub.loop.run_callback(hub.parent.throw, error)


def _never_return() -> None:
    """Do not go on in a second signal's handler: the first one's is ending the process.

    The main greenlet goes on, as it has to.
    """
    hub = gevent.get_hub()
    if gevent.getcurrent() is not hub.parent:
        hub.switch()  # nothing will ever switch back
