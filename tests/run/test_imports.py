"""Who imports what: the command starts without Locust, and nothing is patched behind its back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("locust", "gevent", "pandas", "aiohttp", "uvloop", "cryptography", "flask", "rich")


def imported_by(statements: str, folder: Path) -> set[str]:
    """Return which heavy packages a fresh interpreter has imported after some statements."""
    code = f"{statements}\nimport json, sys\n"
    code += f"print('imported', json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    last = done.stdout.rstrip().rpartition("\n")[2]
    return set(json.loads(last.removeprefix("imported ")))


@pytest.mark.parametrize(
    "module", ["openclaw_locust", "openclaw_locust.cli", "openclaw_locust.failures"]
)
def test_what_anybody_may_import_imports_nothing_heavy(tmp_path: Path, module: str) -> None:
    assert imported_by(f"import {module}", tmp_path) == set()


def test_building_the_command_s_parser_imports_nothing_heavy(tmp_path: Path) -> None:
    code = "from openclaw_locust.cli import build_parser; build_parser()"
    assert imported_by(code, tmp_path) == set()


def test_the_report_needs_neither_locust_nor_gevent_nor_the_server(tmp_path: Path) -> None:
    header = "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,"
    header += "Min Response Time,Max Response Time,Average Content Size,Requests/s,Failures/s,"
    header += "50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%\n"
    (tmp_path / "run_stats.csv").write_text(header)
    code = "from openclaw_locust import cli; cli.main(['report', 'run', '--no-write'])"
    assert imported_by(code, tmp_path) == {"pandas", "rich"}


def test_the_server_needs_neither_locust_nor_gevent_nor_pandas(tmp_path: Path) -> None:
    options = ["serve", "--port", "0", "--no-tls", "--until-eof"]
    # a pipe that is closed already: the server starts, and ends by itself
    code = "import os; r, w = os.pipe(); os.close(w); os.dup2(r, 0)\n"
    code += f"from openclaw_locust import cli; assert cli.main({options!r}) == 0"
    found = imported_by(code, tmp_path)
    assert {"aiohttp", "uvloop"} <= found
    assert not found & {"locust", "gevent", "pandas", "flask"}


def test_the_user_classes_import_locust_and_neither_pandas_nor_the_server(tmp_path: Path) -> None:
    found = imported_by("from openclaw_locust import RatingUser", tmp_path)
    assert {"locust", "gevent"} <= found
    assert not found & {"pandas", "aiohttp", "uvloop", "cryptography", "rich"}
