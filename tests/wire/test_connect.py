"""From a URL to an open WebSocket against real peers: what works, and the class of each refusal."""

import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from openclaw_locust.server.certificates import issue
from openclaw_locust.wire.connection import Clock
from openclaw_locust.wire.websocket import WebSocket
from tests.embedded import Served, serve
from tests.peers import (
    SWITCHING,
    cut,
    end_tls,
    frame,
    hear_frame,
    hear_some,
    hear_upgrade,
    hold,
    play,
    reset,
    say,
    tls,
)
from tests.wire.client import endpoint, lost, opened, refused, soon
from tests.wire.conftest import Pki

RATING = b'{"action":"rate","itemId":7,"score":5}'
ACK = {"type": "ack", "itemId": 7, "score": 5}


def rate(websocket: WebSocket) -> None:
    """Send one rating and see its ack."""
    websocket.send(RATING, soon())
    assert orjson.loads(websocket.receive(soon()).payload) == ACK


# -- what works ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rsa() -> Iterator[Served]:
    with serve("--key", "rsa2048", "--host", "::1", "--tls-max", "1.2") as server:
        yield server


@pytest.fixture(scope="module")
def demanding() -> Iterator[Served]:
    with serve("--mtls") as server:
        yield server


def test_tls_1_3_with_ecdsa_over_ipv4(served: Served) -> None:
    clock = Clock()
    with opened(served.url, tls_ca=served.ca, clock=clock) as websocket:
        rate(websocket)
        rate(websocket)
    assert clock.negotiated is not None
    assert (clock.negotiated.version, clock.negotiated.key) == ("TLSv1.3", "ECDSA P-256")
    assert (clock.negotiated.signature, clock.negotiated.alpn) == ("ecdsa-with-SHA256", "http/1.1")
    assert (clock.negotiated.group, clock.negotiated.resumed) == ("x25519", False)
    assert clock.address == "127.0.0.1"
    for name in ("dns", "tcp", "tls", "upgrade"):
        assert (getattr(clock, f"{name}_ns") or 0) > 0
    assert clock.proxy_ns is None


def test_tls_1_2_with_rsa_over_ipv6(rsa: Served) -> None:
    clock = Clock()
    with opened(rsa.url, tls_ca=rsa.ca, clock=clock) as websocket:
        rate(websocket)
    assert clock.negotiated is not None
    assert (clock.negotiated.version, clock.negotiated.key) == ("TLSv1.2", "RSA 2048")
    assert "RSA" in clock.negotiated.cipher
    assert clock.address == "::1"


