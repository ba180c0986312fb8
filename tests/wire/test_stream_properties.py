"""A real peer that says anything at any time: a class for it, in time, and nothing else."""

import fcntl
import termios
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import gevent
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from openclaw_locust.failures import CLASSES, Failure
from openclaw_locust.wire.connection import Clock, Endpoint, connect
from openclaw_locust.wire.frames import BINARY, CLOSE, PING, PONG, TEXT
from openclaw_locust.wire.tcp import TimedOut
from openclaw_locust.wire.websocket import WebSocket
from tests.peers import (
    ACCEPT,
    SWITCHING,
    Peer,
    Step,
    close_frame,
    cut,
    end_tls,
    frame,
    hear_frame,
    hear_some,
    hear_upgrade,
    hold,
    play,
    reset,
    say,
    say_raw,
    tls,
)
from tests.wire.client import endpoint, lost, soon, until
from tests.wire.conftest import Pki

PATIENCE_S = 10.0
HELD_S = 0.5  # the same, where nobody ends it but we
GRACE_S = 5.0  # of a machine that has other things to do
BOUNDED = settings(
    deadline=None,
    derandomize=True,
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# -- what is said, and how it ends ---------------------------------------------------------------

RECORD_HEADS = st.builds(
    lambda kind, minor, size: bytes((kind, 3, minor)) + size.to_bytes(2, "big"),
    st.integers(19, 25),
    st.integers(0, 5),
    st.sampled_from([0, 1, 2, 4, 100, 16384, 65535]),
)
ALERTS = st.builds(
    lambda level, number: b"\x15\x03\x03\x00\x02" + bytes((level, number)),
    st.integers(0, 3),
    st.integers(0, 255),
)
TLS_LIKE = st.lists(st.one_of(RECORD_HEADS, ALERTS, st.binary(max_size=40)), max_size=4)
HTTP_LIKE = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"HTTP/1.1 101 x\r\n",
                b"HTTP/1.1 100\r\n\r\n",
                b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 9\r\n\r\n",
                b"HTTP/1.1 302 x\r\nLocation: http://[\r\n\r\n",
                b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
                b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n",
                b"\r\n",
                b"\n",
                SWITCHING,
            ]
        ),
        st.binary(max_size=30),
    ),
    max_size=6,
)
FRAME_LIKE = st.lists(
    st.one_of(
        st.builds(frame, st.binary(max_size=130), st.integers(0, 15), fin=st.booleans()),
        st.builds(frame, st.sampled_from([b"ok", b"x" * 70_000]), st.sampled_from([TEXT, BINARY])),
        st.builds(frame, st.binary(max_size=5), st.sampled_from([PING, PONG])),
        st.builds(close_frame, st.integers(0, 65535), st.binary(max_size=4)),
        st.just(frame(b"", PING) * 150),
        st.binary(max_size=20),
    ),
    max_size=6,
)
BAD_RECORD = b"\x17\x03\x03\x00\x20" + b"x" * 32
SPOKEN_ENDS = st.sampled_from([(cut(),), (reset(),)])
TLS_ENDS = SPOKEN_ENDS | st.sampled_from([(end_tls(),), (say_raw(BAD_RECORD),)])


def said(pieces: st.SearchStrategy[list[bytes]]) -> st.SearchStrategy[tuple[Step, ...]]:
    """Say each piece by itself, or all of them at once."""
    one_by_one = pieces.map(lambda found: tuple(map(say, found)))
    return one_by_one | pieces.map(lambda found: (say(b"".join(found)),))


@pytest.fixture(scope="module")
def secure(pki: Pki) -> Endpoint:
    return endpoint("wss://127.0.0.1/", tls_ca=pki.ca)


@pytest.fixture(scope="module")
def plain() -> Endpoint:
    return endpoint("ws://127.0.0.1/")


