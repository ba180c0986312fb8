"""The ledger: what an answer settles, and what it does not."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_locust.failures import CLASSES
from openclaw_locust.rating.ledger import LATE, OK, PUSH, Ledger, Pending
from openclaw_locust.rating.messages import Answer

MISMATCH, DUPLICATE = "app.ack.mismatch", "app.ack.duplicate"


def sent(ledger: Ledger, id: Any = None, item: int | None = None, score: int | None = 5) -> Pending:
    pending = Pending(0, 0, "row", id, item, score)
    ledger.add(pending)
    return pending


def ack(id: Any = None, item: int | None = None, score: int | None = None) -> Answer:
    return Answer("ack", id, item, score)


# -- what matches --------------------------------------------------------------------------------


def test_an_ack_in_every_particular_settles_its_send() -> None:
    ledger = Ledger()
    first = sent(ledger, item=7)
    assert ledger.settle(ack(item=7, score=5)) == (first, OK)
    assert ledger.pending() == []


@pytest.mark.parametrize("answer", [ack(2), ack(2, 20), ack(2, 20, 5)])
def test_an_ack_settles_by_its_id_in_any_order(answer: Answer) -> None:
    ledger = Ledger()
    first, second = sent(ledger, 1, 10), sent(ledger, 2, 20)
    assert ledger.settle(answer) == (second, OK)
    assert ledger.pending() == [first]


def test_an_ack_without_an_id_settles_by_its_item() -> None:
    ledger = Ledger()
    first, second = sent(ledger, item=10), sent(ledger, item=20)
    assert ledger.settle(ack(item=20)) == (second, OK)
    assert ledger.settle(ack(item=10)) == (first, OK)


def test_of_two_sends_with_one_item_the_oldest_is_settled() -> None:
    ledger = Ledger()
    first, second = sent(ledger, item=10), sent(ledger, item=10)
    assert ledger.settle(ack(item=10)) == (first, OK)
    assert ledger.settle(ack(item=10)) == (second, OK)


def test_an_ack_that_names_nothing_settles_the_oldest() -> None:
    ledger = Ledger()
    first, second = sent(ledger, 1, 10), sent(ledger, 2, 20)
    assert ledger.settle(ack()) == (first, OK)
    assert ledger.settle(ack()) == (second, OK)


def test_an_id_may_be_anything_that_json_has() -> None:
    for each in ("x", 1.5, ["a"], {"a": 1}, True):
        ledger = Ledger()
        first = sent(ledger, each, 10)
        assert ledger.settle(ack(each, 10)) == (first, OK)


# -- what does not -------------------------------------------------------------------------------


def test_an_ack_with_another_item_or_score_for_its_id_is_a_mismatch() -> None:
    for answer in (ack(1, 11), ack(1, 10, 4)):
        ledger = Ledger()
        first = sent(ledger, 1, 10)
        assert ledger.settle(answer) == (first, MISMATCH)


def test_an_ack_for_nobody_settles_the_one_that_waits_as_a_mismatch() -> None:
    for answer in (ack(99), ack(item=99)):
        ledger = Ledger()
        only = sent(ledger, 1, 10)
        assert ledger.settle(answer) == (only, MISMATCH)
        assert ledger.pending() == []


def test_without_an_id_an_ack_for_nobody_settles_the_oldest_as_a_mismatch() -> None:
    ledger = Ledger()
    first, second = sent(ledger, item=10), sent(ledger, item=20)
    assert ledger.settle(ack(item=99)) == (first, MISMATCH)
    assert ledger.pending() == [second]


def test_an_ack_with_an_id_of_nobody_harms_none_of_several_that_wait() -> None:
    ledger = Ledger()
    first, second = sent(ledger, 1, 10), sent(ledger, 2, 20)
    assert ledger.settle(ack(99)) == (None, MISMATCH)
    assert ledger.pending() == [first, second]


def test_what_waits_is_counted_whatever_becomes_of_it() -> None:
    ledger = Ledger()
    first, second, third = (sent(ledger, number, number) for number in (1, 2, 3))
    assert (ledger.waiting, ledger.oldest()) == (3, first)
    ledger.expire(first)
    assert (ledger.waiting, ledger.oldest()) == (2, second)
    ledger.settle(ack(1, 1, 5))  # late
    assert ledger.waiting == 2
    ledger.remove(second)
    ledger.settle(ack(3, 3, 5))
    assert (ledger.waiting, ledger.oldest()) == (0, None)
    assert third not in ledger.open


def test_an_ack_when_nothing_was_sent_settles_nothing() -> None:
    assert Ledger().settle(ack(1, 10)) == (None, MISMATCH)
    assert Ledger().settle(ack()) == (None, MISMATCH)


def test_a_second_ack_is_a_duplicate_and_leaves_the_others_alone() -> None:
    ledger = Ledger()
    sent(ledger, 1, 10)
    ledger.settle(ack(1, 10, 5))
    second = sent(ledger, 2, 20)
    assert ledger.settle(ack(1, 10)) == (None, DUPLICATE)
    assert ledger.pending() == [second]
    assert ledger.settle(ack(2, 20, 5)) == (second, OK)


def test_a_second_ack_without_an_id_is_known_by_its_item() -> None:
    ledger = Ledger()
    sent(ledger, item=10)
    ledger.settle(ack(item=10, score=5))
    second = sent(ledger, item=20)
    assert ledger.settle(ack(item=10)) == (None, DUPLICATE)
    assert ledger.pending() == [second]


@pytest.mark.parametrize(
    ("kind", "name"), [("negative", "app.ack.negative"), ("malformed", "app.ack.malformed")]
)
def test_a_refusal_settles_the_send_that_it_names_or_the_oldest(kind: Any, name: str) -> None:
    ledger = Ledger()
    first, second = sent(ledger, 1, 10), sent(ledger, 2, 20)
    assert ledger.settle(Answer(kind, 2)) == (second, name)
    assert ledger.settle(Answer(kind)) == (first, name)


def test_what_is_no_answer_settles_nothing() -> None:
    ledger = Ledger()
    first = sent(ledger, 1, 10)
    assert ledger.settle(Answer("other", 1, 10)) == (None, PUSH)
    assert ledger.pending() == [first]


# -- late answers --------------------------------------------------------------------------------


def test_a_late_ack_settles_its_own_send_and_not_the_next() -> None:
    for first_id, second_id in ((1, 2), (None, None)):
        ledger = Ledger()
        first = sent(ledger, first_id, 10)
        ledger.expire(first)
        second = sent(ledger, second_id, 20)
        assert ledger.settle(ack(first_id, 10)) == (first, LATE)
        assert not ledger.in_doubt
        assert ledger.settle(ack(second_id, 20, 5)) == (second, OK)


def test_an_expired_send_is_no_longer_pending_but_its_item_is_awaited() -> None:
    ledger = Ledger()
    first = sent(ledger, item=10)
    ledger.expire(first)
    assert ledger.pending() == []
    assert ledger.awaits_item(10)
    assert not ledger.awaits_item(11)


def test_a_late_refusal_is_late() -> None:
    ledger = Ledger()
    first = sent(ledger, 1, 10)
    ledger.expire(first)
    assert ledger.settle(Answer("negative", 1)) == (first, LATE)


def test_a_late_ack_by_order_alone_leaves_the_book_in_doubt() -> None:
    ledger = Ledger()
    first = sent(ledger)
    ledger.expire(first)
    sent(ledger)
    assert ledger.settle(ack()) == (first, LATE)
    assert ledger.in_doubt


def test_a_late_ack_for_sends_without_items_leaves_the_book_in_doubt() -> None:
    ledger = Ledger()
    first = sent(ledger)
    ledger.expire(first)
    assert ledger.settle(ack(item=10)) == (first, LATE)
    assert ledger.in_doubt


def test_a_late_ack_that_fits_two_sends_leaves_the_book_in_doubt() -> None:
    ledger = Ledger()
    first = sent(ledger, item=10)
    ledger.expire(first)
    sent(ledger, item=10)
    assert ledger.settle(ack(item=10)) == (first, LATE)
    assert ledger.in_doubt


# -- bounds --------------------------------------------------------------------------------------


def test_a_silent_server_does_not_make_the_book_grow() -> None:
    ledger = Ledger()
    for number in range(500):
        ledger.expire(sent(ledger, number, number))
    assert len(ledger.open) <= 33
    settled, outcome = ledger.settle(ack(499))
    assert settled is not None
    assert (settled.id, outcome) == (499, LATE)


def test_a_busy_connection_does_not_make_the_book_grow() -> None:
    ledger = Ledger()
    for number in range(1000):
        sent(ledger, number, number)
        ledger.settle(ack(number, number, 5))
    assert len(ledger._settled) <= 64
    assert ledger.settle(ack(999)) == (None, DUPLICATE)


# -- each send has one settlement ----------------------------------------------------------------

SMALL = st.integers(0, 3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.none() | SMALL, st.none() | SMALL, st.integers(1, 2)),
        st.tuples(st.just("expire"), SMALL),
        st.tuples(
            st.just("answer"),
            st.builds(
                Answer,
                st.sampled_from(["ack", "ack", "ack", "negative", "malformed", "other"]),
                st.none() | SMALL,
                st.none() | SMALL,
                st.none() | st.integers(1, 2),
            ),
        ),
    ),
    max_size=40,
)


@given(STEPS)
@settings(deadline=None, max_examples=400)
def test_each_send_is_settled_at_most_once_and_the_sums_hold(steps: list[tuple[Any, ...]]) -> None:
    ledger = Ledger()
    sends: list[Pending] = []
    settled: list[Pending] = []
    expired: list[Pending] = []
    for step in steps:
        if step[0] == "send":
            sends.append(sent(ledger, *step[1:]))
        elif step[0] == "expire":
            waiting = ledger.pending()
            if waiting:
                pending = waiting[step[1] % len(waiting)]
                ledger.expire(pending)
                expired.append(pending)
        else:
            (answer,) = step[1:]
            pending, outcome = ledger.settle(answer)
            assert outcome in (OK, PUSH) or outcome in CLASSES
            assert (outcome == PUSH) == (answer.kind == "other")
            if pending is None:
                assert outcome in (PUSH, MISMATCH, DUPLICATE)
                continue
            assert not any(pending is each for each in settled)
            settled.append(pending)
            assert (outcome == LATE) == pending.expired
            if outcome == OK:
                assert answer.kind == "ack"
                assert answer.item in (None, pending.item) or pending.item is None
                assert answer.score in (None, pending.score)
                assert answer.id in (None, pending.id)
    waiting = ledger.pending()
    on_time = [each for each in settled if not each.expired]
    assert len(sends) == len(on_time) + len(expired) + len(waiting)
