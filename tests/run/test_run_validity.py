"""A busy generator is never shown as a slow server; what it cannot carry is refused at once."""

from __future__ import annotations

import resource
import signal
import time
from pathlib import Path

import pytest

from tests.embedded import Served, serve
from tests.locust_run import NAME, free_port, run, start

BUSY = Path(__file__).with_name("busy_locustfile.py")


@pytest.fixture(scope="module")
def server() -> Served:
    with serve("--ack-delay", "20ms") as served:
        yield served


def options(server: Served) -> tuple[str | Path, ...]:
    assert server.ca is not None
    return ("--host", server.url, "--tls-ca", server.ca)


def test_an_overloaded_generator_makes_the_run_invalid_and_says_why(
    server: Served, tmp_path: Path
) -> None:
    found = run(
        tmp_path,
        *(*options(server), "-u", 60, "-r", 100, "-t", "6s", "--pause", "0"),
        file=BUSY,
    )
    found.ended_with(98)
    assert found.verdict.startswith("INVALID (exit 98): the generator"), found.verdict
    assert "--processes" in found.verdict
    validity = found.report_json["validity"]
    assert not validity["valid"]
    assert any("event loop" in reason for reason in validity["reasons"])
    acks = next(row for row in found.report_json["percentiles"] if row["type"] == "ACK")
    # the server needs 20 ms for each; what is measured is our own queue
    assert acks["p50_ms"] > 100
    process = validity["processes"][0]
    assert process["figures"]["cpu_mean"] > 0.5
    assert process["figures"]["lag_p95_ms"] > 20


def test_a_generator_that_stood_still_makes_the_run_invalid(server: Served, tmp_path: Path) -> None:
    with start(tmp_path, *options(server), "-u", 2, "-r", 10, "-t", "5s") as running:
        running.wait_for(lambda: "All users spawned" in running.stderr)
        running.send(signal.SIGSTOP)
        time.sleep(1.0)  # this is what is done to it, no wait for luck
        running.send(signal.SIGCONT)
        found = running.wait()
    found.ended_with(98)
    assert "stood still for" in found.verdict
    assert found.facts["invalid"]


def test_a_worker_that_stood_still_is_named(server: Served, tmp_path: Path) -> None:
    port = free_port()
    to = (*options(server), "--master", "--master-bind-port", port, "--expect-workers", 2)
    worker = ("--worker", "--master-port", port)
    with (
        start(tmp_path / "master", *to, "-u", 4, "-r", 10, "-t", "7s") as master,
        start(tmp_path / "a", *worker, headless=False, csv=False),
        start(tmp_path / "b", *worker, headless=False, csv=False) as b,
    ):
        master.wait_for(lambda: "All users spawned" in master.stderr)
        b.send(signal.SIGSTOP)
        time.sleep(1.0)
        b.send(signal.SIGCONT)
        found = master.wait()
    found.ended_with(98)
    stood_still = [line for line in found.facts["invalid"] if "stood still" in line]
    assert len(stood_still) == 1
    assert "(index" in stood_still[0]
    assert len(found.facts["generator"]) == 2


def test_a_healthy_generator_says_how_it_fared(server: Served, tmp_path: Path) -> None:
    found = run(tmp_path, *options(server), "-u", 4, "-r", 10, "-t", "5s").ended_with(0)
    assert found.facts["invalid"] == []
    (process,) = found.facts["generator"]
    figures = process["figures"]
    assert 0 < figures["cpu_mean"] < 0.95
    assert figures["descriptors_limit"] > figures["descriptors"] > 0
    assert "event loop late by" in found.printed
    assert found.rows[("ACK", NAME)]


def test_more_users_than_descriptors_are_refused_with_the_number_to_set(
    server: Served, tmp_path: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    users = hard + 1
    if users > 20_000_000:
        pytest.skip("this machine has no limit of descriptors")
    assert soft <= hard
    found = run(tmp_path, *options(server), "-u", users, "-r", 10, "-t", "1s").ended_with(2)
    (line,) = found.complaints
    assert "too many users for this machine" in line
    assert f"ulimit -n {users + 32}" in line or "ip_local_port_range" in line
