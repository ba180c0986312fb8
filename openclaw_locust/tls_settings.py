"""The options of TLS, read and validated."""

from __future__ import annotations

from pathlib import Path

from openclaw_locust.option_values import OptionValues, SettingsError
from openclaw_locust.wire.ciphers import split_ciphers
from openclaw_locust.wire.identities import Identity, find_identities
from openclaw_locust.wire.target import ascii_host
from openclaw_locust.wire.tls import TlsProfile


def read_tls(values: OptionValues) -> TlsProfile:
    """Return how TLS is to be done.

    Raises:
        SettingsError, ValueError: an option is wrong; the message is one line.
    """
    ca, insecure = values.text("--tls-ca"), values.switch("--insecure")
    crl = values.text("--tls-crl")
    if crl and insecure:
        raise SettingsError("--insecure and --tls-crl contradict each other; give one of them")
    if ca and insecure:
        raise SettingsError("--insecure and --tls-ca contradict each other; give one of them")
    sni = values.text("--sni")
    lowest, highest = (_read_version(values, flag) for flag in ("--tls-min", "--tls-max"))
    if lowest > highest:
        raise SettingsError(
            f"--tls-min {lowest} and --tls-max {highest} contradict each other; no version is left"
        )
    ciphers = values.text("--tls-ciphers")
    if ciphers and highest == "1.2" and split_ciphers(ciphers)[0]:
        raise SettingsError(
            "--tls-ciphers has suites of TLS 1.3, which --tls-max 1.2 excludes; leave one of them "
            "out"
        )
    return TlsProfile(
        ca=_path("--tls-ca", ca) if ca else None,
        crl=_path("--tls-crl", crl) if crl else None,
        verify=not insecure,
        min_version=lowest,
        max_version=highest,
        ciphers=ciphers or None,
        server_name=_server_name(sni) if sni else None,
        identities=_read_identities(values),
        key_passphrase=values.text("--client-key-passphrase") or None,
    )


def _read_version(values: OptionValues, flag: str) -> str:
    version = values.text(flag)
    if version not in ("1.2", "1.3"):
        raise SettingsError(f"{flag} {version!r} is no supported version; write 1.2 or 1.3")
    return version


def _read_identities(values: OptionValues) -> tuple[Identity, ...]:
    cert, key = values.text("--client-cert"), values.text("--client-key")
    folder = values.text("--client-certs")
    if folder:
        if cert or key:
            raise SettingsError(
                "--client-certs and --client-cert contradict each other; give one of them"
            )
        return find_identities(_path("--client-certs", folder))
    if key and not cert:
        raise SettingsError("--client-key without --client-cert; give the certificate too")
    if not cert:
        return ()
    cert_path = _path("--client-cert", cert)
    if not key and _lacks_key(cert_path):
        raise SettingsError(f"--client-cert {cert!r} has no key in it; give --client-key too")
    return (Identity(cert_path, _path("--client-key", key) if key else cert_path),)


def _server_name(text: str) -> str:
    try:
        return ascii_host(text, text).removesuffix(".")
    except ValueError:
        raise SettingsError(
            f"--sni {text!r} is not a host name; write it like rating.example.com"
        ) from None


def _path(flag: str, text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise SettingsError(f"{flag} {text!r}: there is no such home; write the path out") from None


def _lacks_key(cert: Path) -> bool:
    """Say whether a PEM file has no key; what cannot be read or is no PEM is judged with TLS."""
    try:
        text = cert.read_bytes()
    except OSError:
        return False
    return b"-----BEGIN " in text and b"PRIVATE KEY-----" not in text
