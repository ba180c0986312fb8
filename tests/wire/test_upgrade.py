"""The HTTP upgrade without a socket: which heads are read, and which answers are an upgrade."""

import base64
import hashlib
import re
import time
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_locust.failures import CLASSES, Failure
from openclaw_locust.wire.target import parse_target
from openclaw_locust.wire.upgrade import (
    MAX_HEAD_BYTES,
    Answer,
    AnswerReader,
    UpgradeRequest,
    body_length,
    check_subprotocols,
    check_upgrade,
    parse_header,
    refusal,
)

ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3
GOOD = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Accept": ACCEPT,
}


def head(status: str = "101 Switching Protocols", **changes: str | None) -> bytes:
    """Return a head: the good 101 with headers changed, or left out where the change is None."""
    headers = GOOD | {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")


def read(data: bytes) -> Answer:
    answer = AnswerReader().feed(data)
    assert answer is not None
    return answer


def check(data: bytes, subprotocols: tuple[str, ...] = ()) -> str | None:
    return check_upgrade(read(data), ACCEPT, subprotocols)


def failure_of(data: bytes, subprotocols: tuple[str, ...] = ()) -> Failure:
    with pytest.raises(Failure) as caught:
        check(data, subprotocols)
    return caught.value


# -- heads ---------------------------------------------------------------------------------------

RIGHT_FORMS = {
    "as everybody writes it": head(),
    "names in any case": head()
    .lower()
    .replace(ACCEPT.lower().encode(), ACCEPT.encode())
    .replace(b"http/1.1", b"HTTP/1.1"),
    "values in any case": head(Upgrade="WebSocket", Connection="UPGRADE"),
    "several options in Connection": head(Connection="keep-alive, Upgrade"),
    "Connection twice": head().replace(
        b"Connection: Upgrade", b"Connection: keep-alive\r\nConnection: upgrade"
    ),
    "a folded line": head(Connection="keep-alive,\r\n\tUpgrade"),
    "no blank behind the colon": head().replace(b": ", b":"),
    "many blanks around the value": head(Upgrade=" \t websocket \t "),
    "Latin-1 in a value": head(Server="Größe"),
    "no reason phrase": head("101"),
    "a blank and no reason phrase": head("101 "),
    "a Latin-1 reason phrase": head("101 Zustand ändert sich"),
    "HTTP/1.0 as version": head().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "bare line feeds": head().replace(b"\r\n", b"\n"),
    "100 before it": b"HTTP/1.1 100 Continue\r\n\r\n" + head(),
    "103 with headers before it": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + head(),
    "100 and 103 before it": b"HTTP/1.1 100\r\n\r\nHTTP/1.1 103 x\r\n\r\n" + head(),
    "an empty header": head(X_Empty=""),
    "an empty list of extensions": head(Sec_WebSocket_Extensions=""),
}


@pytest.mark.parametrize("form", RIGHT_FORMS)
def test_every_right_form_of_a_101_is_taken(form: str) -> None:
    data = RIGHT_FORMS[form]
    assert check(data) is None
    reader = AnswerReader()
    answers = [reader.feed(data[i : i + 1]) for i in range(len(data))]
    assert answers[:-1] == [None] * (len(data) - 1)
    assert answers[-1] == read(data)


def test_bytes_behind_the_head_are_kept() -> None:
    assert read(head() + b"\x81\x02hi").rest == b"\x81\x02hi"
    assert read(head().replace(b"\r\n", b"\n") + b"\r\n").rest == b"\r\n"


def test_repeated_headers_are_joined_in_their_order() -> None:
    answer = read(b"HTTP/1.1 200 OK\r\nVia: a\r\nX: 1\r\nvia: b\r\n\r\n")
    assert answer.headers == {"via": "a, b", "x": "1"}


def test_a_folded_line_goes_on_with_the_value_before_it() -> None:
    answer = read(b"HTTP/1.1 200 OK\r\nA: one\r\n  two\r\n\tthree\r\nB: 4\r\n\r\n")
    assert answer.headers == {"a": "one two three", "b": "4"}


MALFORMED = {
    "TLS": b"\x15\x03\x01\x00\x02\x02\x46",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    "HTML": b"<html>",
    "HTTP/2 as text": b"HTTP/2 101\r\n\r\n",
    "lower-case HTTP": b"http/1.1 101\r\n\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 10 x\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 1010 x\r\n\r\n",
    "a status below 100": b"HTTP/1.1 099 x\r\n\r\n",
    "no colon": head(X="1").replace(b"X: 1", b"X 1"),
    "a blank before the colon": head(X="1").replace(b"X: 1", b"X : 1"),
    "no name": head(X="1").replace(b"X: 1", b": 1"),
    "a fold before any header": b"HTTP/1.1 101\r\n folded: 1\r\n\r\n",
    "garbage behind a 100": b"HTTP/1.1 100\r\n\r\ngarbage",
}


@pytest.mark.parametrize("form", MALFORMED)
def test_what_is_not_http_is_refused_at_once(form: str) -> None:
    with pytest.raises(Failure, match=r"^http\.malformed$"):
        AnswerReader().feed(MALFORMED[form])


def test_garbage_is_refused_with_its_first_byte() -> None:
    with pytest.raises(Failure, match=r"^http\.malformed$"):
        AnswerReader().feed(b"S")


@pytest.mark.parametrize(
    "line", [b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\nA: ", b"HTTP/1.1 200 OK\r\n"]
)
def test_a_head_without_an_end_is_refused_at_64_kib(line: bytes) -> None:
    reader = AnswerReader()
    filler = b"x" * 998 + (b"\r\n" if line.endswith(b"\n") else b"xx")
    filler = b"A:" + filler[2:]
    assert reader.feed(line) is None
    with pytest.raises(Failure, match=r"^http\.too_long$"):
        for _ in range(MAX_HEAD_BYTES // 1000 + 1):
            assert reader.feed(filler) is None


def test_a_head_just_below_64_kib_is_read() -> None:
    filler = "x" * (MAX_HEAD_BYTES - len(head(X="")))
    assert check(head(X=filler)) is None


@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda start, rest: b"HTTP/1.1 " + start + rest,
            st.sampled_from([b"101", b"200 OK\r\n", b"103\r\n\r\n", b"301 x\r\nLocation:"]),
            st.binary(max_size=100),
        ),
        st.builds(lambda i, j, x: head()[:i] + x + head()[j:], st.integers(0, 150),
                  st.integers(0, 150), st.binary(max_size=6)),
    )
)  # fmt: skip
@settings(deadline=None, max_examples=400)
def test_whatever_comes_is_an_answer_a_failure_or_not_yet_enough(data: bytes) -> None:
    try:
        answer = AnswerReader().feed(data)
        if answer is not None:
            check_upgrade(answer, ACCEPT, ("a",))
    except Failure as failure:
        assert failure.kind.phase in ("http", "tls", "proxy")


