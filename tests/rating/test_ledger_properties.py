"""The ledger under any order of sends, answers and ends of time: each send has one outcome."""

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from openclaw_locust.failures import CLASSES
from openclaw_locust.rating.ledger import LATE, OK, PUSH, Ledger, Pending
from openclaw_locust.rating.messages import Answer

MISMATCH, DUPLICATE = "app.ack.mismatch", "app.ack.duplicate"
KEPT = 32  # sends whose time ran out, and whose answer may still come
REMEMBERED = 64
NOBODY = 10**6  # an id and an item that no send has

# fewer steps than sends are remembered: none is ever forgotten
BOUNDED = settings(deadline=None, derandomize=True, max_examples=100, stateful_step_count=60)

PICK = st.integers(0, 59)
ITEM = st.integers(1, 4)
SCORE = st.integers(1, 5)
STRANGE_ID = st.sampled_from([NOBODY, "1", "", -1, 1.5, [1], {"a": 1}])


class Book(RuleBasedStateMachine):
    """A ledger and, beside it, what the caller knows: its sends and their outcomes."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.sends: list[Pending] = []
        self.waiting: list[Pending] = []
        self.outcomes: Counter[str] = Counter()
        self.expired: list[Pending] = []

    # -- what the caller does --------------------------------------------------------------------

    def add(self, id: int | None, item: int | None, score: int | None) -> None:
        pending = Pending(0, 0, "row", id, item, score)
        self.ledger.add(pending)
        self.sends.append(pending)
        self.waiting.append(pending)

    @precondition(lambda self: self.waiting)
    @rule(pick=PICK)
    def its_time_is_up(self, pick: int) -> None:
        pending = self.waiting.pop(pick % len(self.waiting))
        self.ledger.expire(pending)
        self.expired.append(pending)
        self.enter(pending, "app.ack.timeout")

    @precondition(lambda self: self.waiting)
    @rule(pick=PICK)
    def it_is_settled_by_other_means(self, pick: int) -> None:
        pending = self.waiting.pop(pick % len(self.waiting))
        self.ledger.remove(pending)
        self.enter(pending, "app.script")

    # -- what the service does -------------------------------------------------------------------

    @precondition(lambda self: self.sends)
    @rule(
        pick=PICK,
        kind=st.sampled_from(["ack", "ack", "ack", "negative", "malformed"]),
        wrong_item=st.booleans(),
        wrong_score=st.booleans(),
    )
    def an_answer_to_any_send(
        self, pick: int, kind: Any, wrong_item: bool, wrong_score: bool
    ) -> None:
        """Answer a send in any order: for the first time, again, or too late."""
        self.take(self.answer_to(self.sends[pick % len(self.sends)], kind, wrong_item, wrong_score))

    @rule(
        kind=st.sampled_from(["ack", "negative", "malformed", "other"]),
        id=st.none() | STRANGE_ID,
        item=st.none() | ITEM | st.just(NOBODY),
        score=st.none() | SCORE,
    )
    def an_answer_to_nobody_in_particular(
        self, kind: Any, id: Any, item: int | None, score: int | None
    ) -> None:
        self.take(Answer(kind, id, item, score))

    def answer_to(self, pending: Pending, kind: Any, wrong_item: bool, wrong_score: bool) -> Answer:
        item = NOBODY if wrong_item else pending.item
        score = 6 if wrong_score else pending.score
        return Answer(kind, pending.id, item, score)

    def take(self, answer: Answer) -> tuple[Pending | None, str]:
        """Settle an answer, and hold what must hold for any."""
        before = list(self.waiting)
        settled, outcome = self.ledger.settle(answer)
        assert (outcome == PUSH) == (answer.kind == "other")
        if settled is None:
            assert outcome in (PUSH, MISMATCH, DUPLICATE)
            assert self.ledger.pending() == before, "what settles nothing changes nothing"
            return settled, outcome
        if outcome == LATE:
            assert settled in self.expired, "late is what was counted when its time was up"
            self.expired.remove(settled)
            return settled, outcome
        assert settled in self.waiting, "no send is settled twice"
        self.waiting.remove(settled)
        if outcome == OK:
            assert answer.kind == "ack"
            assert answer.id in (None, settled.id)
            assert None in (answer.item, settled.item) or answer.item == settled.item
            assert None in (answer.score, settled.score) or answer.score == settled.score
        elif answer.kind == "ack":
            assert outcome == MISMATCH
        else:
            assert outcome in (f"app.ack.{answer.kind}", MISMATCH)
        self.enter(settled, outcome)
        return settled, outcome

    def enter(self, pending: Pending, outcome: str) -> None:
        assert pending.outcome is None, "one outcome for each send"
        assert outcome == OK or outcome in CLASSES
        pending.outcome = outcome
        self.outcomes[outcome] += 1

    # -- what holds at any time ------------------------------------------------------------------

    @invariant()
    def each_send_waits_or_has_one_outcome(self) -> None:
        assert len(self.sends) == self.outcomes.total() + self.ledger.waiting
        assert all((pending.outcome is None) == (pending in self.waiting) for pending in self.sends)

    @invariant()
    def the_book_has_all_that_waits_in_the_order_of_sending(self) -> None:
        ledger = self.ledger
        assert ledger.pending() == self.waiting == [p for p in self.sends if p.outcome is None]
        assert ledger.waiting == len(self.waiting)
        assert ledger.oldest() == (self.waiting[0] if self.waiting else None)
        assert ledger.open == sorted(ledger.open, key=self.sends.index)
        for item in (1, 2, 3, 4, NOBODY):
            assert ledger.awaits_item(item) == any(entry.item == item for entry in ledger.open)

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.ledger.open) <= len(self.waiting) + KEPT
        assert all(entry.expired for entry in self.ledger.open if entry not in self.waiting)
        assert len(self.ledger._settled) <= REMEMBERED


class BookWithIds(Book):
    """Each send has an id of its own, as with ``--ack-id``."""

    @rule(item=st.none() | ITEM, score=st.none() | SCORE)
    def a_send(self, item: int | None, score: int | None) -> None:
        self.add(len(self.sends) + 1, item, score)

    def take(self, answer: Answer) -> tuple[Pending | None, str]:
        """An answer with the id of a send is for that send and for no other, in any order."""
        named = [pending for pending in self.sends if pending.id == answer.id]
        was_waiting, doubt = bool(named) and named[0] in self.waiting, self.ledger.in_doubt
        settled, outcome = super().take(answer)
        if named and answer.kind != "other":
            assert settled in (None, named[0])
            assert settled is not None or (outcome == DUPLICATE and not was_waiting)
        assert self.ledger.in_doubt == doubt or answer.id is None, "an id leaves no doubt"
        return settled, outcome


class BookWithItems(Book):
    """No send has an id; each has an item that no other has, as far as can be arranged."""

    @rule(score=SCORE)
    def a_send(self, score: int) -> None:
        self.add(None, 1000 + len(self.sends), score)

    def take(self, answer: Answer) -> tuple[Pending | None, str]:
        """An answer with the item of a send is for that send and for no other, in any order."""
        answer = answer._replace(id=None)
        named = [pending for pending in self.sends if pending.item == answer.item]
        settled, outcome = super().take(answer)
        if named and answer.kind != "other":
            assert settled in (None, named[0])
            assert settled is not None or outcome == DUPLICATE
        return settled, outcome


class BookOfAnything(Book):
    """Sends with and without ids and items, the same more than once."""

    @initialize(ids=st.booleans())
    def begin(self, ids: bool) -> None:
        self.ids = ids

    @rule(id=ITEM, item=st.none() | ITEM, score=st.none() | SCORE)
    def a_send(self, id: int, item: int | None, score: int | None) -> None:
        self.add(id if self.ids else None, item, score)

    @rule(count=st.integers(1, KEPT + 4))
    def silence_for_long(self, count: int) -> None:
        for _ in range(count):
            self.add(None, 1, 1)
            self.its_time_is_up(len(self.waiting) - 1)


def test_with_ids_each_answer_finds_its_own_send_in_any_order() -> None:
    run_state_machine_as_test(BookWithIds, settings=BOUNDED)


def test_with_items_each_answer_finds_its_own_send_in_any_order() -> None:
    run_state_machine_as_test(BookWithItems, settings=BOUNDED)


def test_with_anything_the_sums_hold() -> None:
    run_state_machine_as_test(BookOfAnything, settings=BOUNDED)
