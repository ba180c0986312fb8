"""What breaks into a run: it ends soon, what it measured is kept, and nobody takes it for whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from tests.embedded import Served
from tests.locust_run import RATING, Argument, Run, RunningLocust, free_port, run_all, start

END_S = 20.0
"""The longest that an end may take: no ack here takes long."""

SHORT: tuple[Argument, ...] = ("-u", 2, "-r", 2, "-t", "2s")

EARLY: dict[str, tuple[signal.Signals, tuple[Argument, ...], str]] = {
    # name: the signal, the options, and what the verdict must hold
    "run-time": (signal.SIGINT, ("-u", 4, "-r", 50, "-t", "60s"), " of the 60 s that were asked"),
    "terminated": (signal.SIGTERM, ("-u", 4, "-r", 50, "-t", "60s"), " of the 60 s that were aske"),
    "stages": (signal.SIGINT, ("--stages", "0s:4,30s:4"), " of the 30 s that were asked for"),
    # Locust itself does not hear a SIGTERM while a load shape runs without the web UI
    "terminated-stages": (signal.SIGTERM, ("--stages", "0s:4,30s:4"), " of the 30 s that were"),
    "arrivals": (
        signal.SIGTERM,
        ("-u", 4, "-r", 50, "--arrival-stages", "30s:20"),
        " s that were asked for",
    ),
    "spawning": (signal.SIGINT, ("-u", 50, "-r", 1), ", before all users were spawned"),
}

SPAWNED = "spawning_complete"

EATING = """
from locust import events

from openclaw_locust import RatingUser

HELD = []


class OpenClawRating(RatingUser):
    pass


@events.{event}.add_listener
def eat_descriptors(**_):
    try:
        while True:
            HELD.append(open("/dev/null"))
    except OSError:
        pass
"""

FULL = """
import resource

from openclaw_locust import RatingUser

resource.setrlimit(resource.RLIMIT_FSIZE, (0, -1))


class OpenClawRating(RatingUser):
    pass
"""

FILLING = """
import resource

from locust import events

from openclaw_locust import RatingUser


class OpenClawRating(RatingUser):
    pass


@events.spawning_complete.add_listener
def fill_the_disk(**_):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, -1))
"""

MOVING = """
import os

from locust import events

from openclaw_locust import RatingUser


class OpenClawRating(RatingUser):
    pass


@events.spawning_complete.add_listener
def take_the_folder_away(**_):
    os.rename("reports", "elsewhere")
"""


def to(server: Served) -> tuple[Argument, ...]:
    assert server.ca
    return ("--host", server.url, "--tls-ca", server.ca)


def with_limit(number: int) -> str:
    """Return the lines of a locustfile that leave its process so many descriptors."""
    limit = f"resource.setrlimit(resource.RLIMIT_NOFILE, ({number}, {number}))"
    return f"import resource\n\n{limit}\n"


def locustfile(folder: Path, text: str) -> Path:
    file = folder / "locustfile.py"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


# -- signals -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def early(served: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Runs that a signal ended, some at the same time."""
    folder = tmp_path_factory.mktemp("early")

    def end(name: str) -> Run:
        number, options, _ = EARLY[name]
        with start(folder / name, *to(served), *options) as running:
            running.wait_for(lambda: acks(running))
            running.send(number)
            return running.wait(END_S)

    with ThreadPoolExecutor(3) as pool:
        return dict(zip(EARLY, pool.map(end, EARLY), strict=True))


def acks(running: RunningLocust) -> bool:
    """Whether Locust has printed a table with an ack in it."""
    rows = [line.split() for line in running.stderr.splitlines() if line.startswith("ACK ")]
    return any(int(row[2]) for row in rows)


@pytest.mark.parametrize("name", EARLY)
def test_a_run_that_a_signal_ends_before_its_time_is_incomplete(
    early: dict[str, Run], name: str
) -> None:
    found = early[name].ended_with(98)
    number, _, words = EARLY[name]
    assert found.verdict.startswith(f"INCOMPLETE (exit 98): ended by {number.name} after ")
    assert words in found.verdict
    assert found.facts["incomplete"]
    assert found.count("ACK") > 0, "what was measured is kept"
    assert found.report_json["verdict"]["exit_code"] == 98


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_master_that_waits_for_workers_ends_at_a_signal_and_says_that_nothing_ran(
    served: Served, tmp_path: Path, number: signal.Signals
) -> None:
    port = free_port()
    place = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", 2)
    to_it = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    with (
        start(tmp_path / "master", "--master", *place, *to(served)) as master,
        start(tmp_path / "worker", *to_it, headless=False, csv=False) as worker,
    ):
        master.wait_for(lambda: "1 workers connected" in master.stderr)
        master.send(number)
        ended = master.wait(END_S).ended_with(130)
        worker.wait(END_S).ended_with(0)
    assert f"ended by {number.name} before the run began" in ended.stderr