@pytest.fixture(autouse=True)
def errors_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Fail on what was raised where nobody could catch it: in a callback of the event loop."""
    found: list[Any] = []
    hub = gevent.get_hub()
    monkeypatch.setattr(hub, "handle_error", lambda *args: found.append(args[1:3]))
    yield found
    assert found == []


def reach(to: Endpoint, peer: Peer, timeout_s: float = PATIENCE_S) -> WebSocket:
    """Connect to a peer as to the endpoint: all examples share its TLS context."""
    dial = (peer.host, peer.port)
    return connect(replace(to, dial=dial, connect_timeout_ns=int(timeout_s * 1e9)), 0, Clock())


def attempt(to: Endpoint, script: Sequence[Step]) -> WebSocket | Failure:
    """Connect to a peer with a script; the attempt ends in time, with a WebSocket or a class."""
    timeout_s = HELD_S if hold() in script else PATIENCE_S
    with play(*script) as peer:
        begun = time.monotonic()
        try:
            return reach(to, peer, timeout_s)
        except Failure as failure:
            return failure
        finally:
            assert time.monotonic() - begun < timeout_s + GRACE_S


def judge(found: WebSocket | Failure, *phases: str) -> None:
    """Hold what every end of an attempt has."""
    if isinstance(found, WebSocket):
        found.abort()
        pytest.fail("garbage was taken for a connection")
    assert CLASSES[str(found)] is found.kind
    assert found.kind.phase in phases
    assert found.detail.isprintable()


# -- before the upgrade --------------------------------------------------------------------------


@given(said(TLS_LIKE | HTTP_LIKE), SPOKEN_ENDS)
@example((say(b"\x16\x03\x03\x00\x04\x0e\x00\x00\x00"),), (hold(),))
@example((say(b""),), (hold(),))
@settings(BOUNDED)
def test_any_bytes_in_place_of_a_handshake_are_a_failure_of_tls(
    secure: Endpoint, words: tuple[Step, ...], end: tuple[Step, ...]
) -> None:
    judge(attempt(secure, (hear_some(), *words, *end)), "tls")


@given(said(HTTP_LIKE | TLS_LIKE), TLS_ENDS)
@example((say(b"HTTP/1.1 1"),), (hold(),))
@settings(BOUNDED)
def test_any_bytes_in_place_of_an_upgrade_are_a_failure_or_an_upgrade(
    pki: Pki, secure: Endpoint, words: tuple[Step, ...], end: tuple[Step, ...]
) -> None:
    found = attempt(secure, (tls(pki.server), hear_upgrade(), *words, *end))
    if isinstance(found, WebSocket):
        found.abort()
    else:
        judge(found, "http", "tls", "proxy")


@given(said(HTTP_LIKE | TLS_LIKE), SPOKEN_ENDS)
@settings(BOUNDED, max_examples=150)
def test_any_bytes_on_a_plain_connection_are_a_failure_or_an_upgrade(
    plain: Endpoint, words: tuple[Step, ...], end: tuple[Step, ...]
) -> None:
    found = attempt(plain, (hear_upgrade(), *words, *end))
    if isinstance(found, WebSocket):
        found.abort()
    else:
        judge(found, "http", "tls", "proxy")


# -- behind the upgrade --------------------------------------------------------------------------


@contextmanager
def upgraded(to: Endpoint, script: Sequence[Step]) -> Iterator[WebSocket]:
    with play(*script) as peer:
        websocket = reach(to, peer)
        try:
            yield websocket
        finally:
            websocket.abort()


def use(websocket: WebSocket, actions: Sequence[str]) -> None:
    """Use a connection until it is lost; only a ``Failure`` or a deadline may come of it.

    The connection is over at the end, and says so in the same way each time.
    """
    for action in actions:
        try:
            if action == "receive":
                assert websocket.receive(soon()).opcode in (TEXT, BINARY)
            elif action == "look":
                assert websocket.receive(0).opcode in (TEXT, BINARY)
            elif action == "send":
                websocket.send(b"x" * 200, soon())
            else:
                until(lambda: websocket.lost is not None or websocket.unread)
        except TimedOut:
            assert action == "look"
        except Failure as failure:
            assert failure.kind.phase == "ws"
    last = lost(websocket)
    assert websocket.lost is last
    assert last.kind.phase == "ws"
    assert last.detail.isprintable()
    for again in (lambda: websocket.receive(soon()), lambda: websocket.send(b"", soon())):
        with pytest.raises(Failure, match=f"^{last}$"):
            again()
    assert websocket.close(1000, soon()) is None


ACTIONS = st.lists(st.sampled_from(["receive", "look", "send", "idle"]), max_size=5)


@given(said(FRAME_LIKE), TLS_ENDS, ACTIONS, st.booleans())
@settings(BOUNDED, max_examples=250)
def test_any_bytes_behind_the_upgrade_are_messages_until_a_failure(
    pki: Pki,
    secure: Endpoint,
    words: tuple[Step, ...],
    end: tuple[Step, ...],
    actions: list[str],
    at_once: bool,
) -> None:
    welcome = say(SWITCHING + (words[0][1] if words and at_once else b""))
    script = (tls(pki.server), hear_upgrade(), welcome, *words[at_once:], *end)
    with upgraded(secure, script) as websocket:
        use(websocket, actions)


BYTES_OF_BOTH = 27 + len(BAD_RECORD)  # a short message in a record of TLS 1.3, and this one


def test_an_end_of_tls_that_comes_with_a_message_is_noticed_by_a_user_who_pauses(
    pki: Pki, secure: Endpoint
) -> None:
    words = (say(SWITCHING), hear_frame(), say(frame(b"ack")), say_raw(BAD_RECORD), hold())
    with upgraded(secure, (tls(pki.server, version="1.3"), hear_upgrade(), *words)) as websocket:
        websocket.send(b"rating", soon())
        wait_for_bytes(websocket, BYTES_OF_BOTH)
        assert websocket.receive(soon()).payload == b"ack"
        until(lambda: websocket.lost is not None)
        assert str(websocket.lost) == "ws.tls"


def wait_for_bytes(websocket: WebSocket, count: int) -> None:
    """Wait until so many bytes can be read at once, and do not let the hub read them before."""
    deadline, waiting = soon(), array("i", [0])
    while waiting[0] < count:
        assert time.perf_counter_ns() < deadline, f"only {waiting[0]} bytes came"
        fcntl.ioctl(websocket._transport._sock.fileno(), termios.FIONREAD, waiting)


@given(said(FRAME_LIKE), SPOKEN_ENDS, ACTIONS)
@settings(BOUNDED, max_examples=150)
def test_any_bytes_on_a_plain_websocket_are_messages_until_a_failure(
    plain: Endpoint, words: tuple[Step, ...], end: tuple[Step, ...], actions: list[str]
) -> None:
    with upgraded(plain, (hear_upgrade(), say(SWITCHING), *words, *end)) as websocket:
        use(websocket, actions)


@given(said(FRAME_LIKE), st.sampled_from([CLOSE, TEXT]))
@settings(BOUNDED, max_examples=60)
def test_whatever_a_peer_says_a_wait_and_a_close_end_in_time(
    plain: Endpoint, words: tuple[Step, ...], last: int
) -> None:
    """The peer stays there and says no more: only our own deadlines can end it."""
    script = (hear_upgrade(), say(SWITCHING), *words, say(frame(b"", last)), hold())
    with upgraded(plain, script) as websocket:
        for _ in range(1000):
            begun = time.monotonic()
            try:
                websocket.receive(soon(0.05))
            except (Failure, TimedOut):
                break
            finally:
                assert time.monotonic() - begun < GRACE_S
        begun = time.monotonic()
        failure = websocket.close(1000, soon(0.05))
        assert failure is None or str(failure) == "ws.close_timeout"
        assert time.monotonic() - begun < GRACE_S
