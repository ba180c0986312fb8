"""What a refused certificate says of itself, so that a report's reader need not go and look."""

from __future__ import annotations

import ssl
import time
from typing import Any

_NAMES_SHOWN = 5
_MANY = 20


def describe_refused(session: ssl.SSLObject, class_name: str) -> str:
    """Return the facts of the server's certificate that matter for a class, in one line.

    Empty where the interpreter does not give them: Python has no public way to the certificate of
    a handshake that failed before 3.13, and from then on only its bytes.
    """
    try:
        chain = session._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
        infos = [certificate.get_info() for certificate in chain or ()][:_MANY]
    except (AttributeError, ValueError, ssl.SSLError):
        return ""
    if not infos:
        return ""
    if class_name == "tls.cert.hostname":
        return f"the certificate is for {_names(infos[0])}"
    if class_name == "tls.cert.expired":
        return _validity(infos, "notAfter", "expired on")
    if class_name == "tls.cert.not_yet_valid":
        return _validity(infos, "notBefore", "is valid from")
    links = f", {len(infos)} certificates sent" if len(infos) > 1 else ", sent alone"
    return f"certificate {_subject(infos[0])}, issued by {_name(infos[0], 'issuer')}{links}"


def _validity(infos: list[dict[str, Any]], end: str, words: str) -> str:
    """Return the date of the first certificate of the chain that is outside of its validity."""
    now = time.time()

    def is_wrong(info: dict[str, Any]) -> bool:
        seconds = ssl.cert_time_to_seconds(info[end])
        return seconds < now if end == "notAfter" else seconds > now

    info = next(filter(is_wrong, infos), infos[0])
    return f"certificate {_subject(info)} {words} {info[end]}"


def _subject(info: dict[str, Any]) -> str:
    return _name(info, "subject")


def _name(info: dict[str, Any], who: str) -> str:
    parts = [f"{key}={value}" for rdn in info.get(who, ()) for key, value in rdn]
    return ", ".join(parts).replace("commonName=", "CN=") or "(no name)"


def _names(info: dict[str, Any]) -> str:
    """Return the names that a certificate is for: its SAN, or the common name where it has none."""
    names = [str(value) for _, value in info.get("subjectAltName", ())] or [_subject(info)]
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
