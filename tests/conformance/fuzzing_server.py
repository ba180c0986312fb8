"""The Autobahn testsuite's fuzzing server as a process of its own, on a free port of 127.0.0.1."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from openclaw_locust.failures import Failure
from openclaw_locust.server.certificates import issue, make_ca
from openclaw_locust.wire.tcp import TimedOut
from tests.conformance.client import Fuzzer
from tests.conformance.problem import Problem
from tests.conformance.wstest import Wstest

Scheme = Literal["ws", "wss"]
LEFT_OUT = ("12.*", "13.*")  # permessage-deflate, which the client never offers
_START_DEADLINE_S = 60.0  # a container image may have to be fetched first
_STOP_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class FuzzingServer:
    """A server that is ready.

    Attributes:
        fuzzer: its client's side.
        index: the summary of its reports, once they are written.
        version: the testsuite's version.
    """

    fuzzer: Fuzzer
    index: Path
    version: str


@contextmanager
def fuzzing_server(
    wstest: Wstest, scheme: Scheme, folder: Path, limit_s: float
) -> Iterator[FuzzingServer]:
    """Run a fuzzing server until the block ends.

    Args:
        wstest: how to run it.
        scheme: with TLS or without.
        folder: where its reports, its log and its certificate go; emptied before.
        limit_s: when it ends by itself.

    Raises:
        Problem: it does not start.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    port = _free_port()
    url, ca, index = f"{scheme}://127.0.0.1:{port}", folder / "ca.pem", folder / "index.json"
    spec = {"url": url, "outdir": str(folder), "cases": ["*"], "exclude-cases": list(LEFT_OUT)}
    if scheme == "wss":
        spec |= _certificate(folder, ca)
    spec_file, log_file = folder / "spec.json", folder / "wstest.log"
    spec_file.write_text(json.dumps(spec), encoding="utf-8")
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            wstest.server(folder, spec_file, port, limit_s),
            stdin=subprocess.PIPE,  # that it closes when we end
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
    try:
        fuzzer = Fuzzer(url, ca if scheme == "wss" else None)
        _wait_ready(process, fuzzer, log_file)
        version = _version(log_file.read_text(encoding="utf-8", errors="replace"))
        yield FuzzingServer(fuzzer, index, version)
    finally:
        _stop(process, wstest.cleanup(port))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _certificate(folder: Path, ca: Path) -> dict[str, str]:
    """Make an authority and a server's certificate; return the specification's words for them."""
    authority = make_ca()
    server = issue(authority, ["127.0.0.1"])
    cert, key = folder / "server.pem", folder / "server-key.pem"
    ca.write_bytes(authority.chain_pem)
    cert.write_bytes(server.chain_pem)
    key.touch(mode=0o600)
    key.write_bytes(server.key_pem)
    return {"cert": str(cert), "key": str(key)}


def _wait_ready(process: subprocess.Popen[bytes], fuzzer: Fuzzer, log: Path) -> None:
    deadline = time.monotonic() + _START_DEADLINE_S
    said = ""
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Problem(f"the fuzzing server ended before it was ready; {log} says why")
        try:
            fuzzer.count()  # no mere connect: a container's port is open before anyone listens
        except Failure as failure:
            said = f"{failure} {failure.detail}".strip()
        except TimedOut:
            said = "no answer"
        else:
            return
        time.sleep(0.05)
    raise Problem(
        f"the fuzzing server is not ready after {_START_DEADLINE_S:.0f} s ({said}); see {log}"
    )


def _version(log: str) -> str:
    found = re.search(r"Autobahn WebSocket ([^/\s]+)/", log)
    return found[1] if found else "of unknown version"


def _stop(process: subprocess.Popen[bytes], cleanup: list[str] | None) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(_STOP_DEADLINE_S)
    if process.stdin is not None:
        process.stdin.close()
    if cleanup is not None:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(cleanup, check=False, capture_output=True, timeout=_STOP_DEADLINE_S)
