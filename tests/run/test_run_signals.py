"""SIGINT and SIGTERM in the middle: nothing is lost, the verdict is made, the end is soon."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.embedded import serve
from tests.locust_run import Run, RunningLocust, start
from tests.run.odd_service import OddService

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@dataclass(frozen=True)
class Interrupted:
    run: Run
    counts: dict[str, int]


def interrupt(folder: Path, number: signal.Signals, delay: str, pause: str) -> Interrupted:
    """Load a fresh server, without an end of its own, and interrupt it."""
    with serve("--ack-delay", delay) as server:
        assert server.ca
        reach = ("--host", server.url, "--tls-ca", server.ca)
        with start(folder, *reach, "-u", 5, "-r", 100, "--pause", pause) as running:
            running.wait_for(lambda: "All users spawned" in running.stderr)
            running.wait_for(lambda: acks_in_tables(running) > 0)
            running.send(number)
            return Interrupted(running.wait(30), server.counts())


def acks_in_tables(running: RunningLocust) -> int:
    """Return the ACK count of the last table that Locust has printed."""
    rows = [line.split() for line in running.stderr.splitlines() if line.startswith("ACK ")]
    return int(rows[-1][2]) if rows else 0


@pytest.fixture(scope="module")
def interrupted(
    odd: OddService, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Interrupted]:
    """All interruptions at the same time; each waits for its own moment."""
    folder = tmp_path_factory.mktemp("interrupted")

    def while_waiting(path: str, number: signal.Signals, *options: str) -> Interrupted:
        load = ("--host", odd.url(path), "-u", 2, "-r", 50)
        with start(folder / path.rpartition("/")[2], *load, *options) as running:
            running.wait_for(lambda: odd.seen(path).ratings == 2)
            running.send(number)
            return Interrupted(running.wait(30), {"open": odd.seen(path).open})

    def while_refused() -> Interrupted:
        args = ("--host", "ws://127.0.0.1:1/", "-u", 5, "-r", 50)
        with start(folder / "refused", *args) as running:
            running.wait_for(lambda: "UPGRADE " in running.stderr)
            running.send(signal.SIGTERM)
            return Interrupted(running.wait(30), {})

    with ThreadPoolExecutor() as pool:
        moments = {
            f"{name}-{number.name}": pool.submit(
                interrupt, folder / f"{name}-{number.name}", number, *load
            )
            for name, load in {"fast": ("5ms", "100ms"), "slow": ("1500ms", "0")}.items()
            for number in SIGNALS
        }
        moments["before-any-ack"] = pool.submit(
            while_waiting, "/silent/before-any-ack", signal.SIGINT, "--ack-timeout", "2s"
        )
        patience = ("--ack-timeout", "60s", "--stop-timeout", "1")
        moments["stop-timeout"] = pool.submit(
            while_waiting, "/silent/stop-timeout", signal.SIGTERM, *patience
        )
        moments["refused"] = pool.submit(while_refused)
        return {name: moment.result() for name, moment in moments.items()}


@pytest.mark.parametrize("number", SIGNALS)
def test_nothing_is_lost_at_a_signal(
    interrupted: dict[str, Interrupted], number: signal.Signals
) -> None:
    done = interrupted[f"fast-{number.name}"]
    run, counts = done.run.ended_with(0), done.counts
    assert run.count("ACK") == counts["ratings"] == counts["acks"] > 5
    assert run.errors == {}
    assert run.count("TLS") == counts["tls_full"] + counts["tls_resumed"] == 5
    assert run.verdict.startswith("PASSED (exit 0): ")
    assert run.report_json["verdict"]["status"] == "passed"


@pytest.mark.parametrize("number", SIGNALS)
def test_acks_that_are_on_their_way_at_a_signal_are_counted(
    interrupted: dict[str, Interrupted], number: signal.Signals
) -> None:
    """With so long a delay and no pause every user waits for an ack at any moment."""
    done = interrupted[f"slow-{number.name}"]
    run, counts = done.run.ended_with(99), done.counts  # over every limit
    assert run.count("ACK") == counts["ratings"] == counts["acks"] >= 10
    assert run.errors == {}


def test_a_signal_before_any_ack_is_a_run_that_measured_nothing(
    interrupted: dict[str, Interrupted],
) -> None:
    run = interrupted["before-any-ack"].run.ended_with(1)
    assert run.errors == {("ACK", "app.ack.timeout"): 2}
    assert interrupted["before-any-ack"].counts["open"] == 0
    assert run.verdict.startswith("FAILED (exit 1): nothing was measured")


def test_a_signal_while_users_wait_for_their_next_attempt_ends_the_run(
    interrupted: dict[str, Interrupted],
) -> None:
    assert set(interrupted["refused"].run.ended_with(1).errors) == {("UPGRADE", "tcp.refused")}


def test_stop_timeout_bounds_the_wait_and_names_what_was_not_waited_for(
    interrupted: dict[str, Interrupted],
) -> None:
    run = interrupted["stop-timeout"].run.ended_with(1)
    assert run.errors == {("ACK", "gen.stopped"): 2}
    assert interrupted["stop-timeout"].counts["open"] == 0


MARKED = """
from openclaw_locust import RatingUser

