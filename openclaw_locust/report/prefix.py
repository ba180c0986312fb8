"""Which CSV set a path means, and what to say when it means none."""

from __future__ import annotations

from pathlib import Path

from openclaw_locust.failures import printable

SUFFIXES = (
    "_stats.csv",
    "_failures.csv",
    "_exceptions.csv",
    "_results.json",
    "_stats_history.csv",
    "_report.md",
    ".hlog",
)
"""The files of one set; the first four are what a report can be made of."""

_SOURCES = SUFFIXES[:4]
_MAX_NAMED = 8


def find_prefix(path: str) -> str:
    """Return the prefix of the CSV set that ``path`` means.

    ``reports/run``, ``reports/run_`` and any file of the set (``reports/run_stats.csv``) all mean
    ``reports/run``.

    Raises:
        LookupError: there is no such set; the message is one line that names the sets there are.
    """
    candidates = [path, path.removesuffix("_")]
    candidates += [path.removesuffix(suffix) for suffix in SUFFIXES if path.endswith(suffix)]
    for candidate in candidates:
        if _exists(candidate):
            return candidate
    raise LookupError(_what_there_is(path))


def _exists(prefix: str) -> bool:
    try:
        return any(Path(prefix + suffix).exists() for suffix in _SOURCES)
    except (OSError, ValueError):  # a name too long, a NUL in it, a folder that may not be entered
        return False


def _what_there_is(path: str) -> str:
    shown = printable(path) or "''"
    try:
        is_folder = Path(path).is_dir()
        folder = Path(path) if is_folder else Path(path).parent
        if not folder.is_dir():
            return f"there is no folder {printable(str(folder))}"
        stats = [file for file in folder.iterdir() if file.name.endswith(SUFFIXES[0])]
        stats.sort(key=lambda file: file.stat().st_mtime, reverse=True)
    except (OSError, ValueError) as error:
        return f"{shown} cannot be looked for: {getattr(error, 'strerror', None) or error}"
    what = (
        f"{shown} is a folder; name the run in it"
        if is_folder
        else f"there is no {printable(path.removesuffix(SUFFIXES[0]) + SUFFIXES[0])}"
    )
    if not stats:
        return f"{what}: {printable(str(folder))} holds no run; locust --csv PREFIX writes one"
    names = [printable(str(file).removesuffix(SUFFIXES[0])) for file in stats]
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return f"{what}; newest first there are: {', '.join(names[:_MAX_NAMED])}{more}"
