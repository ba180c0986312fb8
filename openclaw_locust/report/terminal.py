"""The report on a terminal, in a pipe and in a CI log: readable from 60 columns up.

Every mark is a character as well as a colour, and every such character has an ASCII twin for
streams that cannot carry it. Texts from outside are made harmless and never read as markup.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from openclaw_locust.report import handshakes, sections, wording
from openclaw_locust.report.numbers import THIN_SPACE
from openclaw_locust.report.terminal_tables import error_blocks, figure_lines, percentiles_block
from openclaw_locust.streams import drop_output

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openclaw_locust.report.build import Report
    from openclaw_locust.report.marks import FigureTable

MAX_WIDTH = 160
"""Wider lines of prose are hard to follow."""

# one character for one character, so that columns stay columns
_ASCII = str.maketrans(f"✓✗–—→•·…×─{THIN_SPACE}’“”", '+X-->*.~x-,\'""')


def print_report(
    report: Report, console_width: int | None = None, file: TextIO | None = None
) -> None:
    """Print the report; its last line is the verdict.

    Args:
        report: what to print.
        console_width: columns; by default those of the terminal, else 80.
        file: where to; by default the standard output. A reader that has gone away (``| head``)
            ends the printing without an error.

    Raises:
        OSError: the stream cannot be written for another reason, as a full disk.
    """
    file = file or sys.stdout
    outer = Console(file=file, width=console_width)
    # rendered apart, so that what the stream cannot encode is replaced and never raises
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=min(outer.width, MAX_WIDTH),
        force_terminal=outer.is_terminal,
        no_color=outer.no_color,
        highlight=False,
        emoji=False,
    )
    for block in _blocks(report, console.width):
        console.print(block)
        console.print()
    # in a log the verdict stays one line, for those who look for it with grep
    style = "bold green" if report.verdict.exit_code == 0 else "bold red"
    verdict = Text(wording.verdict(report), style=style)
    console.print(verdict, soft_wrap=not outer.is_terminal)
    lines = (line.rstrip() for line in buffer.getvalue().splitlines())
    write_out("\n".join(lines) + "\n", file)


def write_out(text: str, file: TextIO) -> None:
    """Write and flush; a reader that has gone away is no error.

    Raises:
        OSError: the stream cannot be written for another reason.
    """
    encoding = getattr(file, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    try:
        file.write(text)
        file.flush()
    except BrokenPipeError:
        drop_output(file)
    except OSError:
        drop_output(file)
        raise


def _blocks(report: Report, width: int) -> Iterable[RenderableType]:
    facts = report.facts
    yield _heading(report)
    yield percentiles_block(report, width)
    # the defaults are marked in the table already
    given = [check for check in report.verdict.checks if not wording.is_default(check)]
    yield from _figures("Thresholds", sections.thresholds_table(given), width)
    yield from _accounts(report)
    yield from error_blocks(report)
    goal = facts.goal if facts else ()
    yield from _figures("Stages", sections.stages_table(report, goal), width)
    if not sections.phases_line(report):
        yield from _phases(report, width)
    yield from _figures("Negotiated", handshakes.negotiated_table(report), width)
    if lines := handshakes.resumption_lines(report):
        yield _list("Resumption", lines)
    if lines := handshakes.connection_lines(report):
        yield _list("Connections", lines)
    if report.problems:
        yield _list("Problems with what was read", report.problems)
    if facts and facts.hints:
        yield _list("Hints", facts.hints)


def _heading(report: Report) -> RenderableType:
    what, which = wording.title(report)
    lines: list[RenderableType] = [Text.assemble(f"{what} ", (which, "bold"))]
    known = (wording.subtitle(report), wording.settings(report), wording.model(report))
    lines += [Text(line, style="dim") for line in (*known, wording.excluded(report)) if line]
    lines += [_item("!", line, "bold yellow") for line in wording.alerts(report)]
    return Group(*lines)


def _accounts(report: Report) -> Iterable[RenderableType]:
    """Yield what is said in a line each: sends, phases and generator."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    parts = {
        "Ledger": [sections.ledger_line(report), sections.extra_answers(report)],
        "Reconnects": [sections.recovery_line(report)],
        "Phases": [sections.phases_line(report)],
        "Generator": sections.generator_lines(report),
    }
    for title, lines in parts.items():
        for index, line in enumerate(filter(None, lines)):
            table.add_row("" if index else title, Text(wording.one_line(line)))
    if imbalance := sections.imbalance(report):
        table.add_row("", Text(imbalance, style="bold red"))
    if table.row_count:
        yield table


def _figures(title: str, table: FigureTable, width: int) -> Iterable[RenderableType]:
    if table.rows:
        yield Group(Text(title, style="bold"), *figure_lines(table, width))


def _phases(report: Report, width: int) -> Iterable[RenderableType]:
    table = sections.phases_table(report)
    if table.rows:
        note = [Text(line, style="dim") for line in [handshakes.parts_note(table)] if line]
        yield Group(Text("Phases in ms", style="bold"), *figure_lines(table, width), *note)


def _list(title: str, lines: Iterable[str]) -> RenderableType:
    return Group(Text(title, style="bold"), *(_item("•", line, "") for line in lines))


def _item(mark: str, line: str, style: str) -> RenderableType:
    """Return a line that hangs behind its mark when it wraps."""
    item = Table.grid(padding=(0, 1, 0, 0))
    item.add_column(no_wrap=True)
    item.add_column(overflow="fold")
    item.add_row(Text(mark, style=style), Text(wording.one_line(line), style=style))
    return item
