"""The certificates that the peers of the connection's tests show."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from openclaw_locust.server.certificates import Issued, issue, make_ca

NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Pki:
    """Files of a test authority.

    Attributes:
        ca: what a client needs to trust it.
        other_ca: another authority.
        server: certificate and key of a proper server, in one PEM.
        expired, future, misnamed: the same, unusable.
        client, client_key: a client's certificate and its key.
        folder: where further files may be put.
    """

    folder: Path
    ca: Path
    other_ca: Path
    server: Path
    expired: Path
    future: Path
    misnamed: Path
    client: Path
    client_key: Path
    authority: Issued


def _write(path: Path, *parts: bytes) -> Path:
    path.write_bytes(b"".join(parts))
    return path


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    folder = tmp_path_factory.mktemp("pki")
    now, day = datetime.now(UTC), timedelta(days=1)
    ca = make_ca()

    def server(name: str, issued: Issued) -> Path:
        return _write(folder / name, issued.chain_pem, issued.key_pem)

    client = issue(ca, ["user 1"], client=True)
    return Pki(
        folder=folder,
        ca=_write(folder / "ca.pem", ca.chain_pem),
        other_ca=_write(folder / "other-ca.pem", make_ca().chain_pem),
        server=server("server.pem", issue(ca, NAMES)),
        expired=server("expired.pem", issue(ca, NAMES, not_before=now - 9 * day, days=1)),
        future=server("future.pem", issue(ca, NAMES, not_before=now + 9 * day)),
        misnamed=server("misnamed.pem", issue(ca, ["rating.example.com"])),
        client=_write(folder / "client.pem", client.chain_pem),
        client_key=_write(folder / "client-key.pem", client.key_pem),
        authority=ca,
    )
