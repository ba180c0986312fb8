"""The percentile table's cells as text, each marked against its limit; no output format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from openclaw_locust.failures import printable
from openclaw_locust.report.numbers import format_count, format_ms, format_rate, format_share
from openclaw_locust.report.tables import optional
from openclaw_locust.report.wording import NONE
from openclaw_locust.verdict import LATENCY_METRICS, LIMITS, Check

if TYPE_CHECKING:
    from openclaw_locust.report.build import Report

State = Literal["plain", "passed", "crossed"]

_MARKS: dict[State, str] = {"plain": "  ", "passed": " ✓", "crossed": " ✗"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure as shown, with its mark, and whether it was judged."""

    text: str
    state: State = "plain"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row as shown; its cells are in the order of :data:`.wording.COLUMNS`."""

    label: str
    cells: list[Cell]
    is_total: bool


def table_rows(report: Report) -> list[TableRow]:
    """Return the percentile table as shown, the total last."""
    checks = {(check.type, check.name, check.metric): check for check in report.verdict.checks}
    last = len(report.percentiles) - 1
    rows = []
    for index, row in enumerate(report.percentiles.to_dict("records")):
        is_total = index == last
        key = (row["type"], row["name"])
        judged = {} if is_total else {metric: checks.get((*key, metric)) for metric in LIMITS}
        cells = [
            Cell(format_count(row["count"])),
            Cell(format_count(row["failures"])),
            _share_cell(row["count"], row["failures"], judged.get("errors")),
            _figure_cell(row["rate"], format_rate),
        ]
        for metric in LATENCY_METRICS:
            value = optional(row[metric])
            text = None if value is None else format_ms(value)
            cells.append(_marked(text, judged.get(metric)))
        cells.append(_figure_cell(row["max_ms"], format_ms))
        rows.append(TableRow(printable(" ".join(key).strip()), cells, is_total))
    return rows


def _share_cell(count: int, failures: int, check: Check | None) -> Cell:
    """Return the share of errors; that of lost connections is known to its check only."""
    requests = max(count, failures)
    share = failures / requests if requests else None
    if check:
        share = check.value
    return _marked(None if share is None else format_share(share), check)


def _figure_cell(value: object, form: Callable[[float], str]) -> Cell:
    number = optional(value)
    return Cell(NONE if number is None else form(number))


def _marked(text: str | None, check: Check | None) -> Cell:
    state: State = "plain" if check is None else "passed" if check.passed else "crossed"
    return Cell((text or NONE) + _MARKS[state], state)
