"""The sentences that the terminal and the Markdown report share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_locust.durations import format_duration
from openclaw_locust.failures import printable
from openclaw_locust.judging.checks import RELATIONS, SHARES, Check, Of, Op
from openclaw_locust.judging.figures import SENDS
from openclaw_locust.report.numbers import (
    THIN_SPACE,
    format_count,
    format_ms,
    format_number,
    format_seconds,
    format_share,
)
from openclaw_locust.verdict import LATENCY_METRICS, LIMITS

if TYPE_CHECKING:
    from openclaw_locust.report.build import Report
    from openclaw_locust.results import Unit

LABEL_LENGTH = 80
"""How much of a row's name a sentence shows."""

NONE = "–"
"""No data."""

_WHOLES: dict[Of, str] = {
    "requests": "requests",
    "connections": "connections",
    "acks": "acks",
    "planned": "planned sends",
}

_NOT: dict[Op, str] = {
    "<": "not under",
    "<=": "not at most",
    ">": "not above",
    ">=": "not at least",
}

ERROR_KINDS = {"fault": "Errors", "refusal": "Refusals"}
"""The kinds of the error table with their headings; a refusal is the no of a service that works."""

CLOSED: dict[Unit, str] = {
    "rating": "closed model: each user waits for its ack before its next rating",
    "connection": "closed model: each user ends its connection before its next",
    "request": "closed model: each user waits for its answer before its next request",
    "send": "closed model: each user waits for what it sent before it sends again",
}

CLOSED_P99 = (
    "P99 in the closed model: a stall of the server also stops the senders, so it does not show "
    "what arrivals would have met (coordinated omission)."
)


def one_line(text: str, length: int = 1000) -> str:
    """Return a text from outside as it may be shown; the blank between groups of digits stays."""
    return THIN_SPACE.join(printable(part, length) for part in text.split(THIN_SPACE))


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


def model(report: Report) -> str:
    """Return what decided when the run sent; empty when it is not known."""
    if report.facts is None:
        return ""
    known = report.facts.model
    if known.kind == "closed":
        return CLOSED[known.unit]
    what = f"arrivals, up to {known.in_flight} in flight per connection; response time"
    if known.unit != "rating":
        what = f"arrivals of {known.unit}s, one at a time for each user; their time"
    send = "begin" if known.unit == "connection" else "send"
    return one_line(
        f"open model: {known.rate} {known.arrivals} {what} counts from the intended {send}"
    )


def excluded(report: Report) -> str:
    """Return what is in no figure; empty when all is."""
    facts, found = report.facts, report.measured
    if facts is None or found is None or not facts.warm_up_s:
        return ""
    sends = _plural(found.excluded_sends, facts.model.unit)
    return (
        f"the first {facts.warm_up_s} s (warm-up) are excluded from every figure: {sends}; "
        "Locust's own tables and CSV hold them too"
    )


def alerts(report: Report) -> list[str]:
    """Return the lines that no reader may miss: what spoils the figures, then the run's notes."""
    facts = report.facts
    if facts is None:
        return []
    lines = [f"INCOMPLETE: {line}" for line in facts.incomplete]
    lines += [f"INVALID: {line}" for line in facts.invalid]
    if facts.aborted is not None:
        lines.append(f"ABORTED: {facts.aborted}")
    return [*lines, *facts.notes]


def limits() -> str:
    """Return the default limits in one line."""
    latencies = [f"{metric_title(name)} < {LIMITS[name]:g} ms" for name in LATENCY_METRICS]
    return ", ".join([*latencies, f"errors < {format_share(LIMITS['errors'])}"])


def metric_title(metric: str) -> str:
    """Return a metric as the head of a column: ``P99.9`` for ``p999_ms``."""
    name = metric.removesuffix("_ms")
    if not name[1:].isdecimal():
        return name
    digits = name[1:]
    return (
        "P100" if digits == "100" else f"P{digits[:2]}" + (f".{digits[2:]}" if digits[2:] else "")
    )


def limit_text(check: Check) -> str:
    """Return a limit as the header of its column shows it: ``< 250``."""
    share = check.metric in SHARES
    return f"{check.op} {format_share(check.limit) if share else f'{check.limit:.15g}'}"


