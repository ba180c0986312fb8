"""``--demo``: the embedded server comes and goes with the run, and every output says that it is."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.locust_run import RUN_TIME, Argument, Run, RunningLocust, start

LOAD: tuple[Argument, ...] = ("--demo", "-u", 3, "-r", 50, "--pause", "50ms")
SIGNALS = [signal.SIGINT, signal.SIGTERM]
NOTE = "embedded server on this machine, not a real service"


@dataclass(frozen=True)
class Demo:
    """A run that has ended, and its embedded server's process."""

    run: Run
    server: psutil.Process


def find_server(running: RunningLocust) -> psutil.Process:
    """Return the server's process as soon as the load goes to it."""
    running.wait_for(lambda: "All users spawned" in running.stderr)
    children = psutil.Process(running.process.pid).children()
    (server,) = (child for child in children if "serve" in child.cmdline())
    return server


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Demo]:
    """One demo that goes to its end, and one for each signal, at the same time."""
    folder = tmp_path_factory.mktemp("demo")

    def whole() -> Demo:
        with start(folder / "whole", *LOAD, "-t", RUN_TIME) as running:
            server = find_server(running)
            return Demo(running.wait(), server)

    def interrupted(number: signal.Signals) -> Demo:
        with start(folder / number.name, *LOAD) as running:
            server = find_server(running)
            running.wait_for(lambda: "ACK " in running.stderr)
            running.send(number)
            return Demo(running.wait(), server)

    with ThreadPoolExecutor() as pool:
        futures = {number.name: pool.submit(interrupted, number) for number in SIGNALS}
        futures["whole"] = pool.submit(whole)
        return {name: future.result() for name, future in futures.items()}


@pytest.fixture(scope="module")
def whole(demos: dict[str, Demo]) -> Demo:
    return demos["whole"]


def test_it_passes_and_every_output_says_that_it_is_the_embedded_server(whole: Demo) -> None:
    run = whole.run.ended_with(0)
    assert NOTE in run.printed
    assert NOTE in run.stderr.partition("Ramping to")[0]
    assert NOTE in run.markdown
    assert NOTE in run.facts["notes"]
    assert NOTE in run.report_json["facts"]["notes"]
    assert NOTE in run.report("--no-write").stdout


def test_the_server_s_own_count_is_ours(whole: Demo) -> None:
    run = whole.run
    acks = run.count("ACK")
    assert acks > 3
    line = (
        f"the server's own count: {acks} ratings read, {acks} acks sent; "
        f"ours: {acks} sent, {acks} acked"
    )
    assert line in run.facts["details"]
    assert line in run.printed


def test_it_goes_over_verified_tls_with_a_known_latency(whole: Demo) -> None:
    run = whole.run
    assert run.count("TLS") == run.count("UPGRADE") == 3
    assert "NOT verified" not in run.printed
    acks = next(row for row in run.report_json["percentiles"] if row["type"] == "ACK")
    assert acks["p50_ms"] >= 15  # 20 ms, 5 up or down


def test_its_process_and_its_files_are_gone_at_the_end(whole: Demo) -> None:
    run, server = whole.run, whole.server
    assert not server.is_running()
    (trust,) = (line for line in run.facts["details"] if line.startswith("trust: "))
    authority = Path(trust.removeprefix("trust: ").partition(" (")[0])
    assert authority.name == "ca.pem"
    assert not authority.parent.exists()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_server_too(demos: dict[str, Demo], number: signal.Signals) -> None:
    run, server = demos[number.name].run.ended_with(0), demos[number.name].server
    assert not server.is_running()
    assert NOTE in run.printed
    acks = run.count("ACK")
    assert f"the server's own count: {acks} ratings read, {acks} acks sent" in run.printed


def test_the_server_ends_by_itself_when_locust_is_killed(tmp_path: Path) -> None:
    with start(tmp_path, *LOAD) as running:
        server = find_server(running)
        running.send(signal.SIGKILL)
        running.process.wait(10)
        wait_until_gone(server)


def test_a_missing_extra_is_one_line_with_the_way_to_install_it(tmp_path: Path) -> None:
    stub = 'raise ModuleNotFoundError("No module named \'aiohttp\'", name="aiohttp")'
    (tmp_path / "aiohttp.py").write_text(stub)
    with start(tmp_path, *LOAD, "-t", "1s", env={"PYTHONPATH": str(tmp_path)}) as running:
        run = running.wait()
    assert run.exit_code == 2, str(run)
    assert len(run.complaints) == 1, str(run)
    assert "pip install 'openclaw-locust[server]'" in run.complaints[0]


def wait_until_gone(process: psutil.Process, limit_s: float = 15) -> None:
    deadline = time.monotonic() + limit_s
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"{process} is still there"
        time.sleep(0.02)
