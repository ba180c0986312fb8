"""What looks like a secret never shows: which names carry one, and URLs and headers without it."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

MASK = "***"
_SECRET_NAME = re.compile(
    r"auth|token|secret|passw|api[-_]?key|access[-_]?key|credential|session|cookie|signature"
    r"|(?<![a-z0-9])(sig|jwt|key|pwd|pass|pw|sid|otp)(?![a-z0-9])",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"\s*(basic|bearer|digest|negotiate)\s", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PATH_PARAMETER = re.compile(r"(?<=;)[^;/]+")


def is_secret(name: str) -> bool:
    """Say whether a header's or parameter's name is one that usually carries a secret."""
    return _SECRET_NAME.search(name) is not None


def mask_header(header: str) -> str:
    """Return ``Name: value`` with the value masked where it looks like a secret."""
    name, colon, value = header.partition(":")
    secret = is_secret(name) or _CREDENTIALS.match(value)
    return f"{name}: {MASK}" if colon and secret else header


def mask_url(url: str) -> str:
    """Return the URL without its user part and without secret values in its query.

    What is no proper URL is masked all the same, rather too much than too little: messages about it
    show it.
    """
    parts = _split(url)
    if parts is None:
        scheme = found[0] if (found := _SCHEME.match(url)) else ""
        _, at, rest = url[len(scheme) :].rpartition("@")
        return scheme + (f"{MASK}@" if at else "") + re.split("[?#]", rest)[0]
    _, at, place = parts.netloc.rpartition("@")
    return urlunsplit(
        (
            parts.scheme,
            f"{MASK}@{place}" if at else place,
            _PATH_PARAMETER.sub(lambda found: _mask_pair(found[0]), parts.path),
            _mask_pairs(parts.query),
            _mask_pairs(parts.fragment),
        )
    )


def _split(url: str) -> SplitResult | None:
    """Take a URL apart; None when a user part may hide where none belongs."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # the port is where a password ends up that has a / or ? in it
    except ValueError:
        return None
    return None if not parts.netloc and "@" in url and url[:1] != "/" else parts


def _mask_pairs(text: str) -> str:
    return "&".join(map(_mask_pair, text.split("&")))


def _mask_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={MASK}" if equals and is_secret(unquote(name)) else pair