def test_the_lowest_version_and_the_ciphers_are_as_asked(served: Served, rsa: Served) -> None:
    assert str(refused(rsa.url, tls_ca=rsa.ca, tls_min="1.3")) == "tls.version"
    clock = Clock()
    suite = "ECDHE-RSA-AES256-GCM-SHA384"
    with opened(rsa.url, tls_ca=rsa.ca, tls_ciphers=suite, clock=clock):
        assert clock.negotiated is not None
        assert clock.negotiated.cipher == suite
    failure = refused(rsa.url, tls_ca=rsa.ca, tls_ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    assert str(failure) == "tls.cipher_not_offered"


def test_plain_ws_works_and_has_no_tls_phase() -> None:
    clock = Clock()
    with serve("--no-tls") as server, opened(server.url, clock=clock) as websocket:
        rate(websocket)
    assert (clock.tls_ns, clock.negotiated) == (None, None)


def test_verification_can_be_switched_off(served: Served) -> None:
    with opened(served.url, insecure=True) as websocket:
        rate(websocket)


def test_large_messages_go_and_come_whole(pki: Pki) -> None:
    big = b"x" * 1_000_000
    with play(
        tls(pki.server), hear_upgrade(), say(SWITCHING), hear_frame(), say(frame(big, 2)), hold()
    ) as peer:
        with opened(f"wss://{peer.host}:{peer.port}/", tls_ca=pki.ca) as websocket:
            websocket.send(big, soon(), 2)
            assert websocket.receive(soon()).payload == big
        assert peer.heard(3)[2] == b"\x82" + big


def test_a_message_behind_the_101_in_the_same_bytes_is_the_first(pki: Pki) -> None:
    behind = frame(b"one") + frame(b"two") + frame(b"thr")[:2]
    script = (tls(pki.server), hear_upgrade(), say(SWITCHING + behind), hear_some(), say(b"ree"))
    with (
        play(*script) as peer,
        opened(f"wss://{peer.host}:{peer.port}/", tls_ca=pki.ca) as websocket,
    ):
        assert websocket.receive(soon()).payload == b"one"
        assert websocket.receive(soon()).payload == b"two"
        websocket.send(b"go on", soon())
        assert websocket.receive(soon()).payload == b"ree"


def test_the_server_hears_the_name_and_the_host(pki: Pki) -> None:
    with play(tls(pki.server), hear_upgrade(), say(SWITCHING)) as peer:
        with opened(f"wss://localhost:{peer.port}/p?q=1", tls_ca=pki.ca):
            pass
        name, head = peer.heard(2)[:2]
    assert name == b"localhost"
    assert head.startswith(b"GET /p?q=1 HTTP/1.1\r\nHost: localhost:%d\r\n" % peer.port)


def test_connect_to_changes_only_where_tcp_goes(pki: Pki) -> None:
    with play(tls(pki.misnamed), hear_upgrade(), say(SWITCHING)) as peer:
        with opened(
            "wss://rating.example.com/", tls_ca=pki.ca, connect_to=f"127.0.0.1:{peer.port}"
        ):
            pass
        name, head = peer.heard(2)[:2]
    assert name == b"rating.example.com"
    assert b"\r\nHost: rating.example.com\r\n" in head


def test_sni_changes_only_the_name_of_tls(pki: Pki) -> None:
    url = "wss://localhost:{}/"
    with play(tls(pki.misnamed), hear_upgrade(), say(SWITCHING)) as peer:
        with opened(url.format(peer.port), tls_ca=pki.ca, sni="rating.example.com"):
            pass
        name, head = peer.heard(2)[:2]
    assert name == b"rating.example.com"
    assert b"\r\nHost: localhost:" in head


def test_a_subprotocol_that_is_chosen_is_noted_and_one_that_is_not_is_no_failure(
    pki: Pki,
) -> None:
    chosen = SWITCHING.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: b\r\n\r\n")
    for answer, wanted in ((chosen, "b"), (SWITCHING, None)):
        clock = Clock()
        with (
            play(tls(pki.server), hear_upgrade(), say(answer)) as peer,
            opened(
                f"wss://{peer.host}:{peer.port}/",
                tls_ca=pki.ca,
                subprotocol=["a", "b"],
                clock=clock,
            ),
        ):
            assert clock.subprotocol == wanted


def test_the_key_log_can_be_read_by_others(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    with opened(served.url, tls_ca=served.ca):
        pass
    assert "CLIENT_TRAFFIC_SECRET_0 " in (tmp_path / "keys.log").read_text()


# -- client certificates -------------------------------------------------------------------------


def test_a_client_certificate_that_is_asked_for_is_shown(demanding: Served) -> None:
    with opened(
        demanding.url,
        tls_ca=demanding.ca,
        client_cert=demanding.client_cert,
        client_key=demanding.client_key,
    ) as websocket:
        rate(websocket)


def test_each_user_shows_its_own_certificate(pki: Pki, tmp_path: Path) -> None:
    for name in ("a", "b"):
        issued = issue(pki.authority, [name], client=True)
        (tmp_path / f"{name}.pem").write_bytes(issued.chain_pem)
        (tmp_path / f"{name}-key.pem").write_bytes(issued.key_pem)
    with play(tls(pki.server, client_ca=pki.ca), hear_upgrade(), say(SWITCHING)) as peer:
        url = f"wss://{peer.host}:{peer.port}/"
        for user in range(3):
            with opened(url, user, tls_ca=pki.ca, client_certs=tmp_path):
                pass
        shown = [peer.heard(2, connection=number)[1] for number in range(3)]
    assert [each.partition(b"=")[2] for each in shown] == [b"a", b"b", b"a"]


@pytest.mark.parametrize(
    ("version", "name"), [("1.3", "tls.client_cert.missing"), ("1.2", "tls.no_common_params")]
)
def test_a_missing_client_certificate_is_told_by_the_alert(
    pki: Pki, version: str, name: str
) -> None:
    with play(tls(pki.server, version=version, client_ca=pki.ca)) as peer:
        for host in ("127.0.0.1", "localhost"):
            clock = Clock()
            failure = refused(f"wss://{host}:{peer.port}/", tls_ca=pki.ca, clock=clock)
            assert str(failure) == name
            assert "alert" in failure.detail
            assert clock.upgrade_ns is None


def test_the_embedded_server_refuses_a_client_without_a_certificate(demanding: Served) -> None:
    failure = refused(demanding.url, tls_ca=demanding.ca)
    assert str(failure) == "tls.client_cert.missing"


def test_a_client_certificate_of_another_authority_is_told_by_the_alert(pki: Pki) -> None:
    with play(tls(pki.server, client_ca=pki.other_ca)) as peer:
        failure = refused(
            f"wss://{peer.host}:{peer.port}/",
            tls_ca=pki.ca,
            client_cert=pki.client,
            client_key=pki.client_key,
        )
    assert str(failure) == "tls.client_cert.untrusted"


# -- certificates that we refuse -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("cert", "name", "seen"),
    [
        ("expired", "tls.cert.expired", r"certificate CN=localhost expired on \w{3} .* GMT"),
        ("future", "tls.cert.not_yet_valid", r"CN=localhost is valid from \w{3} .* GMT"),
        ("misnamed", "tls.cert.hostname", "the certificate is for rating.example.com"),
    ],
)
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_wrong_certificate_is_refused_with_its_class_and_what_is_wrong_with_it(
    pki: Pki, cert: str, name: str, seen: str, host: str, version: str
) -> None:
    with play(tls(getattr(pki, cert), version=version)) as peer:
        failure = refused(f"wss://{host}:{peer.port}/", tls_ca=pki.ca)
    assert str(failure) == name
    assert re.search(r"\(verify code \d+\); .*" + seen, failure.detail)


def test_an_unknown_authority_is_refused_and_named(pki: Pki) -> None:
    with play(tls(pki.server)) as peer:
        url = f"wss://{peer.host}:{peer.port}/"
        for failure in (refused(url, tls_ca=pki.other_ca), refused(url)):
            assert str(failure) == "tls.cert.untrusted"
            issuer = "issued by CN=openclaw-locust test CA [0-9a-f]{8}, sent alone"
            assert re.search(issuer, failure.detail)


def test_a_revoked_certificate_is_refused_where_the_list_is_given(pki: Pki, tmp_path: Path) -> None:
    leaf = x509.load_pem_x509_certificate(pki.server.read_bytes())
    lists = {"crl.pem": [leaf.serial_number], "of others.pem": [1]}
    for name, serials in lists.items():
        (tmp_path / name).write_bytes(revocation_list(pki, serials))
    with play(tls(pki.server)) as peer:
        url = f"wss://{peer.host}:{peer.port}/"
        failure = refused(url, tls_ca=pki.ca, tls_crl=tmp_path / "crl.pem")
        assert str(failure) == "tls.cert.revoked"
        assert "(verify code 23)" in failure.detail
        not_revoked = refused(
            url, tls_ca=pki.ca, tls_crl=tmp_path / "of others.pem", connect_timeout="200ms"
        )
        assert str(not_revoked) == "http.timeout"


def revocation_list(pki: Pki, serials: list[int]) -> bytes:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(pki.authority.certificate.subject)
        .last_update(now - timedelta(hours=1))
        .next_update(now + timedelta(days=1))
    )
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(pki.authority.key, hashes.SHA256()).public_bytes(Encoding.PEM)


