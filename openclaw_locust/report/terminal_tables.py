"""The report's tables as rich renderables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from openclaw_locust.report import wording
from openclaw_locust.report.marks import Cell, FigureTable, State, TableRow, percentile_table
from openclaw_locust.report.numbers import format_count, format_share
from openclaw_locust.report.tables import optional

if TYPE_CHECKING:
    import pandas as pd

    from openclaw_locust.report.build import Report

MAX_ERRORS = 20
"""How many classes are printed; the Markdown and the JSON have them all."""

_GAPS = (2, 1)
"""Blanks between columns, the better first."""

_LABEL_WIDTH = 24
"""A request's name beside its figures gets this much, else it goes on a line of its own."""

_STYLES: dict[State, str] = {"passed": "green", "crossed": "bold red", "plain": ""}


@dataclass(frozen=True, slots=True)
class _Layout:
    """The columns that have room, by index, and the widths of all.

    Without a label width the labels stand on lines of their own.
    """

    label: int
    shown: tuple[int, ...]
    sizes: tuple[int, ...]
    gap: int

    @property
    def width(self) -> int:
        return self.label + sum(self.gap + self.sizes[index] for index in self.shown)


def percentiles_block(report: Report, width: int) -> RenderableType:
    """Return the percentile table, each figure marked against its limit."""
    table = percentile_table(report)
    title = Text("Response times in ms", style="bold")
    if not table.rows:
        return Group(title, Text("No request was recorded."))
    title.append("  ✓ holds its limit  ✗ does not", style="dim")
    notes = [Text(note, style="dim") for note in wording.footnotes(report)]
    return Group(title, *figure_lines(table, width, _LABEL_WIDTH), *notes)


def figure_lines(table: FigureTable, width: int, label_width: int | None = None) -> list[Text]:
    """Return a table of figures with its header, not wider than asked for where that can be.

    Args:
        table: what to show.
        width: columns.
        label_width: the least room for labels beside the figures; by default that of the longest.
    """
    layout = _layout(table, width, label_width)
    headers = [(column.title, column.limit) for column in table.columns]
    lines = []
    for texts in zip(*headers, strict=True):
        if any(texts):
            cells = [Cell(text) for text in texts]
            lines.append(_figures(cells, layout, " " * layout.label, "dim"))
    rule = Text("─" * min(width, layout.width), style="dim")
    lines.append(rule)
    for row in table.rows:
        if row.is_total:
            lines.append(rule)
        lines += _row_lines(row, layout, width)
    return lines


def _layout(table: FigureTable, width: int, label_width: int | None) -> _Layout:
    """Return the roomiest layout that fits.

    Rather than put each label on a line of its own, columns that can be spared are left out: the
    Markdown has them all.
    """
    sizes = tuple(
        max(map(cell_len, (column.title, column.limit, *(row.cells[i].text for row in table.rows))))
        for i, column in enumerate(table.columns)
    )
    longest = max((cell_len(row.label) for row in table.rows), default=0)
    choices = [
        _Layout(
            0,
            tuple(i for i, each in enumerate(table.columns) if each.spare not in gone),
            sizes,
            gap,
        )
        for gone in _gone(table)
        for gap in _GAPS
    ]
    for choice in choices:
        room = width - choice.width
        if room >= min(longest, label_width or longest):
            return replace(choice, label=min(room, longest))
    return next((choice for choice in choices if choice.width <= width), choices[-1])


def _gone(table: FigureTable) -> list[set[int]]:
    """Return which ranks of columns are left out, from none to all that can be spared."""
    ranks = sorted({column.spare for column in table.columns} - {0})
    return [set(ranks[:number]) for number in range(len(ranks) + 1)]


def _figures(cells: list[Cell], layout: _Layout, label: str, style: str = "") -> Text:
    line = Text(label, style=style)
    for index in layout.shown:
        cell = cells[index]
        line.append(" " * (layout.gap + layout.sizes[index] - cell_len(cell.text)))
        line.append(cell.text, style=_STYLES[cell.state])
    return line


def _row_lines(row: TableRow, layout: _Layout, width: int) -> list[Text]:
    first, *others = _broken(row.label, layout.label or width)
    if not layout.label:
        return [Text(first), *map(Text, others), _figures(row.cells, layout, "")]
    beside = first + " " * (layout.label - cell_len(first))
    return [_figures(row.cells, layout, beside), *map(Text, others)]


def _broken(label: str, width: int) -> list[str]:
    """Return a label in pieces that fit: broken at a blank where the word behind it fits too."""
    pieces = []
    while cell_len(label) > width:
        piece = chop_cells(label, width)[0] or label[:1]
        blank = label.rfind(" ", 1, len(piece) + 1)
        word = label[blank + 1 :].partition(" ")[0]
        if blank > 0 and cell_len(word) <= width:
            piece = label[:blank]
        pieces.append(piece.rstrip())
        label = label[len(piece) :].lstrip()
    return [*pieces, label]


def error_blocks(report: Report) -> Iterator[RenderableType]:
    """Yield the table of faults, then that of refusals, where there are any."""
    for kind, title in wording.ERROR_KINDS.items():
        rows = report.errors[report.errors["kind"] == kind]
        if not rows.empty:
            yield _errors_block(title, rows, report.requests)


def _errors_block(name: str, rows: pd.DataFrame, requests: int) -> RenderableType:
    """Return a table of errors; what belongs to a class hangs below its name."""
    title = Text(name, style="bold")
    title.append(f"  count, share of all {format_count(requests)} requests", style="dim")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows.head(MAX_ERRORS).to_dict("records"):
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
    rest = len(rows) - MAX_ERRORS
    more = [Text(f"and {rest} more: see the Markdown report or --json")] if rest > 0 else []
    return Group(title, table, *more)
