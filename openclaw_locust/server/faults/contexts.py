"""The TLS contexts that a faulty server answers with, made before the first client comes."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_locust.server import certificates, own_files, pem_files, tls
from openclaw_locust.server.errors import ServerError
from openclaw_locust.server.faults.certificates import wrong_certificate
from openclaw_locust.server.faults.dice import FaultDice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openclaw_locust.server.certificates import Issued
    from openclaw_locust.server.faults.dice import FaultClock
    from openclaw_locust.server.faults.options import Fault
    from openclaw_locust.server.pem_files import PemFiles

_CERTIFICATE_FAULTS = "tls.cert."


@dataclass(frozen=True, slots=True)
class FaultyTls:
    """The faults of TLS, and what they need.

    Attributes:
        dice: to be thrown for each ClientHello.
        contexts: by name, for each fault that is a real TLS server's doing; the others are words
            of :mod:`~openclaw_locust.server.faults.hello`.
        crl: where the revocation list is that the client of ``tls.cert.revoked`` needs.
    """

    dice: FaultDice
    contexts: dict[str, ssl.SSLContext]
    crl: Path | None = None


def prepare(
    faults: Iterable[Fault],
    clock: FaultClock,
    files: PemFiles,
    choices: tls.TlsChoices,
    host: str,
) -> FaultyTls:
    """Make what the faults need.

    Args:
        faults: those of the occasion ``hello``.
        clock: from which their times count.
        files: those of the server.
        choices: those of the server.
        host: where it listens.

    Raises:
        ServerError: a wrong certificate is needed and the server has no CA of its own to sign it,
            or the revocation list cannot be written.
    """
    faults = tuple(faults)
    contexts, crl = {}, None
    for name in dict.fromkeys(fault.name for fault in faults):
        if name.startswith(_CERTIFICATE_FAULTS):
            ca = _own_ca(name, files)
            wrong = wrong_certificate(name, ca, own_files.names_of(host))
            is_weak = name == "tls.cert.weak"
            contexts[name] = _showing(wrong, files, replace(choices, any_strength=is_weak))
            if name == "tls.cert.revoked":
                crl = _write_crl(ca, wrong, files)
        elif context := _refusing(name, files, choices):
            contexts[name] = context
    return FaultyTls(FaultDice(faults, clock), contexts, crl)


def _own_ca(fault: str, files: PemFiles) -> Issued:
    """Return the authority that the server made, from its files."""
    if files.ca is None or files.ca_key is None:
        raise ServerError(
            f"--fault {fault}: the server makes its wrong certificates with a CA of its own; "
            "leave out --cert"
        )
    try:
        return certificates.read(files.ca.read_bytes(), files.ca_key.read_bytes())
    except OSError as exc:
        raise ServerError(
            f"--fault {fault} needs the CA's key to sign a wrong certificate, and "
            f"{exc.filename} cannot be read: {exc.strerror}; "
            "leave out --certs, or name a folder that has it"
        ) from None
    except ValueError as exc:
        raise ServerError(
            f"--fault {fault} cannot sign with {files.ca} and {files.ca_key}: {exc}; "
            "leave out --certs, or name an empty folder"
        ) from None


def _showing(wrong: Issued, files: PemFiles, choices: tls.TlsChoices) -> ssl.SSLContext:
    """Return a context like the server's own, with another certificate."""
    with tempfile.TemporaryDirectory(prefix="openclaw-locust-") as folder:
        contents = {pem_files.SERVER: wrong.chain_pem, pem_files.SERVER_KEY: wrong.key_pem}
        pem_files.write(Path(folder), contents)
        own = pem_files.in_folder(Path(folder))
        return tls.make_context(replace(files, cert=own.cert, key=own.key), choices)


def _write_crl(ca: Issued, revoked: Issued, files: PemFiles) -> Path:
    assert files.ca is not None  # it was read
    folder = files.ca.parent
    contents = {pem_files.CRL: certificates.revoke(ca, revoked.certificate)}
    pem_files.write(folder, contents, force=True)
    return folder / pem_files.CRL


def _refusing(fault: str, files: PemFiles, choices: tls.TlsChoices) -> ssl.SSLContext | None:
    """Return a context that refuses clients in the way of a fault, where there is one.

    With TLS 1.3 these refusals come late, with the client's first read; an answer to the
    ClientHello could not try a client in that.
    """
    if fault == "tls.client_cert.missing" and files.ca and not choices.mtls:
        # TLS 1.2 has no word for it
        if choices.maximum == "1.3":
            return tls.make_context(files, replace(choices, mtls=True))
    elif fault == "tls.client_cert.untrusted" and choices.mtls:
        with tempfile.TemporaryDirectory(prefix="openclaw-locust-") as folder:
            pem_files.write(Path(folder), {pem_files.CA: certificates.make_ca().chain_pem})
            return tls.make_context(replace(files, ca=Path(folder, pem_files.CA)), choices)
    return None
