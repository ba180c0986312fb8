"""The kind of a server's certificate: its key, and how it is signed.

Imported only where TLS is spoken, because of what it imports itself.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


@lru_cache(maxsize=256)
def describe(certificate: bytes) -> tuple[str, str]:
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
