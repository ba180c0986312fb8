"""What stands below the percentile table, as tables of figures and lines; no output format.

Each part is empty when there is nothing to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from openclaw_locust.failures import printable
from openclaw_locust.report import wording
from openclaw_locust.report.handshakes import PARTS
from openclaw_locust.report.marks import (
    Cell,
    Column,
    FigureTable,
    TableRow,
    figure_cell,
    marked,
    share_of_failures,
)
from openclaw_locust.report.numbers import (
    format_count,
    format_ms,
    format_rate,
    format_seconds,
    format_share,
)

if TYPE_CHECKING:
    from openclaw_locust.judging.checks import Check
    from openclaw_locust.judging.figures import Figures, Ledger
    from openclaw_locust.report.build import Report
    from openclaw_locust.report.measured import StageFigures
    from openclaw_locust.results import GeneratorReport

CONNECTION_PHASES = ("DNS", "TCP", "PROXY", "TLS", "UPGRADE")
"""The phases that make a connection, in their order."""

_WHOLES = (CONNECTION_PHASES, PARTS, ("SERVICE", "LAG"))
"""Phases of which each has a share in the time of all of them."""

_EXTRA = "STRAY"


def thresholds_table(checks: Iterable[Check]) -> FigureTable:
    """Return each check with its value, limit, margin and, for a sliding window, the worst one."""
    rows = []
    for check in checks:
        value = None if check.value is None else wording.quantity(check, check.value)
        label = ": ".join(filter(None, (check.threshold, check.row)))
        cells = [
            marked(value, [check]),
            Cell(wording.limit(check)),
            Cell(_margin(check)),
            Cell(wording.window(check)),
        ]
        rows.append(TableRow(printable(label), cells))
    has_window = any(row.cells[-1].text for row in rows)
    columns = (Column("value"), Column("limit"), Column("margin", spare=1), Column("worst"))
    return FigureTable(columns if has_window else columns[:-1], rows if has_window else _cut(rows))


def stages_table(report: Report, types: tuple[str, ...] = ()) -> FigureTable:
    """Return the requests of each stage.

    Args:
        report: the run's.
        types: the request types that are shown; all when empty.
    """
    stages = report.measured.stages if report.measured else ()
    shown = [(each, [r for r in each.rows if not types or r.type in types]) for each in stages]
    is_one = len({(row.type, row.name) for _, rows in shown for row in rows}) <= 1
    lines = []
    for each, rows in shown:
        place = _stage_label(each)
        lines += [
            TableRow(place if is_one else f"{place}: {_row_label(row)}", _stage_cells(row))
            for row in rows
        ]
        if not rows:
            lines.append(TableRow(place, [Cell(wording.NONE) for _ in _STAGE_COLUMNS]))
    return FigureTable(_STAGE_COLUMNS, lines)


def phases_table(report: Report) -> FigureTable:
    """Return each phase's times and its share in them."""
    phases = report.measured.phases if report.measured else ()
    is_one = len({row.name for row in phases}) <= 1
    rows = []
    for row in phases:
        share = _share(row, phases)
        cells = [
            Cell(format_count(row.count)),
            Cell("" if share is None else format_share(share)),
            *(figure_cell(value, format_ms) for value in (row.p50_ms, row.p95_ms, row.p99_ms)),
            figure_cell(row.max_ms, format_ms),
        ]
        rows.append(TableRow(printable(row.type) if is_one else _row_label(row), cells))
    columns = ("count", "share", "P50", "P95", "P99", "max")
    return FigureTable(tuple(map(Column, columns)), rows)


def phases_line(report: Report) -> str:
    """Return the phases of a connection in one line; empty when there is more to say than that."""
    phases = report.measured.phases if report.measured else ()
    plain = (*CONNECTION_PHASES, "CONNECT")
    if report.facts and "HANDSHAKE" in report.facts.goal:
        return ""
    phases = tuple(row for row in phases if row.type not in PARTS)
    if len({row.name for row in phases}) != 1 or any(row.type not in plain for row in phases):
        return ""
    if report.verdict.status != "passed":
        return ""
    figures = (
        f"{row.type} {format_ms(row.p50_ms)} ({format_ms(row.p99_ms)})"
        for row in phases
        if row.p50_ms is not None and row.p99_ms is not None
    )
    return "P50 (P99) in ms: " + ", ".join(figures)


def ledger_line(report: Report) -> str:
    """Return the sends and what became of them, in one line."""
    found = report.measured.ledger if report.measured else None
    if found is None or not (found.sends or found.planned):
        return ""
    outcomes = ", ".join(
        f"{format_count(count)} {name} ({format_share(count / found.sends)})"
        for name, count in found.outcomes.items()
        if count and found.sends
    )
    text = f"{format_count(found.sends)} sends: {outcomes or 'no outcome'}"
    if found.planned is not None:
        text = f"{format_count(found.planned)} planned, {format_count(found.unsent)} unsent; {text}"
    return f"{text} = balanced" if found.balanced else text


