"""The line of answers that are delayed or held: each leaves at its own time and never early.

The event loop's timers count in whole milliseconds and may fire up to one early, which is too
coarse for a latency that a load generator has to measure back. One Linux timer (timerfd, in
nanoseconds) serves the whole line.
"""

from __future__ import annotations

import random
import time
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from openclaw_locust.server.errors import ServerError
from openclaw_locust.server.stall_times import StallTimes
from openclaw_locust.timerfd import TimerFd

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from openclaw_locust.server.faults.options import Stall


SENDS_AT_ONCE = 32
"""Answers that leave in one turn of the loop, which writes to the sockets only at its end.

More, and the last to be let go after a stall would be on their way well after their turn came;
fewer, and each costs more.
"""


class DelayLine:
    """A queue of callbacks ``send(data, read_ns)``, each called when its time has come.

    Jitter is uniform, so that the median stays at ``delay_s``; with it, answers overtake each
    other. Answers due at the same time, and all answers without jitter, keep their order. In a
    stall nothing is sent; at its end all that became due meanwhile leaves, in the order in which
    it would have left.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        delay_s: float = 0.0,
        jitter_s: float = 0.0,
        stalls: Iterable[Stall] = (),
    ) -> None:
        self._delay_ns = round(delay_s * 1e9)
        self._jitter_ns = round(jitter_s * 1e9)
        self._stall_times = StallTimes(stalls)
        self._queue: list[tuple[int, int, Callable[[bytes, int], None], bytes, int]] = []
        self._put_count = 0
        self._armed_ns = 0
        self._timer = _make_timer()
        self._loop = loop
        loop.add_reader(self._timer.descriptor, self._on_timer)

    def begin(self, first_rating_ns: int) -> None:
        """The first rating has come: the time of the stalls counts from here."""
        self._stall_times.begin(first_rating_ns)

    def put(self, send: Callable[[bytes, int], None], data: bytes, read_ns: int) -> None:
        """Call ``send(data, read_ns)`` when the delay since ``read_ns`` is over."""
        if not self._delay_ns:
            self.pass_on(send, data, read_ns)
            return
        due_ns = read_ns + self._delay_ns
        if self._jitter_ns:
            due_ns += round(random.uniform(-self._jitter_ns, self._jitter_ns))
        self._enter(due_ns, send, data, read_ns)

    def pass_on(self, send: Callable[[bytes, int], None], data: bytes, read_ns: int = 0) -> None:
        """Call ``send(data, read_ns)`` now, or when a stall and what it holds have gone."""
        now_ns = time.monotonic_ns()
        overdue = self._queue and self._queue[0][0] <= now_ns
        if overdue or self._stall_times.free_from(now_ns) > now_ns:
            self._enter(now_ns, send, data, read_ns)
        else:
            send(data, read_ns)

    def release(self) -> None:
        """Send all that waits, now, and hold nothing more."""
        self._stall_times.cancel()
        queue = self._queue
        while queue:
            _, _, send, data, read_ns = heappop(queue)
            send(data, read_ns)

    def close(self) -> None:
        """Forget what has not been sent."""
        self._loop.remove_reader(self._timer.descriptor)
        self._timer.close()
        self._queue.clear()

    def _enter(
        self, due_ns: int, send: Callable[[bytes, int], None], data: bytes, read_ns: int
    ) -> None:
        self._put_count += 1
        heappush(self._queue, (due_ns, self._put_count, send, data, read_ns))
        free_ns = self._stall_times.free_from(due_ns)
        if not self._armed_ns or free_ns < self._armed_ns:
            self._arm(free_ns)

    def _arm(self, when_ns: int) -> None:
        self._armed_ns = when_ns
        self._timer.set(when_ns)

    def _on_timer(self) -> None:
        self._timer.acknowledge()
        self._armed_ns = 0
        queue = self._queue
        for _ in range(SENDS_AT_ONCE):
            if not queue:
                return
            now_ns = time.monotonic_ns()
            free_ns = self._stall_times.free_from(max(queue[0][0], now_ns))
            if free_ns > now_ns:
                self._arm(free_ns)
                return
            _, _, send, data, read_ns = heappop(queue)
            send(data, read_ns)
        if queue:
            self._arm(queue[0][0])


def _make_timer() -> TimerFd:
    try:
        return TimerFd()
    except NotImplementedError:
        raise ServerError("--ack-delay and --fault need Linux: their timer is a timerfd") from None
    except OSError as error:
        raise ServerError(f"no timer for answers that wait: {error.strerror}") from None
