"""Locust's `request` events: which rows there are, and what each event carries."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from openclaw_locust.failures import Failure
from openclaw_locust.measure import recorder as metrics
from openclaw_locust.measure.recorder import Interval
from openclaw_locust.wire.connection import Clock
from openclaw_locust.wire.tcp import now_ns

if TYPE_CHECKING:
    from openclaw_locust.users.target_user import TargetUser
    from openclaw_locust.workload import Workload

ACK, TLS, UPGRADE, LOST, STRAY, UNSENT = "ACK", "TLS", "UPGRADE", "WS", "STRAY", "UNSENT"
"""Request types: one ACK for each send, one TLS and UPGRADE for each connection; WS for connections
that were lost, STRAY for answers that belong to no send that waits, UNSENT for arrivals of the
schedule that no connection had room for: failures only."""

DEFAULT_NAME = "OpenClawRating"
"""The name of the rows in Locust's tables: the tag that the article gives its requests."""


class RequestEvents:
    """Fires a user's events. A failure has no response time, so that it enters no percentile."""

    def __init__(
        self, environment: Any, workload: Workload, user: TargetUser | None = None
    ) -> None:
        """Fire into an environment's events, in the name of a user or of the run."""
        self.name = user.name if user is not None else DEFAULT_NAME
        self._context: Callable[[], dict[str, Any]] = user.context if user is not None else dict
        self._workload = workload
        self._request = environment.events.request
        self._url = workload.endpoint.target.shown

    def connection(self, clock: Clock, interval: Interval, failure: Failure | None) -> None:
        """Fire the events of one connection attempt, and record its phases in their interval.

        A failure goes to the first row that did not succeed. TLS 1.3 lets a server refuse our
        certificate when our handshake is long over: that is a failure of the TLS row all the same.
        """
        workload, name = self._workload, self.name
        records = workload.records
        records.connection(clock.address, clock.tls_version, clock.cipher)
        phases = clock.phases()
        for metric in (metrics.DNS, metrics.TCP, metrics.PROXY):
            if (duration_ns := phases[metric]) is not None:
                interval.record((metric, name), duration_ns)
        if failure is None:
            interval.record((metrics.CONNECT, name), clock.total_ns)
            if workload.settings.subprotocols and not clock.subprotocol:
                records.subprotocol_ignored += 1
        secure = workload.endpoint.target.secure
        if secure and failure and (clock.tls_ns is None or failure.kind.phase == "tls"):
            self._connection_failed(TLS, failure, clock, interval)
            return
        if clock.tls_ns is not None:
            interval.record((metrics.TLS, name), clock.tls_ns)
            self.done(TLS, name, clock.tls_ns / 1e6)
        if failure is not None:
            self._connection_failed(UPGRADE, failure, clock, interval)
        elif clock.upgrade_ns is not None:
            interval.record((metrics.UPGRADE, name), clock.upgrade_ns)
            self.done(UPGRADE, name, clock.upgrade_ns / 1e6)

    def _connection_failed(
        self, kind: str, failure: Failure, clock: Clock, interval: Interval
    ) -> None:
        """Fail a connection in its row; the time it took counts from its begin."""
        name = self.name
        interval.fail(kind, name, failure.kind.name)
        interval.record((kind.lower() + metrics.FAILED, name), now_ns() - clock.started_ns)
        self.fire_failure(kind, name, failure)

    def done(self, kind: str, name: str, milliseconds: float, size: int = 0) -> None:
        """Fire the event of something that succeeded; ``size`` is the answer's, in bytes."""
        self._request.fire(
            request_type=kind,
            name=name,
            response_time=milliseconds,
            response_length=size,
            exception=None,
            context=self._context(),
            start_time=time.time() - milliseconds / 1e3,
            url=self._url,
        )

    def failed(self, kind: str, name: str, failure: Failure, when_ns: int | None = None) -> None:
        """Count a failure in the interval of its time, by default now, and fire its event."""
        interval = self._workload.recorder.at(now_ns() if when_ns is None else when_ns)
        interval.fail(kind, name, failure.kind.name)
        self.fire_failure(kind, name, failure)

    def fire_failure(self, kind: str, name: str, failure: Failure) -> None:
        """Fire the event of a failure that is counted already; keep its words as a sample."""
        self._workload.records.failure(failure)
        self._request.fire(
            request_type=kind,
            name=name,
            response_time=None,
            response_length=0,
            exception=failure,
            context=self._context(),
            start_time=time.time(),
            url=self._url,
        )
