"""The histograms as HdrHistogram's log."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from openclaw_locust.measure.hdr import decode_base64
from openclaw_locust.report.hlog import write_hlog
from openclaw_locust.results import RunFacts
from tests.report.series_sets import Script

STARTED = "2026-03-18T10:00:00+00:00"


def lines(path: Path | None) -> tuple[list[str], list[list[str]]]:
    """The header, and the fields of each interval."""
    assert path is not None
    text = path.read_text("utf-8").splitlines()
    begin = next(i for i, line in enumerate(text) if line.startswith("Tag="))
    return text[:begin], [line.split(",") for line in text[begin:]]


def test_each_interval_metric_and_name_is_a_line_that_decodes_to_what_was_recorded(
    tmp_path: Path,
) -> None:
    script = Script().acked(20.0, 30.0, at_s=1).took("tls", 2.5, at_s=0).acked(40.0, at_s=2)
    facts = RunFacts("x", started=STARTED, series=script.series())
    path = write_hlog(facts, tmp_path / "run")
    assert path == tmp_path / "run.hlog"
    _, rows = lines(path)
    assert [row[:4] for row in rows] == [
        ["Tag=tls:OpenClawRating", "0.000", "1.000", "2.500"],
        ["Tag=ack:OpenClawRating", "1.000", "1.000", "30.000"],
        ["Tag=ack:OpenClawRating", "2.000", "1.000", "40.000"],
    ]
    assert facts.series is not None
    window = facts.series.window(1, 2)
    assert decode_base64(rows[1][4], max_us=30_000) == window.histograms["ack", "OpenClawRating"]


def test_the_log_begins_when_the_run_did(tmp_path: Path) -> None:
    facts = RunFacts("x", started=STARTED, series=Script().acked(1.0).series())
    header, _ = lines(write_hlog(facts, tmp_path / "run"))
    begin = datetime.fromisoformat(STARTED).timestamp()
    assert any(line.startswith(f"#[StartTime: {begin:.3f}") for line in header)


@pytest.mark.parametrize("started", ["", "yesterday"])
def test_a_run_of_unknown_begin_has_a_log_too(tmp_path: Path, started: str) -> None:
    facts = RunFacts("x", started=started, series=Script().acked(1.0).series())
    _, rows = lines(write_hlog(facts, tmp_path / "run"))
    assert len(rows) == 1


def test_a_name_with_commas_and_line_ends_stays_one_tag(tmp_path: Path) -> None:
    script = Script().acked(1.0, name="a,b\nTag=x c")
    _, ((tag, *rest),) = lines(write_hlog(RunFacts("x", series=script.series()), tmp_path / "run"))
    assert tag == "Tag=ack:a_b_Tag=x_c"
    assert len(rest) == 4


def test_a_run_without_a_series_has_no_log(tmp_path: Path) -> None:
    assert write_hlog(RunFacts("x"), tmp_path / "run") is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_its_place_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "run.hlog").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_hlog(RunFacts("x", series=Script().acked(1.0).series()), tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run.hlog"]
