"""What each tool makes of a server that stalls for 2 s, against the server's own record.

    python benchmarks/true_distribution.py [--seconds 20] [--rate 500]

The embedded server answers after 20 ms and from its 10th second on stalls for 2 s. It notes how
long each rating was in it; that is the truth that a client's figures are held against. Each tool
gets a fresh server, on another core than the tool's, and the same load: 50 connections that are to
send 500 ratings a second in all. In the closed model a sender that waits sends nothing, so even the
server sees little of its own stall; only a schedule that goes on meets it as arrivals would.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from against_k6 import BIN, CLIENT_CORE, HERE, install_k6, output, pinned, server

sys.path.insert(0, str(HERE.parent))
from openclaw_locust.results import RunFacts

USERS = 50
STALL = ("--ack-delay", "20ms", "--fault", "stall=2s@10s")
QUANTILES = ("p50", "p95", "p99", "max")
Figures = dict[str, float]


@dataclass(frozen=True)
class Load:
    """What each tool is to send."""

    seconds: int
    rate: int

    @property
    def per_user(self) -> float:
        return self.rate / USERS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rate", type=int, default=500)
    args = parser.parse_args()
    load, k6 = Load(args.seconds, args.rate), install_k6()
    tools: dict[str, Callable[[Load, str, str], Figures]] = {
        "ours, open model": ours_open,
        "ours, open model, 1 in flight": ours_one_in_flight,
        "ours, closed model": ours_closed,
        "k6, timer in the connection": lambda *to: k6_run(k6, *to, wait="no"),
        "k6, next after the ack": lambda *to: k6_run(k6, *to, wait="yes"),
        "plain Locust": plain_locust,
    }
    print(f"{USERS} connections, {args.rate}/s, {args.seconds} s; milliseconds\n")
    print("| tool | of | ratings | P50 | P95 | P99 | max |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for name, tool in tools.items():
        with server(*STALL) as (url, ca, record):
            found = tool(load, url, ca)
        truth = json.loads(record.read_text())["latency"]
        record.unlink()
        row(name, "the tool", found)
        row(
            "",
            "the server's record",
            {"count": truth["count"]} | {name: truth[f"{name}_us"] / 1000 for name in QUANTILES},
        )
    return 0


def row(name: str, of: str, figures: Figures) -> None:
    shown = " | ".join(f"{figures[each]:,.4g}" for each in QUANTILES)
    print(f"| {name} | {of} | {figures['count']:,.0f} | {shown} |", flush=True)


def ours_open(load: Load, url: str, ca: str) -> Figures:
    return ours(
        load, url, ca, "--arrival-rate", f"{load.rate}/s", "--ack-id", "id", "--in-flight", "64"
    )


def ours_one_in_flight(load: Load, url: str, ca: str) -> Figures:
    return ours(load, url, ca, "--arrival-rate", f"{load.rate}/s")


def ours_closed(load: Load, url: str, ca: str) -> Figures:
    pause_ms = max(0.0, 1000 / load.per_user - 20)
    return ours(load, url, ca, "--pause", f"{pause_ms:.0f}ms")


def ours(load: Load, url: str, ca: str, *options: str) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder, "run")
        command = [BIN / "locust", "-f", HERE.parent / "locustfiles/rating.py", "--headless"]
        command += ["--only-summary", "--host", url, "--tls-ca", ca, "--csv", prefix, *options]
        run([*command, "-u", USERS, "-r", USERS, "-t", f"{load.seconds}s"])
        facts = RunFacts.read(prefix)
    assert facts is not None
    assert facts.series is not None
    if facts.invalid:
        print(f"(invalid: {'; '.join(facts.invalid)})")
    histogram = facts.series.window().histograms["ack", "OpenClawRating"]
    p50, p95, p99 = (us / 1000 for us in histogram.percentiles_us((50, 95, 99)))
    return {
        "count": histogram.total,
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "max": histogram.max_us / 1000,
    }


def k6_run(k6: Path, load: Load, url: str, ca: str, wait: str) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder, "summary.json")
        command = [k6, "run", "--quiet", "--no-usage-report", "--summary-export", summary]
        variables = {
            "URL": url,
            "SSL_CERT_FILE": ca,
            "USERS": str(USERS),
            "DURATION": str(load.seconds),
            "RATE_PER_USER": str(load.per_user),
            "WAIT": wait,
        }
        run([*command, HERE / "k6_latency.js"], variables)
        found = json.loads(summary.read_text())["metrics"]["ack_latency"]
    return {
        "count": found["count"],
        "p50": found["med"],
        "p95": found["p(95)"],
        "p99": found["p(99)"],
        "max": found["max"],
    }


def plain_locust(load: Load, url: str, ca: str) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder, "run")
        command = [BIN / "locust", "-f", HERE / "plain_locust.py", "--headless", "--only-summary"]
        command += ["--host", url, "--csv", prefix, "-u", USERS, "-r", USERS]
        run([*command, "-t", f"{load.seconds}s"], {"CA": ca, "RATE_PER_USER": str(load.per_user)})
        with Path(f"{prefix}_stats.csv").open(newline="") as file:
            found = next(row for row in csv.DictReader(file) if row["Type"] == "ACK")
    return {
        "count": float(found["Request Count"]),
        "p50": float(found["50%"]),
        "p95": float(found["95%"]),
        "p99": float(found["99%"]),
        "max": float(found["Max Response Time"]),
    }


def run(command: list, environment: dict[str, str] | None = None) -> None:
    process = pinned(command, CLIENT_CORE, environment or {})
    if process.wait(120) not in (0, 98, 99):
        raise SystemExit(f"{command[0]} ended with {process.returncode}:\n{output().read_text()}")


if __name__ == "__main__":
    os.chdir(HERE)
    sys.exit(main())
