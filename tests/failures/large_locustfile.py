"""Sends messages of 1 MB and expects nothing."""

from locust import task

from openclaw_locust import WebSocketUser


class LargeUser(WebSocketUser):
    @task
    def push(self):
        self.send(b"x" * 1_000_000)
