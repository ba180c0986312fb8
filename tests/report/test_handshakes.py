"""What the report says of TLS: a mix as a mix, the accepted share, and what resumption saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openclaw_locust.report.build import Report, load
from openclaw_locust.report.handshakes import (
    negotiated_line,
    negotiated_table,
    parts_note,
    resumption_lines,
)
from openclaw_locust.report.json_output import to_json
from openclaw_locust.report.markdown import to_markdown
from openclaw_locust.report.sections import ledger_line, phases_line, phases_table
from openclaw_locust.report.wording import CLOSED_P99, excluded, footnotes, model
from openclaw_locust.results import Model, RunFacts
from openclaw_locust.tls_results import Negotiation, Resumption
from tests.report.series_sets import Script
from tests.report.test_sections import printed

NAME = "OpenClawRating"
RESUMED = f"{NAME} (resumed)"
FULL = Negotiation(60, "TLSv1.3", "AES", "x25519", "ECDSA P-256", "ecdsa-with-SHA256", "http/1.1")


def report_of(folder: Path, script: Script | None = None, **facts: object) -> Report:
    script = script or Script().took("handshake", 5.0)
    goal = ("HANDSHAKE", "HTTP")
    made = RunFacts("wss://x/", goal=goal, series=script.series(), **facts)  # type: ignore[arg-type]
    made.write(folder / "run")
    return load(str(folder / "run"))


def test_what_all_connections_agreed_on_is_one_line(tmp_path: Path) -> None:
    report = report_of(tmp_path, negotiated=(FULL,))
    assert negotiated_line(report) == (
        "60 connections: TLSv1.3, AES, x25519, ECDSA P-256 certificate, "
        "signed ecdsa-with-SHA256, ALPN http/1.1, full"
    )
    assert negotiated_table(report).rows == []


def test_a_mix_shows_as_a_mix_and_what_is_common_is_said_once(tmp_path: Path) -> None:
    other = Negotiation(20, "TLSv1.2", "CBC", "x25519", "RSA 2048", "sha256", "http/1.1")
    report = report_of(tmp_path, negotiated=(FULL, other))
    assert negotiated_line(report) == "80 connections: x25519, ALPN http/1.1, full"
    found = {row.label: [cell.text for cell in row.cells] for row in negotiated_table(report).rows}
    assert found == {
        "TLSv1.3, AES, ECDSA P-256 certificate, signed ecdsa-with-SHA256": ["60", "75 %"],
        "TLSv1.2, CBC, RSA 2048 certificate, signed sha256": ["20", "25 %"],
    }
    markdown = to_markdown(report)
    assert "## Negotiated" in markdown
    assert "- 80 connections: x25519, ALPN http/1.1, full" in markdown
    facts = json.loads(to_json(report))["facts"]
    assert [row["count"] for row in facts["negotiated"]] == [60, 20]


def test_the_accepted_share_is_of_the_offered_and_the_saving_of_the_medians(tmp_path: Path) -> None:
    script = Script().took("tls", *[4.0] * 20)
    script.took("tls", *[3.0] * 20, name=RESUMED)
    for name, own in ((NAME, 1.5), (RESUMED, 0.25)):
        script.took("own", *[own] * 20, name=name).took("hello", *[2.0] * 20, name=name)
    resumed = Negotiation(20, "TLSv1.3", resumed=True)
    report = report_of(
        tmp_path,
        script,
        negotiated=(FULL, resumed),
        resumption=Resumption(0.5, offered=40, accepted=20, lacking=2, tickets=160, connections=80),
    )
    offered, tickets, saved = resumption_lines(report)
    assert offered == (
        "50 % of the connections were to offer a session: 40 did, 2 had none to offer; the server "
        "accepted 20 (50 % of the offered, 25 % of all)"
    )
    assert tickets == "2 session tickets for each connection"
    assert saved.startswith("a resumed handshake took 3 ms at P50, a full one 4 ms: resumption ")
    assert "saved 1 ms (25 %), waiting for the ServerHello went from 2 to 2 ms" in saved
    assert "our own computing went from 1.50 to 0.25 ms; TLS 1.3 saves no round trip" in saved
    assert "TLS 1.2" not in saved


def test_too_few_handshakes_of_one_kind_are_not_compared(tmp_path: Path) -> None:
    script = Script().took("tls", *[4.0] * 3).took("tls", *[3.0] * 20, name=RESUMED)
    report = report_of(tmp_path, script, resumption=Resumption(1.0, 20, 20, 3))
    assert "too few handshakes of one kind" in resumption_lines(report)[-1]
    assert not any("tickets" in line for line in resumption_lines(report))  # not counted


def test_savings_are_of_rows_of_one_name_and_each_says_whose(tmp_path: Path) -> None:
    script = Script()
    for name, saved_ms in (("a", 1.0), ("b", -2.0)):
        script.took("tls", *[4.0] * 10, name=name)
        script.took("tls", *[4.0 - saved_ms] * 10, name=f"{name} (resumed)")
    tls12 = Negotiation(40, "TLSv1.2")
    found = report_of(tmp_path, script, negotiated=(tls12,), resumption=Resumption(0.5, 20, 20, 0))
    *_, of_a, of_b = resumption_lines(found)
    assert of_a.startswith("a: a resumed handshake took 3 ms at P50, a full one 4 ms")
    assert of_a.endswith("saved 1 ms (25 %); TLS 1.2 saves a round trip too (RFC 5246, 7.3)")
    assert of_b.startswith("b: a resumed handshake took 6 ms at P50, a full one 4 ms")
    assert "resumption cost 2 ms (50 %)" in of_b


def test_what_can_be_saved_is_not_said_where_no_version_is_known(tmp_path: Path) -> None:
    script = Script().took("tls", *[4.0] * 10).took("tls", *[3.0] * 10, name=RESUMED)
    found = report_of(tmp_path, script, resumption=Resumption(0.5, 10, 10, 0))
    assert resumption_lines(found)[-1].endswith("resumption saved 1 ms (25 %)")


def test_the_parts_of_a_handshake_are_shares_of_it_alone(tmp_path: Path) -> None:
    script = Script().took("tcp", 0.4).took("tls", 1.6).took("hello", 0.4)
    script.took("own", 0.8).took("rest", 0.4).took("handshake", 2.0)
    report = report_of(tmp_path, script)
    table = phases_table(report)
    shares = {row.label.partition(" ")[0]: row.cells[1].text for row in table.rows}
    assert (shares["TCP"], shares["TLS"]) == ("20 %", "80 %")
    assert (shares["HELLO"], shares["OWN"], shares["REST"]) == ("25 %", "50 %", "25 %")
    assert "the generator's share" in parts_note(table)
    assert "the generator's share" in to_markdown(report)
    assert phases_line(report) == ""


def test_connections_are_called_connections(tmp_path: Path) -> None:
    script = Script().took("handshake", 5.0, at_s=3)
    report = report_of(tmp_path, script, model=Model("open", "9/s", "poisson", unit="connection"))
    assert "9/s poisson arrivals of connections" in model(report)
    assert "from the intended begin" in model(report)
    closed = report_of(tmp_path, script, model=Model(unit="connection"), warm_up_s=1)
    assert model(closed) == "closed model: each user ends its connection before its next"
    assert "0 connections" in excluded(closed)


def test_users_that_send_different_things_are_not_spoken_of_as_one(tmp_path: Path) -> None:
    mixed = report_of(tmp_path, model=Model(unit="send"))
    assert model(mixed) == "closed model: each user waits for what it sent before it sends again"


@pytest.mark.parametrize("kind", ["handshake", "http"])
def test_the_closed_model_s_p99_has_its_footnote(tmp_path: Path, kind: str) -> None:
    assert footnotes(report_of(tmp_path, Script().took(kind, 5.0))) == [CLOSED_P99]
    on_schedule = Model("open", "9/s", "constant", unit="connection")
    assert footnotes(report_of(tmp_path, Script().took(kind, 5.0), model=on_schedule)) == []


def test_a_row_s_name_is_broken_at_its_blanks(tmp_path: Path) -> None:
    script = Script().took("handshake", 5.0).took("handshake", 5.0, name=RESUMED)
    lines = printed(report_of(tmp_path, script), 80).splitlines()
    place = lines.index("(resumed)")
    assert lines[place - 1].startswith("HANDSHAKE OpenClawRating  ")


def test_the_ledger_of_connections_balances(tmp_path: Path) -> None:
    script = Script().took("handshake", 5.0, 6.0).failed("HANDSHAKE", "tls.eof").unsettled(3)
    report = report_of(tmp_path, script)
    assert ledger_line(report) == "3 sends: 2 ok (66.6 %), 1 failed (33.3 %) = balanced"
    assert '"failed": 1' in to_json(report)
