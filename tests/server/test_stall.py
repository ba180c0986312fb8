"""``--fault stall=…``: what is held, what goes on, and what the server's record says of it."""

import contextlib
import json
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.embedded import Served, serve
from tests.server.test_serve import ACK, RATING, answer, connected, http_connection

FOREVER = "stall=1h@0s"
LONG_ID = "x" * 60_000
RATING_WITH_LONG_ID = json.dumps({"action": "rate", "itemId": 1, "score": 5, "id": LONG_ID})


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.005)


def everything_is_read(server: Served) -> bool:
    """Return whether no byte waits in the kernel between the server and its clients."""
    port = f":{server.port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    of_server = [row for row in rows if row[1].endswith(port) or row[2].endswith(port)]
    return bool(of_server) and all(
        row[4].endswith(":00000000") and (row[4].startswith("00000000") or row[3] == "0A")
        for row in of_server
    )


def latency_of(server: Served) -> dict[str, Any]:
    record: dict[str, Any] = dict(server.counts())
    latency: dict[str, Any] = record["latency"]
    return latency


@contextmanager
def many(server: Served, count: int) -> Iterator[list[websocket.WebSocket]]:
    context = ssl.create_default_context(cafile=str(server.ca))
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                closing(
                    websocket.create_connection(server.url, timeout=20, sslopt={"context": context})
                )
            )
            for _ in range(count)
        ]


def test_answers_are_held_and_leave_in_order_at_the_end() -> None:
    with serve("--fault", "stall=1s@0s") as server, connected(server) as connection:
        begin = time.monotonic()
        for item in range(500):
            connection.send(RATING % item)
        connection.send("not JSON")
        connection.ping("x")
        assert connection.recv() == ACK % 0
        assert time.monotonic() - begin >= 1.0
        assert [connection.recv() for _ in range(499)] == [ACK % item for item in range(1, 500)]
        assert json.loads(connection.recv())["code"] == "invalid_json"
        assert connection.recv_data(control_frame=True) == (websocket.ABNF.OPCODE_PONG, b"x")
        connection.send(RATING % 500)
        assert connection.recv() == ACK % 500
        latency = latency_of(server)
        assert server.stderr == ""
    assert latency["count"] == 501
    assert 1_000_000 <= latency["max_us"] <= 10_000_000
    assert latency["seconds"][0]["max_us"] == latency["max_us"]
    assert sum(row["count"] for row in latency["seconds"]) == 501


def test_an_ack_is_charged_from_when_its_rating_came_not_from_the_end_of_the_stall() -> None:
    with serve("--fault", "stall=1500ms@0s") as server, connected(server) as connection:
        for item in range(4):
            connection.send(RATING % item)
            until(lambda: everything_is_read(server))
        assert [connection.recv() for _ in range(4)] == [ACK % item for item in range(4)]
        latency = latency_of(server)
    # were they read at the end only, three of four would have taken next to nothing
    assert latency["p50_us"] >= 500_000


def test_200_connections_are_read_in_a_stall_and_a_signal_ends_it_all_the_same() -> None:
    with serve("--fault", FOREVER) as server, many(server, 200) as connections:
        for _ in range(5):
            for connection in connections:
                connection.send(RATING % 1)
        until(lambda: everything_is_read(server))
        assert server.stop() == 0
        counts = server.counts()
        assert (counts["ratings"], counts["acks"]) == (1000, 0)
        assert latency_of(server)["count"] == 0
        opcode, data = connections[0].recv_data()
        assert (opcode, data[:2]) == (websocket.ABNF.OPCODE_CLOSE, (1001).to_bytes(2, "big"))
        assert server.stderr == ""


def test_http_and_upgrades_wait_too() -> None:
    with serve("--fault", "stall=1s@0s") as server, connected(server) as connection:
        begin = time.monotonic()
        connection.send(RATING % 1)
        until(lambda: everything_is_read(server))
        with http_connection(server) as health:
            assert answer(health, "/health")[0].status == 200
        assert time.monotonic() - begin >= 1.0
        assert connection.recv() == ACK % 1
        assert server.stderr == ""


