"""The parts of a handshake, its negotiated facts, its end, and where a connection goes out from."""

from __future__ import annotations

import socket
from pathlib import Path
from socket import AF_INET, AF_INET6
from typing import Any

import pytest

from openclaw_locust.failures import Failure
from openclaw_locust.wire.connection import Clock, open_transport
from openclaw_locust.wire.sessions import Inbox, Shelf
from openclaw_locust.wire.sources import Sources
from openclaw_locust.wire.tcp import now_ns
from openclaw_locust.wire.transport import Transport
from tests.embedded import serve
from tests.peers import (
    Peer,
    Step,
    end_tls,
    flood,
    hear_some,
    hold,
    pause,
    play,
    refuse_tls,
    say,
    tls,
)
from tests.wire.client import endpoint, refused, soon, until
from tests.wire.conftest import Pki

SLOW_S = 0.15


def shaken(peer: Peer, pki: Pki, **options: Any) -> tuple[Transport, Clock]:
    clock, url = Clock(), f"wss://{peer.host}:{peer.port}/"
    return open_transport(endpoint(url, tls_ca=pki.ca, **options), 0, clock), clock


def test_the_wait_for_the_server_is_in_hello_and_not_in_our_own_part(pki: Pki) -> None:
    with play(pause(SLOW_S), tls(pki.server)) as peer:
        transport, clock = shaken(peer, pki)
        transport.abort()
    assert clock.tls_ns and clock.hello_ns and clock.own_ns
    assert clock.hello_ns >= 0.9 * SLOW_S * 1e9  # its clock may have begun with the TCP connect
    assert 0 < clock.own_ns < SLOW_S * 1e9
    assert clock.hello_ns + clock.own_ns <= clock.tls_ns
    assert not clock.retried


def test_the_second_round_trip_of_tls_1_2_is_neither_hello_nor_our_own(pki: Pki) -> None:
    with play(tls(pki.server, version="1.2")) as peer:
        transport, clock = shaken(peer, pki)
        transport.abort()
    assert clock.tls_ns and clock.hello_ns and clock.own_ns
    assert clock.tls_ns - clock.hello_ns - clock.own_ns > 10_000


def test_another_key_share_is_noticed_with_the_round_trip_that_it_costs(pki: Pki) -> None:
    with play(tls(pki.server, curve="prime256v1")) as peer:
        transport, clock = shaken(peer, pki)
        transport.abort()
    assert clock.retried
    assert clock.negotiated is not None
    assert clock.negotiated.group == "P-256"


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"])
def test_a_suite_that_is_required_is_the_only_one_that_the_server_sees(
    pki: Pki, suite: str
) -> None:
    with play(tls(pki.server)) as peer:
        transport, clock = shaken(peer, pki, tls_ciphers=suite)
        transport.abort()
    assert clock.negotiated is not None
    assert clock.negotiated.cipher == suite


