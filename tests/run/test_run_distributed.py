"""Master and workers: every worker's samples are in the report, and what is missing is named.

All counts are held against the embedded server's own record.
"""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.embedded import Served, serve
from tests.locust_run import Run, RunningLocust, free_port, start


@dataclass
class Ended:
    """A distributed run that has ended."""

    run: Run
    counts: dict[str, int]
    workers: list[Run] = field(default_factory=list)
    orphans_acks: int = 0  # as the server of a master that was killed has counted

    def shares(self) -> list[int]:
        """Return the requests of each worker, as the report says."""
        lines = [line for line in self.run.facts["details"] if line.startswith("worker ")]
        return [int(line.rsplit(": ", 1)[1].split()[0]) for line in lines]


class Cluster:
    """A server, a master and workers that were started apart."""

    def __init__(self, folder: Path, stack: ExitStack, *server: str) -> None:
        self._folder, self._stack = folder, stack
        self.server: Served = stack.enter_context(serve(*server))
        self.port = free_port()
        self.workers: list[RunningLocust] = []
        self.master: RunningLocust

    def start_master(self, *args: str | int) -> None:
        assert self.server.ca
        place = ("--master-bind-host", "127.0.0.1", "--master-bind-port", self.port)
        target = ("--host", self.server.url, "--tls-ca", self.server.ca)
        self.master = self._stack.enter_context(
            start(self._folder / "master", "--master", *place, *target, *args)
        )

    def start_worker(self, *args: str | Path) -> RunningLocust:
        place = ("--master-host", "127.0.0.1", "--master-port", self.port)
        folder = self._folder / f"worker-{len(self.workers)}"
        worker = self._stack.enter_context(
            start(folder, "--worker", *place, *args, headless=False, csv=False)
        )
        self.workers.append(worker)
        return worker

    def wait_for_spawning(self) -> None:
        self.master.wait_for(lambda: "All users spawned" in self.master.stderr)

    def wait_for_acks(self, count: int) -> None:
        """Wait until the master's table has so many: so many were reported by workers."""
        self.master.wait_for(lambda: acks_in_tables(self.master) >= count)

    def end(self, limit_s: float = 40) -> Ended:
        run = self.master.wait(limit_s)
        return Ended(run, self.server.counts(), [worker.wait(20) for worker in self.workers])


def acks_in_tables(running: RunningLocust) -> int:
    rows = [line.split() for line in running.stderr.splitlines() if line.startswith("ACK ")]
    return int(rows[-1][2]) if rows else 0


def two_workers(folder: Path) -> Ended:
    with ExitStack() as stack:
        cluster = Cluster(folder, stack, "--ack-delay", "5ms")
        cluster.start_master("--expect-workers", 2, "-u", 8, "-r", 8, "-t", "5s", "--pause", "50ms")
        for _ in range(2):
            cluster.start_worker("--pause", "20s")  # overwritten by the master's
        return cluster.end()


def own_certificates(folder: Path) -> Ended:
    """The master knows no client certificate; each worker has its own."""
    with ExitStack() as stack:
        cluster = Cluster(folder, stack, "--mtls")
        cluster.start_master("--expect-workers", 1, "-u", 2, "-r", 2, "-t", "3s", "--pause", "50ms")
        assert cluster.server.client_cert
        assert cluster.server.client_key
        cert, key = cluster.server.client_cert, cluster.server.client_key
        cluster.start_worker("--client-cert", cert, "--client-key", key)
        return cluster.end()


def killed_worker(folder: Path) -> Ended:
    with ExitStack() as stack:
        cluster = Cluster(folder, stack, "--ack-delay", "5ms")
        cluster.start_master("--expect-workers", 2, "-u", 8, "-r", 8, "-t", "8s", "--pause", "50ms")
        victim = cluster.start_worker()
        cluster.start_worker()
        cluster.wait_for_acks(1)
        victim.send(signal.SIGKILL)
        return cluster.end()


