"""Histograms: the buckets, the percentiles beside a sorted list, and merging."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_locust.measure.hdr import BUCKETS, decode_counts, encode_counts
from openclaw_locust.measure.histogram import (
    HIGHEST_US,
    Histogram,
    bucket_of,
    bucketed_ms,
    highest_us,
    lowest_us,
)

HOUR_NS = HIGHEST_US * 1000
# of every order of magnitude as many: evenly drawn numbers are nearly all of the last
durations_ns = st.integers(0, 42).flatmap(lambda bits: st.integers(0, min(HOUR_NS, 1 << bits)))
samples = st.lists(durations_ns, max_size=200)
thousandths = st.one_of(
    st.sampled_from([0, 50_000, 90_000, 95_000, 99_000, 99_900, 99_990, 100_000]),
    st.integers(0, 100_000),
)


def histogram(durations: Iterable[int]) -> Histogram:
    made = Histogram()
    for duration_ns in durations:
        made.record_ns(duration_ns)
    return made


def after_the_wire(sent: Histogram) -> Histogram:
    received = Histogram()
    received.counts, received.max_us = decode_counts(encode_counts(sent)), sent.max_us
    return received


def test_the_buckets_lie_side_by_side_without_gap_or_overlap():
    edge = 0
    for bucket in range(BUCKETS):
        assert lowest_us(bucket) == edge
        assert highest_us(bucket) >= edge
        edge = highest_us(bucket) + 1
    assert edge == 1 << 32, "what HdrHistogram's array for up to an hour of µs ends with"


def test_each_bucket_has_its_first_and_its_last_microsecond():
    for bucket in range(BUCKETS):
        assert bucket_of(lowest_us(bucket)) == bucket == bucket_of(highest_us(bucket))


def test_a_bucket_is_one_microsecond_wide_or_a_thousandth_of_its_durations():
    for bucket in range(BUCKETS):
        width = highest_us(bucket) - lowest_us(bucket) + 1
        assert width == 1 or width <= lowest_us(bucket) / 1000


@given(durations_ns, durations_ns)
def test_a_longer_duration_is_in_no_lower_bucket(one, other):
    shorter, longer = sorted((one // 1000, other // 1000))
    assert bucket_of(shorter) <= bucket_of(longer)


@given(durations_ns)
def test_what_is_recorded_is_in_the_bucket_of_its_microsecond(duration_ns):
    us = duration_ns // 1000
    recorded = histogram([duration_ns])
    assert recorded.counts == {bucket_of(us): 1}
    assert recorded.max_us == us
    assert lowest_us(bucket_of(us)) <= us <= highest_us(bucket_of(us))


def test_every_bucket_can_be_recorded_into():
    top = bucket_of(HIGHEST_US)
    recorded = histogram(lowest_us(bucket) * 1000 + 999 for bucket in range(top + 1))
    assert recorded.counts == dict.fromkeys(range(top + 1), 1)


@given(st.lists(st.integers(HOUR_NS + 1000, 100 * HOUR_NS), min_size=1))
def test_more_than_an_hour_counts_as_an_hour_and_leaves_the_exact_maximum(durations):
    recorded = histogram(durations)
    assert recorded.counts == {bucket_of(HIGHEST_US): len(durations)}
    assert recorded.max_us == max(durations) // 1000


@given(st.integers(-HOUR_NS, -1))
def test_less_than_nothing_counts_as_nothing(duration_ns):
    recorded = histogram([duration_ns])
    assert (recorded.counts, recorded.max_us) == ({0: 1}, 0)


# -- percentiles -------------------------------------------------------------------------------


@given(samples.filter(bool), thousandths)
def test_a_percentile_is_the_sorted_lists_and_at_most_a_bucket_more(durations, thousandth):
    ordered = sorted(duration_ns // 1000 for duration_ns in durations)
    rank = max(1, -(-thousandth * len(ordered) // 100_000))
    true_us = ordered[rank - 1]
    found = histogram(durations).percentile_us(thousandth / 1000)
    assert found is not None
    assert true_us <= found <= min(ordered[-1], true_us + max(1, true_us / 1000))


@given(samples, st.lists(thousandths).map(sorted))
def test_several_percentiles_are_those_asked_for_one_by_one(durations, ascending_thousandths):
    recorded = histogram(durations)
    ascending = [thousandth / 1000 for thousandth in ascending_thousandths]
    assert recorded.percentiles_us(ascending) == [recorded.percentile_us(p) for p in ascending]


@pytest.mark.parametrize("percent", range(1, 101))
def test_the_nth_percent_of_a_hundred_is_the_nth(percent):
    assert histogram(range(1000, 101_000, 1000)).percentile_us(percent) == percent


@pytest.mark.parametrize(("percent", "rank"), [(16.1, 161), (32.7, 327), (64.9, 649), (99.9, 999)])
def test_a_percentage_that_is_no_binary_fraction_has_its_rank(percent, rank):
    assert histogram(range(1000, 1_001_000, 1000)).percentile_us(percent) == rank


@given(samples.filter(bool))
def test_the_whole_is_the_exact_maximum(durations):
    assert histogram(durations).percentile_us(100) == max(durations) // 1000


def test_249_and_251_ms_are_told_apart():
    recorded = histogram([249_000_000] * 95 + [251_000_000] * 5)
    p95_us, p96_us = recorded.percentiles_us((95, 96))
    assert p95_us is not None
    assert p96_us is not None
    assert p95_us < 250_000 < p96_us


@given(samples.filter(bool))
def test_the_mean_and_the_minimum_are_the_lists_within_a_bucket(durations):
    whole_us = [duration_ns // 1000 for duration_ns in durations]
    recorded = histogram(durations)
    assert recorded.mean_us() == pytest.approx(sum(whole_us) / len(whole_us), rel=0.001)
    assert recorded.min_us() == lowest_us(bucket_of(min(whole_us)))


@given(samples.filter(bool), st.integers(0, HIGHEST_US))
def test_the_share_above_a_limit_counts_the_buckets_above_the_limits_own(durations, limit_us):
    above = sum(duration_ns // 1000 > highest_us(bucket_of(limit_us)) for duration_ns in durations)
    assert histogram(durations).share_above(limit_us / 1000) == above / len(durations)


def test_nothing_recorded_has_no_figures():
    empty = Histogram()
    assert empty.total == empty.max_us == 0
    assert empty.percentiles_us((50, 99)) == [None, None]
    assert empty.mean_us() is empty.min_us() is empty.share_above(0) is None


# -- merging -----------------------------------------------------------------------------------


@given(st.lists(samples, max_size=8), st.randoms(use_true_random=False))
def test_merged_histograms_are_the_histogram_of_all_samples_in_any_order(parts, rng):
    everything = histogram(duration_ns for part in parts for duration_ns in part)
    rng.shuffle(parts)
    merged, received = Histogram(), Histogram()
    for part in parts:
        merged.merge(histogram(part))
        received.merge(after_the_wire(histogram(part)))
    assert merged == received == everything
    assert encode_counts(merged) == encode_counts(received) == encode_counts(everything)


def test_merging_holds_for_many_samples_of_many_workers():
    rng = random.Random(5)
    durations = [int(rng.lognormvariate(17, 2)) for _ in range(50_000)]
    merged = Histogram()
    for worker in range(7):
        for start in range(worker, len(durations), 7 * 500):
            merged.merge(after_the_wire(histogram(durations[start : start + 7 * 500 : 7])))
    assert merged == histogram(durations)


def test_merging_leaves_the_other_as_it_was():
    one, other = histogram([1_000_000]), histogram([2_000_000])
    one.merge(other)
    one.record_ns(3_000_000)
    assert other == histogram([2_000_000])


@given(samples, durations_ns)
def test_one_sample_more_makes_another_histogram(durations, one_more):
    assert histogram(durations) == histogram(reversed(durations))
    assert histogram(durations) != histogram([*durations, one_more])


@given(st.integers(2048, HIGHEST_US))
def test_another_maximum_in_the_same_bucket_makes_another_histogram(us):
    bucket = bucket_of(us)
    assert histogram([lowest_us(bucket) * 1000]) != histogram([highest_us(bucket) * 1000])


# -- Locust's statistics -----------------------------------------------------------------------


@given(durations_ns)
def test_locusts_figure_of_any_duration_is_our_percentiles(duration_ns):
    # a longer one beside it, else the percentile is capped at the exact maximum
    ours = histogram([duration_ns, duration_ns, 10 * HOUR_NS]).percentile_us(50)
    assert ours is not None
    assert bucketed_ms(duration_ns / 1e6) == ours / 1000


def test_locusts_figure_has_each_buckets_first_and_last_nanosecond():
    for bucket in range(bucket_of(HIGHEST_US)):
        longest_ms = highest_us(bucket) / 1000
        assert bucketed_ms(lowest_us(bucket) * 1000 / 1e6) == longest_ms
        assert bucketed_ms((highest_us(bucket) * 1000 + 999) / 1e6) == longest_ms


@given(st.integers(0, HIGHEST_US))
def test_locusts_figure_of_whole_microseconds_does_not_slip_into_the_bucket_below(us):
    assert (
        bucketed_ms(us * 1000 / 1e6) == bucketed_ms(us / 1000) == highest_us(bucket_of(us)) / 1000
    )


@given(durations_ns, st.integers(1, 10))
def test_a_bucketed_duration_stays_what_it_is(duration_ns, times):
    once = bucketed_ms(duration_ns / 1e6)
    again = once
    for _ in range(times):
        again = bucketed_ms(again)
    assert again == once


def test_249_and_251_ms_are_told_apart_in_locusts_statistics():
    assert round(bucketed_ms(249.0)) == 249
    assert round(bucketed_ms(251.0)) == 251
