"""From a target to an open WebSocket: DNS, TCP, proxy, TLS, upgrade, each timed, one deadline.

`Endpoint` is what all connections of a process to one target share; `Clock` is one connection's
phase clock, filled as far as the connection came, so that a failure still shows what went before.
"""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_locust.failures import Failure
from openclaw_locust.wire.addresses import Address, AddressBook
from openclaw_locust.wire.proxy import Proxy, open_tunnel
from openclaw_locust.wire.sessions import Kept
from openclaw_locust.wire.sources import Sources
from openclaw_locust.wire.target import Target
from openclaw_locust.wire.tcp import TimedOut, now_ns, open_tcp
from openclaw_locust.wire.tls import TlsContexts
from openclaw_locust.wire.tls_handshake import TlsClock, start_tls
from openclaw_locust.wire.transport import Ended, Transport
from openclaw_locust.wire.upgrade import (
    MAX_BODY_SAMPLE_BYTES,
    Answer,
    AnswerReader,
    UpgradeRequest,
    body_length,
    check_upgrade,
    refusal,
)
from openclaw_locust.wire.websocket import WebSocket

_BODY_PATIENCE_NS = 500_000_000
_NO_COMMON = "tls.no_common_params"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What all connections to one target share.

    Attributes:
        target: the target.
        tls: the contexts; None for ``ws://``.
        server_name: for SNI and the certificate's verification.
        request: the upgrade request.
        addresses: the process's address book.
        dial: where TCP goes, ``(host, port)``: the target, ``--connect-to`` or the proxy.
        proxy: the proxy to ask for a tunnel, or None.
        tunnel_to: ``host:port`` to ask the proxy for.
        sources: the addresses that connections go out from.
        connect_timeout_ns: the whole way from DNS to the 101.
        max_message_bytes: the largest message that is accepted.
    """

    target: Target
    tls: TlsContexts | None
    server_name: str
    request: UpgradeRequest
    addresses: AddressBook
    dial: tuple[str, int]
    proxy: Proxy | None
    tunnel_to: str
    sources: Sources
    connect_timeout_ns: int
    max_message_bytes: int


@dataclass(slots=True)
class Clock(TlsClock):
    """Where a connection's time went, in nanoseconds; None for a phase that did not end well.

    Attributes:
        started_ns: when it began, on the ``perf_counter_ns`` clock.
        total_ns: from then to the end of the last phase.
        dns_ns, tcp_ns, proxy_ns, tls_ns, upgrade_ns: each phase's own time.
        address: the address that was reached.
        subprotocol: what the server chose, if it chose one.
    """

    started_ns: int = 0
    total_ns: int = 0
    dns_ns: int | None = None
    tcp_ns: int | None = None
    proxy_ns: int | None = None
    upgrade_ns: int | None = None
    address: str = ""
    subprotocol: str | None = None


def connect(
    endpoint: Endpoint, user_number: int, clock: Clock, session: Kept | None = None
) -> WebSocket:
    """Open a WebSocket and fill the clock.

    Args:
        endpoint: where to.
        user_number: decides the identity.
        clock: filled as far as the connection comes.
        session: a TLS session to be offered.

    Raises:
        Failure: the class names the phase that failed, or that was running at the deadline.
    """
    transport = open_transport(endpoint, user_number, clock, session)
    done = False
    try:
        started = now_ns()
        deadline = clock.started_ns + endpoint.connect_timeout_ns
        clock.subprotocol, first_bytes = _upgrade(transport, endpoint.request, deadline)
        clock.upgrade_ns = transport.read_ns - started
        clock.total_ns = transport.read_ns - clock.started_ns
        done = True
    finally:
        if not done:
            transport.close()
    return WebSocket(transport, endpoint.max_message_bytes, first_bytes)


def open_transport(
    endpoint: Endpoint, user_number: int, clock: Clock, session: Kept | None = None
) -> Transport:
    """Open a connection up to the end of TLS and fill the clock; as :func:`connect`.

    Raises:
        Failure: as :func:`connect`.
    """
    clock.started_ns = started = now_ns()
    deadline = started + endpoint.connect_timeout_ns
    candidates = endpoint.addresses.candidates(*endpoint.dial, deadline)
    clock.dns_ns = now_ns() - started
    transport = _open(endpoint, candidates, deadline, clock)
    done = False
    try:
        if endpoint.proxy is not None:
            started = now_ns()
            open_tunnel(transport, endpoint.proxy, endpoint.tunnel_to, deadline)
            clock.proxy_ns = now_ns() - started
        if endpoint.tls is not None:
            context = endpoint.tls.context(user_number)
            start_tls(transport, context, endpoint.server_name, deadline, clock, session)
        clock.total_ns = now_ns() - clock.started_ns
        done = True
    except Failure as failure:
        if failure.kind.name == _NO_COMMON and endpoint.tls and endpoint.tls.pins_ciphers:
            raise Failure("tls.cipher_not_offered", failure.detail) from None
        raise
    finally:
        if not done:
            transport.close()
    return transport


def _open(
    endpoint: Endpoint, candidates: list[Address], deadline_ns: int, clock: Clock
) -> Transport:
    """Connect TCP to the first candidate; the other family's is tried when that fails."""
    candidates = [each for each in candidates if endpoint.sources.reach(each.family)]
    if not candidates:
        raise Failure("gen.source_ip", "none is of the target's family")
    first_failure: Failure | None = None
    for number, address in enumerate(candidates):
        started = now_ns()
        # A family that is silently dropped may not eat the whole time of the other one.
        is_last = number == len(candidates) - 1
        until = deadline_ns if is_last else started + (deadline_ns - started) // 2
        try:
            sock = open_tcp(address, until, endpoint.sources.next(address.family))
        except Failure as failure:
            if failure.kind.phase == "gen":
                raise
            first_failure = first_failure or failure
            continue
        if first_failure is not None:
            endpoint.addresses.prefer(*endpoint.dial, address.family)
        clock.tcp_ns = now_ns() - started
        clock.address = str(address.sockaddr[0])
        return Transport(sock)
    assert first_failure is not None
    if endpoint.proxy is not None:
        raise Failure("proxy.unreachable", first_failure.detail)
    raise first_failure


def _upgrade(
    transport: Transport, request: UpgradeRequest, deadline_ns: int
) -> tuple[str | None, bytes]:
    data, accept = request.with_key()
    reader = AnswerReader()
    answer = None
    try:
        transport.send(data, deadline_ns)
        while answer is None:
            answer = reader.feed(transport.receive(deadline_ns))
    except TimedOut:
        raise Failure("http.timeout", "no whole answer to the upgrade in time") from None
    except Ended as end:
        name = "http.reset" if end.how == "reset" else "http.eof"
        raise Failure(name, end.detail or "closed before the answer") from None
    if answer.status != 101:
        raise refusal(answer, _body_sample(transport, answer, deadline_ns))
    return check_upgrade(answer, accept, request.subprotocols), answer.rest


def _body_sample(transport: Transport, answer: Answer, deadline_ns: int) -> bytes:
    """Return the first part of a refusal's body: it often names the cause."""
    length = body_length(answer)
    wanted = MAX_BODY_SAMPLE_BYTES if length is None else min(length, MAX_BODY_SAMPLE_BYTES)
    body = answer.rest
    deadline_ns = min(deadline_ns, now_ns() + _BODY_PATIENCE_NS)
    try:
        while len(body) < wanted:
            body += transport.receive(deadline_ns)
    except (TimedOut, Ended, Failure):
        pass  # a sample is as good as it is
    return body[:wanted]
