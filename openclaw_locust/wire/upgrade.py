"""The HTTP/1.1 upgrade without I/O (RFC 6455, section 4; RFC 9112): one bounded, strict parser.

Every correct form of an answer's head is read (any case of names, folded lines, Latin-1, no reason
phrase, 1xx before the 101); only a full and correct 101 is an upgrade. Redirects are never followed
and cookies are never kept.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from openclaw_locust.classify import from_status
from openclaw_locust.failures import Failure
from openclaw_locust.redact import mask_url
from openclaw_locust.wire.target import Target

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_SAMPLE_BYTES = 1024
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_STATUS_LINE = re.compile(r"HTTP/(1\.[01]) ([1-9]\d\d)(?: (.*))?")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_LINE = re.compile(rb"\r?\n")
_BLANKS = " \t"  # and no others: to str.strip() some Latin-1 letters are blanks too
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an HTTP answer.

    Attributes:
        status: the status code.
        reason: the reason phrase, empty where there is none.
        headers: the values by lower-case name, repeated headers joined with a comma.
        rest: the bytes behind the head: the first frames after a 101, else the body's beginning.
        version: of HTTP, ``1.0`` or ``1.1``.
    """

    status: int
    reason: str
    headers: dict[str, str]
    rest: bytes
    version: str = "1.1"


class UpgradeRequest:
    """What is the same in each upgrade to one target; only the key differs.

    Args:
        target: where the request goes.
        headers: further headers as (name, value); one of them replaces ours of the same name.
        subprotocols: offered in this order.

    Raises:
        ValueError: a header could not be sent as it is, or is not the caller's to set.
    """

    def __init__(
        self,
        target: Target,
        headers: tuple[tuple[str, str], ...] = (),
        subprotocols: tuple[str, ...] = (),
    ) -> None:
        self.subprotocols = subprotocols
        lines = [f"GET {target.resource} HTTP/1.1"]
        given = {name.lower() for name, _ in headers}
        if "host" not in given:
            lines.append(f"Host: {target.host_header}")
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        if subprotocols:
            lines.append(f"Sec-WebSocket-Protocol: {', '.join(subprotocols)}")
        if target.authorization and "authorization" not in given:
            lines.append(f"Authorization: {target.authorization}")
        lines += [f"{name}: {value}" for name, value in headers]
        self._head = "\r\n".join(lines).encode("latin-1") + b"\r\nSec-WebSocket-Key: "

    def with_key(self) -> tuple[bytes, str]:
        """Return the request's bytes with a fresh key, and the accept value that it must bring."""
        key = base64.b64encode(os.urandom(16))
        accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
        return self._head + key + b"\r\n\r\n", accept.decode("ascii")


def plain_get(target: Target, resource: str, headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    """Return a ``GET`` without an upgrade, for another path of the target."""
    given = {name.lower() for name, _ in headers}
    lines = [f"GET {resource} HTTP/1.1"]
    if "host" not in given:
        lines.append(f"Host: {target.host_header}")
    if target.authorization and "authorization" not in given:
        lines.append(f"Authorization: {target.authorization}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def parse_header(text: str) -> tuple[str, str]:
    """Read a header that a user gives as ``Name: value``.

    Raises:
        ValueError: it is none, or one that the upgrade itself must set. The value is not repeated:
            it may be a secret.
    """
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon:
        raise ValueError("--header without a colon; write it like 'X-Tenant: blue'")
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"--header {name!r} is not a header; write it like 'X-Tenant: blue'")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"--header {name}: its value has letters beyond Latin-1") from None
    if any(ord(char) < 0x20 and char != "\t" for char in value) or "\x7f" in value:
        raise ValueError(f"--header {name}: its value has a control character")
    lower = name.lower()
    if lower in ("upgrade", "connection") or lower.startswith("sec-websocket-"):
        mend = "use --subprotocol" if lower == "sec-websocket-protocol" else "leave it out"
        raise ValueError(f"--header {name}: the upgrade sets this header itself; {mend}")
    return name, value


