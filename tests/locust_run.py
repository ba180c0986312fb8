"""Locust as a user runs it, for the tests: a process of its own with a hard limit of time.

A process that does not end in time fails its test with all that it printed and the stacks of its
threads, and is gone afterwards.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RATING = ROOT / "locustfiles" / "rating.py"
CUSTOM_SERVICE = ROOT / "locustfiles" / "custom_service.py"
NAME = "OpenClawRating"

LIMIT_S = 60.0
"""No process lives longer; none that works comes near it."""

AT_ONE_TIME = 6
"""How many are started together: enough to fill the waiting, few enough for two cores."""

RUN_TIME = "2s"
"""Of a run that is to have some ratings."""

Argument = str | Path | int
Row = tuple[str, str]
"""A row of Locust's statistics: type and name."""


@dataclass(frozen=True)
class Run:
    """A run of Locust that has ended.

    Attributes:
        exit_code: of the process; negative for the signal that ended it.
        stdout, stderr: all that it printed.
        prefix: of the CSV set, where one was asked for.
    """

    exit_code: int
    stdout: str
    stderr: str
    prefix: Path

    def __str__(self) -> str:
        return f"exit {self.exit_code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"

    def __repr__(self) -> str:
        return f"<Run {self.prefix.parent.name}, exit {self.exit_code}>"

    def ended_with(self, code: int) -> Run:
        """Fail, with all that was printed, unless it ended with this exit code and cleanly."""
        assert self.exit_code == code, str(self)
        assert "Traceback" not in self.stdout + self.stderr, str(self)
        return self

    @cached_property
    def rows(self) -> dict[Row, dict[str, str]]:
        """The CSV's rows of statistics, without the total."""
        rows = _read_csv(Path(f"{self.prefix}_stats.csv"))
        return {(row["Type"], row["Name"]): row for row in rows if row["Name"] != "Aggregated"}

    def count(self, kind: str, name: str = NAME) -> int:
        """Return how many requests a row of the CSV has; 0 without such a row."""
        return int(self.rows.get((kind, name), {}).get("Request Count", 0))

    def knows_of(self, upgrades: int, users: int) -> bool:
        """Say whether the connections that a server has counted are those of the CSV.

        A stop may cut off an attempt that the server has already counted: one for each user.
        """
        return self.count("UPGRADE") <= upgrades <= self.count("UPGRADE") + users

    def failures(self, kind: str, name: str = NAME) -> int:
        """Return how many requests of a row of the CSV failed; 0 without such a row."""
        return int(self.rows.get((kind, name), {}).get("Failure Count", 0))

    @cached_property
    def errors(self) -> dict[tuple[str, str], int]:
        """The CSV's failures, counted by type and class."""
        counts = {}
        for row in _read_csv(Path(f"{self.prefix}_failures.csv")):
            # Locust writes an exception's repr
            name = row["Error"].removeprefix("Failure('").removesuffix("')")
            counts[row["Method"], name] = int(row["Occurrences"])
        return counts

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The content of the results file."""
        facts: dict[str, Any] = json.loads(Path(f"{self.prefix}_results.json").read_text("utf-8"))
        return facts

    @cached_property
    def markdown(self) -> str:
        """The written report."""
        return Path(f"{self.prefix}_report.md").read_text("utf-8")

    @property
    def printed(self) -> str:
        """What was printed, in one line: a sentence may be broken anywhere."""
        return " ".join(self.stdout.split())

    @property
    def verdict(self) -> str:
        """The last line that was printed."""
        return self.stdout.rstrip().rpartition("\n")[2]

    @property
    def complaints(self) -> list[str]:
        """The lines on stderr that are not Locust's own line about its start."""
        return [line for line in self.stderr.splitlines() if "Starting Locust" not in line]

    def report(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run ``openclaw-locust report`` on the CSV set."""
        command = [sys.executable, "-m", "openclaw_locust.cli", "report", str(self.prefix)]
        return subprocess.run(
            [*command, *options],
            env=_environment({}),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    @cached_property
    def report_json(self) -> dict[str, Any]:
        """What ``openclaw-locust report --json`` prints."""
        found: dict[str, Any] = json.loads(self.report("--json", "--no-write").stdout)
        return found


class RunningLocust:
    """A Locust process that runs."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.folder = folder

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return (self.folder / "stdout").read_text("utf-8", "replace")

    @property
    def stderr(self) -> str:
        """What it has printed to stderr so far."""
        return (self.folder / "stderr").read_text("utf-8", "replace")

    def send(self, signal_number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(signal_number)

    def wait_for(self, condition: Callable[[], object], limit_s: float = LIMIT_S / 2) -> None:
        """Wait until the condition holds; fail when the process ends or the time is up."""
        deadline = time.monotonic() + limit_s
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"it did not come about\n{self._ended()}")
            time.sleep(0.02)

    def wait(self, limit_s: float = LIMIT_S) -> Run:
        """Return the run when the process has ended; fail when it does not."""
        try:
            self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # faulthandler prints the stacks
            self.process.wait()
            raise AssertionError(f"no end within {limit_s} s\n{self._ended()}") from None
        return self._ended()

    def _ended(self) -> Run:
        code = self.process.poll()
        return Run(code if code is not None else 0, self.stdout, self.stderr, self.folder / "run")


@contextmanager
def start(
    folder: Path,
    *args: Argument,
    file: Path = RATING,
    headless: bool = True,
    csv: bool = True,
    merged: bool = False,
    env: Mapping[str, str] | None = None,
    new_session: bool = False,
) -> Iterator[RunningLocust]:
    """Start Locust in ``folder``; it is gone when the block ends.

    Args:
        folder: where it runs and writes; made when it is not there. Nobody's ``locust.conf`` or
            variables reach it.
        args: its options beside those that follow here.
        file: the locustfile.
        headless: without the web UI.
        csv: write the CSV set and the report, with the prefix ``run``.
        merged: let stderr go to stdout, as on a terminal.
        env: variables on top.
        new_session: in a process group of its own, so that a signal can go to all of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # `env` because SIGINT may be ignored here, and a child inherits that
    command = ["env", "--default-signal=INT,TERM", sys.executable, "-m", "locust", "-f", str(file)]
    command += ["--headless"] * headless + ["--csv", "run"] * csv + [str(arg) for arg in args]
    # files and not pipes: a pipe that nobody reads would stop the process when it is full
    with (folder / "stdout").open("w") as out, (folder / "stderr").open("w") as err:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment({"HOME": str(folder), **(env or {})}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT if merged else err,
            text=True,
            start_new_session=new_session,
        )
    try:
        yield RunningLocust(process, folder)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def run(folder: Path, *args: Argument, **how: Any) -> Run:
    """Run Locust to its end; ``args`` and ``how`` as for :func:`start`."""
    with start(folder, *args, **how) as running:
        return running.wait()


def run_all(
    folder: Path,
    cases: Mapping[str, Sequence[Argument]],
    how: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Run]:
    """Run Locust once for each case, some at the same time: most of a run is waiting.

    Args:
        folder: each case has a folder of its name in it.
        cases: the options by name.
        how: for some names, keywords of :func:`start`.
    """

    def run_case(name: str) -> Run:
        return run(folder / name, *cases[name], **(how or {}).get(name, {}))

    with ThreadPoolExecutor(AT_ONE_TIME) as pool:
        return dict(zip(cases, pool.map(run_case, cases), strict=True))


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _environment(changes: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LOCUST_") and not name.lower().endswith("_proxy")
    }
    # 160 columns, so that no sentence is broken
    return {**kept, "COLUMNS": "160", "PYTHONFAULTHANDLER": "1", **changes}


def _read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
