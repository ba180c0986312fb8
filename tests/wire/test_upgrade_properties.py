"""The upgrade: what holds for every head, wherever it is cut, and for every word of a server."""

import math
import unicodedata
from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from openclaw_locust.failures import SAMPLE_LENGTH, Failure, printable
from openclaw_locust.wire.upgrade import (
    MAX_HEAD_BYTES,
    Answer,
    AnswerReader,
    body_length,
    check_upgrade,
    refusal,
)

ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3
BOUNDED = settings(deadline=None, derandomize=True)


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """Cut bytes at places; those beyond the end count from the beginning again."""
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def read(pieces: Sequence[bytes]) -> Answer | str | None:
    """Return the answer with all that came behind its head, the class of a refusal, or None."""
    reader = AnswerReader()
    for number, piece in enumerate(pieces):
        try:
            answer = reader.feed(piece)
        except Failure as failure:
            return failure.kind.name
        if answer is not None:
            rest = answer.rest + b"".join(pieces[number + 1 :])
            return Answer(answer.status, answer.reason, answer.headers, rest)
    return None


PLACES = st.lists(st.integers(0, 400), max_size=20)

# -- proper heads --------------------------------------------------------------------------------

TOKENS = st.text(st.sampled_from("abcXYZ019-_!#$%&'*+.^`|~"), min_size=1, max_size=8)
BLANKS = st.text(st.sampled_from(" \t"), max_size=3)
# RFC 9110, 5.5: visible ASCII, and obs-text, which is Latin-1 here; blanks only inside
SEEN = st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f")
VALUES = st.lists(st.text(SEEN, min_size=1, max_size=12), max_size=4).map(" ".join)
ENDS = st.sampled_from(["\r\n", "\n"])


@st.composite
def heads(draw: st.DrawFn, statuses: st.SearchStrategy[int]) -> tuple[str, Answer]:
    """Draw a head in one of its many correct forms, and what is in it."""
    status, reason = draw(statuses), draw(VALUES)
    said = f" {reason}" if reason else draw(st.sampled_from(["", " "]))
    text = f"HTTP/1.{draw(st.integers(0, 1))} {status}{said}" + draw(ENDS)
    headers: dict[str, str] = {}
    for _ in range(draw(st.integers(0, 5))):
        name, value = draw(TOKENS), draw(VALUES)
        text += f"{name}:{draw(BLANKS)}{value}{draw(BLANKS)}" + draw(ENDS)
        for more in draw(st.lists(VALUES, max_size=2)):
            text += draw(st.sampled_from(" \t")) + draw(BLANKS) + more + draw(BLANKS) + draw(ENDS)
            value += " " + more
        value = value.strip(" ")
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return text + draw(ENDS), Answer(status, reason, headers, b"")


INTERIM = heads(st.integers(100, 199).filter(lambda status: status != 101))
FINAL = heads(st.just(101) | st.integers(200, 999))
REST = st.binary(max_size=30) | st.sampled_from(
    [b"\r\n\r\n", b"\n", b"\r\n", b"HTTP/1.1 200\r\n\r\n"]
)


@given(st.lists(INTERIM, max_size=2), FINAL, REST, PLACES)
@example([], ("HTTP/1.1 200\r\nX:\r\n a\r\n\r\n", Answer(200, "", {"x": "a"}, b"")), b"", [])
@example([], ("HTTP/1.1 200\nX: a\xa0\n\n", Answer(200, "", {"x": "a\xa0"}, b"")), b"", [])
@settings(BOUNDED, max_examples=200)
def test_a_proper_head_is_the_same_answer_wherever_it_is_cut(
    interim: list[tuple[str, Answer]],
    final: tuple[str, Answer],
    rest: bytes,
    places: list[int],
) -> None:
    text, answer = final
    head = ("".join(each for each, _ in interim) + text).encode("latin-1")
    wanted = Answer(answer.status, answer.reason, answer.headers, rest)
    assert read([head + rest]) == wanted
    assert read(cut(head + rest, places)) == wanted
    assert read([bytes((byte,)) for byte in head + rest]) == wanted
    assert read([head[:-1]]) is None, "only the last byte of a head makes it whole"


# -- anything ------------------------------------------------------------------------------------

GOOD = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: a\r\n\r\n"
).encode()
SCRAPS = st.sampled_from(
    [
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\n\n",
        b" ",
        b":",
        b"\0",
        b"\xff",
        b"HTTP/1.1 100\r\n\r\n",
    ]
)


@st.composite
def broken_heads(draw: st.DrawFn) -> bytes:
    """Draw a good 101 with some bytes changed, put in or left out."""
    data = bytearray(GOOD)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        data[place : place + draw(st.integers(0, 20))] = draw(SCRAPS | st.binary(max_size=3))
    return bytes(data)


ANYTHING = st.one_of(
    broken_heads(),
    st.binary(max_size=200),
    st.lists(SCRAPS, max_size=10).map(lambda scraps: b"HTTP/1.1 200 " + b"".join(scraps)),
)


@given(ANYTHING, PLACES)
@example(b"HTTP/1.1 100\r\n\r\nHTTP/1.1 1", [])
@example(b"HTTP/1.1 101 \r\r\n\r\n", [15])
@example(b"HTTP/1.1 200\n\r\n", [13])
@settings(BOUNDED, max_examples=500)
def test_whatever_comes_is_an_answer_a_failure_or_not_enough_wherever_it_is_cut(
    data: bytes, places: list[int]
) -> None:
    found = read([data])
    assert read(cut(data, places)) == found
    assert read([bytes((byte,)) for byte in data]) == found
    if isinstance(found, Answer):
        try:
            assert check_upgrade(found, ACCEPT, ("a",)) in (None, "a")
        except Failure as failure:
            assert failure.kind.phase in ("http", "proxy", "tls")
    else:
        assert found in (None, "http.malformed", "http.too_long")


