"""``openclaw-locust certs``: a test CA with certificates for a server and its clients."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_locust.server import pem_files
from openclaw_locust.server.errors import ServerError, tell

if TYPE_CHECKING:
    import argparse

HELP = "Make a test CA, a server certificate and client certificates."

DAYS_MAX = 3650
CLIENTS_MAX = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add(
        "--domain",
        action="append",
        default=[],
        metavar="NAME",
        help="domain (*.example.com too) or IP address of the server; repeatable. "
        "localhost, 127.0.0.1 and ::1 are always in",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    add("--key", choices=("ecdsa", "rsa2048"), default="ecdsa", help="default: ecdsa, on P-256")
    add("--days", default="90", help="how long they are valid (default: %(default)s)")
    add(
        "--clients",
        default="0",
        metavar="N",
        help=f"also make N client certificates in DIR/{pem_files.CLIENTS_FOLDER}, "
        "so that each user can have an identity of its own",
    )
    add("--force", action="store_true", help="replace files that exist")


def run(args: argparse.Namespace) -> int:
    """Make the files and say which; 2 means that nothing was made."""
    try:
        _make(args)
    except (ServerError, ModuleNotFoundError) as error:
        return tell("certs", error)
    return 0


def _make(args: argparse.Namespace) -> None:
    # here and not above: it is heavy, and an extra
    from openclaw_locust.server import certificates  # noqa: PLC0415

    days = _whole_number("--days", args.days, 1, DAYS_MAX)
    client_count = _whole_number("--clients", args.clients, 0, CLIENTS_MAX)
    try:
        for name in args.domain:
            certificates.general_name(name)
    except ValueError as exc:
        raise ServerError(f"--domain: {exc}") from None
    # dict: each name once, in the order given
    names = list(dict.fromkeys([*args.domain, *pem_files.LOCAL_NAMES]))

    ca = certificates.make_ca(days=days, key=args.key)
    server = certificates.issue(ca, names, days=days, key=args.key)
    client, *more = (
        certificates.issue(ca, [name], days=days, key=args.key, client=True)
        for name in ["client", *_client_names(client_count)]
    )
    clients = dict(zip(_client_names(client_count), more, strict=True))
    stale = _stale_clients(args.out, set(clients))
    pem_files.write(args.out, pem_files.contents(ca, server, client, clients), force=args.force)

    folder = shlex.quote(str(args.out))
    print(f"made in {args.out}, valid for {days} days:")
    print("  ca.pem      ca-key.pem      the authority: clients need ca.pem (--tls-ca)")
    print(f"  server.pem  server-key.pem  for {', '.join(names)}")
    print("  client.pem  client-key.pem  for a server that asks for one (--mtls)")
    if client_count:
        last = f"client-{client_count}"
        print(
            f"  {pem_files.CLIENTS_FOLDER}/  client-1 to {last}, each with its key (--client-certs)"
        )
    if stale:
        print(
            f"note: {pem_files.CLIENTS_FOLDER}/ also holds {len(stale)} older files that this CA "
            f"did not sign, {stale[0]} among them; remove them"
        )
    print(f"next: openclaw-locust serve --certs {folder}")


def _client_names(count: int) -> list[str]:
    return [f"client-{number}" for number in range(1, count + 1)]


def _stale_clients(folder: Path, names: set[str]) -> list[str]:
    """Return the files of an earlier, larger set of clients that will stay."""
    present = (folder / pem_files.CLIENTS_FOLDER).glob("*.pem")
    return sorted(path.name for path in present if path.stem.removesuffix("-key") not in names)


def _whole_number(option: str, text: str, least: int, most: int) -> int:
    if text.isascii() and text.isdigit() and least <= int(text) <= most:
        return int(text)
    raise ServerError(f"{option} {text!r}: give a whole number from {least} to {most}")
