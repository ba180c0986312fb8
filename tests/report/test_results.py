"""The results file: what the run knows beside Locust's CSV."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from openclaw_locust.results import ResultsError, RunFacts, Sample

FACTS = RunFacts(
    target="wss://127.0.0.1:8443/rating",
    started="2026-03-18T10:00:00Z",
    duration_s=12.5,
    versions={"locust": "2.47.0"},
    notes=("embedded server",),
    settings={"users": "50"},
    goal=("ACK",),
    samples=(Sample("app.ack.timeout", 3, "nothing for 5 s", "item 7"),),
    failure=None,
    hints=("look at the queue",),
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    prefix = tmp_path / "run"
    assert FACTS.write(prefix) == tmp_path / "run_results.json"
    assert RunFacts.read(prefix) == FACTS
    assert [path.name for path in tmp_path.iterdir()] == ["run_results.json"]


def test_lists_are_taken_for_tuples() -> None:
    facts = RunFacts("x", notes=["no TLS"], goal=["ACK"])  # type: ignore[arg-type]
    assert facts.notes == ("no TLS",)
    assert RunFacts.from_json(facts.to_json()) == facts


def test_a_missing_file_is_no_facts(tmp_path: Path) -> None:
    assert RunFacts.read(tmp_path / "run") is None


def test_a_field_of_a_later_version_is_passed_over() -> None:
    content = json.loads(FACTS.to_json()) | {"histograms": {"ack": [1, 2]}}
    assert RunFacts.from_json(json.dumps(content)) == FACTS


def _changed(**fields: object) -> str:
    return json.dumps(json.loads(FACTS.to_json()) | fields)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON"),
        (FACTS.to_json()[:100], "no JSON"),
        ("[" * 100_000, "JSON"),
        ("[]", "not written by this tool"),
        ("{}", "not written by this tool"),
        (_changed(version=2), "newer"),
        (_changed(version="1"), '"version" of the wrong type'),
        (_changed(version=True), '"version" of the wrong type'),
        (_changed(target=None), '"target" of the wrong type'),
        (_changed(duration_s="1"), '"duration_s" of the wrong type'),
        (_changed(duration_s=-1), '"duration_s" out of range'),
        (FACTS.to_json().replace("12.5", "NaN"), "no JSON"),
        (FACTS.to_json().replace("12.5", "1e999"), '"duration_s" out of range'),
        (_changed(notes="text"), '"notes" of the wrong type'),
        (_changed(notes=[1]), '"notes" that is no list of texts'),
        (_changed(settings={"users": 50}), '"settings" that does not map'),
        (_changed(samples=["x"]), '"samples" that is no list of objects'),
        (_changed(samples=[{}]), 'lacks the field "class_name"'),
    ],
)
def test_a_broken_file_is_refused_with_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run_results.json"
    path.write_text(text)
    with pytest.raises(ResultsError) as caught:
        RunFacts.read(tmp_path / "run")
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run_results.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(ResultsError, match="not UTF-8"):
        RunFacts.read(tmp_path / "run")


def test_a_folder_in_its_place_is_refused_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "run_results.json").mkdir()
    with pytest.raises(ResultsError, match="cannot be read"):
        RunFacts.read(tmp_path / "run")
    with pytest.raises(OSError, match="directory"):
        FACTS.write(tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run_results.json"]


def test_facts_and_verdict_cost_no_import_of_pandas_or_locust() -> None:
    code = (
        "import sys, openclaw_locust.results, openclaw_locust.verdict, "
        "openclaw_locust.report.command; "
        "print([name for name in ('pandas', 'locust', 'gevent', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
