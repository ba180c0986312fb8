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

REPORT_KEY = "openclaw"
"""Where a :class:`ReportMark` stands in a report of Locust's."""

RUN_OPTION = "openclaw_run"
"""The run's id among the options that Locust sends to its workers with each order to spawn."""

HOST_OPTION = "openclaw_host"
"""The target with its secrets, where Locust's own host is masked."""

WORKERS_OPTION = "openclaw_workers"
"""How many workers there were at the start, so that user numbers can be interleaved."""


@dataclass(frozen=True, slots=True)
class ReportMark:
    """What is added to each report of a worker.

    Attributes:
        run: the run's id.
        number: of this report in this run, from 1.
        requests: how many requests the worker has reported in this run, this report included.
        records: the worker's own records so far (`measure.records.Records.to_plain`).
    """

    run: str
    number: int
    requests: int
    records: dict[str, Any]

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
