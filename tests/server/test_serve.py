"""What the server answers, over real TLS."""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import websocket

from tests.embedded import Served, serve

RATING = '{"action":"rate","itemId":%d,"score":5}'
ACK = '{"type":"ack","itemId":%d,"score":5}'
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@contextmanager
def connected(
    server: Served, path: str = "/rating", **kwargs: object
) -> Iterator[websocket.WebSocket]:
    trust = {"ca_certs": str(server.ca)} if server.ca else None
    connection = websocket.create_connection(
        server.url_of(path), timeout=10, sslopt=trust, **kwargs
    )
    with closing(connection):
        yield connection


@contextmanager
def http_connection(server: Served) -> Iterator[http.client.HTTPConnection]:
    if server.ca is None:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    else:
        context = ssl.create_default_context(cafile=str(server.ca))
        connection = http.client.HTTPSConnection(
            server.host, server.port, timeout=10, context=context
        )
    with closing(connection):
        yield connection


def answer(
    connection: http.client.HTTPConnection,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request(method, path, headers=headers or {})
    response = connection.getresponse()
    return response, response.read()


@pytest.mark.parametrize(
    "args",
    [
        ["--no-tls"],
        ["--host", "::1"],
        ["--key", "rsa2048"],
        ["--tls-max", "1.2"],
        ["--no-tls", "--host", "::1"],
    ],
)
def test_a_rating_is_acknowledged_however_the_server_is_reached(args: list[str]) -> None:
    with serve(*args) as server, connected(server) as connection:
        assert server.url.startswith("ws://" if "--no-tls" in args else "wss://")
        assert ("[::1]" in server.url) == ("::1" in args)
        connection.send(RATING % 7)
        assert connection.recv() == ACK % 7


def test_a_bad_message_is_refused_and_the_connection_lives_on(served: Served) -> None:
    with connected(served) as connection:
        connection.send('{"action":"rate","itemId":7,"score":6,"id":"a"}')
        refusal = json.loads(connection.recv())
        assert (refusal["type"], refusal["code"]) == ("error", "invalid_score")
        assert (refusal["id"], refusal["itemId"]) == ("a", 7)
        connection.send_binary(b'{"action":"rate","itemId":7,"score":5}')
        assert json.loads(connection.recv())["code"] == "not_text"
        connection.send('{"action":"rate","itemId":7,"score":5,"id":1.50}')
        assert connection.recv() == '{"type":"ack","id":1.50,"itemId":7,"score":5}'


def test_many_ratings_sent_at_once_are_answered_in_order(served: Served) -> None:
    with connected(served) as connection:
        for item in range(500):
            connection.send(RATING % item)
        assert [connection.recv() for _ in range(500)] == [ACK % item for item in range(500)]


def test_a_rating_right_behind_the_upgrade_request_is_answered(served: Served) -> None:
    context = ssl.create_default_context(cafile=str(served.ca))
    head = "GET /rating HTTP/1.1\r\nHost: x\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in UPGRADE.items())
    frame = bytes((0x81, 0x80 | len(RATING % 1), 0, 0, 0, 0)) + (RATING % 1).encode()
    with (
        socket.create_connection((served.host, served.port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as connection,
    ):
        connection.sendall(f"{head}\r\n".encode() + frame)
        seen = b""
        while not seen.endswith((ACK % 1).encode()):
            part = connection.recv(4096)
            assert part, seen
            seen += part


def test_a_ping_is_answered_and_a_close_is_returned(served: Served) -> None:
    with connected(served) as connection:
        connection.ping("x")
        assert connection.recv_data(control_frame=True) == (websocket.ABNF.OPCODE_PONG, b"x")
        connection.send_close(1000)
        opcode, data = connection.recv_data()
        assert (opcode, data[:2]) == (websocket.ABNF.OPCODE_CLOSE, (1000).to_bytes(2, "big"))


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x83\x80\0\0\0\0", 1002),  # a reserved opcode
        (b"\xc1\x80\0\0\0\0", 1002),  # compression, which was not negotiated
        (b"\x81\x82\0\0\0\0\xff\xff", 1007),  # no UTF-8
        (b"\x81\xff" + (1 << 20).to_bytes(8, "big") + b"\0\0\0\0", 1009),  # 1 MiB
    ],
)
def test_a_broken_frame_closes_the_connection_with_its_code(
    served: Served, frame: bytes, code: int
) -> None:
    with connected(served) as connection:
        connection.sock.sendall(frame)
        opcode, data = connection.recv_data()
        assert (opcode, data[:2]) == (websocket.ABNF.OPCODE_CLOSE, code.to_bytes(2, "big"))


def test_compression_and_subprotocols_are_not_negotiated(served: Served) -> None:
    offer = {"Sec-WebSocket-Extensions": "permessage-deflate", "Sec-WebSocket-Protocol": "chat"}
    with connected(served, header=offer) as connection:
        headers = connection.getheaders()
        assert "sec-websocket-extensions" not in headers
        assert "sec-websocket-protocol" not in headers
    assert served.stderr == ""


@pytest.mark.parametrize("path", ["/rating", "/upgrade"])
def test_both_paths_upgrade_and_rate(served: Served, path: str) -> None:
    with connected(served, path) as connection:
        assert connection.getstatus() == 101
        connection.send(RATING % 2)
        assert connection.recv() == ACK % 2


@pytest.mark.parametrize("path", ["/rating", "/upgrade"])
@pytest.mark.parametrize(
    "headers", [{}, {**UPGRADE, "Sec-WebSocket-Version": "8"}, {**UPGRADE, "Upgrade": "h2c"}]
)
def test_anything_but_an_upgrade_to_version_13_gets_426_and_keeps_the_connection(
    served: Served, path: str, headers: dict[str, str]
) -> None:
    with http_connection(served) as connection:
        for _ in range(2):
            response, _ = answer(connection, path, headers=headers)
            assert response.status == 426
            assert response.getheader("Upgrade") == "websocket"
            assert response.getheader("Connection", "").lower() == "upgrade"
            assert response.getheader("Sec-WebSocket-Version") == "13"


def test_an_upgrade_with_a_bad_key_gets_400(served: Served) -> None:
    with http_connection(served) as connection:
        response, _ = answer(connection, "/rating", headers={**UPGRADE, "Sec-WebSocket-Key": "x"})
        assert response.status == 400


def test_health_is_answered_on_a_connection_that_stays_open(served: Served) -> None:
    with http_connection(served) as connection:
        connection.connect()
        first = connection.sock
        for _ in range(3):
            response, body = answer(connection, "/health")
            assert (response.status, json.loads(body)) == (200, {"status": "ok"})
            assert response.getheader("Content-Type") == "application/json"
            assert connection.sock is first
        assert answer(connection, "/health", "HEAD")[0].status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/health/"), ("POST", "/health"), ("GET", "/ratings")],
)
def test_anything_else_gets_404(served: Served, method: str, path: str) -> None:
    with http_connection(served) as connection:
        assert answer(connection, path, method)[0].status == 404


