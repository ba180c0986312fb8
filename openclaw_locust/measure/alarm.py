"""An alarm that rings in gevent's hub at a time on the monotonic clock, within some 50 µs.

gevent's own timers count in whole milliseconds, which is too coarse to send at a planned time. On
Linux this is a timerfd, watched by the loop; elsewhere gevent's timer has to do.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter_ns as now_ns
from typing import Any

from gevent import get_hub

_CLOCK_MONOTONIC = 1  # what perf_counter_ns reads on Linux
_ABSOLUTE = 1
_FLAGS = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)  # TFD_NONBLOCK and TFD_CLOEXEC are the same
_READ = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("sec", ctypes.c_long), ("nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Alarm:
    """Calls ``ring`` in the hub, where nothing may block."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._loop = get_hub().loop
        self._timer: Any = None
        self._watcher: Any = None
        self._libc = ctypes.CDLL(None, use_errno=True)
        create = getattr(self._libc, "timerfd_create", None)
        self._descriptor: int = create(_CLOCK_MONOTONIC, _FLAGS) if create else -1
        if self._descriptor >= 0:
            self._watcher = self._loop.io(self._descriptor, _READ)
            self._watcher.start(self._on_readable)

    def set(self, when_ns: int) -> None:
        """Ring at a time on the ``perf_counter_ns`` clock, and not at an earlier one set before."""
        if self._descriptor >= 0:
            spec = _Itimerspec(value=_Timespec(*divmod(max(1, when_ns), 1_000_000_000)))
            self._libc.timerfd_settime(self._descriptor, _ABSOLUTE, ctypes.byref(spec), None)
            return
        self._stop_timer()
        self._timer = self._loop.timer(max(0.0, (when_ns - now_ns()) / 1e9))
        self._timer.start(self._ring, update=True)

    def close(self) -> None:
        """Never ring again."""
        self._stop_timer()
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _on_readable(self) -> None:
        with suppress(BlockingIOError):  # it was set anew since the loop saw it
            os.read(self._descriptor, 8)
        self._ring()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None
