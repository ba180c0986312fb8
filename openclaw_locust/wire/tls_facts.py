"""What a finished handshake has agreed on, as far as the interpreter tells."""

from __future__ import annotations

import ssl
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from openclaw_locust.negotiated import Negotiated
from openclaw_locust.wire.openssl import OPENSSL

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def negotiated_of(session: ssl.SSLObject) -> Negotiated:
    """Return the facts of a session whose handshake is done."""
    cipher, certificate = session.cipher(), session.getpeercert(True)
    key, signature = _describe(certificate) if certificate else ("", "")
    return Negotiated(
        session.version() or "",
        cipher[0] if cipher else "",
        _group_of(session),
        key,
        signature,
        session.selected_alpn_protocol() or "",
        bool(session.session_reused),
    )


def _group_of(session: ssl.SSLObject) -> str:
    """Ask Python where it knows (from 3.15 on), else OpenSSL."""
    group = getattr(session, "group", None)
    if group is not None:
        return str(group() or "")
    return OPENSSL.group(session) if OPENSSL is not None else ""


@lru_cache(maxsize=256)
def _describe(certificate: bytes) -> tuple[str, str]:
    """Return the kind of a certificate's key, and how it is signed; DER. Each is read once."""
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        return _key(parsed), parsed.signature_algorithm_oid._name
    except (ValueError, UnsupportedAlgorithm):
        return "", ""


def _key(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {_CURVES.get(key.curve.name, key.curve.name)}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA {key.key_size}"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519"
    return "Ed448" if isinstance(key, ed448.Ed448PublicKey) else ""
