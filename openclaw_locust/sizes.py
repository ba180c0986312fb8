"""Sizes as people write them: ``64KiB``, ``1MiB``, ``500kB``; a bare number is bytes."""

from __future__ import annotations

import re

_UNIT_BYTES = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
}
_SIZE = re.compile(r"([0-9]{1,12})\s*([a-z]*)")


def parse_size(text: str) -> int:
    """Return the bytes that ``text`` stands for.

    Raises:
        ValueError: the text is no size; the message says what one looks like.
    """
    match = _SIZE.fullmatch(text.strip().lower())
    factor = _UNIT_BYTES.get(match[2]) if match else None
    if match is None or factor is None:
        raise ValueError(f"{text!r} is not a size; write it like 64KiB or 1MiB")
    return int(match[1]) * factor
