"""The rating service on aiohttp: which path does what, and the life of one WebSocket.

Nothing is logged for a frame or a request. A message is answered in the handler itself, or through
the :class:`~openclaw_locust.server.delay.DelayLine` where answers are delayed or held.
"""

from __future__ import annotations

import asyncio
from time import monotonic_ns
from typing import TYPE_CHECKING, cast

from aiohttp import WSCloseCode, WSMsgType, web

from openclaw_locust.server.desk import Desk
from openclaw_locust.server.faults import http as fault_http
from openclaw_locust.server.faults.websocket import FaultyWebSocket
from openclaw_locust.server.garbage import GarbagePolicy
from openclaw_locust.server.held_transport import HeldTransport
from openclaw_locust.server.messages import BadMessageError, ack_for, refuse_binary

if TYPE_CHECKING:
    from aiohttp.web_protocol import RequestHandler

    from openclaw_locust.server.counts import Counts
    from openclaw_locust.server.delay import DelayLine
    from openclaw_locust.server.faults.service import ServiceFaults
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
        self._service = service
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
        self._service.connection_lost(handler)
        self._open -= 1
        self._garbage.connection_ended(self._open)


class RatingService:
    """The paths ``/rating``, ``/upgrade`` and ``/health``.

    Args:
        counts: the server's record, kept up to date.
        delay_line: where answers wait, if they do; with ``faults`` there must be one.
        latency: where the time of each ack goes, if anywhere.
        faults: what it does wrong on purpose, if anything.
    """

    def __init__(
        self,
        counts: Counts,
        delay_line: DelayLine | None = None,
        latency: Latency | None = None,
        faults: ServiceFaults | None = None,
    ) -> None:
        self._counts = counts
        self._delay_line = delay_line
        self._latency = latency
        self._faults = faults
        self._open: dict[web.WebSocketResponse, Desk | None] = {}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request; for an upgrade, live through the whole WebSocket."""
        self._counts.requests += 1
        if self._faults is not None:
            fault = self._faults.at_request(request.method)
            if fault is not None:
                await self._until_no_stall()
                return await fault_http.answer(fault, request, self._faults.departures)
        path = request.path
        if path in ("/rating", "/upgrade"):
            if not _asks_for_websocket(request):
                return _upgrade_required()
            return await self._websocket(request)
        if path == "/health" and request.method in ("GET", "HEAD"):
            return web.Response(body=b'{"status":"ok"}', content_type="application/json")
        return web.Response(status=404, text="404: there are /rating, /upgrade and /health\n")

    def connection_lost(self, handler: RequestHandler) -> None:
        """Take note that a connection has ended."""
        if self._faults is not None:
            self._faults.departures.has_left(handler)

    async def close(self) -> None:
        """Send 1001 (going away) on every open WebSocket and wait for the clients' answers.

        This ends a stall, or none of it would leave; acks that have not left by now never do.
        """
        for desk in self._open.values():
            if desk is not None:
                desk.shut = True
        if self._delay_line is not None:
            self._delay_line.release()
        await asyncio.gather(
            *(
                socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server stops")
                for socket in self._open
            ),
            return_exceptions=True,
        )

    async def _websocket(self, request: web.BaseRequest) -> web.StreamResponse:
        faults = self._faults
        socket = web.WebSocketResponse(
            timeout=CLOSE_TIMEOUT_S,
            compress=False,
            max_msg_size=MESSAGE_LIMIT_BYTES,
            autoclose=faults is None,
            autoping=faults is None,
        )
        await socket.prepare(request)
        self._counts.upgrades += 1
        self._open[socket] = None
        try:
            if self._delay_line is None:
                await self._answer_at_once(socket)
                return socket
            transport = cast("HeldTransport | None", request.transport)  # see CountingServer
            if transport is None:  # the client has left already
                return socket
            desk = Desk(transport, self._counts, self._latency, self._begin)
            self._open[socket] = desk
            if faults is not None:
                return await FaultyWebSocket(socket, request, transport, desk, faults).live()
            await _answer_later(socket, desk)
        finally:
            del self._open[socket]
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

    async def _until_no_stall(self) -> None:
        """Wait, as all answers do, until no stall holds this one."""
        over = asyncio.Event()
        if self._delay_line is not None:
            self._delay_line.pass_on(lambda *_: over.set(), b"")
            await over.wait()

    def _begin(self, first_rating_ns: int) -> None:
        if self._latency is not None:
            self._latency.begin(first_rating_ns)
        if self._delay_line is not None:
            self._delay_line.begin(first_rating_ns)
        if self._faults is not None:
            self._faults.clock.begin()


async def _answer_later(socket: web.WebSocketResponse, desk: Desk) -> None:
    while True:
        kind, data, _ = await socket.receive()
        if kind is not WSMsgType.TEXT and kind is not WSMsgType.BINARY:
            return
        read_ns = monotonic_ns()
        ack = desk.take(data, read_ns)
        if ack is not None:
            desk.put_ack(ack, read_ns)


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
