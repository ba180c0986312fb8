"""What the report says of TLS: what was negotiated, what was resumed, and what that saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_locust.report.marks import Cell, Column, FigureTable, TableRow
from openclaw_locust.report.numbers import format_count, format_ms, format_number, format_share
from openclaw_locust.report.wording import one_line
from openclaw_locust.users.row_names import RESUMED

if TYPE_CHECKING:
    from openclaw_locust.judging.figures import Figures
    from openclaw_locust.report.build import Report
    from openclaw_locust.tls_results import Negotiation

PARTS = ("HELLO", "OWN", "REST")
"""The parts of a TLS handshake."""

_PARTS_NOTE = (
    "HELLO, OWN and REST are the parts of TLS: from the ClientHello to the ServerHello (network "
    "and server), our own computing (the generator's share, not the server's), other waiting."
)

_LEAST_TO_COMPARE = 10
_FACTS = ("version", "cipher", "group", "key", "signature", "alpn", "handshake")


def parts_note(table: FigureTable) -> str:
    """Return what the parts of TLS are, where a table of phases has them."""
    names = {row.label.partition(" ")[0] for row in table.rows}
    return _PARTS_NOTE if names & set(PARTS) else ""


def negotiated_table(report: Report) -> FigureTable:
    """Return how many connections agreed on what; what all have in common is left to the line."""
    found = report.facts.negotiated if report.facts else ()
    total = sum(each.count for each in found)
    varying = [name for name in _FACTS if len({getattr(each, name) for each in found}) > 1]
    rows = [
        TableRow(
            one_line(_words(each, varying)),
            [Cell(format_count(each.count)), Cell(format_share(each.count / total))],
        )
        for each in found
        if total
    ]
    columns = (Column("connections"), Column("share"))
    return FigureTable(columns, rows if varying else [])


def negotiated_line(report: Report) -> str:
    """Return what all connections agreed on; empty when there is nothing that they all did."""
    found = report.facts.negotiated if report.facts else ()
    if not found:
        return ""
    common = [name for name in _FACTS if len({getattr(each, name) for each in found}) == 1]
    words = _words(found[0], common)
    total = sum(each.count for each in found)
    noun = "connection" if total == 1 else "connections"
    return one_line(f"{format_count(total)} {noun}: {words}") if words else ""


def connection_lines(report: Report) -> list[str]:
    """Return what is known of the run's connections, a line each."""
    details = report.facts.details if report.facts else ()
    return list(filter(None, (*details, negotiated_line(report))))


def _words(each: Negotiation, names: list[str]) -> str:
    parts = {name: getattr(each, name) for name in names}
    if parts.get("key") and each.key:
        parts["key"] = f"{each.key} certificate"
    if parts.get("signature"):
        parts["signature"] = f"signed {each.signature}"
    if parts.get("alpn"):
        parts["alpn"] = f"ALPN {each.alpn}"
    return ", ".join(filter(None, parts.values()))


def resumption_lines(report: Report) -> list[str]:
    """Return what was offered, what was accepted, the tickets and the time saved, a line each."""
    facts = report.facts
    found = facts.resumption if facts else None
    if facts is None or found is None:
        return []
    lines = []
    handshakes = sum(each.count for each in facts.negotiated)
    if found.asked or found.offered:
        text = f"{format_share(found.asked)} of the connections were to offer a session"
        text += f": {format_count(found.offered)} did"
        if found.lacking:
            text += f", {format_count(found.lacking)} had none to offer"
        if found.offered:
            text += (
                f"; the server accepted {format_count(found.accepted)} "
                f"({format_share(found.accepted / found.offered)} of the offered"
            )
            text += f", {format_share(found.accepted / handshakes)} of all)" if handshakes else ")"
        lines.append(text)
    if found.tickets is not None and found.connections:
        per = format_number(found.tickets / found.connections)
        lines.append(f"{per} session tickets for each connection")
    return lines + _savings(report)


def _savings(report: Report) -> list[str]:
    rows = report.measured.requests if report.measured else ()
    by_name = {row.name: row for row in rows if row.type == "TLS"}
    pairs = [
        (name, full, resumed)
        for name, full in by_name.items()
        if (resumed := by_name.get(f"{name} {RESUMED}")) is not None
    ]
    lines = []
    for name, full, resumed in pairs:
        if full.p50_ms is None or resumed.p50_ms is None:
            continue
        of_whom = f"{name}: " if len(pairs) > 1 else ""
        if min(_successes(full), _successes(resumed)) < _LEAST_TO_COMPARE:
            lines.append(
                f"{of_whom}too few handshakes of one kind to compare full with resumed; a share "
                "between (--tls-resume 50%) gives both"
            )
            continue
        saved = full.p50_ms - resumed.p50_ms
        verb = "saved" if saved >= 0 else "cost"
        lines.append(
            f"{of_whom}a resumed handshake took {format_ms(resumed.p50_ms)} ms at P50, a full one "
            f"{format_ms(full.p50_ms)} ms: resumption {verb} {format_ms(abs(saved))} ms "
            f"({format_share(abs(saved) / full.p50_ms)}){_parts(report, name)}{_why(report)}"
        )
    return [one_line(line) for line in lines]


def _parts(report: Report, name: str) -> str:
    """Return how the server's part and ours changed: what we save by it is not the server's."""
    phases = report.measured.phases if report.measured else ()
    p50 = {(row.type, row.name): row.p50_ms for row in phases}
    words = []
    for part, what in (("HELLO", "waiting for the ServerHello"), ("OWN", "our own computing")):
        full, resumed = p50.get((part, name)), p50.get((part, f"{name} {RESUMED}"))
        if full is not None and resumed is not None:
            words.append(f"{what} went from {format_ms(full)} to {format_ms(resumed)} ms")
    return "".join(f", {each}" for each in words)


def _successes(row: Figures) -> int:
    return row.count - row.failures


def _why(report: Report) -> str:
    """Return what can be saved at all with the versions that were negotiated."""
    versions = {each.version for each in report.facts.negotiated} if report.facts else set()
    tls13 = "TLS 1.3 saves no round trip by it, only certificate and signature (RFC 8446, 2.2)"
    tls12 = "TLS 1.2 saves a round trip too (RFC 5246, 7.3)"
    words = [words for name, words in (("TLSv1.3", tls13), ("TLSv1.2", tls12)) if name in versions]
    return f"; {', '.join(words)}" if words else ""
