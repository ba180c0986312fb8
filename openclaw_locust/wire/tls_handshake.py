"""The TLS handshake of a client over a plain transport, and what its failure was."""

from __future__ import annotations

import ssl

from openclaw_locust.classify import from_ssl_error
from openclaw_locust.failures import Failure
from openclaw_locust.wire.peer_certificate import describe_refused
from openclaw_locust.wire.tcp import TimedOut
from openclaw_locust.wire.transport import Ended, Transport

_RECORD_TYPES = range(20, 25)  # RFC 8446, 5.1: what a TLS peer's first byte can be
_ALERT = 21


def start_tls(
    transport: Transport, context: ssl.SSLContext, server_name: str, deadline_ns: int
) -> None:
    """Do the handshake; from then on the transport reads and writes through TLS.

    Our last message of it may wait for the first write.

    Raises:
        Failure: ``tls.*``: our refusal, the peer's alert, its end or its silence.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname=server_name)
    data = b""
    while True:
        try:
            session.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            transport.post(outgoing.read())  # our alert: the server's log should have it too
            failure = from_ssl_error(error, _plain_alert(data))
            if isinstance(error, ssl.SSLCertVerificationError):
                failure.add_detail(describe_refused(session, failure.kind.name))
            raise failure from None
        else:
            break
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
        if is_first and data[0] not in _RECORD_TYPES:
            raise Failure("tls.not_tls", data[:80].decode("latin-1"))
        incoming.write(data)
    transport.adopt_tls(session, incoming, outgoing)


def _plain_alert(data: bytes) -> int | None:
    """Return the number of an alert that is not encrypted (RFC 8446, 6), or None.

    OpenSSL has no words for some of them.
    """
    is_alert = len(data) >= 7 and data[0] == _ALERT and data[3:5] == b"\0\2"
    return data[6] if is_alert else None
