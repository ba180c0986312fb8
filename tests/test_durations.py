"""Durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_locust.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5),
        ("500ms", 0.5),
        ("250us", 0.00025),
        ("1m30s", 90),
        ("2h", 7200),
        ("1h1m1s1ms", 3661.001),
        ("1.5m", 90),
        ("0.02s", 0.02),
        ("7", 7),
        ("0", 0),
        ("0.5", 0.5),
        (" 5S ", 5),
        ("1M", 60),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, rel=1e-12)


NO_DURATIONS = "s -5s +5s 1e3 5sec 5d 1,5s .5s 5.s nan inf 30s1m 1s1s 1m30 0x5 5ss ²"


@pytest.mark.parametrize("text", ["", " ", "5 s", "5s\n6s", *NO_DURATIONS.split()])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_duration(text)
    assert str(caught.value) == f"{text!r} is not a duration; write it like 500ms, 5s or 1m30s"


@pytest.mark.parametrize("text", ["9" * 400, "300000h", "1000000001"])
def test_a_duration_beyond_all_use_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is too long a duration; write it like"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.5, "500ms"),
        (0.0205, "20.5ms"),
        (1e-7, "0.0001ms"),
        (1, "1s"),
        (1.25, "1.25s"),
        (60, "1m"),
        (90, "1m30s"),
        (3600, "1h"),
        (3661.5, "1h1m1.5s"),
        (0.1 + 0.2, "300ms"),
        (-1, "0s"),
    ],
)
def test_a_duration_is_written_in_its_shortest_form(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.floats(0, 1e6))
def test_what_is_written_reads_back_to_the_nanosecond(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-9)


@given(st.text(st.sampled_from("0123456789.hmsu "), max_size=12))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds <= 1e9
