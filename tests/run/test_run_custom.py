"""Locustfiles of one's own: another service, other listeners, errors in the file itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openclaw_locust.failures import CLASSES
from tests.locust_run import CUSTOM_SERVICE, NAME, RUN_TIME, Argument, Run, run_all
from tests.run.odd_service import OddService

LOAD: tuple[Argument, ...] = ("-u", 2, "-r", 50, "-t", RUN_TIME, "--pause", "50ms")

LISTENING = """
import json

from locust import events
from openclaw_locust import RatingUser

class Listening(RatingUser):
    def context(self):
        return {"tenant": "blue"}

@events.request.add_listener
def note(exception, **what):
    what |= {"exception": None if exception is None else str(exception), "extra": sorted(what)}
    with open("events.jsonl", "a") as file:
        print(json.dumps(what), file=file)
"""

RAISING = """
import itertools

from openclaw_locust import RatingUser

class Raising(RatingUser):
    number = 0

    def recognise(self, message):
        Raising.number += 1
        if Raising.number == 3:
            raise LookupError("no such word")
        return super().recognise(message)
"""

RAISING_TASK = """
from locust import task
from openclaw_locust import RatingUser

class RaisingTask(RatingUser):
    @task
    def other(self):
        self.send_rating(self.draw())
        raise LookupError("no such word")
"""

BY_HAND = """
from locust import task
from openclaw_locust import WebSocketUser

class ByHand(WebSocketUser):
    @task
    def talk(self):
        self.connect()
        self.send('{"action": "rate", "itemId": 7, "score": 5}')
        answer = self.receive(timeout_s=5)
        with open("answers.txt", "a") as file:
            print(answer, file=file)
        self.close()
"""

CONNECTING_AGAIN = """
from locust import task
from openclaw_locust import WebSocketUser

class ConnectingAgain(WebSocketUser):
    @task
    def talk(self):
        self.connect()
"""

SLOW_TO_IMPORT = """
import time

from locust import events
from openclaw_locust import RatingUser

until = time.monotonic() + 2
while time.monotonic() < until:  # as a machine that is busy
    pass

class Slow(RatingUser):
    pass

