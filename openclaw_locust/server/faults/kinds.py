"""Which faults the server knows, and at which occasion each strikes. Data only.

A fault has the name of the failure class that a client shall see. What cannot be a server's doing
(a name that does not resolve, a generator without descriptors) is no fault.
"""

from __future__ import annotations

from typing import Literal

Occasion = Literal["hello", "upgrade", "message", "close"]
"""When it is decided whether a fault strikes: a connection's ClientHello came, an HTTP request
came, a rating came, the client has sent its close frame."""

_NAMES: dict[Occasion, str] = {
    "hello": """
        tls.closed_in_handshake tls.eof tls.reset tls.timeout tls.not_tls tls.protocol tls.record
        tls.cert.untrusted tls.cert.expired tls.cert.not_yet_valid tls.cert.hostname
        tls.cert.revoked tls.cert.weak tls.cert.purpose tls.cert.chain_too_long tls.cert.structure
        tls.client_cert.missing tls.client_cert.bad tls.client_cert.untrusted
        tls.client_cert.expired tls.client_cert.revoked tls.client_cert.denied
        tls.no_common_params tls.version tls.policy tls.server_internal tls.sni tls.extension
        tls.status tls.psk tls.alpn tls.other
    """,
    "upgrade": """
        proxy.refused proxy.auth proxy.eof proxy.malformed proxy.timeout
        http.bad_accept http.bad_upgrade_headers http.subprotocol http.extension http.not_upgraded
        http.redirect http.bad_request http.unauthorized http.forbidden http.not_found
        http.negotiation http.request_timeout http.too_large http.misdirected http.too_early
        http.upgrade_required http.rate_limited http.client_other http.server_error
        http.unsupported http.bad_gateway http.overloaded http.gateway_timeout http.lb http.cdn
        http.cdn_tls http.malformed http.too_long http.eof http.reset http.timeout
    """,
    "message": """
        ws.close.normal ws.close.going_away ws.close.protocol ws.close.unsupported
        ws.close.no_status ws.close.bad_payload ws.close.policy ws.close.too_big
        ws.close.extension ws.close.internal ws.close.restart ws.close.try_later
        ws.close.bad_gateway ws.close.unauthorized ws.close.forbidden ws.close.timeout
        ws.close.registered ws.close.app ws.close.invalid
        ws.abnormal.fin ws.abnormal.rst ws.abnormal.tls_truncated ws.tls
        ws.frame.masked ws.frame.rsv ws.frame.opcode ws.frame.fragment ws.frame.control
        ws.frame.length ws.frame.utf8 ws.frame.close ws.frame.oversize
        ws.ping_flood ws.send_blocked
        app.ack.timeout app.ack.late app.ack.negative app.ack.malformed app.ack.unrecognised
        app.ack.mismatch app.ack.duplicate app.ack.lost_on_close
    """,
    "close": "ws.close_timeout",
}

OCCASIONS: dict[str, Occasion] = {
    name: occasion for occasion, names in _NAMES.items() for name in names.split()
}
"""Every fault with a name of its own. ``http.NNN`` and ``ws.close.NNNN`` are faults too: the status
and the close code as they are."""

ALIASES = {"ack.loss": "app.ack.timeout"}

_ONLY_OVER_TLS = ("tls.", "ws.tls", "ws.abnormal.tls_truncated")
_ONLY_WITHOUT_TLS = ("proxy.",)

_NUMBERS: dict[str, tuple[range, Occasion]] = {
    "http.": (range(200, 1000), "upgrade"),
    "ws.close.": (range(1000, 5000), "message"),
}


def occasion_of(name: str) -> Occasion | None:
    """Return when a fault strikes; None: there is no such fault."""
    known = OCCASIONS.get(name)
    if known is not None:
        return known
    for prefix, (numbers, occasion) in _NUMBERS.items():
        number = name.removeprefix(prefix)
        if number != name and number.isascii() and number.isdigit() and int(number) in numbers:
            return occasion
    return None


def needs_tls(name: str) -> bool | None:
    """Return whether a fault strikes only with TLS (True), only without it (False), or either way.

    A proxy is one on a connection without TLS: that begins in its tunnel.
    """
    if name.startswith(_ONLY_OVER_TLS):
        return True
    return False if name.startswith(_ONLY_WITHOUT_TLS) else None
