"""One WebSocket on which faults strike: as any other, but for what strikes."""

from __future__ import annotations

import asyncio
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, cast

from aiohttp import WSMsgType

from openclaw_locust.server.faults import endings
from openclaw_locust.server.faults.acks import LATE_S, negative, wrong_answer
from openclaw_locust.server.faults.frames import closing, wrong_frame
from openclaw_locust.server.faults.http import END_S, NoResponse
from openclaw_locust.server.frames import PING, frame, text_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from aiohttp import web

    from openclaw_locust.server.desk import Desk
    from openclaw_locust.server.faults.service import ServiceFaults
    from openclaw_locust.server.held_transport import HeldTransport

_LOOK_S = 1.0
"""How often it is looked whether the client of a connection that is not read has gone."""

_PINGS, _PINGS_PAUSE_S = frame(b"", PING) * 200, 0.01
"""20,000 pings a second: no keep-alive needs that, and the server has time for others."""

_ENDINGS = {
    "ws.abnormal.fin": endings.end,
    "ws.abnormal.rst": endings.reset,
    "ws.abnormal.tls_truncated": endings.cut,
    "ws.tls": endings.garble,
    "app.ack.lost_on_close": endings.end,
}


class FaultyWebSocket:
    """The life of one WebSocket from its 101 to its end.

    A fault that ends the connection, or its use, is the last that happens on it: what the client
    still sends is read and not answered.

    Args:
        socket: prepared, with neither ``autoclose`` nor ``autoping``.
        request: what it was made of.
        transport: the request's.
        desk: the connection's.
        faults: the server's.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        request: web.BaseRequest,
        transport: HeldTransport,
        desk: Desk,
        faults: ServiceFaults,
    ) -> None:
        self._socket = socket
        self._request = request
        self._transport = cast("asyncio.Transport", transport)
        self._desk = desk
        self._faults = faults
        self._is_over = False
        self._task: asyncio.Task[None] | None = None

    async def live(self) -> web.StreamResponse:
        """Answer until the connection ends; return what aiohttp shall end it with."""
        socket = self._socket
        while True:
            kind, data, _ = await socket.receive()
            if kind is WSMsgType.TEXT or kind is WSMsgType.BINARY:
                self._take(data)
            elif kind is WSMsgType.PING:
                if not self._is_over:
                    await socket.pong(data)
            elif kind is WSMsgType.CLOSE:
                return await self._answer_close()
            elif kind is not WSMsgType.PONG:
                # the connection has ended; aiohttp has answered what was to answer
                return NoResponse() if self._is_over else socket

    async def _answer_close(self) -> web.StreamResponse:
        if self._is_over:
            return NoResponse()
        if self._faults.at_close.throw() is not None:
            await self._faults.departures.wait(self._request.protocol)
            return NoResponse()
        await self._socket.close(drain=False)
        return self._socket

    def _take(self, message: str | bytes) -> None:
        read_ns = monotonic_ns()
        ack = self._desk.take(message, read_ns)
        if ack is None or self._is_over:
            return
        fault = self._faults.at_message.throw()
        if fault is None:
            self._desk.put_ack(ack, read_ns)
        else:
            self._strike(fault, ack, read_ns)

    def _strike(self, fault: str, ack: bytes, read_ns: int) -> None:
        desk = self._desk
        if (frame := wrong_frame(fault, ack)) is not None:
            desk.put_frame(frame, read_ns)
        elif fault == "app.ack.negative":
            desk.put_error(negative(ack), read_ns)
        elif (answer := wrong_answer(fault, ack)) is not None:
            desk.put_frame(text_frame(answer), read_ns)
        elif (close_frame := closing(fault)) is not None:
            self._end(close_frame, lambda _: None, read_ns)
        elif (end := _ENDINGS.get(fault)) is not None:
            self._end(b"", end, read_ns)
        elif fault == "ws.ping_flood":
            self._begin(self._flood, read_ns)
        elif fault == "ws.send_blocked":
            self._begin(self._read_no_more, read_ns)
        elif fault == "app.ack.duplicate":
            desk.put_ack(ack, read_ns)
            desk.put_frame(text_frame(ack), read_ns)
        elif fault == "app.ack.late":
            asyncio.get_running_loop().call_later(LATE_S, desk.put_ack, ack, read_ns)
        # app.ack.timeout is what is left, and is done by doing nothing

    def _end(
        self, last_words: bytes, end: Callable[[asyncio.Transport], None], read_ns: int
    ) -> None:
        """End the connection when the ack would have left, and leave its client some time."""
        transport = self._transport

        def ends() -> None:
            end(transport)
            asyncio.get_running_loop().call_later(END_S, transport.close)

        self._is_over = True
        self._desk.put_end(last_words, ends, read_ns)

    def _begin(self, goes_on: Callable[[], Coroutine[Any, Any, None]], read_ns: int) -> None:
        """Do something from when the ack would have left until the client goes."""

        def begins() -> None:
            self._task = asyncio.create_task(goes_on())

        self._is_over = True
        self._desk.put_end(b"", begins, read_ns)

    async def _flood(self) -> None:
        while not self._transport.is_closing():
            self._transport.write(_PINGS)
            try:
                await self._request.writer.drain()
            except ConnectionError:
                return
            await asyncio.sleep(_PINGS_PAUSE_S)

    async def _read_no_more(self) -> None:
        endings.stop_reading(self._transport)
        # the event loop sees no end of what it does not read
        while not endings.is_left(self._transport):
            await asyncio.sleep(_LOOK_S)
        self._transport.abort()
