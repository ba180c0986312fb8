"""Locust's three CSV tables to typed pandas frames, from bytes (a file, or rows from memory).

Columns are taken by name, since versions of Locust differ in their order and number. Text stays
text, whatever it looks like: a request may be named ``NA``, ``null`` or ``None``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import pandas as pd

from openclaw_locust.report.records import Faults, Problem, Record, read_records

STATS_COLUMNS = ("Type", "Name", "Request Count", "Failure Count")
FAILURES_COLUMNS = ("Method", "Name", "Error", "Occurrences")
EXCEPTIONS_COLUMNS = ("Count", "Message")

_FIGURES = {
    "rate": ("Requests/s",),
    "average_ms": ("Average Response Time",),
    "min_ms": ("Min Response Time",),
    # Locust cuts "100%" to whole milliseconds and buckets it; the other column is exact
    "max_ms": ("Max Response Time", "100%"),
    "p50_ms": ("50%", "Median Response Time"),
    "p95_ms": ("95%",),
    "p99_ms": ("99%",),
    "p999_ms": ("99.9%",),
}
"""Our column, and Locust's names for it, the better first."""

_COUNT = re.compile(r"\d{1,15}", re.ASCII)
_FIGURE = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One file's content.

    Attributes:
        frame: typed; the columns are said by the function that returned it.
        problems: what is wrong with the file.
        foreign: whether it is another kind of file altogether, so that nothing of it was used.
    """

    frame: pd.DataFrame
    problems: tuple[Problem, ...]
    foreign: bool


def read_stats(data: bytes, file: str) -> Table:
    """Return Locust's statistics.

    The frame has a row for each request type and name, and the total as its last row if the file
    has one: ``type``, ``name`` (string), ``is_total`` (bool), ``count``, ``failures`` (int64),
    ``rate`` (1/s), ``average_ms``, ``min_ms``, ``max_ms``, ``p50_ms``, ``p95_ms``, ``p99_ms``,
    ``p999_ms`` (Float64, milliseconds, <NA> where the file has none). The figures are Locust's
    own: a row without answers has zeros here.
    """
    records = read_records(data, file, STATS_COLUMNS)
    faults = records.faults
    if records.columns:
        for figure, names in _FIGURES.items():
            if not set(names) & set(records.columns):
                faults.add(f"has no column {names[0]}: no data for {figure.removesuffix('_ms')}")
    rows = []
    ends_broken = records.ends_broken
    for record in records.rows:
        row = _stats_row(record, faults)
        if row is not None:
            rows.append(row)
        elif record is records.rows[-1]:
            ends_broken = True
    # Locust writes the total last. A request may have an empty type too, but is never last.
    has_total = bool(rows) and not ends_broken and rows[-1]["type"] == ""
    total = rows.pop() if has_total else None
    rows = _without_doubles(rows, faults)
    _check_total(rows, total, faults, ends_broken=ends_broken)
    frame = pd.DataFrame(
        {
            "type": _texts(rows, total, "type"),
            "name": _texts(rows, total, "name"),
            "is_total": pd.Series([False] * len(rows) + [True] * has_total, dtype="bool"),
            "count": _counts(rows, total, "count"),
            "failures": _counts(rows, total, "failures"),
            **{figure: _floats(rows, total, figure) for figure in _FIGURES},
        }
    )
    return Table(frame, faults.problems, records.foreign)


def read_failures(data: bytes, file: str) -> Table:
    """Return Locust's failures: ``type``, ``name``, ``error`` (string), ``count`` (int64)."""
    records = read_records(data, file, FAILURES_COLUMNS)
    rows = []
    for record in records.rows:
        count = _count(record, "Occurrences", records.faults)
        if count is not None:
            fields = record.fields
            row = {"type": fields["Method"], "name": fields["Name"], "error": fields["Error"]}
            rows.append({**row, "count": count})
    frame = pd.DataFrame(
        {
            **{column: _texts(rows, None, column) for column in ("type", "name", "error")},
            "count": _counts(rows, None, "count"),
        }
    )
    return Table(frame, records.faults.problems, records.foreign)


def read_exceptions(data: bytes, file: str) -> Table:
    """Return the errors that the locustfile raised: ``message`` (string), ``count`` (int64)."""
    records = read_records(data, file, EXCEPTIONS_COLUMNS)
    rows = []
    for record in records.rows:
        count = _count(record, "Count", records.faults)
        if count is not None:
            rows.append({"message": record.fields["Message"], "count": count})
    frame = pd.DataFrame(
        {"message": _texts(rows, None, "message"), "count": _counts(rows, None, "count")}
    )
    return Table(frame, records.faults.problems, records.foreign)


_Row = dict[str, object]


def _stats_row(record: Record, faults: Faults) -> _Row | None:
    count = _count(record, "Request Count", faults)
    failures = None if count is None else _count(record, "Failure Count", faults)
    if failures is None:
        return None
    row: _Row = {"type": record.fields["Type"], "name": record.fields["Name"]}
    row |= {"count": count, "failures": failures}
    for figure, names in _FIGURES.items():
        row[figure] = _figure(record, names, faults)
    return row


def _count(record: Record, column: str, faults: Faults) -> int | None:
    text = record.fields[column]
    if _COUNT.fullmatch(text):
        return int(text)
    faults.add_line(record.line, f"{column} is no count: {text[:40]!r}; the row was left out")
    return None


def _figure(record: Record, names: tuple[str, ...], faults: Faults) -> float | None:
    """Return a figure, or None for Locust's ``N/A``, a missing column, and what is no number."""
    name = next((name for name in names if name in record.fields), None)
    text = "N/A" if name is None else record.fields[name]
    if text == "N/A":
        return None
    number = float(text) if _FIGURE.fullmatch(text) else math.inf
    if number < math.inf:
        return number
    faults.add_line(record.line, f"{name} is no number: {text[:40]!r}")
    return None


def _without_doubles(rows: list[_Row], faults: Faults) -> list[_Row]:
    """Keep the first of each type and name: Locust rewrites its file from the top."""
    first: dict[tuple[object, object], _Row] = {}
    for row in rows:
        first.setdefault((row["type"], row["name"]), row)
    if len(first) < len(rows):
        number = len(rows) - len(first)
        faults.add(f"{number} rows appear twice: an interrupted write", loses_figures=True)
    return list(first.values())


def _check_total(
    rows: list[_Row], total: _Row | None, faults: Faults, *, ends_broken: bool
) -> None:
    if total is None:
        if rows and not ends_broken:
            faults.add(
                "the total at its end is missing, so rows may be missing too", loses_figures=True
            )
        return
    if faults.lose_figures:
        return  # said already; a sum that does not match would be the same fault once more
    for column in ("count", "failures"):
        in_rows = sum(int(str(row[column])) for row in rows)
        if in_rows != total[column]:
            what = "requests" if column == "count" else "failures"
            faults.add(
                f"its rows have {in_rows} {what}, its total {total[column]}: rows are missing "
                "or damaged",
                loses_figures=True,
            )


def _column(rows: list[_Row], total: _Row | None, name: str) -> list[object]:
    return [row[name] for row in ([*rows, total] if total else rows)]


def _texts(rows: list[_Row], total: _Row | None, name: str) -> pd.Series:
    return pd.Series(_column(rows, total, name), dtype="string")


def _counts(rows: list[_Row], total: _Row | None, name: str) -> pd.Series:
    return pd.Series(_column(rows, total, name), dtype="int64")


def _floats(rows: list[_Row], total: _Row | None, name: str) -> pd.Series:
    return pd.Series(_column(rows, total, name), dtype="Float64")
