"""What goes to stderr while the server runs: its own faults, one line each, and nothing else.

A client that resets its connection, speaks no HTTP or fails its TLS handshake is the daily bread
of a load test; aiohttp and the event loop would print a traceback for each.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from aiohttp.http_exceptions import HttpProcessingError

if TYPE_CHECKING:
    import asyncio

_CLIENTS_DOING = (OSError, HttpProcessingError)  # ssl.SSLError is an OSError


def report_on(loop: asyncio.AbstractEventLoop) -> None:
    """Report the faults that ``loop`` and aiohttp on it come across."""
    loop.set_exception_handler(_on_loop_fault)
    for name in ("aiohttp", "asyncio"):
        logger = logging.getLogger(name)
        logger.addHandler(_FaultHandler(logging.ERROR))
        logger.propagate = False


class _FaultHandler(logging.Handler):
    """Prints a logged fault on one line."""

    def emit(self, record: logging.LogRecord) -> None:
        _report(record.getMessage(), record.exc_info[1] if record.exc_info else None)


def _on_loop_fault(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    _report(context.get("message", "fault"), context.get("exception"))


def _report(message: str, fault: BaseException | None) -> None:
    if isinstance(fault, _CLIENTS_DOING):
        return
    cause = f": {fault!r}" if fault is not None else ""
    line = f"openclaw-locust serve: {message}{cause}".replace("\n", " ")
    print(line, file=sys.stderr, flush=True)
