"""The failure classes as data: what each means, who may be at fault and what to do about it.

One row is one class. A failure takes the class of the first phase that failed, in the peer's own
words (alert, verify code, status, close code); `classify.py` finds the row. This module knows
neither sockets nor Locust.
"""

from __future__ import annotations

from dataclasses import dataclass

PHASES = ("gen", "dns", "proxy", "tcp", "tls", "http", "ws", "app")
"""The phases in the order of a connection's life; ``gen`` is the load generator itself."""


@dataclass(frozen=True, slots=True)
class FailureClass:
    """One row of the table.

    Attributes:
        name: the class, e.g. ``tls.cert.expired``; the part before the first dot is the phase.
        fault: where to look first: ``server``, ``network``, ``settings`` (of this client) or
            ``generator`` (this machine).
        meaning: one sentence that says what happened.
        remedy: one sentence that says what to do.
    """

    name: str
    fault: str
    meaning: str
    remedy: str

    @property
    def is_refusal(self) -> bool:
        """Whether the service worked and said no, which a test of its limits wants to see."""
        return self.name in REFUSALS

    @property
    def phase(self) -> str:
        """The phase in which the failure happened, one of :data:`PHASES`."""
        return self.name.partition(".")[0]


_TABLE = """
gen.fd_limit | generator | This process has no file descriptors left. | Raise the limit (ulimit -n) or spread the users over more workers; the figures of this run say nothing about the server.
gen.port_exhausted | generator | This machine has no local port left for the target. | Let the server close first (--close polite), add addresses (--source-ip), or widen net.ipv4.ip_local_port_range.
gen.source_ip | generator | An address of --source-ip is not one of this machine, or not of the target's family. | Name addresses that `ip addr` shows, of the family of the target.
gen.memory | generator | This machine has no memory or socket buffers left. | Run fewer users on each worker.
gen.local_reject | generator | This machine refused to send: a local firewall, route or permission. | Look at the local firewall, the routes and conntrack.
gen.stopped | generator | The run was stopped before the ack's time was up. | Nothing is wrong with the server; give the stop more time (--stop-timeout).
gen.unsent | server | The schedule called for a rating or a connection, and nobody had room for it until its time was up. | The service is slower than users and --in-flight allow for: see the ledger; more users (-u) or a higher --in-flight send on schedule.
dns.nxdomain | settings | The host name does not exist. | Check the spelling, the search domain and the zone.
dns.no_address | settings | The host name has no usable address. | Check its A and AAAA records.
dns.temporary | network | The resolver could not answer. | Check the resolver; keep answers longer (--dns-ttl) or fix the address (--connect-to).
dns.timeout | network | The name was not resolved in time. | Check the resolver, or fix the address (--connect-to).
proxy.unreachable | network | No TCP connection to the proxy could be made. | Check --proxy: host, port and firewall.
proxy.refused | settings | The proxy refused to open the tunnel. | Check the proxy's access rules for this host and port.
proxy.auth | settings | The proxy asks for credentials (407). | Give them: --proxy http://user:password@host:port.
proxy.eof | network | The proxy closed the connection instead of answering. | Check that --proxy names an HTTP proxy that allows CONNECT.
proxy.malformed | network | The proxy's answer was not HTTP. | Check that --proxy names an HTTP proxy.
proxy.timeout | network | The proxy did not answer in time. | Check the proxy's load and its way to the target.
tcp.refused | server | Nothing listens on that port, or the backlog was full during a restart. | Check host, port and that the service runs.
tcp.timeout | network | No answer to the TCP connect. | A firewall drops packets, the backlog is full, or the host is down.
tcp.unreachable | network | There is no route to the host. | Check routing and security groups.
tcp.reset | network | The connection was reset before TLS began. | Wrong port, a load balancer without backends, or a rate limiter.
tcp.other | network | The TCP connection failed in another way. | See the sample for the system's own words.
tls.cert.untrusted | settings | The server's certificate is not signed by an authority that this client trusts. | Give the CA (--tls-ca ca.pem). If other clients accept it, the server does not send its intermediate certificate.
tls.cert.expired | server | The server's certificate has expired. | Renew it and automate the renewal; check this machine's clock.
tls.cert.not_yet_valid | server | The server's certificate is not valid yet. | Check the clocks of this machine and of the issuer.
tls.cert.hostname | settings | The server's certificate is not for this name. | List the host in the certificate's SAN, or name the right host (--sni); a wildcard covers one label only.
tls.cert.revoked | server | The server's certificate is revoked, or its revocation list is unusable. | Reissue the certificate, or mend the CRL.
tls.cert.weak | server | A key or signature in the server's chain is too weak. | Reissue with a stronger key or digest.
tls.cert.purpose | server | A certificate in the server's chain is not meant for this use. | Use a server certificate issued by a proper CA certificate.
tls.cert.chain_too_long | server | The server's chain is too long. | Mend the server's chain file.
tls.cert.structure | server | A certificate in the server's chain is malformed or constrained. | Inspect the chain (openssl verify -x509_strict) and reissue it.
tls.client_cert.missing | settings | The server requires a client certificate and none was sent. | Give --client-cert and --client-key.
tls.client_cert.bad | settings | The server could not use our client certificate. | Check its format, its key usage and that the chain is complete.
tls.client_cert.untrusted | settings | The server does not trust the CA of our client certificate. | Use a client certificate from a CA that the server knows.
tls.client_cert.expired | settings | Our client certificate has expired. | Renew the client certificate.
tls.client_cert.revoked | settings | Our client certificate is revoked. | Use another client certificate.
tls.client_cert.denied | settings | The server knows our client certificate and denies it access. | Check the authorisation of this identity.
tls.no_common_params | settings | Client and server found no common cipher, group or signature; in TLS 1.2 also a missing client certificate. | Compare --tls-ciphers and --tls-min with the server; give --client-cert if it wants one.
tls.cipher_not_offered | server | The server takes none of the ciphers that this run requires. | Switch one of --tls-ciphers on in the server, or leave the option out.
tls.version | settings | Client and server have no TLS version in common. | Lower --tls-min, or raise the server's maximum.
tls.policy | settings | The server demands stronger security than was offered. | Widen --tls-ciphers, or raise --tls-min.
tls.protocol | server | A TLS message broke the protocol, or was refused as such. | Look for a middlebox or an implementation bug; often a key that does not belong to its certificate.
tls.record | network | A TLS record was damaged. | Look for a middlebox or faulty hardware offload.
tls.server_internal | server | The server reports an internal error of its TLS. | Look at the server's log; common under overload.
tls.sni | settings | The server has no certificate for this name. | Check the host, or name another one (--sni).
tls.extension | settings | The server misses or refuses a TLS extension. | Often a missing server name (--sni).
tls.status | server | A stapled certificate status was bad. | Mend the server's OCSP stapling.
tls.psk | server | The server does not know the session that was offered. | Share ticket keys among the server's nodes.
tls.alpn | settings | The server speaks none of the offered application protocols. | Let the server offer http/1.1 on this port.
tls.closed_in_handshake | server | The server ended the connection in the handshake. | Overload or an access list: see the server's log.
tls.not_tls | settings | One side speaks TLS on this port and the other does not. | Write wss:// for a TLS port and ws:// for a plain one.
tls.eof | network | The connection was cut in the TLS handshake. | Overload, a firewall on the server name, or an idle load balancer.
tls.reset | network | The connection was reset in the TLS handshake. | Overload, a firewall on the server name, or an idle load balancer.
tls.timeout | server | The TLS handshake did not end in time. | Look at the server's CPU, its queue, and the share of resumed handshakes.
tls.other | server | The TLS handshake failed in another way. | See the sample for the peer's own words.
http.bad_accept | server | The 101 has a wrong or missing Sec-WebSocket-Accept. | A cache or proxy answered in place of a WebSocket server.
http.bad_upgrade_headers | server | The 101 lacks a proper Upgrade or Connection header. | A proxy strips hop-by-hop headers: let it pass the upgrade.
http.subprotocol | server | The server chose a subprotocol that was not offered. | Offer it (--subprotocol), or mend the server.
http.extension | server | The server chose an extension that was not offered. | Mend the server or the proxy in front of it.
http.not_upgraded | settings | The server answered with a page instead of an upgrade. | Check the path; a proxy may drop the Upgrade header.
http.redirect | settings | The server redirects; redirects are never followed. | Point --host at the final address that the sample shows.
http.bad_request | settings | The server calls the upgrade request bad (400). | Look at headers and proxies: they often strip Upgrade.
http.unauthorized | settings | The server asks for credentials (401). | Give --token or --header, or renew them.
http.forbidden | settings | The server forbids the upgrade (403). | Check the Origin header, the firewall rules and the allow list.
http.not_found | settings | There is no such path (404, 405, 410). | Check the path in --host.
http.negotiation | settings | The server does not accept what was asked for (406, 415, 417, 422). | Check --subprotocol and the headers.
http.request_timeout | network | The server gave up waiting for the request (408). | Look at the network and at this machine's load.
http.too_large | settings | The request's headers are too large (413, 414, 431). | Send fewer or shorter headers.
http.misdirected | settings | The server name of TLS and the Host header do not match (421). | Align --sni with --host.
http.too_early | settings | The server refuses early data (425). | Try again without early data.
http.upgrade_required | settings | The server wants another upgrade than WebSocket version 13 (426). | Check the path and the server's WebSocket version.
http.rate_limited | server | The server limits the rate of connections (429). | Expected at the limit: spawn more slowly, or raise the limit.
http.client_other | settings | The server refused the upgrade with another 4xx status. | See the sample for the status and the body.
http.server_error | server | The server failed on the upgrade (5xx). | See the server's log.
http.unsupported | server | The server cannot do WebSocket here (501, 505). | Check the path and the proxy's configuration.
http.bad_gateway | server | The proxy could not reach or upgrade its backend (502). | See the proxy's log; let it forward the upgrade.
http.overloaded | server | The service is overloaded or in maintenance (503). | Scale it, or honour its Retry-After.
http.gateway_timeout | server | The proxy's backend was too slow (504). | Look at the backend.
http.lb | network | The load balancer answered with a status of its own (460, 463, 464, 561). | Look at the load balancer's listener, its protocol and its own authentication.
http.cdn | network | The content network could not talk to its origin (520 to 524, 527, 530). | Look at the connection from the content network to the origin.
http.cdn_tls | server | TLS between the content network and its origin failed (525, 526). | Mend the certificate of the origin.
http.malformed | server | The answer to the upgrade was not proper HTTP. | Check that the port speaks HTTP/1.1.
http.too_long | server | The answer's head was longer than allowed. | Check what answers on this port; cookies may have grown without bound.
http.eof | server | The connection was closed before the upgrade was answered. | Look at the server's log; a proxy may drop the upgrade, or the port speaks TLS (wss://).
http.reset | server | The connection was reset before the upgrade was answered. | Overload, or a restart: see the server's log.
http.timeout | server | The upgrade was not answered in time. | The application's accept queue is full: look at its workers.
ws.close.normal | server | The server ended the connection normally (1000) while it was in use. | Check the server's idle and session limits.
ws.close.going_away | server | The server goes away (1001): a deploy or a drain. | Expected in a deploy; the user reconnects.
ws.close.protocol | server | The server saw a protocol error (1002). | Look for a proxy that alters frames.
ws.close.unsupported | settings | The server does not take this type of message (1003). | Check text against binary.
ws.close.no_status | server | The server closed without a status (1005). | Let the server say why it closes.
ws.close.bad_payload | settings | The server refused the payload (1007). | Check the message's encoding.
ws.close.policy | settings | The server refused by its policy (1008): access, rate or origin. | Check credentials, rate limits and the Origin header.
ws.close.too_big | settings | The message was too big for the server (1009). | Send smaller messages, or raise the server's limit.
ws.close.extension | settings | The server missed an extension (1010). | Mend the server: it may not ask a client for this.
ws.close.internal | server | The server failed on the connection (1011). | See the server's log.
ws.close.restart | server | The server restarts (1012). | Expected in a deploy; the user reconnects.
ws.close.try_later | server | The server is overloaded (1013). | Its capacity is reached: scale, or lower the load.
ws.close.bad_gateway | server | The gateway's upstream failed (1014). | Look at the upstream.
ws.close.unauthorized | settings | The server asks for credentials (3000). | Give --token, or renew it.
ws.close.forbidden | settings | The server forbids the connection (3003). | Check the rights of this identity.
ws.close.timeout | server | The server's own time limit ended the connection (3008). | Check the server's idle limit.
ws.close.registered | server | The server closed with a registered code (3000 to 3999). | See the sample for code and reason.
ws.close.app | server | The server closed with a code of its own (4000 to 4999). | See the sample for code and reason, and the service's documentation.
ws.close.invalid | server | The server closed with a code that is not allowed on the wire. | Mend the server.
ws.abnormal.fin | network | The connection ended without a close frame. | The server or a proxy dropped it: crash, idle limit or deploy.
ws.abnormal.rst | network | The connection was reset without a close frame. | Crash, a firewall, or a load balancer's idle limit.
ws.abnormal.tls_truncated | network | TCP ended without TLS's and WebSocket's own end. | A proxy or a crash cut the connection.
ws.tls | server | TLS broke on an open connection. | See the sample for the alert.
ws.frame.masked | server | The server masked a frame. | Mend the server: only clients mask (RFC 6455, 5.1).
ws.frame.rsv | server | A frame uses a reserved bit that was not negotiated. | Mend the server or the proxy: no extension was offered.
ws.frame.opcode | server | A frame has a reserved opcode. | Mend the server.
ws.frame.fragment | server | Fragments came in an order that is not allowed. | Mend the server.
ws.frame.control | server | A control frame is too long or fragmented. | Mend the server.
ws.frame.length | server | A frame's length is not in its shortest form. | Mend the server.
ws.frame.utf8 | server | A text message is not UTF-8. | Mend the server, or let it send binary.
ws.frame.close | server | A close frame's payload is malformed. | Mend the server.
ws.frame.oversize | server | A message is larger than allowed. | Raise the limit if such messages are expected.
ws.ping_flood | server | Far more pings came than any keep-alive needs. | Mend the ping interval of the server or the proxy.
ws.close_timeout | server | The server did not answer our close frame in time. | Look at how it ends connections: those that it holds cost it descriptors and memory.
ws.send_blocked | server | The peer stopped reading, so a message could not be sent in time. | Look at the server's receive loop: back-pressure.
ws.not_open | settings | The connection was not open. | Connect before sending.
app.ack.timeout | server | No ack came in time. | Look at the service's queue; see whether the answers look as expected (--ack-match).
app.ack.negative | server | The service answered the rating with an error. | See the sample for the service's own code and message.
app.ack.malformed | server | The answer to a rating is not JSON, or not an object. | See the sample; mend the service.
app.ack.unrecognised | settings | The answer does not look like an ack. | Tell how an ack looks: --ack-match type=ack.
app.ack.mismatch | server | The ack names another rating than any that was sent. | Serious: the service mixes up answers.
app.ack.duplicate | server | A second ack came for the same rating. | Look for retries in the service: at-least-once delivery.
app.ack.late | server | The ack came after its time was up. | Look at the service's queue, or raise --ack-timeout.
app.ack.lost_on_close | server | The connection ended before the ack came. | The rating may or may not be stored: check the service's durability; the row WS says how the connection ended.
app.script | generator | The locustfile raised an error. | Mend the locustfile; the log has the traceback.
"""


