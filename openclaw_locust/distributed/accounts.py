"""The master's accounts: which worker reported what in this run, and what is missing.

Pure; the reports and the times come in as arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from openclaw_locust.distributed.messages import ReportMark
from openclaw_locust.measure.generator import GeneratorSummary
from openclaw_locust.measure.recorder import Increments
from openclaw_locust.measure.records import Records
from openclaw_locust.measure.series import Series

_TOGETHER_S = 1.0  # a Ctrl-C reaches all processes, and a worker may be the first to end


@dataclass(slots=True)
class WorkerAccount:
    """One worker's part of the run.

    Attributes:
        name: the worker's id and index, for people.
        received: requests in the reports that arrived.
        before_reset: those of them that came before the figures were last reset.
        claimed: requests that the worker says it reported, as of its last report or word.
        last_heard_s: when, on the caller's clock.
        spoken_s: when its last word arrived, on the caller's clock; None: it did not.
        records: the latest records.
        generator: the latest word on how the worker itself fares.
        clock_error_ms: how wrong its seconds can be; below 0: the machines' clocks were believed.
    """

    name: str
    received: int = 0
    before_reset: int = 0
    claimed: int = 0
    last_heard_s: float | None = None
    spoken_s: float | None = None
    records: dict[str, Any] = field(default_factory=dict)
    generator: dict[str, Any] = field(default_factory=dict)
    clock_error_ms: float = 0.0


class Accounts:
    """The accounts of one run.

    Attributes:
        run: the run's id.
        workers: by Locust's id.
        series: what all workers recorded, merged.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self.series = Series()
        self.workers: dict[str, WorkerAccount] = {}

    def expect(self, worker_id: str, name: str) -> WorkerAccount:
        """Open an account for a worker that takes part, if it has none."""
        return self.workers.setdefault(worker_id, WorkerAccount(name))

    def report(
        self, worker_id: str, name: str, mark: ReportMark | None, requests: int, now_s: float
    ) -> bool:
        """Enter one report and say whether it belongs to this run.

        Args:
            worker_id: who sent it.
            name: the worker for people.
            mark: what our worker side added to it.
            requests: the requests in it.
            now_s: the time.
        """
        if mark is None or mark.run != self.run:
            return False
        account = self.expect(worker_id, name)
        account.received += requests
        self._hear(account, worker_id, mark, now_s)
        return True

    def last_word(self, worker_id: str, name: str, mark: ReportMark | None, now_s: float) -> None:
        """Enter a worker's last word. One of another run is no word of this one."""
        if mark is None or mark.run != self.run:
            return
        account = self.expect(worker_id, name)
        account.spoken_s = now_s
        self._hear(account, worker_id, mark, now_s)

    def silent(self) -> list[str]:
        """Return the ids of the workers whose last word has not come."""
        return [worker_id for worker_id, entry in self.workers.items() if entry.spoken_s is None]

    def gaps(self, end_s: float) -> list[str]:
        """Return a line for each worker of which something is missing.

        Args:
            end_s: when the run ended, on the clock of the reports.
        """
        lines = []
        for entry in self.workers.values():
            if entry.spoken_s is None:
                since = "it never reported"
                if entry.last_heard_s is not None:
                    since = (
                        f"its last report came {end_s - entry.last_heard_s:.1f} s before the end"
                    )
                lines.append(
                    f"worker {entry.name} did not answer at the end: {since}, and what it "
                    "measured after that is missing"
                )
            elif entry.received != entry.claimed:
                lines.append(
                    f"worker {entry.name} measured {entry.claimed} requests, and "
                    f"{entry.claimed - entry.received} of them were lost on the way"
                )
            elif end_s - entry.spoken_s > _TOGETHER_S:
                lines.append(
                    f"worker {entry.name} left {end_s - entry.spoken_s:.1f} s before the end: "
                    "what it measured is here, but its load was missing or began anew elsewhere"
                )
        return lines

    def shares(self) -> list[str]:
        """Return a line for each worker's part in the run."""
        return [
            f"worker {entry.name}: {entry.received - entry.before_reset} requests"
            for entry in self.workers.values()
        ]

    def reset(self) -> None:
        """Begin the figures anew, as Locust does at "reset stats"; the counts go on."""
        for entry in self.workers.values():
            entry.before_reset = entry.received
            entry.records = {}
        self.series = Series()

    def records(self) -> Records:
        """Return the records of all workers together."""
        whole = Records()
        for entry in self.workers.values():
            whole.merge(Records.from_plain(entry.records))
        return whole

    def generators(self) -> list[GeneratorSummary]:
        """Return how each worker fared that has said it."""
        heard = (entry.generator for entry in self.workers.values())
        return [GeneratorSummary.from_plain(plain) for plain in heard if plain]

    def clocks(self) -> str:
        """Return in one line how the workers' seconds were aligned; empty without workers."""
        errors = [entry.clock_error_ms for entry in self.workers.values()]
        if not errors:
            return ""
        line = f"workers' seconds are the master's within {max(0.05, *errors):.2g} ms"
        believed = sum(error < 0 for error in errors)
        if believed:
            line += f"; of {believed} as far as the machines' own clocks agree"
        return line

    def _hear(self, account: WorkerAccount, worker_id: str, mark: ReportMark, now_s: float) -> None:
        account.claimed = mark.requests
        account.records = mark.records
        account.generator = mark.generator
        account.clock_error_ms = mark.clock
        account.last_heard_s = now_s
        self.series.add(Increments.from_plain(mark.series), worker_id)
