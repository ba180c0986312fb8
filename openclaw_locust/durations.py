"""Durations as people write them: ``500ms``, ``5s``, ``1m30s``, a bare number is seconds.

Knows nothing of options or of the network.
"""

from __future__ import annotations

import re

_UNIT_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def parse_duration(text: str) -> float:
    """Return the seconds that ``text`` stands for.

    Accepts a bare number (seconds) or one or more ``<number><unit>`` parts with the units
    ``us``, ``ms``, ``s``, ``m``, ``h``, the largest first as in ``1m30s``.

    Raises:
        ValueError: the text is no duration; the message says what one looks like.
    """
    compact = text.strip().lower()
    if _NUMBER.fullmatch(compact):
        return float(compact)
    parts = _PART.findall(compact)
    sizes = [_UNIT_S[unit] for _, unit in parts]
    whole = "".join(number + unit for number, unit in parts) == compact
    if not parts or not whole or sizes != sorted(set(sizes), reverse=True):
        raise ValueError(f"{text!r} is not a duration; write it like 500ms, 5s or 1m30s")
    return sum(float(number) * _UNIT_S[unit] for number, unit in parts)


def format_duration(seconds: float) -> str:
    """Return the shortest spelling that :func:`parse_duration` reads back: ``90`` as ``1m30s``."""
    if seconds <= 0:
        return "0s"
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    text = ""
    for unit, size in (("h", 3600), ("m", 60)):
        count, seconds = divmod(seconds, size)
        if count:
            text += f"{int(count)}{unit}"
    return f"{text}{seconds:g}s" if seconds or not text else text
