"""`HandshakeUser`: connects, shakes hands, upgrades, ends; what the article uses wrk for.

One HANDSHAKE event for each connection, good or bad, whose time counts from its intended begin; TLS
and UPGRADE for the phases that went well. In the mode ``http`` connections are kept, and each
request is one HTTP event.
"""

from __future__ import annotations

from typing import Any

import gevent
from gevent import Greenlet
from locust import task
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING

from openclaw_locust.failures import Failure
from openclaw_locust.measure.pacer import Turn
from openclaw_locust.measure.recorder import FAILED, LAG, SERVICE, Interval
from openclaw_locust.option_values import SettingsError
from openclaw_locust.settings import Settings
from openclaw_locust.users.request_events import HANDSHAKE, HTTP
from openclaw_locust.users.target_user import TargetUser
from openclaw_locust.wire.connection import Clock, connect, open_transport
from openclaw_locust.wire.http_exchange import HttpConnection
from openclaw_locust.wire.sessions import Kept
from openclaw_locust.wire.tcp import now_ns
from openclaw_locust.wire.transport import Transport
from openclaw_locust.wire.upgrade import plain_get

_NORMAL_CLOSURE = 1000


class HandshakeUser(TargetUser):
    """Opens connections, one at a time, and gives each exactly one outcome."""

    abstract = True
    goal = (HANDSHAKE, HTTP)
    counts_tickets = True

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        settings = self.workload.settings
        self._mode = settings.handshake_mode
        self._pacer = self.workload.pacer
        self._turn = Turn()
        self._worker: Greenlet[..., None] | None = None
        self._is_busy = self._is_leaving = False
        own_pause = type(self).wait_time is not HandshakeUser.wait_time
        no_pause = not settings.pause_s or settings.is_open_model
        self._back_to_back = len(self.tasks) == 1 and no_pause and not own_pause
        self._request = plain_get(
            self.workload.endpoint.target, settings.http_path, settings.headers
        )
        self._http: HttpConnection | None = None
        self._http_clock = Clock()
        self._requests = 0

    @classmethod
    def check(cls, settings: Settings) -> None:
        """Refuse settings that mean nothing to this class; see the base."""
        mode = settings.handshake_mode
        if mode == "tls" and not settings.target.secure:
            raise SettingsError("--handshake-mode tls needs a target with TLS: write wss://")
        right, wrong = ("--connect-rate", "--arrival-rate or --arrival-stages")
        if mode == "http":
            right, wrong = "--arrival-rate", "--connect-rate"
        if settings.is_open_model and settings.paces_connections == (mode == "http"):
            raise SettingsError(
                f"{wrong} is not what --handshake-mode {mode} is paced by; give {right}"
            )

    def wait_time(self) -> float:
        """Return the pause between two tasks in seconds: ``--pause``; else none."""
        return 0.0 if self._pacer is not None else self.workload.settings.pause_s or 0.0

    @task
    def shake_hands(self) -> None:
        """Make one connection, or in the mode ``http`` one request; without a pause, many.

        A greenlet of its own does it, so that what is under way when the run ends is not cut off
        but has its outcome: else the slowest would be missing.
        """
        self._worker = gevent.spawn(self._work)
        self._worker.join()
        self._worker.get()

    def on_stop(self) -> None:
        """Give what is under way its outcome, then close. Call it when overriding."""
        self.finish()

    def finish(self) -> None:
        """Wait for what is under way, to its own deadline.

        When the user was given time to stop and used it up, nothing more is waited for.
        """
        self._is_leaving = True
        if self._pacer is not None:
            self._pacer.leave(self._turn)
        worker, patient = self._worker, self._state != LOCUST_STATE_STOPPING
        try:
            if worker is not None and self._is_busy and patient:
                worker.join()
        finally:
            if worker is not None:
                worker.kill()
            self._close_http()

    def _work(self) -> None:
        """Do one after the other until the user is to stop."""
        step = self._ask_once if self._mode == "http" else self._connect_once
        try:
            while True:
                intended_ns = self._next_turn()
                self._is_busy = True
                try:
                    step(intended_ns)
                finally:
                    self._is_busy = False
                is_stopped = self._is_leaving or self._state != LOCUST_STATE_RUNNING
                if is_stopped or not self._back_to_back:
                    break
        except StopUser:
            pass  # the task ends, and Locust looks for itself

    def _next_turn(self) -> int | None:
        """Wait until the next one may begin; return when it was planned in the open model."""
        self._sleep_until(self._not_before_ns)
        if self._pacer is None:
            return None
        while True:
            self._pacer.ask(self._turn)
            if (intended_ns := self._turn.take()) is not None:
                return intended_ns
            self._enter_wait()
            self._turn.sleep()
            self._leave_wait()

    # -- connections ---------------------------------------------------------------------------

    def _connect_once(self, intended_ns: int | None) -> None:
        """Make one connection and enter its outcome."""
        begun_ns = now_ns()
        attempt = _Attempt(self, HANDSHAKE, begun_ns if intended_ns is None else intended_ns)
        clock, session = self._clock_and_session()
        failure: Failure | None = Failure("gen.stopped")
        try:
            self._shake(clock, session)
            failure = None
        except Failure as found:
            failure = found
        finally:
            self._settle_session(clock, session)
            self._count_tickets(clock)
            name = self._events.phases(clock, attempt.interval, failure)
            if failure is None:
                attempt.done(name, clock.started_ns, clock.started_ns + clock.total_ns)
                self._backoff.useful()
            else:
                attempt.fail(name, failure)
        if failure is not None:
            self._rest_after(failure)

    def _rest_after(self, failure: Failure) -> None:
        """Stay away for a while, unless a schedule says when to come: whatever the service does."""
        if self._pacer is None:
            self._stay_away(failure)

    def _shake(self, clock: Clock, session: Kept | None) -> None:
        """Open a connection as the mode says, and end it.

        Raises:
            Failure: it could not be opened, or its TLS was refused late.
        """
        endpoint = self.workload.endpoint
        if self._mode == "tls":
            self._end_transport(open_transport(endpoint, self.number, clock, session))
            return
        socket = connect(endpoint, self.number, clock, session)
        try:
            if self._end(socket, _NORMAL_CLOSURE) is not None:
                self.workload.records.unclosed += 1
        finally:
            socket.abort()

    def _end_transport(self, transport: Transport) -> None:
        """End a connection that speaks nothing above TLS.

        Raises:
            Failure: the server refused TLS after all.
        """
        try:
            if self.workload.settings.close == "reset":
                transport.flush()
                transport.reset()
            elif not transport.let_peer_close(now_ns() + self.workload.close_timeout_ns):
                self.workload.records.unclosed += 1
        finally:
            transport.abort()

    # -- requests ------------------------------------------------------------------------------

    def _ask_once(self, intended_ns: int | None) -> None:
        """Make one request and enter its outcome."""
        begun_ns = now_ns()
        if self._http is None or not self._http.is_open or self._is_worn_out():
            self._close_http()
            if not self._open_http():
                return
        assert self._http is not None
        attempt = _Attempt(self, HTTP, begun_ns if intended_ns is None else intended_ns)
        sent_ns = now_ns() if intended_ns is not None else begun_ns
        self._requests += 1
        failure: Failure | None = Failure("gen.stopped")
        size = 0
        try:
            size = self._http.get(self._request, sent_ns + self.workload.ack_timeout_ns)
            failure = None
        except Failure as found:
            failure = found
        finally:
            if failure is None:
                attempt.done(self.name, sent_ns, self._http.transport.read_ns, size)
                self._backoff.useful()
            else:
                attempt.fail(self.name, failure)
        if failure is not None:
            self._rest_after(failure)

    def _open_http(self) -> bool:
        """Open a connection for requests; a failure is one of its row TLS."""
        failure = None
        with self._connecting() as interval:
            clock, session = self._clock_and_session()
            try:
                transport = open_transport(self.workload.endpoint, self.number, clock, session)
            except Failure as found:
                failure = found
            self._settle_session(clock, session)
            self._events.connection(clock, interval, failure)
        if failure is not None:
            self._stay_away(failure)
            return False
        self._http, self._http_clock, self._requests = HttpConnection(transport), clock, 0
        return True

    def _is_worn_out(self) -> bool:
        most = self.workload.settings.messages_per_connection
        return most is not None and self._requests >= most

    def _close_http(self) -> None:
        http, self._http = self._http, None
        if http is None:
            return
        try:
            self._end_transport(http.transport)
        except Failure:
            pass  # its requests have had their outcomes
        finally:
            self._count_tickets(self._http_clock)


