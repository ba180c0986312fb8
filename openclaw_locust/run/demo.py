"""The embedded server for ``--demo``: a process of its own.

So it never shares an interpreter with the load, and it ends when this process ends, in any way.
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import gevent

_START_LIMIT_S = 30.0
_STOP_LIMIT_S = 10.0
# A known latency, so that the report has something to be compared with.
_ACK_DELAY = ("--ack-delay", "20ms", "--ack-jitter", "5ms")


class DemoError(RuntimeError):
    """The embedded server could not be started; the text is its own one line."""


@dataclass(frozen=True, slots=True)
class DemoServer:
    """A running embedded server.

    Attributes:
        url: where ratings go.
        ca: the CA that its certificate is from.
    """

    process: subprocess.Popen[str]
    url: str
    ca: Path

    @property
    def description(self) -> str:
        """What it is, for every output."""
        return f"embedded server on this machine ({' '.join(_ACK_DELAY)})"

    def stop(self) -> dict[str, int]:
        """End it and return its own counts, such as ``ratings`` and ``acks``, if it told any."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        counts: dict[str, int] = {}
        with gevent.Timeout(_STOP_LIMIT_S, False):
            for line in self.process.stdout:
                if line.startswith("done "):
                    counts = _read_counts(line)
            self.process.wait()
        if self.process.poll() is None:
            self.process.kill()
        return counts


def start_demo() -> DemoServer:
    """Start the embedded server on a free port of the loopback.

    Raises:
        DemoError: it did not become ready.
    """
    command = [sys.executable, "-m", "openclaw_locust.cli", "serve"]
    process = subprocess.Popen(
        [*command, "--port", "0", "--until-eof", *_ACK_DELAY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C ends the load first; the server ends with the pipe
    )
    assert process.stdout is not None
    assert process.stderr is not None
    line = ""
    with gevent.Timeout(_START_LIMIT_S, False):
        line = process.stdout.readline()
    if not line.startswith("ready "):
        process.kill()
        said = process.stderr.read().strip().splitlines()
        raise DemoError(said[-1] if said else "the embedded server did not become ready in time")
    _, url, *pairs = shlex.split(line)
    files = dict(pair.split("=", 1) for pair in pairs)
    return DemoServer(process, url, Path(files["ca"]))


def _read_counts(line: str) -> dict[str, int]:
    pairs = (pair.partition("=") for pair in line.split()[1:])
    return {name: int(value) for name, _, value in pairs if value.isdecimal()}
