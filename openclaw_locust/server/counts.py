"""The server's own record of its work, for the line at its end and for ``--record``."""

from __future__ import annotations

import json
import resource
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_locust.server.latency import Latency


@dataclass(slots=True)
class Counts:
    """What the server has done so far, counted since its start.

    Attributes:
        connections: TCP connections accepted.
        open_max: the most connections that were open at one time (those past TLS's handshake).
        tls_full: complete TLS handshakes with a full key exchange and certificate.
        tls_resumed: complete TLS handshakes that resumed a session.
        tls_failed: connections that ended before their TLS handshake was complete.
        requests: HTTP requests read, upgrades among them.
        upgrades: WebSocket connections opened (answers 101).
        messages: WebSocket messages read, good and bad.
        ratings: messages that were ratings.
        acks: acks sent. Below ``ratings`` where connections ended before their acks went out.
        errors: messages answered with an error.
        struck: how often each fault struck, by its name: one counter for each of those who count
            them, and none where no fault was asked for (a stall is no such fault).
    """

    connections: int = 0
    open_max: int = 0
    tls_full: int = 0
    tls_resumed: int = 0
    tls_failed: int = 0
    requests: int = 0
    upgrades: int = 0
    messages: int = 0
    ratings: int = 0
    acks: int = 0
    errors: int = 0
    struck: list[Counter[str]] = field(default_factory=list)

    def line(self) -> str:
        """Return all counts on one line: ``done connections=12 open_max=4 …``."""
        counts = self.to_plain()
        faults = counts.pop("faults", {})
        return "done " + " ".join(f"{name}={count}" for name, count in (counts | faults).items())

    def to_plain(self) -> dict[str, Any]:
        """Return all counts by name; ``faults`` is there where faults were asked for.

        Those of ``faults`` are in the order of their names.
        """
        plain: dict[str, Any] = {
            each.name: getattr(self, each.name) for each in fields(self) if each.name != "struck"
        }
        if self.struck:
            together: Counter[str] = Counter()
            for counter in self.struck:
                together.update(counter)
            plain["faults"] = {name: together[name] for name in sorted(together)}
        return plain


def write_record(path: Path, counts: Counts, latency: Latency) -> None:
    """Write to ``path`` as JSON: the counts, this process's CPU time so far, and ``latency``.

    CPU time is in seconds; the shape of ``latency`` is that of
    :meth:`~openclaw_locust.server.latency.Latency.to_plain`.

    Raises:
        OSError: the file cannot be written.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    record = counts.to_plain() | {
        "cpu_user_s": round(used.ru_utime, 6),
        "cpu_system_s": round(used.ru_stime, 6),
        "latency": latency.to_plain(),
    }
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
