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
from openclaw_locust.users.request_events import DEFAULT_NAME, RequestEvents
from openclaw_locust.wire.tcp import now_ns


class TargetUser(User):
    """A user of the run's target.

    Attributes:
        name: the name of this user's rows in Locust's tables.
        goal: the request types that a run of this class is about: without a success of one of them
            nothing was measured. Empty: any type.
        workload: what all users of the run share.
        number: different for each user of the process.
    """

    abstract = True
    name = DEFAULT_NAME
    goal: tuple[str, ...] = ()

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.workload = workloads.current(environment) or workloads.prepare(
            environment, environment.host or self.host
        )
        self.number = self.workload.next_user_number()
        self._backoff = Backoff()
        self._not_before_ns = 0
        self._events = RequestEvents(environment, self.workload, self)

    @classmethod
    def may_overlap(cls) -> bool:
        """Whether its sends follow ``--in-flight``."""
        return False

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
