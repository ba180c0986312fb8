"""The outcomes as tables, for the terminal and for ``docs/conformance.md``."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

from tests.conformance.fuzzing_server import LEFT_OUT
from tests.conformance.outcomes import OK, PASSED, VERDICTS, Outcome

TEMPLATE = Path(__file__).resolve().parent / "conformance.md.in"
SECTIONS = {
    1: "framing",
    2: "pings and pongs",
    3: "reserved bits",
    4: "opcodes",
    5: "fragmentation",
    6: "UTF-8",
    7: "closing",
    9: "limits and performance",
    10: "fragments of any size",
}

_FAULT_BEHIND = (
    "A broken frame comes right behind a proper message. The message is handed out, but when both "
    "are read together the connection fails at once (RFC 6455, 7.1.7), before the echo."
)
_LATE_UTF8 = (
    "Text that is not UTF-8 is refused, with 1007, when its message is whole and not at the first "
    "wrong byte. Nothing of it is handed out."
)
_FREE = "RFC 6455 asks for nothing here, and the testsuite only records it."
REASONS = {
    **dict.fromkeys(("3.2", "3.3", "3.4", "5.15"), _FAULT_BEHIND),
    **dict.fromkeys(("4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4", "4.2.5"), _FAULT_BEHIND),
    **dict.fromkeys(("6.4.1", "6.4.2", "6.4.3", "6.4.4"), _LATE_UTF8),
    "7.1.6": f"A large message, a small one, a close frame and a ping at once. {_FREE}",
    "7.13.1": f"Close code 5000, which we answer with 1002. {_FREE}",
    "7.13.2": f"Close code 65535, which we answer with 1002. {_FREE}",
}
"""Why a case that is not OK is acceptable."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What was tested with what."""

    client: str
    testsuite: str
    python: str
    websocket_client: str


def section_table(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the lines of a Markdown table: how many cases of each section ended how."""
    rows = [["section", "about", "cases", *VERDICTS]]
    for section in sorted({outcome.section for outcome in outcomes}):
        of_it = [outcome for outcome in outcomes if outcome.section == section]
        rows.append([str(section), SECTIONS.get(section, ""), *_counts(of_it)])
    rows.append(["all", "", *_counts(outcomes)])
    return _table(rows, right_from=2)


def _counts(outcomes: Sequence[Outcome]) -> list[str]:
    by_verdict = Counter(outcome.verdict for outcome in outcomes)
    return [str(len(outcomes)), *(str(by_verdict[verdict]) for verdict in VERDICTS)]


def exception_table(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the lines of a Markdown table of every case that is not OK; none: no lines."""
    rows = [
        [outcome.name, outcome.verdict, outcome.said, outcome.ended]
        for outcome in outcomes
        if outcome.verdict != OK
    ]
    head = ["case", "verdict", "testsuite", "client"]
    return _table([head, *rows]) if rows else []


def _table(rows: Sequence[Sequence[str]], right_from: int = 99) -> list[str]:
    """Align columns with blanks: such a table reads well in a terminal, too."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    rule = [
        "-" * (width - 1) + ":" if number >= right_from else "-" * width
        for number, width in enumerate(widths)
    ]
    lines = []
    for row in (cells[0], rule, *cells[1:]):
        padded = [
            cell.rjust(width) if number >= right_from else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"| {' | '.join(padded)} |")
    return lines


def document(versions: Versions, by_scheme: Mapping[str, Sequence[Outcome]]) -> str:
    """Return ``docs/conformance.md``; ``by_scheme`` has the outcomes of ``ws`` and of ``wss``."""
    tables = {scheme: section_table(outcomes) for scheme, outcomes in by_scheme.items()}
    tables["reasons"] = _reason_table(by_scheme)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        asdict(versions),
        left_out=" and ".join(f"`{pattern}`" for pattern in LEFT_OUT),
        **{name: "\n".join(lines) for name, lines in tables.items()},
    )


def _reason_table(by_scheme: Mapping[str, Sequence[Outcome]]) -> list[str]:
    """Return the lines of a Markdown table: the cases that are not OK, by verdict and reason."""
    worst: dict[str, str] = {}
    for outcome in itertools.chain.from_iterable(by_scheme.values()):
        so_far = worst.get(outcome.name, OK)
        worst[outcome.name] = max(so_far, outcome.verdict, key=VERDICTS.index)
    cases: dict[tuple[str, str], list[str]] = {}
    for name, verdict in worst.items():
        if verdict != OK:
            cases.setdefault((verdict, _reason(name, verdict)), []).append(name)
    rows = [
        f"| {', '.join(names)} | {verdict} | {why} |" for (verdict, why), names in cases.items()
    ]
    return ["| cases | verdict | why |", "| --- | --- | --- |", *rows]


def _reason(name: str, verdict: str) -> str:
    known = REASONS.get(name) if verdict in PASSED else None
    return known or "To be looked into."
