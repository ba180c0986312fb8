"""Sends ratings of 60 kB and waits for no ack."""

from locust import constant, task

from openclaw_locust import WebSocketUser

RATING = '{"action":"rate","itemId":1,"score":5,"words":"%s"}' % ("x" * 60_000)


class LargeUser(WebSocketUser):
    wait_time = constant(0)

    @task
    def rate(self):
        self.send(RATING)