class Marked(RatingUser):
    def on_stop(self):
        print("draining", flush=True)
        super().on_stop()
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_ends_the_wait_and_the_report_still_comes(
    tmp_path: Path, odd: OddService, number: signal.Signals
) -> None:
    """The first one waits for acks that never come, up to a minute here."""
    path = f"/silent/twice-{number.name}"
    file = tmp_path / "marked.py"
    file.write_text(MARKED)
    args = ("--host", odd.url(path), "-u", 2, "-r", 50, "--ack-timeout", "60s")
    with start(tmp_path, *args, file=file) as running:
        running.wait_for(lambda: odd.seen(path).ratings == 2)
        running.send(number)
        running.wait_for(lambda: running.stdout.count("draining") == 2)
        running.send(number)
        run = running.wait(30).ended_with(1)
    assert run.errors == {("ACK", "gen.stopped"): 2}
    assert run.verdict.startswith("FAILED (exit 1): nothing was measured: every ACK request failed")
    assert odd.seen(path).open == 0


BUSY = """
import time

from locust import task
from openclaw_locust import RatingUser

class Busy(RatingUser):
    @task
    def think_and_rate(self):
        print("at work", flush=True)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            pass
        self.send_rating(self.draw())
"""

BUSY_WRITER = """
import time

from locust import stats
from openclaw_locust import RatingUser

class Rating(RatingUser):
    pass

class BusyWriter(stats.StatsCSVFileWriter):
    def requests_flush(self):
        print("at work", flush=True)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            pass
        super().requests_flush()

stats.StatsCSVFileWriter = BusyWriter
stats.CSV_STATS_FLUSH_INTERVAL_SEC = 1
"""


@pytest.mark.parametrize("at_work", ["user", "writer"])
def test_ctrl_c_hits_nobody_who_happens_to_be_at_work(
    tmp_path: Path, odd: OddService, at_work: str
) -> None:
    """Python would raise KeyboardInterrupt in the greenlet that runs.

    A user would die of it with a traceback, and Locust's writer of the CSV would swallow it.
    """
    file = tmp_path / "busy.py"
    file.write_text({"user": BUSY, "writer": BUSY_WRITER}[at_work])
    path = f"/good/busy-{at_work}"
    with start(tmp_path, "--host", odd.url(path), "--pause", "100ms", file=file) as running:
        # the second time: Locust's own start is over
        running.wait_for(lambda: running.stdout.count("at work") == 2)
        running.send(signal.SIGINT)
        # a locustfile that holds everything up for a second makes its own figures invalid
        run = running.wait(30).ended_with(98)
    assert "stood still" in run.verdict
    assert run.count("ACK") == odd.seen(path).ratings >= 2
