"""`TargetUser`: what all our Locust users share: the run's workload, and when they may connect.

It knows nothing of what is done with a connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from locust import User
from locust.exception import StopUser
from locust.user.task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
)

from openclaw_locust import workload as workloads
from openclaw_locust.failures import Failure
from openclaw_locust.measure.backoff import Backoff
from openclaw_locust.measure.recorder import Interval
from openclaw_locust.option_values import SettingsError
from openclaw_locust.settings import Settings
from openclaw_locust.users.request_events import RequestEvents
from openclaw_locust.users.row_names import DEFAULT_NAME
from openclaw_locust.wire.connection import Clock
from openclaw_locust.wire.sessions import Inbox, Kept
from openclaw_locust.wire.tcp import now_ns
from openclaw_locust.wire.websocket import WebSocket


class TargetUser(User):
    """A user of the run's target.

    Attributes:
        name: the name of this user's rows in Locust's tables.
        counts_tickets: whether TLS session tickets are counted also where none is offered.
        goal: the request types that a run of this class is about: without a success of one of them
            nothing was measured. Empty: any type.
        workload: what all users of the run share.
        number: different for each user of the process.
    """

    abstract = True
    name = DEFAULT_NAME
    goal: tuple[str, ...] = ()
    counts_tickets = False

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.workload = workloads.current(environment) or workloads.prepare(
            environment, environment.host or self.host
        )
        self.number = self.workload.next_user_number()
        self._backoff = Backoff()
        self._not_before_ns = 0
        self._events = RequestEvents(environment, self.workload, self)
        tls = self.workload.endpoint.tls
        self._shelf = None
        if tls is not None:
            self._shelf = self.workload.resumption.shelf(tls.identity(self.number))
            if self._shelf is not None or self.counts_tickets:
                tls.listen()

    @classmethod
    def may_overlap(cls) -> bool:
        """Whether its sends follow ``--in-flight``."""
        return False

    @classmethod
    def check(cls, settings: Settings) -> None:
        """Refuse settings that mean nothing to this class.

        Raises:
            SettingsError: there are some; the message is one line with the mend.
        """
        if settings.paces_connections:
            raise SettingsError(
                f"--connect-rate is for HandshakeUser, and {cls.__name__} is none; for a schedule "
                "of its ratings give --arrival-rate"
            )

    @contextmanager
    def _connecting(self) -> Iterator[Interval]:
        """Wait until a connection may begin, and give the interval that it belongs to.

        After a failure or a loss the wait is longer each time, or as the server asked.
        """
        self._sleep_until(self._not_before_ns)
        self._sleep_until(self.workload.next_connect_ns())
        interval = self.workload.recorder.at(now_ns())
        interval.connecting += 1
        self.workload.connecting += 1
        try:
            yield interval
        finally:
            self.workload.connecting -= 1
            interval.connecting -= 1

    def _clock_and_session(self) -> tuple[Clock, Kept | None]:
        """Return the clock of the next connection, and the TLS session that it is to offer."""
        clock, session = Clock(), None
        if self._shelf is not None:
            if self.workload.resumption.is_next():
                session = self._shelf.take()
                self.workload.records.lacking += session is None
            clock.inbox = Inbox(self._shelf)
        elif self.counts_tickets:
            clock.inbox = Inbox(None)
        return clock, session

    def _settle_session(self, clock: Clock, session: Kept | None) -> None:
        """Record what became of the session, and keep what can be offered again."""
        records = self.workload.records
        records.offered += clock.offered
        records.retried += clock.retried
        if session is None or self._shelf is None:
            return
        if not clock.offered:  # the connection did not come so far
            if self._shelf.is_empty:
                self._shelf.put(session)
        elif clock.negotiated is not None and not clock.negotiated.resumed:
            self._shelf.drop(session)

    def _count_tickets(self, clock: Clock) -> None:
        """Count what came on a connection that is over."""
        if clock.inbox is None:
            return
        clock.inbox.look()
        if clock.inbox.count is not None:
            self.workload.records.tickets += clock.inbox.count
            self.workload.records.counted += 1

    def _end(self, socket: WebSocket, code: int) -> Failure | None:
        """End a WebSocket as the options say; return what was wrong with its end."""
        if self.workload.settings.close == "reset":
            socket.reset()
            return None
        return socket.close(code, now_ns() + self.workload.close_timeout_ns)

    def _stay_away(self, failure: Failure) -> None:
        """Put the next connection off."""
        delay_s = self._backoff.next_delay_s(failure.retry_after_s)
        self._not_before_ns = now_ns() + int(delay_s * 1e9)

    def _sleep_until(self, when_ns: int) -> None:
        """Sleep as Locust's own pause does: a stop of the run ends it."""
        seconds = (when_ns - now_ns()) / 1e9
        if seconds <= 0:
            return
        self._enter_wait()
        gevent.sleep(seconds)
        self._leave_wait()

    def _enter_wait(self) -> None:
        if self._state == LOCUST_STATE_STOPPING:
            raise StopUser
        self._state = LOCUST_STATE_WAITING

    def _leave_wait(self) -> None:
        if self._state == LOCUST_STATE_STOPPING:
            raise StopUser
        self._state = LOCUST_STATE_RUNNING
