"""Peers that do what a script says, byte by byte: the servers that a client has to survive.

They run in a process of their own, as plain threads, because the client under test lives in
gevent's hub and Locust may have patched the interpreter of the tests. A script is a tuple of steps;
each connection runs through it once, and is then held until the client is gone::

    with play(hear_upgrade(), say(SWITCHING + frame(b"hi")), reset()) as peer:
        ...
        assert peer.heard(1)[0].startswith(b"GET /")
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import pickle
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Step = tuple[Any, ...]
_PATIENCE_S = 20.0  # no step lasts longer, so that no thread outlives its test for long
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# -- what a script is made of --------------------------------------------------------------------

ACCEPT = b"{accept}"
"""Stands for the right Sec-WebSocket-Accept in what is said after :func:`hear_upgrade`."""

SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
)


def tls(
    cert: Path,
    *,
    version: str | None = None,
    client_ca: Path | None = None,
    alpn: str = "http/1.1",
    curve: str | None = None,
) -> Step:
    """Do the handshake with a PEM of certificate and key.

    Heard: the name that the client asked for and, where it had to show one, its certificate's name.
    """
    return ("tls", str(cert), version, str(client_ca) if client_ca else None, alpn, curve)


def pause(seconds: float) -> Step:
    """Do nothing for a time."""
    return ("pause", seconds)


def hear_upgrade() -> Step:
    """Read a request's head; heard: the head."""
    return ("hear_upgrade",)


def hear(size: int) -> Step:
    """Read exactly so many bytes; heard: the bytes."""
    return ("hear", size)


def hear_some() -> Step:
    """Read once; heard: the bytes."""
    return ("hear_some",)


def hear_frame() -> Step:
    """Read one client frame; heard: first byte and unmasked payload."""
    return ("hear_frame",)


def say(data: bytes) -> Step:
    """Send, all at once."""
    return ("say", data)


def dribble(data: bytes, every_s: float = 0.05) -> Step:
    """Send one byte at a time, over and over until the client is gone."""
    return ("dribble", data, every_s)


def flood(data: bytes) -> Step:
    """Send it again and again until the client is gone."""
    return ("flood", data)


def reset() -> Step:
    """End TCP with a RST."""
    return ("reset",)


def cut() -> Step:
    """End TCP with a FIN, and TLS not at all."""
    return ("cut",)


def say_raw(data: bytes) -> Step:
    """Send past TLS: bytes that are no proper record."""
    return ("say_raw", data)


def refuse_tls(cert: Path, client_ca: Path) -> Step:
    """Refuse a client without a certificate: the alert, and a RST right behind it."""
    return ("refuse_tls", str(cert), str(client_ca))


def end_tls() -> Step:
    """End TLS with its close_notify, then TCP."""
    return ("end_tls",)


def hold() -> Step:
    """Read and say nothing until the client is gone; then heard: all that it sent."""
    return ("hold",)


def ignore() -> Step:
    """Do not even read, until the test is over."""
    return ("ignore",)


def relay(port: int) -> Step:
    """Pass all bytes on to 127.0.0.1 and back, as a proxy does behind its 200."""
    return ("relay", port)


def frame(payload: bytes, opcode: int = 1, *, fin: bool = True) -> bytes:
    """Return one server frame."""
    size = len(payload)
    first = bytes((0x80 * fin | opcode,))
    if size < 126:
        return first + bytes((size,)) + payload
    if size < 1 << 16:
        return first + b"\x7e" + struct.pack("!H", size) + payload
    return first + b"\x7f" + struct.pack("!Q", size) + payload


def close_frame(code: int | None = None, reason: bytes = b"") -> bytes:
    """Return a server's close frame."""
    return frame(b"" if code is None else struct.pack("!H", code) + reason, 8)


# -- the tests' side -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Peer:
    """A listening peer."""

    host: str
    port: int

    def heard(self, count: int, *, connection: int = 0) -> list[bytes]:
        """Return the first things heard on a connection, as soon as there are ``count``."""
        found: list[bytes] = _theatre().ask("heard", self.port, connection, count)
        return found

    def has_heard(self, count: int, *, connection: int = 0) -> bool:
        """Say whether so much has been heard yet: for a test that must not stop the client."""
        found: bool = _theatre().ask("has_heard", self.port, connection, count)
        return found

    def connections(self) -> int:
        """Return how many connections were accepted."""
        found: int = _theatre().ask("connections", self.port)
        return found


@contextmanager
def play(*script: Step, host: str = "127.0.0.1") -> Iterator[Peer]:
    """Listen on a free port of ``host`` until the block ends."""
    port = _theatre().ask("open", host, script)
    try:
        yield Peer(host, port)
    finally:
        _theatre().ask("close", port)


