"""An open WebSocket: messages out, messages in, pings answered, and the reason of its end.

Knows frames and the transport; knows nothing of what the messages mean.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable

from openclaw_locust.classify import from_close
from openclaw_locust.failures import Failure
from openclaw_locust.wire.frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    FrameReader,
    FrameWriter,
    Message,
    close_payload,
    read_close,
)
from openclaw_locust.wire.tcp import TimedOut, now_ns
from openclaw_locust.wire.transport import End, Ended, Transport

_ABNORMAL: dict[End, str] = {
    "fin": "ws.abnormal.fin",
    "truncated": "ws.abnormal.tls_truncated",
    "reset": "ws.abnormal.rst",
}
# How we end a connection whose peer broke the protocol (RFC 6455, 7.4.1).
_CLOSE_CODES = {"ws.frame.utf8": 1007, "ws.frame.oversize": 1009, "ws.ping_flood": 1008}
_PROTOCOL_ERROR = 1002
_PINGS_PER_S = 100  # a hundred times what the most eager keep-alive needs
_QUEUE_LIMIT_BYTES = 256 * 1024
_MESSAGE_OVERHEAD_BYTES = 200  # of a message in the queue: an empty one costs memory too


class WebSocket:
    """One upgraded connection. One greenlet receives at a time.

    Attributes:
        lost: why the connection cannot be used any more, as far as is known; None while it can.
        unread: messages, each with its time, that came while nobody waited for one.
        on_idle_news: called in the hub when messages or the end came while nobody waited for them;
            must not block.
        read_ns: when the message that was last received came off the socket
            (``time.perf_counter_ns``), also when it was read while nobody waited for it.
    """

    __slots__ = (
        "_pings",
        "_pings_since_ns",
        "_queued_bytes",
        "_reader",
        "_transport",
        "_writer",
        "lost",
        "on_idle_news",
        "read_ns",
        "unread",
    )

    def __init__(self, transport: Transport, max_message_bytes: int, first_bytes: bytes) -> None:
        self._transport = transport
        self._reader = FrameReader(max_message_bytes)
        self._reader.feed(first_bytes)
        self._writer = FrameWriter()
        self.unread: deque[tuple[Message, int]] = deque()  # read while nobody waited
        self._queued_bytes = 0
        self._pings = self._pings_since_ns = 0
        self.lost: Failure | None = None
        self.on_idle_news: Callable[[], None] | None = None
        self.read_ns = now_ns()
        transport.on_idle_data = self._on_idle_data
        if first_bytes or transport.ended is not None:
            self._serve_idle()

    def send(self, payload: bytes, deadline_ns: int, opcode: int = TEXT) -> None:
        """Send one message.

        Raises:
            Failure: the connection is lost, or the peer took no more bytes by the deadline.
        """
        if self.lost is not None:
            raise self.lost
        try:
            self._transport.send(self._writer.frame(payload, opcode), deadline_ns)
        except TimedOut:
            blocked = Failure("ws.send_blocked", "the peer reads no more")
            raise self._lose_after_send(blocked) from None
        except Ended as end:
            raise self._lose_after_send(_abnormal(end)) from None
        except Failure as failure:
            raise self._lose_after_send(failure) from None

    def receive(self, deadline_ns: int) -> Message:
        """Return the next TEXT or BINARY message; control frames are answered on the way.

        Raises:
            TimedOut: none came by the deadline, whatever else came.
            Failure: the connection is lost, and all messages before its end have been returned.
        """
        if self.unread:
            message, self.read_ns = self.unread.popleft()
            self._queued_bytes -= len(message.payload) + _MESSAGE_OVERHEAD_BYTES
            return message
        if self.lost is not None:
            raise self.lost
        transport = self._transport
        try:
            while True:
                while (message_or_none := self._reader.next()) is None:
                    self._reader.feed(transport.receive(deadline_ns))
                if message_or_none.opcode <= BINARY:
                    self.read_ns = transport.read_ns
                    # a ping or an end behind it cannot wait for the next reader
                    if self._reader.buffer or transport.ended is not None:
                        self._serve_idle()
                    return message_or_none
                self._control(message_or_none)
        except Ended as end:
            lost = self._lose(_abnormal(end))
        except Failure as failure:
            lost = self._lose(failure)
        if self.unread:  # a send that failed meanwhile has read what came before the end
            return self.receive(deadline_ns)
        raise lost

    def close(self, code: int, deadline_ns: int, reason: str = "") -> Failure | None:
        """Send a close frame and let the server close first, until the deadline; then close.

        Where another greenlet is receiving, nothing is waited for: that one ends now.

        Returns:
            ``ws.close_timeout`` when the server neither answered nor ended the connection in time;
            whatever else it does now is nobody's failure.
        """
        if self.lost is not None:
            self._transport.close()
            return None
        self.lost = Failure("ws.not_open", "closed here")
        answered = False
        try:
            frame = self._writer.frame(close_payload(code, reason), CLOSE)
            self._transport.send(frame, deadline_ns)
            while not self._transport.has_reader:
                data = self._transport.receive(deadline_ns)
                answered = answered or self._holds_close(data)
        except TimedOut:
            if not answered:
                self._transport.close()
                return Failure("ws.close_timeout", f"no answer to our close frame {code}")
        except (Ended, Failure):
            self._let_peer_close(deadline_ns)
        finally:
            self._transport.close()
        return None

    def _let_peer_close(self, deadline_ns: int) -> None:
        """Let TCP end in the same order as the WebSocket: the server first (RFC 6455, 7.1.1)."""
        if not self._transport.has_reader:
            with contextlib.suppress(Failure):  # how TLS ends is nobody's concern any more
                self._transport.let_peer_close(deadline_ns)

    def _holds_close(self, data: bytes) -> bool:
        """Whether bytes that came after our close frame have the server's; acks are passed over."""
        self._reader.feed(data)
        try:
            while (message := self._reader.next()) is not None:
                if message.opcode == CLOSE:
                    return True
        except Failure:
            return True  # a wrong frame is an answer too, and nothing can be read behind it
        return False

    def abort(self) -> None:
        """Close at once, without a word."""
        if self.lost is None:
            self.lost = Failure("ws.not_open", "closed here")
        self._transport.abort()

    def reset(self) -> None:
        """Close at once with a reset."""
        if self.lost is None:
            self.lost = Failure("ws.not_open", "closed here")
        self._transport.reset()

    def _control(self, message: Message) -> None:
        """Answer a ping; a close frame ends the connection with its class, and so does a flood."""
        if message.opcode != CLOSE:
            self._count_ping()
        if message.opcode == PING:
            self._transport.post(self._writer.frame(message.payload, PONG))
        elif message.opcode == CLOSE:
            failure = from_close(*read_close(message.payload))
            invalid = failure.kind.name == "ws.close.invalid"
            answer = close_payload(_PROTOCOL_ERROR) if invalid else message.payload[:2]
            self._transport.post(self._writer.frame(answer, CLOSE))
            raise failure

    def _count_ping(self) -> None:
        """Refuse a peer that keeps us busy with pings or pongs."""
        read_ns = self._transport.read_ns
        if read_ns - self._pings_since_ns > 1_000_000_000:
            self._pings, self._pings_since_ns = 0, read_ns
        self._pings += 1
        if self._pings > _PINGS_PER_S:
            raise Failure("ws.ping_flood", f"more than {_PINGS_PER_S} pings in a second")

    def _on_idle_data(self) -> None:
        self._serve_idle()
        if self.on_idle_news is not None and (self.unread or self.lost is not None):
            self.on_idle_news()

    def _serve_idle(self) -> None:
        """Work off what came while nobody was receiving. Runs in the hub: never waits."""
        if self.lost is not None or self._queued_bytes > _QUEUE_LIMIT_BYTES:
            return  # what is not taken here stays with the transport, and then with TCP
        transport = self._transport
        data: bytes | None = None
        try:
            while data is None or data:  # an answer that cannot be sent makes the transport read on
                data = transport.take()
                self._reader.feed(data)
                if not self._serve_frames():
                    return
        except Failure as failure:
            self._lose(failure)
            return
        ended = transport.ended
        if isinstance(ended, Failure):
            self._lose(ended)
        elif isinstance(ended, Ended):
            self._lose(_abnormal(ended))

    def _serve_frames(self) -> bool:
        """Queue the messages and answer the control frames at hand; False when there are too many.

        Raises:
            Failure: a close or a wrong frame was among them.
        """
        while self._queued_bytes <= _QUEUE_LIMIT_BYTES:
            message = self._reader.next()
            if message is None:
                return True
            if message.opcode <= BINARY:
                self.unread.append((message, self._transport.read_ns))
                self._queued_bytes += len(message.payload) + _MESSAGE_OVERHEAD_BYTES
            else:
                self._control(message)
        return False

    def _lose_after_send(self, failure: Failure) -> Failure:
        """Judge a send that failed: messages and a close frame may have come before the end."""
        self._serve_idle()
        return self.lost or self._lose(failure)

    def _lose(self, failure: Failure) -> Failure:
        if self.lost is None:
            if failure.kind.phase == "tls":  # its phase is over: the handshake had succeeded
                failure = Failure("ws.tls", f"{failure}: {failure.detail}")
            self.lost = failure
            name = failure.kind.name
            if name in _CLOSE_CODES or name.startswith("ws.frame."):
                code = _CLOSE_CODES.get(name, _PROTOCOL_ERROR)
                self._transport.post(self._writer.frame(close_payload(code), CLOSE))
            self._transport.close()
        return self.lost


def _abnormal(end: Ended) -> Failure:
    return Failure(_ABNORMAL[end.how], end.detail)
