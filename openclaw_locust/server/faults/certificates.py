"""Certificates that a client has to refuse, each for one reason. In memory.

All but one are signed by the server's own authority: the client trusts it, and still refuses.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509

from openclaw_locust.server.certificates import (
    Issued,
    alternative_names,
    issue,
    key_kind,
    make_ca,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

OTHER_NAME = "another-host.example"
"""What the certificate of ``tls.cert.hostname`` is for."""

_A_DAY = timedelta(days=1)

_TOO_MANY = 101
"""OpenSSL lets 100 authorities stand between a certificate and its root
(X509_VERIFY_PARAM_set_depth(3))."""

_UNKNOWN_EXTENSION = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), b"\x05\x00")
"""Of the arc for examples, with nothing (a NULL of ASN.1) as its value."""


def wrong_certificate(fault: str, ca: Issued, names: Sequence[str]) -> Issued:
    """Return the certificate, with its key and chain, that a fault shows.

    The one of ``tls.cert.revoked`` is like any other: the list that holds it makes the fault.

    Args:
        fault: a name that begins with ``tls.cert.``.
        ca: the server's authority.
        names: the server's names.
    """
    key, now = key_kind(ca), datetime.now(UTC)
    match fault.removeprefix("tls.cert."):
        case "untrusted":
            return issue(make_ca(key=key), names, key=key)
        case "expired":
            return issue(ca, names, key=key, not_before=now - 2 * _A_DAY, days=1)
        case "not_yet_valid":
            return issue(ca, names, key=key, not_before=now + _A_DAY)
        case "hostname":
            return issue(ca, [OTHER_NAME], key=key)
        case "revoked":
            return issue(ca, names, key=key)
        case "weak":
            return issue(ca, names, key="rsa1024")
        case "purpose":
            # a client's certificate, and nothing but its purpose speaks against it
            return issue(
                ca, names, key=key, client=True, extensions={alternative_names(names): False}
            )
        case "structure":
            # RFC 5280, 4.2: who does not know a critical extension has to refuse
            return issue(ca, names, key=key, extensions={_UNKNOWN_EXTENSION: True})
        case "chain_too_long":
            signer = ca
            for number in range(_TOO_MANY):
                signer = make_ca(f"intermediate {number}", parent=signer)
            return issue(signer, names, key=key)
    raise AssertionError(f"there is no certificate for {fault}")
