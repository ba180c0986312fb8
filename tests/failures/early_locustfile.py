"""Receives before it connects."""

from locust import task

from openclaw_locust import WebSocketUser


class EarlyUser(WebSocketUser):
    @task
    def listen(self):
        self.receive()
