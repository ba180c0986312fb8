"""Locust's `request` events: which rows there are, and what each event carries."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from openclaw_locust.failures import Failure
from openclaw_locust.wire.connection import Clock

if TYPE_CHECKING:
    from openclaw_locust.users.websocket_user import WebSocketUser

ACK, TLS, UPGRADE, LOST, STRAY = "ACK", "TLS", "UPGRADE", "WS", "STRAY"
"""Request types: one ACK for each send, one TLS and UPGRADE for each connection; WS for connections
that were lost, STRAY for answers that belong to no send that waits: failures only."""


class RequestEvents:
    """Fires a user's events. A failure has no response time, so that it enters no percentile."""

    def __init__(self, user: WebSocketUser) -> None:
        self._user = user
        self._workload = user.workload
        self._request = user.environment.events.request
        self._url = user.workload.endpoint.target.shown

    def connection(self, clock: Clock, failure: Failure | None) -> None:
        """Fire the events of one connection attempt, and record its phases.

        A failure goes to the first row that did not succeed. TLS 1.3 lets a server refuse our
        certificate when our handshake is long over: that is a failure of the TLS row all the same.
        """
        workload, name = self._workload, self._user.name
        records = workload.records
        records.connection(clock.phases(), clock.address, clock.tls_version, clock.cipher)
        if failure is None and workload.settings.subprotocols and not clock.subprotocol:
            records.subprotocol_ignored += 1
        secure = workload.endpoint.target.secure
        if secure and failure and (clock.tls_ns is None or failure.kind.phase == "tls"):
            self.failed(TLS, name, failure)
            return
        if clock.tls_ns is not None:
            self.done(TLS, name, clock.tls_ns / 1e6)
        if failure is not None:
            self.failed(UPGRADE, name, failure)
        elif clock.upgrade_ns is not None:
            self.done(UPGRADE, name, clock.upgrade_ns / 1e6)

    def done(self, kind: str, name: str, milliseconds: float, size: int = 0) -> None:
        """Fire the event of something that succeeded; ``size`` is the answer's, in bytes."""
        self._request.fire(
            request_type=kind,
            name=name,
            response_time=milliseconds,
            response_length=size,
            exception=None,
            context=self._user.context(),
            start_time=time.time() - milliseconds / 1e3,
            url=self._url,
        )

    def failed(self, kind: str, name: str, failure: Failure) -> None:
        """Fire the event of something that failed, and keep the failure's words as a sample."""
        self._workload.records.failure(failure)
        self._request.fire(
            request_type=kind,
            name=name,
            response_time=None,
            response_length=0,
            exception=failure,
            context=self._user.context(),
            start_time=time.time(),
            url=self._url,
        )
