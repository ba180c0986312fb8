"""The faults that are an HTTP status: which one, and what goes with it. Data only."""

from __future__ import annotations

from http import HTTPStatus

STATUSES = {
    "proxy.refused": 403,
    "proxy.auth": 407,
    "http.not_upgraded": 200,
    "http.redirect": 307,
    "http.bad_request": 400,
    "http.unauthorized": 401,
    "http.forbidden": 403,
    "http.not_found": 404,
    "http.negotiation": 406,
    "http.request_timeout": 408,
    "http.too_large": 431,
    "http.misdirected": 421,
    "http.too_early": 425,
    "http.upgrade_required": 426,
    "http.rate_limited": 429,
    "http.client_other": 451,
    "http.server_error": 500,
    "http.unsupported": 501,
    "http.bad_gateway": 502,
    "http.overloaded": 503,
    "http.gateway_timeout": 504,
    "http.lb": 464,
    "http.cdn": 522,
    "http.cdn_tls": 526,
}
"""Of the statuses that mean the same to a client, the usual one."""

_REASONS = {
    464: "Incompatible Protocol",
    522: "Connection Timed Out",
    526: "Invalid SSL Certificate",
}

_LOCATION = "https://rating.example.com/rating"
_HEADERS = {
    **{status: {"Location": _LOCATION} for status in (301, 302, 303, 307, 308)},
    401: {"WWW-Authenticate": 'Bearer realm="rating"'},
    405: {"Allow": "POST"},
    407: {"Proxy-Authenticate": 'Basic realm="proxy"'},
    426: {"Connection": "Upgrade", "Upgrade": "h2c"},
    429: {"Retry-After": "1"},
    503: {"Retry-After": "1"},
}
"""What RFC 9110 wants with a status, or what nearly always comes with it."""


def status_of(name: str) -> int | None:
    """Return the status that the fault is; None: the fault is another."""
    known = STATUSES.get(name)
    number = name.removeprefix("http.")
    return int(number) if known is None and number.isdigit() else known


def reason_of(status: int) -> str:
    """Return the words behind the status, as far as there are any."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return _REASONS.get(status, "")


def headers_of(status: int) -> dict[str, str]:
    """Return the headers that go with the status."""
    return _HEADERS.get(status, {})
