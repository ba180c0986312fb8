"""The listening socket, and how a URL names where it listens."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket

from openclaw_locust.server.errors import ServerError

BACKLOG = 4096
"""Connections that may wait to be accepted; the kernel caps it at net.core.somaxconn."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the first address of ``host``; port 0 takes a free one.

    Raises:
        ServerError: there is no such address here, or the port is taken or not allowed.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as exc:
        raise ServerError(
            f"--host {host}: {exc.strerror}; name an address of this machine"
        ) from None
    family, _, _, _, address = found[0]
    try:
        return socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise ServerError(
                f"port {port} of {host} is taken: stop what listens there, "
                "or name another with --port (0 takes a free one)"
            ) from None
        if exc.errno == errno.EACCES:
            raise ServerError(
                f"port {port} needs more rights: name one above 1023 with --port"
            ) from None
        raise ServerError(
            f"cannot listen on {host} port {port}: {_reason(exc)}; "
            "name an address of this machine with --host"
        ) from None


def _reason(exc: OSError) -> str:
    """Return the system's words without what Python puts around them."""
    return os.strerror(exc.errno) if exc.errno else str(exc)


def url_host(host: str) -> str:
    """Return ``host`` as a URL on this machine holds it; all addresses become the local one."""
    if is_wildcard(host):
        host = "::1" if ":" in host else "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def is_wildcard(host: str) -> bool:
    """Return whether ``host`` stands for all addresses of the machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
