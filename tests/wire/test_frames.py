"""Frames: what goes out, what comes in, and what is refused, without a socket."""

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_locust.failures import Failure
from openclaw_locust.wire.frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    FrameReader,
    FrameWriter,
    Message,
    close_payload,
    read_close,
)
from tests.peers import close_frame, frame

LIMIT = 1 << 20


def read(pieces: Sequence[bytes], limit: int = LIMIT, *, fast_lane: bool = True) -> list[object]:
    """Return the messages that the pieces make and, at the end, the class of a refusal."""
    reader = FrameReader(limit, fast_lane=fast_lane)
    found: list[object] = []
    try:
        for piece in pieces:
            reader.feed(piece)
            while (message := reader.next()) is not None:
                found.append(message)
    except Failure as failure:
        found.append(str(failure))
    return found


def test_short_text_is_one_message_in_either_lane() -> None:
    for fast_lane in (True, False):
        assert read([b"\x81\x02hi"], fast_lane=fast_lane) == [Message(TEXT, b"hi")]


SIZES = [0, 1, 125, 126, 127, 65535, 65536, 70000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_every_form_of_length_is_read(size: int, opcode: int) -> None:
    assert read([frame(b"a" * size, opcode)]) == [Message(opcode, b"a" * size)]


def unmask(data: bytes) -> tuple[int, bytes]:
    """Return first byte and payload of one client frame, as RFC 6455, 5.3, says."""
    size, start = data[1] & 0x7F, 2
    assert data[1] & 0x80, "client frames are masked"
    if size >= 126:
        start = 4 if size == 126 else 10
        size = int.from_bytes(data[2:start], "big")
        assert size >= 126 if start == 4 else size >= 65536, "lengths are in their shortest form"
    mask, payload = data[start : start + 4], data[start + 4 :]
    assert len(payload) == size
    return data[0], bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


@pytest.mark.parametrize(
    ("size", "opcode"),
    [(size, opcode) for size in SIZES for opcode in (TEXT, BINARY)]
    + [(size, opcode) for size in (0, 1, 125) for opcode in (PING, PONG, CLOSE)],
)
def test_what_is_written_can_be_unmasked_by_the_rule(size: int, opcode: int) -> None:
    payload = bytes(i % 251 for i in range(size))
    assert unmask(FrameWriter().frame(payload, opcode)) == (0x80 | opcode, payload)


@given(st.lists(st.binary(max_size=300), max_size=40))
@settings(deadline=None)
def test_any_payload_can_be_unmasked_by_the_rule(payloads: list[bytes]) -> None:
    writer = FrameWriter()
    for payload in payloads:
        assert unmask(writer.frame(payload, BINARY)) == (0x82, payload)


def test_masks_are_fresh_and_not_used_up() -> None:
    writer = FrameWriter()
    masks = [writer.frame(b"")[2:6] for _ in range(3000)]
    assert all(len(mask) == 4 for mask in masks)
    assert len(set(masks)) > 2990


def test_control_frames_may_stand_between_fragments() -> None:
    parts = [
        frame(b"one ", fin=False),
        frame(b"ping", PING),
        frame(b"two ", 0, fin=False),
        frame(b"", 0, fin=False),
        frame(b"pong", PONG),
        frame(b"three", 0),
        frame(b"next"),
    ]
    wanted = [
        Message(PING, b"ping"),
        Message(PONG, b"pong"),
        Message(TEXT, b"one two three"),
        Message(TEXT, b"next"),
    ]
    assert read(parts) == wanted
    assert read([b"".join(parts)]) == wanted


def test_a_character_may_be_cut_by_fragments() -> None:
    euro = "€".encode()
    parts = [frame(euro[:1], fin=False), frame(euro[1:], 0)]
    assert read(parts) == [Message(TEXT, euro)]


def test_text_that_is_not_ascii_is_taken() -> None:
    assert read([frame("Grüße".encode())]) == [Message(TEXT, "Grüße".encode())]


REFUSED = {
    "masked": ("ws.frame.masked", b"\x81\x82aaaahi"),
    "first reserved bit": ("ws.frame.rsv", b"\xc1\x02hi"),
    "second reserved bit": ("ws.frame.rsv", b"\xa1\x02hi"),
    "third reserved bit": ("ws.frame.rsv", b"\x91\x02hi"),
    "reserved data opcode": ("ws.frame.opcode", b"\x83\x02hi"),
    "reserved control opcode": ("ws.frame.opcode", b"\x8b\x00"),
    "continuation of nothing": ("ws.frame.fragment", frame(b"x", 0)),
    "last fragment of nothing": ("ws.frame.fragment", frame(b"a") + frame(b"x", 0)),
    "message inside a message": ("ws.frame.fragment", frame(b"a", fin=False) + frame(b"b")),
    "fragmented ping": ("ws.frame.control", frame(b"", PING, fin=False)),
    "fragmented pong": ("ws.frame.control", frame(b"", PONG, fin=False)),
    "fragmented close": ("ws.frame.control", frame(b"", CLOSE, fin=False)),
    "long ping": ("ws.frame.control", frame(b"x" * 126, PING)),
    "long close": ("ws.frame.control", close_frame(1000, b"x" * 124)),
    "16 bits for a short length": ("ws.frame.length", b"\x81\x7e\x00\x7d" + b"x" * 125),
    "64 bits for a short length": ("ws.frame.length", b"\x82\x7f" + struct.pack("!Q", 65535)),
    "text that is not UTF-8": ("ws.frame.utf8", frame(b"\xff\xfe")),
    "a surrogate": ("ws.frame.utf8", frame(b"\xed\xa0\x80")),
    "text cut in a character": ("ws.frame.utf8", frame("€".encode()[:2])),
    "fragments that are not UTF-8": (
        "ws.frame.utf8",
        frame(b"\xe2", fin=False) + frame(b"(", 0),
    ),
    "close reason that is not UTF-8": ("ws.frame.utf8", close_frame(1000, b"\xff")),
    "close of one byte": ("ws.frame.close", frame(b"x", CLOSE)),
    "a length with its first bit set": (
        "ws.frame.oversize",
        b"\x82\x7f" + struct.pack("!Q", 1 << 63),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_wrong_frame_is_refused_with_its_class(what: str) -> None:
    name, data = REFUSED[what]
    assert read([data])[-1] == name
    assert read([data[i : i + 1] for i in range(len(data))])[-1] == name


def test_messages_before_a_wrong_frame_are_handed_out() -> None:
    assert read([frame(b"good") + b"\xff\xff"]) == [Message(TEXT, b"good"), "ws.frame.rsv"]


@pytest.mark.parametrize(("size", "head"), [(11, 2), (300, 4), (70000, 10)])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_above_the_limit_is_refused_before_its_bytes_arrive(
    size: int, head: int, opcode: int
) -> None:
    limit = size - 1
    assert read([frame(b"x" * size, opcode)[:head]], limit) == ["ws.frame.oversize"]
    assert read([frame(b"x" * limit, opcode)], limit) == [Message(opcode, b"x" * limit)]


def test_fragments_count_together_against_the_limit() -> None:
    first, second = frame(b"x" * 60, fin=False), frame(b"y" * 41, 0)
    assert read([first, second[:2]], 100) == ["ws.frame.oversize"]
    assert read([first, frame(b"y" * 40, 0)], 100) == [Message(TEXT, b"x" * 60 + b"y" * 40)]


def test_the_limit_is_for_each_message_anew() -> None:
    twice = [frame(b"x" * 60, fin=False), frame(b"y" * 40, 0)] * 2
    assert len(read(twice, 100)) == 2


def test_a_message_in_very_many_fragments_is_put_together_once() -> None:
    count = 100_000
    data = frame(b"x", fin=False) + frame(b"x", 0, fin=False) * count + frame(b"", 0)
    pieces = [data[i : i + 65536] for i in range(0, len(data), 65536)]
    reader = FrameReader(LIMIT)
    for piece in pieces:
        reader.feed(piece)
        message = reader.next()
        assert isinstance(reader._parts, bytearray)  # bytes would be copied with each fragment
    assert message == Message(TEXT, b"x" * (count + 1))


# -- two lanes, one result -----------------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8"), max_size=140).map(str.encode)
DATA_FRAMES = st.one_of(
    st.builds(frame, st.sampled_from([b"", b"ok", b'{"type":"ack"}', b"x" * 125, b"x" * 126])),
    st.builds(frame, TEXTS),
    st.builds(frame, st.binary(max_size=140), st.sampled_from([TEXT, BINARY])),
)
OTHER_FRAMES = st.one_of(
    st.builds(frame, st.binary(max_size=20), st.sampled_from([PING, PONG])),
    st.builds(frame, st.binary(max_size=20), st.sampled_from([0, TEXT, BINARY]), fin=st.booleans()),
    st.builds(close_frame, st.integers(0, 5000), st.binary(max_size=5)),
)
STREAMS = st.lists(st.one_of(DATA_FRAMES, DATA_FRAMES, OTHER_FRAMES), max_size=8).map(b"".join)


@given(STREAMS, st.integers(0, 200))
@settings(deadline=None, max_examples=150)
def test_both_lanes_say_the_same_wherever_the_bytes_are_cut(stream: bytes, limit: int) -> None:
    wanted = read([stream], limit, fast_lane=False)
    assert read([stream], limit) == wanted
    assert read([stream[i : i + 1] for i in range(len(stream))], limit) == wanted
    for cut in range(0, len(stream), max(1, len(stream) // 50)):
        assert read([stream[:cut], stream[cut:]], limit) == wanted


@given(st.lists(st.binary(max_size=60), max_size=6))
@settings(deadline=None, max_examples=300)
def test_garbage_is_refused_or_waited_for_and_nothing_else(pieces: list[bytes]) -> None:
    fast, slow = read(pieces), read(pieces, fast_lane=False)
    assert fast == slow
    assert all(isinstance(each, Message) or str(each).startswith("ws.frame.") for each in fast)


# -- close frames --------------------------------------------------------------------------------


def test_a_close_frame_has_its_code_and_reason() -> None:
    (message,) = read([close_frame(1001, "Tschüß".encode())])
    assert isinstance(message, Message)
    assert read_close(message.payload) == (1001, "Tschüß")
    assert read_close(b"") == (None, "")


def test_a_long_close_reason_is_cut_between_two_characters() -> None:
    payload = close_payload(1000, "ü" * 100)
    assert len(payload) <= 125
    assert payload[2:].decode() == "ü" * 61
