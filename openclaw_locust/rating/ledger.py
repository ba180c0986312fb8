"""The ledger of one connection: what was sent and is not answered, and what an answer settles.

Pure: times come in as arguments. A send is settled once. Answers are matched by id; without one by
item, and without either by order, the oldest first.

A send whose time ran out stays in the book as *expired*: without an id its late answer would
otherwise settle the next send, and all later ones would be shifted (a naive client then reports
0.3 ms for a true 5 ms). Where only order can match (also of two sends with one item), an expired
send leaves the book *in doubt* as soon as an answer settles it, because it may have been meant for
the next one; the connection is then to be replaced.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from openclaw_locust.rating.messages import Answer

OK = "ok"
PUSH = "push"
LATE = "app.ack.late"
_FAILURES = {"negative": "app.ack.negative", "malformed": "app.ack.malformed"}
_REMEMBERED = 64  # settled sends that a second answer is recognised by
_EXPIRED_KEPT = 32


@dataclass(slots=True, eq=False)
class Pending:
    """One send: what its answer should name, and its times on the ``perf_counter_ns`` clock.

    Attributes:
        sent_ns: when it was sent.
        deadline_ns: when its time is up.
        name: the row that it is counted in.
        id, item, score: what its answer should name.
        intended_ns: when it was to be sent; in the closed model the same as ``sent_ns``.
        account: where the caller enters its outcome.
        outcome: the caller's, None as long as there is none.
        expired: whether its time ran out.
        other_words: what came in its time and was no answer; it tells a service that answers in
            words of its own from one that is silent.
    """

    sent_ns: int
    deadline_ns: int
    name: str
    id: Any = None
    item: int | None = None
    score: int | None = None
    intended_ns: int = 0
    account: Any = None
    outcome: Any = None
    expired: bool = False
    other_words: str = ""


Settlement = tuple[Pending | None, str]
"""What an answer amounts to: the send that it settles, or None where it settles none, and ``ok``,
``push`` (not an answer at all) or a failure class."""


class Ledger:
    """The sends of one connection that still wait for an answer.

    Attributes:
        open: these sends, in the order of sending, the expired ones too.
        in_doubt: whether answers can no longer be told apart, so that the connection is to be
            replaced.
    """

    def __init__(self) -> None:
        self.open: list[Pending] = []
        self._expired = 0
        self._settled: deque[tuple[Any, int | None]] = deque(maxlen=_REMEMBERED)
        self.in_doubt = False

    def add(self, pending: Pending) -> None:
        """Enter a send."""
        self.open.append(pending)

    def expire(self, pending: Pending) -> None:
        """Mark a send whose time ran out; its outcome is the caller's to record."""
        pending.expired = True
        self._expired += 1
        if self._expired > _EXPIRED_KEPT:  # the oldest one's answer is not coming; a short book
            self.remove(next(entry for entry in self.open if entry.expired))

    @property
    def waiting(self) -> int:
        """How many sends have no outcome yet: those in flight."""
        return len(self.open) - self._expired

    def oldest(self) -> Pending | None:
        """Return the send without an outcome that was made first."""
        return next((entry for entry in self.open if not entry.expired), None)

    def pending(self) -> list[Pending]:
        """Return the sends that have no outcome yet."""
        return [entry for entry in self.open if not entry.expired]

    def awaits_item(self, item: int) -> bool:
        """Say whether an open send has this item: an answer could not tell the two apart."""
        return any(entry.item == item for entry in self.open)

    def remove(self, pending: Pending) -> None:
        """Take out a send; an answer that names it and comes after this is a second one."""
        self.open.remove(pending)
        self._expired -= pending.expired
        self._settled.append((pending.id, pending.item))

    def settle(self, answer: Answer) -> Settlement:
        """Match an answer with a send and take that send out of the book."""
        if len(self.open) == 1:  # the usual case: one send, and its ack in every particular
            only = self.open[0]
            kind, answer_id, item, score, _ = answer
            if (
                kind == "ack"
                and answer_id == only.id
                and item == only.item
                and score == only.score
                and not only.expired
            ):
                self.open.clear()
                self._settled.append((answer_id, item))
                return only, OK
        if answer.kind == "other":
            return None, PUSH
        match = self._match(answer)
        if match is None:
            return self._settle_unmatched(answer)
        self.remove(match)
        if match.expired:
            if answer.id is None:
                by_order = answer.item is None or match.item is None
                self.in_doubt = self.in_doubt or by_order or self._match(answer) is not None
            return match, LATE
        if answer.kind != "ack":
            return match, _FAILURES[answer.kind]
        if _differs(answer.item, match.item) or _differs(answer.score, match.score):
            return match, "app.ack.mismatch"
        return match, OK

    def _match(self, answer: Answer) -> Pending | None:
        for entry in self.open:
            if answer.id is not None:
                if entry.id == answer.id:
                    return entry
            elif answer.item is None or entry.item is None or entry.item == answer.item:
                return entry
        return None

    def _settle_unmatched(self, answer: Answer) -> Settlement:
        """Judge an answer that names no open send: a second one, or one for somebody else."""
        for known_id, item in self._settled:
            if answer.id is not None:
                known = known_id == answer.id
            else:
                known = answer.item is not None and item == answer.item
            if known:
                return None, "app.ack.duplicate"
        waiting = self.oldest()
        if waiting is None or (answer.id is not None and self.waiting > 1):
            return None, "app.ack.mismatch"  # which of several it should have been, nobody can say
        self.remove(waiting)
        return waiting, "app.ack.mismatch"


def _differs(answered: int | None, sent: int | None) -> bool:
    return answered is not None and sent is not None and answered != sent
