"""`WebSocketUser`: a Locust user on one WebSocket, with its reconnects, its events and its end.

It knows sends and answers, and nothing of what they mean: a subclass says how an answer is
recognised (`recognise`) and what to send.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

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
from openclaw_locust.rating.ledger import LATE, OK, PUSH, Ledger, Pending
from openclaw_locust.rating.messages import Answer
from openclaw_locust.users.request_events import ACK, LOST, STRAY, RequestEvents
from openclaw_locust.wire.connection import Clock, connect
from openclaw_locust.wire.frames import BINARY, TEXT
from openclaw_locust.wire.tcp import TimedOut, now_ns
from openclaw_locust.wire.websocket import WebSocket

DEFAULT_NAME = "OpenClawRating"
"""The name of the rows in Locust's tables: the tag that the article gives its requests."""

_CLOSE_PATIENCE_NS = 1_000_000_000
_NORMAL_CLOSURE = 1000
_UNRECOGNISED_BEFORE_HINT = 3

logger = logging.getLogger("openclaw_locust")


class Outcome(NamedTuple):
    """What became of one send.

    Attributes:
        failure: None when the answer was as it should be.
        answer: the answer, if one came.
        latency_ms: from the send to the answer; None when no answer came.
    """

    failure: Failure | None
    answer: Answer | None = None
    latency_ms: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the answer was as it should be."""
        return self.failure is None


class WebSocketUser(User):
    """A user that keeps one WebSocket open across its tasks and opens a new one when it is lost.

    Attributes:
        name: the name of this user's rows in Locust's tables.
        goal: the request types that a run of this class is about: without a success of one of them
            nothing was measured. Empty: any type.
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
        self._socket: WebSocket | None = None
        self._ledger = Ledger()
        self._backoff = Backoff()
        self._not_before_ns = 0
        self._opened_ns = 0
        self._messages = 0
        self._events = RequestEvents(self)
        settings = self.workload.settings
        self._wears_out = bool(settings.connection_lifetime_s or settings.messages_per_connection)

    def wait_time(self) -> float:
        """Return the pause between two tasks in seconds: ``--pause``."""
        return self.workload.settings.pause_s

    def on_stop(self) -> None:
        """Give what is pending its answer or its failure, then close. Call it when overriding."""
        self.finish()

    # -- the connection ----------------------------------------------------------------------

    def connect(self) -> None:
        """Open the WebSocket and fire the events of its handshake and its upgrade.

        A connection that is still open is closed first.
        After a failure or a loss it first waits: longer each time, or as the server asked.

        Raises:
            Failure: it could not be opened; the event has been fired.
        """
        self.close()
        self._sleep_until(self._not_before_ns)
        clock = Clock()
        try:
            socket = connect(self.workload.endpoint, self.number, clock)
        except Failure as failure:
            self._stay_away(failure)
            self._events.connection(clock, failure)
            raise
        self._socket = socket
        self.workload.open_sockets.add(socket)
        self._opened_ns = now_ns()
        self._messages = 0
        self._events.connection(clock, None)

    def send(self, message: str | bytes) -> None:
        """Send one message, text or binary, and expect nothing.

        Raises:
            Failure: the connection could not be opened or was lost; its event has been fired.
        """
        socket = self._connected()
        payload = message.encode() if isinstance(message, str) else message
        opcode = TEXT if isinstance(message, str) else BINARY
        try:
            socket.send(payload, self._ack_deadline(), opcode)
        except Failure as failure:
            self._connection_lost(failure)
            raise

    def receive(self, timeout_s: float | None = None) -> str | bytes:
        """Return the next message; without a timeout, wait as long as for an ack.

        Raises:
            TimeoutError: none came in time.
            Failure: the connection is not open or was lost; its event has been fired.
        """
        if self._socket is None:
            raise Failure("ws.not_open")
        deadline = self._ack_deadline() if timeout_s is None else now_ns() + int(timeout_s * 1e9)
        try:
            message = self._socket.receive(deadline)
        except TimedOut:
            raise TimeoutError("no message came in time") from None
        except Failure as failure:
            self._connection_lost(failure)
            raise
        return message.payload.decode() if message.opcode == TEXT else message.payload

    def close(self) -> None:
        """Close the WebSocket with 1000 and let the server end TCP first; no failure whatever."""
        socket, self._socket = self._socket, None
        self._ledger = Ledger()
        if socket is not None:
            try:
                socket.close(_NORMAL_CLOSURE, now_ns() + _CLOSE_PATIENCE_NS)
            finally:
                self.workload.open_sockets.discard(socket)

    # -- a send and its answer -----------------------------------------------------------------

    def recognise(self, message: bytes) -> Answer:
        """Say what a message of the service is; pure. A subclass that uses :meth:`ask` defines it.

        Text comes as its UTF-8 bytes.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to recognise an answer")

    def ask(
        self,
        payload: str | bytes,
        *,
        id: Any = None,
        item: int | None = None,
        score: int | None = None,
        name: str | None = None,
    ) -> Outcome:
        """Send one text message and wait for its answer: one outcome, one ``request`` event.

        Opens the connection when there is none. Never raises for what a service does.

        Args:
            payload: the message.
            id, item, score: what :meth:`recognise` will find in the answer, to match it by.
            name: the name of the row; without it the user's.
        """
        socket = self._socket
        if socket is not None and socket.unread:
            self._take_unread(socket)
        if socket is None or socket.lost is not None or self._wears_out:
            try:
                socket = self._connected()
            except Failure as failure:
                return Outcome(failure)
        sent_ns = now_ns()
        deadline_ns = sent_ns + self.workload.ack_timeout_ns
        if isinstance(payload, str):
            payload = payload.encode()
        pending = Pending(sent_ns, deadline_ns, name or self.name, id, item, score)
        self._ledger.add(pending)
        self._messages += 1
        self.workload.records.sends += 1
        try:
            socket.send(payload, deadline_ns)
        except Failure as failure:
            return self._connection_lost(failure)[pending]
        outcome = self._await(pending)
        if (self._wears_out or self._ledger.in_doubt) and self._is_worn_out():
            self.close()
        return outcome

    def _await(self, pending: Pending) -> Outcome:
        """Receive until ``pending`` has its outcome."""
        socket = self._socket
        assert socket is not None
        try:
            while True:
                payload = socket.receive(pending.deadline_ns).payload
                try:
                    answer = self.recognise(payload)
                except Exception as error:
                    self._ledger.remove(pending)
                    self._settle(pending, Failure("app.script", f"{type(error).__name__}: {error}"))
                    raise
                latency_ms = (socket.read_ns - pending.sent_ns) / 1e6
                settled, outcome = self._ledger.settle(answer)
                if settled is pending:
                    if outcome == OK:
                        self.workload.records.acks += 1
                        self._backoff.useful()
                        self._events.done(ACK, pending.name, latency_ms, len(payload))
                        return Outcome(None, answer, latency_ms)
                    return self._settle(
                        pending, Failure(outcome, answer.detail), answer, latency_ms
                    )
                self._note_other(settled, outcome, answer)
                if outcome == PUSH:
                    pending.other_words = answer.detail
                if now_ns() >= pending.deadline_ns:
                    raise TimedOut  # other messages do not extend the time
        except TimedOut:
            self._ledger.expire(pending)
            name = "app.ack.unrecognised" if pending.other_words else "app.ack.timeout"
            return self._settle(pending, Failure(name, pending.other_words))
        except Failure as failure:
            return self._connection_lost(failure)[pending]

    def _note_other(self, settled: Pending | None, outcome: str, answer: Answer) -> None:
        """Record a message that is not the answer that was waited for."""
        records = self.workload.records
        if outcome == PUSH:
            records.push(answer.detail)
            if records.acks == 0 and records.pushes == _UNRECOGNISED_BEFORE_HINT:
                logger.warning(records.unrecognised_hint())
        elif outcome == LATE:
            records.late_acks += 1  # its send was counted when its time ran out
        elif settled is not None:
            self._settle(settled, Failure(outcome, answer.detail), answer)
        else:
            self._events.failed(STRAY, self.name, Failure(outcome, answer.detail))

    def _settle(
        self,
        pending: Pending,
        failure: Failure,
        answer: Answer | None = None,
        latency_ms: float | None = None,
    ) -> Outcome:
        """Fire the one event of a send that failed: it has no response time, whatever it took."""
        self._events.failed(ACK, pending.name, failure)
        return Outcome(failure, answer, latency_ms)

    # -- ends ----------------------------------------------------------------------------------

    def finish(self) -> None:
        """Wait for the answers of what is pending, each to its own deadline, then close.

        When the user was given time to stop and used it up, nothing more is waited for.
        """
        patient = self._state != LOCUST_STATE_STOPPING
        try:
            while patient and self._socket is not None and (waiting := self._ledger.pending()):
                self._await(waiting[0])
        finally:
            for pending in self._ledger.pending():
                self._ledger.remove(pending)
                self._settle(pending, Failure("gen.stopped"))
            self.close()

    def _connection_lost(self, failure: Failure) -> dict[Pending, Outcome]:
        """Record a lost connection, and each rating that was lost with it."""
        socket, self._socket = self._socket, None
        ledger, self._ledger = self._ledger, Ledger()
        if socket is not None:
            socket.abort()
            self.workload.open_sockets.discard(socket)
        self._stay_away(failure)
        self._events.failed(LOST, self.name, failure)
        return {
            pending: self._settle(
                pending, Failure("app.ack.lost_on_close", f"{failure} {failure.detail}")
            )
            for pending in ledger.pending()
        }

    def _connected(self) -> WebSocket:
        """Return an open connection; one that was lost while nobody looked is recorded first."""
        if self._socket is not None and self._socket.lost is not None:
            self._connection_lost(self._socket.lost)
        elif self._is_worn_out():
            self.close()
        if self._socket is None:
            self.connect()
        assert self._socket is not None
        return self._socket

    def _take_unread(self, socket: WebSocket) -> None:
        """Settle what came before the next send: it cannot be an answer to that."""
        while socket.unread:
            answer = self.recognise(socket.receive(0).payload)
            self._note_other(*self._ledger.settle(answer), answer)

    def _is_worn_out(self) -> bool:
        """Whether the options say that this connection has served long enough."""
        settings = self.workload.settings
        if self._ledger.in_doubt:
            return True
        if settings.messages_per_connection and self._messages >= settings.messages_per_connection:
            return True
        lifetime_s = settings.connection_lifetime_s
        return lifetime_s is not None and now_ns() - self._opened_ns >= lifetime_s * 1e9

    def _stay_away(self, failure: Failure) -> None:
        delay_s = self._backoff.next_delay_s(failure.retry_after_s)
        self._not_before_ns = now_ns() + int(delay_s * 1e9)

    def _sleep_until(self, when_ns: int) -> None:
        """Sleep as Locust's own pause does: a stop of the run ends it."""
        seconds = (when_ns - now_ns()) / 1e9
        if seconds <= 0:
            return
        self._state = LOCUST_STATE_WAITING
        gevent.sleep(seconds)
        if self._state == LOCUST_STATE_STOPPING:
            raise StopUser
        self._state = LOCUST_STATE_RUNNING

    def _ack_deadline(self) -> int:
        return now_ns() + self.workload.ack_timeout_ns
