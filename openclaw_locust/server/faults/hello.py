"""What a faulty server says to a ClientHello beneath TLS, and how the connection ends. Data only.

An alert that answers a ClientHello is not encrypted: seven bytes, the same from OpenSSL as from
here (a test compares them). But OpenSSL does not say each of them in each version of TLS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a ClientHello.

    Attributes:
        data: what is sent.
        end: how the connection ends then: with a FIN, with a RST, or only when the client goes.
    """

    data: bytes = b""
    end: Literal["fin", "reset", "silence"] = "fin"


# RFC 8446, appendix B.2
_WARNING, _FATAL = 1, 2
ALERTS = {
    "tls.no_common_params": 40,  # handshake_failure
    "tls.client_cert.bad": 42,  # bad_certificate
    "tls.client_cert.revoked": 44,  # certificate_revoked
    "tls.client_cert.expired": 45,  # certificate_expired
    "tls.client_cert.untrusted": 48,  # unknown_ca
    "tls.client_cert.denied": 49,  # access_denied
    "tls.version": 70,  # protocol_version
    "tls.policy": 71,  # insufficient_security
    "tls.server_internal": 80,  # internal_error
    "tls.other": 90,  # user_canceled
    "tls.extension": 109,  # missing_extension
    "tls.sni": 112,  # unrecognized_name
    "tls.status": 113,  # bad_certificate_status_response
    "tls.psk": 115,  # unknown_psk_identity
    "tls.client_cert.missing": 116,  # certificate_required
    "tls.alpn": 120,  # no_application_protocol
}


def alert_record(number: int, level: int = _FATAL) -> bytes:
    """Return an alert as a record of its own, not encrypted (RFC 8446, 5.1 and 6)."""
    return bytes((21, 3, 3, 0, 2, level, number))


# What an HTTP server that knows no TLS makes of a ClientHello.
_PLAIN_HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

# A ServerHelloDone, a proper message of TLS 1.2, in the place of the ServerHello.
_WRONG_MESSAGE = bytes((22, 3, 3, 0, 4, 14, 0, 0, 0))

ANSWERS = {name: Answer(alert_record(number)) for name, number in ALERTS.items()} | {
    "tls.closed_in_handshake": Answer(alert_record(0, _WARNING)),  # close_notify
    "tls.eof": Answer(),
    "tls.reset": Answer(end="reset"),
    "tls.timeout": Answer(end="silence"),
    "tls.not_tls": Answer(_PLAIN_HTTP),
    "tls.protocol": Answer(_WRONG_MESSAGE),
}
"""The answer by the fault's name."""
