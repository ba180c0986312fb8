"""The client against the Autobahn testsuite's fuzzing server, without TLS and with it.

    python -m tests.conformance.run [--update]

Prints a table for each and every case that is not OK. The exit code is 0 when no case failed, 1
when one did or is missing, and 2 when the testsuite cannot be had. The testsuite's own reports are
in ``reports/conformance``.
"""

from __future__ import annotations

import argparse
import platform
import signal
import sys
import time
from importlib.metadata import version
from pathlib import Path
from types import FrameType

from openclaw_locust import __version__
from openclaw_locust.failures import Failure
from openclaw_locust.wire.tcp import TimedOut
from tests.conformance.client import AGENT, Fuzzer
from tests.conformance.fuzzing_server import Scheme, fuzzing_server
from tests.conformance.outcomes import Outcome, is_success, read_outcomes
from tests.conformance.problem import Problem
from tests.conformance.summary import Versions, document, exception_table, section_table
from tests.conformance.wstest import Wstest, find_wstest

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "reports" / "conformance"
DOCUMENT = ROOT / "docs" / "conformance.md"
SCHEMES: tuple[Scheme, ...] = ("ws", "wss")
_CASE_LIMIT_S = 60.0
_RUN_LIMIT_S = 900.0  # of one scheme; a healthy run takes half a minute


def main() -> int:
    """Run the testsuite and return the exit code."""
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help=f"write {DOCUMENT.relative_to(ROOT)}")
    update: bool = parser.parse_args().update
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)  # so that the server is stopped on the way out
    by_scheme: dict[str, list[Outcome]] = {}
    try:
        wstest = find_wstest()
        for scheme in SCHEMES:
            by_scheme[scheme], testsuite = _run(wstest, scheme)
            _show(scheme, testsuite, by_scheme[scheme])
    except Problem as problem:
        print(f"conformance: {problem}", file=sys.stderr)
        return 2
    if update:
        used = Versions(
            __version__, testsuite, platform.python_version(), version("websocket-client")
        )
        DOCUMENT.write_text(document(used, by_scheme), encoding="utf-8")
    return 0 if all(map(is_success, by_scheme.values())) else 1


def _run(wstest: Wstest, scheme: Scheme) -> tuple[list[Outcome], str]:
    """Return the outcomes of all cases, and the testsuite's version."""
    limit_s = _RUN_LIMIT_S + 120.0  # the reports take their time, too
    with fuzzing_server(wstest, scheme, REPORTS / scheme, limit_s) as server:
        print(f"Playing against autobahntestsuite {server.version} over {scheme} ...", flush=True)
        ended = _play_all(server.fuzzer)
        return read_outcomes(server.index, AGENT, ended), server.version


def _play_all(fuzzer: Fuzzer) -> dict[str, str]:
    """Go through all cases and let the reports be written; return how each case ended.

    A server that fails us leaves the rest of its cases missing.
    """
    ended: dict[str, str] = {}
    deadline = time.monotonic() + _RUN_LIMIT_S
    try:
        cases = fuzzer.cases()
        ended = dict.fromkeys((case.name for case in cases), "not played")
        for case in cases:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                print(
                    f"conformance: stopped before case {case.name}: {_RUN_LIMIT_S:.0f} s are over"
                )
                break
            ended[case.name] = fuzzer.play(case, min(left_s, _CASE_LIMIT_S))
            fuzzer.wait_judged(case)
        fuzzer.write_reports()
    except TimedOut:
        print("conformance: the fuzzing server did not answer in time")
    except Failure as failure:
        print(f"conformance: the fuzzing server failed: {failure} {failure.detail}")
    return ended


def _show(scheme: str, testsuite: str, outcomes: list[Outcome]) -> None:
    print(f"\nopenclaw-locust {__version__} over {scheme}, autobahntestsuite {testsuite}\n")
    print(*section_table(outcomes), sep="\n")
    if exceptions := exception_table(outcomes):
        print("", *exceptions, sep="\n")
    sys.stdout.flush()


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
