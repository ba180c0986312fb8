"""A locustfile that writes down each ack's time, one file for each process, as any plugin may."""

import os
from pathlib import Path

from locust import events

from openclaw_locust import RatingUser


class Logged(RatingUser):
    name = "OpenClawRating"


@events.request.add_listener
def note(request_type, response_time, exception, **_):
    if request_type == "ACK" and exception is None:
        with Path(os.environ["LOG_FOLDER"], str(os.getpid())).open("a") as file:
            file.write(f"{response_time!r}\n")
