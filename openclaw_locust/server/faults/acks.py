"""The faults of the ack itself: what is said in its place. No I/O."""

from __future__ import annotations

from typing import Any

import orjson

LATE_S = 6.0
"""How long a late ack takes: a second longer than a client waits that was not told otherwise."""

_UNRECOGNISED = b'{"type":"notice","message":"the rating was received"}'


def negative(ack: bytes) -> bytes:
    """Return the service's own no in place of ``ack``."""
    rating = _rating_of(ack)
    del rating["score"]
    words = {"code": "rate_limited", "message": "too many ratings; try again later"}
    return orjson.dumps({"type": "error", **rating, **words})


def wrong_answer(name: str, ack: bytes) -> bytes | None:
    """Return what is sent in place of ``ack`` and is no answer; None: the fault is another."""
    match name:
        case "app.ack.malformed":
            return ack[: len(ack) // 2]
        case "app.ack.unrecognised":
            return _UNRECOGNISED
        case "app.ack.mismatch":
            return _of_another_rating(ack)
    return None


def _of_another_rating(ack: bytes) -> bytes:
    """Return an ack of an item, and an id where there is one, that no client sends."""
    rating = _rating_of(ack)
    item = rating["itemId"]
    rating["itemId"] = ~item if item.bit_length() < 64 else item ^ 1  # below 0, where that fits
    if "id" in rating:
        rating["id"] = f"not {rating['id']}"
    return orjson.dumps({"type": "ack", **rating})


def _rating_of(ack: bytes) -> dict[str, Any]:
    rating: dict[str, Any] = orjson.loads(ack)
    del rating["type"]
    return rating
