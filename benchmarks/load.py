"""The load of the benchmarks: ratings back to back, or connects back to back."""

from locust import constant, task

from openclaw_locust import Failure, RatingUser, WebSocketUser


class Ratings(RatingUser):
    """Run with --pause 0."""


class Connects(WebSocketUser):
    wait_time = constant(0)

    @task
    def connect_and_close(self):
        try:
            self.connect()
        except Failure:
            return  # counted by its event
        self.close()
