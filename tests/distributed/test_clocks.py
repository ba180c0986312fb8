"""Where the run's begin lies on a worker's clock."""

from hypothesis import given
from hypothesis import strategies as st

from openclaw_locust.distributed.clocks import ClockComparison

MS = 1_000_000
times = st.integers(0, 500 * MS)


@given(st.integers(-(10**15), 10**15), st.lists(st.tuples(times, times), min_size=1, max_size=8))
def test_the_offset_is_never_more_wrong_than_it_says(
    truth_ns: int, ways: list[tuple[int, int]]
) -> None:
    comparison, now = ClockComparison(), 0
    for there_ns, back_ns in ways:
        arrives = now + there_ns
        comparison.answer(now, arrives + truth_ns, arrives + back_ns)
        now = arrives + back_ns + 50 * MS
    best = comparison.best
    assert best is not None
    assert abs(best.offset_ns - truth_ns) <= best.error_ns + 1
    assert best.error_ns == min((there + back) // 2 for there, back in ways)


def test_a_time_of_the_master_is_found_here() -> None:
    comparison = ClockComparison()
    comparison.answer(1000, 5010, 1020)
    assert comparison.best is not None
    assert comparison.best.here(5010) == 1010


def test_without_an_answer_nothing_is_known() -> None:
    assert ClockComparison().best is None
