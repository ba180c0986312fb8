"""A server's WebSocket frames as bytes (RFC 6455, 5.2), for answers that aiohttp does not send.

aiohttp sends frames only from a coroutine, and only proper ones; a delayed answer is sent from a
callback, and a fault may be a wrong frame.
"""

from __future__ import annotations

CONTINUATION, TEXT, CLOSE, PING = 0x0, 0x1, 0x8, 0x9
FIN, RSV1, MASKED = 0x80, 0x40, 0x80


def frame(payload: bytes, opcode: int, *, flags: int = FIN) -> bytes:
    """Return one unmasked frame; ``flags`` are the first byte's four high bits."""
    return head(len(payload), opcode, flags=flags) + payload


def head(length: int, opcode: int, *, flags: int = FIN) -> bytes:
    """Return what stands before a payload of ``length`` bytes."""
    first = flags | opcode
    if length < 126:
        return bytes((first, length))
    size = 2 if length < 1 << 16 else 8
    return bytes((first, 126 if size == 2 else 127)) + length.to_bytes(size, "big")


def text_frame(payload: bytes) -> bytes:
    """Return a whole text message."""
    return frame(payload, TEXT)


def close_frame(code: int | None = None, reason: str = "") -> bytes:
    """Return a close frame; without a code it has no payload."""
    payload = b"" if code is None else code.to_bytes(2, "big") + reason.encode()
    return frame(payload, CLOSE)
