"""Ratings and their answers as bytes: what is sent, and what an answer is recognised by.

The article (its section 4) defines the rating and never the ack, so nothing is assumed of the ack
but what the options say. An answer is recognised by its structure, never by a substring.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import orjson

Kind = Literal["ack", "negative", "malformed", "other"]

DEFAULT_ACK_MATCH = "type=ack"
OWN_MEMBERS = ("action", "itemId", "score")
"""The members of a rating that no id may take the place of."""
_INTEGER_OR_NONE = (int, type(None))
_MISSING = object()


class Rating(NamedTuple):
    """One rating: an item, a score from 1 to 5, and an id to match its answer by, if any."""

    item: int
    score: int
    id: int | None = None


class Answer(NamedTuple):
    """What one message of the service says.

    Attributes:
        kind: ``ack``; ``negative``: the service refuses a rating; ``malformed``: no JSON object, or
            an ack with fields of the wrong type; ``other``: something else, such as a push.
        id: the id that it names, or None.
        item: the item that it names, or None.
        score: the score that it names, or None.
        detail: the service's own words, for a sample of a failure.
    """

    kind: Kind
    id: Any = None
    item: int | None = None
    score: int | None = None
    detail: str = ""


class AckMatch(NamedTuple):
    """One condition on an answer: the member at a path has a value, or is just there (None)."""

    path: tuple[str, ...]
    values: tuple[Any, ...] | None

    def holds(self, document: dict[str, Any]) -> bool:
        """Say whether the document fulfils the condition."""
        found = look_up(document, self.path, _MISSING)
        return found is not _MISSING if self.values is None else _among(found, self.values)


def parse_ack_match(text: str) -> AckMatch:
    """Read ``type=ack``, ``data.status=200`` or, for a member that only has to be there, ``ackId``.

    A value matches the JSON string that it spells and, where it spells one, the number, boolean or
    null: ``ok=true`` matches ``true`` and ``"true"``.

    Raises:
        ValueError: there is no path.
    """
    path_text, equals, value = text.partition("=")
    path = tuple(path_text.strip().split("."))
    if not all(path):
        raise ValueError(
            f"--ack-match {text!r} has no path; write it like type=ack or data.ok=true"
        )
    if not equals:
        return AckMatch(path, None)
    values: list[Any] = [value]
    try:
        spelled = orjson.loads(value)
    except orjson.JSONDecodeError:
        pass
    else:
        if spelled is None or isinstance(spelled, (bool, int, float)):
            values.append(spelled)
    return AckMatch(path, tuple(values))


def look_up(document: Any, path: tuple[str, ...], missing: Any = None) -> Any:
    """Return the member at a dotted path (a number indexes a list), or ``missing``."""
    found = document
    for step in path:
        if isinstance(found, dict):
            found = found.get(step, missing)
        elif isinstance(found, list) and _is_index(step) and int(step) < len(found):
            found = found[int(step)]
        else:
            return missing
    return found


def _is_index(step: str) -> bool:
    return step.isdecimal() and len(step) < 10  # Python reads no number of thousands of digits


def _among(found: Any, values: tuple[Any, ...]) -> bool:
    # 1 == True in Python, not in JSON.
    return any(found == value and type(found) is type(value) for value in values)


class RatingLanguage:
    """Encodes ratings and recognises answers, as the options say.

    Args:
        matches: all must hold for an answer to be an ack.
        id_field: the dotted path of the member that carries the id in rating and answer; None:
            ratings carry no id and answers are matched by item, the oldest first.
    """

    def __init__(self, matches: tuple[AckMatch, ...], id_field: str | None) -> None:
        self._id_path = tuple(id_field.split(".")) if id_field else ()
        self._is_ack = _compile(matches)

    def encode(self, rating: Rating) -> bytes:
        """Return the rating as the article writes it, with the id where there is one."""
        message: dict[str, Any] = {
            "action": "rate",
            "itemId": rating.item,
            "score": rating.score,
        }
        if rating.id is not None and self._id_path:
            *parents, last = self._id_path
            place = message
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = rating.id
        return orjson.dumps(message)

    def recognise(self, message: bytes) -> Answer:
        """Say what a message is. Pure, and never raises.

        Negative is, whatever else it says: ``type`` or ``status`` is ``error``, there is an
        ``error``, or ``ok`` or ``success`` is false.
        """
        try:
            document = orjson.loads(message)
        except orjson.JSONDecodeError:
            return Answer("malformed", detail=_words(message))
        if type(document) is not dict:
            return Answer("malformed", detail=_words(message))
        get = document.get
        item, score = get("itemId"), get("score")
        answer_id = look_up(document, self._id_path) if self._id_path else None
        if (
            get("type") == "error"
            or get("error")
            or get("status") == "error"
            or get("ok") is False
            or get("success") is False
        ):
            item = item if type(item) is int else None
            return Answer("negative", answer_id, item, None, _words(message))
        if not self._is_ack(document):
            return Answer("other", detail=_words(message))
        if type(item) in _INTEGER_OR_NONE and type(score) in _INTEGER_OR_NONE:
            return Answer("ack", answer_id, item, score)
        return Answer("malformed", answer_id, detail=_words(message))


def _compile(matches: tuple[AckMatch, ...]) -> Callable[[dict[str, Any]], bool]:
    """Return one test for all conditions; the usual one, a top-level string, is made cheap."""
    if len(matches) == 1 and len(matches[0].path) == 1 and matches[0].values is not None:
        (name,), values = matches[0].path, matches[0].values
        if len(values) == 1:
            return lambda document: bool(document.get(name) == values[0])
    return lambda document: all(match.holds(document) for match in matches)


def _words(message: bytes) -> str:
    return message[:200].decode("utf-8", "replace")
