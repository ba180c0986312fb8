"""A tunnel through an HTTP proxy (CONNECT, RFC 9110, 9.3.6), only when one was named."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from openclaw_locust.failures import Failure
from openclaw_locust.redact import mask_url
from openclaw_locust.wire.target import ascii_host
from openclaw_locust.wire.tcp import TimedOut
from openclaw_locust.wire.transport import Ended, Transport
from openclaw_locust.wire.upgrade import AnswerReader


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where the proxy is, and the credentials for it, which are never shown."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)


def parse_proxy(url: str) -> Proxy:
    """Read ``http://[user:password@]host:port``.

    Raises:
        ValueError: it is not such a URL.
    """
    host, port = "", None
    try:
        parts = urlsplit(url.strip())
        host, port = ascii_host(parts.hostname or "", url), parts.port
    except ValueError:
        pass  # the parser's own words may hold a password
    if not host or not port or parts.scheme != "http" or parts.path.strip("/"):
        raise ValueError(f"--proxy {mask_url(url)!r} is no HTTP proxy; write http://host:port")
    if parts.username is None:
        return Proxy(host, port)
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(host, port, "Basic " + base64.b64encode(pair.encode()).decode("ascii"))


def open_tunnel(transport: Transport, proxy: Proxy, address: str, deadline_ns: int) -> None:
    """Ask the proxy for a tunnel to ``address`` (``host:port``) and wait for its word.

    Raises:
        Failure: ``proxy.*``.
    """
    request = f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n"
    if proxy.authorization:
        request += f"Proxy-Authorization: {proxy.authorization}\r\n"
    reader = AnswerReader()
    answer = None
    try:
        transport.send(request.encode("latin-1") + b"\r\n", deadline_ns)
        while answer is None:
            answer = reader.feed(transport.receive(deadline_ns))
    except TimedOut:
        raise Failure("proxy.timeout", f"no answer to CONNECT {address} in time") from None
    except Ended as end:
        raise Failure("proxy.eof", end.detail or "closed instead of an answer") from None
    except Failure as failure:
        raise Failure("proxy.malformed", failure.detail) from None
    if answer.status == 407:
        raise Failure("proxy.auth", f"{answer.status} {answer.reason}")
    if not 200 <= answer.status < 300:
        raise Failure("proxy.refused", f"{answer.status} {answer.reason} to CONNECT {address}")
    if answer.rest:
        raise Failure("proxy.malformed", "bytes behind the answer, before anything was sent")
