"""Reading Locust's CSV: each fault is one line that says where, and the rest is still read."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_locust.report.read_csv import Table, read_exceptions, read_failures, read_stats
from openclaw_locust.report.tables import percentile_table, verdict_rows
from openclaw_locust.verdict import judge
from tests.report.report_sets import (
    EXCEPTIONS_HEADER,
    FAILURES_HEADER,
    STATS_HEADER,
    as_csv,
    exceptions_csv,
    failures_csv,
    stats_csv,
    stats_row,
    total_of,
)

ODD_NAMES = [
    *("NA", "N/A", "null", "None", "nan", "", "True", "1", "007", "Aggregated"),
    *('a,b "c"', "x|y", "line\nend", "cr\r\nlf", " padded ", "評価 👍", "=1+1", "\N{BOM}x"),
]


def names(table: Table) -> list[str]:
    return table.frame["name"].tolist()


def texts(table: Table) -> list[str]:
    return [problem.text for problem in table.problems]


def test_names_stay_text_whatever_they_look_like() -> None:
    table = read_stats(stats_csv(*(stats_row(name=name) for name in ODD_NAMES)), "s")
    assert names(table) == [*ODD_NAMES, "Aggregated"]
    assert table.problems == ()


def test_the_frame_is_typed() -> None:
    frame = read_stats(stats_csv(stats_row()), "s").frame
    kinds = {str(column): str(dtype) for column, dtype in frame.dtypes.items()}
    assert kinds.pop("is_total") == "bool"
    assert {kinds.pop("type"), kinds.pop("name")} == {"string"}
    assert {kinds.pop("count"), kinds.pop("failures")} == {"int64"}
    assert set(kinds.values()) == {"Float64"}


def test_the_frame_of_an_empty_file_has_the_same_types() -> None:
    full = read_stats(stats_csv(stats_row()), "s").frame
    for data in (b"", as_csv(STATS_HEADER, [])):
        empty = read_stats(data, "s").frame
        assert len(empty) == 0
        assert list(empty.columns) == list(full.columns)
        assert str(empty["count"].dtype) == "int64"


def test_the_total_is_the_last_row_with_an_empty_type_and_not_a_name() -> None:
    mine = stats_row("", "Aggregated", 10)
    other = stats_row("GET", "Aggregated", 20)
    frame = read_stats(stats_csv(mine, other), "s").frame
    assert frame["is_total"].tolist() == [False, False, True]
    assert frame["count"].tolist() == [10, 20, 30]


def test_columns_are_taken_by_name_and_not_by_place() -> None:
    rows = [stats_row(count=7), total_of([stats_row(count=7)])]
    backwards = as_csv(STATS_HEADER[::-1], [row[::-1] for row in rows])
    pd.testing.assert_frame_equal(
        read_stats(backwards, "s").frame, read_stats(as_csv(STATS_HEADER, rows), "s").frame
    )


def test_unknown_columns_are_passed_over() -> None:
    rows = [[*stats_row(), "x"], [*total_of([stats_row()]), "x"]]
    table = read_stats(as_csv([*STATS_HEADER, "New"], rows), "s")
    assert table.problems == ()
    assert names(table) == ["OpenClawRating", "Aggregated"]


def test_a_missing_percentile_column_is_no_data_and_one_line() -> None:
    place = STATS_HEADER.index("95%")
    rows = [stats_row(), total_of([stats_row()])]
    data = as_csv(
        [name for name in STATS_HEADER if name != "95%"],
        [row[:place] + row[place + 1 :] for row in rows],
    )
    table = read_stats(data, "run_stats.csv")
    assert texts(table) == ["run_stats.csv: has no column 95%: no data for p95"]
    assert table.frame["p95_ms"].isna().all()
    assert table.frame["p99_ms"].tolist() == [60, 60]


def test_the_median_stands_in_for_a_missing_50_column() -> None:
    header = ["half" if name == "50%" else name for name in STATS_HEADER]
    table = read_stats(as_csv(header, [stats_row(), total_of([stats_row()])]), "s")
    assert table.problems == ()
    assert table.frame["p50_ms"].tolist() == [20, 20]


def test_not_available_is_no_data_and_no_fault() -> None:
    row = stats_row("", "Aggregated", 0)
    row[11:] = ["N/A"] * 11
    table = read_stats(as_csv(STATS_HEADER, [row]), "s")
    assert table.problems == ()
    assert table.frame["p50_ms"].isna().all()


GOOD = [stats_row(name="one"), stats_row(name="two", count=500)]
WHOLE = stats_csv(*GOOD)
LINES = WHOLE.splitlines(keepends=True)


def _with_line(number: int, line: bytes) -> bytes:
    return b"".join([*LINES[: number - 1], line, *LINES[number:]])


FAULTS: list[tuple[str, bytes, list[str], list[str]]] = [
    ("an empty file", b"", [], ["s: is empty"]),
    ("only NUL bytes", b"\0" * 50, [], ["s, line 1: 50 NUL bytes", "s: is empty"]),
    ("only line ends", b"\r\n\r\n", [], ["s: is empty"]),
    ("another header", b"a,b\r\n1,2\r\n", [], ["s, line 1: is not the header that Locust writes"]),
    ("a half header", LINES[0][:20], [], ["s, line 1: is not the header"]),
    ("no header", b"".join(LINES[1:]), [], ["s, line 1: is not the header"]),
    ("a half last line", WHOLE[:-40], ["one", "two"], ["s, line 4: has 1"]),
    ("a half quoted field", LINES[0] + LINES[1] + b'ACK,"tw', ["one"], ["s, line 3: is no proper"]),
    ("no total", b"".join(LINES[:-1]), ["one", "two"], ["s: the total at its end is missing"]),
    (
        "a row lost",
        LINES[0] + LINES[1] + LINES[3],
        ["one", "Aggregated"],
        ["s: its rows have 1000"],
    ),
    (
        "a broken row in the middle",
        _with_line(2, b"ACK,one,10\r\n"),
        ["two", "Aggregated"],
        ["s, line 2: has 3 of 22 fields"],
    ),
    (
        "a count that is none",
        _with_line(2, LINES[1].replace(b",1000,", b",ten,")),
        ["two", "Aggregated"],
        ["s, line 2: Request Count is no count: 'ten'"],
    ),
    (
        "a negative count",
        _with_line(2, LINES[1].replace(b",1000,", b",-1,")),
        ["two", "Aggregated"],
        ["s, line 2: Request Count is no count: '-1'"],
    ),
    (
        "a figure that is none",
        _with_line(2, LINES[1].replace(b",80.0,", b",nan,")),
        ["one", "two", "Aggregated"],
        ["s, line 2: Max Response Time is no number: 'nan'"],
    ),
    (
        "NUL bytes behind the end",
        WHOLE + b"\0" * 9,
        ["one", "two", "Aggregated"],
        ["s, line 5: 9 NUL bytes left out"],
    ),
    (
        "a NUL block over a row",
        _with_line(2, b"\0" * 64 + LINES[1][64:]),
        ["two", "Aggregated"],
        ["s, line 2: 64 NUL bytes", "s, line 2: has"],
    ),
    (
        "bytes that are not UTF-8",
        _with_line(2, LINES[1].replace(b"one", b"\xff\xfe")),
        ["\ufffd\ufffd", "two", "Aggregated"],
        ["s, line 2: is not UTF-8"],
    ),
    (
        "a row twice",
        _with_line(3, LINES[1] + LINES[2]),
        ["one", "two", "Aggregated"],
        ["s: 1 rows appear twice"],
    ),
    (
        "no line end at the end",
        WHOLE.rstrip(),
        ["one", "two", "Aggregated"],
        ["s: does not end with a line end"],
    ),
    ("a byte order mark", b"\xef\xbb\xbf" + WHOLE, ["one", "two", "Aggregated"], []),
    ("Unix line ends", WHOLE.replace(b"\r\n", b"\n"), ["one", "two", "Aggregated"], []),
]


@pytest.mark.parametrize(
    ("data", "read", "problems"),
    [fault[1:] for fault in FAULTS],
    ids=[fault[0] for fault in FAULTS],
)
def test_each_fault_of_the_statistics_is_one_line_and_the_rest_is_read(
    data: bytes, read: list[str], problems: list[str]
) -> None:
    table = read_stats(data, "s")
    assert names(table) == read
    found = texts(table)
    assert len(found) == len(problems)
    for text, beginning in zip(found, problems, strict=True):
        assert text.startswith(beginning)
        assert "\n" not in text


HARMLESS = {"NUL bytes behind the end", "bytes that are not UTF-8", "no line end at the end"}


@pytest.mark.parametrize(("name", "data"), [fault[:2] for fault in FAULTS if fault[3]])
def test_a_fault_that_may_hide_figures_is_marked_as_such(name: str, data: bytes) -> None:
    loses = any(problem.loses_figures for problem in read_stats(data, "s").problems)
    assert loses == (name not in HARMLESS)


def test_a_file_cut_anywhere_is_told_and_never_passes() -> None:
    last_figure = len(WHOLE.rstrip()) - WHOLE.rstrip()[::-1].index(b",")
    silent = {len(LINES[0]) - 1, len(LINES[0]), len(WHOLE) - 1}
    for end in {*range(0, len(WHOLE), 5), *range(len(WHOLE) - 30, len(WHOLE)), *silent}:
        table = read_stats(WHOLE[:end], "s")
        damage = [problem.text for problem in table.problems if problem.loses_figures]
        verdict = judge(verdict_rows(percentile_table(table.frame)), damage=damage)
        # a header alone is an empty run, and of "\r\n" the second byte is not missed
        assert table.problems or end in silent, end
        # a cut in the last figure of the total takes nothing that is judged
        assert verdict.status == ("passed" if end >= last_figure else "failed"), end


def test_many_broken_lines_are_counted_and_not_all_told() -> None:
    data = LINES[0] + b"x\r\n" * 1000 + b"".join(LINES[1:])
    table = read_stats(data, "s")
    assert len(table.problems) == 6
    assert texts(table)[-1] == "s: 995 more faults in its lines"
    assert names(table) == ["one", "two", "Aggregated"]


def test_the_line_of_a_fault_behind_a_name_with_line_ends_is_right() -> None:
    data = as_csv(STATS_HEADER, [stats_row(name="a\nb\nc"), ["cut"]])
    assert texts(read_stats(data, "s")) == [
        "s, line 5: has 1 of 22 fields, left out: cut or damaged"
    ]


def test_failures_without_the_times_of_newer_locusts_are_read() -> None:
    table = read_failures(as_csv(FAILURES_HEADER[:4], [["ACK", "NA", "null", 3]]), "f")
    assert table.problems == ()
    assert table.frame.to_dict("records") == [
        {"type": "ACK", "name": "NA", "error": "null", "count": 3}
    ]


def test_broken_failures_are_named_and_the_rest_is_read() -> None:
    data = failures_csv(("ACK", "x", "boom", 3)) + b"ACK,x,cut"
    table = read_failures(data, "f")
    assert texts(table)[0].startswith("f, line 3: has 3 of 6 fields")
    assert table.frame["count"].tolist() == [3]


def test_exceptions_are_read_with_their_count() -> None:
    table = read_exceptions(exceptions_csv((2, "None"), (1, "a\nb")), "e")
    assert table.frame.to_dict("records") == [
        {"message": "None", "count": 2},
        {"message": "a\nb", "count": 1},
    ]


READERS: list[tuple[Callable[[bytes, str], Table], bytes]] = [
    (read_stats, as_csv(STATS_HEADER, [])),
    (read_failures, as_csv(FAILURES_HEADER, [])),
    (read_exceptions, as_csv(EXCEPTIONS_HEADER, [])),
]


@pytest.mark.parametrize(("read", "header"), READERS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_bytes_whatever_raise_anything(
    read: Callable[[bytes, str], Table], header: bytes, data: st.DataObject
) -> None:
    piece = st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b",", b"\r\n", b'"', b"\0", b"1,", b"ACK,x,", b"N/A,", b"9" * 400]),
    )
    content = b"".join(data.draw(st.lists(piece, max_size=30)))
    for whole in (content, header + content):
        table = read(whole, "f")
        assert all("\n" not in problem.text for problem in table.problems)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8),
            st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8),
            st.integers(0, 10**9),
            st.integers(0, 10**9),
            st.floats(0, 1e9, allow_nan=False),
        ),
        unique_by=lambda row: row[:2],
        max_size=5,
    )
)
def test_whatever_locust_could_write_is_read_back_without_a_fault(
    rows: list[tuple[str, str, int, int, float]],
) -> None:
    written = [stats_row(t, n, count, failed, maximum=top) for t, n, count, failed, top in rows]
    table = read_stats(stats_csv(*written), "s")
    assert table.problems == ()
    assert names(table) == [row[1] for row in rows] + ["Aggregated"]
    shown = percentile_table(table.frame)
    assert len(shown) == len(rows) + 1
    for value in shown["p50_ms"].dropna():
        assert math.isfinite(value)
