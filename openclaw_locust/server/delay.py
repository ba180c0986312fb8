"""Delayed answers: each leaves at its own time, never early, and holds up no other.

The event loop's timers count in whole milliseconds and may fire up to one early, which is too
coarse for a latency that a load generator has to measure back. One Linux timer (timerfd, in
nanoseconds) serves the whole queue.
"""

from __future__ import annotations

import ctypes
import os
import random
import time
from contextlib import suppress
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from openclaw_locust.server.errors import ServerError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

CLOCK_MONOTONIC = 1
TFD_TIMER_ABSTIME = 1
TFD_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC  # TFD_NONBLOCK and TFD_CLOEXEC have the same values


class DelayLine:
    """A queue of callbacks, each due ``delay_s`` ± up to ``jitter_s`` after it was put in.

    Jitter is uniform, so that the median stays at ``delay_s``; with it, answers overtake each
    other. Answers due at the same time, and all answers without jitter, keep their order.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, delay_s: float, jitter_s: float = 0.0
    ) -> None:
        self._delay_ns = round(delay_s * 1e9)
        self._jitter_ns = round(jitter_s * 1e9)
        self._queue: list[tuple[int, int, Callable[[bytes], None], bytes]] = []
        self._put_count = 0
        self._armed_ns = 0
        self._timer = _Timer()
        self._loop = loop
        loop.add_reader(self._timer.descriptor, self._on_timer)

    def put(self, send: Callable[[bytes], None], data: bytes) -> None:
        """Call ``send(data)`` when its time has come."""
        due_ns = time.monotonic_ns() + self._delay_ns
        if self._jitter_ns:
            due_ns += round(random.uniform(-self._jitter_ns, self._jitter_ns))
        self._put_count += 1
        heappush(self._queue, (due_ns, self._put_count, send, data))
        if not self._armed_ns or due_ns < self._armed_ns:
            self._arm(due_ns)

    def close(self) -> None:
        """Forget what has not been sent."""
        self._loop.remove_reader(self._timer.descriptor)
        self._timer.close()
        self._queue.clear()

    def _arm(self, due_ns: int) -> None:
        self._armed_ns = due_ns
        self._timer.set(due_ns)

    def _on_timer(self) -> None:
        self._timer.acknowledge()
        self._armed_ns = 0
        queue = self._queue
        while queue and queue[0][0] <= time.monotonic_ns():
            _, _, send, data = heappop(queue)
            send(data)
        if queue:
            self._arm(queue[0][0])


class _Timespec(ctypes.Structure):
    _fields_ = (("sec", ctypes.c_long), ("nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class _Timer:
    """timerfd_create(2) on the monotonic clock; Python has it from 3.13 on."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        try:
            self.descriptor: int = self._libc.timerfd_create(CLOCK_MONOTONIC, TFD_FLAGS)
        except AttributeError:
            raise ServerError("--ack-delay needs Linux: its timers are timerfd") from None
        if self.descriptor < 0:
            raise ServerError(f"no timer for --ack-delay: {os.strerror(ctypes.get_errno())}")

    def set(self, due_ns: int) -> None:
        """Fire once at ``due_ns`` of ``time.monotonic_ns()``."""
        spec = _Itimerspec(value=_Timespec(*divmod(due_ns, 1_000_000_000)))
        self._libc.timerfd_settime(self.descriptor, TFD_TIMER_ABSTIME, ctypes.byref(spec), None)

    def acknowledge(self) -> None:
        """Take back the readiness of the descriptor."""
        with suppress(BlockingIOError):  # it was set anew since the loop saw it
            os.read(self.descriptor, 8)

    def close(self) -> None:
        os.close(self.descriptor)
