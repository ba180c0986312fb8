"""The time series: what is recorded comes out of any window, merged, to the last sample."""

import json
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_locust.measure.histogram import Histogram
from openclaw_locust.measure.recorder import ACK, Increments, Recorder
from openclaw_locust.measure.series import MAX_INTERVALS, Series

S = 1_000_000_000
KEY = (ACK, "row")


def record(recorder: Recorder, sent_ns: int, took_ns: int) -> None:
    interval = recorder.at(sent_ns)
    interval.sends += 1
    interval.settled += 1
    interval.record(KEY, took_ns)


def histogram_of(durations_ns: list[int]) -> Histogram:
    histogram = Histogram()
    for duration_ns in durations_ns:
        histogram.record_ns(duration_ns)
    return histogram


samples = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 20 * S)), min_size=1, max_size=150)


@settings(max_examples=60)
@given(samples, st.integers(1, 4), st.randoms(use_true_random=False))
def test_workers_merged_in_any_order_equal_all_samples_together(
    drawn: list[tuple[int, int]], workers: int, chance: random.Random
) -> None:
    recorders = [Recorder(number * 17 * S) for number in range(workers)]
    arrived: list[tuple[str, Increments]] = []
    for second, took_ns in drawn:
        number = chance.randrange(workers)
        recorder = recorders[number]
        record(recorder, recorder.zero_ns + second * S + chance.randrange(S), took_ns)
        if chance.random() < 0.2:
            arrived.append((str(number), recorder.drain(recorder.zero_ns + second * S)))
    arrived += [(str(n), r.drain(r.zero_ns + 99 * S)) for n, r in enumerate(recorders)]
    chance.shuffle(arrived)
    series = Series()
    for process, increments in arrived:
        series.add(Increments.from_plain(over_the_wire(increments)), process)
    assert series.window().histograms[KEY] == histogram_of([took for _, took in drawn])
    assert series.window().sends == series.window().settled == len(drawn)
    for start, end in ((0, 30), (30, 61), (61, None)):
        wanted = [took for second, took in drawn if start <= second < (end or 999)]
        found = series.window(start, end).histograms.get(KEY, Histogram())
        assert found == histogram_of(wanted)


def over_the_wire(increments: Increments) -> list[object]:
    """Send increments on a way that keeps lists and bytes only, as msgpack does."""

    def plain(value: object) -> object:
        return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value

    result = plain(increments.to_plain())
    assert isinstance(result, list)
    return result


def test_a_send_and_its_outcome_are_in_the_second_of_the_intended_send() -> None:
    recorder = Recorder(5 * S)
    interval = recorder.at(6 * S)
    interval.sends += 1
    first = recorder.drain(9 * S)
    assert [(i.index, i.sends, i.settled) for i in first.intervals] == [(1, 1, 0)]
    assert first.settled_until == 1  # of that second something is still to come
    interval.settled += 1
    interval.record(KEY, 3 * S)
    second = recorder.drain(10 * S)
    assert [(i.index, i.sends, i.settled) for i in second.intervals] == [(1, 0, 1)]
    assert second.settled_until == 5
    assert recorder.drain(11 * S).intervals == ()


def test_what_was_before_the_begin_counts_to_the_first_second() -> None:
    recorder = Recorder(5 * S)
    assert recorder.at(4 * S).index == 0


def test_an_interval_with_an_open_send_outlives_its_draining() -> None:
    recorder = Recorder(0)
    kept = recorder.at(0)
    kept.sends += 1
    for second in range(1, 20):
        recorder.at(second * S)
        recorder.drain(second * S)
    assert recorder.at(0) is kept


def test_a_recorder_does_not_grow_with_the_run() -> None:
    recorder = Recorder(0)
    for second in range(500):
        record(recorder, second * S, 1000)
        recorder.drain(second * S)
    assert len(recorder._intervals) <= 2


def test_failures_are_counted_by_row_and_class() -> None:
    recorder, series = Recorder(0), Series()
    recorder.at(0).fail("ACK", "a", "app.ack.timeout")
    recorder.at(2 * S).fail("ACK", "a", "app.ack.timeout")
    recorder.at(2 * S).fail("ACK", "b", "app.ack.negative")
    series.add(recorder.drain(3 * S))
    assert series.window().failures == Counter(
        {("ACK", "a", "app.ack.timeout"): 2, ("ACK", "b", "app.ack.negative"): 1}
    )
    assert series.window(2).failed("ACK") == 2
    assert series.window(2).failed("ACK", "b") == 1


def test_beyond_an_hour_intervals_become_coarser_and_nothing_is_lost() -> None:
    series, chance = Series(), random.Random(7)
    recorder = Recorder(0)
    seconds = 2 * MAX_INTERVALS + 100
    taken = []
    for second in range(0, seconds, 7):
        taken.append(chance.randrange(2 * S))
        record(recorder, second * S, taken[-1])
        series.add(recorder.drain(second * S))
    assert series.interval_s == 4
    assert len(list(series.intervals())) <= MAX_INTERVALS
    assert series.window().histograms[KEY] == histogram_of(taken)
    assert series.end_s >= seconds - 7
    half = [took for number, took in enumerate(taken) if number * 7 < 4000]
    assert series.window(0, 4000).histograms[KEY] == histogram_of(half)


def test_the_slowest_process_says_what_is_settled() -> None:
    series = Series()
    assert series.settled_until_s == 0
    series.add(Increments((), 12), "a")
    series.add(Increments((), 9), "b")
    assert series.settled_until_s == 9
    series.forget_process("b")
    assert series.settled_until_s == 12


def test_the_results_file_keeps_every_bit() -> None:
    recorder, series, chance = Recorder(0), Series(), random.Random(3)
    for _ in range(500):
        record(recorder, chance.randrange(70 * S), chance.randrange(3 * S))
    recorder.at(S).fail("WS", "row", "ws.abnormal.fin")
    recorder.at(S).late += 1
    series.add(recorder.drain(80 * S))
    again = Series.from_plain(json.loads(json.dumps(series.to_plain())))
    assert dict(again.intervals()) == dict(series.intervals())
    assert again.interval_s == series.interval_s


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("interval_s", 0),
        ("interval_s", "1"),
        ("counts", [[0, -1, 0, 0]]),
        ("counts", [[0, 1]]),
        ("histograms", [{"metric": "ack", "name": "row", "intervals": [[0, 5, "HISTFAAA"]]}]),
        ("histograms", [{"metric": 1, "name": "row", "intervals": []}]),
        ("failures", [{"type": "ACK", "name": "row", "intervals": []}]),
    ],
)
def test_a_damaged_series_is_refused(part: str, value: object) -> None:
    plain = {**Series().to_plain(), part: value}
    with pytest.raises((ValueError, TypeError, KeyError)):
        Series.from_plain(plain)
