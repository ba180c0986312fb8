"""The certificates of a server that was given none: those in its folder, or fresh ones."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from openclaw_locust.server import certificates, pem_files
from openclaw_locust.server.errors import ServerError
from openclaw_locust.server.listening import is_wildcard

if TYPE_CHECKING:
    from pathlib import Path


def find_or_make(folder: Path, host: str, key: str | None) -> pem_files.PemFiles:
    """Return the files in ``folder``, after making CA, server and client where it has none.

    Args:
        folder: where they are, or shall be.
        host: where the server listens; fresh certificates hold its name.
        key: kind of the keys of fresh certificates; None is ecdsa.

    Raises:
        ServerError: the folder has a part of a set, or fresh ones cannot be made there.
    """
    files = pem_files.in_folder(folder)
    if files.cert.exists() and files.key.exists() and files.ca is not None and files.ca.exists():
        if key is not None:
            raise ServerError(
                f"--key: {folder} has its certificates already; "
                "leave --key out, or name an empty folder with --certs"
            )
        return files
    if any((folder / name).exists() for name in pem_files.NAMES):
        raise ServerError(
            f"--certs: {folder} has only some of {', '.join(pem_files.NAMES)}; "
            "name an empty folder, or a whole set"
        )
    kind = key or "ecdsa"
    ca = certificates.make_ca(key=kind)
    try:
        server = certificates.issue(ca, names_of(host), key=kind)
    except ValueError as exc:
        raise ServerError(f"no certificate for --host {host}: {exc}") from None
    client = certificates.issue(ca, ["client"], key=kind, client=True)
    pem_files.write(folder, pem_files.contents(ca, server, client))
    return files


def names_of(host: str) -> list[str]:
    """Return the names that the certificate of a server which listens on ``host`` holds."""
    own_name = socket.gethostname() if is_wildcard(host) else host
    # dict: each name once, in this order
    return list(dict.fromkeys([*pem_files.LOCAL_NAMES, own_name]))
