"""``openclaw-locust report`` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from openclaw_locust.cli import main
from openclaw_locust.results import RunFacts
from tests.report.report_sets import STATS_HEADER, as_csv, stats_row, write_set

PASSED = stats_row()
CROSSED = stats_row(p95=612, p99=700, maximum=900)


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Report = Callable[..., Done]


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Report:
    """Run the command in this process: a traceback would be the test's own failure."""

    def run(*args: str, cwd: Path | None = None) -> Done:
        if cwd:
            monkeypatch.chdir(cwd)
        code = main(["report", *args])
        return Done(code, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("row", "code", "word"),
    [
        (PASSED, 0, "PASSED (exit 0)"),
        (CROSSED, 99, "FAILED (exit 99)"),
        (stats_row(count=5, failures=5), 1, "FAILED (exit 1): nothing was measured"),
    ],
)
def test_the_exit_code_is_the_verdict_s(
    report: Report, tmp_path: Path, row: list[object], code: int, word: str
) -> None:
    failures = (("ACK", "OpenClawRating", "x", 5),) if row[3] else ()
    done = report(write_set(tmp_path, row, failures=failures))
    assert done.returncode == code
    assert done.stdout.splitlines()[-1].startswith(word)
    assert done.stderr == ""
    assert word in (tmp_path / "run_report.md").read_text("utf-8")


@pytest.mark.parametrize(
    "suffix", ["", "_", "_stats.csv", "_failures.csv", "_exceptions.csv", "_report.md", ".hlog"]
)
def test_the_prefix_or_any_file_of_the_set_names_the_run(
    report: Report, tmp_path: Path, suffix: str
) -> None:
    write_set(tmp_path, PASSED)
    assert report(f"run{suffix}", cwd=tmp_path).returncode == 0
    assert (tmp_path / "run_report.md").exists()


def test_a_prefix_that_ends_with_an_underscore_is_found(report: Report, tmp_path: Path) -> None:
    write_set(tmp_path, PASSED, name="my_")
    assert report("my_", cwd=tmp_path).returncode == 0
    assert (tmp_path / "my__report.md").exists()


def test_json_is_the_only_thing_on_stdout(report: Report, tmp_path: Path) -> None:
    prefix = write_set(tmp_path, CROSSED)
    Path(f"{prefix}_exceptions.csv").unlink()
    done = report(prefix, "--json")
    assert json.loads(done.stdout)["verdict"]["exit_code"] == done.returncode == 99
    assert done.stderr.splitlines() == [
        f"openclaw-locust report: {prefix}_exceptions.csv: is missing"
    ]


def test_no_write_writes_nothing(report: Report, tmp_path: Path) -> None:
    before = write_set(tmp_path, PASSED)
    assert report(before, "--no-write").returncode == 0
    assert not (tmp_path / "run_report.md").exists()


def test_a_run_of_headers_only_is_an_empty_run(report: Report, tmp_path: Path) -> None:
    prefix = write_set(tmp_path, PASSED)
    Path(f"{prefix}_stats.csv").write_bytes(as_csv(STATS_HEADER, []))
    done = report(prefix)
    assert done.returncode == 1
    assert "No request was recorded." in done.stdout
    assert "nothing was measured" in done.stdout.splitlines()[-1]


def test_empty_files_are_an_empty_run_with_a_line_for_each(report: Report, tmp_path: Path) -> None:
    for name in ("stats", "failures", "exceptions"):
        (tmp_path / f"run_{name}.csv").write_bytes(b"")
    done = report("run", cwd=tmp_path)
    assert done.returncode == 1
    for name in ("stats", "failures", "exceptions"):
        assert f"run_{name}.csv: is empty" in done.stdout


@pytest.mark.parametrize("name", ["stats", "failures", "exceptions"])
def test_a_missing_file_is_named_and_the_rest_is_reported(
    report: Report, tmp_path: Path, name: str
) -> None:
    write_set(tmp_path, PASSED)
    (tmp_path / f"run_{name}.csv").unlink()
    done = report("run", cwd=tmp_path)
    assert done.returncode == (1 if name == "stats" else 0)
    assert f"run_{name}.csv: is missing" in done.stdout


