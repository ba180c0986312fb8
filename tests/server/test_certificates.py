import datetime
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509

from openclaw_locust.server.certificates import Issued, general_name, issue, make_ca
from openclaw_locust.server.pem_files import PemFiles
from openclaw_locust.server.tls import TlsChoices, make_context


@contextmanager
def raising(message: str) -> Iterator[None]:
    with pytest.raises(ssl.SSLCertVerificationError, match=message):
        yield


def handshake(
    folder: Path, ca: Issued, server: Issued, *, name: str, client: Issued | None = None
) -> ssl.SSLObject:
    """Do a handshake in memory with a client as strict as Python 3.13's; return its side."""
    paths = {}
    for file, content in {
        "ca": ca.chain_pem,
        "cert": server.chain_pem,
        "key": server.key_pem,
        "client": client.chain_pem + client.key_pem if client else b"",
    }.items():
        paths[file] = folder / f"{file}.pem"
        paths[file].write_bytes(content)
    files = PemFiles(cert=paths["cert"], key=paths["key"], ca=paths["ca"])
    server_context = make_context(files, TlsChoices(mtls=client is not None))
    server_context.verify_flags |= ssl.VERIFY_X509_STRICT
    client_context = ssl.create_default_context(cafile=str(paths["ca"]))
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    if client:
        client_context.load_cert_chain(paths["client"])
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_side = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server_side = server_context.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client_side, server_side]
    while waiting:
        side = waiting.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(side)
    return client_side


@pytest.mark.parametrize("key", ["ecdsa", "rsa2048"])
@pytest.mark.parametrize("name", ["a.rating.example.com", "localhost", "127.0.0.1", "::1"])
def test_a_strict_client_accepts_the_server_under_each_of_its_names(
    tmp_path: Path, key: str, name: str
) -> None:
    ca = make_ca(key=key)
    server = issue(ca, ["*.rating.example.com", "localhost", "127.0.0.1", "::1"], key=key)
    assert handshake(tmp_path, ca, server, name=name).version() == "TLSv1.3"


def test_a_strict_server_accepts_the_client(tmp_path: Path) -> None:
    ca = make_ca()
    server = issue(ca, ["localhost"])
    assert handshake(
        tmp_path, ca, server, name="localhost", client=issue(ca, ["user 1"], client=True)
    )


def test_a_chain_with_an_intermediate_authority_is_accepted(tmp_path: Path) -> None:
    root = make_ca()
    server = issue(make_ca("intermediate", parent=root), ["localhost"])
    assert server.chain_pem.count(b"BEGIN CERTIFICATE") == 2
    assert handshake(tmp_path, root, server, name="localhost")


def test_the_odd_ones_are_refused_for_what_is_odd_about_them(tmp_path: Path) -> None:
    ca = make_ca()
    now = datetime.datetime.now(datetime.UTC)
    old = now - datetime.timedelta(days=30)
    with raising("certificate has expired"):
        handshake(tmp_path, ca, issue(ca, ["localhost"], not_before=old, days=7), name="localhost")
    soon = now + datetime.timedelta(days=1)
    with raising("certificate is not yet valid"):
        handshake(tmp_path, ca, issue(ca, ["localhost"], not_before=soon), name="localhost")
    with raising("Hostname mismatch"):
        handshake(tmp_path, ca, issue(ca, ["other.example.com"]), name="localhost")
    with raising("unable to get local issuer certificate"):
        handshake(tmp_path, ca, issue(make_ca(), ["localhost"]), name="localhost")
    with raising("unsuitable certificate purpose"):
        handshake(tmp_path, ca, issue(ca, ["localhost"], client=True), name="localhost")


def test_certificates_begin_a_little_in_the_past_and_end_when_told() -> None:
    before = datetime.datetime.now(datetime.UTC)
    certificate = make_ca(days=5).certificate
    assert certificate.not_valid_before_utc < before - datetime.timedelta(minutes=50)
    left = certificate.not_valid_after_utc - before
    assert abs(left - datetime.timedelta(days=5)) < datetime.timedelta(minutes=5)


def test_two_authorities_have_different_names() -> None:
    assert make_ca().certificate.subject != make_ca().certificate.subject


def test_names_become_addresses_or_dns_names() -> None:
    assert general_name("::1").value.compressed == "::1"
    assert isinstance(general_name("192.0.2.7"), x509.IPAddress)
    assert general_name("*.example.com").value == "*.example.com"
    assert general_name("bücher.example").value == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "name", ["", "*", "*.", "a b", "wss://x.example", "x.example:443", "a..b", "192.0.2.7/24"]
)
def test_what_is_neither_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="neither a domain nor an IP address"):
        general_name(name)


def test_an_unknown_kind_of_key_is_refused() -> None:
    with pytest.raises(ValueError, match="ecdsa or rsa2048"):
        make_ca(key="dsa")
