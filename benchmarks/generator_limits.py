"""How far off our figures are when the generator is busy, and what its own probe says then.

    python benchmarks/generator_limits.py [--seconds 15]

The embedded server answers after 20 ms and notes how long each rating was in it. 50 users send 500
ratings a second in all, from a locustfile that computes longer and longer at each answer. The error
of a percentile is ours less the server's; the lag is what the probe found at the same percentile.
A generator can be believed as long as the lag bounds the error: that is what the limits stand on.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from against_k6 import BIN, HERE, server
from true_distribution import USERS, run

sys.path.insert(0, str(HERE.parent))
from openclaw_locust.results import RunFacts

BURDENS_MS = (0, 0.5, 1, 1.4, 1.6, 1.8, 2.2)
PERCENTS = (50, 95, 99)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=15)
    seconds = parser.parse_args().seconds
    print("| computing per answer | CPU | lag P50 | P95 | P99 | error P50 | P95 | P99 | verdict |")
    print("| --- " + "| ---: " * 7 + "| --- |")
    for burden_ms in BURDENS_MS:
        print(row(burden_ms, seconds), flush=True)
    return 0


def row(burden_ms: float, seconds: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder, "run")
        with server("--ack-delay", "20ms") as (url, ca, record):
            command = [BIN / "locust", "-f", HERE / "busy_load.py", "--headless", "--only-summary"]
            command += ["--host", url, "--tls-ca", ca, "--csv", prefix, "--pause", "80ms"]
            command += ["-u", USERS, "-r", USERS, "-t", f"{seconds}s"]
            run(command, {"BURDEN_MS": str(burden_ms)})
        truth = json.loads(record.read_text())["latency"]
        record.unlink()
        facts = RunFacts.read(prefix)
    assert facts is not None
    assert facts.series is not None
    window = facts.series.window()
    figures = facts.generator[0].figures
    ours = window.histograms["ack", "OpenClawRating"].percentiles_us(PERCENTS)
    lags = [figures[f"lag_p{percent}_ms"] for percent in PERCENTS]
    errors = [
        (us - truth[f"p{percent}_us"]) / 1000 for us, percent in zip(ours, PERCENTS, strict=True)
    ]
    shown = [f"{value:.2f}" for value in (*lags, *errors)]
    verdict = "invalid" if facts.invalid else "valid"
    return f"| {burden_ms} ms | {figures['cpu_mean']:.0%} | {' | '.join(shown)} | {verdict} |"


if __name__ == "__main__":
    sys.exit(main())
