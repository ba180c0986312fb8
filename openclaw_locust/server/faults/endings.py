"""The ways in which a connection ends or goes deaf, on its socket beneath TLS and HTTP.

All take the transport as aiohttp has it, plain or TLS, held or not, and do nothing where the
connection has ended already.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

_ESTABLISHED = 1  # the first byte of tcp_info (Linux, include/net/tcp_states.h)
_NO_LINGER = struct.pack("ii", 1, 0)
_GARBAGE_RECORD = b"\x17\x03\x03\x00\x40" + os.urandom(64)
"""In form a record of application data of TLS 1.2 or 1.3; nobody has the key to it."""


def reset(transport: asyncio.Transport) -> None:
    """End TCP with a RST."""
    if transport.is_closing():
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


def end(transport: asyncio.Transport) -> None:
    """End in order: with TLS its close_notify, then TCP's FIN; what was written goes before."""
    if transport.is_closing():
        return
    if transport.can_write_eof():
        # plain TCP, which would answer with a RST what comes in after a close; TLS reads on
        transport.write_eof()
    else:
        transport.close()


def cut(transport: asyncio.Transport) -> None:
    """Send TCP's FIN and nothing of TLS's end; what the client sends goes on being read."""
    if transport.is_closing():
        return
    with contextlib.suppress(OSError), transport.get_extra_info("socket").dup() as raw:
        raw.shutdown(socket.SHUT_WR)


def garble(transport: asyncio.Transport) -> None:
    """Send a record of TLS that cannot be decrypted."""
    if transport.is_closing():
        return
    with contextlib.suppress(OSError):
        os.write(transport.get_extra_info("socket").fileno(), _GARBAGE_RECORD)


def stop_reading(transport: asyncio.Transport) -> None:
    """Take no byte more from the kernel, so that its buffers fill and the client is held up."""
    if transport.is_closing():
        return
    transport.pause_reading()
    if transport.get_extra_info("ssl_object") is not None:
        tls: Any = transport
        tls.set_read_buffer_limits(0)  # or it would go on to fill a buffer of its own


def is_left(transport: asyncio.Transport) -> bool:
    """Return whether the client of a connection that is not read has ended it."""
    if transport.is_closing():
        return True
    state = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    return bool(state[0] != _ESTABLISHED)