def quantity(check: Check, value: float) -> str:
    """Return a value of a check's metric with its unit."""
    if check.metric in SHARES:
        return format_share(value)
    if check.metric == "rate":
        return f"{format_number(value)}/s"
    return f"{format_ms(value)} ms"


def limit(check: Check) -> str:
    """Return a check's limit with its unit; it is shown as it was given, and never cut."""
    if check.metric in SHARES:
        return format_share(check.limit)
    return f"{check.limit:.15g}" + ("/s" if check.metric == "rate" else " ms")


def window(check: Check) -> str:
    """Return where the worst window lies; empty for a check of the whole run."""
    if check.window_s is None or check.at_s is None:
        return ""
    return f"{check.window_s} s from {format_seconds(check.at_s)} on"


def verdict(report: Report) -> str:
    """Return the verdict in one line, the one that ends every report."""
    found = report.verdict
    if found.status == "passed":
        return f"PASSED (exit {found.exit_code}): {_what_holds(report)}"
    if found.status in ("incomplete", "invalid"):
        reason = printable(found.reason or "")
        return f"{found.status.upper()} (exit {found.exit_code}): {reason}"
    start = f"FAILED (exit {found.exit_code}): "
    if found.status == "failed":
        return start + printable(found.reason or "") + _most_frequent_error(report)
    first, *others = found.crossed
    if not others:
        return start + crossing(first)
    verb = "is" if len(others) == 1 else "are"
    return f"{start}{crossing(first)}; {_plural(len(others), 'further limit')} {verb} crossed"


def crossing(check: Check) -> str:
    """Return one crossed limit as a sentence without its full stop."""
    row = printable(check.row, LABEL_LENGTH)
    at = window(check)
    within = f" in the {at}" if at else ""
    verb = f"is {_NOT[check.op]} {limit(check)}"
    if check.of != "requests":
        what = RELATIONS[check.type].what
        whole = _WHOLES[check.of]
        if check.value is None:
            return f"{row}: {what}, and it is not known of how many {whole}"
        share = f"{format_share(check.value)} of the {whole}{within}"
        return f"{row}: {what} are {share}, which {verb}"
    metric = metric_title(check.metric).lower()
    if check.value is None:
        no_data = f"{row} {metric} has no data{within}"
        return f"{no_data}, so it {verb}"
    if check.metric in SHARES:
        return f"{row} {check.metric} {format_share(check.value)}{within}, which {verb}"
    return f"{row} {metric} {quantity(check, check.value)}{within} {verb}"


def footnotes(report: Report) -> list[str]:
    """Return what must be said below the percentile table."""
    found = {check.type for check in report.verdict.checks if check.of != "requests"}
    notes = [
        f"{name}: {relation.what}; their errors are a share of the {_WHOLES[relation.of]}."
        for name, relation in RELATIONS.items()
        if name in found
    ]
    facts = report.facts
    has_acks = bool(set(SENDS) & set(report.percentiles["type"]))
    if facts is not None and facts.model.kind == "closed" and has_acks:
        notes.append(CLOSED_P99)
    return notes


def is_default(check: Check) -> bool:
    """Whether a check is one of the limits that hold when nothing else is said."""
    known = {str(metric): value for metric, value in LIMITS.items()}
    plain = check.op == "<" and check.window_s is None
    return plain and known.get(check.metric) == check.limit


def _what_holds(report: Report) -> str:
    checks = report.verdict.checks
    if not checks:
        return "no limit was set"
    if all(map(is_default, checks)):
        return f"every limit holds ({limits()})"
    texts = dict.fromkeys(check.threshold for check in checks)
    return f"every limit holds ({printable(', '.join(texts))})"


def _most_frequent_error(report: Report) -> str:
    if report.errors.empty:
        return ""
    first = report.errors.iloc[0]
    return f"; most frequent error: {first['class']} ({first['count']})"


def _plural(count: int, noun: str) -> str:
    return f"{format_count(count)} {noun}{'' if count == 1 else 's'}"
