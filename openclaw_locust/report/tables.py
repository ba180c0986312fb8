"""From Locust's typed frames and our own record to the report's two tables. Pure pandas, no I/O."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from openclaw_locust.failures import CLASSES, printable
from openclaw_locust.measure.histogram import Histogram
from openclaw_locust.report.measured import Measured
from openclaw_locust.report.own_rows import figures_frame, foreign_rows
from openclaw_locust.results import Sample
from openclaw_locust.verdict import LATENCY_METRICS, Row

PERCENTILES = ("p50_ms", "p95_ms", "p99_ms", "p999_ms")

COLUMNS: dict[str, str] = {
    **dict.fromkeys(("name", "type"), "string"),
    **dict.fromkeys(("count", "failures"), "int64"),
    **dict.fromkeys(("rate", "mean_ms", *PERCENTILES, "max_ms"), "Float64"),
}
"""The percentile table's columns and their types."""

_LATENCIES = ("mean_ms", *PERCENTILES, "max_ms")

SCRIPT_CLASS = "app.script"
LOCUSTFILE = "locustfile"
"""Where an error was counted that belongs to no request."""

FOREIGN_LENGTH = 120
"""How much of a text that is not ours is kept as its class; longer ones would make endless rows."""

FOREIGN_MEANING = "Not one of this tool's classes: the exception's own text."
FOREIGN_REMEDY = "See the locustfile, or the library that raised it."

_TOTAL_NAME = "Aggregated"
_OUR_ERROR = re.compile(r"(?:[A-Za-z_][\w.]*\()?(['\"]?)([a-z0-9_.]+)\1,?\)?", re.ASCII)
_CATCH_RESPONSE = re.compile(r"CatchResponseError\((['\"])(.*)\1,?\)", re.DOTALL)


def percentile_table(stats: pd.DataFrame, measured: Measured | None = None) -> pd.DataFrame:
    """Return the percentile table.

    One row for each request type and name, first those of our own record; the last row is the
    total. No rows at all for a run without any.

    ==================== ======= ==========================================================
    name, type           string  Locust's name and request type; the total has an empty type
    count, failures      int64   requests, and how many of them failed
    rate                 Float64 requests per second, over the run without its warm-up
    mean_ms              Float64 milliseconds; <NA> is no data
    p50_ms p95_ms p99_ms Float64 the same
    p999_ms max_ms       Float64 the same
    ==================== ======= ==========================================================

    Args:
        stats: from :func:`~openclaw_locust.report.read_csv.read_stats`.
        measured: the figures of our own record, which take the place of Locust's.

    A row has no data where nothing was answered. Locust writes zeros there, and where failures
    carry a time (as ``HttpUser``'s do) the times of failures: those are no latency.
    """
    if measured is None:
        return _locust_table(stats)[list(COLUMNS)]
    own = figures_frame(measured.requests, COLUMNS)
    others = _locust_table(foreign_rows(stats[~stats["is_total"]], measured))
    others = others[list(COLUMNS)].iloc[:-1]
    table = pd.concat([own, others], ignore_index=True)
    if table.empty:
        return table
    total = _total(measured) if others.empty else _sum(table)
    return pd.concat([table, total], ignore_index=True)


def _locust_table(stats: pd.DataFrame) -> pd.DataFrame:
    """Return Locust's rows, mended, and their total behind them."""
    table = stats.rename(columns={"average_ms": "mean_ms"})
    figures = [*_LATENCIES, "min_ms"]
    answered = (table["count"] > table["failures"]) & ~_only_zeros(table)
    table[figures] = table[figures].where(answered)
    for column in PERCENTILES:
        values = table[column]
        # Locust's buckets may put a percentile outside of what was measured; a zero under a
        # minimum of 1 ms and more is how it says that it has none
        values = values.mask((values == 0) & (table["min_ms"] >= 1).fillna(False))
        values = values.mask((values < table["min_ms"]).fillna(False), table["min_ms"])
        table[column] = values.mask((values > table["max_ms"]).fillna(False), table["max_ms"])
    if len(table) and not table["is_total"].any():
        table = pd.concat([table, _sum(table)], ignore_index=True)
    return table


def _only_zeros(table: pd.DataFrame) -> pd.Series:
    """Whether nothing was timed: Locust then writes 0 everywhere, the exact maximum included."""
    return (table[list(_LATENCIES)].fillna(0) == 0).all(axis=1)


def _sum(table: pd.DataFrame) -> pd.DataFrame:
    """Return the total of rows, without the percentiles and the mean, which cannot be added."""
    total = table[["count", "failures", "rate"]].sum().to_frame().T
    total = total.assign(name=_TOTAL_NAME, type="", max_ms=table["max_ms"].max())
    total = total.reindex(columns=table.columns)
    return total.astype(table.dtypes.drop("is_total", errors="ignore").to_dict())


def _total(measured: Measured) -> pd.DataFrame:
    """Return the total of our own rows: their histograms together."""
    whole = Histogram()
    for row in measured.requests:
        if row.histogram is not None:
            whole.merge(row.histogram)
    figures = {
        "name": _TOTAL_NAME,
        "type": "",
        "count": sum(row.count for row in measured.requests),
        "failures": sum(row.failures for row in measured.requests),
        "rate": sum(row.rate or 0.0 for row in measured.requests),
        "mean_ms": _ms(whole.mean_us()),
        "max_ms": _ms(whole.max_us if whole.counts else None),
    }
    found = whole.percentiles_us((50, 95, 99, 99.9))
    figures |= dict(zip(PERCENTILES, map(_ms, found), strict=True))
    return pd.DataFrame([figures], columns=list(COLUMNS)).astype(COLUMNS)


