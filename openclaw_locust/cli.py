"""The ``openclaw-locust`` command: its sub-commands, and nothing of what they do.

Each sub-command is a module with ``HELP``, ``add_arguments(parser)`` and ``run(args)``, which gives
the exit code; such a module imports what is heavy inside ``run``.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import NoReturn

from openclaw_locust import __version__

COMMANDS = {
    "serve": "openclaw_locust.server.serve_command",
    "certs": "openclaw_locust.server.certs_command",
    "report": "openclaw_locust.report.command",
    "failures": "openclaw_locust.failures_command",
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the usage is for those who ask with ``--help``."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(
        prog="openclaw-locust",
        description="What stands beside a load test: its target, its certificates, its report. "
        "The test itself is run by locust, e.g. locust -f locustfiles/rating.py --host wss://…",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="command", required=True)
    for name, module_name in COMMANDS.items():
        module = import_module(module_name)
        command = subparsers.add_parser(
            name, help=module.HELP, description=module.HELP, allow_abbrev=False
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one sub-command and return its exit code; 2 means that the options were wrong."""
    args = build_parser().parse_args(argv)
    code: int = args.run(args)
    return code


if __name__ == "__main__":
    sys.exit(main())
