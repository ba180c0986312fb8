"""``--fault ws.*`` and ``app.ack.*``: the client sees the class of the fault's name."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from openclaw_locust.failures import Failure
from openclaw_locust.rating.ledger import OK, PUSH, Ledger, Pending
from openclaw_locust.rating.messages import Rating, RatingLanguage, parse_ack_match
from openclaw_locust.server.faults.acks import wrong_answer
from openclaw_locust.server.faults.kinds import OCCASIONS
from openclaw_locust.server.messages import ack_for
from openclaw_locust.settings import read_settings
from openclaw_locust.wire.frames import BINARY, PING
from openclaw_locust.wire.tcp import TimedOut, now_ns
from openclaw_locust.wire.websocket import WebSocket
from tests.embedded import Served
from tests.server.fault_bench import Args, Bench, bench_for, of
from tests.wire.client import lost, opened, soon

NAMES = [name for name, occasion in OCCASIONS.items() if occasion == "message"]
ONLY_TLS = ("ws.tls", "ws.abnormal.tls_truncated")
LOST = [name for name in NAMES if name.startswith("ws.") and name != "ws.send_blocked"]
LOST_WITHOUT_TLS = [
    *(name for name in LOST if name.startswith("ws.abnormal.") and name not in ONLY_TLS),
    "ws.close.internal",
    "ws.ping_flood",
]
ANSWERED = ["app.ack.negative", "app.ack.malformed", "app.ack.mismatch"]
LANGUAGES = {
    "by item": RatingLanguage((parse_ack_match("type=ack"),), None),
    "by id": RatingLanguage((parse_ack_match("type=ack"),), "id"),
}


@pytest.fixture(scope="module")
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench_for(request) as made:
        yield made


class Rater:
    """A client that rates, and judges what comes as a user of Locust does."""

    def __init__(self, websocket: WebSocket, language: RatingLanguage) -> None:
        self.websocket = websocket
        self.language = language
        self.ledger = Ledger()
        self._number = 0

    def rate(self) -> None:
        """Send a rating."""
        self._number += 1
        rating = Rating(item=self._number, score=5, id=self._number)
        has_id = self.language is LANGUAGES["by id"]
        self.ledger.add(
            Pending(now_ns(), soon(), "", rating.id if has_id else None, rating.item, rating.score)
        )
        self.websocket.send(self.language.encode(rating), soon())

    def hear(self) -> str:
        """Return what the next message amounts to."""
        message = self.websocket.receive(soon())
        return self.ledger.settle(self.language.recognise(message.payload))[1]


@contextmanager
def rater(server: Served, language: str = "by item") -> Iterator[Rater]:
    trust = {"tls_ca": server.ca} if server.ca is not None else {}
    with opened(server.url, **trust) as websocket:
        yield Rater(websocket, LANGUAGES[language])


def struck(server: Served) -> dict[str, int]:
    """Stop the server; return how often its faults struck."""
    faults: dict[str, int] = server.counts()["faults"]
    assert server.stderr == ""
    return faults


@pytest.mark.parametrize(("name", "args"), [(name, of(name)) for name in LOST], ids=LOST)
def test_a_connection_is_lost_with_the_class_that_was_asked_for(
    bench: Bench, name: str, args: Args
) -> None:
    with bench.next(args) as server:
        with rater(server) as client:
            client.rate()
            assert str(lost(client.websocket)) == name
        assert struck(server) == {name: 1}


@pytest.mark.parametrize(
    ("name", "args"),
    [(name, of(name, tls=False)) for name in LOST_WITHOUT_TLS],
    ids=LOST_WITHOUT_TLS,
)
def test_it_is_so_without_tls_too(bench: Bench, name: str, args: Args) -> None:
    with bench.next(args) as server:
        with rater(server) as client:
            client.rate()
            assert str(lost(client.websocket)) == name
        assert struck(server) == {name: 1}


@pytest.mark.parametrize(
    ("code", "seen", "args"),
    [
        (code, seen, of(f"ws.close.{code}"))
        for code, seen in {
            "1004": "ws.close.invalid",
            "3001": "ws.close.registered",
            "4429": "ws.close.app",
        }.items()
    ],
)
def test_any_close_code_can_be_asked_for(bench: Bench, code: str, seen: str, args: Args) -> None:
    with bench.next(args) as server, rater(server) as client:
        client.rate()
        failure = lost(client.websocket)
        assert str(failure) == seen
        assert failure.detail.startswith(code)


@pytest.mark.parametrize(
    ("tls", "args"),
    [(tls, of("ws.send_blocked", tls=tls)) for tls in (True, False)],
    ids=["tls", "plain"],
)
def test_a_server_that_reads_no_more_blocks_the_next_sends(
    bench: Bench, tls: bool, args: Args
) -> None:
    with bench.next(args) as server:
        with rater(server) as client:
            client.rate()
            with pytest.raises(TimedOut):
                client.websocket.receive(soon(0.2))
            with pytest.raises(Failure, match=r"^ws\.send_blocked$"):
                for _ in range(100):
                    client.websocket.send(b"x" * 1_000_000, soon(0.2), BINARY)
        assert struck(server) == {"ws.send_blocked": 1}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "args"), [(name, of(name)) for name in ANSWERED], ids=ANSWERED)
def test_a_rating_gets_the_answer_that_was_asked_for(
    bench: Bench, name: str, args: Args, language: str
) -> None:
    with bench.next(args) as server:
        with rater(server, language) as client:
            for _ in range(3):
                client.rate()
                assert client.hear() == name
            assert client.ledger.open == []
        assert struck(server) == {name: 3}


@pytest.mark.parametrize("args", [of("app.ack.timeout")], ids=["app.ack.timeout"])
def test_a_lost_ack_is_silence_and_what_is_no_rating_is_answered_as_ever(
    bench: Bench, args: Args
) -> None:
    with bench.next(args) as server:
        with rater(server) as client:
            client.rate()
            with pytest.raises(TimedOut):
                client.websocket.receive(soon(0.3))
            client.websocket.send(b"no rating", soon())
            assert b"invalid_json" in client.websocket.receive(soon()).payload
            client.websocket.send(b"", soon(), PING)
            with pytest.raises(TimedOut):
                client.websocket.receive(soon(0.1))
            assert client.websocket.lost is None
        assert struck(server) == {"app.ack.timeout": 1}


@pytest.mark.parametrize("args", [of("app.ack.unrecognised")], ids=["app.ack.unrecognised"])
def test_an_answer_that_is_no_ack_settles_nothing(bench: Bench, args: Args) -> None:
    with bench.next(args) as server:
        with rater(server) as client:
            client.rate()
            assert client.hear() == PUSH
            assert client.ledger.waiting == 1
        assert struck(server) == {"app.ack.unrecognised": 1}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("args", [of("app.ack.duplicate")], ids=["app.ack.duplicate"])
def test_an_ack_comes_twice(bench: Bench, args: Args, language: str) -> None:
    with bench.next(args) as server:
        with rater(server, language) as client:
            for _ in range(3):
                client.rate()
                assert [client.hear(), client.hear()] == [OK, "app.ack.duplicate"]
        counts = server.counts()
        assert (counts["ratings"], counts["acks"]) == (3, 3)
        assert counts["faults"] == {"app.ack.duplicate": 3}


@pytest.mark.parametrize("args", [of("app.ack.late")], ids=["app.ack.late"])
def test_an_ack_comes_later_than_a_client_waits(bench: Bench, args: Args) -> None:
    with bench.next(args) as server:
        with rater(server) as client:
            client.rate()
            with pytest.raises(TimedOut):
                client.websocket.receive(soon(read_settings({}, server.url).ack_timeout_s))
            client.ledger.expire(client.ledger.open[0])
            assert client.hear() == "app.ack.late"
        counts = server.counts()
        assert (counts["acks"], counts["faults"]) == (1, {"app.ack.late": 1})
        assert counts["latency"]["p50_us"] >= 6_000_000


@pytest.mark.parametrize("args", [of("app.ack.lost_on_close")], ids=["app.ack.lost_on_close"])
def test_a_connection_ends_with_its_rating_read_and_not_answered(bench: Bench, args: Args) -> None:
    with bench.next(args) as server:
        with rater(server) as client:
            client.rate()
            assert str(lost(client.websocket)) == "ws.abnormal.fin"
        counts = server.counts()
        assert (counts["ratings"], counts["acks"]) == (1, 0)
        assert counts["faults"] == {"app.ack.lost_on_close": 1}


@pytest.mark.parametrize(
    "args", [of("ws.close_timeout", tls=tls) for tls in (True, False)], ids=["tls", "plain"]
)
def test_a_close_is_never_answered(bench: Bench, args: Args) -> None:
    with bench.next(args) as server:
        with rater(server) as client:
            client.rate()
            assert client.hear() == OK
            assert str(client.websocket.close(1000, soon(0.5))) == "ws.close_timeout"
        assert struck(server) == {"ws.close_timeout": 1}


@pytest.mark.parametrize("item", [0, 1, 2**63 - 1, 2**64 - 1, -1, -(2**63)])
def test_a_mismatch_names_another_item_whatever_the_item(item: int) -> None:
    ack = ack_for(b'{"action":"rate","itemId":%d,"score":5,"id":1.5}' % item)
    wrong = json.loads(wrong_answer("app.ack.mismatch", ack) or b"")
    assert wrong["itemId"] != item
    assert wrong["id"] == "not 1.5"


def test_every_fault_of_a_message_is_tried_here() -> None:
    others = {
        "ws.send_blocked",
        "app.ack.timeout",
        "app.ack.unrecognised",
        "app.ack.duplicate",
        "app.ack.late",
        "app.ack.lost_on_close",
    }
    assert {*LOST, *ANSWERED, *others} == set(NAMES)