def ended_worker(folder: Path) -> Ended:
    """A worker that is told to end gives its last word before it goes."""
    with ExitStack() as stack:
        cluster = Cluster(folder, stack, "--ack-delay", "300ms")
        cluster.start_master("--expect-workers", 2, "-u", 8, "-r", 8, "-t", "7s", "--pause", "0")
        leaver = cluster.start_worker()
        cluster.start_worker()
        cluster.wait_for_acks(1)
        leaver.send(signal.SIGTERM)
        return cluster.end()


def lone_worker(folder: Path, number: signal.Signals) -> Ended:
    """The only worker of a run without an end of its own is gone: killed, or told to end."""
    with ExitStack() as stack:
        cluster = Cluster(folder, stack, "--ack-delay", "5ms")
        cluster.start_master("--expect-workers", 1, "-u", 4, "-r", 4, "--pause", "50ms")
        cluster.start_worker()
        cluster.wait_for_acks(1)
        cluster.workers[0].send(number)
        return cluster.end()


def late_worker(folder: Path) -> Ended:
    with ExitStack() as stack:
        cluster = Cluster(folder, stack, "--ack-delay", "5ms")
        cluster.start_master("--expect-workers", 1, "-u", 8, "-r", 8, "-t", "9s", "--pause", "50ms")
        cluster.start_worker()
        cluster.wait_for_spawning()
        cluster.start_worker()
        return cluster.end()


def refusing_worker(folder: Path) -> Ended:
    with ExitStack() as stack:
        cluster = Cluster(folder, stack)
        cluster.start_master("--expect-workers", 1, "-u", 2, "-r", 2, "-t", "30s")
        cluster.start_worker("--tls-ca", "not-on-this-machine.pem")
        return cluster.end()


def interrupted_master(folder: Path) -> Ended:
    with ExitStack() as stack:
        cluster = Cluster(folder, stack, "--ack-delay", "500ms")
        cluster.start_master("--expect-workers", 2, "-u", 8, "-r", 8, "--pause", "0")
        for _ in range(2):
            cluster.start_worker()
        cluster.wait_for_acks(1)
        cluster.master.send(signal.SIGINT)
        return cluster.end()


def terminated_master(folder: Path) -> Ended:
    """It alone is told to end, and before its time."""
    with ExitStack() as stack:
        cluster = Cluster(folder, stack, "--ack-delay", "300ms")
        cluster.start_master("--expect-workers", 2, "-u", 8, "-r", 8, "-t", "60s", "--pause", "0")
        for _ in range(2):
            cluster.start_worker()
        cluster.wait_for_acks(1)
        cluster.master.send(signal.SIGTERM)
        return cluster.end()


def killed_master(folder: Path) -> Ended:
    """Its workers stop by themselves; a new master on the same port gets nothing of theirs."""
    with ExitStack() as stack:
        cluster = Cluster(folder, stack, "--ack-delay", "5ms")
        cluster.start_master(
            "--expect-workers", 1, "-u", 4, "-r", 4, "-t", "60s", "--pause", "50ms"
        )
        cluster.start_worker()
        cluster.wait_for_acks(1)
        cluster.master.send(signal.SIGKILL)
        cluster.master.process.wait()

        heir = Cluster(folder / "heir", stack, "--ack-delay", "5ms")
        heir.port = cluster.port
        heir.start_master("--expect-workers", 1, "-u", 4, "-r", 4, "-t", "4s", "--pause", "50ms")
        heir.start_worker()
        ended = heir.end()
        started = time.monotonic()
        orphan = cluster.workers[0].wait(20)
        assert time.monotonic() - started < 20
        acks = cluster.server.counts()["acks"]
        return Ended(ended.run, ended.counts, [orphan], acks)


def processes() -> tuple[str | int, ...]:
    """Two worker processes, on a port of their own."""
    port = free_port()
    return "--processes", 2, "--master-bind-port", port, "--master-port", port


