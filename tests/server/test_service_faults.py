"""Faults of the service together: their times, their order, delays and stalls, and a whole run."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.embedded import Served, serve
from tests.locust_run import run
from tests.server.fault_bench import of
from tests.server.test_fault_messages import rater, struck
from tests.server.test_serve import RATING, UPGRADE
from tests.server.test_serve_life import refused
from tests.server.test_stall import everything_is_read, until
from tests.wire.client import lost, opened
from tests.wire.client import refused as refused_connection

UPGRADE_REQUEST = (
    "GET /rating HTTP/1.1\r\nHost: x\r\n"
    + "".join(f"{name}: {value}\r\n" for name, value in UPGRADE.items())
    + "\r\n"
).encode()
MASKED_RATING = bytes((0x81, 0x80 | len(RATING % 1), 0, 0, 0, 0)) + (RATING % 1).encode()
MASKED_CLOSE = bytes((0x88, 0x82, 0, 0, 0, 0)) + (1000).to_bytes(2, "big")

TALKATIVE = ["http.too_long", "ws.ping_flood"]
HOLDING = ["http.timeout", "ws.close_timeout", "ws.send_blocked", *TALKATIVE]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (of("nope"), "--fault 'nope': there is no fault 'nope'"),
        (of("http.503=0%"), "--fault 'http.503=0%': '0%' is no share"),
        (of("tls.eof", tls=False), "--fault tls.eof is one of TLS; leave out --no-tls"),
        (of("ws.tls=5%", tls=False), "--fault ws.tls is one of TLS; leave out --no-tls"),
        (of("ws.abnormal.tls_truncated", tls=False), "is one of TLS; leave out --no-tls"),
        (of("http.503", "proxy.auth"), "--fault proxy.auth is an HTTP proxy's, which is spoken"),
    ],
)
def test_a_fault_that_cannot_be_is_one_line(args: tuple[str, ...], words: str) -> None:
    assert words in refused(*args)


def test_of_several_faults_the_first_one_strikes() -> None:
    with serve(*of("app.ack.mismatch", "app.ack.negative")) as server:
        with rater(server) as client:
            client.rate()
            assert client.hear() == "app.ack.mismatch"
        assert struck(server) == {"app.ack.mismatch": 1, "app.ack.negative": 0}


def test_the_last_line_says_how_often_each_fault_struck() -> None:
    with serve(*of("app.ack.negative", "http.503@1h")) as server:
        with rater(server) as client:
            client.rate()
            client.hear()
        struck(server)
        assert server.stdout.rstrip().endswith(" errors=1 app.ack.negative=1 http.503=0")


def test_a_fault_waits_for_its_time_which_begins_with_the_first_rating() -> None:
    with serve(*of("app.ack.negative@300ms..600ms")) as server, rater(server) as client:
        time.sleep(0.4)  # nothing has begun yet
        seen = []
        begin = time.monotonic()
        while time.monotonic() < begin + 1.0:
            client.rate()
            seen.append(client.hear())
        assert seen[0] == seen[-1] == "ok"
        assert "app.ack.negative" in seen
        first, last = (
            seen.index("app.ack.negative"),
            len(seen) - seen[::-1].index("app.ack.negative"),
        )
        assert set(seen[first:last]) == {"app.ack.negative"}


def test_a_time_counts_from_the_first_rating_for_upgrades_too() -> None:
    with serve(*of("http.503@0.1ms")) as server:
        for _ in range(2):
            with opened(server.url, tls_ca=server.ca):
                pass
        with rater(server) as client:
            client.rate()
            assert client.hear() == "ok"
        assert str(refused_connection(server.url, tls_ca=server.ca)) == "http.overloaded"


@pytest.mark.parametrize("fault", ["ws.close.internal", "ws.abnormal.fin", "ws.abnormal.rst"])
def test_a_fault_comes_when_its_ack_was_due(fault: str) -> None:
    with serve(*of(fault), "--ack-delay", "400ms") as server:
        with rater(server) as client:
            begin = time.monotonic()
            client.rate()
            assert str(lost(client.websocket)) == fault
            assert time.monotonic() - begin >= 0.4
        assert struck(server) == {fault: 1}


def test_what_was_due_before_the_end_leaves_before_it_and_nothing_after_it() -> None:
    with serve(*of("ws.close.restart@400ms"), "--ack-delay", "800ms") as server:
        with rater(server) as client:
            for _ in range(5):
                client.rate()
            time.sleep(0.5)
            for _ in range(5):
                client.rate()
            assert [client.hear() for _ in range(5)] == ["ok"] * 5
            assert str(lost(client.websocket)) == "ws.close.restart"
        counts = server.counts()
        assert (counts["ratings"], counts["acks"]) == (10, 5)
        assert counts["faults"] == {"ws.close.restart": 1}


@pytest.mark.parametrize("fault", ["app.ack.negative", "ws.abnormal.rst", "ws.ping_flood"])
def test_a_stall_holds_faults_as_it_holds_acks(fault: str) -> None:
    with serve(*of(fault, "stall=500ms@0s")) as server:
        with rater(server) as client:
            begin = time.monotonic()
            client.rate()
            if fault == "app.ack.negative":
                assert client.hear() == fault
            else:
                assert str(lost(client.websocket)) == fault
            assert time.monotonic() - begin >= 0.5
        assert struck(server) == {fault: 1}


def test_a_stall_holds_a_fault_of_an_upgrade_too() -> None:
    with serve(*of("http.reset@1ms", "stall=700ms@0s")) as server, rater(server) as client:
        begin = time.monotonic()
        client.rate()
        until(lambda: everything_is_read(server))
        assert str(refused_connection(server.url, tls_ca=server.ca)) == "http.reset"
        assert time.monotonic() - begin >= 0.7
        assert client.hear() == "ok"


@contextmanager
def held_by(server: Served, fault: str) -> Iterator[socket.socket]:
    """Let a fault strike that does not end the connection, on one without TLS."""
    with socket.create_connection((server.host, server.port), timeout=10) as client:
        client.sendall(UPGRADE_REQUEST)
        if fault.startswith("ws."):
            assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
            client.sendall(MASKED_CLOSE if fault == "ws.close_timeout" else MASKED_RATING)
        if fault in TALKATIVE:
            assert client.recv(1)
        else:
            until(lambda: everything_is_read(server))
        yield client


@pytest.mark.parametrize("fault", HOLDING)
def test_a_held_connection_does_not_hold_up_the_end_of_the_server(fault: str) -> None:
    with serve(*of(fault, tls=False)) as server, held_by(server, fault):
        assert server.stop() == 0
        assert struck(server) == {fault: 1}


@pytest.mark.parametrize("fault", HOLDING)
def test_a_held_connection_is_let_go_when_its_client_has_gone(fault: str) -> None:
    with serve(*of(fault, tls=False)) as server:
        descriptors = Path(f"/proc/{server.process.pid}/fd")
        before = len(list(descriptors.iterdir()))
        with held_by(server, fault):
            assert len(list(descriptors.iterdir())) == before + 1
        until(lambda: len(list(descriptors.iterdir())) == before)
        assert struck(server) == {fault: 1}


def test_a_run_of_locust_counts_what_the_server_did_wrong(tmp_path: Path) -> None:
    faults = of(
        "app.ack.timeout=3%",
        "app.ack.negative=3%",
        "app.ack.mismatch=3%",
        "app.ack.unrecognised=3%",
        "app.ack.duplicate=3%",
        "app.ack.lost_on_close=1%",
        "ws.close.try_later=1%",
        "http.503=20%",
    )
    users = 10
    with serve(*faults) as server:
        options = [
            "-u",
            users,
            "-r",
            users,
            "-t",
            "4s",
            "--pause",
            "10ms",
            "--ack-timeout",
            "300ms",
        ]
        seen = run(tmp_path, "--host", server.url, "--tls-ca", server.ca, *options).errors
        did = struck(server)
    for name in ("timeout", "negative", "mismatch", "unrecognised"):
        assert did[f"app.ack.{name}"] == seen["ACK", f"app.ack.{name}"] > 0
    lost_acks = did["app.ack.lost_on_close"] + did["ws.close.try_later"]
    assert lost_acks == seen["ACK", "app.ack.lost_on_close"] > 0
    # what comes behind a user's last ack is not waited for
    for fault, row in {
        "app.ack.duplicate": ("STRAY", "app.ack.duplicate"),
        "app.ack.lost_on_close": ("WS", "ws.abnormal.fin"),
        "ws.close.try_later": ("WS", "ws.close.try_later"),
        "http.503": ("UPGRADE", "http.overloaded"),
    }.items():
        assert 0 < seen[row] <= did[fault] <= seen[row] + users
