"""Names and their addresses: looked up once, taken in turns, the other family tried."""

import socket
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from openclaw_locust.failures import Failure
from openclaw_locust.wire import addresses
from openclaw_locust.wire.addresses import AddressBook
from openclaw_locust.wire.connection import Clock, connect
from tests.peers import SWITCHING, hear_upgrade, play, say
from tests.wire.client import endpoint, full_backlog, opened, refused, soon

Resolver = Callable[..., Any]


class Names:
    """Stands in for the system's resolver, which no test can make say this."""

    def __init__(self, *found: str) -> None:
        self.found = list(found)
        self.asked = 0
        self.error: Exception | None = None
        self.delay_s = 0.0

    def __call__(self, host: str, port: int, *_: Any) -> list[Any]:
        self.asked += 1
        gevent.sleep(self.delay_s)
        if self.error is not None:
            raise self.error
        return [
            (socket.AF_INET6, 1, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, 1, 6, "", (address, port))
            for address in self.found
        ]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    stand_in = Names("127.0.0.1")
    monkeypatch.setattr(addresses, "getaddrinfo", stand_in)
    return stand_in


def taken(book: AddressBook, count: int) -> list[list[str]]:
    """Return the addresses of so many connects."""
    return [[each.sockaddr[0] for each in book.candidates("h", 1, soon())] for _ in range(count)]


# -- the book ------------------------------------------------------------------------------------


def test_addresses_take_turns_within_each_family(names: Names) -> None:
    names.found = ["10.0.0.1", "::1", "10.0.0.2", "::2", "10.0.0.3"]
    assert taken(AddressBook(60), 4) == [
        ["10.0.0.1", "::1"],
        ["10.0.0.2", "::2"],
        ["10.0.0.3", "::1"],
        ["10.0.0.1", "::2"],
    ]
    assert names.asked == 1


def test_the_family_that_worked_comes_first(names: Names) -> None:
    names.found = ["::1", "10.0.0.1"]
    book = AddressBook(60)
    assert taken(book, 1) == [["::1", "10.0.0.1"]]
    book.prefer("h", 1, socket.AF_INET)
    assert taken(book, 1) == [["10.0.0.1", "::1"]]


def test_without_keeping_each_connect_asks_and_the_turns_and_the_family_go_on(
    names: Names,
) -> None:
    names.found = ["::1", "10.0.0.1", "10.0.0.2"]
    book = AddressBook(0)
    book.candidates("h", 1, soon())
    book.prefer("h", 1, socket.AF_INET)
    assert taken(book, 2) == [["10.0.0.2", "::1"], ["10.0.0.1", "::1"]]
    assert names.asked == 3


def test_an_answer_is_asked_for_again_when_its_time_is_over(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = AddressBook(60)
    taken(book, 2)
    assert names.asked == 1
    names.found = ["10.0.0.9"]
    for entry in book._entries.values():
        entry.expires_ns = 0
    assert taken(book, 1) == [["10.0.0.9"]]
    assert names.asked == 2


def test_many_users_at_once_ask_once(names: Names) -> None:
    names.delay_s = 0.02
    book = AddressBook(60)
    users = [gevent.spawn(book.candidates, "h", 1, soon()) for _ in range(20)]
    gevent.joinall(users, timeout=5, raise_error=True)
    assert names.asked == 1
    assert all(user.value for user in users)


def test_an_address_needs_no_resolver(names: Names) -> None:
    book = AddressBook(60)
    for host, family in (("192.0.2.7", socket.AF_INET), ("2001:db8::1", socket.AF_INET6)):
        (only,) = book.candidates(host, 1, soon())
        assert (only.family, only.sockaddr) == (family, (host, 1))
    assert names.asked == 0


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "dns.nxdomain"),
        (socket.gaierror(socket.EAI_AGAIN, "again"), "dns.temporary"),
        (UnicodeError("label too long"), "dns.nxdomain"),
    ],
)
def test_a_failed_look_up_has_its_class_and_is_not_kept(
    names: Names, error: Exception, name: str
) -> None:
    names.error = error
    book = AddressBook(60)
    for _ in range(2):
        with pytest.raises(Failure, match=f"^{name}$"):
            book.candidates("h", 1, soon())
    assert names.asked == 2
    names.error = None
    assert taken(book, 1) == [["127.0.0.1"]]


