"""Waiting for a client to go: what a fault does that answers nothing and holds the connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp.web_protocol import RequestHandler


class Departures:
    """Who waits for the end of which connection."""

    def __init__(self) -> None:
        self._awaited: dict[RequestHandler, asyncio.Event] = {}

    async def wait(self, handler: RequestHandler, timeout_s: float | None = None) -> None:
        """Return when the connection has ended, or after ``timeout_s``."""
        if handler.transport is None:
            return
        event = self._awaited.setdefault(handler, asyncio.Event())
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            self._awaited.pop(handler, None)

    def has_left(self, handler: RequestHandler) -> None:
        """Take note that a connection has ended."""
        event = self._awaited.get(handler)
        if event is not None:
            event.set()
