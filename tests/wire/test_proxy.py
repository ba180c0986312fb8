"""The way through a proxy: a tunnel, or the class of its refusal."""

import base64
import socket
from typing import Any

import orjson
import pytest

from openclaw_locust.wire.connection import Clock
from tests.embedded import Served
from tests.peers import Step, cut, dribble, hear_upgrade, hold, play, relay, reset, say
from tests.wire.client import full_backlog, opened, refused, soon

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
TARGET = "wss://rating.example.com:8443/rating"


def through(*script: Step, **options: Any) -> str:
    """Return the class that a connect through such a proxy ends with."""
    with play(*script) as peer:
        return str(refused(TARGET, proxy=f"http://127.0.0.1:{peer.port}", **options))


@pytest.mark.parametrize(
    "answer", [ESTABLISHED, b"HTTP/1.0 200\r\n\r\n", b"HTTP/1.1 100\r\n\r\n" + ESTABLISHED]
)
def test_ratings_go_through_a_tunnel(served: Served, answer: bytes) -> None:
    clock = Clock()
    with play(hear_upgrade(), say(answer), relay(served.port)) as peer:
        proxy = f"http://us%40er:hush@127.0.0.1:{peer.port}"
        with opened(served.url, proxy=proxy, tls_ca=served.ca, clock=clock) as websocket:
            websocket.send(b'{"action":"rate","itemId":7,"score":5}', soon())
            assert orjson.loads(websocket.receive(soon()).payload)["itemId"] == 7
        head = peer.heard(1)[0]
    assert head.startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:" % served.port)
    credentials = base64.b64encode(b"us@er:hush")
    assert b"\r\nProxy-Authorization: Basic " + credentials + b"\r\n" in head
    for name in ("dns", "tcp", "proxy", "tls", "upgrade"):
        assert (getattr(clock, f"{name}_ns") or 0) > 0


def test_the_proxy_is_asked_for_the_target_or_for_what_connect_to_says() -> None:
    for target, options, wanted in (
        (TARGET, {}, b"rating.example.com:8443"),
        ("wss://[::1]/", {}, b"[::1]:443"),
        (TARGET, {"connect_to": "10.0.0.7:1"}, b"10.0.0.7:1"),
    ):
        with play(hear_upgrade(), cut()) as peer:
            failure = refused(target, proxy=f"http://127.0.0.1:{peer.port}", **options)
            head = peer.heard(1)[0]
        assert str(failure) == "proxy.eof"
        assert head == b"CONNECT " + wanted + b" HTTP/1.1\r\nHost: " + wanted + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("proxy.auth", (say(b"HTTP/1.1 407 Who are you\r\n\r\n"),)),
        ("proxy.refused", (say(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nforbidden"),)),
        ("proxy.refused", (say(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"),)),
        ("proxy.refused", (say(b"HTTP/1.1 101 Switching\r\n\r\n"),)),
        ("proxy.malformed", (say(b"SSH-2.0-OpenSSH_9.2\r\n"),)),
        ("proxy.malformed", (say(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),)),
        ("proxy.malformed", (say(b"HTTP/1.1 200 OK\r\n\r\nbytes"),)),
        ("proxy.malformed", (say(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000),)),
        ("proxy.eof", (cut(),)),
        ("proxy.eof", (reset(),)),
        ("proxy.eof", (say(b"HTTP/1.1 200 OK\r\n"), cut())),
        ("tls.eof", (say(ESTABLISHED), cut())),
    ],
)
def test_each_answer_of_a_proxy_has_its_class(name: str, script: tuple[Step, ...]) -> None:
    assert through(hear_upgrade(), *script) == name


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("proxy.timeout", (hold(),)),
        ("proxy.timeout", (hear_upgrade(), dribble(b"HTTP/1.1 200 OK\r\nX: "))),
        ("tls.timeout", (hear_upgrade(), say(ESTABLISHED), hold())),
    ],
)
def test_a_proxy_cannot_extend_the_deadline(name: str, script: tuple[Step, ...]) -> None:
    assert through(*script, connect_timeout="400ms") == name


def test_a_proxy_that_cannot_be_reached_is_told_from_a_target() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    failure = refused(TARGET, proxy=f"http://127.0.0.1:{port}")
    assert str(failure) == "proxy.unreachable"
    with full_backlog("127.0.0.1") as port:
        failure = refused(TARGET, proxy=f"http://127.0.0.1:{port}", connect_timeout="400ms")
    assert str(failure) == "proxy.unreachable"
