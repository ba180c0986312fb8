"""The testee: it echoes each message, over the connection that the product itself uses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from openclaw_locust.failures import Failure
from openclaw_locust.settings import read_settings
from openclaw_locust.wire.connection import Clock, Endpoint, connect
from openclaw_locust.wire.tcp import TimedOut, now_ns
from openclaw_locust.wire.websocket import WebSocket
from openclaw_locust.workload import Workload

AGENT = "openclaw-locust"
_LARGEST_MESSAGE = "16MiB"  # of cases 9.1.6 and 9.2.6
_ANSWER_DEADLINE_S = 20.0
_REPORT_DEADLINE_S = 120.0  # the testsuite writes some 600 files


@dataclass(frozen=True, slots=True)
class Case:
    """One case of the testsuite: its place in this run, from 1, and its name like ``9.1.6``."""

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class Fuzzer:
    """The client's side of a fuzzing server.

    Attributes:
        url: the server's target URL, without a path.
        ca: what a client needs to trust it; None without TLS.
    """

    url: str
    ca: Path | None

    def count(self) -> int:
        """Return how many cases the server has been told to try.

        Raises:
            Failure, TimedOut: the server cannot be asked.
        """
        return int(self._ask("getCaseCount"))

    def cases(self) -> list[Case]:
        """Return these cases, in their order.

        Raises:
            Failure, TimedOut: the server cannot be asked.
        """
        numbers = range(1, self.count() + 1)
        return [Case(number, self._ask("getCaseInfo", case=number)["id"]) for number in numbers]

    def play(self, case: Case, limit_s: float) -> str:
        """Echo through one case until its connection ends.

        Args:
            case: the case.
            limit_s: when the client gives it up.

        Returns:
            How the connection ended, in the product's words: its class and what was seen.
        """
        deadline_ns = _soon(limit_s)
        try:
            websocket = self._open("runCase", case=case.number, agent=AGENT)
        except Failure as failure:
            return _words(failure)
        try:
            while True:
                message = websocket.receive(deadline_ns)
                websocket.send(message.payload, deadline_ns, message.opcode)
        except TimedOut:
            return f"given up after {limit_s:.0f} s"
        except Failure as failure:
            return _words(failure)
        finally:
            websocket.abort()

    def wait_judged(self, case: Case) -> None:
        """Return when the server has judged a case that has been played.

        Raises:
            Failure, TimedOut: it does not.
        """
        self._ask("getCaseStatus", case=case.number, agent=AGENT)

    def write_reports(self) -> None:
        """Let the server write its reports, and return when it has.

        Raises:
            TimedOut: it takes too long.
            Failure: it cannot be asked, or ends other than after its work.
        """
        websocket = self._open("updateReports", agent=AGENT)
        try:
            websocket.receive(_soon(_REPORT_DEADLINE_S))
        except Failure as failure:
            if failure.kind.name not in ("ws.close.normal", "ws.close.no_status"):
                raise
        finally:
            websocket.abort()

    def _ask(self, path: str, **query: object) -> Any:
        websocket = self._open(path, **query)
        try:
            answer = json.loads(websocket.receive(_soon(_ANSWER_DEADLINE_S)).payload)
            websocket.close(1000, _soon(_ANSWER_DEADLINE_S))
        finally:
            websocket.abort()
        return answer

    def _open(self, path: str, **query: object) -> WebSocket:
        return connect(self._endpoint(f"{self.url}/{path}?{urlencode(query)}"), 0, Clock())

    def _endpoint(self, url: str) -> Endpoint:
        options = {"max_message": _LARGEST_MESSAGE, "tls_ca": str(self.ca or "")}
        return Workload(read_settings(options, url)).endpoint


def _soon(seconds: float) -> int:
    return now_ns() + int(seconds * 1e9)


def _words(failure: Failure) -> str:
    return f"{failure.kind.name}: {failure.detail}" if failure.detail else failure.kind.name
