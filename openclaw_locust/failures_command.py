"""``openclaw-locust failures [NAME]``: what the classes of the error table mean."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap

from openclaw_locust.failures import CLASSES, FailureClass
from openclaw_locust.server.faults.kinds import ALIASES, OCCASIONS

HELP = "say what a failure class means, what to do about it, and how to see it for once"

_INDENT = "    "
_WIDEST = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "name",
        nargs="?",
        default="",
        help="a class, or the beginning of some: tls.cert (default: all, a line each)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the classes; 2 means that there is none of that name."""
    name = args.name.strip().lower()
    name = ALIASES.get(name, name)
    found = [kind for kind in CLASSES.values() if _belongs(kind.name, name)]
    if not found:
        phases = ", ".join(dict.fromkeys(kind.phase for kind in CLASSES.values()))
        print(
            f"openclaw-locust failures: there is no class {args.name!r}; they begin with {phases}",
            file=sys.stderr,
        )
        return 2
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    if not name:
        longest = max(len(kind.name) for kind in found)
        lines = [f"{kind.name:{longest}}  {kind.meaning}" for kind in found]
    else:
        lines = [line for kind in found for line in _whole(kind, width)]
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:
        sys.stdout = None  # or Python would complain again when it flushes at exit
    return 0


def _belongs(name: str, wanted: str) -> bool:
    return not wanted or name == wanted or name.startswith(f"{wanted.removesuffix('.')}.")


def _whole(kind: FailureClass, width: int) -> list[str]:
    texts = [kind.meaning, f"-> {kind.remedy}", f"Look first at: {_WHERE[kind.fault]}."]
    if kind.is_refusal:
        texts.append("A refusal: the service works and says no. It is shown apart from faults.")
    if kind.name in OCCASIONS:
        texts.append(f"To see it: openclaw-locust serve --fault {kind.name}")
    lines = [kind.name]
    for text in texts:
        lines += textwrap.wrap(text, width, initial_indent=_INDENT, subsequent_indent=_INDENT)
    return [*lines, ""]


_WHERE = {
    "server": "the server",
    "network": "the network, and what stands between",
    "settings": "this client's options",
    "generator": "this machine",
}