# -- the verdict on a 101 ------------------------------------------------------------------------

WRONG_101 = {
    "no accept": ("http.bad_accept", head(Sec_WebSocket_Accept=None)),
    "an accept in the wrong case": ("http.bad_accept", head(Sec_WebSocket_Accept=ACCEPT.lower())),
    "another's accept": ("http.bad_accept", head(Sec_WebSocket_Accept=ACCEPT[1:] + "=")),
    "two accepts": (
        "http.bad_accept",
        head().replace(b"Connection", f"Sec-WebSocket-Accept: {ACCEPT}\r\nConnection".encode()),
    ),
    "an unasked extension": (
        "http.extension",
        head(Sec_WebSocket_Extensions="permessage-deflate"),
    ),
    "an unasked subprotocol": ("http.subprotocol", head(Sec_WebSocket_Protocol="chat")),
    "no Upgrade": ("http.bad_upgrade_headers", head(Upgrade=None)),
    "another Upgrade": ("http.bad_upgrade_headers", head(Upgrade="h2c")),
    "no Connection": ("http.bad_upgrade_headers", head(Connection=None)),
    "another Connection": ("http.bad_upgrade_headers", head(Connection="keep-alive, upgraded")),
}


@pytest.mark.parametrize("what", WRONG_101)
def test_a_wrong_101_is_refused_with_its_class(what: str) -> None:
    name, data = WRONG_101[what]
    assert str(failure_of(data)) == name


