"""Plain Locust with websocket-client, as people write it: the comparison of a stalled server.

RATE_PER_USER=10 locust -f benchmarks/plain_locust.py --host wss://... -u 50
"""

import json
import os
import random
import ssl
import time

import websocket
from locust import User, constant_throughput, task


class PlainUser(User):
    wait_time = constant_throughput(float(os.environ.get("RATE_PER_USER", "10")))

    def on_start(self):
        options = {"ca_certs": os.environ["CA"], "cert_reqs": ssl.CERT_REQUIRED}
        self.socket = websocket.create_connection(self.host, sslopt=options, timeout=10)

    def on_stop(self):
        self.socket.close()

    @task
    def rate(self):
        rating = {"action": "rate", "itemId": random.randint(1, 1000), "score": 5}
        start = time.perf_counter()
        self.socket.send(json.dumps(rating))
        self.socket.recv()
        self.environment.events.request.fire(
            request_type="ACK",
            name="plain",
            response_time=(time.perf_counter() - start) * 1000,
            response_length=0,
            exception=None,
            context={},
        )