def forked(folder: Path, *args: str | int, server: str = "5ms", interrupts: int = 0) -> Ended:
    """``--processes 2``; an interrupt goes to the whole group, as Ctrl-C on a terminal does."""
    with serve("--ack-delay", server) as served:
        assert served.ca
        target = ("--host", served.url, "--tls-ca", served.ca)
        with start(folder, *processes(), *target, *args, new_session=True) as running:
            if interrupts:
                running.wait_for(lambda: acks_in_tables(running) > 0)
            for number in range(interrupts):
                if number:
                    running.wait_for(lambda: "ending the run" in running.stderr)
                os.killpg(running.process.pid, signal.SIGINT)
            return Ended(running.wait(40), served.counts())


def demo(folder: Path) -> Ended:
    with start(folder, *processes(), "--demo", "-u", 4, "-r", 4, "-t", "4s") as running:
        return Ended(running.wait(40), {})


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """All runs, some at the same time: most of a run is waiting."""
    folder = tmp_path_factory.mktemp("distributed")
    whole = (two_workers, own_certificates, killed_worker, ended_worker, late_worker)
    whole += (refusing_worker, interrupted_master, terminated_master, killed_master, demo)
    with ThreadPoolExecutor(4) as pool:
        runs = {make.__name__: pool.submit(make, folder / make.__name__) for make in whole}
        load = ("-u", 6, "-r", 6, "--pause", "0")
        for name, number in (("lone_killed", signal.SIGKILL), ("lone_ended", signal.SIGTERM)):
            runs[name] = pool.submit(lone_worker, folder / name, number)
        runs["slow_acks"] = pool.submit(forked, folder / "slow", *load, "-t", "4s", server="3s")
        runs["ctrl_c"] = pool.submit(forked, folder / "ctrl-c", *load, server="500ms", interrupts=1)
        runs["ctrl_c_twice"] = pool.submit(
            forked, folder / "twice", *load, server="2s", interrupts=2
        )
        return {name: run.result() for name, run in runs.items()}


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("two_workers", 0),
        ("late_worker", 0),
        ("interrupted_master", 99),
        ("slow_acks", 99),
        ("ctrl_c", 99),
    ],
)
def test_no_sample_is_lost_when_nobody_is_killed(
    ended: dict[str, Ended], case: str, code: int
) -> None:
    run, counts = ended[case].run.ended_with(code), ended[case].counts
    assert run.count("ACK") == counts["ratings"] == counts["acks"] > 5
    assert run.failures("ACK") == 0
    assert run.facts["incomplete"] == []
    assert run.report_json["verdict"]["exit_code"] == code, "the files say what was judged"


def test_the_report_has_each_workers_share(ended: dict[str, Ended]) -> None:
    shares = ended["two_workers"].shares()
    run = ended["two_workers"].run
    assert len(shares) == 2
    assert min(shares) > 0
    assert sum(shares) == sum(int(row["Request Count"]) for row in run.rows.values())


def test_the_masters_options_rule_the_workers(ended: dict[str, Ended]) -> None:
    """A pause of 20 s, the workers' own, would have given 8 ratings."""
    assert ended["two_workers"].run.count("ACK") > 16


def test_a_path_that_a_worker_was_given_itself_wins(ended: dict[str, Ended]) -> None:
    run = ended["own_certificates"].run.ended_with(0)
    assert run.count("ACK") == ended["own_certificates"].counts["acks"] > 5


def test_a_killed_worker_makes_the_run_incomplete_by_name(ended: dict[str, Ended]) -> None:
    run, counts = ended["killed_worker"].run.ended_with(98), ended["killed_worker"].counts
    (line,) = run.facts["incomplete"]
    assert "did not answer at the end" in line
    assert "(index " in line
    assert line in run.printed
    assert "did not answer at the end" in run.markdown
    assert run.verdict.startswith("INCOMPLETE (exit 98): worker ")
    assert 0 < run.count("ACK") < counts["ratings"], "what it had not reported is missing"


