"""The percentile table's cells as text, each marked against its limit; no output format."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from openclaw_locust.failures import printable
from openclaw_locust.judging.checks import RELATIONS
from openclaw_locust.report import wording
from openclaw_locust.report.numbers import format_count, format_ms, format_rate, format_share
from openclaw_locust.report.tables import optional
from openclaw_locust.report.wording import NONE

if TYPE_CHECKING:
    from openclaw_locust.judging.checks import Check
    from openclaw_locust.report.build import Report

State = Literal["plain", "passed", "crossed"]

_MARKS: dict[State, str] = {"plain": "  ", "passed": " ✓", "crossed": " ✗"}

_LIMITED = ("errors", "p50_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms")
"""The metrics that have a cell which can be marked."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of figures.

    Attributes:
        title: the first line of its header.
        limit: the second line; empty where the rows have different limits, or none.
        spare: when the room is short, columns with the lowest number above 0 go first; 0 stays.
    """

    title: str
    limit: str = ""
    spare: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure as shown, with its mark, and whether it was judged."""

    text: str
    state: State = "plain"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row as shown; its cells are in the order of the table's columns."""

    label: str
    cells: list[Cell]
    is_total: bool = False


@dataclass(frozen=True, slots=True)
class FigureTable:
    """A table of figures: a label in front of each row, and a column for each figure."""

    columns: tuple[Column, ...]
    rows: list[TableRow]


def percentile_table(report: Report) -> FigureTable:
    """Return the percentile table as shown, the total last."""
    marked = marked_checks(report)
    limits = {metric: _common_limit(marked, metric) for metric in _LIMITED}
    columns = (
        Column("requests"),
        Column("failed", spare=1),
        Column("errors", limits["errors"]),
        Column("per s", spare=3),
        *(Column(wording.metric_title(name), limits[name]) for name in _LIMITED[1:4]),
        Column(wording.metric_title("p999_ms"), limits["p999_ms"], spare=2),
        Column("max", limits["max_ms"]),
    )
    last = len(report.percentiles) - 1
    rows = []
    for index, row in enumerate(report.percentiles.to_dict("records")):
        is_total = index == last
        key = (row["type"], row["name"])
        judged = {} if is_total else {name: marked.get((*key, name), []) for name in _LIMITED}
        cells = [
            Cell(format_count(row["count"])),
            Cell(format_count(row["failures"])),
            _share_cell(row, judged.get("errors", [])),
            figure_cell(row["rate"], format_rate),
            *(_latency_cell(row[name], judged.get(name, [])) for name in _LIMITED[1:]),
        ]
        rows.append(TableRow(printable(" ".join(key).strip()), cells, is_total))
    _trim(rows)
    return FigureTable(columns, rows)


def marked_checks(report: Report) -> dict[tuple[str, str, str], list[Check]]:
    """Return the checks that mark a cell of the percentile table, by type, name and metric.

    A check of a sliding window, or of a metric without a column, has no cell.
    """
    table = report.percentiles.iloc[:-1]
    rows = set(zip(table["type"], table["name"], strict=True))
    found: dict[tuple[str, str, str], list[Check]] = {}
    for check in report.verdict.checks:
        has_cell = check.metric in _LIMITED and (check.type, check.name) in rows
        if has_cell and check.window_s is None:
            found.setdefault((check.type, check.name, check.metric), []).append(check)
    return found


def figure_cell(value: object, form: Callable[[float], str]) -> Cell:
    """Return a figure that is not judged."""
    number = optional(value)
    return Cell(NONE if number is None else form(number))


def marked(text: str | None, checks: Iterable[Check]) -> Cell:
    """Return a figure with the mark of its checks: one that does not pass outweighs the others."""
    passed = [check.passed for check in checks]
    state: State = "plain" if not passed else "passed" if all(passed) else "crossed"
    return Cell((text or NONE) + _MARKS[state], state)


def _trim(rows: list[TableRow]) -> None:
    """Take the room for marks out of the columns that have none."""
    for index in range(len(rows[0].cells) if rows else 0):
        if all(row.cells[index].state == "plain" for row in rows):
            for row in rows:
                row.cells[index] = Cell(row.cells[index].text.rstrip())


def _common_limit(marked: dict[tuple[str, str, str], list[Check]], metric: str) -> str:
    """Return the limit that all rows have; empty when they differ."""
    limits = {
        wording.limit_text(check)
        for (_, _, found), checks in marked.items()
        if found == metric
        for check in checks
    }
    return limits.pop() if len(limits) == 1 else ""


def share_of_failures(kind: str, count: int, failures: int) -> float | None:
    """Return the failed share of a row's requests; None where these are no requests."""
    requests = max(count, failures)
    if not requests or (kind in RELATIONS and count == failures):
        return None
    return failures / requests


def _share_cell(row: dict[Any, Any], checks: list[Check]) -> Cell:
    """Return the share of errors; that of lost connections is known to its check only."""
    share = share_of_failures(row["type"], row["count"], row["failures"])
    if checks:
        share = checks[0].value
    return marked(None if share is None else format_share(share), checks)


def _latency_cell(value: object, checks: list[Check]) -> Cell:
    number = optional(value)
    if number is None:
        return marked(None, checks)
    # no request takes no time: 0 is what Locust's whole milliseconds leave of less than one
    return marked(format_ms(number) if number else "<1", checks)
