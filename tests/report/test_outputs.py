"""Terminal, Markdown and JSON of the same report."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from openclaw_locust.report import wording
from openclaw_locust.report.build import Report, load
from openclaw_locust.report.json_output import to_json
from openclaw_locust.report.markdown import escape, to_markdown, write_markdown
from openclaw_locust.report.numbers import (
    THIN_SPACE,
    format_count,
    format_ms,
    format_rate,
    format_share,
)
from openclaw_locust.report.terminal import print_report
from openclaw_locust.results import RunFacts, Sample
from tests.report.report_sets import stats_row, write_set

FACTS = RunFacts(
    target="wss://127.0.0.1:8443/rating",
    started="2026-03-18T10:00:00Z",
    duration_s=60,
    versions={"locust": "2.47.0"},
    notes=("embedded server", "certificate NOT verified", "this run wrote ratings to the target"),
    settings={"users": "50"},
    goal=("ACK",),
    samples=(Sample("app.ack.timeout", 12, "nothing for 5 s"),),
    hints=("look at the queue",),
)


def make(tmp_path: Path, *rows: list[object], facts: RunFacts | None = FACTS) -> Report:
    """A report of these rows; every failed ack is a timeout."""
    failures = tuple(
        (str(row[0]), str(row[1]), "Failure('app.ack.timeout')", int(str(row[3])))
        for row in rows
        if row[3]
    )
    prefix = write_set(tmp_path, *rows, failures=failures)
    if facts:
        facts.write(prefix)
    return load(prefix)


def healthy(tmp_path: Path) -> Report:
    return make(tmp_path, stats_row("TLS", count=50), stats_row(), stats_row("UPGRADE", count=50))


def slow(tmp_path: Path) -> Report:
    return make(
        tmp_path, stats_row(count=1000, failures=12, p50=120, p95=612, p99=700, maximum=900)
    )


def printed(report: Report, width: int = 80, encoding: str = "utf-8") -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_report(report, width, stream)
    stream.seek(0)
    return stream.read()


def test_the_terminal_shows_target_notes_figures_errors_hints_and_verdict(tmp_path: Path) -> None:
    text = printed(slow(tmp_path))
    for words in (FACTS.target, *FACTS.notes, *FACTS.hints, "users 50", "locust 2.47.0"):
        assert words in text
    for words in ("612 ✗", "1.20 % ✗", "< 250", "app.ack.timeout", "nothing for 5 s"):
        assert words in text
    assert text.splitlines()[-1] == (
        "FAILED (exit 99): ACK OpenClawRating p95 612 ms is not under 250 ms; "
        "3 further limits are crossed"
    )


def test_a_healthy_run_ends_with_passed_and_marks_each_figure(tmp_path: Path) -> None:
    text = printed(healthy(tmp_path))
    assert text.splitlines()[-1].startswith("PASSED (exit 0): every limit holds (P50 < 100 ms, ")
    assert "✗" not in text.replace("✗ does not", "")
    assert text.count("40 ✓") == 3


def test_the_total_is_shown_and_not_marked(tmp_path: Path) -> None:
    line = next(line for line in printed(healthy(tmp_path)).splitlines() if "Aggregated" in line)
    assert "✓" not in line


@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize("name", ["x", "OpenClawRating", "a long name " * 12, "評価" * 40])
def test_no_line_but_the_verdict_is_wider_than_asked_for(
    tmp_path: Path, width: int, name: str
) -> None:
    report = make(tmp_path, stats_row("ACK", name, 1_000_000, 12), stats_row("UPGRADE", name, 50))
    *lines, _ = printed(report, width).splitlines()
    assert max(map(cell_len, lines)) <= width


def test_there_is_no_colour_where_there_is_no_terminal(tmp_path: Path) -> None:
    assert "\x1b" not in printed(slow(tmp_path))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colour_unless_no_color_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    report = slow(tmp_path)
    coloured = re.compile(r"\x1b\[[0-9;]*3[0-9]")
    for no_colour in (False, True):
        if no_colour:
            monkeypatch.setenv("NO_COLOR", "1")
        stream = Terminal()
        print_report(report, 80, stream)
        assert bool(coloured.search(stream.getvalue())) != no_colour


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_stream_without_the_marks_gets_ascii_ones_in_the_same_columns(
    tmp_path: Path, encoding: str
) -> None:
    report = make(tmp_path, stats_row("ACK", "評価", 10_000, 500))
    text = printed(report, encoding=encoding)
    assert "5 % X" in text
    assert "20 +" in text
    assert "10,000" in text
    assert "ACK ??" in text
    unicode_lines = printed(report).splitlines()
    assert [len(line) for line in text.splitlines()] == [len(line) for line in unicode_lines]


def test_texts_from_outside_cannot_move_the_cursor_or_be_read_as_markup(tmp_path: Path) -> None:
    name = "[bold red]x[/] \x1b[2J\u202e\n:smile:"
    text = printed(make(tmp_path, stats_row("ACK", name)), 160)
    assert "ACK [bold red]x[/] ·[2J··:smile:" in text


def test_lost_connections_are_explained_below_the_table(tmp_path: Path) -> None:
    report = make(
        tmp_path,
        stats_row(),
        stats_row("UPGRADE", count=50),
        stats_row("WS", count=1, failures=1),
    )
    text = printed(report)
    assert "WS: lost connections; their errors are a share of the connections." in text
    assert "lost connections are 2 % of the connections, which is not under 1 %" in text
    assert "lost connections" in to_markdown(report)


def test_a_run_without_facts_says_what_is_not_known(tmp_path: Path) -> None:
    report = make(tmp_path, stats_row(), facts=None)
    assert "target, TLS and notes are not known" in printed(report)
    assert json.loads(to_json(report))["facts"] is None


def test_many_errors_are_cut_on_the_terminal_and_whole_in_markdown(tmp_path: Path) -> None:
    failures = tuple(("GET", "/", f"error {number:02}", 1) for number in range(30))
    prefix = write_set(tmp_path, stats_row("GET", "/", 10_000, 30), failures=failures)
    report = load(prefix)
    assert "and 10 more: see the Markdown report or --json" in printed(report)
    assert "error 29" not in printed(report)
    assert "error 29" in to_markdown(report)


def test_the_verdict_of_a_run_that_measured_nothing_names_the_most_frequent_error(
    tmp_path: Path,
) -> None:
    prefix = write_set(
        tmp_path,
        stats_row("TLS", count=20, failures=20),
        failures=(("TLS", "OpenClawRating", "Failure('tls.cert.untrusted')", 20),),
    )
    FACTS.write(prefix)
    text = printed(load(prefix))
    assert text.splitlines()[-1] == (
        "FAILED (exit 1): nothing was measured: no ACK request was made; "
        "most frequent error: tls.cert.untrusted (20)"
    )
    assert "Give the CA (--tls-ca ca.pem)" in " ".join(text.split())


def test_markdown_has_the_same_content(tmp_path: Path) -> None:
    report = slow(tmp_path)
    path = write_markdown(report, tmp_path / "run")
    text = path.read_text("utf-8")
    assert path.name == "run_report.md"
    for words in (FACTS.target, *FACTS.notes, *FACTS.hints, "612 ✗", "`app.ack.timeout`"):
        assert words in text
    assert "**FAILED (exit 99): ACK OpenClawRating p95 612 ms is not under 250 ms" in text
    assert "| users | 50 |" in text


def test_every_table_row_of_markdown_has_as_many_cells_as_its_header(tmp_path: Path) -> None:
    name = "a|b `c` <script> \\| \n| d"
    prefix = write_set(
        tmp_path,
        stats_row("ACK", name, 1000, 5),
        failures=(("ACK", name, "boom | <img src=x>\n| `", 5),),
    )
    tables = re.findall(r"(?:^\|.*\n)+", to_markdown(load(prefix)), re.MULTILINE)
    assert len(tables) == 3
    for table in tables:
        cells = [len(re.split(r"(?<!\\)(?:\\\\)*\|", line)) for line in table.splitlines()]
        assert len(set(cells)) == 1
        assert "<" not in table


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("`x`", r"\`x\`"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("2026-03-18", "2026-03-18"),
        ("a\nb", "a·b"),
        ("\\|", r"\\\|"),
        ("[x](javascript:y)", r"\[x\](javascript:y)"),
        ("# head", r"\# head"),
    ],
)
def test_texts_from_outside_mean_nothing_to_markdown(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_json_has_the_promised_keys_and_null_for_no_data(tmp_path: Path) -> None:
    prefix = write_set(
        tmp_path,
        stats_row(),
        stats_row("TLS", count=2, failures=2),
        failures=(("TLS", "OpenClawRating", "tls.eof", 2),),
    )
    text = to_json(load(prefix))
    content = json.loads(text, parse_constant=pytest.fail)
    assert content["verdict"]["status"] == "crossed"
    assert content["verdict"]["exit_code"] == 99
    assert set(content["percentiles"][0]) == {
        *("name", "type", "count", "failures", "rate", "mean_ms"),
        *("p50_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms"),
    }
    assert content["percentiles"][1]["p50_ms"] is None
    assert content["percentiles"][-1]["type"] == ""
    assert set(content["errors"][0]) == {
        *("class", "kind", "count", "share", "meaning", "remedy", "where", "sample")
    }
    assert content["errors"][0]["sample"] is None
    assert content["errors"][0]["where"] == ["TLS OpenClawRating"]
    assert text.isascii()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.0, "<0.01"), (0.009, "<0.01"), (0.01, "0.01"), (0.347, "0.34"), (0.999, "0.99")),
        *(
            (1.0, "1"),
            (1.005, "1.00"),
            (2.511, "2.51"),
            (6.1, "6.10"),
            (9.999, "9.99"),
            (10.0, "10"),
        ),
        *(
            (20.0, "20"),
            (20.47, "20.4"),
            (99.96, "99.9"),
            (100.0, "100"),
            (249.99, "249"),
            (612.4, "612"),
        ),
        *((1234.5, f"1{THIN_SPACE}234"), (1e6, f"1{THIN_SPACE}000{THIN_SPACE}000")),
    ],
)
def test_milliseconds_are_cut_to_three_digits(value: float, text: str) -> None:
    assert format_ms(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.0, "0 %"), (1.0, "100 %"), (0.9999, "99.9 %"), (0.00001, "<0.01 %")),
        *((0.00999, "0.99 %"), (0.01, "1 %"), (0.29, "29 %"), (1 / 3, "33.3 %"), (2.5, "250 %")),
    ],
)
def test_a_share_is_never_shown_as_none_or_all_when_it_is_not(value: float, text: str) -> None:
    assert format_share(value) == text


def test_counts_and_rates_are_grouped() -> None:
    assert format_count(12560) == f"12{THIN_SPACE}560"
    assert format_rate(1234.56) == f"1{THIN_SPACE}234.5"
    assert format_rate(0.0) == "0.0"
    assert format_rate(0.01) == "<0.1"


def test_the_documentation_states_the_limits_and_the_keys_of_the_json(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "report.md").read_text("utf-8")
    assert f"\n{wording.limits()}\n" in text
    content = json.loads(to_json(slow(tmp_path)))
    keys = [*content, *content["verdict"], *content["percentiles"][0], *content["errors"][0]]
    assert [key for key in keys if f"`{key}`" not in text] == []
