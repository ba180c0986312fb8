"""What looks like a secret never shows: which names carry one, and URLs and headers without it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

MASK = "***"
_SECRET_NAME = re.compile(
    r"auth|token|secret|passw|api[-_]?key|access[-_]?key|credential|session|cookie|signature"
    r"|\b(sig|jwt|key|pwd)\b",
    re.IGNORECASE,
)


def is_secret(name: str) -> bool:
    """Say whether a header's or parameter's name is one that usually carries a secret."""
    return _SECRET_NAME.search(name) is not None


def mask_header(header: str) -> str:
    """Return ``Name: value`` with the value masked where the name suggests a secret."""
    name, colon, _ = header.partition(":")
    return f"{name}: {MASK}" if colon and is_secret(name) else header


def mask_url(url: str) -> str:
    """Return the URL without its user part and without secret values in its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("?")[0].rpartition("@")[2]
    netloc = parts.netloc.rpartition("@")
    shown = f"{MASK}@{netloc[2]}" if netloc[1] else netloc[2]
    query = "&".join(_mask_pair(pair) for pair in parts.query.split("&")) if parts.query else ""
    return urlunsplit((parts.scheme, shown, parts.path, query, parts.fragment))


def _mask_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={MASK}" if equals and is_secret(name) else pair
