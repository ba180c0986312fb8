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
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_BAD_BRACKETS = "{!r} has an unusable host; write an IPv6 address like wss://[::1]/"
_BRACKETED = re.compile(r"\[[^\[\]]*\](:\d*)?")
_LABEL = r"[A-Za-z0-9_-]{1,63}"
_HOST_NAME = re.compile(rf"(?=.{{1,254}}\Z){_LABEL}(?:\.{_LABEL})*\.?")


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
    resource: str = field(repr=False)
    shown: str
    authorization: str | None = field(default=None, repr=False)

    @property
    def server_name(self) -> str:
        """The name for SNI and for verification: without a trailing dot (RFC 6066, 3) or a zone."""
        return self.host.partition("%")[0].removesuffix(".")

    @property
    def host_header(self) -> str:
        """The Host header: brackets around IPv6, the port where it is not the default."""
        name = f"[{self.server_name}]" if ":" in self.host else self.server_name
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
    if _UNSENDABLE.search(url):
        raise ValueError(
            f"{shown!r} has a control character or broken UTF-8 in it; write the URL on one line"
        )
    # The parser's own words are not repeated: they may hold a password.
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        if "[" in url:  # some versions of Python look into the brackets, others leave it to us
            raise ValueError(_BAD_BRACKETS.format(shown)) from None
        raise ValueError(
            f"{shown!r} is not a URL; write it like wss://rating.example.com/rating"
        ) from None
    try:
        port = parts.port
    except ValueError:
        raise ValueError(
            f"{shown!r} has an unusable port; name one from 1 to 65535 "
            "(in a password write / ? # as %2F %3F %23)"
        ) from None
    if parts.scheme in ("https", "http"):
        mend = "wss" + shown.removeprefix(parts.scheme)
        without = ", or ws:// for a service without TLS" if parts.scheme == "http" else ""
        raise ValueError(f"{shown!r} is not a WebSocket URL; write {mend}{without}")
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
    place = parts.netloc.rpartition("@")[2]
    if "[" in place and not _BRACKETED.fullmatch(place):
        raise ValueError(_BAD_BRACKETS.format(shown))
    query = f"?{quote(parts.query, safe=_SENT_AS_WRITTEN)}" if "?" in url else ""
    return Target(
        secure=parts.scheme == "wss",
        host=ascii_host(parts.hostname, shown),
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
    host, _, port = text.strip().rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        host = ascii_host(host[1:-1] if bracketed else host, text)
        usable = (":" in host) == bracketed and 0 < int(port) < 65536 and port.isdecimal()
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(
            f"{option} {text!r} is not an address; write it like 10.0.0.7:8443 or [::1]:8443"
        )
    return host, int(port)


def ascii_host(host: str, shown: str) -> str:
    """Return a host as DNS and TLS take it: an address as it is, a name in ASCII (IDNA).

    Raises:
        ValueError: it is neither; the message begins with ``shown``.
    """
    address, _, zone = host.partition("%")
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        pass
    else:
        if zone and version == 6:
            return f"{address}%{zone.removeprefix('25')}"  # RFC 6874 writes the % as %25
        if not zone:
            return host
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"{shown!r} has an unusable host name: {error}") from None
    if not _HOST_NAME.fullmatch(name):
        raise ValueError(f"{shown!r} has an unusable host name {host!r}; check its spelling")
    return name


def _basic(username: str | None, password: str | None) -> str | None:
    if not username and not password:
        return None
    pair = f"{unquote(username or '')}:{unquote(password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")
