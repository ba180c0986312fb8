"""An open WebSocket: pings, closes and ends, while it is read and while nobody reads."""

import socket
import struct
from typing import Any

import gevent
import pytest

from openclaw_locust.failures import Failure
from openclaw_locust.wire.frames import CLOSE, PING, PONG
from openclaw_locust.wire.websocket import WebSocket
from tests.peers import (
    Step,
    close_frame,
    cut,
    end_tls,
    flood,
    frame,
    hear_frame,
    hear_some,
    hold,
    play,
    refuse_tls,
    reset,
    say,
    say_raw,
)
from tests.wire.client import lost, refused, soon, talk, until
from tests.wire.conftest import Pki

SECURE = pytest.mark.parametrize("secure", [True, False], ids=["tls", "plain"])
WAYS = pytest.mark.parametrize("idle", [False, True], ids=["read", "idle"])


def end_of(websocket: WebSocket, idle: bool) -> Failure:
    """Return why it was lost, found by reading or while nobody read."""
    if not idle:
        return lost(websocket)
    until(lambda: websocket.lost is not None)
    assert websocket.lost is not None
    return websocket.lost


# -- pings ---------------------------------------------------------------------------------------


@SECURE
def test_a_ping_is_answered_while_a_message_is_waited_for(pki: Pki, secure: bool) -> None:
    script = (say(frame(b"are you there", PING)), hear_frame(), say(frame(b"thanks")))
    with talk(pki, *script, secure=secure) as (websocket, peer):
        assert websocket.receive(soon()).payload == b"thanks"
        assert peer.heard(2 + secure)[-1] == bytes((0x80 | PONG,)) + b"are you there"


@SECURE
def test_a_ping_is_answered_while_nobody_reads(pki: Pki, secure: bool) -> None:
    script = (say(frame(b"before") + frame(b"1", PING)), hear_frame(), say(frame(b"2", PING)))
    with talk(pki, *script, hear_frame(), say(frame(b"after")), secure=secure) as (websocket, peer):
        until(lambda: peer.has_heard(3 + secure))
        assert [each[1:] for each in peer.heard(3 + secure)[-2:]] == [b"1", b"2"]
        assert websocket.receive(soon()).payload == b"before"
        assert websocket.receive(soon()).payload == b"after"


def test_an_unasked_pong_is_passed_over(pki: Pki) -> None:
    with talk(pki, behind=frame(b"", PONG) + frame(b"next")) as (websocket, _):
        assert websocket.receive(soon()).payload == b"next"


def test_messages_read_while_nobody_waited_keep_the_time_they_came(pki: Pki) -> None:
    with talk(pki, hear_frame(), say(frame(b"one")), hear_frame()) as (websocket, _):
        websocket.send(b"go", soon())
        until(lambda: websocket.unread)
        came = soon(0)
        gevent.sleep(0.01)
        assert websocket.receive(soon()).payload == b"one"
        assert websocket.read_ns < came


# -- close frames --------------------------------------------------------------------------------

CODES = {
    1000: "ws.close.normal",
    1001: "ws.close.going_away",
    1008: "ws.close.policy",
    1011: "ws.close.internal",
    1013: "ws.close.try_later",
    3000: "ws.close.unauthorized",
    4409: "ws.close.app",
}


@WAYS
@pytest.mark.parametrize("code", CODES)
def test_a_close_code_is_the_class_and_is_echoed(pki: Pki, code: int, idle: bool) -> None:
    with talk(pki, say(close_frame(code, b"because")), hear_frame()) as (websocket, peer):
        failure = end_of(websocket, idle)
        assert str(failure) == CODES[code]
        assert failure.detail == f"{code} because"
        assert peer.heard(3)[2] == bytes((0x80 | CLOSE,)) + struct.pack("!H", code)


@WAYS
def test_a_close_without_a_code_has_its_own_class(pki: Pki, idle: bool) -> None:
    with talk(pki, say(close_frame()), hear_frame()) as (websocket, peer):
        assert str(end_of(websocket, idle)) == "ws.close.no_status"
        assert peer.heard(3)[2] == bytes((0x80 | CLOSE,))


@WAYS
@pytest.mark.parametrize("code", [999, 1005, 1006, 1015, 5000])
def test_a_code_that_may_not_be_sent_is_answered_with_1002(pki: Pki, code: int, idle: bool) -> None:
    with talk(pki, say(close_frame(code)), hear_frame()) as (websocket, peer):
        assert str(end_of(websocket, idle)) == "ws.close.invalid"
        assert peer.heard(3)[2][1:] == struct.pack("!H", 1002)


@SECURE
def test_a_ping_behind_a_message_does_not_wait_for_the_next_read(pki: Pki, secure: bool) -> None:
    script = (hear_frame(), say(frame(b"ack") + frame(b"1", PING)), hear_frame())
    with talk(pki, *script, secure=secure) as (websocket, peer):
        websocket.send(b"rating", soon())
        assert websocket.receive(soon()).payload == b"ack"
        assert peer.heard(3 + secure)[-1][1:] == b"1"