def test_failures_that_the_table_of_failures_does_not_tell_of_are_named(
    report: Report, tmp_path: Path
) -> None:
    prefix = write_set(tmp_path, stats_row(failures=5), failures=(("ACK", "x", "boom", 3),))
    done = report(prefix)
    assert "5 requests failed, but the failures table tells of 3" in " ".join(done.stdout.split())
    assert done.returncode == 0


def test_a_broken_results_file_is_named_and_the_figures_are_reported(
    report: Report, tmp_path: Path
) -> None:
    write_set(tmp_path, PASSED)
    (tmp_path / "run_results.json").write_text('{"schema": ')
    done = report("run", cwd=tmp_path)
    assert done.returncode == 0
    assert "run_results.json is no JSON" in done.stdout


def test_the_facts_beside_the_files_are_used(report: Report, tmp_path: Path) -> None:
    prefix = write_set(tmp_path, PASSED)
    RunFacts("wss://x/rating", notes=("no TLS",), failure="a worker was lost").write(prefix)
    done = report(prefix)
    assert done.returncode == 1
    assert "! no TLS" in done.stdout
    assert done.stdout.splitlines()[-1] == "FAILED (exit 1): a worker was lost"


def refused(done: Done) -> str:
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr.removeprefix("openclaw-locust report: ").strip()


def test_a_prefix_without_files_is_refused_with_the_runs_that_there_are(
    report: Report, tmp_path: Path
) -> None:
    write_set(tmp_path, PASSED, name="monday")
    assert refused(report("sunday", cwd=tmp_path)) == (
        "there is no sunday_stats.csv; newest first there are: monday"
    )


def test_a_folder_is_refused_with_the_runs_in_it(report: Report, tmp_path: Path) -> None:
    write_set(tmp_path, PASSED, name="monday")
    assert refused(report(".", cwd=tmp_path)) == (
        ". is a folder; name the run in it; newest first there are: monday"
    )


def test_a_folder_without_a_run_says_how_one_is_made(report: Report, tmp_path: Path) -> None:
    assert "holds no run; locust --csv PREFIX writes one" in refused(report(str(tmp_path)))


def test_a_folder_that_does_not_exist_is_named(report: Report, tmp_path: Path) -> None:
    assert refused(report("repots/run", cwd=tmp_path)) == "there is no folder repots"


@pytest.mark.parametrize("prefix", ["", "x" * 5000, "a\nb\x1b[2J"])
def test_a_senseless_prefix_is_refused_with_one_line(
    report: Report, tmp_path: Path, prefix: str
) -> None:
    assert "\x1b" not in refused(report(prefix, cwd=tmp_path))


def test_files_of_which_none_can_be_used_are_refused(report: Report, tmp_path: Path) -> None:
    for name in ("stats", "failures", "exceptions"):
        (tmp_path / f"run_{name}.csv").write_text("a,b\n1,2\n")
    assert refused(report("run", cwd=tmp_path)).startswith("nothing can be read: run_stats.csv")


def test_without_a_place_for_the_markdown_the_report_is_still_printed(
    report: Report, tmp_path: Path
) -> None:
    # a folder in its place; a read-only one does not stop a test that runs as root
    prefix = write_set(tmp_path, PASSED)
    (tmp_path / "run_report.md").mkdir()
    done = report(prefix)
    assert done.returncode == 0
    assert "PASSED" in done.stdout
    assert f"{prefix}_report.md cannot be written" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_reader_that_goes_away_leaves_no_traceback_and_the_verdict_s_code(
    tmp_path: Path, options: list[str]
) -> None:
    prefix = write_set(tmp_path, CROSSED)
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-m", "openclaw_locust.cli", "report", prefix, *options]
    with os.fdopen(write_end, "w") as gone:
        done = subprocess.run(
            command,
            stdout=gone,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN),
        )
    assert (done.returncode, done.stderr) == (99, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    prefix = write_set(tmp_path, PASSED)
    command = [sys.executable, "-m", "openclaw_locust.cli", "report", prefix]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "openclaw-locust report: cannot write to the standard output (No space left on device)"
    ]


def test_the_command_needs_neither_locust_nor_gevent(tmp_path: Path) -> None:
    prefix = write_set(tmp_path, PASSED)
    code = (
        "import sys; from openclaw_locust.cli import main; "
        f"main(['report', {prefix!r}, '--json']); "
        "print([name for name in ('locust', 'gevent') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
