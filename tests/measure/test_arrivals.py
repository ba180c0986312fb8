"""The schedule: a pure function of time, and its parts are the whole."""

import math
import statistics
from collections import Counter
from fractions import Fraction
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_locust.measure.arrivals import Kind, Schedule, Share
from openclaw_locust.measure.rates import parse_rate, parse_rate_profile, parse_rate_stages


def until(schedule: Schedule, end_s: float) -> list[float]:
    """Return the whole schedule up to a time."""
    times = schedule.times(0, 0, 1)
    found = []
    for when_s in times:
        if when_s >= end_s:
            break
        found.append(when_s)
    return found


def popped(share: Share, end_s: float) -> list[float]:
    """Pop everything that is planned before a time."""
    found = []
    while (when_s := share.peek()) is not None and when_s < end_s:
        found.append(share.pop())
    return found


# -- rates --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("500/s", 500),
        ("500", 500),
        (" 0.5 / s ", 0.5),
        ("30/m", 0.5),
        ("30/min", 0.5),
        ("36/h", 0.01),
    ],
)
def test_a_rate_is_read(text: str, rate: float) -> None:
    assert parse_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize(
    "text", ["", "0/s", "-1/s", "nan", "inf/s", "1e3/s", "5/day", "5//s", "2000000/s", "/s", "five"]
)
def test_what_is_no_rate_is_refused_with_the_mend(text: str) -> None:
    with pytest.raises(ValueError, match="write") as refused:
        parse_rate(text)
    assert repr(text.strip()) in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1m:100/s,3m", "stage '3m' is not a duration and a rate"),
        ("1m:100/s,x:5/s", "stage 'x:5/s'"),
        ("1m:100/s,1m:-5/s", "stage '1m:-5/s'"),
        ("0s:100/s", "take no time"),
        ("1m:0/s,1m:0/s", "no arrivals"),
    ],
)
def test_wrong_stages_are_refused_at_their_place(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_rate_stages(text)


@pytest.mark.parametrize("text", ["0.00000000000001/s", "0.000001/h", "0." + "0" * 310 + "1/s"])
def test_a_rate_too_low_for_a_clock_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        parse_rate(text)


@given(
    st.decimals("0.001", "999999", places=3), st.sampled_from(["s", "m", "min", "h"]), st.booleans()
)
def test_the_spelling_of_a_rate_is_read_as_exactly_this_rate(
    number: object, unit: str, in_stages: bool
) -> None:
    text = f"{number}/{unit}"
    if in_stages:
        stages = parse_rate_stages(f"0s:{text},1h:{text}")
        assert parse_rate(str(stages).rpartition(":")[2]) == parse_rate(text)
        assert str(parse_rate_stages(str(stages))) == str(stages)
    else:
        spelled = str(parse_rate_profile(text))
        assert parse_rate(spelled) == parse_rate(text)
        assert str(parse_rate_profile(spelled)) == spelled


@pytest.mark.parametrize("text", ["1m:100/s,3m:1000/s,1m:0/s", "0s:500/s,10s:500/s", "1h:0.5/s"])
def test_stages_are_spelled_as_they_are_read(text: str) -> None:
    assert str(parse_rate_stages(str(parse_rate_stages(text)))) == text
    assert str(parse_rate_profile("500")) == "500/s"


def test_a_ramp_is_the_integral_of_its_rate() -> None:
    profile = parse_rate_stages("10s:100/s,5s:100/s,10s:0/s")
    assert [profile.rate_at(s) for s in (0, 5, 10, 12, 20, 25, 30)] == [0, 50, 100, 100, 50, 0, 0]
    assert [profile.expected_by(s) for s in (0, 10, 15, 25, 99)] == [0, 500, 1000, 1500, 1500]
    assert profile.total == 1500
    assert profile.duration_s == 25
    assert profile.time_of(1) == pytest.approx(math.sqrt(2 / 10))
    assert profile.time_of(1500) is None


def test_a_jump_is_immediate_and_a_pause_has_no_arrivals() -> None:
    profile = parse_rate_stages("0s:10/s,2s:10/s,0s:0/s,3s:0/s,0s:20/s,1s:20/s")
    times = until(Schedule(profile), 99)
    assert len(times) == 40
    assert times[0] == 0
    assert not [when_s for when_s in times if 2 <= when_s < 5]
    assert times[20] == pytest.approx(5)
    assert profile.rate_at(3) == 0


@given(st.integers(1, 600), st.integers(1, 60_000), st.sampled_from([("s", 1), ("m", 60)]))
def test_a_ramp_that_ends_at_a_whole_number_plans_nothing_more_before_the_pause_is_over(
    length_s: int, number: int, unit: tuple[str, int]
) -> None:
    exact = Fraction(number * length_s, 2 * unit[1])
    ramp = f"{length_s}s:{number}/{unit[0]}"
    profile = parse_rate_stages(f"{ramp},0s:0/s,5s:0/s,0s:10/s,1s:10/s")
    first_after = profile.time_of(math.ceil(exact))
    assert first_after is not None
    assert first_after >= length_s + 5
    assert parse_rate_stages(ramp).time_of(math.ceil(exact)) is None


profiles = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 300)), min_size=1, max_size=6
).filter(lambda stages: any(a and b for a, b in stages) and stages[0][0] > 0 and stages[0][1] > 0)


