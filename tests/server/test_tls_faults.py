"""The faults of the TLS handshake, each from a server of its own, as the real client sees them."""

import contextlib
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from openclaw_locust.failures import Failure
from openclaw_locust.server import certificates
from openclaw_locust.server.faults.hello import ALERTS, alert_record
from openclaw_locust.server.faults.kinds import OCCASIONS
from openclaw_locust.server.faults.listener import ends_encrypted
from tests.embedded import Served, serve
from tests.wire.client import opened, refused, soon

RATING, ACK = b'{"action":"rate","itemId":7,"score":5}', b'{"type":"ack","itemId":7,"score":5}'
PATIENCE_S = 20.0
AT_ONCE = 6  # servers that run at one time: each is a process

Args = tuple[str, ...]
NAMES = [name for name, occasion in OCCASIONS.items() if occasion == "hello"]
UNDER_CONDITIONS: list[Args] = [
    ("tls.cert.expired", "--tls-max", "1.2"),
    ("tls.cert.expired", "--key", "rsa2048"),
    ("tls.cert.hostname", "--host", "::1"),
    ("tls.client_cert.missing", "--tls-max", "1.2"),
    ("tls.client_cert.missing", "--mtls"),
    ("tls.client_cert.untrusted", "--mtls"),
    ("tls.client_cert.untrusted", "--mtls", "--tls-max", "1.2"),
    ("tls.extension", "--tls-max", "1.2"),
    ("tls.record", "--tls-max", "1.2"),
    ("tls.record", "--mtls", "--tls-max", "1.2"),
]

# how OpenSSL's x509_vfy.h numbers what the client says
VERIFY_CODES = {
    "tls.cert.untrusted": 20,
    "tls.cert.expired": 10,
    "tls.cert.not_yet_valid": 9,
    "tls.cert.hostname": 64,
    "tls.cert.revoked": 23,
    "tls.cert.weak": 66,
    "tls.cert.purpose": 26,
    "tls.cert.chain_too_long": 22,
    "tls.cert.structure": 34,
}


def options_for(server: Served) -> dict[str, Any]:
    """Return what a client has that does all that the server tells it."""
    options: dict[str, Any] = {"tls_ca": server.ca}
    if server.crl is not None:
        options["tls_crl"] = server.crl
    return options


@contextlib.contextmanager
def running(wanted: Iterable[Args]) -> Iterator[list[Served]]:
    """Run a server for each list of options, all at one time."""
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        yield list(pool.map(lambda args: stack.enter_context(serve("--fault", *args)), wanted))


def attempt(server: Served, **options: Any) -> Failure | None:
    """Return how a try to connect and to rate once fails; None: it does not."""
    try:
        with opened(server.url, **options_for(server), **options) as websocket:
            websocket.send(RATING, soon())
            assert websocket.receive(soon()).payload == ACK
    except Failure as failure:
        return failure
    return None


@pytest.fixture(scope="module")
def seen() -> dict[Args, Failure | None]:
    """What the client makes of each fault, by the fault and the server's further options."""
    found: dict[Args, Failure | None] = {}
    wanted = [(name,) for name in NAMES] + UNDER_CONDITIONS
    for first in range(0, len(wanted), AT_ONCE):
        batch = wanted[first : first + AT_ONCE]
        with running(batch) as servers:
            for args, server in zip(batch, servers, strict=True):
                options: dict[str, Any] = {}
                if "--mtls" in args:
                    options |= {"client_cert": server.client_cert, "client_key": server.client_key}
                if args[0] == "tls.timeout":
                    options["connect_timeout"] = "1s"
                found[args] = attempt(server, **options)
                counts = server.counts()
                assert counts["faults"] == {args[0]: 1}
                assert (counts["connections"], counts["tls_failed"]) == (1, 1)
                assert server.stderr == ""
    return found


@pytest.mark.parametrize("name", NAMES)
def test_each_fault_is_seen_as_the_class_of_its_name(
    seen: dict[Args, Failure | None], name: str
) -> None:
    assert str(seen[name,]) == name


@pytest.mark.parametrize("args", UNDER_CONDITIONS, ids=" ".join)
def test_neither_version_nor_key_nor_mtls_makes_another_class_of_it(
    seen: dict[Args, Failure | None], args: Args
) -> None:
    assert str(seen[args]) == args[0]


@pytest.mark.parametrize("name", VERIFY_CODES)
def test_a_wrong_certificate_is_wrong_in_one_way(
    seen: dict[Args, Failure | None], name: str
) -> None:
    failure = seen[name,]
    assert failure is not None
    assert f"(verify code {VERIFY_CODES[name]})" in failure.detail