def test_no_ack_comes_before_its_delay_and_delays_do_not_add_up() -> None:
    with serve("--ack-delay", "150ms") as server, connected(server) as connection:
        begin = time.perf_counter()
        for item in range(20):
            connection.send(RATING % item)
        connection.send("not JSON")
        answers = [connection.recv() for _ in range(21)]
        took = time.perf_counter() - begin
        assert answers[:20] == [ACK % item for item in range(20)]
        assert json.loads(answers[20])["code"] == "invalid_json"
        assert took >= 0.15
        assert took < 20 * 0.15  # they ran side by side
        assert server.counts()["acks"] == 20


def test_a_long_answer_is_delayed_like_a_short_one() -> None:
    with serve("--ack-delay", "1ms") as server, connected(server) as connection:
        for length in (1, 125, 126, 60_000):
            tag = "x" * length
            connection.send(f'{{"action":"rate","itemId":1,"score":5,"id":"{tag}"}}')
            assert json.loads(connection.recv())["id"] == tag


def test_a_client_that_does_not_read_its_delayed_acks_is_cut_off() -> None:
    rating = '{"action":"rate","itemId":1,"score":5,"id":"%s"}' % ("x" * 60_000)
    with serve("--ack-delay", "1ms") as server:
        cut = (OSError, websocket.WebSocketConnectionClosedException)
        with connected(server) as connection, pytest.raises(cut):
            for _ in range(5000):
                connection.send(rating)
        with connected(server) as connection:
            connection.send(RATING % 1)
            assert connection.recv() == ACK % 1
        assert server.stderr == ""


def test_with_jitter_acks_overtake_each_other_and_none_is_lost() -> None:
    with serve("--ack-delay", "40ms", "--ack-jitter", "40ms") as server:
        with connected(server) as connection:
            for item in range(100):
                connection.send(RATING % item)
            answers = [connection.recv() for _ in range(100)]
        expected = [ACK % item for item in range(100)]
        assert answers != expected
        assert sorted(answers) == sorted(expected)


def test_an_ack_whose_connection_has_ended_is_not_counted_as_sent() -> None:
    with serve("--ack-delay", "200ms") as server:
        with connected(server) as connection:
            connection.send(RATING % 1)
            connection.close()
        with connected(server) as connection:
            connection.send(RATING % 2)
            assert connection.recv() == ACK % 2  # by now the first was due too
        counts = server.counts()
        assert (counts["ratings"], counts["acks"]) == (2, 1)
        assert server.stderr == ""


def test_the_server_counts_its_work() -> None:
    with serve() as server:
        for _ in range(2):
            with connected(server) as connection:
                connection.send(RATING % 1)
                connection.recv()
                connection.send("x")
                connection.recv()
        with http_connection(server) as connection:
            answer(connection, "/health")
        counts = server.counts()
        cpu_s = counts.pop("cpu_user_s") + counts.pop("cpu_system_s")
        del counts["latency"]
        assert counts == {
            "connections": 3,
            "open_max": counts["open_max"],
            "tls_full": 3,
            "tls_resumed": 0,
            "tls_failed": 0,
            "requests": 3,
            "upgrades": 2,
            "messages": 4,
            "ratings": 2,
            "acks": 2,
            "errors": 2,
        }
        assert 1 <= counts["open_max"] <= 3
        assert cpu_s > 0
        assert server.stdout.splitlines()[-1] == "done " + " ".join(
            f"{name}={value}" for name, value in counts.items()
        )
