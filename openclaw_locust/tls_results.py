"""What a run's TLS came to, as parts of its results file: what was negotiated, what was resumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openclaw_locust.json_fields import FieldError, take, take_count


@dataclass(frozen=True, slots=True)
class Negotiation:
    """How many connections agreed on the same; see :class:`~openclaw_locust.negotiated.Negotiated`.

    Attributes:
        count: connections.
        version, cipher, group, key, signature, alpn: empty where it is not known.
        resumed: whether they resumed a session.
    """

    count: int
    version: str
    cipher: str = ""
    group: str = ""
    key: str = ""
    signature: str = ""
    alpn: str = ""
    resumed: bool = False

    @property
    def handshake(self) -> str:
        """``full`` or ``resumed``."""
        return "resumed" if self.resumed else "full"


@dataclass(frozen=True, slots=True)
class Resumption:
    """What became of the sessions that were offered.

    Attributes:
        asked: the share of connections that were to offer one, from 0 to 1.
        offered: handshakes that offered one.
        accepted: those of them that were resumed.
        lacking: handshakes that were to offer one and had none.
        tickets: sessions that came, on the connections where they were counted; None: not counted.
        connections: how many connections these are.
    """

    asked: float
    offered: int
    accepted: int
    lacking: int
    tickets: int | None = None
    connections: int = 0


def read_negotiation(content: dict[str, Any]) -> Negotiation:
    """Return what one object of a file says.

    Raises:
        FieldError: it is damaged.
    """
    resumed = content.get("resumed", False)
    if not isinstance(resumed, bool):
        raise FieldError('has a field "resumed" of the wrong type')
    version, cipher, group, key, signature, alpn = (
        take(content, name, str, "")
        for name in ("version", "cipher", "group", "key", "signature", "alpn")
    )
    count = take_count(content, "count")
    return Negotiation(count, version, cipher, group, key, signature, alpn, resumed)


def read_resumption(content: dict[str, Any] | None) -> Resumption | None:
    """Return what the object of a file says; None for none.

    Raises:
        FieldError: it is damaged.
    """
    if content is None:
        return None
    asked = take(content, "asked", (int, float))
    if not 0 <= asked <= 1:
        raise FieldError('has a field "asked" out of range')
    tickets = None if content.get("tickets") is None else take_count(content, "tickets")
    return Resumption(
        asked=float(asked),
        offered=take_count(content, "offered"),
        accepted=take_count(content, "accepted"),
        lacking=take_count(content, "lacking"),
        tickets=tickets,
        connections=take_count(content, "connections", 0),
    )
