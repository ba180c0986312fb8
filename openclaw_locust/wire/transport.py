"""One TCP connection, plain or TLS, under gevent: bytes out, bytes in, and how it ended.

The socket is non-blocking and TLS runs over memory buffers, because only so are a clean end, a
truncation and a reset told apart, is each deadline total, and does a message cost little: after a
send the answer cannot be there yet, so a reader first sleeps in the hub and then reads once.

One read watcher lives as long as the connection. While nobody reads, it keeps pulling in the
background (bounded), so that pings are answered and an end is noticed while a user pauses.

This module knows gevent and ssl; it knows neither HTTP nor WebSocket.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Any, Literal

from gevent import get_hub, getcurrent

from openclaw_locust.classify import from_ssl_error
from openclaw_locust.failures import Failure
from openclaw_locust.wire.tcp import READ, TIMED_OUT, WRITE, TimedOut, now_ns, seconds_left

_READ_SIZE = 65536
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time
_RECORD_SIZE = 16384  # the most that one TLS record holds (RFC 8446, 5.1)
_BACKLOG_LIMIT = 256 * 1024  # what is kept for a user that does not read, and for a peer likewise

End = Literal["fin", "truncated", "reset"]


class Ended(Exception):
    """The stream is over: by a proper end, a FIN in the middle of TLS, or a reset."""

    def __init__(self, how: End, detail: str = "") -> None:
        super().__init__(how)
        self.how: End = how
        self.detail = detail


class Transport:
    """A connected stream. One greenlet reads at a time, and one writes.

    Attributes:
        read_ns: when the bytes that were last handed out came off the socket
            (``time.perf_counter_ns``).
        on_idle_data: called in the hub when bytes came in while nobody was reading; must not block.
        tls: the TLS session, or None.
    """

    __slots__ = (
        "_alarm",
        "_alarm_ns",
        "_at_fin",
        "_deadline_ns",
        "_ended",
        "_hub",
        "_inbox",
        "_incoming",
        "_outgoing",
        "_readable",
        "_reader",
        "_reading",
        "_recv",
        "_send",
        "_sock",
        "_tls_read",
        "_tls_write",
        "_unsent",
        "_writable",
        "_writer",
        "on_idle_data",
        "read_ns",
        "tls",
    )

    def __init__(self, sock: socket.socket) -> None:
        self._hub = get_hub()
        self._sock = sock
        self._recv, self._send = sock.recv, sock.send
        self._readable = self._hub.loop.io(sock.fileno(), READ)
        self._reading = False
        self._reader: Any = None
        self._alarm = self._hub.loop.timer(0.0)
        self._alarm_ns = 0  # when the alarm will ring; 0: it is off
        self._deadline_ns = 0
        self._writable: Any = None  # made when the peer's window is first full
        self._writer: Any = None
        self._unsent = bytearray()
        self._inbox = b""
        self._ended: Exception | None = None
        self._at_fin = False  # of TCP; TLS may have ended before
        self.read_ns = 0
        self.on_idle_data: Callable[[], None] | None = None
        self.tls: ssl.SSLObject | None = None
        self._incoming = self._outgoing = ssl.MemoryBIO()

    # -- TLS ---------------------------------------------------------------------------------

    def adopt_tls(
        self, session: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO
    ) -> None:
        """Read and write through a session whose handshake is done, and its two buffers.

        What ``outgoing`` still holds goes with the first write.
        """
        self._incoming, self._outgoing = incoming, outgoing
        self.tls = session
        self._tls_read, self._tls_write = session.read, session.write
        # What came behind the handshake in the same packet: tickets, or an early alert.
        if incoming.pending:
            self._inbox = self._decrypt()

    # -- reading -----------------------------------------------------------------------------

    def receive(self, deadline_ns: int) -> bytes:
        """Return bytes as soon as there are any, those already read first.

        Raises:
            TimedOut: nothing came by the deadline.
            Ended: the stream is over, and everything before its end has been handed out.
            Failure: the peer ended TLS with an alert.
        """
        if self._inbox:
            data, self._inbox = self._inbox, b""
            return data
        while self._ended is None:
            self._wait_readable(deadline_ns)
            if data := self._pull():
                return data
            if self._ended is None and now_ns() >= deadline_ns:
                raise TimedOut  # records without content must not extend the deadline
        if data := self.take():  # read by a write that failed meanwhile
            return data
        raise self._ended

    def _wait_readable(self, deadline_ns: int) -> None:
        if deadline_ns < self._alarm_ns or not self._alarm_ns:
            self._set_alarm(deadline_ns)
        self._deadline_ns = deadline_ns
        self._reader = getcurrent()
        if not self._reading:
            self._readable.start(self._on_readable)
            self._reading = True
        try:
            if self._hub.switch() is TIMED_OUT:
                raise TimedOut
        finally:
            self._reader = None

    def take(self) -> bytes:
        """Return what has been read already, without waiting."""
        data, self._inbox = self._inbox, b""
        return data

    @property
    def has_reader(self) -> bool:
        """Whether a greenlet is waiting in :meth:`receive`."""
        return self._reader is not None

    @property
    def ended(self) -> Exception | None:
        """What ended the stream (:class:`Ended` or an alert's ``Failure``), as far as is known."""
        return self._ended

    def _on_readable(self) -> None:
        if self._reader is not None:
            self._reader.switch()
            return
        if self._ended is None:
            self._inbox += self._pull()
        if self._ended is not None or len(self._inbox) > _BACKLOG_LIMIT:
            self._stop_reading()  # a full backlog is left to TCP's own back-pressure
        if self.on_idle_data is not None:
            self.on_idle_data()

    def _stop_reading(self) -> None:
        self._readable.stop()
        self._reading = False

    def _pull(self) -> bytes:
        """Read the socket once and decrypt.

        The way through the first ``return`` is the hot one: one read, one record, and nothing to
        answer.
        """
        self.read_ns = now_ns()
        try:
            raw = self._recv(_READ_SIZE)
            if not raw:
                self._at_fin = True
                self._ended = self._ended or Ended("fin" if self.tls is None else "truncated")
            if self.tls is None or not raw:
                return raw
            self._incoming.write(raw)
            data = self._tls_read(_RECORD_SIZE)
            if data and not self._incoming.pending and not self._outgoing.pending:
                return data
        except BlockingIOError:
            return b""
        except ssl.SSLError as error:
            data = b""
            self._note_tls_error(error)
        except OSError as error:
            self._ended = self._ended or Ended("reset", error.strerror or str(error))
            return b""
        else:
            if not data:
                self._ended = Ended("fin")
        return data + self._decrypt()

    def _decrypt(self) -> bytes:
        """Return what else is in the records at hand, and answer what TLS itself wants answered."""
        data = b""
        while self._incoming.pending and self._ended is None:
            before = self._incoming.pending
            try:
                part = self._tls_read(_RECORD_SIZE)
            except ssl.SSLError as error:
                self._note_tls_error(error)
                if self._incoming.pending == before:
                    break  # the rest of this record is still on its way
                continue
            if not part:
                self._ended = Ended("fin")
            data += part
        if self._outgoing.pending and self._ended is None:
            self._post(self._outgoing.read())  # the answer to a key update, say
        return data

    def _note_tls_error(self, error: ssl.SSLError) -> None:
        if isinstance(error, ssl.SSLZeroReturnError):  # so it is called when we have ended too
            self._ended = Ended("fin")
        elif not isinstance(error, ssl.SSLWantReadError):
            self._ended = from_ssl_error(error)

    def _set_alarm(self, deadline_ns: int) -> None:
        self._alarm_ns = deadline_ns
        self._alarm.stop()
        self._alarm.close()
        self._alarm = self._hub.loop.timer(seconds_left(deadline_ns))
        self._alarm.start(self._on_alarm, update=True)

    def _on_alarm(self) -> None:
        """Wake the reader if its time is up.

        Deadlines of acks move forward with each send; the alarm is not moved with them (that
        would cost more than the send), it looks where the deadline is now and goes to sleep again.
        """
        self._alarm_ns = 0
        if self._reader is None:
            return
        if now_ns() >= self._deadline_ns:
            self._reader.switch(TIMED_OUT)
        else:
            self._set_alarm(self._deadline_ns)

    # -- writing -----------------------------------------------------------------------------

    def send(self, data: bytes, deadline_ns: int) -> None:
        """Send all of ``data``.

        Raises:
            TimedOut: the peer took no more by the deadline.
            Ended: the stream is over; bytes that came before the end can still be taken.
            Failure: the peer ended TLS with an alert.
        """
        if self._ended is not None:
            raise self._ended
        if self.tls is not None:
            self._tls_write(data)
            data = self._outgoing.read()
        self._post(data)
        if self._unsent:
            self._wait_sent(deadline_ns)
        if self._ended is not None:
            raise self._ended

    def post(self, data: bytes) -> None:
        """Send ``data`` without ever waiting; dropped when the peer has not read for long."""
        if self._ended is not None or len(self._unsent) > _BACKLOG_LIMIT:
            return
        if self.tls is not None:
            self._tls_write(data)
            data = self._outgoing.read()
        self._post(data)

    def flush(self) -> None:
        """Send what TLS itself still has to say, such as the last message of our handshake."""
        if self._outgoing.pending and self._ended is None:
            self._post(self._outgoing.read())

    def _post(self, data: bytes) -> None:
        sent = 0
        try:
            if not self._unsent:
                sent = self._send(data)
        except BlockingIOError:
            pass
        except OSError as error:
            self._write_failed(error)
            return
        if sent != len(data):
            self._unsent += data[sent:]
            if self._writable is None:
                self._writable = self._hub.loop.io(self._sock.fileno(), WRITE)
            self._writable.start(self._on_writable)

    def _on_writable(self) -> None:
        try:
            del self._unsent[: self._send(self._unsent)]
        except BlockingIOError:
            return
        except OSError as error:
            self._unsent.clear()
            self._write_failed(error)
        if not self._unsent:
            self._writable.stop()
            if self._writer is not None:
                self._writer.switch()

    def _wait_sent(self, deadline_ns: int) -> None:
        timer = self._hub.loop.timer(seconds_left(deadline_ns))
        self._writer = getcurrent()
        try:
            timer.start(self._writer.switch, TIMED_OUT, update=True)
            if self._hub.switch() is TIMED_OUT:
                raise TimedOut
        finally:
            self._writer = None
            timer.stop()
            timer.close()

    def _write_failed(self, error: OSError) -> None:
        """Read before judging: an alert or a close frame may lie behind a write that failed."""
        while self._ended is None and (more := self._pull()):
            self._inbox += more
        end, bare = self._ended, "fin" if self.tls is None else "truncated"
        if isinstance(end, Ended) and end.how == bare and error.errno == errno.ECONNRESET:
            end = None  # the write has used up the reset, and a read after it shows a bare end
        self._ended = end or Ended("reset", error.strerror or str(error))

    # -- end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """End TLS in words if it still can be heard, then close. Never waits; may be repeated."""
        if self._ended is None:
            self._say_end()
        self.abort()

    def _say_end(self) -> None:
        if self.tls is not None:
            # It raises because the peer has not answered yet; nobody waits for that.
            with contextlib.suppress(ssl.SSLError, ValueError):
                self.tls.unwrap()
            self._post(self._outgoing.read())

    def let_peer_close(self, deadline_ns: int) -> bool:
        """Say the end in TLS, let the peer end TCP first, then close; say whether it did.

        Who ends TCP first keeps the port for a minute (TIME_WAIT, RFC 9293, 3.6.1). A peer that has
        not done so by the deadline gets a reset, which keeps none. What still comes is passed over.

        Raises:
            Failure: the peer ended TLS with an alert: TLS 1.3 refuses late.
        """
        closed = False
        try:
            if not self._is_over():
                self._say_end()
            while not self._is_over():
                self._wait_readable(deadline_ns)
                self._pull()
            closed = True
        except TimedOut:
            pass
        finally:
            end = self._ended
            self.abort() if closed else self.reset()
        if isinstance(end, Failure):
            raise end
        return closed

    def _is_over(self) -> bool:
        is_reset = isinstance(self._ended, Ended) and self._ended.how == "reset"
        return self._at_fin or is_reset or isinstance(self._ended, Failure)

    def reset(self) -> None:
        """Close at once with a reset: no word of TLS, and no port that is kept."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        if self._ended is None:
            self._ended = Ended("fin", "closed here")
        if self._reader is not None or self._writer is not None:
            self._hub.loop.run_callback(self._wake_sleepers)
        for watcher in (self._readable, self._alarm, self._writable):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._writable = None
        self._reading = False
        self._unsent.clear()
        self._sock.close()

    def _wake_sleepers(self) -> None:
        """Let other greenlets see the end: the watchers that they slept on are gone."""
        for sleeper in (self._reader, self._writer):
            if sleeper is not None:
                sleeper.switch()