def time_waits(port: int) -> int:
    """Return how many sockets of this side are in TIME_WAIT towards a port."""
    rows = [line.split()[2:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        state == "06" and int(remote.partition(":")[2], 16) == port for remote, state in rows
    )


@pytest.mark.parametrize(
    "script",
    [
        (hear_some(), end_tls()),  # it waits for our FIN only after its own
        (say(b"data that nobody asked for"), hear_some(), end_tls()),
    ],
)
def test_the_peer_ends_tcp_first_and_keeps_the_port(pki: Pki, script: tuple[Step, ...]) -> None:
    with play(tls(pki.server), *script) as peer:
        transport, _ = shaken(peer, pki)
        transport.send(b"bye", soon())
        assert transport.let_peer_close(soon())
        assert time_waits(peer.port) == 0


def test_a_peer_that_never_ends_gets_a_reset_which_keeps_no_port(pki: Pki) -> None:
    with play(tls(pki.server), hear_some(), pause(5)) as peer:
        transport, _ = shaken(peer, pki)
        transport.send(b"bye", soon())
        assert not transport.let_peer_close(soon(0.3))
        assert time_waits(peer.port) == 0


def test_a_peer_that_never_stops_talking_does_not_extend_the_deadline(pki: Pki) -> None:
    with play(tls(pki.server), hear_some(), flood(b"x" * 16_000)) as peer:
        transport, _ = shaken(peer, pki)
        transport.send(b"bye", soon())
        started_ns = now_ns()
        assert not transport.let_peer_close(soon(0.3))
        assert now_ns() - started_ns < 5e9


def test_a_refusal_that_comes_after_our_handshake_is_seen_at_the_end(pki: Pki) -> None:
    with play(refuse_tls(pki.server, pki.ca)) as peer:
        transport, _ = shaken(peer, pki)
        with pytest.raises(Failure) as caught:
            transport.let_peer_close(soon())
    assert str(caught.value) == "tls.client_cert.missing"


def test_a_reset_keeps_no_port(pki: Pki) -> None:
    with play(tls(pki.server), hold()) as peer:
        transport, _ = shaken(peer, pki)
        transport.flush()
        peer.heard(1)  # the name: its handshake is over
        transport.reset()
        assert transport.ended is not None
        assert time_waits(peer.port) == 0


def test_a_reset_is_a_reset_to_the_peer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"ws://127.0.0.1:{server.getsockname()[1]}/"
        transport = open_transport(endpoint(url), 0, Clock())
        peer, _ = server.accept()
        with peer:
            transport.reset()
            peer.settimeout(10)
            with pytest.raises(ConnectionResetError):
                peer.recv(1)


@pytest.mark.parametrize(
    ("key", "kind", "signature"),
    [
        ("ecdsa", "ECDSA P-256", "ecdsa-with-SHA256"),
        ("rsa2048", "RSA 2048", "sha256WithRSAEncryption"),
    ],
)
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_what_was_negotiated_is_told(version: str, key: str, kind: str, signature: str) -> None:
    with serve("--tls-max", version, "--key", key) as server:
        clock = Clock()
        open_transport(endpoint(server.url, tls_ca=server.ca), 0, clock).abort()
    told = clock.negotiated
    assert told is not None
    assert (told.version, told.group, told.resumed) == (f"TLSv{version}", "x25519", False)
    assert (told.key, told.signature, told.alpn) == (kind, signature, "http/1.1")


def test_a_resumed_handshake_of_tls_1_2_has_no_key_exchange_and_no_group() -> None:
    with serve("--tls-max", "1.2") as server:
        to, shelf = endpoint(server.url, tls_ca=server.ca), Shelf()
        assert to.tls is not None
        to.tls.listen()
        told = []
        for _ in range(2):
            clock = Clock(inbox=Inbox(shelf))
            open_transport(to, 0, clock, shelf.take()).let_peer_close(soon())
            told.append(clock.negotiated)
    assert [(each.resumed, each.group) for each in told if each] == [(False, "x25519"), (True, "")]


def test_sources_take_turns_within_a_family() -> None:
    sources = Sources(("127.0.0.2", "::1", "127.0.0.3"))
    assert [sources.next(AF_INET) for _ in range(3)] == ["127.0.0.2", "127.0.0.3", "127.0.0.2"]
    assert sources.next(AF_INET6) == "::1"
    assert Sources(()).next(AF_INET) is None


def test_a_target_of_another_family_than_the_sources_cannot_be_reached(pki: Pki) -> None:
    with play(tls(pki.server)) as peer:
        url = f"wss://{peer.host}:{peer.port}/"
        assert str(refused(url, tls_ca=pki.ca, source_ip=["::1"])) == "gen.source_ip"


def test_a_connection_comes_from_its_source(pki: Pki) -> None:
    with play(tls(pki.server), hold()) as peer:
        transport, _ = shaken(peer, pki, source_ip=["127.0.0.7"])

        def peers() -> list[str]:
            rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
            ends = [line.split()[1:3] for line in rows]
            port = f":{peer.port:04X}"
            return [remote for local, remote in ends if local.endswith(port)]

        until(lambda: any(remote.startswith("0700007F:") for remote in peers()))
        transport.abort()
