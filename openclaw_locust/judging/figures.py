"""From a window of the series to rows of figures, and to the ledger of its sends. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from openclaw_locust.judging.checks import RELATIONS
from openclaw_locust.measure import recorder as metrics
from openclaw_locust.measure.histogram import Histogram
from openclaw_locust.measure.series import Window

METRIC_OF = {
    "ACK": metrics.ACK,
    "HANDSHAKE": metrics.HANDSHAKE,
    "HTTP": metrics.HTTP,
    "TLS": metrics.TLS,
    "UPGRADE": metrics.UPGRADE,
}
"""The metric of each request type that has successes; the others hold failures only."""

SENDS = ("ACK", "HANDSHAKE", "HTTP")
"""The request types that have exactly one request for each send of the ledger."""

_PHASES = (
    metrics.DNS,
    metrics.TCP,
    metrics.PROXY,
    metrics.TLS,
    metrics.HELLO,
    metrics.OWN,
    metrics.REST,
    metrics.UPGRADE,
    metrics.CONNECT,
)
_SHARES = (metrics.SERVICE, metrics.LAG)
_FAILED = tuple(metric + metrics.FAILED for metric in METRIC_OF.values())
_PERCENTS = (50.0, 95.0, 99.0, 99.9)

_OUTCOMES = {
    "app.ack.negative": "negative",
    "app.ack.malformed": "malformed",
    "app.ack.mismatch": "mismatch",
    "app.ack.timeout": "timeout",
    "app.ack.unrecognised": "unrecognised",
    "app.ack.lost_on_close": "lost",
    "gen.stopped": "stopped",
}
_ORDER = ("ok", "late", *_OUTCOMES.values(), "failed", "other")


@dataclass(frozen=True, slots=True)
class Figures:
    """One row: a request type, or a phase in capitals, and a name.

    Attributes:
        type, name: the row.
        count: how many, the failed ones among them.
        failures: how many failed.
        rate: how many per second of the window.
        mean_ms, p50_ms, p95_ms, p99_ms, p999_ms, max_ms: of those that succeeded, in milliseconds;
            None when none did.
        histogram: what they are computed from.
    """

    type: str
    name: str
    count: int
    failures: int
    rate: float
    mean_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    p999_ms: float | None = None
    max_ms: float | None = None
    histogram: Histogram | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The sends of a window and what became of them.

    Attributes:
        planned: what the schedule of the open model called for; None in the closed one.
        sends: what was sent.
        outcomes: how many sends have each outcome, in a fixed order, also those that none has.
            ``late`` is a send that was counted as failed when its time was up, and whose ack came
            after that.
        unsent: what was planned and could not be sent.
    """

    planned: int | None
    sends: int
    outcomes: dict[str, int]
    unsent: int = 0

    @property
    def balanced(self) -> bool:
        """Whether each send has one outcome, and no more."""
        return self.sends == sum(self.outcomes.values())

    @property
    def late(self) -> int:
        """The sends whose ack came after their time was up."""
        return self.outcomes["late"]


def request_rows(window: Window, seconds: float) -> list[Figures]:
    """Return a row for each request type and name that occurred in a window.

    Args:
        window: of the series.
        seconds: its length.
    """
    rows = []
    for kind in (*METRIC_OF, *RELATIONS):
        metric = METRIC_OF.get(kind)
        for name in row_names(window, kind):
            histogram = window.histograms.get((metric, name)) if metric else None
            rows.append(_row(kind, name, histogram, window.failed(kind, name), seconds))
    return rows


def row_names(window: Window, kind: str) -> list[str]:
    """Return the names of a request type's rows: those that succeeded or failed."""
    failed = {name for found, name, _ in window.failures if found == kind}
    metric = METRIC_OF.get(kind)
    return sorted(failed.union(window.names(metric) if metric else ()))


def phase_rows(window: Window, seconds: float) -> list[Figures]:
    """Return a row for each phase of a connection that occurred.

    Behind them, in the open model, the parts of a response time, and the time that failures took.
    """
    return [
        _row(metric.upper(), name, window.histograms[metric, name], 0, seconds)
        for metric in (*_PHASES, *_SHARES, *_FAILED)
        for name in window.names(metric)
    ]


def ledger(window: Window) -> Ledger:
    """Return the ledger of a window."""
    outcomes = dict.fromkeys(_ORDER, 0)
    outcomes["ok"] = sum(
        window.histograms[METRIC_OF[kind], name].total
        for kind in SENDS
        for name in window.names(METRIC_OF[kind])
    )
    for (kind, _, class_name), count in window.failures.items():
        if kind in SENDS:
            others = "other" if kind == "ACK" else "failed"
            outcomes[_OUTCOMES.get(class_name, others)] += count
    late = window.late
    for outcome in ("timeout", "unrecognised"):
        taken = min(late, outcomes[outcome])
        outcomes[outcome] -= taken
        outcomes["late"] += taken
        late -= taken
    unsent = window.failed("UNSENT")
    is_open = unsent > 0 or bool(window.names(metrics.LAG))
    planned = window.sends + unsent if is_open else None
    return Ledger(planned, window.sends, outcomes, unsent)


@dataclass(frozen=True, slots=True)
class Recovery:
    """Connections that were lost, and what became of their users.

    Attributes:
        lost: connections that ended while they were in use.
        replaced: those in whose place their user has opened another.
        ratings_lost: ratings that waited for their ack on them.
        p50_ms, p95_ms, max_ms: from the loss to the next open connection; None when none was
            replaced.
    """

    lost: int
    replaced: int
    ratings_lost: int
    p50_ms: float | None
    p95_ms: float | None
    max_ms: float | None


def recovery(window: Window) -> Recovery:
    """Return what became of the connections that were lost in a window."""
    times = Histogram()
    for name in window.names(metrics.RECOVER):
        times.merge(window.histograms[metrics.RECOVER, name])
    p50, p95 = (None if us is None else us / 1000 for us in times.percentiles_us((50.0, 95.0)))
    return Recovery(
        lost=window.failed("WS") - window.failed("WS", classes={"ws.close_timeout"}),
        replaced=times.total,
        ratings_lost=window.failed("ACK", classes={"app.ack.lost_on_close"}),
        p50_ms=p50,
        p95_ms=p95,
        max_ms=times.max_us / 1000 if times.total else None,
    )


def _row(
    kind: str, name: str, histogram: Histogram | None, failures: int, seconds: float
) -> Figures:
    histogram = histogram or Histogram()
    count = histogram.total + failures
    mean_us, found = histogram.mean_us(), histogram.percentiles_us(_PERCENTS)
    p50, p95, p99, p999 = (None if us is None else us / 1000 for us in found)
    return Figures(
        type=kind,
        name=name,
        count=count,
        failures=failures,
        rate=count / seconds,
        mean_ms=None if mean_us is None else mean_us / 1000,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        p999_ms=p999,
        max_ms=histogram.max_us / 1000 if histogram.counts else None,
        histogram=histogram,
    )
