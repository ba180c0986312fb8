"""How long to stay away from a server that failed: longer each time, never in step with others."""

from __future__ import annotations

import random

BASE_S = 0.25
CAP_S = 5.0
RETRY_AFTER_CAP_S = 30.0


class Backoff:
    """Exponential, with jitter. It starts from short again only when the connection was *useful*.

    A server that accepts and then closes with 1013 would otherwise get a storm of connects.
    """

    def __init__(self) -> None:
        self._failures = 0

    def useful(self) -> None:
        """An answer came: the next failure is a first one."""
        self._failures = 0

    def next_delay_s(self, retry_after_s: float | None = None) -> float:
        """Return the seconds to wait now; what the server asked for is honoured, capped."""
        delay = min(CAP_S, BASE_S * 2.0**self._failures) * random.uniform(0.5, 1.0)
        self._failures = min(self._failures + 1, 10)
        return max(delay, min(retry_after_s or 0.0, RETRY_AFTER_CAP_S))
