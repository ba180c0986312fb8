"""Ctrl-C, taken from Python, which would raise it in whichever greenlet happens to run.

A user would die of it in the middle of a rating, with a traceback and without an outcome.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

import gevent


def take_interrupts(handle: Callable[[], None]) -> None:
    """Call ``handle`` in a greenlet of its own at each SIGINT, unless SIGINT is not Python's."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        gevent.signal_handler(signal.SIGINT, handle)


def interrupt_main() -> None:
    """Raise KeyboardInterrupt in the main greenlet, wherever it waits: Locust ends with it."""
    hub = gevent.get_hub()
    hub.loop.run_callback(hub.parent.throw, KeyboardInterrupt)


def leave_signal() -> None:
    """Never return to a second signal's handler: the first one's is ending the process.

    The main greenlet goes on, as it has to.
    """
    hub = gevent.get_hub()
    if gevent.getcurrent() is not hub.parent:
        hub.switch()  # nothing will ever switch back
