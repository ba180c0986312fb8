"""From what Python shows (an errno, an alert, a verify code, a status, a close code) to the class.

Pure functions over tables. The class follows the peer's own word, not the call that raised: TLS 1.3
refuses a client certificate only with the first read, and nginx refuses one with a 400.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl

from openclaw_locust.failures import Failure

_ERRNO = {
    errno.EMFILE: "gen.fd_limit",
    errno.ENFILE: "gen.fd_limit",
    errno.EADDRNOTAVAIL: "gen.port_exhausted",
    errno.ENOMEM: "gen.memory",
    errno.ENOBUFS: "gen.memory",
    errno.EPERM: "gen.local_reject",
    errno.EACCES: "gen.local_reject",
    errno.EINVAL: "gen.local_reject",
    errno.ECONNREFUSED: "tcp.refused",
    errno.ETIMEDOUT: "tcp.timeout",
    errno.EHOSTUNREACH: "tcp.unreachable",
    errno.ENETUNREACH: "tcp.unreachable",
    errno.ECONNRESET: "tcp.reset",
}

_GAI = {
    socket.EAI_NONAME: "dns.nxdomain",
    socket.EAI_AGAIN: "dns.temporary",
    socket.EAI_FAIL: "dns.temporary",
    getattr(socket, "EAI_NODATA", None): "dns.no_address",
    getattr(socket, "EAI_ADDRFAMILY", None): "dns.no_address",
    socket.EAI_FAMILY: "dns.no_address",
}

# OpenSSL 3 x509_vfy.h; codes not listed are tls.cert.structure.
_VERIFY_CODES = {
    "tls.cert.untrusted": (2, 18, 19, 20, 21, 27),
    "tls.cert.expired": (10,),
    "tls.cert.not_yet_valid": (9,),
    "tls.cert.hostname": (62, 63, 64),
    "tls.cert.revoked": (3, 11, 12, 23, 33, 35, 36, 44, 73, 74, 75),
    "tls.cert.weak": (66, 67, 68, 76, 77, 78),
    "tls.cert.purpose": (25, 26, 28, 32, 37, 39, 79, 80, 81, 82),
    "tls.cert.chain_too_long": (22,),
}
_VERIFY = {code: name for name, codes in _VERIFY_CODES.items() for code in codes}

# By the words that OpenSSL has for an alert, after SSLV3_ALERT_, TLSV1_ALERT_, TLSV13_ALERT_ or
# TLSV1_. RFC 8446, section 6.
_ALERTS = {
    "UNEXPECTED_MESSAGE": "tls.protocol",
    "BAD_RECORD_MAC": "tls.record",
    "DECRYPTION_FAILED": "tls.record",
    "RECORD_OVERFLOW": "tls.record",
    "DECOMPRESSION_FAILURE": "tls.record",
    "HANDSHAKE_FAILURE": "tls.no_common_params",
    "NO_CERTIFICATE": "tls.client_cert.bad",
    "BAD_CERTIFICATE": "tls.client_cert.bad",
    "UNSUPPORTED_CERTIFICATE": "tls.client_cert.bad",
    "CERTIFICATE_REVOKED": "tls.client_cert.revoked",
    "CERTIFICATE_EXPIRED": "tls.client_cert.expired",
    "CERTIFICATE_UNKNOWN": "tls.client_cert.bad",
    "ILLEGAL_PARAMETER": "tls.protocol",
    "UNKNOWN_CA": "tls.client_cert.untrusted",
    "ACCESS_DENIED": "tls.client_cert.denied",
    "DECODE_ERROR": "tls.protocol",
    "DECRYPT_ERROR": "tls.protocol",
    "EXPORT_RESTRICTION": "tls.version",
    "PROTOCOL_VERSION": "tls.version",
    "INSUFFICIENT_SECURITY": "tls.policy",
    "INAPPROPRIATE_FALLBACK": "tls.policy",
    "INTERNAL_ERROR": "tls.server_internal",
    "MISSING_EXTENSION": "tls.extension",
    "UNSUPPORTED_EXTENSION": "tls.extension",
    "CERTIFICATE_UNOBTAINABLE": "tls.status",
    "BAD_CERTIFICATE_STATUS_RESPONSE": "tls.status",
    "BAD_CERTIFICATE_HASH_VALUE": "tls.status",
    "UNRECOGNIZED_NAME": "tls.sni",
    "UNKNOWN_PSK_IDENTITY": "tls.psk",
    "CERTIFICATE_REQUIRED": "tls.client_cert.missing",
    "NO_APPLICATION_PROTOCOL": "tls.alpn",
}
_ALERT_PREFIXES = ("SSLV3_ALERT_", "TLSV1_ALERT_", "TLSV13_ALERT_", "TLSV1_")

# Those that OpenSSL has no words for, by their number.
_WORDLESS_ALERTS = {
    0: "tls.closed_in_handshake",
    115: "tls.psk",
    117: "tls.other",
    120: "tls.alpn",
    121: "tls.other",
}

_AROUND_WORDS = re.compile(r"^\[SSL\] | \(_ssl\.c:\d+\)$")

# What our own OpenSSL says when it is we who refuse.
_LOCAL_REASONS = {
    "WRONG_VERSION_NUMBER": "tls.not_tls",
    "HTTP_REQUEST": "tls.not_tls",
    "PACKET_LENGTH_TOO_LONG": "tls.not_tls",
    "UNSUPPORTED_PROTOCOL": "tls.version",
    "NO_PROTOCOLS_AVAILABLE": "tls.version",
    "VERSION_TOO_LOW": "tls.version",
    "NO_CIPHERS_AVAILABLE": "tls.no_common_params",
    "WRONG_CIPHER_RETURNED": "tls.no_common_params",
    "DH_KEY_TOO_SMALL": "tls.policy",
    "WRONG_SIGNATURE_TYPE": "tls.no_common_params",
    "UNEXPECTED_EOF_WHILE_READING": "tls.eof",
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": "tls.record",
    "BAD_RECORD_TYPE": "tls.record",
    "ENCRYPTED_LENGTH_TOO_LONG": "tls.record",
    "DATA_LENGTH_TOO_LONG": "tls.record",
    "UNEXPECTED_MESSAGE": "tls.protocol",
    "BAD_SIGNATURE": "tls.protocol",
    "LENGTH_MISMATCH": "tls.protocol",
    "BAD_EXTENSION": "tls.extension",
    "TLSV1_ALERT_USER_CANCELLED": "tls.other",
}

_STATUS_CLASSES = {
    "http.bad_request": (400,),
    "http.unauthorized": (401,),
    "http.forbidden": (403,),
    "http.not_found": (404, 405, 410),
    "http.negotiation": (406, 415, 417, 422),
    "proxy.auth": (407,),
    "http.request_timeout": (408,),
    "http.too_large": (413, 414, 431, 494),
    "http.misdirected": (421,),
    "http.too_early": (425,),
    "http.upgrade_required": (426,),
    "http.rate_limited": (429,),
    "http.unsupported": (501, 505),
    "http.bad_gateway": (502,),
    "http.overloaded": (503,),
    "http.gateway_timeout": (504,),
    "http.lb": (460, 463, 464, 561),
    "http.cdn": (520, 521, 522, 523, 524, 527, 530),
    "http.cdn_tls": (525, 526),
}
_STATUS = {code: name for name, codes in _STATUS_CLASSES.items() for code in codes}

_TAG_OR_BLANK = re.compile(r"(?:<[^>]*>|\s)+")

# The sentences of nginx (1.22) behind its internal 495, 496 and 497, which go out as 400.
_NGINX_BODIES = (
    (b"No required SSL certificate was sent", "tls.client_cert.missing"),
    (b"The SSL certificate error", "tls.client_cert.bad"),
    (b"plain HTTP request was sent to HTTPS port", "tls.not_tls"),
)

# RFC 6455, 7.4.1, and the registry that it founded.
_CLOSE = {
    1000: "ws.close.normal",
    1001: "ws.close.going_away",
    1002: "ws.close.protocol",
    1003: "ws.close.unsupported",
    1007: "ws.close.bad_payload",
    1008: "ws.close.policy",
    1009: "ws.close.too_big",
    1010: "ws.close.extension",
    1011: "ws.close.internal",
    1012: "ws.close.restart",
    1013: "ws.close.try_later",
    1014: "ws.close.bad_gateway",
    3000: "ws.close.unauthorized",
    3003: "ws.close.forbidden",
    3008: "ws.close.timeout",
}


def from_gaierror(error: socket.gaierror, host: str) -> Failure:
    """Return the failure behind a name that could not be resolved."""
    return Failure(_GAI.get(error.errno, "dns.temporary"), f"{host}: {error.strerror}")


def from_os_error(error: OSError, where: str) -> Failure:
    """Return the failure behind a socket that could not be made or connected."""
    name = _ERRNO.get(error.errno or 0, "tcp.other")
    return Failure(name, f"{where}: {error.strerror or error}")


def from_ssl_error(error: ssl.SSLError, alert: int | None = None) -> Failure:
    """Return the failure behind an error of the TLS library: our refusal or the peer's alert.

    Args:
        error: what was raised.
        alert: the number of the alert that came last, where it is known.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        name = _VERIFY.get(error.verify_code, "tls.cert.structure")
        return Failure(name, f"{error.verify_message} (verify code {error.verify_code})")
    if isinstance(error, ssl.SSLZeroReturnError):
        return Failure("tls.closed_in_handshake", "alert close_notify")
    # Python has no reason for some alerts, but OpenSSL has words: "[SSL] tlsv1 alert … (_ssl.c:1)".
    reason = error.reason or _AROUND_WORDS.sub("", str(error)).upper().replace(" ", "_")
    words = next((reason[len(p) :] for p in _ALERT_PREFIXES if reason.startswith(p)), "")
    # 46 certificate_unknown is the usual word of Java and of browsers for "I do not like it".
    known = _ALERTS.get(words) or _LOCAL_REASONS.get(reason)
    if known is None and alert in _WORDLESS_ALERTS:
        return Failure(_WORDLESS_ALERTS[alert], f"alert {alert}")
    if known is None:
        known = "tls.eof" if isinstance(error, ssl.SSLEOFError) else "tls.other"
    said = f"alert {words.lower()}" if words in _ALERTS else reason.replace("_", " ").lower()
    return Failure(known, said or str(error))


