"""The report's two tables as rich renderables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from openclaw_locust.report import wording
from openclaw_locust.report.marks import Cell, State, table_rows
from openclaw_locust.report.numbers import format_count, format_share
from openclaw_locust.report.tables import optional

if TYPE_CHECKING:
    from openclaw_locust.report.build import Report

MAX_ERRORS = 20
"""How many classes are printed; the Markdown and the JSON have them all."""

_GAPS = (2, 1)
"""Blanks between columns, the better first."""

_LABEL_WIDTH = 24
"""A label beside its figures gets at least this much, else it goes on a line of its own."""

_STYLES: dict[State, str] = {"passed": "green", "crossed": "bold red", "plain": ""}


@dataclass(frozen=True, slots=True)
class _Layout:
    """Column widths; without a label width the labels stand on lines of their own."""

    label: int
    figures: tuple[int, ...]
    gap: int


def percentiles_block(report: Report, width: int) -> RenderableType:
    """Return the percentile table, each figure marked against its limit."""
    rows = table_rows(report)
    title = Text("Response times in ms", style="bold")
    if not rows:
        return Group(title, Text("No request was recorded."))
    title.append("  ✓ under its limit  ✗ not", style="dim")
    layout = _layout([row.label for row in rows], [row.cells for row in rows], width)
    headers = [Text(line, style="dim") for line in _header_lines(layout)]
    rule = Text("─" * min(width, max(cell_len(line.plain) for line in headers)), style="dim")
    lines: list[RenderableType] = [title, *headers, rule]
    for row in rows:
        if row.is_total:
            lines.append(rule)
        lines += _row_lines(row.label, row.cells, layout, width)
    lines += [Text(note, style="dim") for note in wording.footnotes(report)]
    return Group(*lines)


def _layout(labels: list[str], rows: list[list[Cell]], width: int) -> _Layout:
    figures = tuple(
        max(cell_len(text) for text in (*column, *(row[index].text for row in rows)))
        for index, column in enumerate(wording.COLUMNS)
    )
    longest = max(map(cell_len, labels))
    for gap in _GAPS:
        room = width - sum(figures) - gap * len(figures)
        if room >= min(longest, _LABEL_WIDTH):
            return _Layout(min(room, longest), figures, gap)
    fitting = [gap for gap in _GAPS if sum(figures) + gap * len(figures) <= width]
    return _Layout(0, figures, (fitting or _GAPS[-1:])[0])


def _header_lines(layout: _Layout) -> list[str]:
    return [
        " " * layout.label
        + "".join(
            " " * (layout.gap + size - len(column[line])) + column[line]
            for column, size in zip(wording.COLUMNS, layout.figures, strict=True)
        )
        for line in (0, 1)
    ]


def _row_lines(label: str, cells: list[Cell], layout: _Layout, width: int) -> list[Text]:
    figures = Text()
    for cell, size in zip(cells, layout.figures, strict=True):
        figures.append(" " * (layout.gap + size - cell_len(cell.text)))
        figures.append(cell.text, style=_STYLES[cell.state])
    first, *others = chop_cells(label, layout.label or width) or [""]
    if not layout.label:
        return [Text(first), *map(Text, others), figures]
    beside = Text(first + " " * (layout.label - cell_len(first))).append_text(figures)
    return [beside, *map(Text, others)]


def errors_block(report: Report, width: int) -> RenderableType:
    """Return the error table; what belongs to a class hangs below its name."""
    title = Text("Errors", style="bold")
    title.append(f"  count, share of all {format_count(report.requests)} requests", style="dim")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for row in report.errors.head(MAX_ERRORS).to_dict("records"):
        share = optional(row["share"])
        text = Text(wording.one_line(row["class"]), style="bold red")
        where = ", ".join(row["where"])
        if where:
            text.append(f"  in {wording.one_line(where)}", style="not bold default dim")
        what: list[RenderableType] = [text, Text(row["meaning"]), Text(f"→ {row['remedy']}")]
        sample = wording.text_or_none(row["sample"])
        if sample:
            what.append(Text(f"seen: {wording.one_line(sample)}", style="dim"))
        shown = wording.NONE if share is None else format_share(share)
        table.add_row(format_count(row["count"]), shown, Group(*what))
    rest = len(report.errors) - MAX_ERRORS
    more = [Text(f"and {rest} more: see the Markdown report or --json")] if rest > 0 else []
    return Group(title, table, *more)
