"""Opens files until this process has no descriptors left, and then wants a connection."""

import contextlib
import os
import resource

from openclaw_locust import RatingUser

_FEW = 64
_kept = []


class HungryUser(RatingUser):
    def on_start(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (_FEW, hard))
        with contextlib.suppress(OSError):
            while True:
                _kept.append(os.open(os.devnull, os.O_RDONLY))

    def on_stop(self):
        while _kept:
            os.close(_kept.pop())
        super().on_stop()
