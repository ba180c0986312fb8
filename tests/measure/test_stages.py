"""Stages as a pure function of time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_locust.measure.stages import Stage, Stages, parse_stages

ARTICLE = parse_stages("1m:100,3m:1000,1m:0")


@pytest.mark.parametrize(
    ("elapsed_s", "users"),
    [(0, 0), (30, 50), (60, 100), (150, 550), (240, 1000), (270, 500), (299.4, 10), (300, None)],
)
def test_the_articles_profile_ramps_linearly_from_the_last_target_to_the_next(elapsed_s, users):
    assert ARTICLE.target_at(elapsed_s) == users


def test_a_stage_of_no_time_jumps():
    stages = parse_stages("0s:500,10s:500,0s:20,5s:20")
    assert [stages.target_at(at) for at in (0, 9.99, 10, 14.99, 15)] == [500, 500, 20, 20, None]


def test_the_peak_and_the_length_are_those_of_all_stages():
    assert (ARTICLE.peak, ARTICLE.duration_s) == (1000, 300)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "stage ''"),
        ("1m", "stage '1m'"),
        ("1m:ten", "stage '1m:ten'"),
        ("1m:-5", "stage '1m:-5'"),
        ("1m:10,,1m:0", "stage ''"),
        ("soon:10", "'soon' is not a duration"),
        ("0s:10", "no time at all"),
        ("1m:0", "no users at all"),
    ],
)
def test_a_wrong_stage_is_named_in_one_line(text, words):
    with pytest.raises(ValueError, match=r".+") as caught:
        parse_stages(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


stages_strategy = st.lists(
    st.builds(Stage, st.integers(0, 100).map(float), st.integers(0, 1000)), min_size=1, max_size=6
).map(lambda stages: Stages(tuple(stages)))


@given(stages_strategy, st.floats(0, 1000))
def test_the_target_stays_between_0_and_the_peak_until_the_end(stages, elapsed_s):
    target = stages.target_at(elapsed_s)
    if elapsed_s >= stages.duration_s:
        assert target is None
    else:
        assert target is not None
        assert 0 <= target <= stages.peak


@given(stages_strategy)
def test_what_is_written_is_read_back(stages):
    if stages.duration_s and stages.peak:
        assert parse_stages(str(stages)) == stages
