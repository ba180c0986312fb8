"""A window's running sum against the same intervals merged anew."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openclaw_locust.measure.histogram import HIGHEST_US, Histogram
from openclaw_locust.measure.series import Window, merged
from openclaw_locust.measure.sliding import SlidingWindow

KEY = ("ack", "x")
PERCENTS = (0.1, 7.0, 50.0, 95.0, 99.9, 100.0)
DURATIONS_US = st.one_of(
    st.integers(0, 3), st.integers(0, 2050), st.integers(20_000, 400_000), st.just(HIGHEST_US + 1)
)


def interval_of(durations_us: list[int]) -> Window:
    window = Window(sends=len(durations_us))
    if durations_us:
        histogram = window.histogram(KEY)
        for us in durations_us:
            histogram.record_ns(us * 1000)
    return window


@given(st.lists(st.lists(DURATIONS_US, max_size=6), max_size=12), st.integers(1, 5))
def test_each_window_is_its_intervals_merged_anew(seconds: list[list[int]], length_s: int) -> None:
    intervals = [interval_of(durations) for durations in seconds]
    sliding = SlidingWindow(length_s)
    for begin_s, interval in enumerate(intervals):
        sliding.enter(begin_s, interval)
        sliding.leave(begin_s + 1)
        anew = merged(intervals[max(0, begin_s + 1 - length_s) : begin_s + 1])
        found = sliding.sum.histograms.get(KEY, Histogram())
        wanted = anew.histograms.get(KEY, Histogram())
        assert found == wanted
        assert found.total == wanted.total
        assert found.percentiles_us(PERCENTS) == wanted.percentiles_us(PERCENTS)
        assert sliding.sum.sends == anew.sends


def test_without_a_length_nothing_leaves() -> None:
    sliding = SlidingWindow(None)
    for begin_s in range(3):
        sliding.enter(begin_s, interval_of([1, 5]))
        sliding.leave(begin_s + 1)
    assert sliding.sum.histograms[KEY].total == 6
    assert sliding.sum.histograms[KEY].percentile_us(50) == 1


def test_a_row_that_left_is_empty_and_still_there() -> None:
    sliding = SlidingWindow(1)
    sliding.enter(0, interval_of([7]))
    sliding.leave(2)
    assert sliding.sum.names("ack") == ["x"]
    assert sliding.sum.histograms[KEY].percentiles_us(PERCENTS) == [None] * len(PERCENTS)
    assert sliding.sum.histograms[KEY].max_us == 0
