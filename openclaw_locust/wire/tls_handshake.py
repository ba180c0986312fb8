"""The TLS handshake of a client over a plain transport: its parts, and what its failure was."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from openclaw_locust.classify import from_ssl_error
from openclaw_locust.failures import Failure
from openclaw_locust.negotiated import Negotiated
from openclaw_locust.wire.peer_certificate import describe_refused
from openclaw_locust.wire.sessions import Inbox, Kept
from openclaw_locust.wire.tcp import TimedOut, now_ns
from openclaw_locust.wire.tls_facts import negotiated_of
from openclaw_locust.wire.transport import Ended, Transport

_RECORD_TYPES = range(20, 25)  # RFC 8446, 5.1: what a TLS peer's first byte can be
_ALERT = 21
# RFC 8446, 4.1.3: the random of a ServerHello that is a HelloRetryRequest
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_RANDOM = slice(11, 43)  # behind the record's head, the message's head and the version


@dataclass(slots=True)
class TlsClock:
    """Where a handshake's time went, in nanoseconds; None for what did not end well.

    Attributes:
        tls_ns: the whole handshake.
        hello_ns: from the ClientHello sent to the ServerHello read: network and server.
        own_ns: our own computing; what is left of ``tls_ns`` was all other waiting.
        negotiated: what was agreed on.
        offered: whether a session was offered.
        retried: whether the server asked for another key share: one more round trip.
        inbox: the sessions that come.
    """

    tls_ns: int | None = None
    hello_ns: int | None = None
    own_ns: int | None = None
    negotiated: Negotiated | None = None
    offered: bool = False
    retried: bool = False
    inbox: Inbox | None = None


def start_tls(
    transport: Transport,
    context: ssl.SSLContext,
    server_name: str,
    deadline_ns: int,
    clock: TlsClock,
    session: Kept | None = None,
) -> None:
    """Do the handshake; from then on the transport reads and writes through TLS.

    Our last message of it may wait for the first write.

    Args:
        transport: the connection.
        context: the client's.
        server_name: for SNI and verification.
        deadline_ns: on the ``perf_counter_ns`` clock.
        clock: filled as far as the handshake comes; its inbox listens if there is one.
        session: to be offered.

    Raises:
        Failure: ``tls.*``: our refusal, the peer's alert, its end or its silence.
    """
    started_ns = since_ns = now_ns()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=server_name)
    if clock.inbox is not None:
        clock.inbox.listen(tls, session)
    if session is not None:
        session.offer(tls)
        clock.offered = True
    data = b""
    own_ns = 0
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            transport.post(outgoing.read())  # our alert: the server's log should have it too
            failure = from_ssl_error(error, _plain_alert(data))
            if isinstance(error, ssl.SSLCertVerificationError):
                failure.add_detail(describe_refused(tls, failure.kind.name))
            raise failure from None
        else:
            break
        sent_ns = now_ns()
        own_ns += sent_ns - since_ns
        if outgoing.pending:
            transport.post(outgoing.read())
        is_first = not data
        try:
            data = transport.receive(deadline_ns)
        except TimedOut:
            raise Failure("tls.timeout", "the handshake did not end in time") from None
        except Ended as end:
            name = "tls.reset" if end.how == "reset" else "tls.eof"
            raise Failure(name, end.detail or "the peer closed in the handshake") from None
        since_ns = now_ns()
        if is_first:
            if data[0] not in _RECORD_TYPES:
                raise Failure("tls.not_tls", data[:80].decode("latin-1"))
            clock.hello_ns = transport.read_ns - sent_ns
            clock.retried = data[_RANDOM] == _RETRY
        incoming.write(data)
    ended_ns = now_ns()
    clock.own_ns = own_ns + ended_ns - since_ns
    clock.tls_ns = ended_ns - started_ns
    clock.negotiated = negotiated_of(tls)
    transport.adopt_tls(tls, incoming, outgoing)


def _plain_alert(data: bytes) -> int | None:
    """Return the number of an alert that is not encrypted (RFC 8446, 6), or None.

    OpenSSL has no words for some of them.
    """
    is_alert = len(data) >= 7 and data[0] == _ALERT and data[3:5] == b"\0\2"
    return data[6] if is_alert else None