times = []
events.test_start.add_listener(lambda **_: times.append(time.monotonic()))
events.test_stopping.add_listener(lambda **_: times.append(time.monotonic()))
events.quit.add_listener(lambda **_: print("lasted", times[1] - times[0]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("custom")


@pytest.fixture(scope="module")
def runs(folder: Path, odd: OddService) -> dict[str, Run]:
    files = {
        "listening": (LISTENING, "/good/listening"),
        "listening-to-losses": (LISTENING, "/close-1001/listening"),
        "raising": (RAISING, "/good/raising"),
        "raising-task": (RAISING_TASK, "/good/raising-task"),
        "connecting-again": (CONNECTING_AGAIN, "/good/again"),
        "slow-to-import": (SLOW_TO_IMPORT, "/good/slow-to-import"),
        "by-hand": (BY_HAND, "/good/by-hand"),
    }
    cases: dict[str, tuple[Argument, ...]] = {
        "json-rpc": (*LOAD, "--host", odd.url("/add")),
        "json-rpc-refused": (*LOAD, "--host", odd.url("/refuse-to-add")),
    }
    how = {name: {"file": CUSTOM_SERVICE} for name in cases}
    for name, (text, path) in files.items():
        file = folder / f"{name}.py"
        file.write_text(text)
        how[name] = {"file": file}
        cases[name] = (*LOAD, "--host", odd.url(path))
    return run_all(folder, cases, how)


def test_the_custom_service_s_locustfile_loads_a_json_rpc_service(
    runs: dict[str, Run], odd: OddService
) -> None:
    run, seen = runs["json-rpc"].ended_with(0), odd.seen("/add")
    assert run.errors == {}
    assert run.count("ACK", "add") == seen.ratings > 2
    assert set(run.rows) == {("ACK", "add"), ("UPGRADE", "json-rpc")}
    assert seen.codes == {"1000": 2}


def test_the_custom_service_s_refusals_are_failures_with_its_words(
    runs: dict[str, Run], odd: OddService
) -> None:
    run, seen = runs["json-rpc-refused"], odd.seen("/refuse-to-add")
    assert run.exit_code != 0
    assert run.errors == {("ACK", "app.ack.negative"): seen.ratings}
    assert "there is no add" in run.printed


def noted(folder: Path, case: str) -> list[dict[str, Any]]:
    lines = (folder / case / "events.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_any_plugin_hears_each_request(runs: dict[str, Run], folder: Path, odd: OddService) -> None:
    run, events = runs["listening"].ended_with(0), noted(folder, "listening")
    kinds = [event["request_type"] for event in events]
    assert kinds.count("ACK") == run.count("ACK") == odd.seen("/good/listening").ratings
    assert kinds.count("UPGRADE") == run.count("UPGRADE") == 2
    assert set(kinds) == {"ACK", "UPGRADE"}
    for event in events:
        assert event["name"] == NAME
        assert event["exception"] is None
        assert event["response_time"] > 0
        assert event["context"] == {"tenant": "blue"}
        assert event["url"] == odd.url("/good/listening")
        assert event["start_time"] > 1.6e9
        if event["request_type"] == "ACK":
            assert event["response_length"] > 20


def test_a_failure_s_event_has_its_class_as_text_and_no_response_time(
    runs: dict[str, Run], folder: Path
) -> None:
    run, events = runs["listening-to-losses"].ended_with(99), noted(folder, "listening-to-losses")
    failures = [event for event in events if event["exception"] is not None]
    assert {(event["request_type"], event["exception"]) for event in failures} == {
        ("ACK", "app.ack.lost_on_close"),
        ("WS", "ws.close.going_away"),
    }
    assert len(failures) == sum(run.errors.values())
    assert {event["response_time"] for event in failures} == {None}
    assert all(event["response_time"] > 0 for event in events if event["exception"] is None)


def test_an_error_in_recognise_is_the_locustfile_s_and_the_run_has_failed(
    runs: dict[str, Run], odd: OddService
) -> None:
    run = runs["raising"]
    assert run.exit_code not in (0, 2), str(run)
    assert run.errors == {("ACK", "app.script"): 1}
    assert run.count("ACK") == odd.seen("/good/raising").ratings
    assert "LookupError: no such word" in run.printed
    assert CLASSES["app.script"].remedy in run.printed
    assert "in recognise" in run.stderr  # the traceback, in the log


def test_an_error_in_a_task_is_the_locustfile_s_and_the_run_has_failed(
    runs: dict[str, Run],
) -> None:
    run = runs["raising-task"]
    assert run.exit_code == 1, str(run)
    assert run.verdict.startswith("FAILED (exit 1): the locustfile raised an error")
    assert "app.script" in run.printed


def test_a_user_may_connect_send_receive_and_close_by_hand(
    runs: dict[str, Run], folder: Path, odd: OddService
) -> None:
    run, seen = runs["by-hand"].ended_with(0), odd.seen("/good/by-hand")
    assert run.errors == {}
    assert run.knows_of(seen.upgrades, users=2)
    assert seen.upgrades > 2
    answers = (folder / "by-hand" / "answers.txt").read_text().splitlines()
    assert set(answers) == {'{"type": "ack", "itemId": 7, "score": 5}'}
    assert seen.open == 0


def test_a_user_that_connects_again_has_one_connection_all_the_same(
    runs: dict[str, Run], odd: OddService
) -> None:
    runs["connecting-again"].ended_with(0)
    seen = odd.seen("/good/again")
    assert seen.upgrades > 8
    assert seen.open == 0
    assert seen.open_max <= 2 + 2  # two users; an old one may still be closing


def test_a_run_lasts_as_long_as_it_was_told_however_slow_the_start(runs: dict[str, Run]) -> None:
    words = runs["slow-to-import"].printed.split()
    assert float(words[words.index("lasted") + 1]) > float(RUN_TIME.removesuffix("s")) - 0.5
