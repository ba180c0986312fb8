"""A load whose locustfile computes for BURDEN_MS of CPU at each answer, to overload a generator."""

import os
import time

from openclaw_locust import RatingUser

BURDEN_S = float(os.environ["BURDEN_MS"]) / 1000


class Busy(RatingUser):
    name = "OpenClawRating"

    def recognise(self, message):
        until = time.thread_time() + BURDEN_S
        while time.thread_time() < until:
            pass
        return super().recognise(message)
