"""The open model: planned sends are handed out at their times, whatever the service does.

A user whose connection has room stands in line. At each planned time the first in line gets the
send; where nobody has room it waits, goes out late and is charged with it, because its response
time counts from the plan. When it has waited longer than an ack may take, it is counted as unsent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import perf_counter_ns as now_ns
from typing import TYPE_CHECKING, Any

from gevent import get_hub, getcurrent
from gevent.hub import Waiter

from openclaw_locust.measure.alarm import Alarm

if TYPE_CHECKING:
    from openclaw_locust.measure.arrivals import Share

_JUST_NOW_NS = 100_000_000


class Turn:
    """A user's place in the line, and the bed that it sleeps on while it waits.

    Attributes:
        intended_ns: the planned time of the send that it was handed, until the user takes it.
        has_room: whether it may be handed one.
        in_line: whether it stands in the pacer's line.
    """

    __slots__ = ("_awake", "_waiter", "has_room", "in_line", "intended_ns")

    def __init__(self) -> None:
        self.intended_ns: int | None = None
        self.has_room = self.in_line = False
        self._awake = False
        self._waiter: Any = None

    def sleep(self, until_ns: int | None = None) -> None:
        """Sleep until :meth:`wake`, which may have come already, or until a time."""
        if not self._awake:
            hub = get_hub()
            self._waiter = waiter = Waiter(hub)
            timer = None
            try:
                if until_ns is not None:
                    timer = hub.loop.timer(max(0.0, (until_ns - now_ns()) / 1e9))
                    timer.start(waiter.switch, None, update=True)
                waiter.get()
            finally:
                self._waiter = None
                if timer is not None:
                    timer.stop()
                    timer.close()
        self._awake = False

    def wake(self) -> None:
        """End the sleep, or the next one before it begins."""
        waiter, self._waiter = self._waiter, None
        self._awake = True
        if waiter is None:
            return
        hub = get_hub()
        if getcurrent() is hub:
            waiter.switch(None)
        else:
            hub.loop.run_callback(waiter.switch, None)

    def take(self) -> int | None:
        """Return the planned time of the send that was handed over, once."""
        intended_ns, self.intended_ns = self.intended_ns, None
        return intended_ns


class Pacer:
    """The schedule of one process, and the line of its users.

    Attributes:
        begin_ns: the schedule's time 0 on the ``perf_counter_ns`` clock; None before it began.
    """

    def __init__(
        self,
        share: Share,
        patience_ns: int,
        on_late: Callable[[int, int], None],
        on_unsent: Callable[[int], None],
    ) -> None:
        """Make a pacer that does nothing until :meth:`begin`.

        Args:
            share: this process's part of the schedule.
            patience_ns: how long a send may wait for room.
            on_late: called in the hub for each planned send with its time and how much later than
                that it was handed out: the generator's own lateness. It must not block.
            on_unsent: called in a greenlet with the planned time of a send that found no room.
        """
        self._share = share
        self._patience_ns = patience_ns
        self._on_late = on_late
        self._on_unsent = on_unsent
        self._line: deque[Turn] = deque()
        self._overdue: deque[int] = deque()
        self._alarm: Alarm | None = None
        self._stopped_ns: int | None = None
        self.begin_ns: int | None = None

    def begin(self, begin_ns: int) -> None:
        """Begin the schedule at a time."""
        self.begin_ns = begin_ns
        self._alarm = Alarm(self._on_time)
        self._set_alarm()

    def resplit(self, at_s: float, index: int | None, count: int) -> None:
        """Take another part of the schedule from one of its times on."""
        self._share.resplit(at_s, index, count)
        self._set_alarm()

    def ask(self, turn: Turn) -> None:
        """Hand an overdue send to a turn, or let it stand in line."""
        now = now_ns()
        if turn.intended_ns is not None and now - turn.intended_ns > self._patience_ns:
            self._on_unsent(turn.intended_ns)
            turn.intended_ns = None
        if turn.intended_ns is not None:
            return
        overdue = self._overdue
        while overdue and now - overdue[0] > self._patience_ns:
            self._on_unsent(overdue.popleft())
        if overdue:
            turn.intended_ns = overdue.popleft()
            return
        turn.has_room = True
        if not turn.in_line:
            turn.in_line = True
            self._line.append(turn)

    def leave(self, turn: Turn) -> None:
        """Hand a turn nothing more until it asks again; what it has goes back."""
        turn.has_room = False
        if turn.intended_ns is not None:
            self._overdue.appendleft(turn.intended_ns)
            turn.intended_ns = None
            if self._stopped_ns is not None:
                self._give_up(self._stopped_ns)

    def stop(self) -> None:
        """End the schedule. What found no room until now is unsent, but for the latest moment's."""
        if self._alarm is not None:
            self._alarm.close()
            self._alarm = None
        if self._stopped_ns is None:
            self._stopped_ns = now_ns()
        self._give_up(self._stopped_ns)

    def _give_up(self, end_ns: int) -> None:
        """Count what is overdue at the end as unsent; what was due only just now is not planned."""
        while self._overdue:
            intended_ns = self._overdue.popleft()
            if intended_ns < end_ns - _JUST_NOW_NS:
                self._on_unsent(intended_ns)

    def _on_time(self) -> None:
        """Hand out what is due. Runs in the hub, so each user gets its send at once."""
        while (next_ns := self._next_ns()) is not None:
            now = now_ns()
            if next_ns > now:
                break
            self._share.pop()
            self._on_late(next_ns, now - next_ns)
            self._hand_out(next_ns)
        self._set_alarm()

    def _hand_out(self, intended_ns: int) -> None:
        line = self._line
        while line and not self._overdue:
            turn = line.popleft()
            turn.in_line = False
            if turn.has_room:
                turn.has_room = False
                turn.intended_ns = intended_ns
                turn.wake()
                return
        self._overdue.append(intended_ns)

    def _next_ns(self) -> int | None:
        if self.begin_ns is None or self._alarm is None:
            return None
        next_s = self._share.peek()
        return None if next_s is None else self.begin_ns + int(next_s * 1e9)

    def _set_alarm(self) -> None:
        if self._alarm is not None and (next_ns := self._next_ns()) is not None:
            self._alarm.set(next_ns)
