"""Connects per second and client CPU per connect: ours, wrk and k6 on the same server in one run.

    python benchmarks/handshakes.py [--runs 3] [--seconds 2] [--users 10] [--quick]

For TLS 1.3 and 1.2, ECDSA and RSA server keys, without and with client certificates; full
handshakes and resumed ones, with a ticket of each user's own and with one that all share. Client
and server are pinned to different cores. The connects, and which of them were resumed, are the
server's own count; the CPU is that of the whole client process (``wait4``), less what the same
client takes to start and end. Runs alternate; medians are printed, as Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from against_k6 import (
    BIN,
    CLIENT_CORE,
    HERE,
    LIMIT_S,
    SERVER_CORE,
    install_k6,
    k6_version,
    output,
    pinned,
)

LOCUSTFILE = HERE.parent / "locustfiles" / "handshake.py"
OURS = {
    "ours, full": (),
    "ours, resumed, own tickets": ("--tls-resume", "100%"),
    "ours, resumed, one shared": ("--tls-resume", "100%", "--tls-tickets", "shared"),
}
WRK, K6 = "wrk, Connection: close", "k6, full"
SHARES = (0, 50, 100)
INVALID = 98


@dataclass(frozen=True)
class Place:
    """A server and the way to it."""

    url: str
    ca: str
    cert: str
    key: str
    record: Path
    version: str
    mtls: bool

    def at(self, path: str, scheme: str = "wss") -> str:
        return self.url.replace("wss", scheme, 1).rpartition("/")[0] + path


@dataclass(frozen=True)
class Run:
    cpu_s: float
    full: int
    resumed: int

    @property
    def connects(self) -> int:
        return self.full + self.resumed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="one run of one second each")
    args = parser.parse_args()
    if min(args.runs, args.seconds, args.users) < 1:
        parser.error("--runs, --seconds and --users must be 1 or more")
    runs, seconds = (1, 1) if args.quick else (args.runs, args.seconds)
    if (os.cpu_count() or 1) < 2:
        print("handshakes: needs two cores, one for the client and one for the server")
        return 2
    k6, wrk = install_k6(), shutil.which("wrk")
    wrk_says = "wrk is not installed, so its rows are left out" if wrk is None else wrk_version(wrk)
    print(
        f"{k6_version(k6)}; {wrk_says}; {args.users} users or connections, {seconds} s, {runs} "
        "runs each, in turn\n"
    )
    for version in ("1.3", "1.2"):
        for kind in ("ecdsa", "rsa2048"):
            for mtls in (False, True):
                compare(version, kind, mtls, k6, wrk, runs, seconds, args.users)
    print(
        "Ours verifies the certificate and the 101; k6 verifies the certificate; wrk verifies "
        "nothing, upgrades nothing and cannot show a client certificate.\n"
    )
    shares(seconds, args.users)
    return 0


def compare(
    version: str,
    kind: str,
    mtls: bool,
    k6: Path,
    wrk: str | None,
    runs: int,
    seconds: int,
    users: int,
) -> None:
    """Print the table of one kind of server."""
    names = [*OURS, *([WRK] if wrk and not mtls else []), K6]

    def command(
        name: str, place: Place, seconds: int, users: int, *, idle: bool = False
    ) -> tuple[list, dict[str, str]]:
        if name in OURS:
            options = (*OURS[name], *(("--pause", "1m") if idle else ()))
            return ours(place, seconds, users, options), {}
        if name == WRK:
            close = ["-H", "Connection: close", place.at("/health", "https")]
            return [wrk, "-c", users, "-t", 1, "-d", f"{seconds}s", *close], {}
        environment = {"URL": place.at("/upgrade"), "SSL_CERT_FILE": place.ca}
        environment |= {"USERS": str(users), "DURATION": str(seconds), "TLS_VERSION": version}
        if mtls:
            environment |= {"CERT": place.cert, "KEY": place.key}
        return [k6, "run", "--quiet", "--no-usage-report", HERE / "k6_handshakes.js"], environment

    found: dict[str, list[Run]] = {name: [] for name in names}
    start: dict[str, Run] = {}
    for number in range(runs):
        for name in names:
            with server(version, kind, mtls) as place:
                usage = measure(*command(name, place, seconds, users))
            found[name].append(counted(usage, place))
            if number == 0:
                with server(version, kind, mtls) as place:
                    usage = measure(*command(name, place, 1, 1, idle=True))
                start[name] = counted(usage, place)
    title = f"TLS {version}, {kind} server key" + (", client certificates" if mtls else "")
    print(f"| {title} | connects/s | CPU per connect, µs | resumed |")
    print("| --- | ---: | ---: | ---: |")
    for name, measured in found.items():
        rate = statistics.median(run.connects / seconds for run in measured)
        share = statistics.median(run.resumed / max(run.connects, 1) for run in measured)
        # the start's own connects cost what all others do: they are taken off on both sides
        cpu = statistics.median(
            (run.cpu_s - start[name].cpu_s) / max(run.connects - start[name].connects, 1) * 1e6
            for run in measured
        )
        print(f"| {name} | {rate:,.0f} | {cpu:,.0f} | {share:.0%} |")
    print(flush=True)


def shares(seconds: int, users: int) -> None:
    """Print the share of resumed handshakes that is asked for beside the server's own count."""
    print(
        "| --tls-resume | connects | resumed, by the server's own count |\n| ---: | ---: | ---: |"
    )
    for share in SHARES:
        with server("1.3", "ecdsa", False) as place:
            usage = measure(ours(place, seconds, users, ("--tls-resume", f"{share}%")), {})
        run = counted(usage, place)
        print(f"| {share} % | {run.connects:,} | {run.resumed / max(run.connects, 1):.2%} |")


