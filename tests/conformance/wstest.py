"""Where a fuzzing server can be had, and the command that runs it.

Three places, in this order: ``wstest`` on PATH, a Python 2.7 (see :mod:`environment`), or the
testsuite's container image. Each command ends by itself, at the latest after a set time.

A ``wstest`` on PATH is taken as it is, and so listens on all interfaces; the others are reached
through 127.0.0.1 alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.environment import find_python, ready_python
from tests.conformance.problem import Problem

IMAGE = "crossbario/autobahn-testsuite:25.10.1"
_LAUNCHER = Path(__file__).resolve().parent / "loopback_wstest.py"
_PROBE_DEADLINE_S = 20.0
_MISSING = (
    "the Autobahn testsuite cannot be had: no wstest on PATH, no Python 2.7, no docker or podman "
    "that runs; install one of them, for instance with: pyenv install 2.7.18"
)


@dataclass(frozen=True, slots=True)
class Wstest:
    """A way to run the testsuite.

    Attributes:
        command: what is put before the testsuite's own arguments.
        engine: ``docker`` or ``podman``, where it runs in a container.
    """

    command: tuple[str, ...]
    engine: str | None = None

    def server(self, folder: Path, spec: Path, port: int, limit_s: float) -> list[str]:
        """Return the command of a fuzzing server.

        Args:
            folder: the one folder that it reads and writes; absolute.
            spec: its specification, in ``folder``.
            port: where the specification makes it listen.
            limit_s: when it is ended, should nobody else do it.
        """
        bounded = ["timeout", "--signal=KILL", f"{limit_s:.0f}", *self.command]
        arguments = ["--mode", "fuzzingserver", "--webport", "0", "--spec", str(spec)]
        if self.engine is None:
            return [*bounded, *arguments]
        # Docker runs as root, and its files would be root's; podman's root is the user.
        user = ["--user", f"{os.getuid()}:{os.getgid()}"] if self.engine == "docker" else []
        return [
            *(self.engine, "run", "--rm", "--init", *user, "--name", container_name(port)),
            *("--security-opt", "label=disable", "--volume", f"{folder}:{folder}"),
            *("--publish", f"127.0.0.1:{port}:{port}", "--env", "PYTHONUNBUFFERED=1"),
            *(IMAGE, *bounded, *arguments),
        ]

    def cleanup(self, port: int) -> list[str] | None:
        """Return the command that ends what the end of the server's own process leaves behind."""
        if self.engine is None:
            return None
        return [self.engine, "rm", "--force", container_name(port)]


def container_name(port: int) -> str:
    """Return the name of the container whose server listens on ``port``."""
    return f"openclaw-locust-conformance-{port}"


def find_wstest() -> Wstest:
    """Return the first way that works on this machine.

    Raises:
        Problem: there is none, or Python 2.7 is there and the testsuite cannot be installed.
    """
    if _works(["wstest", "--autobahnversion"]):
        return Wstest(("wstest",))
    if (python := find_python()) is not None:
        return Wstest((str(ready_python(python)), str(_LAUNCHER)))
    for engine in ("docker", "podman"):
        if _works([engine, "info"]):  # a client without its daemon fails here
            return Wstest(("wstest",), engine)
    raise Problem(_MISSING)


def _works(command: list[str]) -> bool:
    """Whether a command is there and succeeds: pyenv puts names on PATH that only fail."""
    if shutil.which(command[0]) is None:
        return False
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_PROBE_DEADLINE_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