class _Theatre:
    """The process of the peers, and the way to it; it ends with the tests' process."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        ours.settimeout(_PATIENCE_S)
        self._way = ours.makefile("rwb")

    def ask(self, *request: Any) -> Any:
        """Ask for something and return the answer."""
        pickle.dump(request, self._way)
        self._way.flush()
        fine, answer = pickle.load(self._way)
        assert fine, answer
        return answer


_running: list[_Theatre] = []


def _theatre() -> _Theatre:
    if not _running:
        _running.append(_Theatre())
    return _running[0]


# -- the peers' side -----------------------------------------------------------------------------


class _Listener:
    """One port and its script."""

    def __init__(self, host: str, script: tuple[Step, ...]) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.create_server((host, 0), family=family, backlog=512)
        self.port = int(self.socket.getsockname()[1])
        self.script = script
        self.over = threading.Event()
        self.stages: list[_Stage] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                stage = _Stage(connection, self.over)
                self.stages.append(stage)
                threading.Thread(target=stage.run, args=(self.script,), daemon=True).start()

    def close(self) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for stage in self.stages:
            stage.interrupt()


class _Stage:
    """One connection in its play."""

    def __init__(self, connection: socket.socket, over: threading.Event) -> None:
        connection.settimeout(_PATIENCE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket: socket.socket | ssl.SSLSocket = connection
        self.over = over
        self.heard: list[bytes] = []
        self.accept = b""

    def run(self, script: tuple[Step, ...]) -> None:
        """Run through the script; a client that goes away ends it."""
        with contextlib.suppress(OSError, EOFError):
            for name, *arguments in script:
                getattr(self, name)(*arguments)
            self.hold()
        self.end()

    def interrupt(self) -> None:
        """Make the play end soon.

        Only its own thread closes the socket: OpenSSL knows it by its number, and would go on
        writing to whoever has that number next.
        """
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def end(self) -> None:
        """Close TCP if it is still open."""
        with contextlib.suppress(OSError):
            self.socket.close()

    def tls(
        self,
        cert: str,
        version: str | None,
        client_ca: str | None,
        alpn: str,
        curve: str | None = None,
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert)
        context.set_alpn_protocols([alpn])
        if curve:
            context.set_ecdh_curve(curve)
        if version:
            number = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
            context.minimum_version = context.maximum_version = number
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca)
        named: list[str | None] = [None]
        context.sni_callback = lambda _, name, __: named.__setitem__(0, name)
        self.socket = context.wrap_socket(self.socket, server_side=True, suppress_ragged_eofs=False)
        self.heard.append((named[0] or "").encode())
        if client_ca:
            subject = self.socket.getpeercert()["subject"]
            self.heard.append(f"{subject[0][0][0]}={subject[0][0][1]}".encode())

    def pause(self, seconds: float) -> None:
        self.over.wait(seconds)

    def hear_upgrade(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._read(1)
        self.heard.append(head)
        key = head.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        self.accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())

    def hear(self, size: int) -> None:
        self.heard.append(self._read(size))

    def hear_some(self) -> None:
        self.heard.append(self.socket.recv(65536))

    def hear_frame(self) -> None:
        first, second = self._read(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(self._read(2 if size == 126 else 8), "big")
        mask = self._read(4)
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self._read(size)))
        self.heard.append(bytes((first,)) + payload)

    def say(self, data: bytes) -> None:
        self.socket.sendall(data.replace(ACCEPT, self.accept))

    def say_raw(self, data: bytes) -> None:
        os.write(self.socket.fileno(), data)

    def refuse_tls(self, cert: str, client_ca: str) -> None:
        with contextlib.suppress(ssl.SSLError):
            self.tls(cert, "1.3", client_ca, "http/1.1")
        self.reset()

    def dribble(self, data: bytes, every_s: float) -> None:
        while not self.over.is_set():
            for byte in data.replace(ACCEPT, self.accept):
                self.socket.sendall(bytes((byte,)))
                self.over.wait(every_s)

    def flood(self, data: bytes) -> None:
        while not self.over.is_set():
            self.socket.sendall(data)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def cut(self) -> None:
        with socket.socket(fileno=self.socket.detach()) as raw:
            raw.shutdown(socket.SHUT_WR)
            raw.settimeout(_PATIENCE_S)
            while raw.recv(65536):  # unread bytes would make a reset of it
                pass

    def end_tls(self) -> None:
        assert isinstance(self.socket, ssl.SSLSocket)
        with contextlib.suppress(ssl.SSLError):
            self.socket.setblocking(False)
            self.socket.unwrap()
        self.cut()

    def hold(self) -> None:
        heard = b""
        try:
            while data := self.socket.recv(65536):
                heard += data
        finally:
            self.heard.append(heard)

    def ignore(self) -> None:
        self.over.wait(_PATIENCE_S)

    def relay(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as onward:
            back = threading.Thread(target=_pump, args=(onward, self.socket), daemon=True)
            back.start()
            _pump(self.socket, onward)
            back.join(_PATIENCE_S)

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


class _Manager:
    """Answers the tests' requests, one after the other."""

    def __init__(self) -> None:
        self.listeners: dict[int, _Listener] = {}

    def open(self, host: str, script: tuple[Step, ...]) -> int:
        listener = _Listener(host, script)
        self.listeners[listener.port] = listener
        return listener.port

    def close(self, port: int) -> None:
        self.listeners.pop(port).close()

    def connections(self, port: int) -> int:
        return len(self.listeners[port].stages)

    def has_heard(self, port: int, connection: int, count: int) -> bool:
        stages = self.listeners[port].stages
        return len(stages) > connection and len(stages[connection].heard) >= count

    def heard(self, port: int, connection: int, count: int) -> list[bytes]:
        """Wait for what is to be heard."""
        stages = self.listeners[port].stages
        deadline = time.monotonic() + _PATIENCE_S / 2
        while time.monotonic() < deadline:
            if self.has_heard(port, connection, count):
                return list(stages[connection].heard)
            time.sleep(0.002)
        heard = stages[connection].heard if len(stages) > connection else "no connection"
        raise AssertionError(f"connection {connection} heard only {heard!r}")


def _main() -> None:
    line = socket.socket(fileno=int(sys.argv[1]))
    line.setblocking(True)  # gevent's sockets, from which it comes, are not
    way = line.makefile("rwb")
    manager = _Manager()
    while True:
        try:
            name, *arguments = pickle.load(way)
        except EOFError:  # the tests are over
            os._exit(0)
        try:
            answer = (True, getattr(manager, name)(*arguments))
        except Exception as error:
            answer = (False, f"{type(error).__name__}: {error}")
        pickle.dump(answer, way)
        way.flush()


if __name__ == "__main__":
    _main()