def test_a_master_that_is_told_to_end_drains_its_workers_first(ended: dict[str, Ended]) -> None:
    case = ended["terminated_master"]
    run = case.run.ended_with(98)
    assert run.verdict.startswith("INCOMPLETE (exit 98): ended by SIGTERM after ")
    assert run.count("ACK") == case.counts["ratings"] == case.counts["acks"] > 5
    for worker in case.workers:
        worker.ended_with(0)


def test_a_worker_that_ends_early_makes_the_run_incomplete_and_loses_nothing(
    ended: dict[str, Ended],
) -> None:
    run, counts = ended["ended_worker"].run.ended_with(98), ended["ended_worker"].counts
    assert run.count("ACK") == counts["ratings"] == counts["acks"] > 5
    (line,) = run.facts["incomplete"]
    assert "(index " in line
    assert " s before the end: what it measured is here" in line
    ended["ended_worker"].workers[0].ended_with(0)


@pytest.mark.parametrize("case", ["lone_killed", "lone_ended"])
def test_a_run_ends_with_its_last_worker_and_says_so(ended: dict[str, Ended], case: str) -> None:
    """Locust's master waits for ever when the last one was killed."""
    run = ended[case].run.ended_with(98)
    assert run.verdict.startswith("INCOMPLETE (exit 98): ended by the loss of its last worker")
    assert run.count("ACK") > 0
    if case == "lone_killed":
        assert "did not answer at the end" in run.printed
    else:
        assert run.count("ACK") == ended[case].counts["ratings"]


def test_a_worker_that_joins_late_is_in_the_report(ended: dict[str, Ended]) -> None:
    assert len(ended["late_worker"].shares()) == 2


def test_a_worker_that_cannot_run_fails_the_run_with_its_reason(ended: dict[str, Ended]) -> None:
    run = ended["refusing_worker"].run.ended_with(1)
    assert "cannot run: --tls-ca 'not-on-this-machine.pem' cannot be read" in run.verdict
    assert ended["refusing_worker"].counts["connections"] == 0
    assert "Traceback" not in ended["refusing_worker"].workers[0].stderr


def test_a_second_ctrl_c_ends_the_waiting_and_says_so(ended: dict[str, Ended]) -> None:
    run, counts = ended["ctrl_c_twice"].run.ended_with(98), ended["ctrl_c_twice"].counts
    assert run.count("ACK") == counts["ratings"]
    assert run.errors == {("ACK", "gen.stopped"): 6}
    assert "still waited for an ack" in run.verdict


def test_workers_that_lost_their_master_stop_by_themselves(ended: dict[str, Ended]) -> None:
    orphan = ended["killed_master"].workers[0].ended_with(98)
    assert "Didn't get heartbeat from master" in orphan.stderr


def test_a_worker_that_lost_its_master_shows_all_that_it_measured(ended: dict[str, Ended]) -> None:
    """Also what it had sent, because nobody else has it now."""
    orphan = ended["killed_master"].workers[0]
    assert orphan.verdict.startswith("INCOMPLETE (exit 98): the master is gone, ")
    assert "(index 0) alone" in orphan.verdict
    acks = ended["killed_master"].orphans_acks
    assert f"Ledger {acks} sends: {acks} ok (100 %) = balanced" in orphan.printed


def test_a_left_over_worker_adds_nothing_to_the_next_run(ended: dict[str, Ended]) -> None:
    run, counts = ended["killed_master"].run.ended_with(0), ended["killed_master"].counts
    assert run.count("ACK") == counts["ratings"] == counts["acks"] > 5


def test_the_embedded_server_of_a_demo_is_started_once_for_all_processes(
    ended: dict[str, Ended],
) -> None:
    run = ended["demo"].run.ended_with(0)
    acks = run.count("ACK")
    assert any(
        f"the server's own count: {acks} ratings read, {acks} acks sent" in line
        for line in run.facts["details"]
    )