def test_every_wrong_certificate_has_its_verify_code() -> None:
    assert [name for name in NAMES if name.startswith("tls.cert.")] == list(VERIFY_CODES)


# -- shares --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [
        ("tls.reset=50%",),
        ("tls.sni=50%",),
        ("tls.cert.expired=50%",),
        ("tls.client_cert.missing=50%", "--host", "::1"),
        ("tls.record=30%", "--fault", "tls.cert.weak=50%"),
    ],
    ids=" ".join,
)
def test_a_share_of_the_connections_is_struck_and_the_others_work_to_the_end(args: Args) -> None:
    names = {text.partition("=")[0] for text in args if text.startswith("tls.")}
    found: Counter[str] = Counter()
    with running([args]) as [server]:
        # that one of two outcomes stays away for 60 times will not be seen
        for _ in range(60):
            found[str(attempt(server))] += 1
            if {*found} >= {*names, "None"}:
                break
        counts = server.counts()
    good = found.pop("None")
    assert {*found} == names
    assert counts["faults"] == found
    assert counts["acks"] == counts["tls_full"] == good > 0
    assert counts["tls_failed"] == found.total()
    assert counts["connections"] == good + found.total()


def test_a_time_counts_from_the_first_rating() -> None:
    with running([("tls.sni@300ms",)]) as [server]:
        assert attempt(server) is None
        deadline = time.monotonic() + PATIENCE_S
        while (failure := attempt(server)) is None:
            assert time.monotonic() < deadline
        assert str(failure) == "tls.sni"


# -- how it is done ------------------------------------------------------------------------------


def test_a_required_certificate_is_missed_only_after_the_clients_part_of_the_handshake() -> None:
    with running([("tls.client_cert.missing",)]) as [server]:
        context = ssl.create_default_context(cafile=str(server.ca))
        with (
            socket.create_connection((server.host, server.port), timeout=PATIENCE_S) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as connection,
        ):
            assert connection.version() == "TLSv1.3"
            with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
                connection.recv(1)


def test_a_client_that_shows_a_certificate_is_let_in_where_one_is_required() -> None:
    with running([("tls.client_cert.missing",)]) as [server]:
        identity = {"client_cert": server.client_cert, "client_key": server.client_key}
        assert attempt(server, **identity) is None


def test_a_client_that_verifies_nothing_can_work_with_a_wrong_certificate() -> None:
    with running([("tls.cert.weak",), ("tls.cert.chain_too_long",)]) as servers:
        for server in servers:
            with opened(server.url, insecure=True) as websocket:
                websocket.send(RATING, soon())
                assert websocket.receive(soon()).payload == ACK


def test_a_client_that_knows_no_revocation_list_takes_the_revoked_certificate() -> None:
    with running([("tls.cert.revoked",)]) as [server], opened(server.url, tls_ca=server.ca):
        pass


def test_a_client_that_knows_the_list_still_takes_the_good_certificates(tmp_path: Path) -> None:
    with running([("tls.cert.revoked=50%", "--certs", str(tmp_path))]) as [server]:
        assert server.crl == tmp_path / "crl.pem"
        found = {str(attempt(server)) for _ in range(30)}
        assert found == {"None", "tls.cert.revoked"}
    # once more in the same folder: with a new certificate and a new list
    with running([("tls.cert.revoked", "--certs", str(tmp_path))]) as [server]:
        assert str(attempt(server)) == "tls.cert.revoked"
    with serve("--certs", tmp_path) as server:
        assert server.crl is None