@given(profiles, st.floats(0, 1))
def test_the_time_of_a_number_is_the_inverse_of_the_number_by_a_time(
    stages: list[tuple[int, int]], share: float
) -> None:
    profile = parse_rate_stages(",".join(f"{s}s:{rate}/s" for s, rate in stages))
    number = share * profile.total * 0.999999
    when_s = profile.time_of(number)
    assert when_s is not None
    assert profile.expected_by(when_s) == pytest.approx(number, rel=1e-9, abs=1e-6)


# -- constant arrivals --------------------------------------------------------------------------


def test_constant_arrivals_are_evenly_spaced_from_the_begin_on() -> None:
    times = list(islice(Schedule(parse_rate_profile("4/s")).times(0, 0, 1), 5))
    assert times == [0, 0.25, 0.5, 0.75, 1]


def test_after_hours_the_spacing_is_still_exact() -> None:
    first, second = islice(Schedule(parse_rate_profile("1000/s")).times(36_000, 0, 1), 2)
    assert first == 36_000
    assert second - first == pytest.approx(0.001, abs=1e-9)


@pytest.mark.parametrize("text", ["20/s", "7s:100/s,5s:0/s,3s:50/s"])
def test_the_parts_of_constant_arrivals_are_the_whole_and_even(text: str) -> None:
    profile = parse_rate_stages(text) if ":" in text else parse_rate_profile(text)
    schedule = Schedule(profile)
    parts = [list(islice(schedule.times(0, index, 3), 200)) for index in range(3)]
    together = sorted(when_s for part in parts for when_s in part)
    assert together == list(islice(schedule.times(0, 0, 1), len(together)))


splits = st.lists(
    st.tuples(st.floats(0, 20), st.integers(1, 4)), min_size=0, max_size=6, unique_by=lambda s: s[0]
).map(sorted)


@settings(max_examples=150)
@given(splits, st.sampled_from(["13/s", "7s:30/s,3s:0/s,2s:0/s,8s:25/s"]), st.booleans())
def test_no_new_split_loses_or_doubles_an_arrival(
    plan: list[tuple[float, int]], text: str, told_early: bool
) -> None:
    profile = parse_rate_stages(text) if ":" in text else parse_rate_profile(text)
    schedule = Schedule(profile)
    shares = [Share(schedule) for _ in range(4)]
    found: list[float] = []
    for at_s, count in [(0.0, 2), *plan]:
        for index, share in enumerate(shares):
            if not told_early:
                found += popped(share, at_s)
            share.resplit(at_s, index if index < count else None, count)
    for share in shares:
        found += popped(share, 25)
    assert Counter(found) == Counter(until(schedule, 25))