# -- how a connect can end -----------------------------------------------------------------------


def test_plain_http_on_the_port_is_not_tls() -> None:
    with play(hear_some(), say(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as peer:
        assert str(refused(f"wss://{peer.host}:{peer.port}/")) == "tls.not_tls"


def test_tls_on_a_plain_port_is_not_http(pki: Pki) -> None:
    with play(hear_some(), say(b"\x15\x03\x01\x00\x02\x02\x46"), cut()) as peer:
        assert str(refused(f"ws://{peer.host}:{peer.port}/")) == "http.malformed"


ENDS: list[tuple[str, tuple[Any, ...]]] = [
    ("tls.eof", (cut(),)),
    ("tls.reset", (hear_some(), reset())),
    ("tls.eof", (hear_some(), cut())),
    ("tls.closed_in_handshake", (hear_some(), say(b"\x15\x03\x03\x00\x02\x01\x00"), cut())),
    ("tls.server_internal", (hear_some(), say(b"\x15\x03\x03\x00\x02\x02\x50"), cut())),
    ("tls.sni", (hear_some(), say(b"\x15\x03\x03\x00\x02\x02\x70"), reset())),
    ("tls.no_common_params", (say(b"\x15\x03\x03\x00\x02\x02\x28"), hear_some(), reset())),
]


@pytest.mark.parametrize(("name", "script"), ENDS)
def test_an_end_in_the_handshake_has_its_class(name: str, script: tuple[Any, ...]) -> None:
    with play(*script) as peer:
        failure = refused(f"wss://{peer.host}:{peer.port}/")
    assert str(failure) == name


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("http.eof", (hear_upgrade(), cut())),
        ("http.reset", (hear_upgrade(), reset())),
        ("http.eof", (hear_upgrade(), say(SWITCHING[:40]), cut())),
        ("http.reset", (hear_upgrade(), say(SWITCHING[:40]), reset())),
        ("http.malformed", (hear_upgrade(), say(b"SSH-2.0-x\r\n"))),
        ("http.bad_accept", (hear_upgrade(), say(SWITCHING.replace(b"{accept}", b"x")))),
        ("http.overloaded", (hear_upgrade(), say(b"HTTP/1.1 503 Busy\r\n\r\n"), cut())),
    ],
)
def test_an_end_before_the_101_has_its_class(
    pki: Pki, secure: bool, name: str, script: tuple[Any, ...]
) -> None:
    with play(*((tls(pki.server),) if secure else ()), *script) as peer:
        scheme = "wss" if secure else "ws"
        failure = refused(f"{scheme}://{peer.host}:{peer.port}/", tls_ca=pki.ca)
    assert str(failure) == name


