"""``--fault http.*`` and ``proxy.*``: the client sees the class of the fault's name."""

from collections.abc import Iterator

import pytest

from openclaw_locust.failures import Failure
from openclaw_locust.server.faults.kinds import OCCASIONS
from openclaw_locust.server.faults.statuses import STATUSES
from tests.embedded import Served, serve
from tests.server.fault_bench import Args, Bench, bench_for, of
from tests.server.test_serve import RATING, answer, connected, http_connection
from tests.wire.client import opened, refused

NAMES = [name for name, occasion in OCCASIONS.items() if occasion == "upgrade"]
HTTP = [name for name in NAMES if name.startswith("http.")]
PROXY = [name for name in NAMES if name.startswith("proxy.")]
NOT_A_STATUS = [name for name in HTTP if name not in STATUSES]


@pytest.fixture(scope="module")
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench_for(request) as made:
        yield made


def refusal_by(server: Served) -> Failure:
    """Return how a client fails to connect."""
    trust = {"tls_ca": server.ca} if server.ca is not None else {}
    return refused(server.url, connect_timeout="1s", **trust)


def struck(server: Served) -> dict[str, int]:
    """Stop the server; return how often its faults struck."""
    faults: dict[str, int] = server.counts()["faults"]
    assert server.stderr == ""
    return faults


@pytest.mark.parametrize(("name", "args"), [(name, of(name)) for name in HTTP], ids=HTTP)
def test_an_upgrade_fails_with_the_class_that_was_asked_for(
    bench: Bench, name: str, args: Args
) -> None:
    with bench.next(args) as server:
        assert str(refusal_by(server)) == name
        assert struck(server) == {name: 1}


@pytest.mark.parametrize(
    ("name", "args"),
    [(name, of(name, tls=False)) for name in (*NOT_A_STATUS, "http.overloaded")],
    ids=[*NOT_A_STATUS, "http.overloaded"],
)
def test_it_does_so_without_tls_too(bench: Bench, name: str, args: Args) -> None:
    with bench.next(args) as server:
        assert str(refusal_by(server)) == name
        assert struck(server) == {name: 1}


@pytest.mark.parametrize(
    ("name", "args"), [(name, of(name, tls=False)) for name in PROXY], ids=PROXY
)
def test_as_a_proxy_it_fails_with_the_class_that_was_asked_for(
    bench: Bench, name: str, args: Args
) -> None:
    with bench.next(args) as server:
        proxy = f"http://{server.host}:{server.port}"
        failure = refused("ws://rating.example.com/", proxy=proxy, connect_timeout="1s")
        assert str(failure) == name
        with connected(server) as connection:  # what is no CONNECT is answered as ever
            connection.send(RATING % 1)
            connection.recv()
        assert struck(server) == {name: 1}


@pytest.mark.parametrize(
    ("status", "seen", "args"),
    [
        (status, seen, of(f"http.{status}"))
        for status, seen in {
            "204": "http.not_upgraded",
            "304": "http.redirect",
            "405": "http.not_found",
            "418": "http.client_other",
            "599": "http.server_error",
            "999": "http.server_error",
        }.items()
    ],
)
def test_any_status_can_be_asked_for(bench: Bench, status: str, seen: str, args: Args) -> None:
    with bench.next(args) as server:
        failure = refusal_by(server)
        assert str(failure) == seen
        assert failure.detail.startswith(status)
        assert struck(server) == {f"http.{status}": 1}


def test_the_sample_says_where_the_status_comes_from_and_what_it_is() -> None:
    with serve(*of("http.overloaded")) as server:
        failure = refusal_by(server)
        assert failure.detail.startswith(
            "503 Service Unavailable (Server: openclaw-locust) body: 503 Service Unavailable"
        )
        assert failure.retry_after_s == 1
        with http_connection(server) as connection:
            response, body = answer(connection, "/health")
            assert (response.status, b"503" in body) == (503, True)


def test_a_redirect_names_another_place() -> None:
    with serve(*of("http.redirect")) as server:
        assert "Location: https://rating.example.com/rating" in refusal_by(server).detail


def test_a_share_strikes_some_and_the_others_are_served() -> None:
    with serve(*of("http.503=30%", "http.429=30%")) as server:
        seen = []
        for _ in range(100):
            try:
                with opened(server.url, tls_ca=server.ca):
                    seen.append("open")
            except Failure as failure:
                seen.append(str(failure))
        counts = server.counts()
        assert counts["faults"] == {
            "http.503": seen.count("http.overloaded"),
            "http.429": seen.count("http.rate_limited"),
        }
        assert counts["upgrades"] == seen.count("open")
        assert set(seen) == {"open", "http.overloaded", "http.rate_limited"}
