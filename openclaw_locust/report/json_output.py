"""The report as one JSON object, for machines. No data is ``null``; there is no NaN."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from openclaw_locust.judging.checks import Check
from openclaw_locust.report.tables import COLUMNS
from openclaw_locust.verdict import LIMITS

if TYPE_CHECKING:
    from openclaw_locust.judging.figures import Figures
    from openclaw_locust.report.build import Report
    from openclaw_locust.report.measured import Measured, StageFigures
    from openclaw_locust.results import RunFacts

SCHEMA = "openclaw-locust/report"
VERSION = 1


def to_json(report: Report) -> str:
    """Return the report as a JSON object in ASCII, with a line end.

    ``docs/report.md`` has each key. Latencies are in milliseconds, shares from 0 to 1, times in
    seconds since the run's begin. What comes from our own record (``phases``, ``ledger``,
    ``recovery``, ``stages``) is null for a run without one; ``facts``, ``model`` and ``validity``
    are null for a run that left only Locust's own files. The series itself is in
    ``<prefix>_results.json`` and not here.
    """
    facts, own = report.facts, report.measured
    checks = [_check(check) for check in report.verdict.checks]
    content = {
        "schema": SCHEMA,
        "version": VERSION,
        "verdict": {
            "status": report.verdict.status,
            "exit_code": report.verdict.exit_code,
            "reason": report.verdict.reason,
            "checks": checks,
        },
        "validity": _validity(facts) if facts else None,
        "limits": LIMITS,
        "thresholds": checks,
        "model": asdict(facts.model) if facts else None,
        "warm_up_s": facts.warm_up_s if facts else 0,
        "percentiles": _rows(report.percentiles),
        "phases": [_figures(row) for row in own.phases] if own else None,
        "ledger": _ledger(own) if own else None,
        "recovery": asdict(own.recovery) if own else None,
        "stages": [_stage(stage) for stage in own.stages] if own else None,
        "errors": _rows(report.errors),
        "source": report.source,
        "facts": facts.to_plain() if facts else None,
        "problems": report.problems,
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _check(check: Check) -> dict[str, Any]:
    return {
        "threshold": check.threshold,
        "type": check.type,
        "name": check.name,
        "metric": check.metric,
        "op": check.op,
        "value": check.value,
        "limit": check.limit,
        "margin": check.margin,
        "of": check.of,
        "window_s": check.window_s,
        "at_s": check.at_s,
        "passed": check.passed,
    }


def _validity(facts: RunFacts) -> dict[str, Any]:
    return {
        "valid": not facts.invalid,
        "reasons": list(facts.invalid),
        "processes": [asdict(process) for process in facts.generator],
    }


def _figures(row: Figures) -> dict[str, Any]:
    return {name: getattr(row, name) for name in COLUMNS}


def _ledger(own: Measured) -> dict[str, Any]:
    found = own.ledger
    return {
        "planned": found.planned,
        "unsent": found.unsent,
        "sends": found.sends,
        "outcomes": dict(found.outcomes),
        "balanced": found.balanced,
        "excluded": own.excluded_sends,
    }


def _stage(each: StageFigures) -> dict[str, Any]:
    return {
        "label": each.stage.label,
        "start_s": each.start_s,
        "end_s": each.end_s,
        "rows": [_figures(row) for row in each.rows],
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
