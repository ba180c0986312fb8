"""Greenlets that are killed, in every phase: nothing is swallowed and nothing stays open."""

import gc
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from openclaw_locust.failures import Failure
from openclaw_locust.wire import addresses
from openclaw_locust.wire.connection import Clock, Endpoint, connect
from openclaw_locust.wire.frames import BINARY
from tests.embedded import Served
from tests.peers import (
    frame,
    hear_some,
    hear_upgrade,
    hold,
    ignore,
    play,
    say,
    tls,
)
from tests.wire.client import endpoint, full_backlog, open_files, soon, talk, until
from tests.wire.conftest import Pki


@pytest.fixture(autouse=True)
def nothing_left() -> Any:
    """Hold the number of open files and of active watchers."""
    hub = gevent.get_hub()
    gevent.spawn(lambda: None).join()
    hub.threadpool.apply(int)  # its thread and its watcher stay
    with play(hold()):
        pass
    gevent.sleep(0)
    files, watchers = open_files(), hub.loop.activecnt
    yield
    until(lambda: hub.loop.activecnt <= watchers)
    assert open_files() == files


def kill(greenlet: gevent.Greenlet, reached: Callable[[], object]) -> None:
    """Kill a greenlet when it has come to the point."""
    until(reached)
    gevent.sleep(0)
    assert not greenlet.dead
    greenlet.kill(timeout=5)
    assert greenlet.dead
    assert isinstance(greenlet.value, gevent.GreenletExit)  # it was not swallowed on the way


def connecting(found: Endpoint) -> gevent.Greenlet:
    return gevent.spawn(connect, found, 0, Clock())


def test_in_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def slow(*arguments: Any) -> Any:
        asked.append(arguments)
        gevent.sleep(0.05)
        return []

    monkeypatch.setattr(addresses, "getaddrinfo", slow)
    kill(connecting(endpoint("wss://h.example/")), lambda: asked)


def test_in_tcp() -> None:
    with full_backlog("127.0.0.1") as port:
        files = open_files()
        kill(connecting(endpoint(f"wss://127.0.0.1:{port}/")), lambda: open_files() > files)
        assert open_files() == files


def test_in_the_handshake(pki: Pki) -> None:
    with play(hear_some(), hold()) as peer:
        found = endpoint(f"wss://127.0.0.1:{peer.port}/", tls_ca=pki.ca)
        kill(connecting(found), lambda: peer.has_heard(1))


def test_in_the_upgrade(pki: Pki) -> None:
    with play(tls(pki.server), hear_upgrade(), hold()) as peer:
        found = endpoint(f"wss://127.0.0.1:{peer.port}/", tls_ca=pki.ca)
        kill(connecting(found), lambda: peer.has_heard(2))


def test_in_the_body_of_a_refusal(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    head = b"HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\n"
    reached = []

    def body_length(answer: Any) -> int:
        reached.append(answer)
        return 9

    monkeypatch.setattr("openclaw_locust.wire.connection.body_length", body_length)
    with play(tls(pki.server), hear_upgrade(), say(head), hold()) as peer:
        found = endpoint(f"wss://127.0.0.1:{peer.port}/", tls_ca=pki.ca)
        kill(connecting(found), lambda: reached)


def test_in_the_proxy() -> None:
    with play(hear_upgrade(), hold()) as peer:
        found = endpoint("wss://h.example/", proxy=f"http://127.0.0.1:{peer.port}")
        kill(connecting(found), lambda: peer.has_heard(1))


def test_while_a_message_is_waited_for(pki: Pki) -> None:
    with talk(pki, hear_some(), say(frame(b"next"))) as (websocket, _):
        kill(gevent.spawn(websocket.receive, soon(30)), lambda: websocket._transport.has_reader)
        assert websocket.lost is None
        websocket.send(b"go on", soon())  # it still serves another
        assert websocket.receive(soon()).payload == b"next"


def test_while_a_send_is_blocked(pki: Pki) -> None:
    def send() -> None:
        while True:
            websocket.send(b"x" * 1_000_000, soon(30), BINARY)

    with talk(pki, ignore()) as (websocket, _):
        kill(gevent.spawn(send), lambda: websocket._transport._writer is not None)


def test_while_a_close_is_waited_for(pki: Pki) -> None:
    with talk(pki, hold()) as (websocket, _):
        files = open_files()
        kill(
            gevent.spawn(websocket.close, 1000, soon(30)),
            lambda: websocket._transport.has_reader,
        )
        assert open_files() == files - 1


def test_two_hundred_connects_leave_nothing_behind(served: Served, pki: Pki) -> None:
    hub = gevent.get_hub()
    right = endpoint(served.url, tls_ca=served.ca)
    wrong = endpoint(served.url, tls_ca=pki.ca)
    lost = endpoint(served.url_of("/nothing"), tls_ca=served.ca)
    files, watchers = open_files(), hub.loop.activecnt

    def one(number: int) -> None:
        if number % 4 == 0:
            with pytest.raises(Failure, match=r"^tls\.cert\.untrusted$"):
                connect(wrong, number, Clock())
            return
        if number % 4 == 1:
            with pytest.raises(Failure, match=r"^http\.not_found$"):
                connect(lost, number, Clock())
            return
        websocket = connect(right, number, Clock())
        websocket.send(b'{"action":"rate","itemId":7,"score":5}', soon())
        websocket.receive(soon())
        if number % 4 == 2:
            websocket.close(1000, soon())
        else:
            websocket.abort()

    for batch in range(0, 200, 20):
        gevent.joinall(
            [gevent.spawn(one, number) for number in range(batch, batch + 20)],
            timeout=20,
            raise_error=True,
        )
    gc.collect()
    assert open_files() == files
    assert hub.loop.activecnt <= watchers
