"""``openclaw-locust serve`` as a process of its own, for the tests."""

import json
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 10.0


@dataclass
class Served:
    """A server that is ready.

    Attributes:
        process: its process.
        url: where ratings go, e.g. ``wss://127.0.0.1:40123/rating``.
        host: the host of ``url``, an IPv6 address without brackets.
        port: the port of ``url``.
        ca: what a client needs to trust it; None without TLS.
        client_cert: a client certificate that it accepts, where it made one.
        client_key: the key of ``client_cert``.
        crl: the revocation list of ``--fault tls.cert.revoked``.
    """

    process: "subprocess.Popen[str]"
    url: str
    host: str
    port: int
    ca: Path | None
    client_cert: Path | None
    client_key: Path | None
    crl: Path | None
    _stdout: Path
    _stderr: Path
    _record: Path

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return self._stdout.read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        """What it has printed to stderr so far."""
        return self._stderr.read_text(encoding="utf-8")

    def url_of(self, path: str, scheme: str | None = None) -> str:
        """Return the URL of another path: ``url_of("/health", "https")``."""
        parts = urlsplit(self.url)
        return parts._replace(path=path, scheme=scheme or parts.scheme).geturl()

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """End it with a signal and return its exit code; it may have ended before."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        return self.process.wait(STOP_DEADLINE_S)

    def counts(self) -> dict[str, Any]:
        """End it and return its own record of its work: ``acks``, ``upgrades``, ``latency``, …"""
        self.stop()
        record: dict[str, Any] = json.loads(self._record.read_text(encoding="utf-8"))
        return record


@contextmanager
def serve(*args: str | Path) -> Iterator[Served]:
    """Run ``openclaw-locust serve`` with ``args`` until the block ends.

    It takes a free port unless ``args`` name one. Fails at once, with what the server printed,
    when it ends before it is ready.
    """
    with tempfile.TemporaryDirectory(prefix="openclaw-locust-test-") as folder:
        stdout, stderr, record = (Path(folder, name) for name in ("stdout", "stderr", "record"))
        defaults = ["--record", str(record), "--until-eof"]
        if "--port" not in args:
            defaults += ["--port", "0"]
        # files and not pipes: a pipe that nobody reads would stop the server when it is full
        with stdout.open("w") as out, stderr.open("w") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "openclaw_locust.cli", "serve", *defaults, *map(str, args)],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                text=True,
            )
        try:
            yield _wait_until_ready(process, stdout, stderr, record)
        finally:
            _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    """End the server for certain, and cleanly if it lets us: then it removes what it made."""
    process.terminate()
    try:
        process.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _wait_until_ready(
    process: "subprocess.Popen[str]", stdout: Path, stderr: Path, record: Path
) -> Served:
    deadline = time.monotonic() + START_DEADLINE_S
    while True:
        ended = process.poll() is not None
        first, newline, _ = stdout.read_text(encoding="utf-8").partition("\n")
        if newline:
            break
        if ended or time.monotonic() > deadline:
            state = f"ended with {process.returncode}" if ended else "is not ready"
            raise AssertionError(f"the server {state}: {stderr.read_text(encoding='utf-8')}")
        time.sleep(0.01)
    word, url, *rest = shlex.split(first)
    assert word == "ready", first
    paths = {name: Path(path) for name, _, path in (item.partition("=") for item in rest)}
    parts = urlsplit(url)
    assert parts.hostname is not None, first
    assert parts.port is not None, first
    return Served(
        process=process,
        url=url,
        host=parts.hostname,
        port=parts.port,
        ca=paths.get("ca"),
        client_cert=paths.get("cert"),
        client_key=paths.get("key"),
        crl=paths.get("crl"),
        _stdout=stdout,
        _stderr=stderr,
        _record=record,
    )
