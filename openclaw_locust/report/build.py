"""The report of one run, from Locust's CSV files or from the same rows in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from openclaw_locust.report.measured import Measured, measured
from openclaw_locust.report.own_rows import differences, foreign_rows, own_failures
from openclaw_locust.report.prefix import find_prefix
from openclaw_locust.report.read_csv import Table, read_exceptions, read_failures, read_stats
from openclaw_locust.report.tables import (
    error_table,
    percentile_table,
    script_errors,
    verdict_rows,
)
from openclaw_locust.results import ResultsError, RunFacts
from openclaw_locust.verdict import Verdict, judge

if TYPE_CHECKING:
    from locust.env import Environment


class ReportError(ValueError):
    """There is nothing to report on; the message is one line that says why and the mend."""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Everything that the outputs show of one run.

    Attributes:
        source: where the figures come from: the CSV set's prefix, or ``this run``.
        percentiles: see :func:`openclaw_locust.report.tables.percentile_table` for its shape.
        errors: see :func:`openclaw_locust.report.tables.error_table` for its shape.
        verdict: the limits held against the rows, and the exit code.
        facts: what the run says about itself; None when only Locust's CSV is there.
        problems: one line for each missing or broken file, or part of one.
        measured: the figures of our own record; None for a run that has none.
    """

    source: str
    percentiles: pd.DataFrame
    errors: pd.DataFrame
    verdict: Verdict
    facts: RunFacts | None
    problems: tuple[str, ...]
    measured: Measured | None = None

    @property
    def requests(self) -> int:
        """All requests of the run: what the shares of the error table are of."""
        return 0 if self.percentiles.empty else int(self.percentiles["count"].iloc[-1])


_TABLES: dict[str, Callable[[bytes, str], Table]] = {
    "stats": read_stats,
    "failures": read_failures,
    "exceptions": read_exceptions,
}


def load(prefix: str) -> Report:
    """Return the report of the CSV set that ``locust --csv PREFIX`` wrote.

    Faults of single files become ``problems``; what can be read is reported.

    Args:
        prefix: the prefix, or one of the set's files.

    Raises:
        ReportError: there is no such set, or nothing of it can be read.
    """
    try:
        prefix = find_prefix(prefix)
    except LookupError as error:
        raise ReportError(str(error)) from None
    problems: list[str] = []
    tables = {name: _read_file(prefix, name, problems) for name in _TABLES}
    facts = None
    try:
        facts = RunFacts.read(prefix)
    except ResultsError as error:
        problems.append(str(error))
    usable = [name for name, table in tables.items() if table and not table.foreign]
    if not usable and facts is None:
        problems += [
            problem.text for table in tables.values() if table for problem in table.problems
        ]
        raise ReportError("nothing can be read: " + "; ".join(problems))
    return _build(prefix, tables, facts, problems)


def from_environment(
    environment: Environment, facts: RunFacts | None = None, *, check_locust: bool = True
) -> Report:
    """Return the report of the run that ``environment`` holds, to the last request.

    Locust's files lag behind its memory by some seconds and are never brought level at the end;
    the rows here are those that it would write.

    Args:
        environment: Locust's.
        facts: what the run knows about itself.
        check_locust: whether Locust's counts must be those of our own record. Not so when
            Locust's statistics were reset in between.
    """
    from locust import stats as locust_stats  # noqa: PLC0415 - the command must start without it

    percentiles = sorted({*locust_stats.PERCENTILES_TO_REPORT, 0.5, 0.95, 0.99, 0.999})
    rows = locust_stats.StatsCSV(environment, percentiles)
    tables: dict[str, Table | None] = {}
    for name, write in (
        ("stats", rows.requests_csv),
        ("failures", rows.failures_csv),
        ("exceptions", rows.exceptions_csv),
    ):
        text = io.StringIO(newline="")
        write(csv.writer(text))
        data = text.getvalue().encode("utf-8", "replace")
        tables[name] = _TABLES[name](data, f"Locust's {name}")
    return _build("this run", tables, facts, [], check_locust=check_locust)


def _read_file(prefix: str, name: str, problems: list[str]) -> Table | None:
    path = Path(f"{prefix}_{name}.csv")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        problems.append(f"{path}: is missing")
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror or error})")
    else:
        return _TABLES[name](data, str(path))
    return None


def _build(
    source: str,
    tables: dict[str, Table | None],
    facts: RunFacts | None,
    problems: list[str],
    *,
    check_locust: bool = False,
) -> Report:
    stats, failures, exceptions = (
        tables[name] or _TABLES[name](b"", name) for name in ("stats", "failures", "exceptions")
    )
    found = [table for table in tables.values() if table]
    problems = [*problems, *(problem.text for table in found for problem in table.problems)]
    if tables["stats"] and tables["failures"]:
        problems += _unexplained(source, stats.frame, failures.frame)
    own = measured(facts)
    explained = failures.frame
    # without rows of other user classes, nothing that Locust's files could have lost is missed
    damage = [problem.text for problem in stats.problems if problem.loses_figures]
    if own is not None:
        explained = own_failures(failures.frame, own)
        if foreign_rows(stats.frame[~stats.frame["is_total"]], own).empty:
            damage = []
        if check_locust:
            problems += differences(stats.frame, own)
    percentiles = percentile_table(stats.frame, own)
    requests = 0 if percentiles.empty else int(percentiles["count"].iloc[-1])
    verdict = judge(
        verdict_rows(percentiles),
        facts,
        script_errors=script_errors(exceptions.frame),
        damage=damage,
    )
    errors = error_table(
        explained,
        exceptions.frame,
        facts.samples if facts else (),
        requests,
        counted=own.known_classes if own else (),
    )
    return Report(source, percentiles, errors, verdict, facts, tuple(problems), own)


def _unexplained(source: str, stats: pd.DataFrame, failures: pd.DataFrame) -> list[str]:
    """Return a line when Locust's table of failures does not tell of all that failed."""
    table = percentile_table(stats)
    failed = 0 if table.empty else int(table["failures"].iloc[-1])
    explained = int(failures["count"].sum())
    if explained == failed:
        return []
    return [f"{source}: {failed} requests failed, but the failures table tells of {explained}"]
