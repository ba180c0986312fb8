"""A connection's transport in a server that delays or holds its answers.

aiohttp writes pongs, close frames and HTTP responses by itself. It is given this object for its
transport, so that in a stall they wait in one line with the acks and leave in order. Reading is
none of its business: that goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from openclaw_locust.server.delay import DelayLine

WAITING_LIMIT_BYTES = 16 * 1024 * 1024
"""A client for which more than this waits, in the line or unread behind it, is cut off.

One limit for both: what a stall held moves from the one to the other at its end, and must not cost
a client that reads its connection.
"""

_COST_BYTES = 256
"""What the line keeps around each answer, measured roughly; most answers are shorter."""


class HeldTransport:
    """What aiohttp uses of an :class:`asyncio.Transport`, with two methods for the service."""

    def __init__(self, transport: asyncio.Transport, line: DelayLine) -> None:
        self._transport = transport
        self._line = line
        self._held_bytes = 0
        self._closing = False
        self._said_goodbye = False

    def put(self, send: Callable[[bytes, int], None], frame: bytes, read_ns: int) -> None:
        """Call ``send(frame, read_ns)`` when the answer to what was read at ``read_ns`` is due.

        It shall pass the frame on to :meth:`answer`.
        """
        if self._hold(frame):
            self._line.put(send, frame, read_ns)

    def answer(self, frame: bytes) -> bool:
        """Write what was put and is due; return False when the connection has ended.

        Nothing may follow a close frame (RFC 6455, 5.5.1), but what became due before it, in a
        stall, still leaves before it.
        """
        if self._said_goodbye:
            self._held_bytes -= _cost(frame)
            return False
        return self._write(frame)

    def _write(self, data: bytes) -> bool:
        self._held_bytes -= _cost(data)
        transport = self._transport
        if transport.is_closing():
            return False
        transport.write(data)
        return True

    # -- what aiohttp calls ----------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write when no stall holds it back."""
        whole = bytes(data)
        if self._hold(whole):
            self._line.pass_on(self._send, whole)

    def writelines(self, parts: Iterable[bytes | bytearray | memoryview]) -> None:
        """Write the parts as one."""
        self.write(b"".join(parts))

    def close(self) -> None:
        """Close behind what is held."""
        if not self._closing:
            self._closing = True
            self._line.pass_on(self._close, b"")

    def is_closing(self) -> bool:
        """Return whether nothing more may be written."""
        return self._closing or self._transport.is_closing()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    # --------------------------------------------------------------------------------------------

    def _hold(self, data: bytes) -> bool:
        self._held_bytes += _cost(data)
        if self._held_bytes + self._transport.get_write_buffer_size() > WAITING_LIMIT_BYTES:
            self._transport.abort()
            return False
        return True

    def _send(self, data: bytes, _read_ns: int) -> None:
        self._write(data)
        # a final close frame; no HTTP response begins with this byte
        self._said_goodbye = self._said_goodbye or data[:1] == b"\x88"

    def _close(self, _data: bytes, _read_ns: int) -> None:
        self._transport.close()


def _cost(data: bytes) -> int:
    return len(data) + _COST_BYTES
