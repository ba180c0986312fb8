"""What TLS agreed on for one connection, as data."""

from __future__ import annotations

from typing import NamedTuple


class Negotiated(NamedTuple):
    """The facts of one finished handshake; empty where the interpreter does not tell.

    Attributes:
        version: ``TLSv1.3``.
        cipher: the suite, in OpenSSL's spelling, e.g. ``TLS_AES_256_GCM_SHA384``.
        group: the key exchange, e.g. ``x25519``.
        key: the key of the server's certificate, e.g. ``ECDSA P-256`` or ``RSA 2048``.
        signature: how that certificate is signed, e.g. ``ecdsa-with-SHA256``.
        alpn: the application protocol that the server chose.
        resumed: whether a session was resumed: no certificate, no signature.
    """

    version: str
    cipher: str = ""
    group: str = ""
    key: str = ""
    signature: str = ""
    alpn: str = ""
    resumed: bool = False
