"""A connected TCP socket under gevent, and the one way to wait for a descriptor with a deadline."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time

from gevent import get_hub, getcurrent
from gevent.monkey import get_original

from openclaw_locust.classify import from_os_error
from openclaw_locust.failures import Failure
from openclaw_locust.wire.addresses import Address

now_ns = time.perf_counter_ns
READ, WRITE = 1, 2
_IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h; Python names it from 3.12 on
TIMED_OUT = object()


class TimedOut(Exception):
    """The deadline passed; what it was for is known to the caller."""


def seconds_left(deadline_ns: int) -> float:
    """Return the seconds until a deadline on the ``perf_counter_ns`` clock, at least 0."""
    return max(0.0, (deadline_ns - now_ns()) / 1e9)


def open_tcp(address: Address, deadline_ns: int, source: str | None = None) -> socket.socket:
    """Return a connected non-blocking socket.

    Args:
        address: where to.
        deadline_ns: on the ``perf_counter_ns`` clock.
        source: the address of this machine to go out from; None: the kernel chooses.

    Raises:
        Failure: ``tcp.*`` or ``gen.*``.
    """
    where = str(address.sockaddr[0])
    try:
        sock = get_original("socket", "socket")(address.family, socket.SOCK_STREAM)
    except OSError as error:
        raise from_os_error(error, where) from None
    connected = False
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source is not None:
            bind_source(sock, source)
        code = sock.connect_ex(address.sockaddr)
        if code == errno.EINPROGRESS:
            wait_once(sock.fileno(), WRITE, deadline_ns)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        connected = True
    except TimedOut:
        raise Failure("tcp.timeout", f"{where}: no answer to the connect in time") from None
    except OSError as error:
        raise from_os_error(error, where) from None
    finally:
        if not connected:
            sock.close()
    result: socket.socket = sock
    return result


def bind_source(sock: socket.socket, source: str) -> None:
    """Let a socket go out from an address of this machine, with any port.

    Raises:
        Failure: ``gen.source_ip``: the address is not one of this machine.
    """
    with contextlib.suppress(OSError):  # the port is chosen with the target known: far more fit
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
    try:
        sock.bind((source, 0))
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise Failure("gen.source_ip", source) from None
        raise


def wait_once(fd: int, events: int, deadline_ns: int) -> None:
    """Sleep until the descriptor is ready; for the waits of a connect, which happen once."""
    hub, switch = get_hub(), getcurrent().switch
    watcher, timer = hub.loop.io(fd, events), hub.loop.timer(seconds_left(deadline_ns))
    try:
        watcher.start(switch)
        timer.start(switch, TIMED_OUT, update=True)
        if hub.switch() is TIMED_OUT:
            raise TimedOut
    finally:
        for each in (watcher, timer):
            each.stop()
            each.close()
