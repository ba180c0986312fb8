"""`RatingUser`: rates a random item, waits for the ack, pauses; the load of the article."""

from __future__ import annotations

import random
from typing import Any

from locust import task
from locust.user.task import LOCUST_STATE_RUNNING

from openclaw_locust.failures import Failure
from openclaw_locust.rating.messages import Answer, Rating
from openclaw_locust.users.exchange import Outcome
from openclaw_locust.users.request_events import ACK
from openclaw_locust.users.websocket_user import WebSocketUser
from openclaw_locust.wire.tcp import now_ns
from openclaw_locust.wire.websocket import WebSocket

_SCORES = 5
_DRAWS = 10


class RatingUser(WebSocketUser):
    """Sends ratings, one at a time, and gives each exactly one outcome.

    To speak another dialect, override :meth:`encode` and :meth:`recognise`; both are pure.
    """

    abstract = True
    goal = (ACK,)

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        settings = self.workload.settings
        self._item_max = settings.item_max
        self._with_id = settings.ack_id is not None
        self._random = random.Random()
        own_pause = type(self).wait_time is not WebSocketUser.wait_time
        no_pause = self._pause_s == 0 or settings.is_open_model
        self._back_to_back = len(self.tasks) == 1 and no_pause and not own_pause
        self._in_flight = settings.in_flight if self.may_overlap() else 1

    @classmethod
    def may_overlap(cls) -> bool:
        """Whether ratings follow ``--in-flight``: a class with other tasks has turns for them."""
        return len(cls.tasks) == 1

    @task
    def rate(self) -> None:
        """Rate one random item; without a pause, one after the other until the user is stopped.

        Locust's own way from one task to the next costs as much as a third of a rating. With
        ``--in-flight`` the ratings of a connection overlap; that needs a class without other tasks.
        """
        if self._in_flight > 1:
            self._rate_overlapping()
            return
        self.send_rating(self.draw())
        while self._back_to_back and self._state == LOCUST_STATE_RUNNING:
            self.send_rating(self.draw())

    def send_rating(self, rating: Rating) -> Outcome:
        """Send one rating and return what became of it."""
        return self.ask(self.encode(rating), id=rating.id, item=rating.item, score=rating.score)

    def _rate_overlapping(self) -> None:
        """Keep up to ``--in-flight`` ratings under way, and return when the user is to stop.

        One greenlet does it all: it sleeps until a rating is to be sent, something has come, or the
        time of the oldest rating is up.
        """
        exchange, next_ns = self._exchange, now_ns()
        while self._state == LOCUST_STATE_RUNNING or exchange.ledger.waiting:
            exchange.expire(now_ns())
            waiting, socket = exchange.ledger.waiting, self._socket
            lost = socket is None or socket.lost is not None
            worn_out = not lost and self._is_worn_out()
            if lost or (worn_out and not waiting):
                try:
                    socket = self._connected()
                except Failure:
                    continue  # the next attempt waits for its time
            assert socket is not None
            if socket.unread:
                self._take_unread(socket)
                continue
            has_room = waiting < self._in_flight and not worn_out
            if has_room and self._state == LOCUST_STATE_RUNNING:
                intended_ns = self._next_turn(next_ns)
                if intended_ns is not None:
                    self._send_rating(socket, self.draw(), intended_ns)
                    next_ns = now_ns() + int(self.wait_time() * 1e9)
                    continue
            self._rest(self._next_event_ns(next_ns if has_room else None))

    def _send_rating(self, socket: WebSocket, rating: Rating, intended_ns: int) -> None:
        id, item, score = rating.id, rating.item, rating.score
        self._send(socket, self.encode(rating), intended_ns, None, id, item, score)

    def _next_turn(self, next_ns: int) -> int | None:
        """Return the intended time of a rating to be sent now, or None."""
        if self._pacer is None:
            now = now_ns()
            return now if now >= next_ns else None
        self._pacer.ask(self._turn)
        return self._turn.take()

    def _next_event_ns(self, next_ns: int | None) -> int | None:
        """Return when to look again at the latest; None: when something happens."""
        oldest = self._exchange.ledger.oldest()
        times = [oldest.deadline_ns] if oldest is not None else []
        if next_ns is not None and self._pacer is None:
            times.append(next_ns)
        return min(times, default=None)

    def draw(self) -> Rating:
        """Return a random rating.

        Without ids an item that still waits for its answer is not drawn again, because an ack by
        item could not tell the two ratings apart.
        """
        draw, item_max = self._random.random, self._item_max
        item = int(draw() * item_max) + 1
        score = int(draw() * _SCORES) + 1
        if self._with_id:
            return Rating(item, score, self.next_id())
        ledger = self._exchange.ledger
        if ledger.open:
            for _ in range(_DRAWS):
                if not ledger.awaits_item(item):
                    break
                item = int(draw() * item_max) + 1
        return Rating(item, score)

    def next_id(self) -> int:
        """Return an id that no other rating of this process has."""
        return next(self.workload.message_ids)

    def encode(self, rating: Rating) -> bytes:
        """Return the message that is sent for a rating, UTF-8; pure."""
        return self.workload.language.encode(rating)

    def recognise(self, message: bytes) -> Answer:
        """Say what a message of the service is; pure."""
        return self.workload.language.recognise(message)
