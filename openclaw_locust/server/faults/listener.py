"""A listener that commits the faults of the TLS handshake.

uvloop's own server begins TLS with each connection that it accepts. This one accepts by itself and
looks whether the first byte is a ClientHello's: then it is decided what the connection meets. The
byte stays in the socket, so that a real TLS handshake can follow.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from typing import TYPE_CHECKING

from openclaw_locust.server import tls
from openclaw_locust.server.app import CountingServer
from openclaw_locust.server.faults.hello import ANSWERS, Answer

if TYPE_CHECKING:
    from openclaw_locust.server.counts import Counts
    from openclaw_locust.server.faults.contexts import FaultyTls

SILENCE_S = 600.0
"""How long a connection is held without a word; no client should be more patient."""

_GOODBYE_S = 10.0
"""How long a client may take to go after it was answered."""

# the types of records (RFC 8446, 5.1)
_CHANGE_CIPHER_SPEC, _HANDSHAKE, _APPLICATION_DATA = 20, 22, 23

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time
_READ_SIZE = 65536


class FaultyListener:
    """Accepts connections, and serves them well or does to them what a fault says."""

    def __init__(
        self,
        listener: socket.socket,
        http: CountingServer,
        counts: Counts,
        context: ssl.SSLContext,
        faulty_tls: FaultyTls,
    ) -> None:
        """Begin to accept; there is a running event loop.

        Args:
            listener: it listens already, and is closed at the end.
            http: what serves a connection after its handshake.
            counts: where connections are counted.
            context: for connections that no fault strikes.
            faulty_tls: for those that one strikes.
        """
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        # not http itself: it would count the connection once more
        self._make_protocol = super(CountingServer, http).__call__
        self._counts = counts
        self._dice = faulty_tls.dice
        self._context = context
        self._wrong_contexts = faulty_tls.contexts
        listener.setblocking(False)
        self._tasks = {self._loop.create_task(self._accept())}

    def close(self) -> None:
        """Accept no more, and drop the connections that are not served."""
        for task in self._tasks:
            task.cancel()

    async def _accept(self) -> None:
        with self._listener:
            while True:
                try:
                    client, _ = await self._loop.sock_accept(self._listener)
                except OSError:  # out of descriptors: some client will go
                    await asyncio.sleep(0.1)
                    continue
                self._counts.connections += 1
                task = self._loop.create_task(self._serve(client))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: socket.socket) -> None:
        context = None
        # what a client does to its connection is its own affair; TimeoutError is an OSError
        with contextlib.suppress(OSError):
            try:
                context = await self._meet(client)
            finally:
                if context is None:
                    client.close()
            if context is not None:
                await self._loop.connect_accepted_socket(
                    self._make_protocol,
                    client,
                    ssl=context,
                    ssl_handshake_timeout=tls.HANDSHAKE_S,
                    ssl_shutdown_timeout=tls.SHUTDOWN_S,
                )

    async def _meet(self, client: socket.socket) -> ssl.SSLContext | None:
        """Return the context to go on with; None: the connection has met its fault, or is gone."""
        first = await self._first_byte(client)
        if not first:
            return None
        fault = self._dice.throw() if first[0] == _HANDSHAKE else None
        if fault is None:
            return self._context
        if fault in self._wrong_contexts:
            return self._wrong_contexts[fault]
        if fault == "tls.record":
            await self._damage(client)
        else:
            await self._answer(client, ANSWERS[fault])
        return None

    async def _first_byte(self, client: socket.socket) -> bytes:
        """Wait for the first byte and leave it where it is."""
        readable: asyncio.Future[None] = self._loop.create_future()

        def on_readable() -> None:
            if not readable.done():
                readable.set_result(None)

        self._loop.add_reader(client, on_readable)
        try:
            await asyncio.wait_for(readable, tls.HANDSHAKE_S)
        finally:
            self._loop.remove_reader(client)
        return client.recv(1, socket.MSG_PEEK)

    async def _answer(self, client: socket.socket, answer: Answer) -> None:
        if answer.end == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        elif answer.end == "silence":
            await self._read_to_the_end(client, SILENCE_S)
        else:
            await self._loop.sock_sendall(client, answer.data)
            client.shutdown(socket.SHUT_WR)
            # to close with bytes unread would make a reset of the end
            await self._read_to_the_end(client, _GOODBYE_S)

    async def _read_to_the_end(self, client: socket.socket, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while await self._loop.sock_recv(client, _READ_SIZE):
                pass

    async def _damage(self, client: socket.socket) -> None:
        """Do the handshake, with one bit turned over in the first flight that ends encrypted."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = self._context.wrap_bio(incoming, outgoing, server_side=True)
        async with asyncio.timeout(tls.HANDSHAKE_S):
            # the client goes as soon as it meets the damage
            while data := await self._loop.sock_recv(client, _READ_SIZE):
                incoming.write(data)
                with contextlib.suppress(ssl.SSLWantReadError):
                    session.do_handshake()
                flight = bytearray(outgoing.read())
                if ends_encrypted(flight):
                    flight[-1] ^= 1
                await self._loop.sock_sendall(client, flight)


def ends_encrypted(flight: bytes | bytearray) -> bool:
    """Return whether the last of a handshake's records is encrypted.

    TLS 1.3 shows encrypted records as application data; up to 1.2 they are those behind the
    ChangeCipherSpec (RFC 8446, 5.2; RFC 5246, 7.1).
    """
    kind, is_changed, at = 0, False, 0
    while at < len(flight):
        kind = flight[at]
        is_changed = is_changed or kind == _CHANGE_CIPHER_SPEC
        at += 5 + int.from_bytes(flight[at + 3 : at + 5], "big")
    return kind == _APPLICATION_DATA or (kind == _HANDSHAKE and is_changed)
