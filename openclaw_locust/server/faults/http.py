"""The faults that strike at an HTTP request: a status, a wrong 101, or no proper answer at all."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING

from aiohttp import web

from openclaw_locust.server.faults import endings
from openclaw_locust.server.faults.statuses import headers_of, reason_of, status_of

if TYPE_CHECKING:
    from openclaw_locust.server.faults.departures import Departures

_SERVER = "openclaw-locust"
"""Whoever sees the failure shall see from whom it comes."""

END_S = 1.0
"""How long a client may take to end a connection that was ended here."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_ACCEPT_OF_ANOTHER = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # of the RFC's own example, as from a cache
_NOT_HTTP = b"SSH-2.0-OpenSSH_9.6\r\n"

_FILLER_LINES, _FILLER_PAUSE_S = 1000, 0.01


class NoResponse(web.StreamResponse):
    """What a handler returns when all has been said: aiohttp adds nothing and closes."""

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write nothing."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing."""


async def answer(
    fault: str, request: web.BaseRequest, departures: Departures
) -> web.StreamResponse:
    """Answer a request as the fault says; what is held lasts until the client goes."""
    status = status_of(fault)
    if status is not None:
        return _refusal(status)
    transport = request.transport
    if transport is None:
        return NoResponse()
    timeout_s = None
    match fault.partition(".")[2]:
        case "eof":
            endings.end(transport)
            timeout_s = END_S
        case "reset":
            endings.reset(transport)
        case "malformed":
            transport.write(_NOT_HTTP)
        case "too_long":
            await _talk_without_end(request, transport)
        case "timeout":
            pass
        case how:
            transport.write(_wrong_101(how, request))
    await departures.wait(request.protocol, timeout_s)
    return NoResponse()


def _refusal(status: int) -> web.Response:
    words = f"{status} {reason_of(status)}".strip()
    has_body = status not in (204, 205, 304)  # RFC 9110, 15.3.5, 15.3.6, 15.4.5
    return web.Response(
        status=status,
        reason=reason_of(status),
        headers={"Server": _SERVER, **headers_of(status)},
        text=f"<html><body><h1>{words}</h1></body></html>\n" if has_body else None,
        content_type="text/html" if has_body else None,
    )


def _wrong_101(how: str, request: web.BaseRequest) -> bytes:
    """Return a 101 that is right but for what the fault ``http.<how>`` says."""
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": _accept(request.headers.get("Sec-WebSocket-Key", "")),
        "Server": _SERVER,
    }
    match how:
        case "bad_accept":
            headers["Sec-WebSocket-Accept"] = _ACCEPT_OF_ANOTHER
        case "bad_upgrade_headers":  # as behind a proxy that strips what is meant for one hop
            del headers["Upgrade"], headers["Connection"]
        case "subprotocol":
            headers["Sec-WebSocket-Protocol"] = "not.offered.example"
        case "extension":
            headers["Sec-WebSocket-Extensions"] = "permessage-deflate"
    lines = ["HTTP/1.1 101 Switching Protocols", *(f"{n}: {v}" for n, v in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def _accept(key: str) -> str:
    digest = hashlib.sha1(key.strip().encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


async def _talk_without_end(request: web.BaseRequest, transport: asyncio.Transport) -> None:
    """Send headers until the client goes: no faster than it reads, and leaving room for others."""
    transport.write(b"HTTP/1.1 101 Switching Protocols\r\n")
    number = 0
    while not transport.is_closing():
        lines = (b"X-Filler-%d: %d\r\n" % (n, n) for n in range(number, number + _FILLER_LINES))
        transport.write(b"".join(lines))
        number += _FILLER_LINES
        try:
            await request.writer.drain()
        except ConnectionError:
            return
        await asyncio.sleep(_FILLER_PAUSE_S)