def test_a_stall_and_a_delay_do_not_add_up_and_the_delay_goes_on_behind_it() -> None:
    args = ["--ack-delay", "300ms", "--fault", "stall=1s@0s"]
    with serve(*args) as server, connected(server) as connection:
        for item in range(20):
            connection.send(RATING % item)
        assert [connection.recv() for _ in range(20)] == [ACK % item for item in range(20)]
        begin = time.monotonic()
        connection.send(RATING % 20)
        assert connection.recv() == ACK % 20
        assert time.monotonic() - begin >= 0.3
        latency = latency_of(server)
    assert latency["max_us"] >= 1_000_000
    assert latency["count"] == 21


def test_jitter_decides_the_order_behind_a_stall_as_without_one() -> None:
    args = ["--ack-delay", "50ms", "--ack-jitter", "50ms", "--fault", "stall=500ms@0s"]
    with serve(*args) as server, connected(server) as connection:
        for item in range(100):
            connection.send(RATING % item)
        answers = [connection.recv() for _ in range(100)]
        expected = [ACK % item for item in range(100)]
        assert answers != expected
        assert sorted(answers) == sorted(expected)


def test_stalls_come_again_and_may_overlap() -> None:
    faults = ["stall=600ms@400ms", "stall=500ms@0s"]
    args = [part for fault in faults for part in ("--fault", fault)]
    with serve(*args) as server, connected(server) as connection:
        begin = time.monotonic()
        connection.send(RATING % 1)
        assert connection.recv() == ACK % 1
        assert time.monotonic() - begin >= 1.0


def test_a_client_that_closes_in_a_stall_gets_its_acks_and_then_its_close() -> None:
    with serve("--fault", "stall=500ms@0s") as server:
        with connected(server) as connection:
            connection.send(RATING % 1)
            connection.send_close(1000)
            assert connection.recv() == ACK % 1
            assert connection.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE
        counts = server.counts()
        assert (counts["ratings"], counts["acks"]) == (1, 1)
        assert server.stderr == ""


def test_the_acks_of_clients_that_left_in_a_stall_are_not_counted() -> None:
    with serve("--fault", "stall=1s@0s") as server, connected(server) as stays:
        with many(server, 20) as leavers:
            for connection in [stays, *leavers]:
                connection.send(RATING % 1)
            until(lambda: everything_is_read(server))
            for connection in leavers:
                linger = struct.pack("ii", 1, 0)
                connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                connection.sock.close()
        assert stays.recv() == ACK % 1
        counts = server.counts()
        assert (counts["ratings"], counts["acks"]) == (21, 1)
        assert server.stderr == ""


def test_a_client_for_which_too_much_is_held_is_cut_off_and_no_other() -> None:
    with serve("--fault", FOREVER) as server, connected(server) as other:
        cut = (OSError, websocket.WebSocketConnectionClosedException)
        with connected(server) as connection, pytest.raises(cut):
            for _ in range(1000):
                connection.send(RATING_WITH_LONG_ID)
        other.send(RATING % 1)
        until(lambda: everything_is_read(server))
        counts = server.counts()
        assert 16 * 1024 * 1024 / 61_000 < counts["ratings"] < 1001
        assert counts["acks"] == 0
        assert server.stderr == ""


def test_a_client_that_reads_is_not_cut_off_by_what_a_stall_has_held() -> None:
    with serve("--fault", "stall=1s@0s") as server, connected(server) as connection:
        for _ in range(60):  # 3.6 MB, all due in one moment
            connection.send(RATING_WITH_LONG_ID)
        for _ in range(60):
            assert json.loads(connection.recv())["id"] == LONG_ID


def test_it_stalls_without_tls_too() -> None:
    with serve("--no-tls", "--fault", "stall=300ms@0s") as server, connected(server) as connection:
        begin = time.monotonic()
        connection.send(RATING % 1)
        assert connection.recv() == ACK % 1
        assert time.monotonic() - begin >= 0.3
