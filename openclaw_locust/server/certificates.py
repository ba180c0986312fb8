"""Test certificates: an authority, and what it signs. In memory; nothing here touches files.

The certificates hold up under ``ssl.VERIFY_X509_STRICT``, which Python 3.13 sets by default: key
identifiers, a critical ``basicConstraints``, key usages (RFC 5280, 4.2.1). With other days, names
and authorities the same two functions make the certificates that a client has to refuse.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

CLOCK_SKEW = timedelta(hours=1)
"""How far in the past a certificate begins by default: the clocks of two machines differ."""

_RSA_BITS = {"rsa1024": 1024, "rsa2048": 2048}


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its private key.

    Attributes:
        certificate: the parsed certificate.
        key: its private key.
        chain_pem: the certificate in PEM and, where the signer is not a root, the signer's chain.
        key_pem: the private key in PEM (PKCS #8, not encrypted).
    """

    certificate: x509.Certificate
    key: PrivateKey
    chain_pem: bytes
    key_pem: bytes


def make_ca(
    name: str = "openclaw-locust test CA",
    *,
    days: float = 90,
    not_before: datetime | None = None,
    key: str = "ecdsa",
    parent: Issued | None = None,
) -> Issued:
    """Return a new certificate authority.

    Args:
        name: its common name; a few digits of its key are added, so that no two authorities
            have the same name and a client can say that it does not know this one.
        days: how long it is valid from now, or from ``not_before``.
        not_before: when it begins to be valid; :data:`CLOCK_SKEW` ago if left out.
        key: ``ecdsa`` (P-256) or ``rsa2048``.
        parent: the authority that signs it; without one it is a root and signs itself.
    """
    private = _new_key(key)
    own_id = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    subject = _common_name(f"{name} {own_id.digest[:4].hex()}")
    builder = (
        _builder(subject, private, parent, days, not_before)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
    )
    return _sign(builder, private, parent)


def issue(
    ca: Issued,
    names: Sequence[str],
    *,
    days: float = 90,
    not_before: datetime | None = None,
    key: str = "ecdsa",
    client: bool = False,
    extensions: Mapping[x509.ExtensionType, bool] | None = None,
) -> Issued:
    """Return a certificate for a server, or for a client, signed by ``ca``.

    Args:
        ca: who signs.
        names: DNS names (``*.example.com`` too) and IP addresses; the first is also the common
            name. A client's names are free text.
        days: how long it is valid from now, or from ``not_before``.
        not_before: when it begins to be valid; :data:`CLOCK_SKEW` ago if left out.
        key: ``ecdsa`` (P-256) or ``rsa2048``; ``rsa1024`` is too weak for most clients.
        client: make it for a client (``clientAuth``) and not for a server (``serverAuth``).
        extensions: further extensions, and whether each is critical.

    Raises:
        ValueError: a server's name is neither a DNS name nor an address.
    """
    private = _new_key(key)
    purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
    builder = (
        _builder(_common_name(names[0]), private, ca, days, not_before)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # RSA key transport of TLS 1.2 would need key_encipherment: no client should want it
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    )
    if not client:
        builder = builder.add_extension(alternative_names(names), critical=False)
    for extension, is_critical in (extensions or {}).items():
        builder = builder.add_extension(extension, critical=is_critical)
    return _sign(builder, private, ca)


def revoke(ca: Issued, certificate: x509.Certificate, *, days: float = 90) -> bytes:
    """Return a revocation list of ``ca`` that holds one certificate, in PEM.

    Args:
        ca: who signed the certificate.
        certificate: what is revoked, since :data:`CLOCK_SKEW` ago.
        days: how long the list is valid.
    """
    begin = datetime.now(UTC) - CLOCK_SKEW
    revoked = (
        x509.RevokedCertificateBuilder()
        .serial_number(certificate.serial_number)
        .revocation_date(begin)
        .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
        .build()
    )
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.certificate.subject)
        .last_update(begin)
        .next_update(begin + timedelta(days=days))
        .add_revoked_certificate(revoked)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(_authority_id(ca), critical=False)
        .sign(ca.key, hashes.SHA256())
    )
    return crl.public_bytes(serialization.Encoding.PEM)


def read(chain_pem: bytes, key_pem: bytes) -> Issued:
    """Return a certificate that was made earlier, with its key.

    Raises:
        ValueError: one is not what it should be, or they do not belong together.
    """
    try:
        certificate = x509.load_pem_x509_certificate(chain_pem)
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (TypeError, ValueError):  # TypeError: the key is encrypted
        raise ValueError("not a certificate and its unencrypted key in PEM") from None
    if not isinstance(key, PrivateKey):
        raise ValueError("the key is neither an elliptic curve's nor RSA's")
    if key.public_key() != certificate.public_key():
        raise ValueError("the key does not belong to the certificate")
    return Issued(certificate, key, chain_pem, key_pem)


def key_kind(issued: Issued) -> str:
    """Return the kind of key that a peer can use which can use this one."""
    return "rsa2048" if isinstance(issued.key, rsa.RSAPrivateKey) else "ecdsa"


def alternative_names(names: Sequence[str]) -> x509.SubjectAlternativeName:
    """Return the extension with the names of a server.

    Raises:
        ValueError: one is neither a DNS name nor an address.
    """
    return x509.SubjectAlternativeName([general_name(name) for name in names])


def general_name(name: str) -> x509.GeneralName:
    """Return ``name`` as a certificate holds it: an IP address, else a DNS name.

    Raises:
        ValueError: ``name`` is neither; the message says what a name looks like.
    """
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    labels = name.removeprefix("*.")
    try:
        ascii_labels = labels.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_labels = ""
    if not ascii_labels or not all(
        part and part.replace("-", "").replace("_", "").isalnum()
        for part in ascii_labels.split(".")
    ):
        raise ValueError(
            f"{name!r} is neither a domain nor an IP address; "
            "write it like rating.example.com, *.example.com or 192.0.2.7, without port or scheme"
        )
    return x509.DNSName(("*." if labels != name else "") + ascii_labels)


def _new_key(kind: str) -> PrivateKey:
    if kind == "ecdsa":
        return ec.generate_private_key(ec.SECP256R1())
    if kind in _RSA_BITS:
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS[kind])
    raise ValueError(f"{kind!r} is not a kind of key; use ecdsa or rsa2048")


def _common_name(name: str) -> x509.Name:
    # RFC 5280, appendix A.1: a common name has at most 64 characters
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name,
    private: PrivateKey,
    signer: Issued | None,
    days: float,
    not_before: datetime | None,
) -> x509.CertificateBuilder:
    begin = not_before or datetime.now(UTC) - CLOCK_SKEW
    end = (not_before or datetime.now(UTC)) + timedelta(days=days)
    own_id = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    if signer is None:
        issuer = subject
        signer_id = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own_id)
    else:
        issuer, signer_id = signer.certificate.subject, _authority_id(signer)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(own_id, critical=False)
        .add_extension(signer_id, critical=False)
    )


def _authority_id(signer: Issued) -> x509.AuthorityKeyIdentifier:
    try:
        own_id = signer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:  # not one of ours
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own_id.value)


def _sign(builder: x509.CertificateBuilder, private: PrivateKey, signer: Issued | None) -> Issued:
    certificate = builder.sign(signer.key if signer else private, hashes.SHA256())
    chain = certificate.public_bytes(serialization.Encoding.PEM)
    if signer is not None and signer.certificate.issuer != signer.certificate.subject:
        chain += signer.chain_pem
    key_pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Issued(certificate, private, chain, key_pem)
