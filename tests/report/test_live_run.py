"""A real headless Locust run: what it fired is what the report says, from memory and from files."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest

from openclaw_locust.report.build import Report, load
from openclaw_locust.report.json_output import to_json

NAMES = [
    "NA",
    "null",
    "None",
    'a,b "c"',
    "x|y",
    "line\nend",
    "cr\r\nlf",
    "=1+1",
    "評価 👍",
    "Aggregated",
]

LOCUSTFILE = f"""
import dataclasses
import json
import pathlib

import gevent
from locust import User, constant, events, task

from openclaw_locust.failures import Failure
from openclaw_locust.measure.recorder import Recorder
from openclaw_locust.measure.series import Series
from openclaw_locust.report.build import from_environment
from openclaw_locust.report.json_output import to_json
from openclaw_locust.results import RunFacts, Sample

FACTS = RunFacts(
    "wss://localhost/rating",
    notes=["embedded server"],
    goal=["ACK"],
    samples=[Sample("app.ack.timeout", 3, "no ack for item 7")],
)


def facts_of(acks):
    # our own record, had it seen so many of the answered ratings
    recorder = Recorder(0)
    interval = recorder.at(0)
    for number in range(1, acks + 1):
        interval.record(("ack", "OpenClawRating"), number * 1_000_000)
    for number in range(60):
        interval.record(("upgrade", "OpenClawRating"), 2_500_000)
    failed = [("ACK", "app.ack.timeout")] * 3 + [("TLS", "tls.cert.untrusted")] * 4
    for kind, class_name in (*failed, ("WS", "ws.abnormal.rst")):
        interval.fail(kind, "OpenClawRating", class_name)
    series = Series()
    series.add(recorder.drain(1))
    return dataclasses.replace(FACTS, series=series)


class Scripted(User):
    wait_time = constant(60)

    @task
    def fire_all_and_end(self):
        def fire(request_type, response_time, name="OpenClawRating", exception=None):
            self.environment.events.request.fire(
                request_type=request_type, name=name, response_time=response_time,
                response_length=0, exception=exception,
            )

        for milliseconds in range(1, 101):
            fire("ACK", float(milliseconds))
        for _ in range(3):
            fire("ACK", None, exception=Failure("app.ack.timeout", "no ack for item 7"))
        for _ in range(60):
            fire("UPGRADE", 2.5)
        fire("WS", None, exception=Failure("ws.abnormal.rst"))
        for _ in range(4):
            fire("TLS", None, exception="tls.cert.untrusted")
        for name in {NAMES!r}:
            fire("GET", 7.25, name=name)
        fire("", 7.25, name="Aggregated")
        fire("GET", 7.25, name="NA", exception=ValueError("x|y\\nz"))
        gevent.spawn(self.environment.runner.quit)  # runs when this user waits
        raise RuntimeError("the locustfile's own error")


@events.quitting.add_listener
def write_what_memory_says(environment, **_):
    with open("memory.json", "w") as file:
        file.write(to_json(from_environment(environment, FACTS)))
    compared = {{
        "equal": from_environment(environment, facts_of(100)),
        "one less": from_environment(environment, facts_of(99)),
        "not compared": from_environment(environment, facts_of(99), check_locust=False),
    }}
    with open("compared.json", "w") as file:
        json.dump({{name: report.problems for name, report in compared.items()}}, file)
    FACTS.write("run")
    # Locust writes its files each second and not at its end: wait for the last row
    last = f",Aggregated,{{environment.stats.total.num_requests}},"
    with gevent.Timeout(15):
        while last not in pathlib.Path("run_stats.csv").read_text():
            gevent.sleep(0.05)
