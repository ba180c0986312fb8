"""The memory of a run in which the service never says the same thing twice.

    python benchmarks/distinct_messages.py [--messages 1000000]

The embedded server refuses each rating in words of its own: the rating's id is in them. A generator
that keeps a row, or a text, for each of them runs out of memory; ours keeps the first and the last.
Printed: resident memory of Locust's process as the run goes on, and what the run left.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from against_k6 import BIN, HERE, server

sys.path.insert(0, str(HERE.parent))
from openclaw_locust.results import RunFacts

_LIMIT_S = 600.0
_LOCUSTFILE = HERE.parent / "locustfiles" / "rating.py"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    wanted = parser.parse_args().messages
    with (
        tempfile.TemporaryDirectory() as folder,
        server("--fault", "app.ack.negative") as (url, ca, record),
    ):
        prefix = Path(folder, "run")
        command = [BIN / "locust", "-f", _LOCUSTFILE, "--headless", "--only-summary"]
        command += ["--host", url, "--tls-ca", ca, "--csv", prefix, "--pause", "0"]
        command += ["--ack-id", "id", "-u", "50", "-r", "50"]
        with Path(folder, "printed").open("w") as printed:
            process = subprocess.Popen(
                list(map(str, command)), stdout=printed, stderr=subprocess.STDOUT
            )
            watch(process, Path(f"{prefix}_failures.csv"), wanted)
            process.wait(60)
        facts = RunFacts.read(prefix)
        sizes = {path.name: path.stat().st_size for path in sorted(Path(folder).glob("run*"))}
    record.unlink()
    assert facts is not None
    for sample in facts.samples:
        print(f"{sample.class_name}: {sample.count}; first {sample.first}; last {sample.last}")
    print(", ".join(f"{name} {size} bytes" for name, size in sizes.items()))
    return 0


def watch(process: subprocess.Popen[bytes], failures: Path, wanted: int) -> None:
    """Print the memory at each tenth of the messages, and end the run behind the last."""
    seen = psutil.Process(process.pid)
    deadline, step, shown = time.monotonic() + _LIMIT_S, wanted // 10, 0
    print("| distinct messages | resident memory, MiB |\n| ---: | ---: |")
    while time.monotonic() < deadline and process.poll() is None and shown < wanted:
        time.sleep(0.2)
        count = counted(failures)
        if count >= shown + step:
            shown = count // step * step
            print(f"| {count:,} | {seen.memory_info().rss / 2**20:.1f} |", flush=True)
    process.terminate()


def counted(failures: Path) -> int:
    """Return the failures in Locust's file, which lags some seconds behind."""
    if not failures.exists():
        return 0
    return sum(int(line.split(",")[3]) for line in failures.read_text().splitlines()[1:])


if __name__ == "__main__":
    sys.exit(main())