def check_subprotocols(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names as they are, if they can be offered (RFC 6455, 4.1).

    Raises:
        ValueError: one is no token, or stands twice.
    """
    for name in names:
        if not _TOKEN.fullmatch(name):
            raise ValueError(
                f"--subprotocol {name!r} is not a subprotocol's name; "
                "write one name, and repeat the option for the next"
            )
        if names.count(name) > 1:
            raise ValueError(f"--subprotocol {name!r} is there twice; leave one of them out")
    return tuple(names)


class AnswerReader:
    """Collects bytes until the final head is whole; interim answers (100, 103) are passed over."""

    __slots__ = ("_buffer", "_searched")

    def __init__(self) -> None:
        self._buffer = b""
        self._searched = 0  # up to here there is no end of a head

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all has come."""
        return not self._buffer

    def feed(self, data: bytes) -> Answer | None:
        """Add bytes; return the answer when its head is whole.

        Raises:
            Failure: ``http.malformed`` or ``http.too_long``.
        """
        self._buffer = self._buffer + data if self._buffer else data
        while True:
            end = _END_OF_HEAD.search(self._buffer, self._searched, MAX_HEAD_BYTES)
            if end is None:
                self._refuse_hopeless()
                self._searched = max(0, len(self._buffer) - 3)  # \r\n\r without its \n
                return None
            answer = _parse_head(self._buffer[: end.start()], self._buffer[end.end() :])
            if answer.status == 101 or answer.status >= 200:
                return answer
            self._buffer, self._searched = answer.rest, 0

    def _refuse_hopeless(self) -> None:
        """Refuse what can no longer become an answer, without waiting for its end."""
        if not self._buffer.startswith(b"HTTP/1."[: len(self._buffer)]):
            raise Failure("http.malformed", _sample(self._buffer))
        if len(self._buffer) >= MAX_HEAD_BYTES:
            raise Failure("http.too_long", f"no end within {MAX_HEAD_BYTES} bytes")


def _parse_head(head: bytes, rest: bytes) -> Answer:
    lines = _LINE.split(head)
    status_line = _STATUS_LINE.fullmatch(lines[0].decode("latin-1"))
    if status_line is None:
        raise Failure("http.malformed", _sample(head))
    fields: list[tuple[str, list[str]]] = []
    for line in lines[1:]:
        text = line.decode("latin-1")
        if text[:1] in (" ", "\t"):  # a folded line goes on with the value before it
            if not fields:
                raise Failure("http.malformed", _sample(line))
            fields[-1][1].append(text.strip(_BLANKS))
            continue
        name, colon, value = text.partition(":")
        if not colon or not _TOKEN.fullmatch(name):
            raise Failure("http.malformed", _sample(line))
        fields.append((name.lower(), [value.strip(_BLANKS)]))
    headers: dict[str, str] = {}
    for name, parts in fields:
        value = " ".join(parts).strip(_BLANKS)  # a value may begin or end on a line of its own
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    version, status, reason = status_line.groups("")
    return Answer(int(status), reason.strip(_BLANKS), headers, rest, version)


def check_upgrade(answer: Answer, accept: str, subprotocols: tuple[str, ...]) -> str | None:
    """Return the subprotocol that a correct 101 chose (None: it chose none).

    Raises:
        Failure: ``http.*``: it is no upgrade, or a wrong one (RFC 6455, 4.1).
    """
    headers = answer.headers
    if answer.status != 101:
        raise refusal(answer)
    if headers.get("upgrade", "").lower() != "websocket":
        raise Failure("http.bad_upgrade_headers", f"Upgrade: {headers.get('upgrade', '(none)')}")
    connection = headers.get("connection", "")
    if "upgrade" not in {option.strip(_BLANKS).lower() for option in connection.split(",")}:
        raise Failure("http.bad_upgrade_headers", f"Connection: {connection or '(none)'}")
    seen = headers.get("sec-websocket-accept", "(none)")
    if seen != accept:
        raise Failure("http.bad_accept", f"Sec-WebSocket-Accept: {seen}, expected {accept}")
    if extension := headers.get("sec-websocket-extensions"):
        raise Failure("http.extension", f"Sec-WebSocket-Extensions: {extension}")
    chosen = headers.get("sec-websocket-protocol")
    if chosen is not None and chosen not in subprotocols:
        raise Failure("http.subprotocol", f"Sec-WebSocket-Protocol: {chosen}")
    return chosen


def refusal(answer: Answer, body: bytes = b"") -> Failure:
    """Return the failure behind an answer that is not 101; ``body`` is its first part."""
    location = answer.headers.get("location", "")
    failure = from_status(
        answer.status,
        answer.reason,
        server=answer.headers.get("server", ""),
        location=mask_url(location) if location else "",
        body=body or answer.rest[:MAX_BODY_SAMPLE_BYTES],
    )
    if after := answer.headers.get("retry-after", ""):
        failure.retry_after_s = _retry_after(after)
        failure.add_detail(f"Retry-After: {after}")
    return failure


def _retry_after(text: str) -> float | None:
    """Read seconds or a date (RFC 9110, 10.2.3)."""
    if text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):  # no date, or one beyond all years
        return None


def body_length(answer: Answer) -> int | None:
    """Return how many bytes the body has, or None when only its end tells."""
    text = answer.headers.get("content-length", "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _sample(data: bytes) -> str:
    return data[:80].decode("latin-1")
