"""TLS contexts: whom we trust, who we are, what we offer. One context for each identity.

A context is shared by all users with that identity: with a system's bundle each costs 30 ms and
0.8 MiB. Everything that can be wrong with the files is found here, before the run.
"""

from __future__ import annotations

import contextlib
import os
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import certifi

from openclaw_locust.wire import tls_facts
from openclaw_locust.wire.ciphers import set_ciphers
from openclaw_locust.wire.identities import Identity, load_identity
from openclaw_locust.wire.sessions import listen

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
# No dash in between: a certificate without an end must not swallow the next one.
_PEM = re.compile(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([^-]+)-----END ")


@dataclass(frozen=True, slots=True)
class TlsProfile:
    """How TLS is to be done.

    Attributes:
        ca: a file or folder of trusted CA certificates; None: certifi's bundle.
        crl: a file with the revocation list of the CA that issued the server's certificate; None:
            revocation is not looked at.
        verify: whether the server's certificate is verified.
        min_version, max_version: ``"1.2"`` or ``"1.3"``.
        ciphers: TLS 1.3 suites (``TLS_…``) and an OpenSSL cipher list for TLS 1.2, colons between,
            or None for the library's defaults.
        server_name: the name for SNI and for verification; None: the target's host.
        identities: the client certificates; each user takes one, in turns.
        key_passphrase: for encrypted keys; never shown.
    """

    ca: Path | None = None
    crl: Path | None = None
    verify: bool = True
    min_version: str = "1.2"
    max_version: str = "1.3"
    ciphers: str | None = None
    server_name: str | None = None
    identities: tuple[Identity, ...] = ()
    key_passphrase: str | None = field(default=None, repr=False)


class TlsContexts:
    """Makes each identity's context when it is first asked for, and keeps it.

    Raises:
        ValueError: from the constructor and from :meth:`context`: a file or an option is unusable.
            The message is one line that names it and the mend.
    """

    def __init__(self, profile: TlsProfile) -> None:
        self._profile = profile
        self._contexts: dict[int, ssl.SSLContext] = {}
        self._is_listening = False
        tls_facts.prepare()
        self._anchors = _read_anchors(profile.ca) if profile.ca and profile.verify else []
        for number in range(min(1, len(profile.identities)) or 1):
            self.context(number)
        for identity in profile.identities[1:]:
            load_identity(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), identity, profile.key_passphrase)

    @property
    def trust(self) -> str:
        """Which trust store is used, in words."""
        if not self._profile.verify:
            return "none: certificate NOT verified"
        if self._profile.ca:
            count = len(self._anchors)
            return f"{self._profile.ca} ({count} certificate{'s' if count != 1 else ''})"
        return "certifi's bundle (not the system's store)"

    @property
    def pins_ciphers(self) -> bool:
        """Whether the options say which ciphers may be used."""
        return self._profile.ciphers is not None

    def identity(self, user_number: int) -> int:
        """Return the number of a user's identity; users take identities in turns."""
        identities = self._profile.identities
        return user_number % len(identities) if identities else 0

    def context(self, user_number: int) -> ssl.SSLContext:
        """Return the context of a user's identity."""
        identities, index = self._profile.identities, self.identity(user_number)
        context = self._contexts.get(index)
        if context is None:
            context = self._contexts[index] = self._make(identities[index] if identities else None)
            if self._is_listening:
                listen(context)
        return context

    def listen(self) -> None:
        """Let connections hear of the sessions that come on them."""
        if not self._is_listening:
            self._is_listening = True
            for context in self._contexts.values():
                listen(context)

    def _make(self, identity: Identity | None) -> ssl.SSLContext:
        profile = self._profile
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = _VERSIONS[profile.min_version]
        context.maximum_version = _VERSIONS[profile.max_version]
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        if not profile.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self._anchors:
            for anchor in self._anchors:
                context.load_verify_locations(cadata=anchor)
        else:
            context.load_verify_locations(cafile=certifi.where())
        if profile.crl and profile.verify:
            _load_crl(context, profile.crl)
        if profile.ciphers:
            set_ciphers(context, profile.ciphers)
        if identity is not None:
            load_identity(context, identity, profile.key_passphrase)
            # TLS 1.3 servers that ask for the certificate only after the handshake
            context.post_handshake_auth = True
        if keylog := os.environ.get("SSLKEYLOGFILE"):
            try:
                context.keylog_filename = keylog
            except OSError as error:
                raise ValueError(
                    f"SSLKEYLOGFILE {keylog!r} cannot be written: {error.strerror}"
                ) from None
        return context


def _read_anchors(path: Path) -> list[bytes]:
    """Return the CA certificates in a file or in all files of a folder, as DER.

    OpenSSL's own way with a folder wants hash links and says nothing when there are none. Entries
    that cannot be read are passed over as long as one can be.
    """
    try:
        blobs = _read_files(path) if path.is_dir() else [path.read_bytes()]
    except OSError as error:
        raise ValueError(
            f"--tls-ca {str(path)!r} cannot be read: {error.strerror}; "
            "name a PEM file or a folder of them"
        ) from None
    anchors = []
    for blob in blobs:
        candidates = [_to_der(block) for block in _PEM.findall(blob)] or [blob]
        anchors += [der for der in candidates if der and _is_certificate(der)]
    if not anchors:
        raise ValueError(
            f"--tls-ca {str(path)!r} has no readable certificate; name a PEM file "
            "(from PKCS#12: openssl pkcs12 -in FILE -cacerts -nokeys -out ca.pem)"
        )
    return anchors


def _read_files(folder: Path) -> list[bytes]:
    blobs = []
    for file in sorted(folder.iterdir()):
        with contextlib.suppress(OSError):  # somebody else's file among them, say
            if file.is_file():
                blobs.append(file.read_bytes())
    return blobs


def _to_der(body: bytes) -> bytes:
    try:
        text = body.decode("ascii").strip()
        return ssl.PEM_cert_to_DER_cert(f"{ssl.PEM_HEADER}\n{text}\n{ssl.PEM_FOOTER}")
    except ValueError:
        return b""


def _is_certificate(der: bytes) -> bool:
    probe = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        probe.load_verify_locations(cadata=der)
    except ssl.SSLError:
        return False
    return True


def _load_crl(context: ssl.SSLContext, path: Path) -> None:
    try:
        has_list = b"-----BEGIN X509 CRL-----" in path.read_bytes()
        context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        has_list = False
    except OSError as error:
        raise ValueError(
            f"--tls-crl {str(path)!r} cannot be read: {error.strerror}; name a PEM file"
        ) from None
    if not has_list:
        raise ValueError(
            f"--tls-crl {str(path)!r} has no readable list; name a PEM file "
            "(from DER: openssl crl -inform DER -in FILE -out crl.pem)"
        )
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
