"""What a finished handshake has agreed on, as far as the interpreter tells."""

from __future__ import annotations

import ssl
from importlib import import_module

from openclaw_locust.negotiated import Negotiated
from openclaw_locust.wire.openssl import OPENSSL

_TLS13 = "TLSv1.3"


def prepare() -> None:
    """Import what reads certificates, so that no handshake has to wait for it.

    It costs some 40 ms, and is needed only where TLS is spoken.
    """
    import_module("openclaw_locust.wire.certificate_facts")


def negotiated_of(session: ssl.SSLObject) -> Negotiated:
    """Return the facts of a session whose handshake is done."""
    from openclaw_locust.wire.certificate_facts import describe  # noqa: PLC0415 - see prepare

    cipher, certificate = session.cipher(), session.getpeercert(True)
    key, signature = describe(certificate) if certificate else ("", "")
    version, is_resumed = session.version() or "", bool(session.session_reused)
    # TLS 1.2 resumes without a key exchange; OpenSSL would tell the one of the first handshake.
    group = "" if is_resumed and version != _TLS13 else _group_of(session)
    return Negotiated(
        version,
        cipher[0] if cipher else "",
        group,
        key,
        signature,
        session.selected_alpn_protocol() or "",
        is_resumed,
    )


def _group_of(session: ssl.SSLObject) -> str:
    """Ask Python where it knows (from 3.15 on), else OpenSSL."""
    group = getattr(session, "group", None)
    if group is not None:
        return str(group() or "")
    return OPENSSL.group(session) if OPENSSL is not None else ""