def test_an_end_of_tls_before_the_101_is_an_end(pki: Pki) -> None:
    with play(tls(pki.server), hear_upgrade(), end_tls()) as peer:
        failure = refused(f"wss://{peer.host}:{peer.port}/", tls_ca=pki.ca)
    assert str(failure) == "http.eof"


@pytest.mark.parametrize(
    ("length", "end"), [(b"Content-Length: 25\r\n", hold()), (b"", cut()), (b"", reset())]
)
def test_the_body_of_a_refusal_is_part_of_the_sample(
    pki: Pki, length: bytes, end: tuple[Any, ...]
) -> None:
    head = b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n" + length + b"\r\n"
    script = (
        tls(pki.server),
        hear_upgrade(),
        say(head),
        say(b"The SSL "),
        say(b"certificate error"),
    )
    with play(*script, end) as peer:
        failure = refused(f"wss://{peer.host}:{peer.port}/", tls_ca=pki.ca)
    assert str(failure) == "tls.client_cert.bad"
    assert failure.detail == "400 Bad Request (Server: nginx) body: The SSL certificate error"


def test_a_redirect_is_never_followed(pki: Pki) -> None:
    with (
        play(hold()) as elsewhere,
        play(
            tls(pki.server),
            hear_upgrade(),
            say(
                b"HTTP/1.1 307 Go\r\nLocation: ws://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n"
                % elsewhere.port
            ),
        ) as peer,
    ):
        failure = refused(f"wss://{peer.host}:{peer.port}/", tls_ca=pki.ca, token="hush")
        assert elsewhere.connections() == 0
    assert str(failure) == "http.redirect"
    assert f"ws://127.0.0.1:{elsewhere.port}/" in failure.detail


def test_nobody_listening_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    failure = refused(f"wss://127.0.0.1:{port}/")
    assert str(failure) == "tcp.refused"
    assert failure.detail.startswith("127.0.0.1")


def test_the_embedded_server_refuses_in_http_what_is_no_websocket(served: Served) -> None:
    failure = refused(served.url_of("/nothing"), tls_ca=served.ca)
    assert str(failure) == "http.not_found"
    assert "404: there are /rating" in failure.detail


def test_an_end_right_behind_the_101_comes_with_the_first_read(pki: Pki) -> None:
    for end, name in ((cut(), "ws.abnormal.tls_truncated"), (end_tls(), "ws.abnormal.fin")):
        with play(tls(pki.server), hear_upgrade(), say(SWITCHING), end) as peer:
            url = f"wss://{peer.host}:{peer.port}/"
            with opened(url, tls_ca=pki.ca) as websocket:
                assert str(lost(websocket)) == name


def test_one_context_serves_all_connections_of_an_identity(pki: Pki) -> None:
    found = endpoint("wss://localhost/", tls_ca=pki.ca)
    assert found.tls is not None
    assert isinstance(found.tls.context(0), ssl.SSLContext)
    assert found.tls.context(0) is found.tls.context(12)
