"""Durations as people write them: ``500ms``, ``5s``, ``1m30s``, a bare number is seconds.

Knows nothing of options or of the network.
"""

from __future__ import annotations

import re

_UNIT_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_LONGEST_S = 1e9  # about 30 years: a slip of the hand, and a clock in nanoseconds can still hold it


def parse_duration(text: str) -> float:
    """Return the seconds that ``text`` stands for.

    Accepts a bare number (seconds) or one or more ``<number><unit>`` parts with the units
    ``us``, ``ms``, ``s``, ``m``, ``h``, the largest first as in ``1m30s``.

    Raises:
        ValueError: the text is no duration, or one beyond all use; the message says what one looks
            like.
    """
    seconds = _read(text)
    if seconds > _LONGEST_S:
        raise ValueError(f"{text!r} is too long a duration; write it like 500ms, 5s or 1m30s")
    return seconds


def _read(text: str) -> float:
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
    """Return the shortest spelling that :func:`parse_duration` reads back: ``90`` as ``1m30s``.

    Nanoseconds are the finest step.
    """
    left_ns = round(seconds * 1e9)
    if left_ns <= 0:
        return "0s"
    if left_ns < 1_000_000_000:
        return f"{_decimal(left_ns, 6)}ms"
    text = ""
    for unit, size_s in (("h", 3600), ("m", 60)):
        count, left_ns = divmod(left_ns, size_s * 1_000_000_000)
        if count:
            text += f"{count}{unit}"
    return f"{text}{_decimal(left_ns, 9)}s" if left_ns or not text else text


def _decimal(count: int, digits: int) -> str:
    """Return ``count`` / 10**``digits`` in full: never in powers of ten, never rounded."""
    whole, part = divmod(count, 10**digits)
    return f"{whole}.{part:0{digits}}".rstrip("0").rstrip(".")
