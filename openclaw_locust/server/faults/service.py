"""What the service does wrong above TLS: which fault strikes at a request, a rating or a close."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from openclaw_locust.server.faults.departures import Departures
from openclaw_locust.server.faults.dice import FaultDice

if TYPE_CHECKING:
    from openclaw_locust.server.faults.dice import FaultClock
    from openclaw_locust.server.faults.options import Faults

_CONNECT_FAULTS = "proxy."
"""So begin the names of the faults that meet a CONNECT; the others meet every other request."""


class ServiceFaults:
    """The faults of the occasions ``upgrade``, ``message`` and ``close``.

    Attributes:
        clock: begun by the first rating.
        at_message: strikes at a rating.
        at_close: strikes when the client has sent its close frame.
        departures: who waits for a client to go.
        struck: how often each has struck so far.
    """

    def __init__(self, faults: Faults, clock: FaultClock) -> None:
        self.clock = clock
        self.departures = Departures()
        self.struck: Counter[str] = Counter()
        at_request = faults.at("upgrade")
        connect = [fault for fault in at_request if fault.name.startswith(_CONNECT_FAULTS)]
        others = [fault for fault in at_request if fault not in connect]
        self._at_connect = FaultDice(connect, clock, self.struck)
        self._at_request = FaultDice(others, clock, self.struck)
        self.at_message = FaultDice(faults.at("message"), clock, self.struck)
        self.at_close = FaultDice(faults.at("close"), clock, self.struck)

    def at_request(self, method: str) -> str | None:
        """Return the fault that strikes at an HTTP request, or None."""
        dice = self._at_connect if method == "CONNECT" else self._at_request
        return dice.throw()
