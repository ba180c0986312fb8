"""The report as one JSON object, for machines. No data is ``null``; there is no NaN."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from openclaw_locust.verdict import LIMITS, Check

if TYPE_CHECKING:
    from openclaw_locust.report.build import Report

SCHEMA = "openclaw-locust/report"
VERSION = 1


def to_json(report: Report) -> str:
    """Return the report as a JSON object in ASCII, with a line end.

    ``verdict`` has ``status``, ``exit_code``, ``reason`` and ``checks``; ``percentiles`` and
    ``errors`` are the rows of the report's tables with their columns as keys, latencies in
    milliseconds and shares from 0 to 1. The last row of ``percentiles`` is the total. ``facts``
    is null for a run that left only Locust's own files.
    """
    content = {
        "schema": SCHEMA,
        "version": VERSION,
        "verdict": {
            "status": report.verdict.status,
            "exit_code": report.verdict.exit_code,
            "reason": report.verdict.reason,
            "checks": [_check(check) for check in report.verdict.checks],
        },
        "limits": LIMITS,
        "percentiles": _rows(report.percentiles),
        "errors": _rows(report.errors),
        "source": report.source,
        "facts": asdict(report.facts) if report.facts else None,
        "problems": report.problems,
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _check(check: Check) -> dict[str, Any]:
    return {
        "type": check.type,
        "name": check.name,
        "metric": check.metric,
        "value": check.value,
        "limit": check.limit,
        "margin": check.margin,
        "of": check.of,
        "passed": check.passed,
    }


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(column): _plain(value) for column, value in row.items()}
        for row in table.to_dict("records")
    ]


def _plain(value: Any) -> Any:
    """Return a table's value as a type of JSON."""
    if isinstance(value, tuple):
        return list(value)
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
