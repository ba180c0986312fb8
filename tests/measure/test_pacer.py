"""The pacer: planned sends are handed out in time, wait for room, and are never lost."""

from __future__ import annotations

import gevent
import pytest

from openclaw_locust.measure.pacer import Pacer, Turn
from openclaw_locust.wire.tcp import now_ns

MS = 1_000_000


class Plan:
    """A share of a schedule with these times, in seconds."""

    def __init__(self, *times_s: float) -> None:
        self.times = list(times_s)

    def peek(self) -> float | None:
        return self.times[0] if self.times else None

    def pop(self) -> float:
        return self.times.pop(0)

    def resplit(self, at_s: float, index: int | None, count: int) -> None:
        self.times = [time for time in self.times if time < at_s or index is not None]


class Seen:
    """What a pacer said."""

    def __init__(self, *times_s: float, patience_ms: int = 10_000) -> None:
        self.late: list[int] = []
        self.unsent: list[int] = []
        self.pacer = Pacer(
            Plan(*times_s),
            patience_ms * MS,
            lambda planned, late: self.late.append(late),
            self.unsent.append,
        )


def served(pacer: Pacer, number: int) -> list[int]:
    """Take a number of sends as one user, and return how long after the begin each was planned."""
    turn, found = Turn(), []
    with gevent.Timeout(10):
        while len(found) < number:
            pacer.ask(turn)
            planned = turn.take()
            if planned is None:
                turn.sleep()
                continue
            assert pacer.begin_ns is not None
            assert now_ns() >= planned
            found.append((planned - pacer.begin_ns) // MS)
    return found


def test_a_send_is_handed_out_at_its_time_and_not_before() -> None:
    seen = Seen(0.0, 0.02, 0.05)
    seen.pacer.begin(now_ns())
    assert served(seen.pacer, 3) == [0, 20, 50]
    assert len(seen.late) == 3
    assert min(seen.late) >= 0


def test_nothing_is_handed_out_before_the_begin() -> None:
    seen = Seen(0.0)
    turn = Turn()
    seen.pacer.ask(turn)
    turn.sleep(now_ns() + 30 * MS)
    assert turn.take() is None
    seen.pacer.begin(begin := now_ns())
    turn.sleep(now_ns() + 5000 * MS)
    assert turn.take() == begin


def test_users_take_turns() -> None:
    seen = Seen(*(0.005 * number for number in range(12)))
    took: list[str] = []

    def user(name: str) -> None:
        turn = Turn()
        while len(took) < 12:
            seen.pacer.ask(turn)
            if turn.take() is None:
                turn.sleep(now_ns() + 500 * MS)
            else:
                took.append(name)

    users = [gevent.spawn(user, name) for name in "abc"]
    seen.pacer.begin(now_ns())
    gevent.joinall(users, timeout=10)
    assert "".join(took) == "abcabcabcabc"


def test_what_nobody_has_room_for_goes_out_late_with_its_own_time() -> None:
    seen = Seen(0.0, 0.01, 0.02)
    seen.pacer.begin(now_ns())
    gevent.sleep(0.1)
    assert served(seen.pacer, 3) == [0, 10, 20]
    assert seen.unsent == []


def test_what_waited_longer_than_its_patience_is_unsent() -> None:
    seen = Seen(0.0, 0.01, 0.2, patience_ms=50)
    begin = now_ns()
    seen.pacer.begin(begin)
    gevent.sleep(0.1)
    assert served(seen.pacer, 1) == [200]
    assert seen.unsent == [begin, begin + 10 * MS]


def test_at_the_end_all_that_is_overdue_is_unsent_but_for_the_latest_moments() -> None:
    seen = Seen(0.0, 0.01, 0.29)
    begin = now_ns()
    seen.pacer.begin(begin)
    gevent.sleep(0.3)
    seen.pacer.stop()
    assert seen.unsent == [begin, begin + 10 * MS]


def test_a_user_that_leaves_gives_back_what_it_was_handed() -> None:
    seen = Seen(0.0)
    leaving = Turn()
    seen.pacer.ask(leaving)
    seen.pacer.begin(now_ns())
    leaving.sleep(now_ns() + 5000 * MS)
    assert leaving.intended_ns is not None
    seen.pacer.leave(leaving)
    assert served(seen.pacer, 1) == [0]


def test_what_is_given_back_after_the_end_is_unsent_too() -> None:
    seen = Seen(0.0)
    leaving = Turn()
    seen.pacer.ask(leaving)
    begin = now_ns()
    seen.pacer.begin(begin)
    leaving.sleep(now_ns() + 5000 * MS)
    gevent.sleep(0.15)
    seen.pacer.stop()
    assert seen.unsent == []
    seen.pacer.leave(leaving)
    assert seen.unsent == [begin]


def test_a_user_that_left_the_line_is_passed_over() -> None:
    seen = Seen(0.02)
    gone, there = Turn(), Turn()
    seen.pacer.ask(gone)
    seen.pacer.ask(there)
    seen.pacer.leave(gone)
    seen.pacer.begin(now_ns())
    there.sleep(now_ns() + 5000 * MS)
    assert there.take() is not None
    assert gone.take() is None


def test_a_part_that_is_taken_away_is_not_handed_out() -> None:
    seen = Seen(0.0, 0.02, 5.0)
    seen.pacer.begin(now_ns())
    seen.pacer.resplit(0.01, None, 0)
    assert served(seen.pacer, 1) == [0]
    assert seen.pacer._next_ns() is None


@pytest.mark.parametrize("before", [True, False])
def test_a_turn_wakes_once_for_each_news(before: bool) -> None:
    turn = Turn()
    if before:
        turn.wake()
    else:
        gevent.spawn_later(0.01, turn.wake)
    with gevent.Timeout(5):
        turn.sleep()
    until = now_ns() + 20 * MS
    turn.sleep(until)
    assert now_ns() >= until - MS


def test_a_user_killed_while_it_sleeps_can_be_woken_without_harm() -> None:
    turn = Turn()
    user = gevent.spawn(turn.sleep)
    gevent.sleep(0)
    turn.wake()
    user.kill()
    gevent.sleep(0.01)
    assert user.dead
