"""The sends of one user and what becomes of them: each gets one outcome, which is entered once.

An outcome goes to three places: Locust's ``request`` event, the interval of the send's intended
time, and the :class:`Outcome` that the caller gets.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from openclaw_locust.failures import Failure
from openclaw_locust.measure.backoff import Backoff
from openclaw_locust.measure.recorder import ACK as RESPONSE
from openclaw_locust.measure.recorder import FAILED, LAG, SERVICE
from openclaw_locust.rating.ledger import LATE, OK, PUSH, Ledger, Pending
from openclaw_locust.rating.messages import Answer
from openclaw_locust.users.request_events import ACK, STRAY, RequestEvents
from openclaw_locust.wire.tcp import now_ns

if TYPE_CHECKING:
    from openclaw_locust.users.websocket_user import WebSocketUser

_UNRECOGNISED_BEFORE_HINT = 3

logger = logging.getLogger("openclaw_locust")


class Outcome(NamedTuple):
    """What became of one send.

    Attributes:
        failure: None when the answer was as it should be.
        answer: the answer, if one came.
        latency_ms: the response time, from the intended send to the answer; None when no answer
            came.
    """

    failure: Failure | None
    answer: Answer | None = None
    latency_ms: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the answer was as it should be."""
        return self.failure is None


class Exchange:
    """The ledger of a user's present connection, and the way of each outcome."""

    def __init__(self, user: WebSocketUser, events: RequestEvents, backoff: Backoff) -> None:
        self._user = user
        self._workload = user.workload
        self._events = events
        self._backoff = backoff
        self._is_open_model = user.workload.settings.is_open_model
        self.ledger = Ledger()

    def enter(self, pending: Pending) -> None:
        """Enter a send that is about to be made."""
        pending.account = account = self._workload.recorder.at(pending.intended_ns)
        account.sends += 1
        self._workload.records.sends += 1
        self.ledger.add(pending)

    def take(self, payload: bytes, read_ns: int) -> None:
        """Take a message of the service: enter the outcome that it settles, if it settles one.

        Raises:
            Exception: what a locustfile's ``recognise`` raised; the oldest send has failed by it.
        """
        try:
            answer = self._user.recognise(payload)
        except Exception as error:
            for pending in self.ledger.pending()[:1]:
                self.ledger.remove(pending)
                self.fail(pending, Failure("app.script", f"{type(error).__name__}: {error}"))
            raise
        settled, outcome = self.ledger.settle(answer)
        if settled is not None and outcome is OK:
            self._done(settled, answer, read_ns, len(payload))
        elif outcome == PUSH:
            self._note_push(answer)
        elif outcome == LATE:
            assert settled is not None
            # its send was counted when its time ran out
            self._workload.records.late_acks += 1
            self._workload.recorder.at(settled.intended_ns).late += 1
        elif settled is not None:
            self.fail(settled, Failure(outcome, _seen(answer, payload)), answer, read_ns)
        else:
            failure = Failure(outcome, _seen(answer, payload))
            self._events.failed(STRAY, self._user.name, failure)

    def _done(self, pending: Pending, answer: Answer, read_ns: int, size: int) -> None:
        """Enter the one good outcome."""
        name, account = pending.name, pending.account
        response_ns = read_ns - pending.intended_ns
        account.settled += 1
        account.record((RESPONSE, name), response_ns)
        if self._is_open_model:
            account.record((SERVICE, name), read_ns - pending.sent_ns)
            account.record((LAG, name), pending.sent_ns - pending.intended_ns)
        self._workload.records.acks += 1
        self._backoff.useful()
        milliseconds = response_ns / 1e6
        pending.outcome = Outcome(None, answer, milliseconds)
        self._events.done(ACK, name, milliseconds, size)

    def fail(
        self,
        pending: Pending,
        failure: Failure,
        answer: Answer | None = None,
        read_ns: int | None = None,
    ) -> None:
        """Enter a bad outcome; it has no response time in Locust's event, whatever it took."""
        account = pending.account
        took_ns = (read_ns or now_ns()) - pending.intended_ns
        account.settled += 1
        account.fail(ACK, pending.name, failure.kind.name)
        account.record((RESPONSE + FAILED, pending.name), took_ns)
        pending.outcome = Outcome(failure, answer, took_ns / 1e6 if answer else None)
        self._events.fire_failure(ACK, pending.name, failure)

    def expire(self, until_ns: int) -> None:
        """Fail the sends whose time is up."""
        for pending in self.ledger.pending():
            if pending.deadline_ns <= until_ns:
                self.ledger.expire(pending)
                words = pending.other_words
                name = "app.ack.unrecognised" if words else "app.ack.timeout"
                self.fail(pending, Failure(name, words))

    def fail_all(self, failure: Failure) -> None:
        """Fail every send that waits; the ledger is empty after it."""
        ledger, self.ledger = self.ledger, Ledger()
        for pending in ledger.pending():
            self.fail(pending, failure)

    def _note_push(self, answer: Answer) -> None:
        """Keep a message that is no answer, for the sends that it may have been meant for."""
        for pending in self.ledger.pending():
            pending.other_words = answer.detail
        records = self._workload.records
        records.push(answer.detail)
        if records.acks == 0 and records.pushes == _UNRECOGNISED_BEFORE_HINT:
            logger.warning(records.unrecognised_hint())


def _seen(answer: Answer, payload: bytes) -> str:
    """Return the words of an answer; an ack has none of its own."""
    return answer.detail or payload[:200].decode("utf-8", "replace")
