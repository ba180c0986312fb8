"""The results file: what the run knows beside Locust's CSV."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from openclaw_locust.results import (
    GeneratorReport,
    Model,
    ResultsError,
    RunFacts,
    Sample,
    Stage,
)
from openclaw_locust.tls_results import Negotiation, Resumption
from tests.report.series_sets import Script

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
    incomplete=("worker 2 did not answer",),
    model=Model("open", "1m:100/s,3m:1000/s", "poisson", 4, 2.5),
    warm_up_s=10,
    stages=(Stage("1m:100/s", 2.5, 62.5), Stage("3m:1000/s", 62.5, 242.5)),
    thresholds=("ack p95 < 250ms", "errors < 1%"),
    generator=(GeneratorReport("worker 1", ("CPU 34 %",), {"cpu_mean": 0.34, "lag": None}),),
    invalid=("worker 1 had no CPU left",),
    aborted="ack p95 < 250ms was crossed at 34 s",
    clocks="by the master's clock",
    negotiated=(
        Negotiation(7, "TLSv1.3", "AES", "x25519", "RSA 2048", "sha256", "http/1.1", resumed=True),
        Negotiation(2, "TLSv1.2"),
    ),
    resumption=Resumption(0.5, offered=8, accepted=7, lacking=1, tickets=12, connections=9),
)

PARTS = {
    "series": {
        "interval_s": 1,
        "counts": [[0, 2, 2, 0]],
        "histograms": [],
        "failures": [],
    },
    "stage": {"label": "1m:100", "start_s": 0.0, "end_s": 60.0},
    "process": {"process": "worker 1", "lines": [], "figures": {}},
}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    prefix = tmp_path / "run"
    assert FACTS.write(prefix) == tmp_path / "run_results.json"
    assert RunFacts.read(prefix) == FACTS
    assert [path.name for path in tmp_path.iterdir()] == ["run_results.json"]


def test_lists_are_taken_for_tuples() -> None:
    facts = RunFacts("x", notes=["no TLS"], goal=["ACK"])  # type: ignore[arg-type]
    assert facts.notes == ("no TLS",)
    assert RunFacts.from_json(facts.to_json()) == facts


def test_a_series_comes_back_with_every_window_as_it_was(tmp_path: Path) -> None:
    script = Script().connected(3).acked(0.35, 20.4, at_s=1).acked(9.0, at_s=7)
    script.failed("ACK", "app.ack.timeout", 2, at_s=7).late(1, at_s=7)
    series = script.series()
    RunFacts("x", series=series).write(tmp_path / "run")
    facts = RunFacts.read(tmp_path / "run")
    assert facts is not None
    assert facts.series is not None
    for start_s, end_s in ((0, None), (1, 2), (7, 8)):
        assert facts.series.window(start_s, end_s) == series.window(start_s, end_s)
    assert facts.series.to_plain() == series.to_plain()


def test_the_series_is_one_line_of_the_file() -> None:
    series = Script().acked(*[float(ms) for ms in range(1, 500)]).series()
    lines = RunFacts("x", series=series).to_json().splitlines()
    assert [line for line in lines if "HISTFAAA" in line] == lines[-2:-1]


def test_a_file_of_an_earlier_version_is_read_with_the_defaults() -> None:
    content = {"schema": "openclaw-locust/results", "version": 1, "target": "wss://x"}
    facts = RunFacts.from_json(json.dumps(content))
    assert facts == RunFacts("wss://x")
    assert (facts.series, facts.thresholds, facts.model.kind) == (None, None, "closed")


def test_no_thresholds_are_not_the_same_as_thresholds_that_are_not_known() -> None:
    for thresholds in (None, ()):
        facts = RunFacts("x", thresholds=thresholds)
        assert RunFacts.from_json(facts.to_json()).thresholds == thresholds


def test_a_missing_file_is_no_facts(tmp_path: Path) -> None:
    assert RunFacts.read(tmp_path / "run") is None


def test_a_field_of_a_later_version_is_passed_over() -> None:
    content = json.loads(FACTS.to_json()) | {"histograms": {"ack": [1, 2]}}
    assert RunFacts.from_json(json.dumps(content)) == FACTS


def _changed(**fields: object) -> str:
    return json.dumps(json.loads(FACTS.to_json()) | fields)


def _damaged(field: str, part: str, **changes: object) -> str:
    """The facts with one damaged part in a list, or with a damaged series."""
    content: object = PARTS[part] | changes
    return _changed(**{field: content if part == "series" else [content]})


def _histogram(**changes: object) -> dict[str, object]:
    return {"metric": "ack", "name": "x", "intervals": [[0, 1, "HISTFAAA"]]} | changes


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
        (_changed(model="open"), '"model" of the wrong type'),
        (_changed(model={"kind": "ajar"}), '"kind" that is neither "closed" nor "open"'),
        (_changed(model={"arrivals": "often"}), '"arrivals" that is neither'),
        (_changed(model={"in_flight": -1}), '"in_flight" out of range'),
        (_changed(warm_up_s=1.5), '"warm_up_s" of the wrong type'),
        (_changed(thresholds="none"), '"thresholds" of the wrong type'),
        (_changed(thresholds=[1]), '"thresholds" that is no list of texts'),
        (_changed(aborted=[]), '"aborted" of the wrong type'),
        (_changed(stages=[1]), '"stages" that is no list of objects'),
        (_damaged("stages", "stage", end_s="1m"), '"end_s" of the wrong type'),
        (_damaged("stages", "stage", start_s=61), "ends before it begins"),
        (_damaged("generator", "process", process=None), '"process" of the wrong type'),
        (_damaged("generator", "process", figures={"cpu": "1"}), '"figures" that does not map'),
        (_changed(model={"unit": "byte"}), '"unit" that is none of rating, connection, request'),
        (_changed(negotiated=[{}]), 'lacks the field "count"'),
        (_changed(negotiated=[{"count": 1, "resumed": "no"}]), '"resumed" of the wrong type'),
        (_changed(resumption=[]), '"resumption" of the wrong type'),
        (_changed(resumption={"asked": 2}), '"asked" out of range'),
        (_changed(resumption={"asked": 1, "offered": -1}), '"offered" out of range'),
        (_changed(series=[]), '"series" of the wrong type'),
        (_changed(series={}), "\"series\" that lacks 'interval_s'"),
        (_damaged("series", "series", interval_s=0), '"series" that is damaged'),
        (_damaged("series", "series", counts=[[0, 1]]), '"series" that is damaged'),
        (_damaged("series", "series", counts=[[0, -1, 0, 0]]), '"series" that is damaged'),
        (_damaged("series", "series", counts=5), '"series" that is damaged'),
        (_damaged("series", "series", failures=[{"type": "ACK"}]), "\"series\" that lacks 'name'"),
        (_damaged("series", "series", histograms=[_histogram()]), '"series" that is damaged'),
        (_damaged("series", "series", histograms=[_histogram(intervals=7)]), "is damaged"),
        (_damaged("series", "series", histograms=[_histogram(intervals=[[0, 1, 7]])]), "damaged"),
        (_damaged("series", "series", histograms=["x"]), '"series" that is damaged'),
        (_damaged("series", "series", counts=[[int("9" * 400), 1, 1, 0]]), "is no figure"),
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


def test_the_documented_way_to_decode_the_histograms_gives_our_percentile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Script().acked(*[float(ms) for ms in range(1, 60)])
    script.acked(*[float(ms) for ms in range(60, 101)], at_s=1)
    RunFacts("x", series=script.series()).write(tmp_path / "run")
    text = (Path(__file__).parents[2] / "docs" / "results.md").read_text("utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    exec(code.replace("reports/run", str(tmp_path / "run")), {})
    assert capsys.readouterr().out == "95.039 ms\n"


def test_the_documentation_has_a_row_for_each_field() -> None:
    text = (Path(__file__).parents[2] / "docs" / "results.md").read_text("utf-8")
    names = [*json.loads(FACTS.to_json()), *(field.name for field in fields(Model))]
    assert [name for name in names if f"\n| `{name}` |" not in text] == []


def test_thresholds_that_cannot_be_read_are_refused_with_their_place() -> None:
    text = RunFacts("wss://localhost/rating", thresholds=("ack p95 < 250",)).to_json()
    with pytest.raises(ResultsError, match=r'field "thresholds" that cannot be read .*column 11'):
        RunFacts.from_json(text)