"""


@dataclass(frozen=True)
class Run:
    prefix: str
    report: Report
    memory: dict[str, Any]
    compared: dict[str, list[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("live")
    (folder / "scripted.py").write_text(textwrap.dedent(LOCUSTFILE), "utf-8")
    command = [sys.executable, "-m", "locust", "-f", "scripted.py", "--headless", "-u", "1"]
    command += ["-t", "20s", "--csv", "run", "--skip-log"]
    subprocess.run(command, cwd=folder, timeout=60, capture_output=True, check=False)
    prefix = str(folder / "run")
    memory = json.loads((folder / "memory.json").read_text())
    compared = json.loads((folder / "compared.json").read_text())
    return Run(prefix, load(prefix), memory, compared)


def row(run: Run, type_: str, name: str = "OpenClawRating") -> dict[str, Any]:
    table = run.report.percentiles.iloc[:-1]
    found = table[(table["type"] == type_) & (table["name"] == name)].to_dict("records")
    assert len(found) == 1
    return found[0]


def test_the_files_tell_what_memory_tells(run: Run) -> None:
    from_files = json.loads(to_json(run.report))
    for key in ("verdict", "percentiles", "errors", "facts", "problems"):
        if key == "percentiles":  # a rate divides by a time that goes on
            for rows in (from_files[key], run.memory[key]):
                for shown in rows:
                    assert shown.pop("rate") > 0
        assert from_files[key] == run.memory[key]


def test_percentiles_are_those_that_were_fired_and_failures_do_not_shift_them(run: Run) -> None:
    acks = row(run, "ACK")
    assert (acks["count"], acks["failures"]) == (103, 3)
    assert acks["p50_ms"] == pytest.approx(50, abs=1)
    assert acks["p95_ms"] == pytest.approx(95, abs=1)
    assert acks["p99_ms"] == pytest.approx(99, abs=1)
    assert acks["max_ms"] == 100


def test_a_row_of_failures_has_no_data_instead_of_locust_s_zeros(run: Run) -> None:
    for type_ in ("WS", "TLS"):
        figures = row(run, type_)
        assert figures["count"] == figures["failures"] > 0
        assert all(pd.isna(figures[key]) for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms"))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_comes_through_unchanged(run: Run, name: str) -> None:
    figures = row(run, "GET", name)
    assert figures["count"] == (2 if name == "NA" else 1)
    assert figures["p50_ms"] == 7.25


def test_a_request_named_like_the_total_is_not_the_total(run: Run) -> None:
    assert row(run, "", "Aggregated")["count"] == 1
    total = run.report.percentiles.iloc[-1]
    assert total["count"] == 103 + 60 + 1 + 4 + len(NAMES) + 1 + 1
    assert total["failures"] == 9


def test_errors_are_read_in_both_spellings_with_their_share_of_all_requests(run: Run) -> None:
    found = run.report.errors.set_index("class")
    assert found["count"].to_dict() == {
        "tls.cert.untrusted": 4,
        "app.ack.timeout": 3,
        "ws.abnormal.rst": 1,
        "ValueError('x|y\\nz')": 1,
        "app.script": 1,
    }
    assert found.loc["tls.cert.untrusted", "share"] == 4 / run.report.requests
    assert found.loc["app.ack.timeout", "sample"] == "no ack for item 7"
    assert found.loc["app.script", "sample"] == "the locustfile's own error"


def test_the_verdict_names_what_is_wrong(run: Run) -> None:
    verdict = run.report.verdict
    assert verdict.exit_code == 99
    crossed = {(check.type, check.metric, check.value) for check in verdict.crossed}
    assert ("ACK", "errors", 3 / 103) in crossed
    assert ("WS", "errors", 1 / 60) in crossed
    assert ("TLS", "p50_ms", None) in crossed
    assert not any(check.type == "UPGRADE" for check in verdict.crossed)


def test_whole_files_have_no_problems(run: Run) -> None:
    assert run.report.problems == ()


def test_locust_s_own_count_is_held_against_our_record(run: Run) -> None:
    assert run.compared == {
        "equal": [],
        "one less": ["Locust counted 103 ACK requests, our own record has 102"],
        "not compared": [],
    }
