"""The addresses of this machine that connections go out from, in turns.

Each brings as many ports to a target as ``net.ipv4.ip_local_port_range`` has.
"""

from __future__ import annotations

import ipaddress
import itertools
import socket

from openclaw_locust.failures import Failure
from openclaw_locust.wire.tcp import bind_source

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class Sources:
    """Source addresses, taken in turns within a family.

    Raises:
        ValueError: one is no address, or not one of this machine; the message is one line.
    """

    def __init__(self, addresses: tuple[str, ...]) -> None:
        by_family: dict[int, list[str]] = {}
        for text in addresses:
            by_family.setdefault(_family(text), []).append(text)
        self._turns = {family: itertools.cycle(found) for family, found in by_family.items()}

    def reach(self, family: int) -> bool:
        """Return whether a connection of a family can go out."""
        return not self._turns or family in self._turns

    def next(self, family: int) -> str | None:
        """Return the address for the next connection of a family; None: the kernel chooses."""
        return next(self._turns[family]) if self._turns else None


def _family(text: str) -> int:
    try:
        family = _FAMILIES[ipaddress.ip_address(text).version]
    except ValueError:
        raise ValueError(
            f"--source-ip {text!r} is no address; write it like 10.0.0.7 or fd00::7"
        ) from None
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            bind_source(probe, text)
    except Failure:
        raise ValueError(
            f"--source-ip {text!r} is not an address of this machine; name one that `ip addr` shows"
        ) from None
    except OSError as error:
        raise ValueError(f"--source-ip {text!r} cannot be used: {error.strerror}") from None
    return family