def _read_table(text: str) -> dict[str, FailureClass]:
    rows = (line.split(" | ") for line in text.strip().splitlines())
    return {row[0]: FailureClass(*row) for row in rows}


REFUSALS = frozenset({"http.rate_limited", "app.ack.negative"})
"""The classes that are a service's own no, and no fault of it."""

CLASSES: dict[str, FailureClass] = _read_table(_TABLE)
"""Every failure class by name."""


class Failure(Exception):
    """Something failed, and the class says what.

    ``str()`` of it is the class's name and nothing else, so that a server's words can never make
    new rows in Locust's error table; they are in ``detail``.

    Attributes:
        kind: the row of :data:`CLASSES`.
        detail: what was seen (an alert, a status line, a close reason), for one sample in the
            report; made harmless by :func:`harmless`.
        retry_after_s: how long the server asked us to stay away, if it did.
    """

    def __init__(self, name: str, detail: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(name)
        self.kind = CLASSES[name]
        self.detail = harmless(detail)
        self.retry_after_s = retry_after_s

    def add_detail(self, text: str) -> None:
        """Add what else was seen."""
        self.detail = harmless("; ".join(filter(None, (self.detail, text))))

    def __repr__(self) -> str:
        """Return the class's name: Locust shows an exception by its ``repr``."""
        return self.kind.name


SAMPLE_LENGTH = 300
_FORMULA_MARKS = ("=", "+", "-", "@")


def printable(text: str, limit: int = SAMPLE_LENGTH) -> str:
    """Return ``text`` on one line, without control characters, cut to ``limit`` characters."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return "".join(char if char.isprintable() else "·" for char in text)


def harmless(text: str) -> str:
    """Return a peer's words as :func:`printable` does, and never as a spreadsheet's formula."""
    shown = printable(text)
    return f"'{shown}" if shown[:1] in _FORMULA_MARKS else shown
