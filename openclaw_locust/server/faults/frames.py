"""The faults whose name is a close code's or a wrong frame's: their bytes. No I/O."""

from __future__ import annotations

from openclaw_locust.server.frames import (
    CLOSE,
    CONTINUATION,
    FIN,
    MASKED,
    PING,
    RSV1,
    TEXT,
    close_frame,
    frame,
    head,
)

_CLOSE_PREFIX = "ws.close."

# RFC 6455, 7.4.1, and IANA's registry of close codes, which goes on from there.
_CLOSES = {
    "normal": (1000, "the session is over"),
    "going_away": (1001, "the server goes away"),
    "protocol": (1002, "protocol error"),
    "unsupported": (1003, "no text, please"),
    "bad_payload": (1007, "the payload is not what its type says"),
    "policy": (1008, "against the policy"),
    "too_big": (1009, "the message is too big"),
    "extension": (1010, "permessage-deflate is needed"),
    "internal": (1011, "internal error"),
    "restart": (1012, "the service restarts"),
    "try_later": (1013, "overloaded, try again later"),
    "bad_gateway": (1014, "the upstream failed"),
    "unauthorized": (3000, "credentials are needed"),
    "forbidden": (3003, "not for you"),
    "timeout": (3008, "the time is up"),
    "registered": (3500, "a registered code"),
    "app": (4000, "a code of the application"),
    "invalid": (1005, "a code that may not be sent"),
}

_TIB = 1 << 40
_RESERVED_OPCODE = 0x3
_MASK = b"\xa5\x5a\xc3\x3c"


def closing(name: str) -> bytes | None:
    """Return the close frame that is the fault; None: the fault is another."""
    if name == "ws.frame.close":
        return frame(b"\x03", CLOSE)  # one byte is no code
    which = name.removeprefix(_CLOSE_PREFIX)
    if which == name:
        return None
    if which == "no_status":
        return close_frame()
    if which in _CLOSES:
        return close_frame(*_CLOSES[which])
    return close_frame(int(which), f"as asked for: {which}")


def wrong_frame(name: str, ack: bytes) -> bytes | None:
    """Return the frame that is sent in place of a proper one with ``ack``; None: as above."""
    match name:
        case "ws.frame.masked":
            masked = bytes(byte ^ _MASK[i % 4] for i, byte in enumerate(ack))
            first, *length = head(len(ack), TEXT)
            return bytes((first, length[0] | MASKED, *length[1:])) + _MASK + masked
        case "ws.frame.rsv":
            return frame(ack, TEXT, flags=FIN | RSV1)
        case "ws.frame.opcode":
            return frame(ack, _RESERVED_OPCODE)
        case "ws.frame.fragment":
            return frame(ack, CONTINUATION)  # of no message
        case "ws.frame.control":
            return frame(b"", PING, flags=0)  # a fragment
        case "ws.frame.length":
            return bytes((FIN | TEXT, 127)) + len(ack).to_bytes(8, "big") + ack
        case "ws.frame.utf8":
            return frame(ack[:-1] + b"\xff", TEXT)
        case "ws.frame.oversize":
            return head(_TIB, TEXT) + ack
    return None
