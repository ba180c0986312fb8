"""What a limit held against a row is: its value, and whether it holds. Data, no judgement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Op = Literal["<", "<=", ">", ">="]
SHARES = ("errors", "faults", "refusals")
"""The statistics that are a share of the requests: of all failures, of those that are faults, and
of those by which a service that works says no."""

Of = Literal["requests", "connections", "acks", "planned"]


@dataclass(frozen=True, slots=True)
class Relation:
    """What the failures of a row without successes of its own are a share of.

    Attributes:
        type: the request type whose successes they are held against.
        of: what these are.
        what: what the failures are.
    """

    type: str
    of: Of
    what: str


RELATIONS: dict[str, Relation] = {
    "WS": Relation("UPGRADE", "connections", "lost connections"),
    "STRAY": Relation("ACK", "acks", "answers that belong to no rating that waits"),
    "UNSENT": Relation("ACK", "planned", "planned sends that could not be made"),
}
"""The request types that hold failures only, and what they are a share of."""


@dataclass(frozen=True, slots=True)
class Check:
    """One limit held against one row.

    Attributes:
        type: the row's request type, or the metric in capitals where it is no request.
        name: the row's name; empty when no row was there to be judged.
        metric: ``p95_ms`` (``p999_ms`` for 99.9), ``mean_ms``, ``min_ms``, ``max_ms``, one of
            :data:`SHARES`, or ``rate``.
        value: milliseconds, a share from 0 to 1, or acks per second; None is no data.
        limit: what the value is held against.
        op: how.
        of: what a share of errors is a share of.
        threshold: the expression, as :func:`str` of the threshold spells it.
        window_s: the length of the sliding windows; None for the whole run.
        at_s: the begin of the worst window, in seconds since the run's begin.
    """

    type: str
    name: str
    metric: str
    value: float | None
    limit: float
    op: Op = "<"
    of: Of = "requests"
    threshold: str = ""
    window_s: int | None = None
    at_s: float | None = None

    @property
    def row(self) -> str:
        """The row's type and name as people read them."""
        return f"{self.type} {self.name}".strip()

    @property
    def margin(self) -> float | None:
        """How far the value is on the good side of the limit; negative when it is crossed."""
        if self.value is None:
            return None
        return self.value - self.limit if self.op in (">", ">=") else self.limit - self.value

    @property
    def passed(self) -> bool:
        """Whether there is a value and it holds."""
        return self.value is not None and holds(self.value, self.op, self.limit)


def holds(value: float, op: Op, limit: float) -> bool:
    """Say whether a value is on the good side of a limit."""
    if op == "<":
        return value < limit
    if op == "<=":
        return value <= limit
    if op == ">":
        return value > limit
    return value >= limit