def _ms(microseconds: float | None) -> float | None:
    return None if microseconds is None else microseconds / 1000


def verdict_rows(percentiles: pd.DataFrame) -> list[Row]:
    """Return the rows that are judged: all but the total."""
    columns = ["type", "name", "count", "failures", *LATENCY_METRICS]
    return [
        Row(type_, name, int(count), int(failures), *(map(optional, figures)))
        for type_, name, count, failures, *figures in percentiles[columns]
        .iloc[:-1]
        .itertuples(index=False, name=None)
    ]


def optional(value: object) -> float | None:
    """Return a figure of a table as a number, or None for no data."""
    return None if pd.isna(value) else float(value)  # type: ignore[call-overload,arg-type]


def error_table(
    failures: pd.DataFrame,
    exceptions: pd.DataFrame,
    samples: Iterable[Sample],
    requests: int,
    counted: Collection[str] = (),
) -> pd.DataFrame:
    """Return the error table, the most frequent first.

    =============== ======= ===============================================================
    class           string  a failure class, or the cut text of an error that is not ours
    kind            string  ``fault``, or ``refusal`` where a service that works says no
    count           int64   how often
    share           Float64 count per all requests of the run (0 to 1); <NA> where what was
                            counted are not requests, as errors of the locustfile
    meaning, remedy string  what it means and what to do
    where           object  tuple of the rows where it was counted, as ``TYPE name``
    sample          string  what was seen, in the peer's own words; <NA> when not known
    =============== ======= ===============================================================

    Args:
        failures: from :func:`~openclaw_locust.report.read_csv.read_failures`.
        exceptions: from :func:`~openclaw_locust.report.read_csv.read_exceptions`.
        samples: what the run saw of each class. A class that only they know (it belongs to no
            request of its own) gets a row too.
        requests: all requests of the run, the failed ones among them.
        counted: classes of which ``failures`` tells all, so that a sample or an exception alone
            makes no row of them: it was of the warm-up.
    """
    samples = list(samples)
    texts = {sample.class_name: _sample_text(sample) for sample in samples}
    rows: dict[str, _ErrorRow] = {}
    for type_, name, error, count in _tuples(failures, "type", "name", "error", "count"):
        row = rows.setdefault(error_class(error), _ErrorRow())
        row.count += count
        row.failed_requests += count
        row.where[printable(f"{type_} {name}".strip())] = None
    for message, count in _tuples(exceptions, "message", "count"):
        class_name = _class_of_exception(message)
        if class_name != SCRIPT_CLASS and (class_name in rows or class_name in counted):
            continue  # a failure of ours that went on through the locustfile: counted above
        row = rows.setdefault(class_name, _ErrorRow())
        row.count += count
        row.where[LOCUSTFILE] = None
        texts.setdefault(class_name, printable(message, FOREIGN_LENGTH))
    for sample in samples:
        known = sample.class_name in rows or sample.class_name in counted
        if not known and sample.count > 0:
            rows[sample.class_name] = _ErrorRow(sample.count)
    return _error_frame(rows, texts, requests)


def script_errors(exceptions: pd.DataFrame) -> int:
    """Return how often the locustfile raised an error that is no failure of the connection."""
    counts = _tuples(exceptions, "message", "count")
    return sum(count for text, count in counts if _class_of_exception(text) == SCRIPT_CLASS)


def error_class(error: str) -> str:
    """Return the failure class that Locust's text of an error stands for, or the text, cut.

    Locust writes ``repr()`` of an exception and the text itself of a string, so that both
    ``Failure('tls.cert.untrusted')`` and ``tls.cert.untrusted`` are met.
    """
    match = _OUR_ERROR.fullmatch(error.strip())
    if match and match[2] in CLASSES:
        return match[2]
    wrapped = _CATCH_RESPONSE.fullmatch(error)
    return printable(wrapped[2] if wrapped else error, FOREIGN_LENGTH) or "(no text)"


@dataclass(slots=True)
class _ErrorRow:
    """What is counted of one class; ``where`` is an ordered set."""

    count: int = 0
    failed_requests: int = 0
    where: dict[str, None] = field(default_factory=dict)


def _class_of_exception(message: str) -> str:
    class_name = error_class(message)
    return class_name if class_name in CLASSES else SCRIPT_CLASS


def _error_frame(rows: dict[str, _ErrorRow], texts: dict[str, str], requests: int) -> pd.DataFrame:
    ordered = sorted(rows.items(), key=lambda item: (-item[1].count, item[0]))
    known = [CLASSES.get(class_name) for class_name, _ in ordered]
    shares = [
        row.count / requests if requests and row.count == row.failed_requests else None
        for _, row in ordered
    ]
    columns = {
        "class": pd.Series([class_name for class_name, _ in ordered], dtype="string"),
        "kind": ["refusal" if kind and kind.is_refusal else "fault" for kind in known],
        "count": pd.Series([row.count for _, row in ordered], dtype="int64"),
        "share": pd.Series(shares, dtype="Float64"),
        "meaning": [kind.meaning if kind else FOREIGN_MEANING for kind in known],
        "remedy": [kind.remedy if kind else FOREIGN_REMEDY for kind in known],
        "where": pd.Series([tuple(row.where) for _, row in ordered], dtype="object"),
        "sample": [texts.get(class_name) or None for class_name, _ in ordered],
    }
    return pd.DataFrame(columns).astype(
        dict.fromkeys(("kind", "meaning", "remedy", "sample"), "string")
    )


def _sample_text(sample: Sample) -> str:
    first, last = printable(sample.first), printable(sample.last)
    return f"{first} (later: {last})" if first and last and first != last else first or last


def _tuples(frame: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return list(frame[list(columns)].itertuples(index=False, name=None))
