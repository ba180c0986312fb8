"""The client of the connection's tests: the real one, from the options to the open WebSocket."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from openclaw_locust.failures import Failure
from openclaw_locust.settings import read_settings
from openclaw_locust.wire.connection import Clock, Endpoint, connect
from openclaw_locust.wire.tcp import now_ns
from openclaw_locust.wire.websocket import WebSocket
from openclaw_locust.workload import Workload


def endpoint(url: str, **options: Any) -> Endpoint:
    """Return what the options make of a target."""
    texts = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
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