def test_an_offered_subprotocol_may_be_chosen_or_not() -> None:
    assert check(head(Sec_WebSocket_Protocol="b"), ("a", "b")) == "b"
    assert check(head(), ("a", "b")) is None


@pytest.mark.parametrize("chosen", ["c", "A", "a, b", ""])
def test_another_subprotocol_than_offered_is_refused(chosen: str) -> None:
    failure = failure_of(head(Sec_WebSocket_Protocol=chosen), ("a", "b"))
    assert str(failure) == "http.subprotocol"


# -- refusals ------------------------------------------------------------------------------------

STATUSES = {
    "http.not_upgraded": (200, 204, 206),
    "http.redirect": (301, 302, 303, 307, 308),
    "http.bad_request": (400,),
    "http.unauthorized": (401,),
    "http.forbidden": (403,),
    "http.not_found": (404, 405, 410),
    "http.negotiation": (406, 415, 417, 422),
    "proxy.auth": (407,),
    "http.request_timeout": (408,),
    "http.too_large": (413, 414, 431, 494),
    "http.misdirected": (421,),
    "http.too_early": (425,),
    "http.upgrade_required": (426,),
    "http.rate_limited": (429,),
    "http.client_other": (402, 451, 499),
    "http.lb": (460, 463, 464, 561),
    "http.server_error": (500, 507, 600, 999),
    "http.unsupported": (501, 505),
    "http.bad_gateway": (502,),
    "http.overloaded": (503,),
    "http.gateway_timeout": (504,),
    "http.cdn": (520, 521, 522, 523, 524, 527, 530),
    "http.cdn_tls": (525, 526),
}


@pytest.mark.parametrize(
    ("status", "name"), [(status, name) for name, all_ in STATUSES.items() for status in all_]
)
def test_each_status_has_its_class(status: int, name: str) -> None:
    failure = failure_of(head(f"{status} Because"))
    assert str(failure) == name
    assert failure.detail.startswith(f"{status} Because")


def test_every_status_has_some_class() -> None:
    for status in [*range(200, 1000), *range(102, 103)]:
        failure = refusal(Answer(status, "", {}, b""))
        assert str(failure) in CLASSES


def test_a_redirect_shows_where_to_without_secrets() -> None:
    location = "https://me:hush@example.com/login;session=hush?next=1&token=hush#jwt=hush"
    failure = failure_of(head("302 Found", Location=location))
    assert "Location: https://***@example.com/login;session=***?next=1&token=***" in failure.detail
    assert "hush" not in failure.detail


def test_the_server_and_the_body_are_part_of_the_sample() -> None:
    failure = failure_of(head("502 Bad Gateway", Server="nginx") + b"<h1>no\r\nupstream</h1>")
    assert failure.detail == "502 Bad Gateway (Server: nginx) body: no upstream"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"<center>No required SSL certificate was sent</center>", "tls.client_cert.missing"),
        (b"<center>The SSL certificate error</center>", "tls.client_cert.bad"),
        (b"<p>The plain HTTP request was sent to HTTPS port</p>", "tls.not_tls"),
        (b"<center>nginx</center>", "http.bad_request"),
    ],
)
def test_nginx_says_in_its_400_what_tls_was_about(body: bytes, name: str) -> None:
    assert str(refusal(read(head("400 Bad Request")), body)) == name
    assert str(failure_of(head("400 Bad Request") + body)) == name


def retry_after(text: str) -> float | None:
    return failure_of(head("503 Busy", Retry_After=text)).retry_after_s


def test_retry_after_is_read_in_seconds_and_as_a_date() -> None:
    assert retry_after("7") == 7.0
    in_a_minute = retry_after(formatdate(time.time() + 60, usegmt=True))
    assert in_a_minute is not None
    assert 0 < in_a_minute <= 60
    assert retry_after(formatdate(time.time() - 60, usegmt=True)) == 0.0


