"""Locust's `request` events: which rows there are, and what each event carries."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from openclaw_locust.failures import Failure
from openclaw_locust.measure import recorder as metrics
from openclaw_locust.measure.recorder import Interval
from openclaw_locust.users.row_names import DEFAULT_NAME, RESUMED
from openclaw_locust.wire.connection import Clock
from openclaw_locust.wire.tcp import now_ns

if TYPE_CHECKING:
    from openclaw_locust.users.target_user import TargetUser
    from openclaw_locust.workload import Workload

ACK, TLS, UPGRADE, LOST, STRAY, UNSENT = "ACK", "TLS", "UPGRADE", "WS", "STRAY", "UNSENT"
HANDSHAKE, HTTP = "HANDSHAKE", "HTTP"
"""Request types: one ACK for each send, one TLS and UPGRADE for each connection; one HANDSHAKE for
each connection of a :class:`~openclaw_locust.HandshakeUser`, from its intended begin to the end of
its last phase, or one HTTP for each of its requests; WS for connections
that were lost, STRAY for answers that belong to no send that waits, UNSENT for arrivals of the
schedule that no connection had room for: failures only."""


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
        is_of_tls = self._workload.endpoint.target.secure and (
            clock.tls_ns is None or (failure is not None and failure.kind.phase == "tls")
        )
        name = self.phases(clock, interval, failure)
        if failure is not None:
            self._connection_failed(TLS if is_of_tls else UPGRADE, name, failure, clock, interval)

    def phases(self, clock: Clock, interval: Interval, failure: Failure | None) -> str:
        """Record the phases that went well, fire the events of TLS and the upgrade among them.

        Returns:
            The name of the connection's rows: resumed handshakes have rows of their own.
        """
        workload = self._workload
        records = workload.records
        records.connection(clock.address, clock.negotiated)
        name = self._row_of(clock)
        for metric, duration_ns in (
            (metrics.DNS, clock.dns_ns),
            (metrics.TCP, clock.tcp_ns),
            (metrics.PROXY, clock.proxy_ns),
        ):
            if duration_ns is not None:
                interval.record((metric, name), duration_ns)
        if clock.tls_ns is not None and (failure is None or failure.kind.phase != "tls"):
            self._record_tls(clock, clock.tls_ns, interval, name)
        if failure is None:
            interval.record((metrics.CONNECT, name), clock.total_ns)
            if workload.settings.subprotocols and not clock.subprotocol:
                records.subprotocol_ignored += 1
            if clock.upgrade_ns is not None:
                interval.record((metrics.UPGRADE, name), clock.upgrade_ns)
                self.done(UPGRADE, name, clock.upgrade_ns / 1e6)
        return name

    def _record_tls(self, clock: Clock, tls_ns: int, interval: Interval, name: str) -> None:
        interval.record((metrics.TLS, name), tls_ns)
        if clock.hello_ns is not None and clock.own_ns is not None:
            interval.record((metrics.HELLO, name), clock.hello_ns)
            interval.record((metrics.OWN, name), clock.own_ns)
            rest_ns = tls_ns - clock.hello_ns - clock.own_ns
            interval.record((metrics.REST, name), max(0, rest_ns))
        self.done(TLS, name, tls_ns / 1e6)

    def _row_of(self, clock: Clock) -> str:
        """Return the name of a connection's rows.

        Before the server has said whether it resumes, a connection that offers a session belongs
        where the last one that did has come to: else a row would hold failures only.
        """
        resumption = self._workload.resumption
        resumed = clock.offered and resumption.is_accepted
        if clock.negotiated is not None:
            resumed = clock.negotiated.resumed
            if clock.offered:
                resumption.is_accepted = resumed
        return f"{self.name} {RESUMED}" if resumed else self.name

    def _connection_failed(
        self, kind: str, name: str, failure: Failure, clock: Clock, interval: Interval
    ) -> None:
        """Fail a connection in its row; the time it took counts from its begin."""
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