def test_frames_behind_the_101_are_served_while_nobody_reads(pki: Pki) -> None:
    with talk(pki, hear_frame(), behind=frame(b"hello") + frame(b"1", PING)) as (websocket, peer):
        assert peer.heard(3)[2][1:] == b"1"
        assert websocket.receive(soon()).payload == b"hello"


@SECURE
def test_a_close_behind_a_message_is_known_with_the_message(pki: Pki, secure: bool) -> None:
    script = (hear_frame(), say(frame(b"ack") + close_frame(1001)))
    with talk(pki, *script, secure=secure) as (websocket, _):
        websocket.send(b"rating", soon())
        assert websocket.receive(soon()).payload == b"ack"
        assert str(websocket.lost) == "ws.close.going_away"


@WAYS
@SECURE
def test_an_ack_and_a_close_in_one_packet_count_both(pki: Pki, secure: bool, idle: bool) -> None:
    packet = frame(b"ack") + close_frame(1001)
    with talk(pki, say(packet), cut(), secure=secure) as (websocket, _):
        if idle:
            until(lambda: websocket.lost is not None)
        assert websocket.receive(soon()).payload == b"ack"
        assert str(lost(websocket)) == "ws.close.going_away"


@WAYS
@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"\x83\x00", "ws.frame.opcode", 1002),
        (frame(b"\xff"), "ws.frame.utf8", 1007),
        (b"\x82\x7f" + struct.pack("!Q", 1 << 40), "ws.frame.oversize", 1009),
    ],
)
def test_a_wrong_frame_ends_the_connection_with_its_code(
    pki: Pki, data: bytes, name: str, code: int, idle: bool
) -> None:
    with talk(pki, say(frame(b"good") + data), hear_frame()) as (websocket, peer):
        if idle:
            until(lambda: websocket.lost is not None)
        assert websocket.receive(soon()).payload == b"good"
        assert str(lost(websocket)) == name
        assert peer.heard(3)[2] == bytes((0x80 | CLOSE,)) + struct.pack("!H", code)


def test_our_close_says_its_code_and_waits_for_the_server(pki: Pki) -> None:
    script = (hear_frame(), say(frame(b"late") + close_frame(1000)), cut())
    with talk(pki, *script, secure=False) as (websocket, peer):
        websocket.close(1000, soon(), "done")
        assert peer.heard(2)[1] == bytes((0x80 | CLOSE,)) + b"\x03\xe8done"
        assert str(websocket.lost) == "ws.not_open"
        websocket.close(1000, soon())  # twice does no harm
        with pytest.raises(Failure, match=r"^ws\.not_open$"):
            websocket.send(b"x", soon())
        with pytest.raises(Failure, match=r"^ws\.not_open$"):
            websocket.receive(soon())


# -- ends without a close frame ------------------------------------------------------------------

ENDS: list[tuple[str, Step, bool]] = [
    ("ws.abnormal.fin", cut(), False),
    ("ws.abnormal.fin", end_tls(), True),
    ("ws.abnormal.tls_truncated", cut(), True),
    ("ws.abnormal.rst", reset(), True),
    ("ws.abnormal.rst", reset(), False),
    ("ws.tls", say_raw(b"\x17\x03\x03\x00\x20" + b"x" * 32), True),
]


@WAYS
@pytest.mark.parametrize(("name", "end", "secure"), ENDS)
def test_each_end_has_its_class_and_loses_nothing_before_it(
    pki: Pki, name: str, end: Step, secure: bool, idle: bool
) -> None:
    with talk(pki, say(frame(b"last") + b"\x81"), hear_frame(), end, secure=secure) as (
        websocket,
        _,
    ):
        websocket.send(b"go on", soon())
        if idle:
            until(lambda: websocket.lost is not None)
        assert websocket.receive(soon()).payload == b"last"
        assert str(lost(websocket)) == name


def test_a_broken_record_on_an_open_connection_names_what_broke(pki: Pki) -> None:
    with talk(pki, say_raw(b"\x17\x03\x03\x00\x20" + b"x" * 32)) as (websocket, _):
        failure = lost(websocket)
        assert str(failure) == "ws.tls"
        assert failure.detail.startswith("tls.record: ")


def wait_for_reset(websocket: WebSocket) -> None:
    """Wait, without letting the hub look, until the kernel has seen the RST."""
    sock, deadline = websocket._transport._sock, soon()
    while sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != b"\x07":  # closed
        assert soon(0) < deadline


@SECURE
def test_a_send_into_a_reset_is_a_reset_and_loses_nothing_before_it(pki: Pki, secure: bool) -> None:
    script = (hear_frame(), say(frame(b"last")), reset())
    with talk(pki, *script, secure=secure) as (websocket, _):
        websocket.send(b"go on", soon())
        wait_for_reset(websocket)
        with pytest.raises(Failure, match=r"^ws\.abnormal\.rst$"):
            websocket.send(b"x", soon())
        assert websocket.receive(soon()).payload == b"last"
        assert str(lost(websocket)) == "ws.abnormal.rst"


