"""TLS sessions: which is offered, how often, and what the server makes of it; with and without the
door to OpenSSL."""

from __future__ import annotations

import gc
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from openclaw_locust.option_values import SettingsError
from openclaw_locust.settings import read_settings
from openclaw_locust.wire import ciphers, openssl, sessions, tls_facts
from openclaw_locust.wire.connection import Clock, Endpoint, open_transport
from openclaw_locust.wire.openssl import OPENSSL, Session
from openclaw_locust.wire.sessions import Inbox, Kept, Resumption, Shelf
from openclaw_locust.workload import Workload
from tests.embedded import Served, serve
from tests.wire.client import endpoint, soon


@pytest.fixture(params=["with OpenSSL's door", "with Python's ssl alone"])
def door(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether OpenSSL can be reached."""
    if request.param == "with Python's ssl alone":
        for module in (sessions, ciphers, tls_facts):
            monkeypatch.setattr(module, "OPENSSL", None)
        return False
    assert OPENSSL is not None, "the tests want a Python whose OpenSSL can be reached"
    return True


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve() as server:
        yield server


@pytest.fixture(scope="module")
def served12() -> Iterator[Served]:
    with serve("--tls-max", "1.2") as server:
        yield server


def shake(to: Endpoint, shelf: Shelf | None, session: Kept | None = None) -> Clock:
    """Make one connection to its polite end; what comes goes to the shelf."""
    clock = Clock()
    clock.inbox = Inbox(shelf)
    open_transport(to, 0, clock, session).let_peer_close(soon())
    clock.inbox.look()
    return clock


def listening(server: Served, **options: Any) -> Endpoint:
    to = endpoint(server.url, tls_ca=server.ca, **options)
    assert to.tls is not None
    to.tls.listen()
    return to


def is_resumed(clock: Clock) -> bool:
    assert clock.negotiated is not None
    return clock.negotiated.resumed


def test_a_tls_1_3_ticket_is_offered_once_and_each_connection_brings_the_next(
    served: Served, door: bool
) -> None:
    to, shelf = listening(served), Shelf()
    assert not is_resumed(shake(to, shelf))
    for _ in range(3):
        ticket = shelf.take()
        assert ticket is not None
        assert ticket.once
        assert shelf.is_empty
        clock = shake(to, shelf, ticket)
        assert clock.offered
        assert is_resumed(clock)


def test_a_shared_session_is_offered_again_and_again(served: Served, door: bool) -> None:
    to, shelf = listening(served), Shelf(is_shared=True)
    shake(to, shelf)
    first = shelf.take()
    for _ in range(3):
        assert shelf.take() is first
        assert is_resumed(shake(to, shelf, first))


def test_a_tls_1_2_session_is_kept_because_its_resumption_brings_none(
    served12: Served, door: bool
) -> None:
    to, shelf = listening(served12), Shelf()
    shake(to, shelf)
    first = shelf.take()
    assert first is not None
    assert not first.once
    assert is_resumed(shake(to, shelf, first))
    assert shelf.take() is first


def test_a_session_of_another_server_is_refused_and_the_handshake_is_full_and_good(
    served: Served, door: bool, tmp_path: Path
) -> None:
    certs = tmp_path / "certs"
    with serve("--certs", certs) as one, serve("--certs", certs) as other:
        to, shelf = listening(one), Shelf()
        shake(to, shelf)
        ticket = shelf.take()
        clock = shake(replace(to, dial=(other.host, other.port)), shelf, ticket)
    assert clock.offered
    assert not is_resumed(clock)


@pytest.mark.parametrize(("top", "is_shared"), [("1.2", False), ("1.2", True), ("1.3", True)])
def test_the_session_that_comes_with_a_refusal_is_offered_next(
    door: bool, tmp_path: Path, top: str, is_shared: bool
) -> None:
    certs = tmp_path / "certs"
    with (
        serve("--certs", certs, "--tls-max", top) as one,
        serve("--certs", certs, "--tls-max", top) as other,
    ):
        to, shelf = listening(one), Shelf(is_shared=is_shared)
        shake(to, shelf)
        to_other = replace(to, dial=(other.host, other.port))
        assert not is_resumed(shake(to_other, shelf, shelf.take()))
        fresh = shelf.take()
        assert fresh is not None
        assert is_resumed(shake(to_other, shelf, fresh))


def test_tickets_are_counted_on_each_connection(served: Served, served12: Served) -> None:
    to, shelf = listening(served), Shelf()
    full = shake(to, shelf)
    resumed = shake(to, shelf, shelf.take())
    only_counted = shake(to, None)
    assert full.inbox and resumed.inbox and only_counted.inbox
    # OpenSSL's servers: two with a full handshake, one with a resumed one
    assert (full.inbox.count, resumed.inbox.count, only_counted.inbox.count) == (2, 1, 2)
    with serve("--no-tickets", "--tls-min", "1.3") as none:
        clock = shake(listening(none), shelf := Shelf())
    assert clock.inbox is not None
    assert (clock.inbox.count, shelf.is_empty) == (0, True)


def test_without_the_door_nobody_counts_and_no_group_is_known(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (sessions, ciphers, tls_facts):
        monkeypatch.setattr(module, "OPENSSL", None)
    clock = shake(listening(served), Shelf())
    assert clock.inbox is not None
    assert clock.inbox.count is None
    assert clock.negotiated is not None
    if not hasattr(ssl.SSLObject, "group"):
        assert clock.negotiated.group == ""
        with pytest.raises(SettingsError, match="cannot be chosen with this Python"):
            Workload(read_settings({"tls_ciphers": "TLS_AES_128_GCM_SHA256"}, "wss://localhost/"))


def test_a_python_of_another_layout_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openssl, "_SSL_CONTEXT", 3)
    with pytest.raises(LookupError, match="another layout"):
        openssl.OpenSsl()
    monkeypatch.undo()
    monkeypatch.delattr(openssl._ssl, "__file__")  # built into the interpreter
    with pytest.raises(LookupError, match="cannot be reached"):
        openssl.OpenSsl()


def test_sessions_that_nobody_keeps_are_freed(served: Served) -> None:
    assert OPENSSL is not None
    to, shelf = listening(served), Shelf()
    shake(to, shelf)
    kept = shelf.take()
    assert kept is not None
    assert isinstance(kept.session, Session)
    process = psutil.Process()

    def copy(times: int) -> int:
        for _ in range(times):
            Session(OPENSSL, kept.session.pointer)  # type: ignore[union-attr, arg-type]
        gc.collect()
        return process.memory_info().rss

    before = copy(2_000)
    assert copy(50_000) - before < 4 << 20  # a session has some 400 bytes, without what it shares
    assert is_resumed(shake(to, shelf, kept))


@pytest.mark.parametrize(("share", "of_eight"), [(0.0, 0), (0.25, 2), (0.5, 4), (1.0, 8)])
def test_the_share_is_evenly_spread(share: float, of_eight: int) -> None:
    resumption = Resumption(share, is_shared=False)
    for _ in range(5):
        assert sum(resumption.is_next() for _ in range(8)) == of_eight


def test_each_user_has_a_shelf_of_its_own_unless_sessions_are_shared_by_identity() -> None:
    own, shared = Resumption(1, is_shared=False), Resumption(1, is_shared=True)
    assert own.shelf(0) is not own.shelf(0)
    assert shared.shelf(0) is shared.shelf(0)
    assert shared.shelf(0) is not shared.shelf(1)
    assert Resumption(0, is_shared=False).shelf(0) is None


def test_a_refused_session_is_dropped_from_the_shared_shelf() -> None:
    shelf = Shelf(is_shared=True)
    kept = Kept(object(), once=True)  # type: ignore[arg-type]
    shelf.put(kept)
    shelf.drop(Kept(object(), once=True))  # type: ignore[arg-type]
    assert shelf.take() is kept
    shelf.drop(kept)
    assert shelf.is_empty