class _Attempt:
    """One connection or request on its way to its one outcome."""

    __slots__ = ("_intended_ns", "_kind", "_user", "interval")

    def __init__(self, user: HandshakeUser, kind: str, intended_ns: int) -> None:
        self._user, self._kind, self._intended_ns = user, kind, intended_ns
        self.interval: Interval = user.workload.recorder.at(intended_ns)
        self.interval.sends += 1

    def done(self, name: str, begun_ns: int, ended_ns: int, size: int = 0) -> None:
        """Enter a good outcome; its time is from the intended begin."""
        interval, response_ns = self.interval, ended_ns - self._intended_ns
        interval.settled += 1
        interval.record((self._kind.lower(), name), response_ns)
        if self._user.workload.settings.is_open_model:
            interval.record((SERVICE, name), ended_ns - begun_ns)
            interval.record((LAG, name), begun_ns - self._intended_ns)
        self._user._events.done(self._kind, name, response_ns / 1e6, size)

    def fail(self, name: str, failure: Failure) -> None:
        """Enter a bad one."""
        interval = self.interval
        interval.settled += 1
        interval.fail(self._kind, name, failure.kind.name)
        took_ns = now_ns() - self._intended_ns
        interval.record((self._kind.lower() + FAILED, name), took_ns)
        self._user._events.fire_failure(self._kind, name, failure)
