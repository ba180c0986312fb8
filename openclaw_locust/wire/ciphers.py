"""The ciphers that are required: TLS 1.3 suites, and an OpenSSL list for TLS 1.2."""

from __future__ import annotations

import re
import ssl

from openclaw_locust.wire.openssl import OPENSSL


def split_ciphers(text: str) -> tuple[str, str]:
    """Return the TLS 1.3 suites of a cipher list, and what it says for TLS 1.2."""
    names = [name for name in re.split(r"[:,\s]+", text.strip()) if name]
    suites = [name for name in names if name.startswith("TLS_")]
    return ":".join(suites), ":".join(name for name in names if name not in suites)


def set_ciphers(context: ssl.SSLContext, ciphers: str) -> None:
    """Let a context offer these ciphers only.

    Raises:
        ValueError: one is not known, or this Python cannot choose it; the message is one line.
    """
    suites, others = split_ciphers(ciphers)
    if suites:
        _set_suites(context, suites)
    if not others:
        context.minimum_version = ssl.TLSVersion.TLSv1_3  # else 1.2 would go round what is asked
        return
    try:
        context.set_ciphers(others)
    except (ssl.SSLError, ValueError):
        raise ValueError(
            f"--tls-ciphers {others!r} selects no cipher; write an OpenSSL list such as "
            "ECDHE+AESGCM, and TLS 1.3 suites such as TLS_AES_256_GCM_SHA384"
        ) from None


def _set_suites(context: ssl.SSLContext, suites: str) -> None:
    setter = getattr(context, "set_ciphersuites", None)  # Python 3.15
    if setter is None and OPENSSL is None:
        raise ValueError(
            f"--tls-ciphers {suites!r}: TLS 1.3 suites cannot be chosen with this Python; take one "
            "that is linked to the system's OpenSSL, such as Debian's"
        )
    try:
        if setter is not None:
            setter(suites)
        elif OPENSSL is not None and not OPENSSL.set_suites(context, suites):
            raise ValueError
    except (ssl.SSLError, ValueError):
        known = [each["name"] for each in ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).get_ciphers()]
        names = ", ".join(name for name in known if name.startswith("TLS_"))
        raise ValueError(
            f"--tls-ciphers {suites!r} has a suite that OpenSSL does not know; it knows {names}"
        ) from None
