"""A locustfile that computes too much: 4 ms of CPU for each answer."""

import time

from openclaw_locust import Answer, RatingUser


class Busy(RatingUser):
    name = "OpenClawRating"

    def recognise(self, message: bytes) -> Answer:
        until = time.thread_time() + 0.004
        while time.thread_time() < until:
            pass
        return super().recognise(message)
