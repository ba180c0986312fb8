"""The report as Markdown, beside the CSV set as ``<prefix>_report.md``.

Everything from outside is escaped: a request's name can hold pipes, backticks, line ends or HTML,
and must stay a text in one cell wherever the file is rendered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_locust.failures import CLASSES
from openclaw_locust.files import replace_file
from openclaw_locust.report import wording
from openclaw_locust.report.handshakes import (
    connection_lines,
    negotiated_table,
    parts_note,
    resumption_lines,
)
from openclaw_locust.report.marks import FigureTable, percentile_table
from openclaw_locust.report.numbers import format_count, format_share
from openclaw_locust.report.sections import (
    extra_answers,
    generator_lines,
    imbalance,
    ledger_rows,
    phases_table,
    recovery_line,
    stages_table,
    thresholds_table,
)
from openclaw_locust.report.tables import optional

if TYPE_CHECKING:
    from openclaw_locust.report.build import Report

REPORT_SUFFIX = "_report.md"

_PHASES_LEGEND = (
    "Milliseconds. The share is of the time of all phases of a connection, or of the response time."
)

_SPECIAL = re.compile(r"[\\`*_{}\[\]#|~$]")
_LIST_MARK = re.compile(r"^(\d+(?=[.)])|(?=[-+=]))(.)")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def write_markdown(report: Report, prefix: str | Path) -> Path:
    """Write the report in one step and return the file's path.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(f"{prefix}{REPORT_SUFFIX}")
    replace_file(path, to_markdown(report))
    return path


def to_markdown(report: Report) -> str:
    """Return the report, whole, in GitHub's Markdown."""
    facts = report.facts
    parts = [
        f"# {' '.join(map(escape, wording.title(report)))}",
        f"**{escape(wording.verdict(report))}**",
        escape(wording.subtitle(report)),
        _sentence(wording.model(report)),
        _sentence(wording.excluded(report)),
    ]
    if alerts := wording.alerts(report):
        parts.append(_list(f"**{escape(line)}**" for line in alerts))
    parts += ["## Response times", _percentiles(report)]
    parts += _section("Thresholds", "Threshold", thresholds_table(report.verdict.checks))
    parts += _ledger(report)
    for kind, title in wording.ERROR_KINDS.items():
        if table := _errors(report, kind):
            parts += [f"## {title}", table]
    parts += _section("Stages", "Stage", stages_table(report), "Milliseconds.")
    phases = phases_table(report)
    parts += [*_section("Phases", "Phase", phases, _PHASES_LEGEND), escape(parts_note(phases))]
    parts += _section("Negotiated", "TLS", negotiated_table(report))
    if lines := resumption_lines(report):
        parts += ["## Resumption", _list(map(escape, lines))]
    if lines := generator_lines(report):
        parts += ["## Generator", _list(map(escape, lines))]
    if lines := connection_lines(report):
        parts += ["## Connections", _list(map(escape, lines))]
    if report.problems:
        parts += ["## Problems with what was read", _list(map(escape, report.problems))]
    if facts and facts.hints:
        parts += ["## Hints", _list(map(escape, facts.hints))]
    if facts and facts.settings:
        rows = [(escape(name), escape(value)) for name, value in facts.settings.items()]
        parts += ["## Settings", _table(("Setting", "Value"), "ll", rows)]
    return "\n\n".join(filter(None, parts)) + "\n"


def escape(text: str) -> str:
    """Return a text from outside as Markdown that shows it on one line and means nothing else."""
    text = _SPECIAL.sub(r"\\\g<0>", wording.one_line(text).strip())
    return _LIST_MARK.sub(r"\1\\\2", text).translate(_ENTITIES)


def _percentiles(report: Report) -> str:
    table = percentile_table(report)
    if not table.rows:
        return "No request was recorded."
    legend = "Milliseconds; ✓ holds its limit, ✗ does not, – is no data. The last row is the total."
    notes = map(escape, wording.footnotes(report))
    return "\n\n".join([legend, _figures("Request", table), *notes])


def _section(title: str, label: str, table: FigureTable, legend: str = "") -> list[str]:
    return [f"## {title}", legend, _figures(label, table)] if table.rows else []


def _figures(label: str, table: FigureTable) -> str:
    titles = [f"{column.title} {column.limit}".strip() for column in table.columns]
    header = [label, *(title.translate(_ENTITIES) for title in titles)]
    rows = [
        [
            f"**{escape(row.label)}**" if row.is_total else escape(row.label),
            *(cell.text.strip().translate(_ENTITIES) for cell in row.cells),
        ]
        for row in table.rows
    ]
    return _table(header, "l" + "r" * len(titles), rows)


def _ledger(report: Report) -> list[str]:
    rows = ledger_rows(report)
    if not rows:
        return []
    cells = [(name, count, share.translate(_ENTITIES)) for name, count, share in rows]
    unequal = imbalance(report)
    says = f"**{escape(unequal)}**" if unequal else "The outcomes add up to the sends."
    table = _table(("Sends", "Count", "Share"), "lrr", cells)
    extra = _sentence(extra_answers(report))
    return ["## Ledger", table, says, extra, _sentence(recovery_line(report))]


def _errors(report: Report, kind: str) -> str:
    rows = []
    for row in report.errors[report.errors["kind"] == kind].to_dict("records"):
        share = optional(row["share"])
        rows.append(
            [
                f"`{row['class']}`" if row["class"] in CLASSES else escape(row["class"]),
                format_count(row["count"]),
                wording.NONE if share is None else format_share(share).translate(_ENTITIES),
                escape(", ".join(row["where"])),
                escape(row["meaning"]),
                escape(row["remedy"]),
                escape(wording.text_or_none(row["sample"]) or ""),
            ]
        )
    if not rows:
        return ""
    header = ("Class", "Count", "Share", "Where", "What it means", "What to do", "Seen")
    legend = f"The share is of all {format_count(report.requests)} requests."
    return f"{legend}\n\n{_table(header, 'lrrllll', rows)}"


def _table(header: Sequence[str], align: str, rows: Iterable[Sequence[str]]) -> str:
    rule = ["---:" if side == "r" else "---" for side in align]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))


def _sentence(text: str) -> str:
    return escape(f"{text[:1].upper()}{text[1:]}.") if text else ""


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
