"""The client of the connection's tests: the real one, from the options to the open WebSocket."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest

from openclaw_locust.failures import Failure
from openclaw_locust.settings import read_settings
from openclaw_locust.wire.connection import Clock, Endpoint, connect
from openclaw_locust.wire.tcp import now_ns
from openclaw_locust.wire.websocket import WebSocket
from openclaw_locust.workload import Workload
from tests.peers import SWITCHING, Peer, Step, hear_upgrade, play, say, tls
from tests.wire.conftest import Pki


def endpoint(url: str, **options: Any) -> Endpoint:
    """Return what the options make of a target."""
    texts = {
        name: str(value) if isinstance(value, Path) else value for name, value in options.items()
    }
    return Workload(read_settings(texts, url)).endpoint


def soon(seconds: float = 10.0) -> int:
    """Return a deadline that is only there so that a test cannot hang."""
    return now_ns() + int(seconds * 1e9)


@contextmanager
def opened(
    url: str, user: int = 0, clock: Clock | None = None, **options: Any
) -> Iterator[WebSocket]:
    """Open a WebSocket for the block."""
    websocket = connect(endpoint(url, **options), user, clock or Clock())
    try:
        yield websocket
    finally:
        websocket.abort()


def refused(url: str, clock: Clock | None = None, **options: Any) -> Failure:
    """Return the failure that an attempt to connect ends with."""
    with pytest.raises(Failure) as caught:
        connect(endpoint(url, **options), 0, clock or Clock()).abort()
    return caught.value


def lost(websocket: WebSocket, seconds: float = 10.0) -> Failure:
    """Return the failure that receiving ends with."""
    with pytest.raises(Failure) as caught:
        while True:
            websocket.receive(soon(seconds))
    return caught.value


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Let the hub work until the condition holds."""
    deadline = soon(seconds)
    while not condition():
        assert now_ns() < deadline, "it did not come to pass"
        gevent.sleep(0.002)


def open_files() -> int:
    """Return how many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def full_backlog(host: str) -> Iterator[int]:
    """Listen on a port where no further connect is answered, as behind a firewall that drops."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server((host, 0), family=family, backlog=0))
        for _ in range(3):
            filler = stack.enter_context(socket.socket(family))
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@contextmanager
def talk(
    pki: Pki, *script: Step, behind: bytes = b"", secure: bool = True, **options: Any
) -> Iterator[tuple[WebSocket, Peer]]:
    """Open a WebSocket to a peer that goes on with a script after its 101.

    The peer has heard the TLS name and the request's head by then (without TLS the head alone).
    """
    first = (tls(pki.server),) if secure else ()
    with play(*first, hear_upgrade(), say(SWITCHING + behind), *script) as peer:
        url = f"{'wss' if secure else 'ws'}://{peer.host}:{peer.port}/"
        with opened(url, tls_ca=pki.ca, **options) as websocket:
            yield websocket, peer
