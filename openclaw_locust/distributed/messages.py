"""What master and workers tell each other beside Locust's own messages; no I/O, no Locust.

All are plain dicts of texts and numbers, because Locust packs them with msgpack.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

DRAIN = "openclaw_drain"
"""Master to worker: stop your users, send your last report, then your last word."""

RESET = "openclaw_reset"
"""Master to worker: begin your records anew, as Locust's statistics do."""

LAST_WORD = "openclaw_last_word"
"""Worker to master: all that I have measured is with you; this is how much it was."""

REFUSED = "openclaw_refused"
"""Worker to master: I cannot run with these options on my machine."""

CLOCK = "openclaw_clock"
"""Worker to master: what time is it with you; and back, with the time."""

PACE = "openclaw_pace"
"""Master to worker: the part of the schedule that is yours from a time on (:class:`Pace`)."""

REPORT_KEY = "openclaw"
"""Where a :class:`ReportMark` stands in a report of Locust's."""

RUN_OPTION = "openclaw_run"
"""The run's id among the options that Locust sends to its workers with each order to spawn."""

HOST_OPTION = "openclaw_host"
"""The target with its secrets, where Locust's own host is masked."""

WORKERS_OPTION = "openclaw_workers"
"""How many workers there were at the start, so that user numbers can be interleaved."""


ZERO_OPTION = "openclaw_zero"
"""The run's begin on the master's clocks: ``perf_counter_ns``, and ``time_ns`` where only that
helps."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A worker's part of the open model's schedule.

    Attributes:
        run: the run's id.
        begin_s: when the schedule begins, in seconds since the run's begin.
        at_s: from which time of the schedule on this part is the worker's.
        index, count: the part; an index below 0 is none.
    """

    run: str
    begin_s: float
    at_s: float
    index: int
    count: int


@dataclass(frozen=True, slots=True)
class ReportMark:
    """What is added to each report of a worker.

    Attributes:
        run: the run's id.
        requests: how many requests the worker has reported in this run, this report included.
        records: the worker's own records so far (`measure.records.Records.to_plain`).
        series: what it recorded since its last report (`measure.recorder.Increments.to_plain`).
        generator: how the worker itself fares (`measure.generator.GeneratorSummary.to_plain`).
        clock: how its seconds were aligned with the master's: the largest error in ms, below 0
            where the two machines' own clocks had to be believed.
    """

    run: str
    requests: int
    records: dict[str, Any]
    series: list[Any]
    generator: dict[str, Any]
    clock: float

    def to_plain(self) -> dict[str, Any]:
        """Return what travels."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Any) -> ReportMark | None:
        """Return the mark, or None where there is none: a worker without this plugin."""
        if not isinstance(plain, dict):
            return None
        try:
            return cls(**plain)
        except TypeError:
            return None


def worker_name(worker_id: str, index: int) -> str:
    """Return a worker for people: its host's name and its index; the rest of its id is random."""
    return f"{worker_id.rpartition('_')[0] or worker_id} (index {index})"
