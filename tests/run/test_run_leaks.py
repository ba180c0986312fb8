"""A run leaves nothing behind in its process: no descriptor, no greenlet, no connection."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from tests.embedded import Served, serve
from tests.locust_run import RUN_TIME, Argument, Run, run_all

COUNTING = """
import gc
import json
import os

import gevent
import psutil
from locust import events
from openclaw_locust import RatingUser
from openclaw_locust.wire.transport import Transport

class Counting(RatingUser):
    pass

def take_stock():
    gc.collect()
    alive = [found for found in gc.get_objects() if isinstance(found, (Transport, gevent.Greenlet))]
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "sockets": sum(
            link.status != psutil.CONN_LISTEN for link in psutil.Process().net_connections()
        ),
        "transports": sum(isinstance(found, Transport) for found in alive),
        "greenlets": sum(isinstance(found, gevent.Greenlet) and not found.dead for found in alive),
    }

stock = []
events.test_start.add_listener(lambda **_: stock.append(take_stock()))
events.test_stopping.add_listener(lambda **_: stock.append(take_stock()))

@events.quit.add_listener
def write(**_):
    stock.append(take_stock())
    with open("stock.json", "w") as file:
        json.dump(stock, file)
"""


LIVES = ("300ms", "10m")


@dataclass(frozen=True)
class Ended:
    run: Run
    counts: dict[str, int]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """Fifty users whose connections live for a moment, and fifty that keep theirs."""
    folder = tmp_path_factory.mktemp("leaks")
    file = folder / "counting.py"
    file.write_text(COUNTING)
    load: tuple[Argument, ...] = ("-u", 50, "-r", 100, "-t", RUN_TIME, "--pause", "100ms")
    with serve() as first, serve() as second:
        servers = dict(zip(LIVES, (first, second), strict=True))
        cases = {
            lives: (*load, *reach(server), "--connection-lifetime", lives)
            for lives, server in servers.items()
        }
        runs = run_all(folder, cases, {lives: {"file": file} for lives in cases})
        return {lives: Ended(runs[lives], server.counts()) for lives, server in servers.items()}


def reach(server: Served) -> tuple[Argument, ...]:
    assert server.ca
    return ("--host", server.url, "--tls-ca", server.ca)


@pytest.mark.parametrize("lives", LIVES)
def test_fifty_users_lose_nothing_on_the_way(ended: dict[str, Ended], lives: str) -> None:
    run, counts = ended[lives].run, ended[lives].counts
    assert "Traceback" not in run.stderr, str(run)
    assert run.errors == {}, str(run)
    assert run.count("ACK") == counts["ratings"] == counts["acks"] > 50
    # a stop may come between a handshake and its upgrade
    handshakes = counts["tls_full"] + counts["tls_resumed"]
    assert run.count("UPGRADE") <= handshakes <= run.count("UPGRADE") + 50


@pytest.mark.parametrize("lives", LIVES)
def test_fifty_users_leave_nothing_behind(ended: dict[str, Ended], lives: str) -> None:
    stock = ended[lives].run.prefix.parent / "stock.json"
    before, amid, after = json.loads(stock.read_text())
    assert amid["sockets"] >= before["sockets"] + 10  # or there was nothing to leave behind
    assert after["sockets"] == before["sockets"]
    assert after["transports"] == 0
    assert after["descriptors"] <= before["descriptors"]
    assert after["greenlets"] <= before["greenlets"] + 5  # Locust's own, whatever the users
