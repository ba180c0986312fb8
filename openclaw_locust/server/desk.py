"""One connection's messages in and answers out, all counted, where answers are delayed or held."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING

from openclaw_locust.server.frames import text_frame
from openclaw_locust.server.messages import BadMessageError, ack_for, refuse_binary

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_locust.server.counts import Counts
    from openclaw_locust.server.held_transport import HeldTransport
    from openclaw_locust.server.latency import Latency


class Desk:
    """Takes ratings and puts their answers into the line.

    Attributes:
        shut: nothing more leaves, not even what is in the line already.

    Args:
        transport: the connection.
        counts: the server's.
        latency: the server's, if it keeps one.
        on_first_rating: called with the time (``time.monotonic_ns``) of the server's first rating.
    """

    __slots__ = ("_counts", "_latency", "_on_first_rating", "_transport", "shut")

    def __init__(
        self,
        transport: HeldTransport,
        counts: Counts,
        latency: Latency | None,
        on_first_rating: Callable[[int], None],
    ) -> None:
        self._transport = transport
        self._counts = counts
        self._latency = latency
        self._on_first_rating = on_first_rating
        self.shut = False

    def take(self, message: str | bytes, read_ns: int) -> bytes | None:
        """Return the ack of a rating; None: it was none, and has been answered as that."""
        counts = self._counts
        counts.messages += 1
        try:
            ack = ack_for(message) if type(message) is str else refuse_binary()
        except BadMessageError as refusal:
            self.put_error(refusal.answer, read_ns)
            return None
        if not counts.ratings:
            self._on_first_rating(read_ns)
        counts.ratings += 1
        return ack

    def put_ack(self, ack: bytes, read_ns: int) -> None:
        """Let an ack leave when its time has come, and count it then."""
        self._transport.put(self._send_ack, text_frame(ack), read_ns)

    def put_error(self, error: bytes, read_ns: int) -> None:
        """Let an answer that says no leave in the same way."""
        self._transport.put(self._send_error, text_frame(error), read_ns)

    def put_frame(self, frame: bytes, read_ns: int) -> None:
        """Let bytes that count as nothing leave in the same way."""
        self._transport.put(self._send_uncounted, frame, read_ns)

    def put_end(self, last_words: bytes, end: Callable[[], None], read_ns: int) -> None:
        """Send ``last_words``, let nothing follow and call ``end``, all when the time has come."""

        def finish(frame: bytes, _read_ns: int) -> None:
            if self.shut:
                return
            self._send(frame)
            self.shut = True
            end()

        self._transport.put(finish, last_words, read_ns)

    def _send(self, frame: bytes) -> bool:
        return not self.shut and self._transport.answer(frame)

    def _send_uncounted(self, frame: bytes, _read_ns: int) -> None:
        self._send(frame)

    def _send_ack(self, frame: bytes, read_ns: int) -> None:
        if self._send(frame):
            self._counts.acks += 1
            if self._latency is not None:
                self._latency.record(read_ns, monotonic_ns())

    def _send_error(self, frame: bytes, _read_ns: int) -> None:
        self._counts.errors += self._send(frame)
