"""When Python looks for reference cycles: seldom, so that its pauses are not taken for latency.

A full collection stops the server for as long as it takes to visit every object: 260 ms at 5,000
open connections. Python starts one whenever the number of objects has grown by a quarter, so all
through a ramp-up. Here one is due only when enough connections have ended to be worth it: aborted
ones leave cycles behind (about 65 objects each), open ones and messages do not.
"""

from __future__ import annotations

import gc

_NEVER = 1_000_000_000
_WORTH_IT = 2000
"""Ended connections; their cycles hold some 40 MB at most."""


class GarbagePolicy:
    """Counts ended connections and collects when it is worth it."""

    def __init__(self) -> None:
        # what is loaded by now stays; the two young generations stay automatic, they are quick
        gc.freeze()
        gc.set_threshold(2_000, 10, _NEVER)
        self._ended = 0

    def connection_ended(self, open_count: int) -> None:
        """Take note; the cost of a collection grows with the open ones, so wait for as many."""
        self._ended += 1
        if self._ended >= max(_WORTH_IT, open_count):
            self._ended = 0
            gc.collect()