def test_a_name_without_an_address_has_its_class(names: Names) -> None:
    names.found = []
    with pytest.raises(Failure, match=r"^dns\.no_address$"):
        AddressBook(60).candidates("h", 1, soon())


def test_a_slow_resolver_is_bounded_by_the_deadline_and_its_answer_is_used_later(
    names: Names,
) -> None:
    names.delay_s = 0.1
    book = AddressBook(60)
    with pytest.raises(Failure, match=r"^dns\.timeout$"):
        book.candidates("h", 1, soon(0.01))
    assert taken(book, 2) == [["127.0.0.1"]] * 2
    assert names.asked == 1


# -- connects ------------------------------------------------------------------------------------


def test_a_name_that_does_not_exist_fails_in_dns() -> None:
    clock = Clock()
    failure = refused("wss://nonexistent.invalid/", connect_timeout="2s", clock=clock)
    assert failure.kind.phase == "dns"
    assert failure.detail.startswith("nonexistent.invalid")
    assert clock.dns_ns is None


def test_localhost_works_where_only_ipv4_listens_and_the_family_is_remembered(
    names: Names,
) -> None:
    names.found = ["::1", "127.0.0.1"]
    with play(hear_upgrade(), say(SWITCHING)) as peer:
        shared = endpoint(f"ws://localhost:{peer.port}/")
        for _ in range(2):
            clock = Clock()
            connect(shared, 0, clock).abort()
            assert clock.address == "127.0.0.1"
        first = shared.addresses.candidates("localhost", peer.port, soon())[0]
        assert first.family == socket.AF_INET
        assert peer.connections() == 2


def test_localhost_works_where_only_ipv6_listens(names: Names) -> None:
    names.found = ["127.0.0.1", "::1"]
    clock = Clock()
    with (
        play(hear_upgrade(), say(SWITCHING), host="::1") as peer,
        opened(f"ws://localhost:{peer.port}/", clock=clock),
    ):
        assert clock.address == "::1"


def test_a_family_that_drops_everything_leaves_time_for_the_other(names: Names) -> None:
    names.found = ["::1", "127.0.0.1"]
    with full_backlog("::1") as port, socket.create_server(("127.0.0.1", port)):
        failure = refused(f"ws://localhost:{port}/", connect_timeout="600ms")
    assert str(failure) == "http.timeout"  # it has reached the one that listens


def test_where_no_family_works_the_first_failure_is_told(names: Names) -> None:
    names.found = ["::1", "127.0.0.1"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    failure = refused(f"ws://localhost:{port}/")
    assert str(failure) == "tcp.refused"
    assert failure.detail.startswith("::1")


def test_all_nodes_behind_a_name_get_their_share(names: Names) -> None:
    names.found = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    reached = []
    with play(hear_upgrade(), say(SWITCHING), host="0.0.0.0") as peer:
        shared = endpoint(f"ws://service.example:{peer.port}/")
        for _ in range(6):
            clock = Clock()
            connect(shared, 0, clock).abort()
            reached.append(clock.address)
    assert reached == names.found * 2


def test_a_node_that_refuses_is_counted_and_not_hidden_by_another(names: Names) -> None:
    names.found = ["127.0.0.1", "127.0.0.2"]
    with play(hear_upgrade(), say(SWITCHING)) as peer:
        shared = endpoint(f"ws://service.example:{peer.port}/")
        connect(shared, 0, Clock()).abort()
        with pytest.raises(Failure, match=r"^tcp\.refused$"):
            connect(shared, 0, Clock())


@pytest.mark.parametrize("source", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("order", [("::1", "127.0.0.1"), ("127.0.0.1", "::1")])
def test_a_family_without_a_source_does_not_hide_what_became_of_the_other(
    names: Names, source: str, order: tuple[str, str]
) -> None:
    names.found = list(order)
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.create_server((source, 0), family=family) as closed:
        port = closed.getsockname()[1]
    assert str(refused(f"ws://name.test:{port}/", source_ip=[source])) == "tcp.refused"