def test_a_share_has_nothing_before_its_first_part_and_after_its_last() -> None:
    share = Share(Schedule(parse_rate_profile("10/s")))
    assert share.peek() is None
    with pytest.raises(IndexError):
        share.pop()
    share.resplit(1.0, 0, 1)
    share.resplit(2.0, None, 1)
    assert popped(share, 99) == pytest.approx([1 + n / 10 for n in range(10)])
    assert share.peek() is None


@pytest.mark.parametrize("kind", ["constant", "poisson"])
def test_a_part_of_no_parts_is_nothing(kind: Kind) -> None:
    share = Share(Schedule(parse_rate_profile("10/s"), kind))
    share.resplit(0, 0, 1)
    share.resplit(1, 0, 0)
    assert popped(share, 99)
    assert share.peek() is None


def test_a_later_word_on_the_same_time_replaces_the_earlier() -> None:
    share = Share(Schedule(parse_rate_profile("10/s")))
    share.resplit(0, 0, 2)
    share.resplit(1, 1, 2)
    share.resplit(1, None, 2)
    assert popped(share, 99) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])


# -- random arrivals ----------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [1, 3])
def test_random_arrivals_are_poisson_also_in_parts(parts: int) -> None:
    schedule = Schedule(parse_rate_profile("50/s"), "poisson", "seed")
    times = sorted(
        when_s for index in range(parts) for when_s in _before(schedule.times(0, index, parts), 400)
    )
    per_second = Counter(int(when_s) for when_s in times)
    counts = [per_second[second] for second in range(400)]
    assert statistics.mean(counts) == pytest.approx(50, rel=0.03)
    assert statistics.variance(counts) == pytest.approx(50, rel=0.25)  # a Poisson count's own
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert statistics.stdev(gaps) == pytest.approx(1 / 50, rel=0.05)  # an exponential gap's own


def test_the_parts_of_random_arrivals_know_nothing_of_each_other() -> None:
    schedule = Schedule(parse_rate_profile("50/s"), "poisson", "seed")
    counts = []
    for index in range(2):
        per_second = Counter(int(when_s) for when_s in _before(schedule.times(0, index, 2), 1000))
        counts.append([per_second[second] for second in range(1000)])
    assert abs(statistics.correlation(*counts)) < 0.1  # three times the deviation of chance


def test_a_new_split_of_random_arrivals_keeps_what_was_planned_before_it() -> None:
    schedule = Schedule(parse_rate_profile("50/s"), "poisson", "seed")
    share = Share(schedule)
    share.resplit(0, 0, 1)
    share.resplit(2, 1, 2)
    expected = _before(schedule.times(0, 0, 1), 2) + _before(schedule.times(2, 1, 2), 9)
    assert popped(share, 9) == expected


def test_random_arrivals_follow_the_rate() -> None:
    profile = parse_rate_stages("10s:200/s,10s:200/s,10s:0/s")
    times = until(Schedule(profile, "poisson", "seed"), 99)
    assert len(times) == pytest.approx(4000, rel=0.06)
    assert sum(10 <= when_s < 20 for when_s in times) == pytest.approx(2000, rel=0.08)
    assert times == sorted(times)
    assert times[-1] <= 30


@pytest.mark.parametrize("kind", ["constant", "poisson"])
def test_the_same_seed_gives_the_same_arrivals(kind: Kind) -> None:
    first, again, other = (
        until(Schedule(parse_rate_profile("50/s"), kind, seed), 5) for seed in ("a", "a", "b")
    )
    assert first == again
    assert (first == other) == (kind == "constant")


def _before(times: object, end_s: float) -> list[float]:
    found: list[float] = []
    for when_s in times:  # type: ignore[attr-defined]
        if when_s >= end_s:
            break
        found.append(when_s)
    return found
