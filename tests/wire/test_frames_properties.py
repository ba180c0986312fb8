"""Frames: what holds for every stream, wherever the network cuts it and whatever is wrong in it."""

from collections.abc import Sequence
from typing import Any

from hypothesis import example, given, settings
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
LONGEST_HEAD = 10
LONGEST_CONTROL = 125
BOUNDED = settings(deadline=None, derandomize=True)

# -- streams of proper frames --------------------------------------------------------------------

SMALL_SIZES = st.sampled_from([0, 1, 2, 124, 125, 126, 127, 128]) | st.integers(0, 300)
BIG_SIZES = st.sampled_from([65534, 65535, 65536, 65537])
LETTERS = ["a", "é", "€", "😀"]


def text_of(letter: str, size: int) -> bytes:
    """Return UTF-8 of exactly so many bytes, as much of it as fits in one letter."""
    unit = letter.encode()
    return unit * (size // len(unit)) + b"x" * (size % len(unit))


def messages(sizes: st.SearchStrategy[int]) -> st.SearchStrategy[Message]:
    texts = st.builds(text_of, st.sampled_from(LETTERS), sizes).map(lambda p: Message(TEXT, p))
    filler = st.sampled_from([b"\x00", b"\xff", b"\x81\x02hi", b"\x88\x00"])
    binaries = st.builds(lambda unit, size: (unit * size)[:size], filler, sizes)
    return texts | binaries.map(lambda p: Message(BINARY, p))


CONTROLS = st.one_of(
    st.builds(Message, st.sampled_from([PING, PONG]), st.binary(max_size=125)),
    st.builds(
        lambda code, reason: Message(CLOSE, close_payload(code, reason)),
        st.integers(0, 65535),
        st.text(st.characters(codec="utf-8"), max_size=130),
    ),
    st.just(Message(CLOSE, b"")),
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[Message]]:
    """Draw a stream and the messages in it, some in fragments with control frames between."""
    stream, wanted = b"", []
    sizes = [SMALL_SIZES] * draw(st.integers(0, 4)) + [BIG_SIZES] * draw(st.integers(0, 1))
    for size in draw(st.permutations(sizes)):
        message = draw(messages(size))
        places = st.integers(0, len(message.payload))
        cuts = sorted(draw(st.lists(places, max_size=4)))
        parts = [
            message.payload[begin:end]
            for begin, end in zip([0, *cuts], [*cuts, len(message.payload)], strict=True)
        ]
        for number, part in enumerate(parts):
            is_last = number == len(parts) - 1
            stream += frame(part, message.opcode if number == 0 else 0, fin=is_last)
            if not is_last:
                for control in draw(st.lists(CONTROLS, max_size=2)):
                    stream += frame(control.payload, control.opcode)
                    wanted.append(control)
        wanted.append(message)
        for control in draw(st.lists(CONTROLS, max_size=1)):
            stream += frame(control.payload, control.opcode)
            wanted.append(control)
    return stream, wanted


def cut(stream: bytes, places: Sequence[int]) -> list[bytes]:
    """Cut a stream at places; those beyond its end count from its beginning again."""
    ends = sorted({place % (len(stream) + 1) for place in places} | {len(stream)})
    return [stream[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


PLACES = st.lists(st.integers(0, 300) | st.integers(0, 1 << 18), max_size=30)


def read(pieces: Sequence[bytes], limit: int = LIMIT, *, fast_lane: bool = True) -> list[Any]:
    """Return the messages in the pieces and, behind them, the class of a refusal.

    What the reader holds meanwhile is never more than one frame and one message at their limits.
    """
    reader = FrameReader(limit, fast_lane=fast_lane)
    largest_frame = max(limit, LONGEST_CONTROL) + LONGEST_HEAD
    found: list[Any] = []
    try:
        for piece in pieces:
            reader.feed(piece)
            assert len(reader.buffer) <= largest_frame + len(piece)
            while (message := reader.next()) is not None:
                found.append(message)
                assert len(message.payload) <= max(limit, LONGEST_CONTROL)
            assert len(reader.buffer) < largest_frame
            assert len(reader._parts) <= limit
    except Failure as failure:
        found.append(failure.kind.name)
    return found


@given(streams(), PLACES, st.booleans())
@settings(BOUNDED, max_examples=150)
def test_proper_frames_give_their_messages_wherever_they_are_cut(
    drawn: tuple[bytes, list[Message]], places: list[int], fast_lane: bool
) -> None:
    stream, wanted = drawn
    assert read([stream], fast_lane=fast_lane) == wanted
    assert read(cut(stream, places), fast_lane=fast_lane) == wanted


@given(streams())
@settings(BOUNDED, max_examples=40)
def test_proper_frames_give_their_messages_when_they_come_byte_by_byte(
    drawn: tuple[bytes, list[Message]],
) -> None:
    stream, wanted = drawn
    # all but the middle of what is very long: there is nothing to be seen in it
    places = [place for place in range(len(stream)) if place < 600 or len(stream) - place < 600]
    assert read(cut(stream, places)) == wanted


# -- streams with anything in them ---------------------------------------------------------------


@st.composite
def broken_streams(draw: st.DrawFn) -> bytes:
    """Draw a stream of frames with some bytes changed, put in or left out."""
    stream = bytearray(draw(streams())[0][:4000])
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(stream)))
        gone = draw(st.integers(0, 3))
        stream[place : place + gone] = draw(st.binary(max_size=3) | HEADS)
    return bytes(stream)


HEADS = st.builds(
    lambda first, second, rest: bytes((first, second)) + rest,
    st.integers(0, 255),
    st.sampled_from([0, 1, 2, 125, 126, 127, 128, 130, 253, 254, 255]),
    st.sampled_from([b"", b"\0", b"\0\0", b"\0\x7e", b"\xff\xff", b"\0" * 8, b"\xff" * 8])
    | st.binary(max_size=10),
)
ANYTHING = st.one_of(
    broken_streams(),
    st.lists(HEADS, max_size=8).map(b"".join),
    st.binary(max_size=300),
)
LIMITS = st.sampled_from([0, 1, 10, 124, 125, 126, 127, 65535, 65536, LIMIT])


@given(ANYTHING, PLACES, LIMITS)
@example(b"\x81\x01\xc3", [], LIMIT)  # a fast-lane frame that only the slow lane can refuse
@example(b"\x01\x01a\x81\x01b", [], LIMIT)  # a short text where a continuation should be
@example(b"\x01\x02ab\x00\x7f" + b"\xff" * 8, [], LIMIT)  # a length beyond all memory
@example(b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", [], LIMIT)  # not in its shortest form
@example(b"\x88\x02\x03", [2], LIMIT)  # a close frame cut in its code
@example(b"\x81\x7e\x00", [1, 2], 0)
@settings(BOUNDED, max_examples=500)
def test_whatever_comes_both_lanes_say_the_same_and_refuse_it_by_class(
    data: bytes, places: list[int], limit: int
) -> None:
    wanted = read([data], limit, fast_lane=False)
    assert read([data], limit) == wanted
    assert read(cut(data, places), limit) == wanted
    assert read(cut(data, places), limit, fast_lane=False) == wanted
    refusals = [found for found in wanted if not isinstance(found, Message)]
    assert all(name.startswith("ws.frame.") for name in refusals)
    assert refusals in ([], wanted[-1:])


# -- what we send --------------------------------------------------------------------------------


def read_client_frames(stream: bytes) -> list[Message]:
    """Read frames as a server does, straight from RFC 6455, 5.2 and 5.3."""
    found = []
    while stream:
        first, second = stream[0], stream[1]
        assert first & 0xF0 == 0x80, "whole messages, and no reserved bits"
        assert second & 0x80, "a client masks"
        size, at = second & 0x7F, 2
        if size == 126:
            size, at = int.from_bytes(stream[2:4], "big"), 4
            assert size > 125, "the shortest form of the length"
        elif size == 127:
            size, at = int.from_bytes(stream[2:10], "big"), 10
            assert size > 65535, "the shortest form of the length"
        mask = stream[at : at + 4] * (size // 4 + 1)
        masked = stream[at + 4 : at + 4 + size]
        assert len(masked) == size
        found.append(
            Message(first & 0x0F, bytes(a ^ b for a, b in zip(masked, mask, strict=False)))
        )
        stream = stream[at + 4 + size :]
    return found


SENT = st.one_of(
    messages(SMALL_SIZES),
    st.builds(Message, st.sampled_from([TEXT, BINARY]), st.binary(max_size=200)),
    CONTROLS,
)


@given(st.lists(SENT, max_size=20), messages(BIG_SIZES) | SENT)
@settings(BOUNDED, max_examples=100)
def test_what_is_written_is_read_by_the_rule(sent: list[Message], last: Message) -> None:
    writer = FrameWriter()
    stream = b"".join(writer.frame(payload, opcode) for opcode, payload in [*sent, last])
    assert read_client_frames(stream) == [*sent, last]


@given(st.lists(st.sampled_from([0, 1, 125, 126]), min_size=1, max_size=5))
@settings(BOUNDED, max_examples=20)
def test_a_writer_goes_on_where_its_masks_are_used_up(sizes: list[int]) -> None:
    writer = FrameWriter()
    payloads = [b"x" * size for _ in range(600) for size in sizes]
    for payload in payloads:  # some thousand masks: more than are drawn at one time
        assert read_client_frames(writer.frame(payload)) == [Message(TEXT, payload)]


@given(st.integers(0, 65535), st.text(st.characters(codec="utf-8"), max_size=200))
@example(1000, "x" * 122 + "€")  # a letter that would be cut by the limit
@settings(BOUNDED)
def test_a_close_frame_has_its_code_and_as_much_of_its_reason_as_fits(
    code: int, reason: str
) -> None:
    payload = close_payload(code, reason)
    assert len(payload) <= LONGEST_CONTROL
    shown_code, shown = read_close(payload)
    assert shown_code == code
    assert reason.startswith(shown)
    assert shown == reason or len(shown.encode()) > 123 - 4
    assert read([close_frame(code, shown.encode())]) == [Message(CLOSE, payload)]
