"""WebSocket frames without I/O (RFC 6455, section 5): bytes in, messages and control frames out.

websocket-client's frame code takes apart everything out of the ordinary: fragments and extended
lengths. It is wrapped where it is too kind (masked server frames, lengths that are not minimal,
size) or too slow (UTF-8 in pure Python, joining fragments), and it is only called with whole
frames, so that it never waits. On top lies a fast lane for what nearly every message is: one whole
unfragmented ASCII text frame, shorter than 126 bytes. A test feeds both lanes the same bytes and
compares.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from websocket._abnf import ABNF, frame_buffer

from openclaw_locust.failures import Failure

TEXT, BINARY, CLOSE, PING, PONG = (
    ABNF.OPCODE_TEXT,
    ABNF.OPCODE_BINARY,
    ABNF.OPCODE_CLOSE,
    ABNF.OPCODE_PING,
    ABNF.OPCODE_PONG,
)
_SHORT = 126  # the first length that does not fit the second byte
_FIN_TEXT, _FIN, _RESERVED, _MASKED = 0x81, 0x80, 0x70, 0x80

# Masks are drawn from the system's entropy (RFC 6455, 5.3) a page at a time.
_MASK_POOL_BYTES = 4096


class Message(NamedTuple):
    """What a frame, or a run of fragments, amounts to.

    ``opcode`` is TEXT, BINARY, CLOSE, PING or PONG; ``payload`` the bytes behind it. The payload of
    a TEXT message is valid UTF-8.
    """

    opcode: int
    payload: bytes


class FrameWriter:
    """Makes client frames: masked, unfragmented."""

    __slots__ = ("_pool", "_used")

    def __init__(self) -> None:
        self._pool = b""
        self._used = 0

    def frame(self, payload: bytes, opcode: int = TEXT) -> bytes:
        """Return one frame that carries ``payload``."""
        size = len(payload)
        if size >= _SHORT:
            made: bytes = ABNF.create_frame(payload, opcode).format()
            return made
        used = self._used
        if used >= len(self._pool):
            self._pool = os.urandom(_MASK_POOL_BYTES)
            used = 0
        self._used = used + 4
        mask = self._pool[used : used + 4]
        key = int.from_bytes(mask * (size // 4 + 1), "little") & ((1 << 8 * size) - 1)
        masked = (int.from_bytes(payload, "little") ^ key).to_bytes(size, "little")
        return bytes((_FIN | opcode, _MASKED | size)) + mask + masked


class FrameReader:
    """Takes the server's bytes and gives its messages.

    Attributes:
        buffer: the bytes that no message has been made of yet; of a big frame only its first part.

    Args:
        max_message_bytes: the largest message that is accepted, fragments together.
        fast_lane: off only to compare the two lanes.
    """

    __slots__ = (
        "_frames",
        "_later",
        "_max",
        "_missing",
        "_opcode",
        "_parts",
        "_short",
        "_whole",
        "buffer",
    )

    def __init__(self, max_message_bytes: int, *, fast_lane: bool = True) -> None:
        self._max = max_message_bytes
        self._short = min(_SHORT, max_message_bytes + 1) if fast_lane else 0
        self.buffer = b""
        self._later: list[bytes] = []  # what came behind ``buffer`` of a big frame; joined once
        self._missing = 0  # how many bytes that frame still lacks
        self._whole = memoryview(b"")  # what is left of the frame that the slow lane is reading
        self._frames = frame_buffer(self._read_whole, skip_utf8_validation=True)
        self._opcode = 0  # of the message whose fragments are coming; 0: none is
        self._parts = bytearray()  # websocket-client would copy them all with each new one

    def feed(self, data: bytes) -> None:
        """Add bytes as they came from the connection."""
        if not self.buffer:
            self.buffer = data
        elif self._missing <= 0:
            self.buffer += data
        else:
            self._later.append(data)
            self._missing -= len(data)
            if self._missing <= 0:
                self.buffer = b"".join((self.buffer, *self._later))
                self._later.clear()

    def next(self) -> Message | None:
        """Return the next message or control frame, or None when more bytes are needed.

        Raises:
            Failure: ``ws.frame.*``; the connection cannot go on after it.
        """
        buffer = self.buffer
        if len(buffer) < 2:
            return None
        size = buffer[1]
        if buffer[0] == _FIN_TEXT and size < self._short and not self._opcode:
            end = size + 2
            if len(buffer) < end:
                return None
            payload = buffer[2:end]
            if payload.isascii():
                self.buffer = buffer[end:]
                return Message(TEXT, payload)
        return self._next_in_slow_lane()

    def _next_in_slow_lane(self) -> Message | None:
        while (end := self._end_of_frame()) is not None:
            frame, self.buffer = self.buffer[:end], self.buffer[end:]
            opcode = frame[0] & 0x0F
            if opcode >= CLOSE:
                # Short, unmasked and whole; a code that may not be sent is for the caller to judge.
                return _message(opcode, frame[2:])
            self._whole = memoryview(frame)
            if (message := self._join(self._frames.recv_frame())) is not None:
                return message
        return None

    def _end_of_frame(self) -> int | None:
        """Return where the first frame ends, or None while it is not whole.

        What makes a frame unacceptable whatever follows is refused as soon as it can be seen.
        """
        buffer = self.buffer
        if len(buffer) < 2 or self._missing > 0:
            return None
        first, second = buffer[0], buffer[1]
        opcode, size = first & 0x0F, second & 0x7F
        if first & _RESERVED:
            raise Failure("ws.frame.rsv", f"first byte 0x{first:02x}")
        if opcode not in ABNF.OPCODES:
            raise Failure("ws.frame.opcode", f"opcode {opcode}")
        if second & _MASKED:
            raise Failure("ws.frame.masked")
        if opcode >= CLOSE and (size >= _SHORT or not first & _FIN):
            raise Failure("ws.frame.control", f"opcode {opcode}, length field {size}")
        start = 2
        if size >= _SHORT:
            start = 4 if size == _SHORT else 10
            if len(buffer) < start:
                return None
            size = int.from_bytes(buffer[2:start], "big")
            if size < (_SHORT if start == 4 else 1 << 16):
                raise Failure("ws.frame.length", f"{size} bytes in a field of {start - 2}")
        if opcode < CLOSE and size + len(self._parts) > self._max:
            whole = size + len(self._parts)
            raise Failure("ws.frame.oversize", f"{whole} bytes, limit {self._max}")
        end = start + size
        if len(buffer) >= end:
            return end
        self._missing = end - len(buffer)
        return None

    def _read_whole(self, size: int) -> bytes:
        # websocket-client asks for 16 KiB at a time: a view, since bytes would be copied each time.
        part, self._whole = self._whole[:size], self._whole[size:]
        return bytes(part)

    def _join(self, frame: ABNF) -> Message | None:
        """Return the message that a data frame completes, or None."""
        payload = frame.data
        assert isinstance(payload, bytes)
        if (frame.opcode == ABNF.OPCODE_CONT) != bool(self._opcode):
            said = "a new message" if self._opcode else "a continuation of nothing"
            raise Failure("ws.frame.fragment", f"{said} (opcode {frame.opcode})")
        if not self._opcode:
            if frame.fin:
                return _message(frame.opcode, payload)
            self._opcode = frame.opcode
        self._parts += payload
        if not frame.fin:
            return None
        opcode, whole = self._opcode, bytes(self._parts)
        self._opcode, self._parts = 0, bytearray()
        return _message(opcode, whole)


def _message(opcode: int, payload: bytes) -> Message:
    if opcode == CLOSE and len(payload) == 1:
        raise Failure("ws.frame.close", "a payload of one byte")
    text = payload if opcode == TEXT else payload[2:] if opcode == CLOSE else b""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise Failure("ws.frame.utf8", str(error)) from None
    return Message(opcode, payload)


def close_payload(code: int, reason: str = "") -> bytes:
    """Return the payload of a close frame (RFC 6455, 5.5.1)."""
    return code.to_bytes(2, "big") + reason.encode()[:123].decode("utf-8", "ignore").encode()


def read_close(payload: bytes) -> tuple[int | None, str]:
    """Return the code and the reason of a close frame's payload; no code: None."""
    if len(payload) < 2:
        return None, ""
    return int.from_bytes(payload[:2], "big"), payload[2:].decode("utf-8", "replace")