@given(st.integers(-40, 40), st.integers(1, MAX_HEAD_BYTES), st.booleans())
@settings(BOUNDED, max_examples=30)
def test_the_limit_of_a_head_is_the_same_however_it_comes(
    beyond: int, piece: int, has_end: bool
) -> None:
    start, end = b"HTTP/1.1 200 OK\r\nX: ", b"\r\n\r\n" if has_end else b""
    size = MAX_HEAD_BYTES + beyond
    data = start + b"x" * (size - len(start) - len(end)) + end
    found = read(cut(data, range(0, size, max(piece, 500))))
    if size > MAX_HEAD_BYTES or (not has_end and size == MAX_HEAD_BYTES):
        assert found == "http.too_long"
    else:
        assert isinstance(found, Answer) if has_end else found is None


# -- the words of a refusal ----------------------------------------------------------------------

LATIN = st.text(st.characters(max_codepoint=0xFF), max_size=60)
NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30).map(str),
    st.sampled_from(["9" * 5000, "1e9", "0x10", "1_0", "+5", "٣", "²", "nan", "inf", "-0", " 7 "]),
)
DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Mon", "Sun", "", ",", "xyz"]),
    st.integers(-1, 40) | st.just(10**20),
    st.sampled_from(["Jan", "Dec", "0", "", "-"]),
    st.integers(-1, 99) | st.integers(1900, 12000) | st.just(10**40),
    st.integers(-1, 99),
    st.integers(-1, 99),
    st.integers(-1, 99) | st.just("9" * 5000),
    st.sampled_from(["GMT", "-0000", "+9999", "-9999", "+" + "9" * 5000, "", "EST", "+1"]),
)
URLS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "http://", "wss://", "//", "http://[", "http://[::1]:", "://", "x:"]),
    st.sampled_from(["", "h", "u:p@h", "h:99999", "h:x", "[", "]", "@", "\u2100"]),
    st.sampled_from(["", "/", "/a;token=x", "//", "?"]),
    LATIN,
)
WORDS = LATIN | NUMBERS | DATES | URLS


@given(
    st.integers(100, 999),
    LATIN,
    st.fixed_dictionaries(
        {},
        optional={
            "server": LATIN,
            "location": WORDS,
            "retry-after": WORDS,
            "content-length": WORDS,
        },
    ),
    st.binary(max_size=200) | st.sampled_from([b"<" * 1024, b"<a" * 512, b"\xff" * 1024]),
)
@example(503, "", {"retry-after": "Mon, 01 Jan 0001 00:00:00 +0000"}, b"")
@example(503, "", {"retry-after": "Mon, 01 Jan 0001 00:00:00 -0000"}, b"")
@example(503, "", {"retry-after": "Mon, 01 Jan 9999 23:59:59 -2359"}, b"")
@example(302, "", {"location": "http://[::1"}, b"")
@example(429, "", {"retry-after": "9" * 5000, "content-length": "9" * 5000}, b"")
@settings(BOUNDED, max_examples=400)
def test_no_words_of_a_refusal_break_anything(
    status: int, reason: str, headers: dict[str, str], body: bytes
) -> None:
    answer = Answer(status, reason, headers, body)
    failure = refusal(answer, body)
    assert failure.kind.phase in ("http", "proxy", "tls")
    assert is_harmless(failure.detail)
    seconds = failure.retry_after_s
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))
    length = body_length(answer)
    assert length is None or length >= 0


# -- what is shown -------------------------------------------------------------------------------

_HARMFUL = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def is_harmless(text: str) -> bool:
    """Say whether text stays on one line, in one direction, and can be written as UTF-8."""
    return not any(unicodedata.category(char) in _HARMFUL for char in text)


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=400) | st.text(
    st.sampled_from(
        "a \t\r\n\0\x1b[31m\x7f\x85\xa0\u2028\u2029\u200b\u202e\u2066\ufeff\ud800\U0010ffff"
    ),
    max_size=20,
)


@given(ANY_TEXT, st.integers(1, 400))
@example("\u202egnp.exe\u2066", SAMPLE_LENGTH)
@example("\ud800", SAMPLE_LENGTH)
@settings(BOUNDED, max_examples=300)
def test_what_is_shown_stays_on_its_line_and_within_its_limit(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert is_harmless(shown)
    assert len(shown) == min(len(text), limit)
    kept = shown[:-1] if len(text) > limit else shown
    assert all(new in (old, "·") for new, old in zip(kept, text, strict=False))
    assert all(new == old for new, old in zip(kept, text, strict=False) if old.isalnum())


@given(ANY_TEXT, st.lists(ANY_TEXT, max_size=3))
@settings(BOUNDED, max_examples=100)
def test_what_is_added_to_a_failure_is_as_harmless(first: str, more: list[str]) -> None:
    failure = Failure("http.malformed", first)
    for text in more:
        failure.add_detail(text)
    assert is_harmless(failure.detail)
    assert len(failure.detail) <= SAMPLE_LENGTH
    assert str(failure) == repr(failure) == "http.malformed"
