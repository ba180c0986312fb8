"""What stands beside the percentile table: model, ledger, thresholds, stages, phases, generator."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from openclaw_locust.judging.checks import Check
from openclaw_locust.report import wording
from openclaw_locust.report.build import Report, load
from openclaw_locust.report.json_output import to_json
from openclaw_locust.report.markdown import to_markdown
from openclaw_locust.report.numbers import THIN_SPACE
from openclaw_locust.report.terminal import print_report
from openclaw_locust.results import GeneratorReport, Model, RunFacts, Stage
from openclaw_locust.verdict import Verdict
from tests.report.report_sets import stats_row, write_set
from tests.report.series_sets import NAME, Script

OPEN = Model("open", "500/s", "constant", 4)
GENERATOR = GeneratorReport("worker 1", ("CPU 34 %", "lag P99 1.20 ms"), {"cpu_mean": 0.34})
WIDTHS = (60, 80, 120, 160)


def make(tmp_path: Path, script: Script, checks: tuple[Check, ...] = (), **fields: Any) -> Report:
    """The report of a run that left its results alone, so that its own record has every row."""
    fields = {"duration_s": 10.0, "goal": ("ACK",), **fields}
    prefix = str(tmp_path / "run")
    RunFacts("wss://localhost/rating", series=script.series(), **fields).write(prefix)
    report = replace(load(prefix), problems=())
    if not checks:
        return report
    passed = all(check.passed for check in checks)
    verdict = Verdict("passed" if passed else "crossed", None, checks, ("ACK",))
    return replace(report, verdict=verdict)


def check(text: str, metric: str, value: float | None, limit: float, **fields: Any) -> Check:
    fields = {"type": "ACK", "name": NAME, **fields}
    return Check(metric=metric, value=value, limit=limit, threshold=text, **fields)  # type: ignore[arg-type]


def printed(report: Report, width: int = 120) -> str:
    stream = io.StringIO()
    print_report(report, width, stream)
    return stream.getvalue()


def everywhere(report: Report) -> list[str]:
    """Terminal and Markdown as running text."""
    texts = (printed(report, 160), to_markdown(report))
    return [" ".join(text.split()).replace(THIN_SPACE, " ") for text in texts]


def ten_seconds() -> Script:
    script = Script().connected(4)
    for second in range(10):
        script.acked(*[10.0] * 9, 20.0, at_s=second)
    return script


# -- the model and what is excluded ------------------------------------------------------------


def test_the_closed_model_is_named_and_its_p99_carries_a_note(tmp_path: Path) -> None:
    for text in everywhere(make(tmp_path, ten_seconds())):
        assert "losed model: each user waits for its ack before its next rating" in text
        assert "(coordinated omission)" in text.replace("\\", "")


def test_the_open_model_is_named_with_its_schedule_and_its_p99_needs_no_note(
    tmp_path: Path,
) -> None:
    for text in everywhere(make(tmp_path, ten_seconds(), model=OPEN)):
        assert "pen model: 500/s constant arrivals, up to 4 in flight per connection" in text
        assert "response time counts from the intended send" in text
        assert "coordinated omission" not in text


def test_the_warm_up_is_said_to_be_excluded_and_where_it_is_not(tmp_path: Path) -> None:
    for text in everywhere(make(tmp_path, ten_seconds(), warm_up_s=3)):
        assert "first 3 s (warm-up) are excluded from every figure: 30 ratings" in text.replace(
            "\\", ""
        )
        assert "Locust's own tables and CSV hold them too" in text
    assert "warm-up" not in printed(make(tmp_path, ten_seconds()))


# -- the table ---------------------------------------------------------------------------------


def test_exact_times_have_three_digits_below_a_millisecond_too(tmp_path: Path) -> None:
    script = Script().acked(0.352, 2.511, 20.4).took("tls", 0.352)
    lines = printed(make(tmp_path, script)).splitlines()
    tls, acks = (
        next(line.split() for line in lines if line.startswith(f"{kind} {NAME}"))
        for kind in ("TLS", "ACK")
    )
    assert acks[-8:] == ["2.51", "✓", "20.4", "✓", "20.4", "✓", "20.4", "20.4"]
    assert tls[-2:] == ["0.35", "0.35"]


def test_the_head_of_a_column_shows_a_limit_that_all_rows_share_and_no_other(
    tmp_path: Path,
) -> None:
    rows = [check(f"{kind} p95", "p95_ms", 10.0, 250.0, type=kind) for kind in ("ACK", "TLS")]
    assert "< 250" in printed(make(tmp_path, ten_seconds(), tuple(rows)))
    rows[1] = replace(rows[1], limit=100.0)
    head = printed(make(tmp_path, ten_seconds(), tuple(rows))).split("Thresholds")[0]
    assert "< 250" not in head
    assert head.count("✓") == 3, "one in the legend, one in each row"


def test_where_room_is_short_the_failed_column_goes_before_the_labels_do(tmp_path: Path) -> None:
    report = make(tmp_path, ten_seconds())
    assert "failed" in printed(report, 120)
    narrow = printed(report, 80)
    assert "failed" not in narrow
    assert any(line.startswith(f"ACK {NAME}  ") for line in narrow.splitlines())
    assert "| failed |" in to_markdown(report)


# -- the ledger --------------------------------------------------------------------------------


def test_the_ledger_has_each_outcome_and_its_share(tmp_path: Path) -> None:
    script = ten_seconds().failed("ACK", "app.ack.timeout", 3).late(1)
    script.failed("ACK", "app.ack.lost_on_close", 2)
    text, markdown = everywhere(make(tmp_path, script))
    assert (
        "Ledger 105 sends: 100 ok (95.2 %), 1 late (0.95 %), 2 timeout (1.90 %), 2 lost (1.90 %)"
        " = balanced" in text
    )
    for row in ("| sends | 105 | |", "| ok | 100 | 95.2 % |", "| late | 1 | 0.95 % |"):
        assert row in markdown
    assert "The outcomes add up to the sends." in markdown


def test_the_open_model_s_ledger_begins_with_what_was_planned(tmp_path: Path) -> None:
    script = ten_seconds().failed("UNSENT", "gen.unsent", 25)
    text, markdown = everywhere(make(tmp_path, script, model=OPEN))
    assert "Ledger 125 planned, 25 unsent; 100 sends: 100 ok (100 %) = balanced" in text
    assert "| planned | 125 | |" in markdown
    assert "| unsent | 25 | 20 % |" in markdown


def test_sends_without_an_outcome_are_said_loudly(tmp_path: Path) -> None:
    report = make(tmp_path, ten_seconds().unsettled(2))
    for text in everywhere(report):
        assert "NOT balanced: 102 sends, but 100 outcomes" in text
        assert "= balanced" not in text
        assert "add up to the sends" not in text
    assert json.loads(to_json(report))["ledger"]["balanced"] is False


def test_answers_beyond_the_sends_stand_beside_the_ledger(tmp_path: Path) -> None:
    script = ten_seconds().failed("STRAY", "app.ack.duplicate", 2)
    for text in everywhere(make(tmp_path, script)):
        assert "nswers beyond these: 2 duplicate" in text


def test_a_run_without_sends_has_no_ledger(tmp_path: Path) -> None:
    report = make(tmp_path, Script().connected(4))
    assert "Ledger" not in printed(report)
    assert "Ledger" not in to_markdown(report)


def test_lost_connections_are_told_with_the_time_to_recover_and_the_ratings_lost(
    tmp_path: Path,
) -> None:
    script = ten_seconds().failed("WS", "ws.abnormal.rst", 2).failed("WS", "ws.close.restart")
    script.failed("WS", "ws.close_timeout", 4)  # its user had left: nothing was lost
    script.failed("ACK", "app.ack.lost_on_close", 2).took("recover", 300.0, 700.0)
    report = make(tmp_path, script)
    line = "3 connections were lost, 2 replaced after P50 300, P95 700, max 700 ms; 2 ratings lost"
    for text in everywhere(report):
        assert line in text
    recovery = json.loads(to_json(report))["recovery"]
    assert recovery["lost"] == 3
    assert recovery["ratings_lost"] == recovery["replaced"] == 2


def test_a_connection_that_was_never_replaced_has_no_time_to_recover(tmp_path: Path) -> None:
    text = printed(make(tmp_path, ten_seconds().failed("WS", "ws.abnormal.fin")))
    assert "Reconnects  1 connection was lost, 0 replaced; 0 ratings lost with them" in text
    assert "Reconnects" not in printed(make(tmp_path, ten_seconds()))


# -- refusals ----------------------------------------------------------------------------------


def test_refusals_stand_apart_from_faults(tmp_path: Path) -> None:
    script = ten_seconds().failed("ACK", "app.ack.negative", 5).failed("ACK", "app.ack.timeout")
    report = make(tmp_path, script)
    for text, titles in zip(
        everywhere(report), (("Errors", "Refusals"), ("## Errors", "## Refusals")), strict=True
    ):
        places = [text.index(part) for part in (titles[0], titles[1], "app.ack.negative")]
        assert places == sorted(places)
    kinds = {row["class"]: row["kind"] for row in json.loads(to_json(report))["errors"]}
    assert kinds == {"app.ack.negative": "refusal", "app.ack.timeout": "fault"}


# -- the thresholds ----------------------------------------------------------------------------


WINDOWED = {"window_s": 60, "at_s": 12.0}


def test_the_defaults_are_marked_in_the_table_and_not_repeated_on_the_terminal(
    tmp_path: Path,
) -> None:
    report = make(tmp_path, ten_seconds())
    assert all(map(wording.is_default, report.verdict.checks))
    assert "Thresholds" not in printed(report)
    assert to_markdown(report).count("## Thresholds") == 1


def test_a_sliding_window_has_no_cell_and_a_row_with_its_worst_place(tmp_path: Path) -> None:
    text = "ack p95 < 250ms for 60s"
    report = make(tmp_path, ten_seconds(), (check(text, "p95_ms", 262.0, 250.0, **WINDOWED),))
    shown = " ".join(printed(report).split())
    assert f"{text}: ACK {NAME} 262 ms ✗ 250 ms -12 ms 60 s from 12 s on" in shown
    assert f"{text}: ACK {NAME} | 262 ms ✗ | 250 ms | -12 ms |".replace("<", "&lt;") in to_markdown(
        report
    )
    table = printed(report).split("Thresholds")[0]
    assert table.count("✗") == 1, "the legend's alone"


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            check("ack p95 < 250ms for 60s", "p95_ms", 262.0, 250.0, **WINDOWED),
            f"ACK {NAME} p95 262 ms in the 60 s from 12 s on is not under 250 ms",
        ),
        (
            check("rate > 400/s", "rate", 380.0, 400.0, op=">", name=""),
            "ACK rate 380/s is not above 400/s",
        ),
        (
            check("rate >= 400/s for 60s", "rate", 380.25, 400.0, op=">=", name="", **WINDOWED),
            "ACK rate 380.2/s in the 60 s from 12 s on is not at least 400/s",
        ),
        (
            check("ack p99.9 <= 1s", "p999_ms", 1200.0, 1000.0, op="<="),
            f"ACK {NAME} p99.9 1{THIN_SPACE}200 ms is not at most 1000 ms",
        ),
        (
            check("ack mean < 1ms", "mean_ms", None, 1.0),
            f"ACK {NAME} mean has no data, so it is not under 1 ms",
        ),
        (
            check("errors < 1% for 60s", "errors", 0.02, 0.01, **WINDOWED),
            f"ACK {NAME} errors 2 % in the 60 s from 12 s on, which is not under 1 %",
        ),
    ],
)
def test_a_crossed_threshold_reads_as_a_sentence(found: Check, sentence: str) -> None:
    assert wording.crossing(found) == sentence


def test_a_passed_run_names_the_thresholds_that_were_given(tmp_path: Path) -> None:
    given = (check("ack p95 < 300ms", "p95_ms", 10.0, 300.0),)
    last = printed(make(tmp_path, ten_seconds(), given)).splitlines()[-1]
    assert last == "PASSED (exit 0): every limit holds (ack p95 < 300ms)"


@pytest.mark.parametrize(
    ("metric", "title"),
    [
        *(("p50_ms", "P50"), ("p999_ms", "P99.9"), ("p9999_ms", "P99.99"), ("p90_ms", "P90")),
        *(("p5_ms", "P5"), ("p100_ms", "P100"), ("max_ms", "max"), ("errors", "errors")),
    ],
)
def test_a_metric_is_named_as_people_write_it(metric: str, title: str) -> None:
    assert wording.metric_title(metric) == title


# -- stages and phases -------------------------------------------------------------------------


STAGES = (Stage("4s:1", 0, 4), Stage("6s:2", 4, 10), Stage("1m:0", 10, 70))


def test_each_stage_has_a_row(tmp_path: Path) -> None:
    report = make(tmp_path, ten_seconds(), stages=STAGES, warm_up_s=2)
    text, markdown = everywhere(report)
    assert "4s:1 (2 s to 4 s) 20 0 % 10.0 10.0 20" in text
    assert "6s:2 (4 s to 10 s) 60 0 % 10.0 10.0 20" in text
    assert "1m:0 (not in the figures) – –" in text
    assert "| 6s:2 (4 s to 10 s) | 60 | 0 % | 10.0 |" in markdown
    stages = json.loads(to_json(report))["stages"]
    assert [(each["label"], each["start_s"], len(each["rows"])) for each in stages] == [
        *(("4s:1", 2, 1), ("6s:2", 4, 1), ("1m:0", 10, 0))
    ]


def test_the_terminal_shows_of_each_stage_what_the_run_is_about(tmp_path: Path) -> None:
    report = make(tmp_path, ten_seconds(), stages=STAGES)
    stages = printed(report).partition("Stages")[2].partition("\n\n")[0]
    assert "TLS" not in stages
    assert f"4s:1 (0 s to 4 s): TLS {NAME}" in to_markdown(report)


def test_failures_that_are_no_requests_have_no_share_in_a_stage(tmp_path: Path) -> None:
    script = ten_seconds().failed("WS", "ws.abnormal.rst")
    assert f"WS {NAME} | 1 | – |" in to_markdown(make(tmp_path, script, stages=STAGES))


def test_the_phases_of_a_passing_closed_run_are_one_line(tmp_path: Path) -> None:
    report = make(tmp_path, ten_seconds())
    text = " ".join(printed(report, 160).split())
    assert "Phases P50 (P99) in ms: TCP 0.10 (0.10), TLS 2.50 (2.50), UPGRADE 1 (1)" in text
    assert "Phases in ms" not in text
    assert "## Phases" in to_markdown(report)


def test_service_time_and_lag_stand_apart_from_the_response_time(tmp_path: Path) -> None:
    script = Script().acked(*[2.0] * 10).took("service", *[1.5] * 10).took("lag", *[0.5] * 10)
    report = make(tmp_path, script, model=OPEN)
    text, markdown = everywhere(report)
    assert "SERVICE 10 75 % 1.50 1.50 1.50 1.50 LAG 10 25 % 0.50 0.50 0.50 0.50" in text
    assert "| LAG | 10 | 25 % | 0.50 |" in markdown
    assert {row["type"] for row in json.loads(to_json(report))["phases"]} == {"SERVICE", "LAG"}


def test_the_time_of_failures_is_a_row_of_its_own_and_in_no_percentile(tmp_path: Path) -> None:
    script = ten_seconds().failed("ACK", "app.ack.timeout").took("ack.failed", 5000.0)
    report = make(tmp_path, script)
    text = " ".join(printed(report).split()).replace(THIN_SPACE, " ")
    assert "ACK.FAILED 1 5 000 5 000 5 000 5 000" in text
    assert report.percentiles["max_ms"].max() == 20.0


# -- the generator -----------------------------------------------------------------------------


def test_each_process_of_the_generator_has_a_line(tmp_path: Path) -> None:
    other = replace(GENERATOR, process="worker 2", lines=("CPU 9 %",))
    report = make(tmp_path, ten_seconds(), generator=(GENERATOR, other), clocks="within 1 ms")
    text = printed(report)
    assert "Generator  worker 1: CPU 34 %; lag P99 1.20 ms\n" in text
    assert "\n           worker 2: CPU 9 %\n" in text
    assert "\n           within 1 ms\n" in text
    assert "- worker 2: CPU 9 %" in to_markdown(report)


def test_an_invalid_run_says_so_at_the_top_and_in_its_verdict(tmp_path: Path) -> None:
    reasons = ("worker 2 used 98 % of its CPU", "the event loop was late")
    report = make(tmp_path, ten_seconds(), invalid=reasons, generator=(GENERATOR,))
    text = printed(report)
    for reason in reasons:
        assert f"! INVALID: {reason}" in text
        assert f"**INVALID: {reason}**" in to_markdown(report)
    assert text.splitlines()[-1] == f"INVALID (exit 98): {reasons[0]}"
    validity = json.loads(to_json(report))["validity"]
    assert (validity["valid"], validity["reasons"]) == (False, list(reasons))
    assert validity["processes"][0]["figures"] == {"cpu_mean": 0.34}


def test_a_run_that_a_threshold_ended_says_so(tmp_path: Path) -> None:
    report = make(tmp_path, ten_seconds(), aborted="ack p95 < 250ms was crossed at 34 s")
    assert "! ABORTED: ack p95 < 250ms was crossed at 34 s" in printed(report)


# -- all of it ---------------------------------------------------------------------------------


def everything(tmp_path: Path, name: str = NAME) -> Report:
    script = Script()
    script.connected(4, name=name).acked(*[123_456.7] * 200, name=name)
    script.took("service", *[123_000.0] * 200, name=name).took("lag", *[456.7] * 200, name=name)
    script.failed("ACK", "app.ack.timeout", 30, name=name).took("ack.failed", 5e3, name=name)
    script.failed("STRAY", "app.ack.duplicate", name=name).failed("UNSENT", "gen.unsent", name=name)
    checks = (
        check("ack p95 < 250ms for 60s", "p95_ms", 123_456.7, 250.0, name=name, **WINDOWED),
        check("ack p99 < 250ms", "p99_ms", 123_456.7, 250.0, name=name),
        check("rate > 1000000/s", "rate", 20.0, 1e6, op=">", name=name),
    )
    return make(
        tmp_path,
        script,
        checks,
        stages=STAGES,
        model=OPEN,
        generator=(GENERATOR,),
        invalid=("x" * 90,),
        aborted="y " * 60,
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["x", NAME, "a long name " * 12, "評価" * 40])
def test_no_line_but_the_verdict_is_wider_than_asked_for(
    tmp_path: Path, width: int, name: str
) -> None:
    *lines, _ = printed(everything(tmp_path, name), width).splitlines()
    assert max(map(cell_len, lines)) <= width


def test_a_simple_run_that_passes_is_short(tmp_path: Path) -> None:
    report = make(tmp_path, ten_seconds(), generator=(GENERATOR,))
    assert len(printed(report).splitlines()) <= 21


def test_texts_from_outside_mean_nothing_in_the_new_parts(tmp_path: Path) -> None:
    name = "[bold]x[/]\x1b[2J|<b>"
    report = replace_generator(everything(tmp_path, name), name)
    text = printed(report, 160)
    assert "\x1b" not in text
    assert "[bold]x[/]" in text
    markdown = to_markdown(report)
    assert "<b>" not in markdown
    for table in markdown.split("\n\n"):
        rows = [line.replace("\\|", "") for line in table.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1


def replace_generator(report: Report, text: str) -> Report:
    assert report.facts is not None
    generator = (GeneratorReport(text, (text,)),)
    return replace(report, facts=replace(report.facts, generator=generator, clocks=text))


def test_the_json_says_nothing_of_what_a_plain_csv_set_does_not_hold(tmp_path: Path) -> None:
    content = json.loads(to_json(load(write_set(tmp_path, stats_row()))))
    for key in ("facts", "model", "validity", "phases", "ledger", "stages"):
        assert content[key] is None
    assert content["warm_up_s"] == 0


def test_the_json_leaves_the_series_to_the_results_file(tmp_path: Path) -> None:
    content = json.loads(to_json(everything(tmp_path)))
    assert "series" not in content["facts"]
    assert "HISTFAAA" not in json.dumps(content)
