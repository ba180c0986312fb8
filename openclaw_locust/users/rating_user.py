"""`RatingUser`: rates a random item, waits for the ack, pauses; the load of the article."""

from __future__ import annotations

import random
from typing import Any

from locust import task
from locust.user.task import LOCUST_STATE_RUNNING

from openclaw_locust.rating.messages import Answer, Rating
from openclaw_locust.users.request_events import ACK
from openclaw_locust.users.websocket_user import Outcome, WebSocketUser

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
        self._back_to_back = settings.pause_s == 0 and not own_pause and len(self.tasks) == 1

    @task
    def rate(self) -> None:
        """Rate one random item; without a pause, one after the other until the user is stopped.

        Locust's own way from one task to the next costs as much as a third of a rating.
        """
        self.send_rating(self.draw())
        while self._back_to_back and self._state == LOCUST_STATE_RUNNING:
            self.send_rating(self.draw())

    def send_rating(self, rating: Rating) -> Outcome:
        """Send one rating and return what became of it."""
        return self.ask(self.encode(rating), id=rating.id, item=rating.item, score=rating.score)

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
        if self._ledger.open:
            for _ in range(_DRAWS):
                if not self._ledger.awaits_item(item):
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