def ledger_rows(report: Report) -> list[tuple[str, str, str]]:
    """Return the ledger as rows: what, how many, and its share of the sends or of the planned."""
    found = report.measured.ledger if report.measured else None
    if found is None or not (found.sends or found.planned):
        return []
    rows = []
    if found.planned is not None:
        share = format_share(found.unsent / found.planned) if found.planned else ""
        rows += [("planned", format_count(found.planned), "")]
        rows += [("unsent", format_count(found.unsent), share)]
    rows.append(("sends", format_count(found.sends), ""))
    rows += [
        (name, format_count(count), format_share(count / found.sends) if found.sends else "")
        for name, count in found.outcomes.items()
        if count
    ]
    return rows


def imbalance(report: Report) -> str:
    """Return a line that says how far the outcomes are from the sends; empty when they are not."""
    found: Ledger | None = report.measured.ledger if report.measured else None
    if found is None or found.balanced:
        return ""
    settled = sum(found.outcomes.values())
    return (
        f"NOT balanced: {format_count(found.sends)} sends, but {format_count(settled)} outcomes; "
        "this is a fault of the measurement, do not trust its figures"
    )


def extra_answers(report: Report) -> str:
    """Return the answers that belong to no send that waits, by class; empty when there are none."""
    counts: Counter[str] = Counter()
    if report.measured:
        for (kind, _, class_name), count in report.measured.failures.items():
            if kind == _EXTRA:
                counts[class_name.rpartition(".")[2]] += count
    if not counts:
        return ""
    parts = ", ".join(f"{format_count(count)} {name}" for name, count in counts.most_common())
    return f"answers beyond these: {parts}"


def recovery_line(report: Report) -> str:
    """Return what became of the connections that were lost; empty when none was."""
    found = report.measured.recovery if report.measured else None
    if found is None or not found.lost:
        return ""
    verb = "was" if found.lost == 1 else "were"
    noun = "connection" if found.lost == 1 else "connections"
    text = f"{format_count(found.lost)} {noun} {verb} lost, {format_count(found.replaced)} replaced"
    if found.p50_ms is not None and found.p95_ms is not None and found.max_ms is not None:
        p50, p95, longest = map(format_ms, (found.p50_ms, found.p95_ms, found.max_ms))
        text += f" after P50 {p50}, P95 {p95}, max {longest} ms"
    ratings = "rating" if found.ratings_lost == 1 else "ratings"
    return f"{text}; {format_count(found.ratings_lost)} {ratings} lost with them"


def generator_lines(report: Report) -> list[str]:
    """Return a line for each process of the generator."""
    facts = report.facts
    if facts is None:
        return []
    lines = [f"{each.process}: {_generator_text(each)}" for each in facts.generator]
    return [*lines, facts.clocks] if facts.clocks else lines


def _generator_text(report: GeneratorReport) -> str:
    figures = report.figures
    parts = list(report.lines)
    if not parts:
        cpu, peak, p99, longest = (
            figures.get(name) for name in ("cpu_mean", "cpu_peak", "lag_p99_ms", "lag_max_ms")
        )
        if cpu is not None and peak is not None:
            parts.append(f"CPU {format_share(cpu)} (peak {format_share(peak)})")
        if p99 is not None and longest is not None:
            parts.append(f"event loop late by P99 {format_ms(p99)}, max {format_ms(longest)} ms")
    return "; ".join(parts) or "nothing measured"


_STAGE_COLUMNS = (
    Column("sends"),
    Column("errors"),
    Column("per s", spare=1),
    *map(Column, ("P50", "P95", "P99", "max")),
)


def _stage_label(each: StageFigures) -> str:
    if not each.rows and each.end_s <= each.start_s:
        return f"{printable(each.stage.label)} (not in the figures)"
    place = f"{format_seconds(each.start_s)} to {format_seconds(each.end_s)}"
    return f"{printable(each.stage.label)} ({place})"


def _stage_cells(row: Figures) -> list[Cell]:
    return [
        Cell(format_count(row.count)),
        figure_cell(share_of_failures(row.type, row.count, row.failures), format_share),
        figure_cell(row.rate, format_rate),
        *(figure_cell(v, format_ms) for v in (row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms)),
    ]


def _row_label(row: Figures) -> str:
    return printable(f"{row.type} {row.name}".strip())


def _share(row: Figures, phases: Iterable[Figures]) -> float | None:
    """Return a phase's part in the time of all phases of its kind and name."""
    for kinds in _WHOLES:
        if row.type in kinds:
            times = [_time(each) for each in phases if each.type in kinds and each.name == row.name]
            return _time(row) / sum(times) if sum(times) else None
    return None


def _time(row: Figures) -> float:
    return (row.mean_ms or 0.0) * row.count


def _margin(check: Check) -> str:
    if check.margin is None:
        return wording.NONE
    sign = "-" if check.margin < 0 else ""
    return sign + wording.quantity(check, abs(check.margin))


def _cut(rows: list[TableRow]) -> list[TableRow]:
    return [TableRow(row.label, row.cells[:-1], row.is_total) for row in rows]
