"""A Python 2.7 with the Autobahn testsuite in it, in a folder ``.venv`` beside this file."""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path

from tests.conformance.problem import Problem

HERE = Path(__file__).resolve().parent
FOLDER = HERE / ".venv"
REQUIREMENTS = HERE / "requirements.txt"
VIRTUALENV = (
    "virtualenv==20.21.1"  # the last ones that make environments for Python 2.7 are < 20.22
)
_INSTALL_DEADLINE_S = 600.0
_PROBE_DEADLINE_S = 20.0


def find_python() -> Path | None:
    """Return a Python 2.7: pyenv's, whichever version pyenv has selected, or the one on PATH."""
    for candidate in _candidates():
        if _says([candidate, "-c", "import sys; print(sys.version_info[:2])"]) == "(2, 7)":
            return candidate
    return None


def _candidates() -> Iterator[Path]:
    roots = [os.environ.get("PYENV_ROOT"), _says(["pyenv", "root"]), "~/.pyenv"]
    for root in filter(None, roots):
        versions = Path(root).expanduser() / "versions"
        yield from sorted(versions.glob("2.7*/bin/python2.7"), reverse=True)
    for name in ("python2.7", "python2"):
        if found := shutil.which(name):
            yield Path(found)


def _says(command: list[str | Path]) -> str | None:
    """Return what a command prints; None when it is not there, fails or says nothing in time."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=_PROBE_DEADLINE_S
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def ready_python(python: Path) -> Path:
    """Return the interpreter of the environment, which is made with ``python`` if need be.

    Raises:
        Problem: it cannot be made.
    """
    made, stamp = FOLDER / "python2.7", FOLDER / "installed.txt"
    interpreter = made / "bin" / "python"
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    if interpreter.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return interpreter
    print(f"Installing the Autobahn testsuite for {python} into {FOLDER} ...", flush=True)
    shutil.rmtree(FOLDER, ignore_errors=True)  # a half-made one cannot be mended
    tools = FOLDER / "tools"
    venv.create(tools, with_pip=True)
    _install(tools / "bin" / "python", VIRTUALENV)
    _run([tools / "bin" / "virtualenv", "--quiet", "--no-download", "--python", python, made])
    _install(interpreter, "--no-deps", "--requirement", REQUIREMENTS)
    stamp.write_text(wanted, encoding="utf-8")
    return interpreter


def _install(interpreter: Path, *what: str | Path) -> None:
    _run([interpreter, "-m", "pip", "install", "--disable-pip-version-check", *what])


def _run(command: list[str | Path]) -> None:
    log = FOLDER / "install.log"
    with log.open("a", encoding="utf-8") as output:
        try:
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=True,
                timeout=_INSTALL_DEADLINE_S,
            )
        except (OSError, subprocess.SubprocessError):
            raise Problem(
                f"the Autobahn testsuite could not be installed; {log} says why (it needs the "
                "package index, and a C compiler for Python 2.7's wsaccel)"
            ) from None
