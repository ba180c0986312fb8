"""The target: a ``wss://`` or ``ws://`` URL taken apart, once, before anything is sent.

What each part is used for is defined here and nowhere else: the name that is looked up, the port,
the request line, the Host header and the server name of TLS.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

import idna

from openclaw_locust.redact import mask_url

_DEFAULT_PORT = {"wss": 443, "ws": 80}
# Everything printable in ASCII goes out as it was written; the rest is percent-encoded.
_SENT_AS_WRITTEN = "".join(map(chr, range(0x21, 0x7F)))
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Target:
    """Where the load goes.

    Attributes:
        secure: whether TLS is spoken (``wss``).
        host: the name or address to connect to, without brackets, in ASCII (IDNA).
        port: the TCP port.
        resource: path and query for the request line, percent-encoded where needed.
        shown: the URL for people: no user part, no secrets in the query.
        authorization: the Authorization header's value, from ``user:password@``; never shown.
    """

    secure: bool
    host: str
    port: int
    resource: str
    shown: str
    authorization: str | None = field(default=None, repr=False)

    @property
    def server_name(self) -> str:
        """The name for SNI and for verification: without a trailing dot (RFC 6066, 3)."""
        return self.host.rstrip(".")

    @property
    def host_header(self) -> str:
        """The Host header: brackets around IPv6, the port where it is not the default."""
        name = f"[{self.host}]" if ":" in self.host else self.server_name
        default = _DEFAULT_PORT["wss" if self.secure else "ws"]
        return name if self.port == default else f"{name}:{self.port}"

    @property
    def address(self) -> str:
        """``host:port`` for messages."""
        return join_address(self.host, self.port)


def join_address(host: str, port: int) -> str:
    """Return ``host:port``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_target(url: str) -> Target:
    """Take a target's URL apart.

    Raises:
        ValueError: it is no usable WebSocket URL; the message says what is wrong and the mend.
    """
    shown = mask_url(url)
    if _CONTROL.search(url):
        raise ValueError(f"{shown!r} has a control character in it; write the URL on one line")
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{shown!r} is not a URL: {error}") from None
    if parts.scheme in ("https", "http"):
        mend = parts.scheme.replace("http", "ws") + shown.removeprefix(parts.scheme)
        raise ValueError(f"{shown!r} is not a WebSocket URL; write {mend}")
    if parts.scheme not in _DEFAULT_PORT or not parts.hostname:
        raise ValueError(
            f"{shown!r} is not a WebSocket URL; write it like wss://rating.example.com/rating"
        )
    if parts.fragment or url.rstrip().endswith("#"):
        raise ValueError(
            f"{shown!r} has a fragment, which a WebSocket URL may not have (RFC 6455, 3); "
            "write %23 where a # is meant"
        )
    if port == 0:
        raise ValueError(f"{shown!r} has port 0; name the port that the service listens on")
    path = quote(parts.path or "/", safe=_SENT_AS_WRITTEN)
    query = f"?{quote(parts.query, safe=_SENT_AS_WRITTEN)}" if parts.query else ""
    return Target(
        secure=parts.scheme == "wss",
        host=_ascii_host(parts.hostname, shown),
        port=port or _DEFAULT_PORT[parts.scheme],
        resource=path + query,
        shown=shown,
        authorization=_basic(parts.username, parts.password),
    )


def parse_address(text: str, option: str) -> tuple[str, int]:
    """Read ``host:port`` or ``[address]:port``.

    Raises:
        ValueError: it is neither; the message names the option.
    """
    host, colon, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{option} {text!r} is not an address; write it like 10.0.0.7:8443")
    return host, int(port)


def _ascii_host(host: str, shown: str) -> str:
    address = host.partition("%")[0]
    try:
        ipaddress.ip_address(address)
    except ValueError:
        pass
    else:
        return host
    if host.isascii():
        if re.fullmatch(r"[A-Za-z0-9._-]+", host):
            return host
        raise ValueError(f"{shown!r} has an unusable host name {host!r}")
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"{shown!r} has an unusable host name: {error}") from None


def _basic(username: str | None, password: str | None) -> str | None:
    if username is None:
        return None
    pair = f"{unquote(username)}:{unquote(password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")