@SECURE
def test_a_send_into_a_reset_behind_a_close_is_the_close(pki: Pki, secure: bool) -> None:
    script = (hear_frame(), say(frame(b"last") + close_frame(1013)), reset())
    with talk(pki, *script, secure=secure) as (websocket, _):
        websocket.send(b"go on", soon())
        wait_for_reset(websocket)
        with pytest.raises(Failure, match=r"^ws\.close\.try_later$"):
            websocket.send(b"x", soon())
        assert websocket.receive(soon()).payload == b"last"


def test_a_pong_into_a_reset_does_not_hide_what_came_behind_the_ping(
    pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    ping, behind = frame(b"1", PING), frame(b"last") + close_frame(1013)
    script = (hear_frame(), say(ping + behind), reset())
    with talk(pki, *script, secure=False) as (websocket, _):
        websocket.send(b"go on", soon())
        wait_for_reset(websocket)
        monkeypatch.setattr("openclaw_locust.wire.transport._READ_SIZE", len(ping))
        assert str(end_of(websocket, idle=True)) == "ws.close.try_later"
        assert websocket.receive(soon()).payload == b"last"


def test_an_alert_with_a_reset_behind_it_is_the_alert(pki: Pki) -> None:
    with play(refuse_tls(pki.server, pki.ca)) as peer:
        for _ in range(10):
            failure = refused(f"wss://{peer.host}:{peer.port}/", tls_ca=pki.ca)
            assert str(failure) == "tls.client_cert.missing"


# -- two greenlets, one connection ---------------------------------------------------------------


def receiving(websocket: WebSocket) -> Any:
    """Start a greenlet that waits for a message, and let it begin."""
    greenlet = gevent.spawn(lost, websocket, 30)
    until(lambda: websocket._transport._reader is not None)
    return greenlet


def test_a_reader_learns_that_the_connection_was_closed_by_another(pki: Pki) -> None:
    for close in (WebSocket.abort, lambda each: each.close(1000, soon(0.1))):
        with talk(pki, hold()) as (websocket, _):
            reader = receiving(websocket)
            close(websocket)
            assert str(reader.get(timeout=5)) == "ws.not_open"


def test_a_reader_learns_that_a_send_has_failed(pki: Pki) -> None:
    with talk(pki, hear_some(), reset()) as (websocket, _):
        reader = receiving(websocket)
        websocket.send(b"x", soon())
        wait_for_reset(websocket)
        with pytest.raises(Failure, match=r"^ws\.abnormal\.rst$"):
            websocket.send(b"x", soon())
        assert str(reader.get(timeout=5)) == "ws.abnormal.rst"


def test_a_reader_gets_what_a_failed_send_has_read(pki: Pki) -> None:
    with talk(pki, hear_some(), say(frame(b"last") + close_frame(1001)), reset()) as (
        websocket,
        _,
    ):
        reader = gevent.spawn(websocket.receive, soon())
        until(lambda: websocket._transport._reader is not None)
        websocket.send(b"x", soon())
        wait_for_reset(websocket)
        with pytest.raises(Failure, match=r"^ws\.close\.going_away$"):
            websocket.send(b"x", soon())
        assert reader.get(timeout=5).payload == b"last"


# -- a server that never stops -------------------------------------------------------------------


@pytest.mark.parametrize("message", [b"", b"x" * 60, b"x" * 5000])
def test_a_flood_that_nobody_reads_is_left_to_tcp(pki: Pki, message: bytes) -> None:
    with talk(pki, flood(frame(message) * 100)) as (websocket, _):
        transport = websocket._transport
        until(lambda: not transport._reading)
        kept = len(websocket.unread) * (len(message) + 200)
        assert kept + len(transport._inbox) + len(websocket._reader.buffer) < 1_000_000
        for _ in range(20_000):  # more than was kept: reading goes on where it stopped
            assert websocket.receive(soon()).payload == message
        assert websocket.lost is None


def test_pings_from_a_peer_that_does_not_read_are_bounded(
    pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the limit of pings in a second: the pongs pile up only so far."""
    monkeypatch.setattr("openclaw_locust.wire.websocket._PINGS_PER_S", 10**9)
    with talk(pki, flood(frame(b"x" * 125, PING) * 100)) as (websocket, _):
        transport = websocket._transport
        until(lambda: len(transport._unsent) > 256 * 1024)
        for _ in range(100):
            gevent.sleep(0)
        assert len(transport._unsent) < 1_000_000
        assert websocket.lost is None


def test_a_message_over_the_limit_that_was_set_ends_the_connection(pki: Pki) -> None:
    for limit, accepted in (("2000B", True), ("1999B", False)):
        with talk(pki, say(frame(b"x" * 2000)), hold(), max_message=limit) as (websocket, _):
            if accepted:
                assert len(websocket.receive(soon()).payload) == 2000
                continue
            with pytest.raises(Failure, match=r"^ws\.frame\.oversize$") as caught:
                websocket.receive(soon())
            assert caught.value.detail == "2000 bytes, limit 1999"
