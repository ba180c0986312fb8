"""Who runs out of ports: the end that clients commonly make, and ours.

    python benchmarks/port_trap.py        # as root: it makes a network namespace of its own

500 local ports and ``tcp_tw_reuse=0``, as on a machine whose ports are nearly used up. Whoever
ends TCP first keeps the connection's port for a minute (TIME_WAIT). The naive client closes when
it is done, as a script does that calls ``shutdown``; ours lets the server close, or resets. Then:
what ours says when ports run out all the same, and what further source addresses bring.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import websocket

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
LOCUSTFILE = HERE.parent / "locustfiles" / "handshake.py"
PORTS = (20000, 20499)
SECONDS = 6
# they end with a reset, so that their ports are free at once
HOLDER = """
import socket, struct, sys, time
held = [socket.create_connection(("127.0.0.1", 8443)) for _ in range(int(sys.argv[1]))]
for each in held:
    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
print("held", flush=True)
time.sleep(60)
"""
LIMIT_S = 60


def main() -> int:
    if "--inside" in sys.argv:
        return inside()
    if shutil.which("unshare") is None or os.geteuid() != 0:
        print("port_trap: needs root and unshare, to make a network namespace of its own")
        return 2
    allowed = subprocess.run(
        ["unshare", "--net", "true"], stderr=subprocess.DEVNULL, check=False, timeout=LIMIT_S
    )
    if allowed.returncode:
        print("port_trap: this machine does not permit a network namespace (unshare --net)")
        return 2
    command = ["unshare", "--net", sys.executable, __file__, "--inside"]
    return subprocess.run(command, check=False, timeout=10 * LIMIT_S).returncode


def inside() -> int:
    """Measure; everything here is in the namespace and gone with it."""
    for line in (
        "ip link set lo up",
        f"sysctl -qw net.ipv4.ip_local_port_range='{PORTS[0]} {PORTS[1]}'",
        "sysctl -qw net.ipv4.tcp_tw_reuse=0",
    ):
        subprocess.run(shlex.split(line), check=True)
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder, "record.json")
        serve = [BIN / "openclaw-locust", "serve", "--port", "8443", "--record", record]
        server = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
        try:
            _, url, *pairs = shlex.split(server.stdout.readline())
            ca = dict(pair.split("=", 1) for pair in pairs)["ca"]
            ports = PORTS[1] - PORTS[0] + 1
            print(f"{ports} local ports, net.ipv4.tcp_tw_reuse=0, {SECONDS} s each\n")
            print("| client | connects | failed | TIME_WAIT on its side | exit code |")
            print("| --- | ---: | ---: | ---: | ---: |")
            paced = ("-u", "20", "--connect-rate", "300/s")
            for name, options in (
                ("ours, --close polite", ()),
                ("ours, --close reset", ("--close", "reset")),
            ):
                row(name, *ours(folder, url, ca, (*paced, *options)))
            held = ("-u", "60", "--handshake-mode", "http", "--pause", "1s")
            with holding(PORTS[1] - PORTS[0] - 49):
                row("ours, 60 connections held, 50 ports left", *ours(folder, url, ca, held))
                reason = " ".join(invalid(folder))
                two = ("--source-ip", "127.0.0.1", "--source-ip", "127.0.0.2")
                row("the same, from two addresses", *ours(folder, url, ca, (*held, *two)))
            row("a script that closes first", *naive(url, ca))
            print(f"\n50 ports left: INVALID: {reason}")
            held = ("-u", "600", *held[2:])
            print(f"600 connections: {refusal(folder, url, ca, held)}")
        finally:
            server.terminate()
            server.wait(LIMIT_S)
    return 0


@contextmanager
def holding(count: int) -> Iterator[None]:
    """Hold ports with connections of somebody else."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(count)], stdout=subprocess.PIPE, text=True
    )
    try:
        holder.stdout.readline()
        yield
    finally:
        holder.kill()
        holder.wait(LIMIT_S)


def row(name: str, connects: int, failed: int, waits: int, code: int | str) -> None:
    print(f"| {name} | {connects:,} | {failed:,} | {waits:,} | {code} |", flush=True)


def ours(folder: str, url: str, ca: str, options: tuple[str, ...]) -> tuple[int, int, int, int]:
    """Run HandshakeUser; return its connects, failures, sockets in TIME_WAIT, and exit code."""
    before = time_waits()
    prefix = Path(folder, "run")
    command = [BIN / "locust", "-f", LOCUSTFILE, "--headless", "--only-summary", "--csv", prefix]
    command += ["--host", url, "--tls-ca", ca, "-r", "100", "-t", f"{SECONDS}s", *options]
    with Path(folder, "said").open("w") as said:
        code = subprocess.run(
            [str(part) for part in command],
            stdout=said,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_S,
            check=False,
        ).returncode
    results = Path(f"{prefix}_results.json")
    if not results.exists():
        return 0, 0, 0, code
    facts = json.loads(results.read_text())
    made = sum(each["count"] for each in facts["negotiated"])
    failed = sum(sample["count"] for sample in facts["samples"])
    return made, failed, time_waits() - before, code


def invalid(folder: str) -> list[str]:
    """Return why the last run was invalid."""
    reasons: list[str] = json.loads(Path(folder, "run_results.json").read_text())["invalid"]
    return reasons


def refusal(folder: str, url: str, ca: str, options: tuple[str, ...]) -> str:
    """Return the line that a run is refused with."""
    Path(folder, "run_results.json").unlink()
    ours(folder, url, ca, options)
    return Path(folder, "said").read_text().strip().splitlines()[-1]


def naive(url: str, ca: str) -> tuple[int, int, int, str]:
    """Connect and close with websocket-client, as people write it."""
    before, made, failed = time_waits(), 0, 0
    until = time.monotonic() + SECONDS
    first = ""
    while time.monotonic() < until:
        try:
            socket = websocket.create_connection(url, sslopt={"ca_certs": ca}, timeout=5)
            socket.shutdown()
            made += 1
        except (OSError, ssl.SSLError, websocket.WebSocketException) as error:
            failed += 1
            first = first or str(error)
            time.sleep(0.01)
    return made, failed, time_waits() - before, first or "–"


def time_waits() -> int:
    """Return how many sockets are in TIME_WAIT with the port on the client's side."""
    rows = [line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ports = range(PORTS[0], PORTS[1] + 1)
    return sum(
        state == "06" and int(local.partition(":")[2], 16) in ports for local, _, state in rows
    )


if __name__ == "__main__":
    sys.exit(main())