@pytest.mark.parametrize(
    "text", ["", "soon", "-1", "1.5", "9" * 40, "Mon, 01 Jan " + "9" * 20 + " 00:00:00 GMT", "²"]
)
def test_a_retry_after_that_says_nothing_is_passed_over(text: str) -> None:
    assert retry_after(text) is None


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40))
@settings(deadline=None)
def test_no_retry_after_can_break_anything(text: str) -> None:
    seconds = refusal(Answer(503, "", {"retry-after": text}, b"")).retry_after_s
    assert seconds is None or seconds >= 0


def test_the_length_of_a_body_is_known_only_from_a_proper_content_length() -> None:
    assert body_length(read(head("404 x", Content_Length="12"))) == 12
    for text in (None, "", "-1", "1e3", "12, 12", "9" * 30):
        assert body_length(read(head("404 x", Content_Length=text))) is None


# -- the request ---------------------------------------------------------------------------------


def request_lines(request: UpgradeRequest) -> list[str]:
    data, _ = request.with_key()
    assert data.endswith(b"\r\n\r\n")
    return data.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")


def test_the_request_has_what_the_protocol_wants_and_no_more() -> None:
    lines = request_lines(UpgradeRequest(parse_target("wss://h:8443/a;b?c=d")))
    assert lines[:-1] == [
        "GET /a;b?c=d HTTP/1.1",
        "Host: h:8443",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
    ]
    assert re.fullmatch(r"Sec-WebSocket-Key: [A-Za-z0-9+/]{22}==", lines[-1])


def test_each_request_has_a_fresh_key_and_its_accept() -> None:
    request = UpgradeRequest(parse_target("wss://h/"))
    seen = set()
    for _ in range(50):
        data, accept = request.with_key()
        key = data.partition(b"Sec-WebSocket-Key: ")[2].strip()
        digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        assert accept == base64.b64encode(digest).decode()
        assert len(base64.b64decode(key)) == 16
        seen.add(key)
    assert len(seen) == 50


def test_headers_subprotocols_and_credentials_go_out() -> None:
    target = parse_target("wss://us%40er:p%3Aw@h/")
    lines = request_lines(UpgradeRequest(target, (("X-Tenant", "blau ü"),), ("a", "b")))
    assert "Sec-WebSocket-Protocol: a, b" in lines
    assert "Authorization: Basic " + base64.b64encode(b"us@er:p:w").decode() in lines
    assert "X-Tenant: blau ü" in lines


def test_a_given_host_or_authorization_takes_the_place_of_ours() -> None:
    given = (("host", "other"), ("AUTHORIZATION", "Bearer x"))
    lines = request_lines(UpgradeRequest(parse_target("wss://u:p@h/"), given))
    assert [line for line in lines if line.lower().startswith("host:")] == ["host: other"]
    assert [line for line in lines if "uthorization" in line.lower()] == ["AUTHORIZATION: Bearer x"]


def test_a_header_is_read_as_name_and_value() -> None:
    assert parse_header(" X-Tenant :  blue: sky ") == ("X-Tenant", "blue: sky")
    assert parse_header("X-Empty:") == ("X-Empty", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Authorization Bearer hush", "--header without a colon"),
        ("hush", "--header without a colon"),
        ("X Y: hush", "'X Y' is not a header"),
        (": hush", "'' is not a header"),
        ("X: hush\r\nY: 1", "--header X: its value has a control character"),
        ("X: hush\x7f", "--header X: its value has a control character"),
        ("X: hush ☃", "--header X: its value has letters beyond Latin-1"),
        ("Upgrade: hush", "--header Upgrade: the upgrade sets this header itself"),
        ("connection: hush", "--header connection: the upgrade sets this header itself"),
        ("Sec-WebSocket-Key: hush", "the upgrade sets this header itself; leave it out"),
        ("Sec-WebSocket-Protocol: hush", "use --subprotocol"),
    ],
)
def test_a_wrong_header_is_refused_without_its_value(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_header(text)
    assert said in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("names", [["a,b"], ["a b"], ["ä"], ["a\r\nX: 1"], ["a", "b", "a"]])
def test_subprotocols_that_cannot_be_offered_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^--subprotocol '[^\n]*$"):
        check_subprotocols(names)
