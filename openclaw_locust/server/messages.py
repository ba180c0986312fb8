"""The server's side of the rating language: one message in, one answer out. No I/O.

A rating is a JSON object ``{"action": "rate", "itemId": <integer>, "score": 1..5}`` with an
optional ``id``, any JSON string or number, which comes back in the answer:

* ``{"type": "ack", "itemId": …, "score": …}``, or
* ``{"type": "error", "code": …, "message": …}``, with ``id`` and ``itemId`` where they could be
  read. The codes are the keys of :data:`ERRORS`.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import orjson

ERRORS = {
    "not_text": "send ratings as text messages, not as binary ones",
    "invalid_json": "the message is not JSON",
    "invalid_message": "the message is not a JSON object",
    "invalid_id": "id must be a string or a number",
    "invalid_action": 'action must be "rate"',
    "invalid_item": "itemId must be an integer of at most 64 bits",
    "invalid_score": "score must be an integer from 1 to 5",
}
"""Every error code with the words that go with it, in the order in which they are looked for."""


class BadMessageError(Exception):
    """A message that is no rating.

    Attributes:
        code: a key of :data:`ERRORS`.
        answer: the bytes to answer with.
    """

    def __init__(self, code: str, echo: dict[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.answer = orjson.dumps(
            {"type": "error", **(echo or {}), "code": code, "message": ERRORS[code]}
        )


def ack_for(message: str | bytes) -> bytes:
    """Return the ack of the rating in ``message``.

    Raises:
        BadMessageError: the message is no rating; the error holds the answer.
    """
    try:
        rating = orjson.loads(message)
    except orjson.JSONDecodeError:
        raise BadMessageError("invalid_json") from None
    if type(rating) is not dict:
        raise BadMessageError("invalid_message")
    item = rating.get("itemId")
    score = rating.get("score")
    # type() and not isinstance(): JSON's true is no number, and Python's True is an int
    if (
        rating.get("action") == "rate"
        and type(item) is int
        and type(score) is int
        and 1 <= score <= 5
    ):
        if "id" not in rating:
            return b'{"type":"ack","itemId":%d,"score":%d}' % (item, score)
        tag = rating["id"]
        if type(tag) is float:
            tag = _number_as_written(message)
        if type(tag) in _ID_TYPES:
            return orjson.dumps({"type": "ack", "id": tag, "itemId": item, "score": score})
    raise _refusal(message, rating)


def refuse_binary() -> NoReturn:
    """Refuse a binary message, whatever is in it.

    Raises:
        BadMessageError: always.
    """
    raise BadMessageError("not_text")


_ID_TYPES = (str, int, orjson.Fragment)


def _refusal(message: str | bytes, rating: dict[str, Any]) -> BadMessageError:
    """Say which member of ``rating`` is wrong; off the hot path."""
    echo: dict[str, Any] = {}
    tag = rating.get("id")
    if type(tag) is float:
        tag = _number_as_written(message)
    if type(tag) in _ID_TYPES:
        echo["id"] = tag
    item = rating.get("itemId")
    if type(item) is int:
        echo["itemId"] = item
    if "id" in rating and "id" not in echo:
        return BadMessageError("invalid_id", echo)
    if rating.get("action") != "rate":
        return BadMessageError("invalid_action", echo)
    if "itemId" not in echo:
        return BadMessageError("invalid_item", echo)
    return BadMessageError("invalid_score", echo)


def _number_as_written(message: str | bytes) -> orjson.Fragment:
    """Return the number ``id`` in the spelling of the message.

    A float may be an integer too long for 64 bits, or ``1.0``, or ``1e3``; after a turn through
    a double it would be another id.

    Raises:
        BadMessageError: the message is nested too deeply to be read this way.
    """
    try:
        spelled = json.loads(message, parse_int=_Spelling, parse_float=_Spelling)["id"]
    except RecursionError:
        raise BadMessageError("invalid_json") from None
    return orjson.Fragment(str(spelled))


class _Spelling(str):
    """The text of a number."""

    __slots__ = ()
