"""`WebSocketUser`: a Locust user on one WebSocket, with its reconnects, its events and its end.

It knows sends and answers, and nothing of what they mean: a subclass says how an answer is
recognised (`recognise`) and what to send.
"""

from __future__ import annotations

from typing import Any

from locust.user.task import LOCUST_STATE_STOPPING

from openclaw_locust.failures import Failure
from openclaw_locust.measure.pacer import Turn
from openclaw_locust.measure.recorder import RECOVER, Interval
from openclaw_locust.rating.ledger import Pending
from openclaw_locust.rating.messages import Answer
from openclaw_locust.users.exchange import Exchange, Outcome
from openclaw_locust.users.request_events import LOST
from openclaw_locust.users.target_user import TargetUser
from openclaw_locust.wire.connection import Clock, connect
from openclaw_locust.wire.frames import BINARY, TEXT
from openclaw_locust.wire.tcp import TimedOut, now_ns
from openclaw_locust.wire.websocket import WebSocket

_NORMAL_CLOSURE = 1000
_PAUSE_S = 1.0


class WebSocketUser(TargetUser):
    """A user that keeps one WebSocket open across its tasks and opens a new one when it is lost."""

    abstract = True

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._socket: WebSocket | None = None
        self._clock: Clock | None = None  # of the connection that is open
        self._opened_ns = 0
        self._lost_ns = 0  # since when there is no connection in the place of one that was lost
        self._messages = 0
        self._turn = Turn()
        self._pacer = self.workload.pacer
        self._exchange = Exchange(self, self._events, self._backoff)
        settings = self.workload.settings
        self._pause_s = _PAUSE_S if settings.pause_s is None else settings.pause_s
        self._wears_out = bool(settings.connection_lifetime_s or settings.messages_per_connection)

    def wait_time(self) -> float:
        """Return the pause between two tasks in seconds: ``--pause``; none in the open model."""
        return 0.0 if self._pacer is not None else self._pause_s

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
        with self._connecting() as interval:
            self._open(interval)

    def _open(self, interval: Interval) -> None:
        clock, session = self._clock_and_session()
        try:
            socket = connect(self.workload.endpoint, self.number, clock, session)
        except Failure as failure:
            self._stay_away(failure)
            self._settle_session(clock, session)
            self._events.connection(clock, interval, failure)
            raise
        self._settle_session(clock, session)
        self._socket, self._clock = socket, clock
        socket.on_idle_news = self._turn.wake
        self.workload.open_sockets.add(socket)
        self._opened_ns = now_ns()
        self._messages = 0
        self._events.connection(clock, interval, None)
        if self._lost_ns:
            recovered_ns = self._opened_ns - self._lost_ns
            self.workload.recorder.at(self._lost_ns).record((RECOVER, self.name), recovered_ns)
            self._lost_ns = 0

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
        """Close the WebSocket with 1000 and let the server end TCP first.

        Nothing is raised; a server that does not answer in time is a failure of the row WS.
        """
        socket, self._socket = self._socket, None
        self._exchange.fail_all(Failure("gen.stopped"))
        if socket is not None:
            try:
                failure = self._end(socket, _NORMAL_CLOSURE)
            finally:
                self._connection_over()
                self.workload.open_sockets.discard(socket)
            if failure is not None:
                self._events.failed(LOST, self.name, failure)

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

        Opens the connection when there is none. Never raises for what a service does. In the open
        model it first waits for its turn, and its response time counts from the planned send.

        Args:
            payload: the message.
            id, item, score: what :meth:`recognise` will find in the answer, to match it by.
            name: the name of the row; without it the user's.
        """
        socket = self._socket
        intended_ns = None
        if socket is not None and socket.unread:
            self._take_unread(socket)
        try:
            if self._pacer is not None:
                intended_ns = self._await_turn()
                socket = self._socket
            if socket is None or socket.lost is not None or self._wears_out:
                socket = self._connected()
        except Failure as failure:
            return Outcome(failure)
        if isinstance(payload, str):
            payload = payload.encode()
        pending = self._send(socket, payload, intended_ns, name, id, item, score)
        if pending.outcome is None:
            self._await(pending)
        if (self._wears_out or self._exchange.ledger.in_doubt) and self._is_worn_out():
            self.close()
        outcome: Outcome = pending.outcome
        return outcome

    def _send(
        self,
        socket: WebSocket,
        payload: bytes,
        intended_ns: int | None,
        name: str | None,
        id: Any,
        item: int | None,
        score: int | None,
    ) -> Pending:
        """Send one message; it is in the ledger, or has failed already."""
        sent_ns = now_ns()
        deadline_ns = sent_ns + self.workload.ack_timeout_ns
        pending = Pending(
            sent_ns, deadline_ns, name or self.name, id, item, score, intended_ns or sent_ns
        )
        self._exchange.enter(pending)
        self._messages += 1
        try:
            socket.send(payload, deadline_ns)
        except Failure as failure:
            self._connection_lost(failure)
        return pending

    def _await(self, pending: Pending) -> None:
        """Receive until ``pending`` has its outcome."""
        socket, exchange = self._socket, self._exchange
        assert socket is not None
        try:
            while pending.outcome is None:
                payload = socket.receive(pending.deadline_ns).payload
                exchange.take(payload, socket.read_ns)
                if pending.outcome is None and now_ns() >= pending.deadline_ns:
                    raise TimedOut  # other messages do not extend the time
        except TimedOut:
            exchange.expire(pending.deadline_ns)
        except Failure as failure:
            self._connection_lost(failure)

    # -- turns: the open model, and many in flight ---------------------------------------------

    def _await_turn(self) -> int:
        """Keep connected until the schedule wants a send, and return its planned time.

        Raises:
            Failure: the connection could not be opened; its event has been fired.
        """
        turn = self._turn
        assert self._pacer is not None
        while True:
            socket = self._connected()
            if socket.unread:
                self._take_unread(socket)
            self._pacer.ask(turn)
            if (intended_ns := turn.take()) is not None:
                return intended_ns
            self._rest()

    def _rest(self, until_ns: int | None = None) -> None:
        """Sleep until something happens. With nothing in flight, a stop of the run ends it."""
        if self._exchange.ledger.waiting:
            self._turn.sleep(until_ns)
            return
        self._enter_wait()
        self._turn.sleep(until_ns)
        self._leave_wait()

    def _take_unread(self, socket: WebSocket) -> None:
        """Settle what came while nobody waited for it."""
        while socket.unread:
            payload = socket.receive(0).payload
            self._exchange.take(payload, socket.read_ns)

    # -- ends ----------------------------------------------------------------------------------

    def finish(self) -> None:
        """Wait for the answers of what is pending, each to its own deadline, then close.

        When the user was given time to stop and used it up, nothing more is waited for.
        """
        patient = self._state != LOCUST_STATE_STOPPING
        if self._pacer is not None:
            self._pacer.leave(self._turn)
        try:
            while patient and self._socket is not None:
                oldest = self._exchange.ledger.oldest()
                if oldest is None:
                    break
                self._await(oldest)
        finally:
            self.close()

    def _connection_lost(self, failure: Failure) -> None:
        """Record a lost connection, and each rating that was lost with it."""
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.abort()
            self._connection_over()
            self.workload.open_sockets.discard(socket)
        self._stay_away(failure)
        self._lost_ns = self._lost_ns or now_ns()
        self._events.failed(LOST, self.name, failure)
        self._exchange.fail_all(Failure("app.ack.lost_on_close", f"{failure} {failure.detail}"))

    def _connection_over(self) -> None:
        clock, self._clock = self._clock, None
        if clock is not None:
            self._count_tickets(clock)

    def _connected(self) -> WebSocket:
        """Return an open connection; one that was lost while nobody looked is recorded first."""
        if self._socket is not None and self._socket.lost is not None:
            self._take_unread(self._socket)
            self._connection_lost(self._socket.lost)
        elif self._is_worn_out():
            self.close()
        if self._socket is None:
            if self._pacer is not None:
                self._pacer.leave(self._turn)
            self.connect()
        assert self._socket is not None
        return self._socket

    def _is_worn_out(self) -> bool:
        """Whether the options say that this connection has served long enough."""
        settings = self.workload.settings
        if self._exchange.ledger.in_doubt:
            return True
        if settings.messages_per_connection and self._messages >= settings.messages_per_connection:
            return True
        lifetime_s = settings.connection_lifetime_s
        return lifetime_s is not None and now_ns() - self._opened_ns >= lifetime_s * 1e9

    def _ack_deadline(self) -> int:
        return now_ns() + self.workload.ack_timeout_ns
