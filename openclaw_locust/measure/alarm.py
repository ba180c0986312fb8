"""An alarm that rings in gevent's hub at a time on the monotonic clock, within some 50 µs.

gevent's own timers count in whole milliseconds, which is too coarse to send at a planned time. On
Linux this is a timerfd, watched by the loop; elsewhere gevent's timer has to do.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns as now_ns
from typing import Any

from gevent import get_hub

from openclaw_locust.timerfd import TimerFd

_READ = 1


class Alarm:
    """Calls ``ring`` in the hub, where nothing may block."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._loop = get_hub().loop
        self._timer: Any = None
        self._watcher: Any = None
        self._timerfd: TimerFd | None = None
        try:
            self._timerfd = TimerFd()
        except (NotImplementedError, OSError):
            return  # gevent's timer has to do
        self._watcher = self._loop.io(self._timerfd.descriptor, _READ)
        self._watcher.start(self._on_readable)

    def set(self, when_ns: int) -> None:
        """Ring at a time on the ``perf_counter_ns`` clock, and not at an earlier one set before."""
        if self._timerfd is not None:
            self._timerfd.set(when_ns)
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
        if self._timerfd is not None:
            self._timerfd.close()
            self._timerfd = None

    def _on_readable(self) -> None:
        if self._timerfd is not None:
            self._timerfd.acknowledge()
        self._ring()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None
