"""Client certificates and their keys: which files there are, and what is wrong with one."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

_KEY_SUFFIXES = ("-key.pem", ".key")


@dataclass(frozen=True, slots=True)
class Identity:
    """A client certificate and its key, as paths. ``key`` may be the certificate's own file."""

    cert: Path
    key: Path


def find_identities(folder: Path) -> tuple[Identity, ...]:
    """Return the pairs in a folder by name: ``x.pem`` with ``x-key.pem``, ``x.crt`` with ``x.key``.

    Raises:
        ValueError: the folder cannot be read, has none, or a certificate has no key beside it.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise ValueError(
            f"--client-certs {str(folder)!r} cannot be read: {error.strerror}; "
            "name a folder of NAME.pem and NAME-key.pem"
        ) from None
    identities = []
    for cert in files:
        if cert.suffix not in (".pem", ".crt") or cert.name.endswith(_KEY_SUFFIXES):
            continue
        keys = [cert.with_name(cert.stem + suffix) for suffix in _KEY_SUFFIXES]
        key = next((path for path in keys if path in files), None)
        if key is None:
            raise ValueError(
                f"--client-certs: {str(cert)!r} has no key beside it; "
                f"put it there as {keys[0].name} or {keys[1].name}"
            )
        identities.append(Identity(cert, key))
    if not identities:
        raise ValueError(
            f"--client-certs {str(folder)!r} has no certificates; "
            "put pairs of NAME.pem and NAME-key.pem there"
        )
    return tuple(identities)


def load_identity(context: ssl.SSLContext, identity: Identity, passphrase: str | None) -> None:
    """Let a context show a client certificate.

    Raises:
        ValueError: a file is unusable; the message is one line that names it and the mend.
    """
    # A callable that answers: without one, OpenSSL would ask on the terminal and hang the run.
    words = passphrase or ""
    for option, path in (("--client-cert", identity.cert), ("--client-key", identity.key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise ValueError(
                f"{option} {str(path)!r} cannot be read: {error.strerror}; name a PEM file"
            ) from None
    try:
        context.load_cert_chain(identity.cert, identity.key, password=lambda: words)
    except ssl.SSLError as error:
        raise ValueError(_explain_identity(identity, error, bool(words))) from None
    except ValueError:
        raise ValueError(
            "--client-key-passphrase is longer than OpenSSL takes; change it to 1024 bytes or less"
        ) from None


def _explain_identity(identity: Identity, error: ssl.SSLError, has_passphrase: bool) -> str:
    cert, key = str(identity.cert), str(identity.key)
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the key {key!r} does not belong to the certificate {cert!r}; name its own key"
    blamed, path = ("--client-cert", cert)
    if b"-----BEGIN CERTIFICATE" in identity.cert.read_bytes():
        blamed, path = ("--client-key", key)
        if b"ENCRYPTED" in identity.key.read_bytes():
            said = "the passphrase given is wrong" if has_passphrase else "it has a passphrase"
            return f"{blamed} {path!r} cannot be opened: {said}; set LOCUST_CLIENT_KEY_PASSPHRASE"
    why = f" ({error.reason.replace('_', ' ').lower()})" if error.reason else ""
    return (
        f"{blamed} {path!r} is not usable PEM{why}; "
        "from PKCS#12: openssl pkcs12 -in FILE -nodes -out client.pem"
    )