def from_status(
    status: int, reason: str, *, server: str = "", location: str = "", body: bytes = b""
) -> Failure:
    """Return the failure behind an upgrade that was answered with anything but 101.

    The detail has what was seen: the status line, the ``Server`` header, where a redirect points,
    and the first part of the body, which often names the cause.
    """
    detail = f"{status} {reason}".strip()
    if server:
        detail += f" (Server: {server})"
    if location:
        detail += f" Location: {location}"
    if body:
        detail += f" body: {_text_of(body)}"
    if status == 400:
        for sentence, name in _NGINX_BODIES:
            if sentence in body:
                return Failure(name, detail)
    return Failure(_status_class(status), detail)


def _text_of(body: bytes) -> str:
    """Return the first words of a body, without HTML's tags."""
    words = _TAG_OR_BLANK.sub(" ", body.decode("utf-8", "replace"))
    return words.strip()[:120]


def _status_class(status: int) -> str:
    if status in _STATUS:
        return _STATUS[status]
    for first, name in (
        (300, "http.not_upgraded"),
        (400, "http.redirect"),
        (500, "http.client_other"),
    ):
        if status < first:
            return name
    return "http.server_error"


def from_close(code: int | None, reason: str = "") -> Failure:
    """Return the failure behind a close frame that came while the connection was in use.

    Args:
        code: None when the frame has none; the numbers that stand for such local findings (1005,
            1006, 1015) may not be sent.
        reason: the server's words.
    """
    if code is None:
        return Failure("ws.close.no_status", "closed without a status")
    name = _CLOSE.get(code)
    if name is None:
        name = "ws.close.registered" if 3000 <= code <= 3999 else "ws.close.invalid"
        if 4000 <= code <= 4999:
            name = "ws.close.app"
    return Failure(name, f"{code} {reason}".strip())
