"""The rating service on aiohttp: which path does what, and the life of one WebSocket.

Nothing is logged for a frame or a request. A message is answered in the handler itself, or through
the :class:`~openclaw_locust.server.delay.DelayLine` where answers are delayed or held.
"""

from __future__ import annotations

import asyncio
from time import monotonic_ns
from typing import TYPE_CHECKING, cast

from aiohttp import WSCloseCode, WSMsgType, web

from openclaw_locust.server.garbage import GarbagePolicy
from openclaw_locust.server.held_transport import HeldTransport
from openclaw_locust.server.messages import BadMessageError, ack_for, refuse_binary

if TYPE_CHECKING:
    from aiohttp.web_protocol import RequestHandler

    from openclaw_locust.server.counts import Counts
    from openclaw_locust.server.delay import DelayLine
    from openclaw_locust.server.latency import Latency

MESSAGE_LIMIT_BYTES = 64 * 1024
"""A longer message ends its connection with close code 1009."""

KEEPALIVE_S = 3600.0
"""How long an idle HTTP connection stays open: longer than any test."""

CLOSE_TIMEOUT_S = 1.0
"""How long a client may take to answer a close frame."""


class CountingServer(web.Server):
    """aiohttp's low-level server that counts connections and TLS handshakes."""

    def __init__(
        self,
        service: RatingService,
        counts: Counts,
        delay_line: DelayLine | None = None,
        *,
        tls: bool,
    ) -> None:
        super().__init__(service.handle, access_log=None, keepalive_timeout=KEEPALIVE_S)
        self._counts = counts
        self._delay_line = delay_line
        self._tls = tls
        self._open = 0
        self._garbage = GarbagePolicy()

    def __call__(self) -> RequestHandler:
        """Make the protocol of a connection that was just accepted, before its TLS handshake."""
        self._counts.connections += 1
        return super().__call__()

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Take in a connection; with TLS this comes after the handshake."""
        super().connection_made(handler, transport)
        if self._delay_line is not None:
            held = HeldTransport(transport, self._delay_line)
            handler.transport = cast("asyncio.Transport", held)
        counts = self._counts
        self._open += 1
        counts.open_max = max(counts.open_max, self._open)
        if self._tls:
            if transport.get_extra_info("ssl_object").session_reused:
                counts.tls_resumed += 1
            else:
                counts.tls_full += 1

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Let go of a connection."""
        super().connection_lost(handler, exc)
        self._open -= 1
        self._garbage.connection_ended(self._open)


class RatingService:
    """The paths ``/rating``, ``/upgrade`` and ``/health``."""

    def __init__(
        self,
        counts: Counts,
        delay_line: DelayLine | None = None,
        latency: Latency | None = None,
    ) -> None:
        self._counts = counts
        self._delay_line = delay_line
        self._latency = latency
        self._stopping = False
        self._open: set[web.WebSocketResponse] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request; for an upgrade, live through the whole WebSocket."""
        self._counts.requests += 1
        path = request.path
        if path in ("/rating", "/upgrade"):
            if not _asks_for_websocket(request):
                return _upgrade_required()
            return await self._websocket(request)
        if path == "/health" and request.method in ("GET", "HEAD"):
            return web.Response(body=b'{"status":"ok"}', content_type="application/json")
        return web.Response(status=404, text="404: there are /rating, /upgrade and /health\n")

    async def close(self) -> None:
        """Send 1001 (going away) on every open WebSocket and wait for the clients' answers.

        This ends a stall, or none of it would leave; acks that have not left by now never do.
        """
        self._stopping = True
        if self._delay_line is not None:
            self._delay_line.release()
        await asyncio.gather(
            *(
                socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server stops")
                for socket in self._open
            ),
            return_exceptions=True,
        )

    async def _websocket(self, request: web.BaseRequest) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            timeout=CLOSE_TIMEOUT_S, compress=False, max_msg_size=MESSAGE_LIMIT_BYTES
        )
        await socket.prepare(request)
        self._counts.upgrades += 1
        self._open.add(socket)
        try:
            if self._delay_line is None:
                await self._answer_at_once(socket)
            else:
                transport = cast("HeldTransport | None", request.transport)  # see CountingServer
                if transport is not None:  # or the client has left already
                    await self._answer_later(socket, transport)
        finally:
            self._open.discard(socket)
        return socket

    async def _answer_at_once(self, socket: web.WebSocketResponse) -> None:
        counts, receive, send, text = (
            self._counts,
            socket.receive,
            socket.send_frame,
            WSMsgType.TEXT,
        )
        latency, read_ns = self._latency, 0
        while True:
            kind, data, _ = await receive()
            if kind is not text and kind is not WSMsgType.BINARY:
                return  # the connection has ended; aiohttp has answered what was to answer
            if latency is not None:
                read_ns = monotonic_ns()
                if not counts.ratings:
                    latency.begin(read_ns)  # once more after a bad message: the first rating counts
            counts.messages += 1
            try:
                answer = ack_for(data) if kind is text else refuse_binary()
            except BadMessageError as refusal:
                await send(refusal.answer, text)
                counts.errors += 1
            else:
                counts.ratings += 1
                await send(answer, text)
                counts.acks += 1
                if latency is not None:
                    latency.record(read_ns, monotonic_ns())

    async def _answer_later(self, socket: web.WebSocketResponse, transport: HeldTransport) -> None:
        counts, latency = self._counts, self._latency

        def send(frame: bytes) -> bool:
            return not self._stopping and transport.answer(frame)

        def send_ack(frame: bytes, read_ns: int) -> None:
            if send(frame):
                counts.acks += 1
                if latency is not None:
                    latency.record(read_ns, monotonic_ns())

        def send_error(frame: bytes, _read_ns: int) -> None:
            counts.errors += send(frame)

        while True:
            kind, data, _ = await socket.receive()
            if kind is not WSMsgType.TEXT and kind is not WSMsgType.BINARY:
                return
            read_ns = monotonic_ns()
            counts.messages += 1
            try:
                answer = ack_for(data) if kind is WSMsgType.TEXT else refuse_binary()
            except BadMessageError as refusal:
                transport.put(send_error, text_frame(refusal.answer), read_ns)
            else:
                if not counts.ratings:
                    self._begin(read_ns)
                counts.ratings += 1
                transport.put(send_ack, text_frame(answer), read_ns)

    def _begin(self, first_rating_ns: int) -> None:
        if self._latency is not None:
            self._latency.begin(first_rating_ns)
        if self._delay_line is not None:
            self._delay_line.begin(first_rating_ns)


def text_frame(payload: bytes) -> bytes:
    """Return ``payload`` as one unmasked text frame (RFC 6455, 5.2); at most 64 KiB.

    aiohttp sends frames only from a coroutine, and a delayed answer is sent from a callback.
    """
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    return b"\x81\x7e" + length.to_bytes(2, "big") + payload


def _asks_for_websocket(request: web.BaseRequest) -> bool:
    headers = request.headers
    return (
        request.method == "GET"
        and headers.get("Upgrade", "").strip().lower() == "websocket"
        and headers.get("Sec-WebSocket-Version") == "13"
    )


def _upgrade_required() -> web.Response:
    # RFC 9110, 15.5.22: with Connection and Upgrade; RFC 6455, 4.4: with the version we speak
    return web.Response(
        status=426,
        text="426: this path speaks WebSocket\n",
        headers={
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
        },
    )
