"""TLS sessions that clients keep and offer again: how many connections do so, and which session.

A TLS 1.3 ticket is used once (RFC 8446, appendix C.4, so that nobody can link two connections),
unless it is to be shared; a TLS 1.2 session is kept until the server refuses it, because a resumed
handshake need not bring another (RFC 5077, 3.3).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from weakref import WeakValueDictionary

from openclaw_locust.wire.openssl import OPENSSL, Session

_TLS13 = "TLSv1.3"


@dataclass(frozen=True, slots=True)
class Kept:
    """A session that may be offered.

    Attributes:
        session: OpenSSL's, or Python's own copy of it.
        once: whether it may be offered only once.
    """

    session: Session | ssl.SSLSession
    once: bool

    def offer(self, connection: ssl.SSLObject) -> None:
        """Offer it in the handshake that is about to begin."""
        if isinstance(self.session, ssl.SSLSession):
            connection.session = self.session
        elif OPENSSL is not None:
            OPENSSL.offer(connection, self.session)


class Shelf:
    """The session that is offered next: of one user, or of all that share one."""

    __slots__ = ("_is_shared", "_kept")

    def __init__(self, *, is_shared: bool = False) -> None:
        self._is_shared = is_shared
        self._kept: Kept | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is none."""
        return self._kept is None

    def put(self, kept: Kept) -> None:
        """Keep a session in the place of what is there."""
        self._kept = kept

    def take(self) -> Kept | None:
        """Return the session to offer, or None."""
        kept = self._kept
        if kept is not None and kept.once and not self._is_shared:
            self._kept = None
        return kept

    def drop(self, refused: Kept) -> None:
        """Keep no session that the server has refused."""
        if self._kept is refused:
            self._kept = None


class Inbox:
    """The sessions that come on one connection; the first goes to its shelf, if that is empty.

    Attributes:
        count: how many came; None where nothing tells of their coming.
    """

    __slots__ = ("__weakref__", "_connection", "_offered", "_shelf", "count")

    def __init__(self, shelf: Shelf | None) -> None:
        """Make the inbox of a connection to be; without a shelf it only counts."""
        self._shelf = shelf
        self._connection: ssl.SSLObject | None = None
        self._offered: Kept | None = None
        self.count: int | None = None

    def listen(self, connection: ssl.SSLObject, offered: Kept | None = None) -> None:
        """Listen on a connection whose handshake is about to begin, with the session it offers."""
        self._connection, self._offered = connection, offered
        if OPENSSL is not None:
            self.count = 0
            _inboxes[OPENSSL.pointer(connection)] = self

    def arrived(self, pointer: int) -> None:
        """Take note of a session of OpenSSL's."""
        assert self.count is not None
        assert OPENSSL is not None
        self.count += 1
        if self._wants_one() and OPENSSL.is_resumable(pointer):
            kept = Kept(Session(OPENSSL, pointer), once=OPENSSL.is_tls13(pointer))
            assert self._shelf is not None
            self._shelf.put(kept)

    def look(self) -> None:
        """Look for a session where nothing tells of its coming: once, as the connection ends."""
        if self.count is not None or self._connection is None or not self._wants_one():
            return
        session, is_tls13 = self._connection.session, self._connection.version() == _TLS13
        if session is not None and (session.has_ticket or not is_tls13):
            assert self._shelf is not None
            self._shelf.put(Kept(session, once=is_tls13))

    def _wants_one(self) -> bool:
        if self._shelf is None or self._connection is None:
            return False
        if self._offered is not None and not self._connection.session_reused:
            self._shelf.drop(self._offered)  # refused: what came instead takes its place
        return self._shelf.is_empty


_inboxes: WeakValueDictionary[int, Inbox] = WeakValueDictionary()


def listen(context: ssl.SSLContext) -> None:
    """Let the inboxes of a context's connections hear of their sessions; once for each context."""
    if OPENSSL is not None:
        OPENSSL.on_new_session(context, _arrived)


def _arrived(connection: int, pointer: int) -> None:
    inbox = _inboxes.get(connection)
    if inbox is not None:
        inbox.arrived(pointer)


class Resumption:
    """Which connections of a process offer a session: a share of them, evenly spread.

    Attributes:
        share: from 0 to 1.
        is_accepted: whether the server resumed the last session that was offered.
    """

    def __init__(self, share: float, *, is_shared: bool) -> None:
        """Make the policy of a process; shared: one session serves all users of an identity."""
        self.share = share
        self.is_accepted = True
        self._is_shared = is_shared
        self._shared: dict[int, Shelf] = {}
        self._owed = 0.0

    def shelf(self, identity: int) -> Shelf | None:
        """Return a user's shelf; None when nobody offers sessions."""
        if not self.share:
            return None
        if not self._is_shared:
            return Shelf()
        return self._shared.setdefault(identity, Shelf(is_shared=True))

    def is_next(self) -> bool:
        """Return whether the next connection shall offer a session."""
        self._owed += self.share
        if self._owed < 1.0 - 1e-9:
            return False
        self._owed -= 1.0
        return True