def test_who_speaks_no_tls_is_not_struck() -> None:
    with running([("tls.reset",)]) as [server]:
        assert str(refused(server.url.replace("wss:", "ws:"))) == "http.eof"
        counts = server.counts()
        assert not any(counts["faults"].values())
        assert (counts["connections"], counts["tls_failed"]) == (1, 1)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_alert_has_the_bytes_that_openssl_answers_a_hello_with(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    said = {name: answer_of_openssl(tmp_path, version, alert) for name, alert in ALERTS.items()}
    ours = {name: alert_record(alert) for name, alert in ALERTS.items()}
    if version is ssl.TLSVersion.TLSv1_2:
        # TLS 1.2 has neither of them, and OpenSSL says handshake_failure in their place
        for name in ("tls.extension", "tls.client_cert.missing"):
            assert said.pop(name) == ours["tls.no_common_params"]
            del ours[name]
    assert said == ours


def answer_of_openssl(folder: Path, version: ssl.TLSVersion, alert: int) -> bytes:
    """Return what OpenSSL sends to a ClientHello that a callback refuses with an alert."""
    server = certificates.issue(certificates.make_ca(), ["localhost"])
    (folder / "server.pem").write_bytes(server.chain_pem + server.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.maximum_version = version
    context.sni_callback = lambda *_: alert
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(to_client, to_server, server_hostname="x")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    with pytest.raises(ssl.SSLError):
        context.wrap_bio(to_server, to_client, server_side=True).do_handshake()
    return to_client.read()


def record(kind: int, size: int = 3) -> bytes:
    return bytes((kind, 3, 3, 0, size)) + bytes(size)


@pytest.mark.parametrize(
    ("flight", "expected"),
    [
        (b"", False),
        (record(22) + record(20, 1) + record(23) + record(23), True),  # TLS 1.3
        (record(22) + record(20, 1), False),  # TLS 1.3: a HelloRetryRequest
        (record(22) + record(22), False),  # TLS 1.2, the first flight
        (record(22) + record(20, 1) + record(22), True),  # TLS 1.2, the last flight
        (record(21), False),
    ],
)
def test_the_end_of_a_flight_is_known_to_be_encrypted_or_not(flight: bytes, expected: bool) -> None:
    assert ends_encrypted(flight) is expected


# -- the end -------------------------------------------------------------------------------------


def test_connections_that_are_held_in_silence_do_not_hold_the_stop() -> None:
    hello = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="x")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    data = hello.read()
    with running([("tls.timeout",)]) as [server], contextlib.ExitStack() as stack:
        address = (server.host, server.port)
        for number in range(50):
            held = stack.enter_context(socket.create_connection(address, timeout=PATIENCE_S))
            held.sendall(data[: 1 if number % 2 else len(data)])
        stack.enter_context(socket.create_connection(address))  # does not say a word either
        # a later one is accepted only behind all of these
        assert str(attempt(server, connect_timeout="1s")) == "tls.timeout"
        assert server.stop() == 0
        assert held.recv(1) == b""
        counts = server.counts()
        assert counts["faults"] == {"tls.timeout": 51}
        assert counts["connections"] == counts["tls_failed"] == 52
        assert server.stderr == ""


# -- what cannot be done -------------------------------------------------------------------------


def complaint(*args: str | Path) -> str:
    """Return the one line with which the server does not start."""
    command = [sys.executable, "-m", "openclaw_locust.cli", "serve", "--port", "0", *map(str, args)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    return ended.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as `openclaw-locust certs` makes it."""
    command = [sys.executable, "-m", "openclaw_locust.cli", "certs", "--out", str(tmp_path)]
    subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=True)
    return tmp_path


def test_a_certificate_that_was_given_can_have_no_wrong_sisters(folder: Path) -> None:
    given: list[str | Path] = [
        "--cert",
        folder / "server.pem",
        "--cert-key",
        folder / "server-key.pem",
    ]
    said = complaint("--fault", "tls.cert.expired", *given, "--ca", folder / "ca.pem")
    assert "tls.cert.expired" in said
    assert "leave out --cert" in said


def test_other_faults_of_tls_go_with_a_certificate_that_was_given(folder: Path) -> None:
    given: list[str | Path] = [
        "--cert",
        folder / "server.pem",
        "--cert-key",
        folder / "server-key.pem",
    ]
    wanted = [(name, *map(str, given)) for name in ("tls.client_cert.missing", "tls.record")]
    with running(wanted) as servers:
        for (name, *_), server in zip(wanted, servers, strict=True):
            assert str(refused(server.url, tls_ca=folder / "ca.pem")) == name


def test_without_the_cas_key_there_is_no_wrong_certificate(folder: Path) -> None:
    (folder / "ca-key.pem").unlink()
    said = complaint("--fault", "tls.cert.weak", "--certs", folder)
    assert f"{folder / 'ca-key.pem'} cannot be read: No such file" in said


def test_a_key_of_another_ca_signs_nothing(folder: Path) -> None:
    (folder / "ca-key.pem").write_bytes(certificates.make_ca().key_pem)
    said = complaint("--fault", "tls.cert.weak", "--certs", folder)
    assert "the key does not belong to the certificate" in said


def test_faults_of_tls_need_tls() -> None:
    assert "--no-tls" in complaint("--fault", "tls.eof", "--no-tls")
