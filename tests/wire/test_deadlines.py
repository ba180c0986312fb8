"""Deadlines are total: nothing that a peer does or leaves undone extends them."""

from typing import Any

import pytest

from openclaw_locust.failures import Failure
from openclaw_locust.wire.connection import Clock
from openclaw_locust.wire.frames import BINARY, PING
from openclaw_locust.wire.tcp import TimedOut
from openclaw_locust.wire.websocket import WebSocket
from tests.peers import (
    SWITCHING,
    Step,
    dribble,
    flood,
    frame,
    hear_some,
    hear_upgrade,
    hold,
    ignore,
    play,
    say,
    tls,
)
from tests.wire.client import full_backlog, refused, soon, talk
from tests.wire.conftest import Pki

SHORT = "400ms"
LONG_RECORD = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"  # a record of 16 KiB, and no end of it


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_connect_that_nobody_answers_ends_in_tcp(host: str) -> None:
    shown = f"[{host}]" if ":" in host else host
    with full_backlog(host) as port:
        clock = Clock()
        failure = refused(f"wss://{shown}:{port}/", connect_timeout=SHORT, clock=clock)
    assert str(failure) == "tcp.timeout"
    assert (clock.dns_ns or 0) > 0
    assert clock.tcp_ns is None


@pytest.mark.parametrize(
    "script",
    [(hold(),), (ignore(),), (hear_some(), dribble(LONG_RECORD))],
    ids=["silence", "deafness", "dribble"],
)
def test_a_handshake_without_end_ends_in_tls(script: tuple[Step, ...]) -> None:
    with play(*script) as peer:
        clock = Clock()
        url = f"wss://{peer.host}:{peer.port}/"
        assert str(refused(url, connect_timeout=SHORT, clock=clock)) == "tls.timeout"
    assert (clock.tcp_ns or 0) > 0
    assert clock.tls_ns is None


@pytest.mark.parametrize("secure", [True, False], ids=["tls", "plain"])
@pytest.mark.parametrize(
    "script",
    [
        (hold(),),
        (ignore(),),
        (hear_upgrade(), dribble(SWITCHING[:-4] + b"\r\nX: ")),
        (hear_upgrade(), flood(b"HTTP/1.1 103 Wait\r\n\r\n" * 50)),
    ],
    ids=["silence", "deafness", "dribble", "early hints without end"],
)
def test_an_upgrade_without_end_ends_in_http(
    pki: Pki, secure: bool, script: tuple[Step, ...]
) -> None:
    with play(*((tls(pki.server),) if secure else ()), *script) as peer:
        url = f"{'wss' if secure else 'ws'}://{peer.host}:{peer.port}/"
        clock = Clock()
        failure = refused(url, tls_ca=pki.ca, connect_timeout=SHORT, clock=clock)
    assert str(failure) == "http.timeout"
    assert clock.upgrade_ns is None
    assert (clock.tls_ns is not None) == secure


@pytest.mark.parametrize("body", [hold(), dribble(b"words ")], ids=["silence", "dribble"])
def test_a_refusal_whose_body_does_not_end_is_a_refusal(pki: Pki, body: Step) -> None:
    head = b"HTTP/1.1 503 Busy\r\nContent-Length: 1000\r\n\r\n"
    with play(tls(pki.server), hear_upgrade(), say(head), body) as peer:
        url = f"wss://{peer.host}:{peer.port}/"
        failure = refused(url, tls_ca=pki.ca, connect_timeout=SHORT)
    assert str(failure) == "http.overloaded"


CHATTER: dict[str, tuple[Step, ...]] = {
    "silence": (hold(),),
    "a dribbled frame": (dribble(frame(b"x" * 125)),),
    "pings now and then": (dribble(frame(b"", PING), 0.02),),
    "a flood of pings": (flood(frame(b"", PING) * 1000),),
    "fragments without end": (say(frame(b"x", fin=False)), flood(frame(b"", 0, fin=False) * 500)),
}


@pytest.mark.parametrize("secure", [True, False], ids=["tls", "plain"])
@pytest.mark.parametrize("what", CHATTER)
def test_no_chatter_extends_the_wait_for_a_message(pki: Pki, what: str, secure: bool) -> None:
    with talk(pki, *CHATTER[what], secure=secure) as (websocket, _):
        for _ in range(2):
            with pytest.raises(TimedOut):
                websocket.receive(soon(0.15))
        assert websocket.lost is None


def test_a_deadline_that_is_over_still_gives_what_has_come(pki: Pki) -> None:
    with talk(pki, behind=frame(b"one") + frame(b"two")) as (websocket, _):
        assert websocket.receive(0).payload == b"one"
        assert websocket.receive(0).payload == b"two"
        with pytest.raises(TimedOut):
            websocket.receive(0)


def fill(websocket: WebSocket) -> str:
    """Send until the peer's window is full, and return the failure."""
    with pytest.raises(Failure) as caught:
        for _ in range(100):
            websocket.send(b"x" * 1_000_000, soon(0.2), BINARY)
    return str(caught.value)


@pytest.mark.parametrize("secure", [True, False], ids=["tls", "plain"])
def test_a_peer_that_does_not_read_blocks_a_send_until_its_deadline(pki: Pki, secure: bool) -> None:
    with talk(pki, ignore(), secure=secure) as (websocket, _):
        assert fill(websocket) == "ws.send_blocked"
        assert str(websocket.lost) == "ws.send_blocked"


ENDLESS: dict[str, tuple[Any, ...]] = {
    "silence": (hold(),),
    "deafness": (ignore(),),
    "a flood": (flood(frame(b"x" * 1000)),),
    "a dribble": (dribble(frame(b"x" * 100), 0.01),),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_a_close_waits_for_the_server_only_until_its_deadline(pki: Pki, what: str) -> None:
    with talk(pki, *ENDLESS[what]) as (websocket, _):
        websocket.close(1000, soon(0.15))
        assert str(websocket.lost) == "ws.not_open"
