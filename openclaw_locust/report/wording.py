"""The sentences that the terminal and the Markdown report share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_locust.durations import format_duration
from openclaw_locust.failures import printable
from openclaw_locust.report.numbers import format_ms, format_share
from openclaw_locust.verdict import LATENCY_METRICS, LIMITS, RELATIONS, Check, Metric

if TYPE_CHECKING:
    from openclaw_locust.report.build import Report

LABEL_LENGTH = 80
"""How much of a row's name a sentence shows."""

METRIC_TITLES: dict[Metric, str] = {
    "errors": "errors",
    "p50_ms": "P50",
    "p95_ms": "P95",
    "p99_ms": "P99",
}

NONE = "–"
"""No data."""


def limit(metric: Metric) -> str:
    """Return one limit as the header of its column shows it."""
    value = LIMITS[metric]
    return f"< {format_share(value)}" if metric == "errors" else f"< {value:g}"


COLUMNS: tuple[tuple[str, str], ...] = (
    ("requests", ""),
    ("failed", ""),
    (METRIC_TITLES["errors"], limit("errors")),
    ("per s", ""),
    *((METRIC_TITLES[metric], limit(metric)) for metric in LATENCY_METRICS),
    ("max", ""),
)
"""The figures of the percentile table: title and limit."""


def one_line(text: str, length: int = 1000) -> str:
    """Return a text from outside as it may be shown."""
    return printable(text, length)


def text_or_none(value: object) -> str | None:
    """Return a table's text, or None where there is none."""
    return value if isinstance(value, str) else None


def settings(report: Report) -> str:
    """Return the settings in one line; empty when none are known."""
    known = report.facts.settings if report.facts else {}
    return one_line(", ".join(f"{name} {value}".strip() for name, value in known.items()))


def title(report: Report) -> tuple[str, str]:
    """Return the heading's two parts: what it is, and what was under load (or the files)."""
    if report.facts:
        return "Load test of", one_line(report.facts.target)
    return "Report on", one_line(report.source)


def subtitle(report: Report) -> str:
    """Return when and how long the run went and on which versions; empty when not known."""
    facts = report.facts
    if facts is None:
        return "target, TLS and notes are not known: Locust's CSV does not hold them"
    duration = format_duration(float(f"{facts.duration_s:.3g}")) if facts.duration_s else ""
    parts = [facts.started, duration]
    parts += [f"{name} {version}" for name, version in facts.versions.items()]
    return printable(", ".join(part for part in parts if part))


def alerts(report: Report) -> list[str]:
    """Return the lines that no reader may miss: what is missing, then the run's notes."""
    facts = report.facts
    return [f"INCOMPLETE: {line}" for line in facts.incomplete] + [*facts.notes] if facts else []


def limits() -> str:
    """Return the limits in one line."""
    latencies = [f"{METRIC_TITLES[metric]} < {LIMITS[metric]:g} ms" for metric in LATENCY_METRICS]
    return ", ".join([*latencies, f"errors < {format_share(LIMITS['errors'])}"])


def verdict(report: Report) -> str:
    """Return the verdict in one line, the one that ends every report."""
    found = report.verdict
    if found.status == "passed":
        return f"PASSED (exit {found.exit_code}): every limit holds ({limits()})"
    if found.status == "incomplete":
        return f"INCOMPLETE (exit {found.exit_code}): {printable(found.reason or '')}"
    start = f"FAILED (exit {found.exit_code}): "
    if found.status == "failed":
        return start + printable(found.reason or "") + _most_frequent_error(report)
    first, *others = found.crossed
    more = f"; {_plural(len(others), 'further limit')} crossed" if others else ""
    return start + crossing(first) + more


def crossing(check: Check) -> str:
    """Return one crossed limit as a sentence without its full stop."""
    metric = METRIC_TITLES[check.metric].lower()
    row = printable(check.row, LABEL_LENGTH)
    if check.of != "requests":
        what = RELATIONS[check.type].what
        if check.value is None:
            return f"{row}: {what}, and it is not known of how many {check.of}"
        share = f"{format_share(check.value)} of the {check.of}"
        return f"{row}: {what} are {share}, which is not under {format_share(check.limit)}"
    if check.metric == "errors":
        share = format_share(check.value or 0.0)
        return f"{row} errors {share}, which is not under {format_share(check.limit)}"
    if check.value is None:
        return f"{row} {metric} has no data, so it is not under {check.limit:g} ms"
    return f"{row} {metric} {format_ms(check.value)} ms is not under {check.limit:g} ms"


def footnotes(report: Report) -> list[str]:
    """Return what must be said below the percentile table."""
    found = {check.type for check in report.verdict.checks if check.of != "requests"}
    return [
        f"{name}: {relation.what}; their errors are a share of the {relation.of}."
        for name, relation in RELATIONS.items()
        if name in found
    ]


def _most_frequent_error(report: Report) -> str:
    if report.errors.empty:
        return ""
    first = report.errors.iloc[0]
    return f"; most frequent error: {first['class']} ({first['count']})"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun} is" if count == 1 else f"{count} {noun}s are"
