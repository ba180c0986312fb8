"""A master's web UI: each run of it begins from nothing, with its workers."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.embedded import serve
from tests.locust_run import free_port, start
from tests.run.locust_ui import WebUi, web_ui


def facts(ui: WebUi) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ui.locust.folder / "run_results.json").read_text())
    return found


def test_runs_and_resets_in_a_masters_ui_begin_from_nothing(tmp_path: Path) -> None:
    port = free_port()
    master = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port)
    worker = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    with ExitStack() as stack:
        server = stack.enter_context(serve("--ack-delay", "5ms"))
        ui = stack.enter_context(web_ui(tmp_path / "master", *master))
        for number in range(2):
            folder = tmp_path / f"worker-{number}"
            stack.enter_context(start(folder, *worker, headless=False, csv=False))
        ui.locust.wait_for(lambda: ui.locust.stderr.count("reported as ready") == 2)
        load = {"host": server.url, "tls_ca": str(server.ca), "user_count": 4}

        assert ui.swarm(**load)["success"]
        ui.locust.wait_for(lambda: ui.acks() > 10)
        ui.stop()
        first, facts_of_first = ui.counts(), facts(ui)

        assert ui.swarm(**load)["success"]
        ui.locust.wait_for(lambda: ui.acks() > 10)
        before_reset = ui.acks()
        ui.reset()
        ui.locust.wait_for(lambda: ui.acks() > 10)
        ui.stop()
        second, facts_of_second = ui.counts(), facts(ui)

        ui.locust.send(signal.SIGTERM)
        run = ui.locust.wait().ended_with(0)
        counts = server.counts()

    assert facts_of_first["incomplete"] == facts_of_second["incomplete"] == []
    assert facts_of_first["target"] == facts_of_second["target"] == server.url
    assert sum(shares(facts_of_first)) == sum(first.values())
    assert sum(shares(facts_of_second)) == sum(second.values())
    assert first["ACK"] + before_reset + second["ACK"] <= counts["acks"]
    assert run.stdout.count("PASSED (exit 0)") == 2


def shares(found: dict[str, Any]) -> list[int]:
    lines = [line for line in found["details"] if line.startswith("worker ")]
    return [int(line.rsplit(": ", 1)[1].split()[0]) for line in lines]
