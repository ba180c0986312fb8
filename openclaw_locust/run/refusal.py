"""The end of a process that cannot do what it was told: one line, and an exit code."""

from __future__ import annotations

import sys
from typing import NoReturn

BAD_OPTIONS = 2
INTERRUPTED = 130  # as a shell reports it


def refuse(reason: str, code: int = BAD_OPTIONS) -> NoReturn:
    """Say why in one line on stderr, and end.

    Raises:
        SystemExit: always.
    """
    print(f"openclaw_locust: error: {reason}", file=sys.stderr)
    sys.exit(code)