def ours(place: Place, seconds: int, users: int, options: tuple[str, ...]) -> list:
    command = [BIN / "locust", "-f", LOCUSTFILE, "--headless", "--only-summary"]
    command += ["--host", place.at("/upgrade"), "--tls-ca", place.ca, "--threshold", "none"]
    command += options
    if place.mtls:
        command += ["--client-cert", place.cert, "--client-key", place.key]
    return [*command, "-u", users, "-r", users, "-t", f"{seconds}s"]


def measure(command: list, environment: dict[str, str]) -> float:
    """Run a client to its end and return its CPU in seconds."""
    process = pinned(command, CLIENT_CORE, environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    # a run whose only fault is that the client used all of its core is what is measured here
    if process.returncode not in (0, INVALID):
        raise SystemExit(
            f"handshakes: a client ended with {process.returncode}; it said:\n"
            f"{output().read_text()}"
        )
    return usage.ru_utime + usage.ru_stime


def counted(cpu_s: float, place: Place) -> Run:
    """Return a run with the server's own count of it, which has ended."""
    counts = json.loads(place.record.read_text())
    place.record.unlink()
    run = Run(cpu_s, counts["tls_full"], counts["tls_resumed"])
    if not run.connects:
        raise SystemExit(f"handshakes: no connects; the client said:\n{output().read_text()}")
    return run


@contextmanager
def server(version: str, kind: str, mtls: bool) -> Iterator[Place]:
    """A fresh server on its own core; its record is written when the block ends."""
    record = Path(tempfile.mkstemp(suffix=".json")[1])
    options = ["--tls-min", version, "--tls-max", version, "--key", kind]
    process = subprocess.Popen(
        [BIN / "openclaw-locust", "serve", "--port", "0", "--record", record, *options]
        + (["--mtls"] if mtls else []),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
    )
    try:
        _, url, *pairs = shlex.split(process.stdout.readline())
        words = dict(pair.split("=", 1) for pair in pairs)
        identity = (words.get("cert", ""), words.get("key", ""))
        yield Place(url, words["ca"], *identity, record, version, mtls)
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def wrk_version(wrk: str) -> str:
    said = subprocess.run([wrk, "-v"], capture_output=True, text=True, check=False).stdout
    return " ".join(said.split()[:2])


if __name__ == "__main__":
    sys.exit(main())
