"""The one error of this room, and how a command tells it."""

from __future__ import annotations

import sys

_EXTRA = ("aiohttp", "cryptography", "uvloop")


class ServerError(Exception):
    """What was asked for cannot be done; the text is the one line for the user, mend and all."""


def tell(command: str, error: ServerError | ModuleNotFoundError) -> int:
    """Print one line to stderr and return the exit code for wrong input.

    Raises:
        ModuleNotFoundError: the module that is missing is not one of the server's extra: a fault.
    """
    if isinstance(error, ModuleNotFoundError):
        name = (error.name or "").partition(".")[0]
        if name not in _EXTRA:
            raise error
        error = ServerError(f"{name} is missing; run: pip install 'openclaw-locust[server]'")
    print(f"openclaw-locust {command}: {error}", file=sys.stderr)
    return 2
