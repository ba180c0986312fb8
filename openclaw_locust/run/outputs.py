"""Before a run: whether what it is to write can be written; found out while options are read.

Locust opens its CSV files before it fires ``init``, and writes its HTML and JSON when the load is
over; where it cannot, it dies with a traceback, the second time with all that was measured. Only
the parser's event comes before both.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from openclaw_locust.run.refusal import refuse

_PREFIX = "csv_prefix"
_DESTINATIONS = {
    _PREFIX: "--csv",
    "html_file": "--html",
    "json_file": "--json-file",
    "logfile": "--logfile",
}
_CSV = ("_stats.csv", "_stats_history.csv", "_failures.csv", "_exceptions.csv")


def check_outputs(parser: Any) -> None:
    """Let Locust's parser refuse a path that cannot be written, wherever it was given."""
    for action in parser._actions:  # as Locust itself reads its parser
        flag = _DESTINATIONS.get(action.dest)
        if flag is not None and action.type is None:
            look = _try_prefix if action.dest == _PREFIX else _try_file
            action.type = partial(_checked, flag, look)


@cache  # the web UI parses everything again for each view of its page
def _checked(flag: str, look: Callable[[str], None], value: str) -> str:
    try:
        look(value)
    except OSError as error:
        reason = error.strerror or str(error)
        if isinstance(error, FileExistsError | NotADirectoryError):
            reason = "a part of the path is a file and no folder"
        refuse(f"{flag} {value} cannot be written: {reason}; give another path")
    return value


def _try_prefix(prefix: str) -> None:
    """Try the folder of a CSV set, and what is there of the set.

    Raises:
        OSError: something of it cannot be written.
    """
    _try_folder(prefix)
    for path in (Path(prefix + suffix) for suffix in _CSV):
        if path.is_file():
            path.open("ab").close()


def _try_file(name: str) -> None:
    """Try one file, without a change to it; what is no file, such as ``/dev/stdout``, is let be.

    Raises:
        OSError: it cannot be written.
    """
    path = Path(name)
    if path.is_file():
        path.open("ab").close()
    elif not path.exists():
        _try_folder(name)


def _try_folder(name: str) -> None:
    """Make the folder as Locust does, and write into it: permissions alone do not say it all.

    Raises:
        OSError: it cannot be made, or nothing can be written into it.
    """
    folder = os.path.dirname(name) or "."  # noqa: PTH120 - a prefix may end in a slash
    Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\n")
