"""Stages: the users that Locust really ran, on the command line and in the web UI."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from openclaw_locust.measure.stages import parse_stages
from tests.embedded import serve
from tests.locust_run import Run, free_port, run, run_all
from tests.run.locust_ui import web_ui

STAGES = "4s:8,0s:20,3s:20,3s:0"


def users_over_time(done: Run) -> list[int]:
    with Path(f"{done.prefix}_stats_history.csv").open(newline="") as file:
        return [int(row["User Count"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, int]]:
    with serve() as server:
        assert server.ca
        target = ("--host", server.url, "--tls-ca", server.ca, "--pause", "100ms")
        done = run(tmp_path_factory.mktemp("stages"), *target, "--stages", STAGES)
        return done, server.counts()


def test_a_run_follows_its_stages_and_ends_with_them(staged: tuple[Run, dict[str, int]]) -> None:
    """Locust looks once a second, so each second's number may be that of the second before."""
    done, counts = staged
    done.ended_with(0)
    assert done.count("ACK") == counts["ratings"] == counts["acks"] > 50
    users = users_over_time(done)
    stages = parse_stages(STAGES)
    assert max(users) == stages.peak == 20
    peak = users.index(20)
    assert users[:peak] == sorted(users[:peak])
    assert max(users[:peak]) <= 8
    assert 3 <= users.count(20) <= 5
    after = users[peak + users.count(20) :]
    assert after == sorted(after, reverse=True)


def test_the_settings_name_the_stages(staged: tuple[Run, dict[str, int]]) -> None:
    assert staged[0].facts["settings"]["--stages"] == STAGES


def test_what_locust_would_ignore_beside_stages_is_refused(tmp_path: Path) -> None:
    target = ("--host", "wss://127.0.0.1:1/", "--stages", "1s:1")
    cases = {flag: (*target, flag, value) for flag, value in {"-u": 5, "-r": 5, "-t": "5s"}.items()}
    cases["wrong"] = ("--host", "wss://127.0.0.1:1/", "--stages", "1m:100,soon:5")
    for flag, done in run_all(tmp_path, cases).items():
        done.ended_with(2)
        words = "stage 'soon:5'" if flag == "wrong" else f"--stages and {flag} contradict"
        (line,) = done.complaints
        assert words in line


def test_the_form_takes_stages_and_the_next_run_can_be_without(tmp_path: Path) -> None:
    with serve() as server, web_ui(tmp_path) as ui:
        load = {"host": server.url, "tls_ca": str(server.ca)}
        assert "stage '1s'" in ui.swarm(**load, stages="1s")["message"]
        assert "StagesShape" in ui.swarm(**load, stages="0s:6,2s:6")["message"]
        ui.wait_for_reports(1)
        assert ui.counts()["UPGRADE"] == 6
        assert "StagesShape" not in ui.swarm(**load, stages="")["message"]
        ui.locust.wait_for(lambda: ui.acks() > 3)
        ui.stop()
        assert ui.counts()["UPGRADE"] == 2


def test_master_and_workers_follow_the_stages(tmp_path: Path) -> None:
    with serve() as server:
        assert server.ca
        port = free_port()
        place = ("--processes", 2, "--master-bind-port", port, "--master-port", port)
        target = ("--host", server.url, "--tls-ca", server.ca, "--pause", "100ms")
        done = run(tmp_path, *place, *target, "--stages", "0s:6,3s:6").ended_with(0)
        counts = server.counts()
    assert done.count("UPGRADE") == counts["upgrades"] == 6
    assert done.count("ACK") == counts["ratings"] > 30
