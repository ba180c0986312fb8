"""The server's side of TLS: one context from a few choices."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_locust.server.errors import ServerError

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_locust.server.pem_files import PemFiles

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

HANDSHAKE_S = 30.0
"""How long a TLS handshake may take: thousands at one time are slow on a small machine."""

SHUTDOWN_S = 2.0
"""How long a client may take to answer TLS's close_notify."""


@dataclass(frozen=True, slots=True)
class TlsChoices:
    """What the server offers.

    Attributes:
        minimum: the lowest version, a key of :data:`VERSIONS`.
        maximum: the highest version.
        tickets: let clients resume their sessions.
        mtls: require a client certificate that the CA signed.
        any_strength: serve with a key that OpenSSL finds too weak, too.
    """

    minimum: str = "1.2"
    maximum: str = "1.3"
    tickets: bool = True
    mtls: bool = False
    any_strength: bool = False


def make_context(files: PemFiles, choices: TlsChoices) -> ssl.SSLContext:
    """Return the server's context.

    Raises:
        ServerError: a file is missing or unusable, or the key is not the certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _AlertingObject
    context.minimum_version = VERSIONS[choices.minimum]
    context.maximum_version = VERSIONS[choices.maximum]
    context.set_alpn_protocols(["http/1.1"])
    if choices.any_strength:
        context.set_ciphers("DEFAULT@SECLEVEL=0")
    for path in (files.cert, files.key):
        _check_readable(path)
    try:
        context.load_cert_chain(files.cert, files.key, password=_no_password)
    except ssl.SSLError as exc:
        if exc.reason == "KEY_VALUES_MISMATCH":
            raise ServerError(
                f"the key {files.key} does not belong to the certificate {files.cert}"
            ) from None
        raise ServerError(
            f"cannot use {files.cert} with {files.key}: not a certificate and its unencrypted key "
            "in PEM"
        ) from None
    if choices.mtls:
        _require_clients_of(context, files)
    if not choices.tickets:
        context.options |= ssl.OP_NO_TICKET  # TLS 1.2
        context.num_tickets = 0  # TLS 1.3, where OP_NO_TICKET only makes tickets stateful
    return context


class _AlertingObject(ssl.SSLObject):
    """A TLS connection whose refusal reaches the client.

    Where a handshake fails, uvloop (as asyncio before Python 3.15, python/cpython#98078) closes
    the connection at once and drops the alert that OpenSSL has made: the client would see a bare
    end and could not know that its certificate is missing or its TLS version too low. Saying
    "more data wanted" once makes uvloop send what there is; the client then ends the connection,
    as the alert asks it to, or the limit of the handshake's time does.
    """

    _refusal: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        if self._refusal is not None:
            raise self._refusal
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as exc:
            if exc.reason in _NOT_TLS:
                raise
            self._refusal = exc
            raise ssl.SSLWantReadError from exc


_NOT_TLS = frozenset({"HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER"})
"""OpenSSL's reasons for what is no TLS at all: its sender would not understand an alert."""


def _require_clients_of(context: ssl.SSLContext, files: PemFiles) -> None:
    assert files.ca is not None  # the options were checked
    _check_readable(files.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(files.ca)
    except ssl.SSLError:
        raise ServerError(f"{files.ca} holds no certificate in PEM") from None


def _check_readable(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as exc:
        raise ServerError(f"cannot read {path}: {exc.strerror}") from None


def _no_password() -> str:
    # without this, OpenSSL would ask on the terminal
    raise ServerError("the server's key is encrypted; give it without a password")
