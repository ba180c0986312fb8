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
from openclaw_locust.report import wording
from openclaw_locust.report.marks import table_rows
from openclaw_locust.report.numbers import format_count, format_share
from openclaw_locust.report.tables import optional
from openclaw_locust.results import replace_file

if TYPE_CHECKING:
    from openclaw_locust.report.build import Report

REPORT_SUFFIX = "_report.md"

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
    ]
    if alerts := wording.alerts(report):
        parts.append(_list(f"**{escape(line)}**" for line in alerts))
    parts += ["## Response times", _percentiles(report)]
    if not report.errors.empty:
        parts += ["## Errors", _errors(report)]
    if facts and facts.details:
        parts += ["## Connections", _list(map(escape, facts.details))]
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
    rows = table_rows(report)
    if not rows:
        return "No request was recorded."
    titles = [" ".join(column).strip() for column in wording.COLUMNS]
    header = ["Request", *(title.translate(_ENTITIES) for title in titles)]
    cells = [
        [
            f"**{escape(row.label)}**" if row.is_total else escape(row.label),
            *(cell.text.strip().translate(_ENTITIES) for cell in row.cells),
        ]
        for row in rows
    ]
    legend = (
        "Milliseconds; ✓ is under its limit, ✗ is not, – is no data. The last row is the total."
    )
    table = _table(header, "l" + "r" * len(titles), cells)
    return "\n\n".join([legend, table, *map(escape, wording.footnotes(report))])


def _errors(report: Report) -> str:
    rows = []
    for row in report.errors.to_dict("records"):
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
    header = ("Class", "Count", "Share", "Where", "What it means", "What to do", "Seen")
    legend = f"The share is of all {format_count(report.requests)} requests."
    return f"{legend}\n\n{_table(header, 'lrrllll', rows)}"


def _table(header: Sequence[str], align: str, rows: Iterable[Sequence[str]]) -> str:
    rule = ["---:" if side == "r" else "---" for side in align]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
