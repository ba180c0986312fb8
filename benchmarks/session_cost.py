"""What a TLS session costs its client: Python's `.session` and OpenSSL's own, in one run.

    python benchmarks/session_cost.py [--connects 1500]

The client's CPU for each connection of its own transport (TCP, TLS, close_notify) to the embedded
server, on another core, in rounds that alternate; medians of five. Resumed connections offer a
ticket of their own each, kept once through OpenSSL and once through Python's copies.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable

import locust  # noqa: F401 - it patches the interpreter, and must come first
from against_k6 import CLIENT_CORE, server

from openclaw_locust.settings import read_settings
from openclaw_locust.wire import sessions
from openclaw_locust.wire.connection import Clock, Endpoint, open_transport
from openclaw_locust.wire.openssl import OPENSSL, Session
from openclaw_locust.wire.sessions import Inbox, Shelf
from openclaw_locust.wire.tcp import now_ns
from openclaw_locust.workload import Workload

ROUNDS = 5
SECOND_NS = 1_000_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connects", type=int, default=1500)
    args = parser.parse_args()
    if OPENSSL is None:
        print("session_cost: this Python's OpenSSL cannot be reached, so there is only one way")
        return 2
    for version in ("1.3", "1.2"):
        with server("--tls-min", version, "--tls-max", version) as (url, ca, record):
            os.sched_setaffinity(0, {CLIENT_CORE})
            measure(version, url, ca, args.connects)
        record.unlink()
    return 0


def measure(version: str, url: str, ca: str, connects: int) -> None:
    endpoint = Workload(read_settings({"tls_ca": ca}, url)).endpoint
    endpoint.tls.listen()
    shelf = Shelf()
    clock = connect(endpoint, shelf, offers=False)
    session = clock.inbox._connection
    copy = shelf.take().session
    names = ("full", "resumed, OpenSSL's sessions", "resumed, Python's copies")
    costs: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        costs["full"].append(per_connect(endpoint, None, connects))
        costs[names[1]].append(per_connect(endpoint, Shelf(), connects))
        sessions.OPENSSL = None
        costs[names[2]].append(per_connect(endpoint, Shelf(), connects))
        sessions.OPENSSL = OPENSSL
    print(f"| TLS {version} | CPU, µs |\n| --- | ---: |")
    print(f"| reading `.session` | {each(lambda: session.session):.1f} |")
    print(f"| a copy by OpenSSL | {each(lambda: Session(OPENSSL, copy.pointer)):.1f} |")
    for name in names:
        print(f"| a connection, {name} | {statistics.median(costs[name]):,.0f} |")
    print(flush=True)


def per_connect(endpoint: Endpoint, shelf: Shelf | None, connects: int) -> float:
    for _ in range(3):
        connect(endpoint, shelf, offers=shelf is not None)
    started = time.process_time()
    resumed = 0
    for _ in range(connects // ROUNDS):
        clock = connect(endpoint, shelf, offers=shelf is not None)
        resumed += clock.negotiated.resumed
    cost_us = (time.process_time() - started) / (connects // ROUNDS) * 1e6
    assert resumed == (connects // ROUNDS if shelf is not None else 0)
    return cost_us


def connect(endpoint: Endpoint, shelf: Shelf | None, *, offers: bool) -> Clock:
    clock = Clock()
    clock.inbox = Inbox(shelf)
    session = shelf.take() if offers else None
    open_transport(endpoint, 0, clock, session).let_peer_close(now_ns() + SECOND_NS)
    clock.inbox.look()
    return clock


def each(call: Callable[[], object], times: int = 5000) -> float:
    started = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - started) / times * 1e6


if __name__ == "__main__":
    sys.exit(main())
