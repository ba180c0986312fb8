"""Certificates on disk: one folder, fixed names, private keys that nobody else can read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_locust.server.errors import ServerError

if TYPE_CHECKING:
    from openclaw_locust.server.certificates import Issued

NAMES = (
    CA := "ca.pem",
    CA_KEY := "ca-key.pem",
    SERVER := "server.pem",
    SERVER_KEY := "server-key.pem",
    CLIENT := "client.pem",
    CLIENT_KEY := "client-key.pem",
)
CRL = "crl.pem"
CLIENTS_FOLDER = "clients"

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
"""The names that every server certificate holds."""


@dataclass(frozen=True, slots=True)
class PemFiles:
    """The files of a TLS server and of its clients.

    Attributes:
        cert: the server's chain.
        key: the server's private key.
        ca: what a client needs to trust the server, and the server to trust clients.
        client_cert: a client's certificate that ``ca`` signed.
        client_key: its private key.
        ca_key: the private key of ``ca``.
    """

    cert: Path
    key: Path
    ca: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    ca_key: Path | None = None


def in_folder(folder: Path) -> PemFiles:
    """Return the files that ``openclaw-locust certs`` makes in ``folder``."""
    return PemFiles(
        cert=folder / SERVER,
        key=folder / SERVER_KEY,
        ca=folder / CA,
        client_cert=folder / CLIENT,
        client_key=folder / CLIENT_KEY,
        ca_key=folder / CA_KEY,
    )


def contents(
    ca: Issued, server: Issued, client: Issued, more_clients: dict[str, Issued] | None = None
) -> dict[str, bytes]:
    """Return the contents of a folder of certificates by relative path."""
    pem = {"ca": ca, "server": server, "client": client}
    pem |= {f"{CLIENTS_FOLDER}/{name}": issued for name, issued in (more_clients or {}).items()}
    files: dict[str, bytes] = {}
    for name, issued in pem.items():
        files[f"{name}.pem"] = issued.chain_pem
        files[f"{name}-key.pem"] = issued.key_pem
    return files


def write(folder: Path, files: dict[str, bytes], *, force: bool = False) -> None:
    """Write ``files`` below ``folder``, which is made where it is missing.

    Nothing is written when one of them exists. Keys have mode 0600 from the moment they exist.

    Args:
        folder: where to.
        files: contents by relative path.
        force: replace files that exist.

    Raises:
        ServerError: a file exists already, or cannot be written.
    """
    paths = {folder / name: content for name, content in files.items()}
    existing = [path for path in paths if os.path.lexists(path)]
    if existing and not force:
        others = len(existing) - 1
        more = f" and {others} more exist" if others else " exists"
        raise ServerError(
            f"{existing[0]}{more} already: name another folder, or replace with --force"
        )
    try:
        for path, content in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if force:
                # the old file may be a link, or readable by all: never write into it
                path.unlink(missing_ok=True)
            mode = 0o600 if path.name.endswith("-key.pem") else 0o644
            # O_EXCL: no other process can have put a file or a link there meanwhile
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
    except OSError as exc:
        raise ServerError(f"cannot write {exc.filename or folder}: {exc.strerror}") from None
