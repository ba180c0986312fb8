"""Host name to addresses: kept for a time, and taken in turns.

A load test looks a name up once, not once for each connection, and spreads its connections over all
the addresses behind it, so that every node gets its share. A node that refuses is a failure of the
service and is counted as one; only another address *family* is tried in its place (localhost is
often ``::1`` first where a server listens on 127.0.0.1 alone).
"""

from __future__ import annotations

import ipaddress
import socket
import time
from dataclasses import dataclass, field
from typing import Any

import gevent
from gevent.event import AsyncResult
from gevent.socket import getaddrinfo

from openclaw_locust.classify import from_gaierror
from openclaw_locust.failures import Failure


@dataclass(frozen=True, slots=True)
class Address:
    """One place to connect to: an ``AF_INET`` or ``AF_INET6`` family and its socket address."""

    family: int
    sockaddr: tuple[Any, ...]


@dataclass(slots=True)
class _Entry:
    """What is known of one name. A preferred family is one that worked where the other did not."""

    expires_ns: int
    by_family: dict[int, list[Address]]
    turns: dict[int, int] = field(default_factory=dict)
    preferred: int | None = None

    def take(self) -> list[Address]:
        """Return the next address of each family, the preferred family first."""
        families = sorted(self.by_family, key=lambda family: family != self.preferred)
        return [self._next_of(family) for family in families]

    def _next_of(self, family: int) -> Address:
        addresses = self.by_family[family]
        turn = self.turns.get(family, 0)
        self.turns[family] = turn + 1
        return addresses[turn % len(addresses)]


class AddressBook:
    """The names looked up by one process, shared by all its users."""

    def __init__(self, ttl_s: float) -> None:
        self._ttl_ns = int(ttl_s * 1e9)
        self._entries: dict[tuple[str, int], _Entry] = {}
        self._lookups: dict[tuple[str, int], AsyncResult[_Entry]] = {}

    def candidates(self, host: str, port: int, deadline_ns: int) -> list[Address]:
        """Return the addresses to try, in order: one of each family, taken in turns.

        Raises:
            Failure: ``dns.*``, when the name has no address or was not resolved by the deadline.
        """
        key = (host, port)
        entry = self._entries.get(key)
        if entry is None or time.perf_counter_ns() >= entry.expires_ns:
            entry = self._look_up(key, deadline_ns)
        return entry.take()

    def prefer(self, host: str, port: int, family: int) -> None:
        """Remember that this family works where another did not."""
        entry = self._entries.get((host, port))
        if entry is not None:
            entry.preferred = family

    def _look_up(self, key: tuple[str, int], deadline_ns: int) -> _Entry:
        """Look a name up once, however many users ask for it at the same time."""
        running = self._lookups.get(key)
        if running is None:
            running = self._lookups[key] = AsyncResult()
            gevent.spawn(self._resolve_into, key, running)
        left_s = max(0.0, (deadline_ns - time.perf_counter_ns()) / 1e9)
        try:
            entry: _Entry = running.get(timeout=left_s)
        except gevent.Timeout:
            raise Failure("dns.timeout", f"{key[0]}: no answer in time") from None
        return entry

    def _resolve_into(self, key: tuple[str, int], result: AsyncResult[_Entry]) -> None:
        try:
            found = _resolve(*key)
        except Failure as failure:
            result.set_exception(failure)
        else:
            entry = _Entry(time.perf_counter_ns() + self._ttl_ns, found)
            old = self._entries.get(key)
            if old is not None:
                entry.preferred, entry.turns = old.preferred, old.turns
            self._entries[key] = entry
            result.set(entry)
        finally:
            del self._lookups[key]


def _resolve(host: str, port: int) -> dict[int, list[Address]]:
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        pass
    else:
        family = socket.AF_INET6 if version == 6 else socket.AF_INET
        return {family: [Address(family, (host, port))]}
    try:
        answers = getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise from_gaierror(error, host) from None
    except UnicodeError as error:
        raise Failure("dns.nxdomain", f"{host}: {error}") from None
    by_family: dict[int, list[Address]] = {}
    for family, _, _, _, sockaddr in answers:
        if family in (socket.AF_INET, socket.AF_INET6):
            by_family.setdefault(family, []).append(Address(family, sockaddr))
    if not by_family:
        raise Failure("dns.no_address", host)
    return by_family
