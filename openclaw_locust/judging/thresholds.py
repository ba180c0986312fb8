"""Thresholds: what must hold, one line each (:mod:`openclaw_locust.judging.reader` reads it).

[metric['['name']']] statistic operator value [for DURATION] [abort [after DURATION]]

ack p95 < 250ms                 the 95th percentile of the response time
ack[login] p99.9 < 1s           of one row
errors < 1%                     failed requests, of each row by itself
faults < 0.1%                   those of them that are no refusal; takes the place of errors
refusals < 5%                   429 at the upgrade, and acks that say no
rate > 400/s for 60s            acks per second, in every window of 60 s
errors < 5% abort after 30s     ends the run when it is crossed, but not in its first 30 s
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from openclaw_locust.durations import format_duration
from openclaw_locust.judging.checks import SHARES, Op

GRACE_S = 10.0
"""How long ``abort`` waits after the begin when nothing else is said."""

COUNTED = ("ack", "handshake", "http", "tls", "upgrade")
LATENCIES = (
    *COUNTED,
    *("service", "lag", "connect", "dns", "tcp", "proxy", "hello", "own", "rest", "recover"),
)
FAILING = (*COUNTED, "ws", "stray", "unsent")


@dataclass(frozen=True, slots=True)
class Threshold:
    """What must hold.

    Attributes:
        metric: one of :data:`LATENCIES` or :data:`FAILING`; empty for the errors of every row.
        name: the one row that it is about; None: each row of the metric by itself.
        statistic: ``p95``, ``p99.9``, ``mean``, ``min``, ``max``, ``rate``, or one of
            :data:`~openclaw_locust.judging.checks.SHARES`.
        op: how the value is held against the limit.
        limit: in milliseconds, as a share from 0 to 1, or per second.
        window_s: the length of the sliding windows that each must hold; None: the whole run.
        abort_after_s: ends the run when it is crossed, but not before this many measured seconds;
            None: the run goes on.
    """

    metric: str
    name: str | None
    statistic: str
    op: Op
    limit: float
    window_s: int | None = None
    abort_after_s: float | None = None

    @property
    def percent(self) -> float | None:
        """The percentile that it is about, or None."""
        return float(self.statistic[1:]) if self.statistic[0] == "p" else None

    @property
    def is_of_errors(self) -> bool:
        """Whether it is about a share of requests that failed."""
        return self.statistic in SHARES

    @property
    def family(self) -> str:
        """What it is about, so that a closer threshold takes the place of a wider one."""
        if self.statistic == "refusals":
            return "refusals"
        return "errors" if self.is_of_errors else ""

    @property
    def column(self) -> str:
        """The statistic as a column's name: ``p999_ms``, ``mean_ms``, ``errors``, ``rate``."""
        if self.statistic in (*SHARES, "rate"):
            return self.statistic
        return self.statistic.replace(".", "") + "_ms"

    def __str__(self) -> str:
        """Return the one spelling, which the reader reads back."""
        name = f"[{self.name}]" if self.name is not None else ""
        metric = "" if (self.metric, self.statistic, name) == ("ack", "rate", "") else self.metric
        parts = [f"{metric}{name}", self.statistic, self.op, self._limit()]
        if self.window_s is not None:
            parts.append(f"for {format_duration(self.window_s)}")
        if self.abort_after_s is not None:
            parts.append("abort")
            if self.abort_after_s != GRACE_S:
                parts.append(f"after {format_duration(self.abort_after_s)}")
        return " ".join(filter(None, parts))

    def _limit(self) -> str:
        exact = Decimal(repr(self.limit))
        if self.is_of_errors:
            return f"{(exact * 100).normalize():f}%"
        if self.statistic == "rate":
            for unit, seconds in (("s", 1), ("m", 60), ("h", 3600)):
                text = f"{self.limit * seconds:.6f}".rstrip("0").rstrip(".")
                if float(Fraction(text) / seconds) == self.limit:
                    return f"{text}/{unit}"
            return f"{exact.normalize():f}/s"
        return f"{exact.normalize():f}ms"


_ARTICLE = (("p50", 100.0), ("p95", 250.0), ("p99", 500.0))
DEFAULT_ERRORS = Threshold("", None, "errors", "<", 0.01)


def defaults_of(metric: str) -> tuple[Threshold, ...]:
    """Return the article's limits of one metric."""
    return tuple(Threshold(metric, None, name, "<", limit) for name, limit in _ARTICLE)


DEFAULTS = (DEFAULT_ERRORS, *(each for metric in COUNTED for each in defaults_of(metric)))
