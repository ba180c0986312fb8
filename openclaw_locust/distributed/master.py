"""The master's side: gives the run its id, keeps the accounts, drains the workers at the end."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner
from locust.stats import StatsEntry

from openclaw_locust.distributed.accounts import Accounts
from openclaw_locust.distributed.messages import (
    CLOCK,
    DRAIN,
    LAST_WORD,
    PACE,
    REFUSED,
    REPORT_KEY,
    RESET,
    RUN_OPTION,
    WORKERS_OPTION,
    ZERO_OPTION,
    Pace,
    ReportMark,
    worker_name,
)

logger = logging.getLogger("openclaw_locust")

_POLL_S = 0.05
_MISSING_GRACE_S = 2.0  # a worker that Locust takes for missing may just be slow to answer


class MasterSide:
    """The master's part in a run.

    Attributes:
        refusal: why a worker could not run with the options, or None.
    """

    def __init__(self, environment: Environment, runner: MasterRunner) -> None:
        self._environment = environment
        self._runner = runner
        self._accounts = Accounts("")
        self._drained = True
        self._limit_s = 0.0
        self._drained_s = 0.0
        self.refusal: str | None = None
        runner.register_message(LAST_WORD, self._on_last_word)
        runner.register_message(REFUSED, self._on_refused, concurrent=True)
        runner.register_message(CLOCK, self._on_clock)

    def start(self, zero_ns: int) -> None:
        """Begin a run: its id and its begin go to the workers with the options."""
        self._accounts = Accounts(uuid.uuid4().hex[:12])
        self._drained = False
        self.refusal = None
        options = vars(self._environment.parsed_options)
        options[RUN_OPTION] = self._accounts.run
        options[WORKERS_OPTION] = self._runner.worker_count
        since_ns = time.perf_counter_ns() - zero_ns
        options[ZERO_OPTION] = [zero_ns, time.time_ns() - since_ns]
        clients = self._runner.clients
        for client in clients.ready + clients.spawning + clients.running:
            self._accounts.expect(client.id, self._name(client.id))

    def on_report(self, client_id: str, data: dict[str, Any]) -> None:
        """Account for a report before Locust adds it up; one of another run is emptied first.

        Must be registered before the runner is made, so that it is heard before Locust's own.
        """
        mark = ReportMark.from_plain(data.get(REPORT_KEY))
        requests = int(data.get("stats_total", {}).get("num_requests", 0))
        name = self._name(client_id)
        if self._accounts.report(client_id, name, mark, requests, time.monotonic()):
            return
        if requests:
            logger.warning(
                f"{requests} requests of worker {name} belong to no run of ours; dropped"
            )
        empty = StatsEntry(self._environment.stats, "Aggregated", "")
        data.update(stats=[], errors={}, stats_total=empty.get_stripped_report())

    def drain(self, limit_s: float) -> None:
        """Ask each worker for its last word and wait until all have spoken, or the limit.

        Idempotent: Locust may end a run by more than one event.
        """
        if self._drained:
            return
        self._drained = True
        for worker_id in self._accounts.silent():
            self._runner.send_message(DRAIN, {"run": self._accounts.run}, client_id=worker_id)
        self._drained_s, self._limit_s = time.monotonic(), limit_s
        while waiting := self._accounts.silent():
            waited = time.monotonic() - self._drained_s
            if waited > self._limit_s:
                break
            if waited > _MISSING_GRACE_S and all(map(self._is_missing, waiting)):
                break
            gevent.sleep(_POLL_S)

    def loaded_workers(self) -> list[str]:
        """Return the ids of the workers that have users and are heard of, in a lasting order."""
        clients = self._runner.clients
        return sorted(
            client.id for client in clients.spawning + clients.running if client.user_count > 0
        )

    def pace(self, begin_s: float, at_s: float, workers: Sequence[str]) -> None:
        """Split the schedule over some workers from one of its times on; all others get nothing."""
        for worker_id in {*self._accounts.workers, *workers}:  # also one that has not reported
            index = workers.index(worker_id) if worker_id in workers else -1
            pace = Pace(self._accounts.run, begin_s, at_s, index, len(workers))
            self._runner.send_message(PACE, asdict(pace), client_id=worker_id)

    def let_go_of_missing(self) -> None:
        """Do not wait for workers that are gone to settle what is theirs."""
        for worker_id in filter(self._is_missing, self._accounts.workers):
            self._accounts.series.forget_process(worker_id)

    @property
    def has_workers(self) -> bool:
        """Whether any worker is still heard of."""
        return self._runner.worker_count > 0

    def quit(self) -> None:
        """End this process as Locust does at the end of a headless run."""
        gevent.spawn(self._runner.quit)

    def hurry(self) -> None:
        """Wait only as long as a worker needs that was hurried too."""
        self._limit_s = time.monotonic() - self._drained_s + _MISSING_GRACE_S

    def reset(self) -> None:
        """Begin the figures of the run anew, here and with the workers."""
        self._accounts.reset()
        for worker_id in self._accounts.workers:
            self._runner.send_message(RESET, client_id=worker_id)

    def gaps(self) -> list[str]:
        """Return a line for each worker of which something is missing."""
        return self._accounts.gaps(self._drained_s)

    @property
    def accounts(self) -> Accounts:
        """The accounts of the run."""
        return self._accounts

    def _on_last_word(self, msg: Any, **_: Any) -> None:
        mark = ReportMark.from_plain(msg.data)
        self._accounts.last_word(msg.node_id, self._name(msg.node_id), mark, time.monotonic())

    def _on_clock(self, msg: Any, **_: Any) -> None:
        answer = {"asked": msg.data["asked"], "master": time.perf_counter_ns()}
        self._runner.send_message(CLOCK, answer, client_id=msg.node_id)

    def _on_refused(self, msg: Any, **_: Any) -> None:
        if msg.data.get("run") != self._accounts.run or self.refusal is not None:
            return
        self.refusal = f"worker {self._name(msg.node_id)} cannot run: {msg.data.get('reason')}"
        logger.error(self.refusal)
        if getattr(self._environment.parsed_options, "headless", False):
            self._runner.quit()
        else:
            self._runner.stop()

    def _is_missing(self, worker_id: str) -> bool:
        client = self._runner.clients.get(worker_id)
        return client is None or client.state == STATE_MISSING

    def _name(self, worker_id: str) -> str:
        return worker_name(worker_id, self._runner.get_worker_index(worker_id))
