"""A healthy run: what Locust, our outputs and the server's own record say is the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.embedded import serve
from tests.locust_run import NAME, RUN_TIME, Run, run, run_all

USERS = 4


@dataclass(frozen=True)
class Measured:
    run: Run
    counts: dict[str, int]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    """Two runs at the same time: one against a prompt server, one against a known latency."""
    folder = tmp_path_factory.mktemp("healthy")
    load = ("-u", USERS, "-r", 100, "-t", RUN_TIME, "--pause", "20ms")
    with serve() as prompt, serve("--ack-delay", "20ms") as slow:
        servers = {"prompt": prompt, "slow": slow}
        cases = {
            name: ("--host", server.url, "--tls-ca", str(server.ca), *load)
            for name, server in servers.items()
        }
        runs = run_all(folder, cases)
        return {name: Measured(runs[name], server.counts()) for name, server in servers.items()}


@pytest.fixture(scope="module")
def healthy(measured: dict[str, Measured]) -> Run:
    return measured["prompt"].run


def test_the_run_passes_and_complains_of_nothing(healthy: Run) -> None:
    healthy.ended_with(0)
    assert healthy.errors == {}
    assert healthy.verdict.startswith("PASSED (exit 0): ")


@pytest.mark.parametrize("name", ["prompt", "slow"])
def test_acks_are_what_the_server_counted(measured: dict[str, Measured], name: str) -> None:
    run, counts = measured[name].run, measured[name].counts
    assert run.count("ACK") > 20, str(run)
    assert run.count("ACK") == counts["ratings"] == counts["acks"]
    assert counts["messages"] == counts["ratings"]
    assert run.failures("ACK") == 0


@pytest.mark.parametrize("name", ["prompt", "slow"])
def test_connections_are_what_the_server_counted(measured: dict[str, Measured], name: str) -> None:
    run, counts = measured[name].run, measured[name].counts
    assert run.count("TLS") == counts["tls_full"] + counts["tls_resumed"] == USERS
    assert run.count("UPGRADE") == counts["upgrades"] == USERS
    assert set(run.rows) == {("ACK", NAME), ("TLS", NAME), ("UPGRADE", NAME)}


def test_a_known_latency_is_measured_back(measured: dict[str, Measured]) -> None:
    run = measured["slow"].run
    acks = next(row for row in run.report_json["percentiles"] if row["type"] == "ACK")
    assert 20 <= acks["p50_ms"] < 100  # above lies only what a busy machine adds
    assert float(run.rows["ACK", NAME]["Min Response Time"]) >= 20


def test_json_has_the_figures_of_the_csv(healthy: Run) -> None:
    *rows, total = healthy.report_json["percentiles"]
    assert {(row["type"], row["name"]) for row in rows} == set(healthy.rows)
    for row in rows:
        csv = healthy.rows[row["type"], row["name"]]
        assert row["count"] == int(csv["Request Count"])
        assert row["failures"] == int(csv["Failure Count"])
        assert row["max_ms"] == int(float(csv["Max Response Time"]) * 1000) / 1000  # whole µs
        # Locust counts from its first request to its last, we over the whole run
        assert row["rate"] == pytest.approx(float(csv["Requests/s"]), rel=0.2)
    # Locust's own figures, in the same buckets, cut to whole milliseconds
    acks = next(row for row in rows if row["type"] == "ACK")
    csv = healthy.rows["ACK", NAME]
    for column, key in (("50%", "p50_ms"), ("95%", "p95_ms"), ("99%", "p99_ms")):
        assert acks[key] == pytest.approx(float(csv[column]), rel=0.05, abs=1)
    assert total["count"] == sum(row["count"] for row in rows)
    assert healthy.report_json["errors"] == []
    assert healthy.report_json["problems"] == []
    assert healthy.report_json["facts"].items() <= healthy.facts.items()


def test_the_written_and_the_later_report_have_the_figures_of_the_printed_one(
    healthy: Run,
) -> None:
    later = healthy.report("--no-write")
    assert later.returncode == 0
    printed = _figures(healthy.stdout)
    assert len(printed) == 4
    assert printed["ACK"][0] == f"{healthy.count('ACK'):,}".replace(",", "\u202f")
    assert _figures(later.stdout) == printed
    assert _figures(healthy.markdown.replace(" | ", " ").replace("*", "")) == printed
    assert later.stdout.rstrip().endswith(healthy.verdict)
    assert healthy.verdict in healthy.markdown.replace("&lt;", "<").replace("\\", "")


def test_every_output_says_that_the_run_writes_to_the_target(healthy: Run) -> None:
    note = f"ratings are writes: this run sent {healthy.count('ACK')} to the target"
    assert note in healthy.printed
    assert note in healthy.markdown
    assert note in healthy.facts["notes"]
    assert note in healthy.report_json["facts"]["notes"]
    assert "ratings are writes" in healthy.stderr.partition("Ramping to")[0]


def test_the_verdict_is_the_last_line_of_all_on_a_terminal_too(tmp_path: Path) -> None:
    with serve("--no-tls") as server:
        load = ("--host", server.url, "-u", 1, "-t", RUN_TIME, "--pause", "50ms")
        done = run(tmp_path, *load, csv=False, merged=True)
    done.ended_with(0)
    assert done.verdict.startswith("PASSED (exit 0): ")


def _figures(text: str) -> dict[str, list[str]]:
    """Return the figures of each row of a printed table, without the rate: it goes on."""
    rows = re.findall(
        rf"^\W*(?:(ACK|TLS|UPGRADE) {NAME}|Aggregated)\s+(\d.*?)\W*$", text, re.MULTILINE
    )
    figures = {kind: re.findall(r"[\d.,\u202f]+", rest) for kind, rest in rows}
    return {kind: [*found[:3], *found[4:]] for kind, found in figures.items()}
