"""Plain HTTP requests on one connection: every form of a body, to its end and no further."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from openclaw_locust.failures import Failure
from openclaw_locust.wire.connection import Clock, open_transport
from openclaw_locust.wire.http_exchange import HttpConnection
from tests.peers import Step, cut, dribble, hear_some, pause, play, reset, say
from tests.wire.client import endpoint, soon, until

OK = b"HTTP/1.1 200 OK\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def talking_to(*script: Step) -> Iterator[HttpConnection]:
    with play(*script) as peer:
        transport = open_transport(endpoint(f"ws://{peer.host}:{peer.port}/"), 0, Clock())
        try:
            yield HttpConnection(transport)
        finally:
            transport.abort()


def refusal(http: HttpConnection, seconds: float = 10.0) -> str:
    with pytest.raises(Failure) as caught:
        http.get(GET, soon(seconds))
    return str(caught.value)


BODIES = {
    "a length": (OK + b"Content-Length: 5\r\n\r\nhello", 5),
    "no length to speak of": (OK + b"Content-Length: 0\r\n\r\n", 0),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n", 5),
    "chunks and trailers": (
        OK + b"Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nDate: now\r\n\r\n",
        10,
    ),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", 0),
}


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_the_next_request_follows_on_the_same_connection(body: str) -> None:
    answer, size = BODIES[body]
    with talking_to(hear_some(), say(answer), hear_some(), say(answer)) as http:
        for _ in range(2):
            assert http.get(GET, soon()) == size
            assert http.is_open


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_an_answer_may_come_in_any_pieces(body: str) -> None:
    answer, size = BODIES[body]
    steps = [step for byte in answer for step in (say(bytes((byte,))), pause(0.001))]
    with talking_to(hear_some(), *steps) as http:
        assert http.get(GET, soon()) == size


def test_a_body_without_a_length_goes_to_the_end_of_the_connection() -> None:
    with talking_to(hear_some(), say(OK + b"\r\nhello"), pause(0.05), say(b"!"), cut()) as http:
        assert http.get(GET, soon()) == 6
        assert not http.is_open


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi",
        OK + b"Content-Length: 2\r\n\r\nhi and what nobody asked for",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    ],
)
def test_no_request_follows_where_none_can(answer: bytes) -> None:
    with talking_to(hear_some(), say(answer)) as http:
        assert http.get(GET, soon()) == 2
        assert not http.is_open


def test_a_server_of_http_1_0_may_say_that_it_goes_on() -> None:
    answer = b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi"
    with talking_to(hear_some(), say(answer)) as http:
        assert http.get(GET, soon()) == 2
        assert http.is_open


def test_a_server_that_ends_between_two_requests_is_not_asked_again() -> None:
    answer = OK + b"Content-Length: 2\r\n\r\nhi"
    with talking_to(hear_some(), say(answer), pause(0.05), cut()) as http:
        assert http.get(GET, soon()) == 2
        until(lambda: not http.is_open)


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (b"404 Not Found", "http.not_found"),
        (b"503 Busy", "http.overloaded"),
        (b"302 Found", "http.redirect"),
    ],
)
def test_a_refusal_in_words_leaves_the_connection_as_it_is(status: bytes, name: str) -> None:
    answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 4\r\n\r\nwhy?"
    with talking_to(hear_some(), say(answer)) as http:
        assert refusal(http) == name
        assert http.is_open


@pytest.mark.parametrize(
    ("steps", "name"),
    [
        ((say(b"SSH-2.0-OpenSSH_9\r\n"),), "http.malformed"),
        ((say(OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n"),), "http.malformed"),
        ((say(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n"),), "http.malformed"),
        ((say(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhello"),), "http.malformed"),
        ((say(OK + b"Content-Length: five\r\n\r\nhello"),), "http.malformed"),
        ((say(OK + b"Content-Length: 5, 6\r\n\r\nhello"),), "http.malformed"),
        ((say(OK + b"Content-Length: 9\r\n\r\nshort"), cut()), "http.eof"),
        ((say(OK + b"Content-Length: 9\r\n\r\nshort"), pause(0.1), reset()), "http.reset"),
        ((cut(),), "http.eof"),
    ],
)
def test_what_is_no_answer_ends_the_connection(steps: tuple[Step, ...], name: str) -> None:
    with talking_to(hear_some(), *steps) as http:
        assert refusal(http) == name
        assert not http.is_open


def test_a_body_that_dribbles_does_not_extend_the_time() -> None:
    head = OK + b"Content-Length: 100000\r\n\r\n"
    with talking_to(hear_some(), say(head), dribble(b"drip", 0.02)) as http:
        assert refusal(http, seconds=0.4) == "http.timeout"


def test_trailers_without_an_end_are_refused() -> None:
    flood = b"X: " + b"y" * 20_000
    answer = OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + flood
    with talking_to(hear_some(), say(answer)) as http:
        assert refusal(http) == "http.too_long"
