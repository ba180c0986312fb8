"""Output streams that nobody reads any more: what they hold must not spoil the exit code."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def drop_output(file: TextIO) -> None:
    """Send what a stream still holds nowhere: the flush at the interpreter's exit would fail."""
    try:
        descriptor = file.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def flush_or_drop_outputs() -> None:
    """Flush standard output and error; what nobody reads any more is dropped.

    Called at exit, where the interpreter would make the exit code 120 of it.
    """
    for file in filter(None, (sys.stdout, sys.stderr)):
        try:
            file.flush()
        except (OSError, ValueError):
            drop_output(file)
