"""The server's TLS: who gets in, who is refused and how, what is resumed."""

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openclaw_locust.server.certificates import issue, make_ca
from tests.embedded import Served, serve

TLS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def trusting(server: Served, version: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(server.ca))
    if version:
        context.minimum_version = context.maximum_version = TLS[version]
    return context


@contextmanager
def tls(
    server: Served, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection((server.host, server.port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="localhost", session=session) as connection,
    ):
        yield connection


def health(connection: ssl.SSLSocket) -> bytes:
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return connection.recv(4096)


@pytest.fixture(scope="module")
def demanding() -> Iterator[Served]:
    with serve("--mtls") as server:
        yield server


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_the_client_chooses_between_tls_1_2_and_1_3(served: Served, version: str) -> None:
    with tls(served, trusting(served, version)) as connection:
        assert connection.version() == f"TLSv{version}"
        assert b"200 OK" in health(connection)


@pytest.mark.parametrize(
    ("args", "version"), [(["--tls-min", "1.3"], "1.2"), (["--tls-max", "1.2"], "1.3")]
)
def test_another_version_is_refused_with_its_alert(args: list[str], version: str) -> None:
    with (
        serve(*args) as server,
        pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"),
        tls(server, trusting(server, version)),
    ):
        pass


def test_the_key_is_ecdsa_on_p256_unless_told_otherwise(served: Served) -> None:
    context = trusting(served, "1.2")
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    with tls(served, context) as connection:
        assert b"200 OK" in health(connection)
    with serve("--key", "rsa2048") as server:
        context = trusting(server, "1.2")
        context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        with pytest.raises(ssl.SSLError, match="ALERT_HANDSHAKE_FAILURE"), tls(server, context):
            pass
        context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
        with tls(server, context) as connection:
            assert b"200 OK" in health(connection)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_sessions_are_resumed_with_tickets_and_the_server_counts_them(version: str) -> None:
    with serve() as server:
        context = trusting(server, version)
        session = None
        resumed = []
        for _ in range(3):
            with tls(server, context, session) as connection:
                health(connection)  # the tickets of TLS 1.3 come with the first read
                session = connection.session
                resumed.append(connection.session_reused)
        assert resumed == [False, True, True]
        counts = server.counts()
        assert (counts["tls_full"], counts["tls_resumed"]) == (1, 2)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_no_tickets_are_issued_when_told_so(version: str) -> None:
    with serve("--no-tickets") as server, tls(server, trusting(server, version)) as connection:
        assert b"200 OK" in health(connection)
        assert connection.session is None or not connection.session.has_ticket


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_mtls_lets_in_a_client_of_the_ca(demanding: Served, version: str) -> None:
    context = trusting(demanding, version)
    assert demanding.client_cert is not None
    context.load_cert_chain(demanding.client_cert, demanding.client_key)
    with tls(demanding, context) as connection:
        assert b"200 OK" in health(connection)


@pytest.mark.parametrize(
    ("version", "alert"),
    [("1.2", "ALERT_HANDSHAKE_FAILURE"), ("1.3", "ALERT_CERTIFICATE_REQUIRED")],
)
def test_mtls_refuses_a_client_without_a_certificate_with_the_alert_of_its_version(
    demanding: Served, version: str, alert: str
) -> None:
    with (
        pytest.raises(ssl.SSLError, match=alert),
        tls(demanding, trusting(demanding, version)) as connection,
    ):
        health(connection)


def test_mtls_refuses_a_client_of_another_ca(demanding: Served, tmp_path: Path) -> None:
    stranger = issue(make_ca(), ["stranger"], client=True)
    (tmp_path / "stranger.pem").write_bytes(stranger.chain_pem + stranger.key_pem)
    context = trusting(demanding)
    context.load_cert_chain(tmp_path / "stranger.pem")
    with (
        pytest.raises(ssl.SSLError, match="ALERT_UNKNOWN_CA"),
        tls(demanding, context) as connection,
    ):
        health(connection)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_failed_handshakes_leave_no_trace_but_a_count() -> None:
    with serve() as server:
        address = (server.host, server.port)
        with (
            pytest.raises(ssl.SSLCertVerificationError),
            tls(server, ssl.create_default_context()),
        ):
            pass
        with socket.create_connection(address, timeout=10) as plain:
            plain.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert plain.recv(100) == b""
        reset(socket.create_connection(address, timeout=10))
        half = socket.create_connection(address, timeout=10)
        half.sendall(b"\x16\x03\x01\x02\x00\x01")
        reset(half)
        with tls(server, trusting(server)) as connection:
            connection.sendall(b"\0no HTTP\r\n\r\n")
            assert b"400" in connection.recv(100)
        with tls(server, trusting(server)) as connection:
            assert b"200 OK" in health(connection)
            reset(connection)
        with tls(server, trusting(server)) as connection:
            assert b"200 OK" in health(connection)
        counts = server.counts()
        assert (counts["connections"], counts["tls_failed"], counts["tls_full"]) == (7, 4, 3)
        assert server.stderr == ""
