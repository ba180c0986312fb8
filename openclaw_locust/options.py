"""Every option once: its flag, its variable, its help and whether it may show in the web UI.

They go into Locust's own parser, so that the command line, ``locust.conf``, ``LOCUST_…`` variables
and the web UI's form all work. All values stay text here: Locust's form posts text past the parser,
so `settings.py` reads and validates every source in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Attributes:
        flag: as on the command line.
        help: one sentence for ``--help``, for the README's table and for the form.
        default: the text that stands when nothing is given; None: nothing.
        metavar: what the value is.
        kind: ``text``, ``switch`` or ``list`` (repeatable).
        in_web_ui: whether the form shows it. Never for what may carry a secret: the form's page has
            each value in its source.
        is_local: whether the value is about the machine that it is given on, as a path or an
            address is: a worker's own value wins over its master's.
    """

    flag: str
    help: str
    default: str | None = None
    metavar: str = "TEXT"
    kind: str = "text"
    in_web_ui: bool = True
    is_local: bool = False

    @property
    def dest(self) -> str:
        """The attribute of Locust's parsed options."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"LOCUST_{self.dest.upper()}"


OPTIONS: tuple[Option, ...] = (
    Option(
        "--tls-ca",
        "CA certificates to trust: a PEM or DER file, or a folder of them. Without it certifi's "
        "bundle is used, not the system's store.",
        metavar="PATH",
        is_local=True,
    ),
    Option(
        "--tls-crl",
        "Certificate revocation list (PEM) of the CA that issued the server's certificate: a "
        "revoked one is refused.",
        metavar="FILE",
        is_local=True,
    ),
    Option(
        "--client-cert",
        "Client certificate for mutual TLS, with its chain (PEM).",
        metavar="FILE",
        is_local=True,
    ),
    Option(
        "--client-key",
        "Key of the client certificate; may be left out when it is in the same file.",
        metavar="FILE",
        is_local=True,
    ),
    Option(
        "--client-certs",
        "Folder of client certificates, NAME.pem with NAME-key.pem: users take them in turns.",
        metavar="FOLDER",
        is_local=True,
    ),
    Option(
        "--client-key-passphrase",
        "Passphrase of the client keys; better given as a variable than on the command line.",
        in_web_ui=False,
        is_local=True,
    ),
    Option("--tls-min", "Lowest TLS version: 1.2 or 1.3.", default="1.2", metavar="VERSION"),
    Option("--tls-max", "Highest TLS version: 1.2 or 1.3.", default="1.3", metavar="VERSION"),
    Option(
        "--tls-ciphers",
        "Ciphers that are required, colons between: TLS 1.3 suites (TLS_AES_256_GCM_SHA384) and an "
        "OpenSSL list for TLS 1.2. With suites alone TLS 1.3 is required too.",
        metavar="LIST",
    ),
    Option(
        "--tls-resume",
        "Share of the connections that offer a TLS session of an earlier one.",
        default="0%",
        metavar="PERCENT",
    ),
    Option(
        "--tls-tickets",
        "Which sessions are offered: once (a user's own TLS 1.3 tickets, each a single time) or "
        "shared (one session serves all users, again and again).",
        default="once",
        metavar="USE",
    ),
    Option(
        "--sni",
        "Server name for SNI and for the certificate's verification, in place of the host.",
        metavar="NAME",
    ),
    Option(
        "--connect-to",
        "Connect TCP to this address; URL, SNI and verification stay the target's.",
        metavar="HOST:PORT",
        is_local=True,
    ),
    Option(
        "--source-ip",
        "Address of this machine to connect from; repeatable, they take turns.",
        metavar="ADDRESS",
        kind="list",
        is_local=True,
    ),
    Option(
        "--insecure",
        "Do not verify the server's certificate; every output then says so.",
        kind="switch",
    ),
    Option(
        "--header",
        "Header of the upgrade request, 'Name: value'; repeatable.",
        metavar="HEADER",
        kind="list",
        in_web_ui=False,
    ),
    Option(
        "--token",
        "Bearer token for the Authorization header; never shown. Better given as a variable.",
        in_web_ui=False,
    ),
    Option(
        "--subprotocol",
        "WebSocket subprotocol to offer; repeatable, in order of preference.",
        metavar="NAME",
        kind="list",
    ),
    Option(
        "--proxy",
        "HTTP proxy to tunnel through (CONNECT). HTTPS_PROXY is never used by itself.",
        metavar="URL",
        in_web_ui=False,
        is_local=True,
    ),
    Option(
        "--dns-ttl",
        "How long an answer of the resolver is used; all its addresses take turns.",
        default="60s",
        metavar="DURATION",
    ),
    Option(
        "--connect-timeout",
        "Limit for the whole way from DNS to the 101.",
        default="10s",
        metavar="DURATION",
    ),
    Option(
        "--ack-timeout",
        "How long a rating waits for its ack before it counts as failed.",
        default="5s",
        metavar="DURATION",
    ),
    Option(
        "--max-message",
        "Largest message that is accepted from the service; a larger one ends its connection.",
        default="1MiB",
        metavar="SIZE",
    ),
    Option(
        "--ack-match",
        "What an ack looks like: dotted path = value; repeatable, all must hold "
        "(default: type=ack).",
        metavar="PATH=VALUE",
        kind="list",
    ),
    Option(
        "--ack-id",
        "Member that carries an id in rating and ack; none: match by item, the oldest first.",
        default="none",
        metavar="FIELD",
    ),
    Option(
        "--pause",
        "Pause of a user between two ratings (default: 1s) or handshakes (default: none); a "
        "class's own wait_time wins.",
        metavar="DURATION",
    ),
    Option(
        "--connection-lifetime",
        "Close a connection and open a new one when it is this old (default: keep it).",
        metavar="DURATION",
    ),
    Option(
        "--messages-per-connection",
        "Close a connection and open a new one after this many ratings (default: keep it).",
        metavar="N",
    ),
    Option(
        "--stages",
        "Users over time, DURATION:USERS for each stage: a linear ramp from the last number to "
        "this one, in 0s a jump. In place of -u, -r and -t.",
        metavar="STAGES",
    ),
    Option(
        "--arrival-rate",
        "Open model: ratings per second over all users, sent on schedule whatever the service "
        "does; in place of --pause.",
        metavar="RATE",
    ),
    Option(
        "--arrival-stages",
        "Open model with a rate over time, DURATION:RATE for each stage: a linear ramp from the "
        "last rate to this one, in 0s a jump. The run ends with them.",
        metavar="STAGES",
    ),
    Option(
        "--arrivals",
        "How the arrivals of the open model are spaced: constant or poisson.",
        default="constant",
        metavar="KIND",
    ),
    Option(
        "--in-flight",
        "How many ratings of one connection may wait for their acks at a time; more than 1 needs "
        "--ack-id.",
        default="1",
        metavar="N",
    ),
    Option(
        "--handshake-mode",
        "What HandshakeUser does with each connection: upgrade (TLS, HTTP upgrade, close), tls "
        "(handshake and close), or http (keep it, and GET --http-path again and again).",
        default="upgrade",
        metavar="MODE",
    ),
    Option(
        "--http-path",
        "Path that HandshakeUser asks for in its mode http.",
        default="/health",
        metavar="PATH",
    ),
    Option(
        "--connect-rate",
        "Open model of HandshakeUser: connections per second over all users, or DURATION:RATE for "
        "each stage; begun on schedule whatever the service does.",
        metavar="RATE",
    ),
    Option(
        "--close",
        "How a connection ends: polite (the protocol's own end, and the server closes first) or "
        "reset (at once).",
        default="polite",
        metavar="HOW",
    ),
    Option(
        "--warm-up",
        "Leave this much of the run's beginning out of every figure.",
        default="0s",
        metavar="DURATION",
    ),
    Option(
        "--threshold",
        "What must hold, e.g. 'ack p95 < 250ms', 'errors < 1%', 'rate > 400/s'; 'for 60s' makes it "
        "a sliding window, 'abort' ends the run; repeatable; none: no limit at all (default: P50 < "
        "100, P95 < 250, P99 < 500 ms, errors < 1 %).",
        metavar="EXPRESSION",
        kind="list",
    ),
    Option("--item-max", "Ratings go to random items from 1 to this.", default="1000", metavar="N"),
    Option(
        "--demo",
        "Start the embedded rating server and load it in place of a --host.",
        kind="switch",
        in_web_ui=False,
    ),
)

LOCAL_OPTIONS = tuple(option for option in OPTIONS if option.is_local)


def add_options(parser: Any) -> None:
    """Add every option to Locust's parser (``locust.argument_parser.LocustArgumentParser``)."""
    for option in OPTIONS:
        common: dict[str, Any] = {
            "env_var": option.variable,
            "help": option.help,
            "include_in_web_ui": option.in_web_ui,
        }
        if option.kind == "switch":
            parser.add_argument(option.flag, action="store_true", default=False, **common)
        elif option.kind == "list":
            # The default must be None: argparse appends to a default list instead of replacing it.
            parser.add_argument(
                option.flag, action="append", default=None, metavar=option.metavar, **common
            )
        else:
            parser.add_argument(
                option.flag, default=option.default or "", metavar=option.metavar, **common
            )