# -- files and descriptors -----------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A run that ends by itself, and what is done to it.

    Attributes:
        options: beside the target and a short time.
        text: of its locustfile; empty: the usual one.
        csv: whether the CSV set goes where the tests look for it.
    """

    options: tuple[Argument, ...] = ()
    text: str = ""
    csv: bool = True


CASES = {
    "full-from-the-start": Case(),
    "moved": Case(("--csv", "reports/run"), MOVING, csv=False),
    "html": Case(("--html", "/dev/full")),
    "too-many-users": Case(("-u", 100), with_limit(64) + EATING.format(event="quit")),
    "few-users": Case(("-u", 5, "-r", 5), with_limit(64) + EATING.format(event="quit")),
    "eaten": Case(
        ("-u", 4, "-t", "5s"), with_limit(128) + EATING.format(event="spawning_complete")
    ),
    "eaten-at-the-end": Case((), with_limit(128) + EATING.format(event="test_stop")),
}


@pytest.fixture(scope="module")
def runs(served: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """All cases, some at the same time."""
    folder = tmp_path_factory.mktemp("interrupted")
    files = {name: locustfile(folder / name, case.text) for name, case in CASES.items()}
    (folder / "full-from-the-start" / "run_stats.csv").symlink_to("/dev/full")
    return run_all(
        folder,
        {name: (*to(served), *SHORT, *case.options) for name, case in CASES.items()},
        {n: {"file": files[n] if c.text else RATING, "csv": c.csv} for n, c in CASES.items()},
    )


def test_a_disk_that_is_full_from_the_start_costs_the_file_and_not_the_run(
    runs: dict[str, Run],
) -> None:
    found = runs["full-from-the-start"].ended_with(98)
    assert found.verdict == (
        "INCOMPLETE (exit 98): run_stats.csv is cut, it could not be written: "
        "No space left on device"
    )
    (line,) = (line for line in found.complaints if "could not" in line)
    assert line.endswith("No space left on device; the run goes on")
    assert "ACK OpenClawRating" in found.printed
    assert found.facts["incomplete"], "the files that can be written say the same"
    assert "INCOMPLETE" in found.markdown


def test_a_disk_that_fills_up_costs_the_files_and_not_the_run(
    served: Served, tmp_path: Path
) -> None:
    """No file of the process may grow any more, so that its outputs are pipes here."""
    for stale in ("run_results.json", "run_report.md"):
        (tmp_path / stale).write_text("of an earlier run")
    with popen(tmp_path, *to(served), *SHORT, file=locustfile(tmp_path, FILLING)) as process:
        stdout, stderr = process.communicate(timeout=END_S)
    found = Run(process.returncode, stdout, stderr, tmp_path / "run").ended_with(98)
    assert found.verdict.startswith("INCOMPLETE (exit 98): ")
    for name in ("run_results.json", "run_report.md", "run.hlog"):
        assert f"{name} is missing, it could not be written: File too large" in found.printed
        assert not (tmp_path / name).exists(), "none is better than one of an earlier run"
    assert "run_stats.csv is cut, it could not be written: File too large" in found.printed
    assert "ACK OpenClawRating" in found.printed


def test_a_folder_that_goes_away_costs_the_report_s_files_and_not_the_run(
    runs: dict[str, Run],
) -> None:
    found = runs["moved"].ended_with(98)
    assert "reports/run_results.json is missing, it could not be written: " in found.verdict
    assert "ACK OpenClawRating" in found.printed


def test_a_path_that_cannot_be_written_is_refused_in_one_line_before_the_run(
    tmp_path: Path,
) -> None:
    (tmp_path / "a-file").touch()
    places = {"below-a-file": tmp_path / "a-file" / "run", "nowhere": Path("/proc/nowhere/run")}
    wrong = {
        f"{flag}-{place}": (flag, path)
        for flag in ("--csv", "--html", "--json-file")
        for place, path in places.items()
    }
    cases: dict[str, tuple[Argument, ...]] = {n: ("--demo", *wrong[n]) for n in wrong}
    how: dict[str, dict[str, Any]] = {name: {"csv": False} for name in cases}
    cases["variable"], wrong["variable"] = ("--demo",), ("--csv", places["nowhere"])
    how["variable"] = {"csv": False, "env": {"LOCUST_CSV": str(places["nowhere"])}}
    for name, found in run_all(tmp_path, cases, how).items():
        (line,) = found.ended_with(2).complaints
        flag, path = wrong[name]
        assert line.startswith(f"openclaw_locust: error: {flag} {path} cannot be written: ")
        assert line.endswith("; give another path")


def test_a_disk_that_is_full_before_the_run_is_refused_in_one_line(
    served: Served, tmp_path: Path
) -> None:
    file = locustfile(tmp_path, FULL)
    with popen(tmp_path, *to(served), *SHORT, file=file) as process:
        stdout, stderr = process.communicate(timeout=END_S)
    (line,) = Run(process.returncode, stdout, stderr, tmp_path / "run").ended_with(2).complaints
    assert line.startswith("openclaw_locust: error: --csv run cannot be written: File too large; ")


def test_a_run_whose_html_cannot_be_written_at_its_end_still_has_its_report(
    runs: dict[str, Run],
) -> None:
    """Locust dies of it, with a traceback of its own and before the exit code is chosen."""
    found = runs["html"]
    assert found.exit_code == 1, str(found)
    assert found.stderr.count("Traceback") == 1
    assert "openclaw_locust/" not in found.stderr
    assert found.verdict.startswith("FAILED (exit 1): the process ended before the run was judged")
    assert "ACK OpenClawRating" in found.printed
    assert found.facts["failure"]


def test_users_beyond_ulimit_n_64_are_refused_in_one_line(runs: dict[str, Run]) -> None:
    complaints = runs["too-many-users"].ended_with(2).complaints
    (line,) = (line for line in complaints if line.startswith("openclaw_locust: "))
    assert "100 users in a process need" in line
    assert "and it may have 64" in line


def test_users_within_the_limit_run(runs: dict[str, Run]) -> None:
    found = runs["few-users"].ended_with(0)
    assert found.failures("TLS") == 0
    assert found.count("ACK") > 0


def test_descriptors_that_run_out_make_the_run_invalid(runs: dict[str, Run]) -> None:
    """The users that were spawned first have a connection, the last find no descriptor."""
    found = runs["eaten"].ended_with(98)
    assert found.verdict.startswith("INVALID (exit 98): ")
    assert "(gen.fd_limit)" in found.verdict
    assert found.failures("TLS") > 0
    assert found.count("ACK") > 0
    assert found.markdown


def test_a_process_without_a_descriptor_left_still_writes_its_report(
    runs: dict[str, Run],
) -> None:
    found = runs["eaten-at-the-end"].ended_with(0)
    assert found.facts["incomplete"] == []
    assert found.markdown


# -- outputs that nobody reads -------------------------------------------------------------------


@pytest.mark.parametrize("merged", [False, True])
def test_a_reader_that_goes_away_costs_only_what_it_would_have_read(
    served: Served, tmp_path: Path, merged: bool
) -> None:
    """As ``| head -1`` does, of the report or of everything."""
    with (
        (tmp_path / "stderr").open("w") as file,
        popen(
            tmp_path, *to(served), *SHORT, stderr=subprocess.STDOUT if merged else file
        ) as process,
    ):
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        code = process.wait(END_S)
    found = Run(code, "", (tmp_path / "stderr").read_text(), tmp_path / "run").ended_with(0)
    assert found.count("ACK") > 0
    assert "PASSED" in found.markdown


def test_a_report_that_stdout_does_not_take_goes_to_stderr(served: Served, tmp_path: Path) -> None:
    with (
        Path("/dev/full").open("w") as full,
        popen(tmp_path, *to(served), *SHORT, stdout=full) as process,
    ):
        _, stderr = process.communicate(timeout=END_S)
    found = Run(process.returncode, "", stderr, tmp_path / "run").ended_with(0)
    assert found.stderr.rstrip().rpartition("\n")[2].startswith("PASSED (exit 0): ")
    assert "the report cannot be printed here: No space left on device" in found.stderr


@contextmanager
def popen(
    folder: Path,
    *args: Argument,
    file: Path = RATING,
    stdout: int | IO[str] = subprocess.PIPE,
    stderr: int | IO[str] = subprocess.PIPE,
) -> Iterator[subprocess.Popen[str]]:
    """Start Locust with outputs of the caller's choice; it is gone when the block ends."""
    command = [sys.executable, "-m", "locust", "-f", str(file), "--headless", "--csv", "run"]
    process = subprocess.Popen(
        [*command, *map(str, args)],
        cwd=folder,
        env={**os.environ, "COLUMNS": "160"},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
