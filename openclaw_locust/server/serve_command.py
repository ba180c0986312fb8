"""``openclaw-locust serve``: its options, checked, and nothing of what they do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_locust.durations import parse_duration
from openclaw_locust.server.errors import ServerError, tell

if TYPE_CHECKING:
    import argparse

    from openclaw_locust.server.lifecycle import ServeOptions

HELP = "Serve ratings over TLS on this machine: the target of the demo and of the tests."

KEYS = ("ecdsa", "rsa2048")
TLS_VERSIONS = ("1.2", "1.3")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: %(default)s, which only this machine can reach)",
    )
    add("--port", default="8443", help="port; 0 takes a free one (default: %(default)s)")
    add(
        "--ack-delay",
        default="0",
        metavar="20ms",
        help="answer each message this long after it came (default: at once)",
    )
    add(
        "--ack-jitter",
        default="0",
        metavar="5ms",
        help="let --ack-delay vary by up to this much up and down, uniformly",
    )
    add(
        "--record",
        type=Path,
        metavar="FILE",
        help="at the end, write what was done to FILE as JSON: counts, CPU time, and how long each "
        "rating was in the server",
    )
    add(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[=SHARE][@FROM[..TO]]",
        help="do this wrong; repeatable: of several that could strike at one moment the first one "
        "does. NAME is the failure class that the client shall see (`openclaw-locust failures` "
        "lists them), http.NNN for a status or ws.close.NNNN for a close code: tls.cert.expired, "
        "http.503=10%%, ws.close.4429@10s, ack.loss=5%%@10s..20s. stall=2s@10s: for 2 s, read on "
        "but answer nothing (TLS handshakes go on); what was due leaves at the end, in order. "
        "Times count from the first rating, because that is the load's begin, however long the "
        "server has been waiting for it",
    )
    add(
        "--until-eof",
        action="store_true",
        help="end also when standard input ends: for a program that starts this one through a "
        "pipe, so that the server cannot outlive it",
    )

    add = parser.add_argument_group("TLS").add_argument
    add("--no-tls", action="store_true", help="serve plain ws://, behind a TLS terminator")
    add("--tls-min", choices=TLS_VERSIONS, help="lowest version (default: 1.2)")
    add("--tls-max", choices=TLS_VERSIONS, help="highest version (default: 1.3)")
    add(
        "--no-tickets",
        action="store_true",
        help="issue no session tickets, so that TLS 1.3 resumes nothing "
        "(TLS 1.2 may still resume by session id)",
    )
    add("--mtls", action="store_true", help="require a client certificate that the CA signed")
    add("--key", choices=KEYS, help="kind of the keys it makes (default: ecdsa, on P-256)")
    add(
        "--certs",
        type=Path,
        metavar="DIR",
        help="folder to make CA and certificates in, or where `openclaw-locust certs` made them "
        "(default: a private temporary one, removed at the end)",
    )
    add("--cert", type=Path, metavar="FILE", help="serve with this certificate chain")
    add("--cert-key", type=Path, metavar="FILE", help="the key of --cert")
    add("--ca", type=Path, metavar="FILE", help="the CA of --cert, and of clients with --mtls")


def run(args: argparse.Namespace) -> int:
    """Serve until a signal comes; 2 means that it could not start."""
    try:
        # here and not above: these are heavy, and an extra
        from openclaw_locust.server import lifecycle  # noqa: PLC0415

        lifecycle.run(_options(args))
    except (ServerError, ModuleNotFoundError) as error:
        return tell("serve", error)
    return 0


def _options(args: argparse.Namespace) -> ServeOptions:
    """Return the checked options.

    Raises:
        ServerError: an option is wrong or does not go with another.
    """
    from openclaw_locust.server.faults.options import (  # noqa: PLC0415
        check_transport,
        parse_faults,
    )
    from openclaw_locust.server.lifecycle import ServeOptions  # noqa: PLC0415
    from openclaw_locust.server.pem_files import PemFiles  # noqa: PLC0415
    from openclaw_locust.server.tls import TlsChoices  # noqa: PLC0415

    _check_combination(args)
    delay_s = _duration("--ack-delay", args.ack_delay)
    jitter_s = _duration("--ack-jitter", args.ack_jitter)
    if jitter_s > delay_s:
        raise ServerError(
            "--ack-jitter is larger than --ack-delay: no ack can be sent before its rating came"
        )
    if args.record is not None and not args.record.absolute().parent.is_dir():
        raise ServerError(f"--record: there is no folder {args.record.parent}; make it first")
    faults = parse_faults(args.fault)
    check_transport(faults, tls=not args.no_tls)
    files = None
    if args.cert is not None:
        files = PemFiles(cert=args.cert, key=args.cert_key, ca=args.ca)
    choices = TlsChoices(
        minimum=args.tls_min or "1.2",
        maximum=args.tls_max or "1.3",
        tickets=not args.no_tickets,
        mtls=args.mtls,
    )
    return ServeOptions(
        host=args.host,
        port=_port(args.port),
        tls=None if args.no_tls else choices,
        files=files,
        certs_folder=args.certs,
        key=args.key,
        ack_delay_s=delay_s,
        ack_jitter_s=jitter_s,
        faults=faults,
        record=args.record,
        until_eof=args.until_eof,
    )


def _check_combination(args: argparse.Namespace) -> None:
    if args.no_tls:
        given = {
            "--tls-min": args.tls_min,
            "--tls-max": args.tls_max,
            "--no-tickets": args.no_tickets,
            "--mtls": args.mtls,
            "--key": args.key,
            "--certs": args.certs,
            "--cert": args.cert,
            "--cert-key": args.cert_key,
            "--ca": args.ca,
        }
        for name, value in given.items():
            if value:
                raise ServerError(f"{name} means nothing with --no-tls; leave one of them out")
    if (args.cert is None) != (args.cert_key is None):
        raise ServerError("--cert and --cert-key go together; give both")
    if args.cert is None and args.ca is not None:
        raise ServerError("--ca goes with --cert and --cert-key; give them too")
    if args.cert is not None:
        for name, value in {"--certs": args.certs, "--key": args.key}.items():
            if value is not None:
                raise ServerError(
                    f"{name} is about certificates that the server makes, but --cert names one; "
                    "leave one of them out"
                )
    if args.cert is not None and args.mtls and args.ca is None:
        raise ServerError("--mtls with --cert needs the CA of the clients; give --ca ca.pem")
    if (args.tls_min, args.tls_max) == ("1.3", "1.2"):
        raise ServerError("--tls-min 1.3 is above --tls-max 1.2; leave one of them out")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise ServerError(f"--port {text!r} is no port; give a number from 0 to 65535")
    return int(text)


def _duration(name: str, text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as exc:
        raise ServerError(f"{name}: {exc}") from None
