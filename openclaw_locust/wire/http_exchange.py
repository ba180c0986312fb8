"""One HTTP/1.1 request after the other on a connection: the plain `GET` of a load test (RFC 9112).

Bodies are read to their end and not kept. What is no proper answer ends the connection.
"""

from __future__ import annotations

import re

from openclaw_locust.failures import Failure
from openclaw_locust.wire.tcp import TimedOut
from openclaw_locust.wire.transport import Ended, Transport
from openclaw_locust.wire.upgrade import (
    MAX_BODY_SAMPLE_BYTES,
    Answer,
    AnswerReader,
    body_length,
    refusal,
)

_BODILESS = (204, 304)
_CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
_LINE_END = re.compile(rb"\r?\n")
_END_OF_TRAILERS = re.compile(rb"(?:^|\r?\n)\r?\n")
_MAX_LINE_BYTES = 16 * 1024


class HttpConnection:
    """A connection that requests go out on."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._goes_on = True

    @property
    def is_open(self) -> bool:
        """Whether another request can follow, as far as is known."""
        return self._goes_on and self.transport.ended is None

    def get(self, request: bytes, deadline_ns: int) -> int:
        """Send a request, read its whole answer, and return the size of the body in bytes.

        Raises:
            Failure: ``http.*``: an answer that is no 2xx, or none; a failed connection is not open
                any more, one that was refused in words may be.
        """
        goes_on, self._goes_on = self._goes_on, False
        assert goes_on
        reader, answer = AnswerReader(), None
        try:
            self.transport.send(request, deadline_ns)
            while answer is None:
                answer = reader.feed(self.transport.receive(deadline_ns))
            body = self._read_body(answer, deadline_ns)
        except TimedOut:
            raise Failure("http.timeout", "no whole answer in time") from None
        except Ended as end:
            name = "http.reset" if end.how == "reset" else "http.eof"
            raise Failure(name, end.detail or "closed before the end of the answer") from None
        self._goes_on = _persists(answer) and not body.is_followed
        if not 200 <= answer.status < 300:
            raise refusal(answer, body.sample)
        return body.size

    def _read_body(self, answer: Answer, deadline_ns: int) -> _Body:
        """Read to the body's end."""
        body = _Body(self.transport, answer.rest, deadline_ns)
        if answer.status in _BODILESS:
            return body
        if "chunked" in answer.headers.get("transfer-encoding", "").lower():
            while size := body.chunk_size():
                body.skip(size)
                body.line_end()
            body.trailers()
        elif (length := body_length(answer)) is not None:
            body.skip(length)
        elif (text := answer.headers.get("content-length")) is not None:
            raise Failure("http.malformed", f"Content-Length: {text}")
        else:
            body.to_the_end()
        return body


def _persists(answer: Answer) -> bool:
    """Return whether the server keeps the connection behind this answer (RFC 9112, 9.3)."""
    options = {each.strip().lower() for each in answer.headers.get("connection", "").split(",")}
    return "close" not in options and (answer.version == "1.1" or "keep-alive" in options)


class _Body:
    """The bytes behind an answer's head.

    Attributes:
        size: how many bytes of content there were.
        sample: the first of them.
    """

    def __init__(self, transport: Transport, first: bytes, deadline_ns: int) -> None:
        self._transport, self._deadline_ns = transport, deadline_ns
        self._buffer = first
        self.size = 0
        self.sample = b""

    @property
    def is_followed(self) -> bool:
        """Whether there are bytes behind it, which nobody has asked for."""
        return bool(self._buffer)

    def _more(self) -> None:
        self._buffer += self._transport.receive(self._deadline_ns)

    def _match(self, pattern: re.Pattern[bytes], most: int) -> re.Match[bytes]:
        while (found := pattern.match(self._buffer)) is None:
            if len(self._buffer) >= most or b"\n" in self._buffer:
                raise Failure("http.malformed", self._buffer[:80].decode("latin-1"))
            self._more()
        self._buffer = self._buffer[found.end() :]
        return found

    def chunk_size(self) -> int:
        """Read a chunk's head."""
        return int(self._match(_CHUNK_HEAD, _MAX_LINE_BYTES)[1], 16)

    def line_end(self) -> None:
        """Read the end of a chunk."""
        self._match(_LINE_END, len(b"\r\n"))

    def trailers(self) -> None:
        """Read what stands behind the last chunk."""
        while (found := _END_OF_TRAILERS.search(self._buffer)) is None:
            if len(self._buffer) > _MAX_LINE_BYTES:
                raise Failure("http.too_long", f"no end within {_MAX_LINE_BYTES} bytes")
            self._more()
        self._buffer = self._buffer[found.end() :]

    def skip(self, size: int) -> None:
        """Read ``size`` bytes of content."""
        left = size
        while left:
            if not self._buffer:
                self._more()
            part, self._buffer = self._buffer[:left], self._buffer[left:]
            self._take(part)
            left -= len(part)

    def to_the_end(self) -> None:
        """Read content until the server closes."""
        self._take(self._buffer)
        self._buffer = b""
        try:
            while True:
                self._take(self._transport.receive(self._deadline_ns))
        except Ended as end:
            if end.how != "fin":
                raise

    def _take(self, part: bytes) -> None:
        self.size += len(part)
        if len(self.sample) < MAX_BODY_SAMPLE_BYTES:
            self.sample = (self.sample + part)[:MAX_BODY_SAMPLE_BYTES]
