"""What all users of a process share: when each may connect."""

from __future__ import annotations

from itertools import pairwise

import pytest

from openclaw_locust.settings import read_settings
from openclaw_locust.wire.tcp import now_ns
from openclaw_locust.workload import Workload

MS = 1_000_000


@pytest.fixture
def workload() -> Workload:
    return Workload(read_settings({}, "ws://127.0.0.1:9/"))


def test_a_few_connections_may_begin_together(workload: Workload) -> None:
    workload.connecting = 3
    assert [workload.next_connect_ns() for _ in range(5)] == [0] * 5


def test_beyond_a_few_connections_begin_two_milliseconds_apart(workload: Workload) -> None:
    workload.connecting = 4
    begin = now_ns()
    times = [workload.next_connect_ns() for _ in range(50)]
    assert times[0] >= begin
    assert all(later - earlier >= 2 * MS for earlier, later in pairwise(times))
    assert times[-1] - times[0] < 120 * MS


def test_a_reset_keeps_the_run_s_begin(workload: Workload) -> None:
    zero_ns = workload.recorder.zero_ns
    workload.recorder.at(now_ns()).sends += 1
    workload.reset_records()
    assert workload.recorder.zero_ns == zero_ns
    assert workload.recorder.drain(now_ns()).intervals == ()
