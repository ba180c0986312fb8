"""Load another WebSocket service: its own messages, its own way to match an answer with a send.

Here a JSON-RPC service. `recognise` says what a message is; `ask` sends, waits for the answer that
names the same id, and records exactly one outcome. Try it:

    locust -f locustfiles/custom_service.py --host wss://rpc.example.com/ -u 10 -t 1m --headless
"""

import itertools
import json

from locust import between, task

from openclaw_locust import Answer, WebSocketUser

ids = itertools.count(1)


class JsonRpc(WebSocketUser):
    name = "json-rpc"
    goal = ("ACK",)
    wait_time = between(0.1, 0.3)

    @task
    def add(self):
        number = next(ids)
        params = {"jsonrpc": "2.0", "id": number, "method": "add", "params": [number, 1]}
        self.ask(json.dumps(params), id=number, name="add")

    def recognise(self, message: bytes) -> Answer:
        document = json.loads(message)
        if document.get("id") is None:
            return Answer("other")  # a notification: not an answer to anything
        kind = "negative" if "error" in document else "ack"
        return Answer(kind, id=document["id"], detail=str(document.get("error", "")))
