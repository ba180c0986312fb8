"""The failure classes as a table, and the way from what Python shows to a class."""

import errno
import socket
import ssl

import pytest

from openclaw_locust.classify import (
    from_close,
    from_gaierror,
    from_os_error,
    from_ssl_error,
    from_status,
)
from openclaw_locust.failures import CLASSES, PHASES, Failure, FailureClass, printable

FAULTS = {"server", "network", "settings", "generator"}


@pytest.mark.parametrize("kind", CLASSES.values(), ids=str)
def test_each_class_says_where_what_and_what_to_do(kind: FailureClass) -> None:
    assert kind.phase in PHASES
    assert kind.fault in FAULTS
    for sentence in (kind.meaning, kind.remedy):
        assert sentence.strip() == sentence
        assert sentence[:1].isupper() or sentence.startswith("--")
        assert sentence.endswith(".")


def test_the_name_of_a_failure_is_all_that_locust_sees() -> None:
    failure = Failure("tls.eof", "some words\nof a server")
    assert str(failure) == "tls.eof"
    assert failure.detail == "some words·of a server"
    with pytest.raises(KeyError):
        Failure("no.such_class")


def test_a_sample_is_one_line_and_not_long() -> None:
    assert printable("a\r\nb\x1b[31m\x00\u202e\udcff") == "a··b·[31m···"
    assert printable("x" * 300) == "x" * 300
    assert printable("x" * 301) == "x" * 299 + "…"


@pytest.mark.parametrize("mark", ["=", "+", "-", "@"])
def test_a_peer_s_words_never_become_a_spreadsheet_s_formula(mark: str) -> None:
    assert Failure("app.ack.malformed", f"{mark}1+1").detail == f"'{mark}1+1"
    failure = Failure("http.redirect", "301")
    failure.add_detail(f"{mark}1")
    assert failure.detail == f"301; {mark}1"
    assert Failure("tls.eof").detail == ""


# -- the peer's alerts ---------------------------------------------------------------------------

ALERTS = {
    10: "tls.protocol",
    20: "tls.record",
    21: "tls.record",
    22: "tls.record",
    30: "tls.record",
    40: "tls.no_common_params",
    41: "tls.client_cert.bad",
    42: "tls.client_cert.bad",
    43: "tls.client_cert.bad",
    44: "tls.client_cert.revoked",
    45: "tls.client_cert.expired",
    46: "tls.client_cert.bad",
    47: "tls.protocol",
    48: "tls.client_cert.untrusted",
    49: "tls.client_cert.denied",
    50: "tls.protocol",
    51: "tls.protocol",
    60: "tls.version",
    70: "tls.version",
    71: "tls.policy",
    80: "tls.server_internal",
    86: "tls.policy",
    90: "tls.other",
    100: "tls.other",
    109: "tls.extension",
    110: "tls.extension",
    111: "tls.status",
    112: "tls.sni",
    113: "tls.status",
    114: "tls.status",
    115: "tls.psk",
    116: "tls.client_cert.missing",
    117: "tls.other",
    120: "tls.alpn",
    121: "tls.other",
}


def answered(data: bytes) -> ssl.SSLError:
    """Return what OpenSSL makes of an answer to a ClientHello."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    incoming = ssl.MemoryBIO()
    session = context.wrap_bio(incoming, ssl.MemoryBIO(), server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    incoming.write(data)
    with pytest.raises(ssl.SSLError) as caught:
        session.do_handshake()
    assert not isinstance(caught.value, ssl.SSLWantReadError)
    return caught.value


def alert(number: int, level: int = 2) -> bytes:
    return b"\x15\x03\x03\x00\x02" + bytes((level, number))


@pytest.mark.parametrize("number", ALERTS)
def test_each_alert_has_its_class(number: int) -> None:
    failure = from_ssl_error(answered(alert(number)))
    assert str(failure) == ALERTS[number]
    assert failure.detail
    assert "_ssl.c" not in failure.detail


def test_any_alert_has_some_class() -> None:
    for number in range(256):
        assert str(from_ssl_error(answered(alert(number)))) in CLASSES


def test_an_end_in_words_during_the_handshake_has_its_own_class() -> None:
    assert str(from_ssl_error(answered(alert(0, level=1)))) == "tls.closed_in_handshake"


@pytest.mark.parametrize("data", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_an_answer_that_is_not_tls_is_told_as_such(data: bytes) -> None:
    assert str(from_ssl_error(answered(data))) == "tls.not_tls"


# -- our own verdict on a certificate ------------------------------------------------------------

VERIFY_CODES = {
    "tls.cert.untrusted": (2, 18, 19, 20, 21, 27),
    "tls.cert.expired": (10,),
    "tls.cert.not_yet_valid": (9,),
    "tls.cert.hostname": (62, 63, 64),
    "tls.cert.revoked": (3, 11, 12, 23, 33, 35, 36, 44, 73, 74, 75),
    "tls.cert.weak": (66, 67, 68, 76, 77, 78),
    "tls.cert.purpose": (25, 26, 28, 32, 37, 39, 79, 80, 81, 82),
    "tls.cert.chain_too_long": (22,),
}


def verification_error(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "because"
    return error


def test_each_verify_code_has_its_class() -> None:
    for code in range(96):
        wanted = [name for name, codes in VERIFY_CODES.items() if code in codes]
        failure = from_ssl_error(verification_error(code))
        assert str(failure) == (wanted[0] if wanted else "tls.cert.structure")
        assert failure.detail == f"because (verify code {code})"


# -- the system's errors -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (errno.EMFILE, "gen.fd_limit"),
        (errno.ENFILE, "gen.fd_limit"),
        (errno.EADDRNOTAVAIL, "gen.port_exhausted"),
        (errno.ENOMEM, "gen.memory"),
        (errno.ENOBUFS, "gen.memory"),
        (errno.EPERM, "gen.local_reject"),
        (errno.EACCES, "gen.local_reject"),
        (errno.EINVAL, "gen.local_reject"),
        (errno.ECONNREFUSED, "tcp.refused"),
        (errno.ETIMEDOUT, "tcp.timeout"),
        (errno.EHOSTUNREACH, "tcp.unreachable"),
        (errno.ENETUNREACH, "tcp.unreachable"),
        (errno.ECONNRESET, "tcp.reset"),
        (errno.EAFNOSUPPORT, "tcp.other"),
    ],
)
def test_each_error_of_the_system_has_its_class(number: int, name: str) -> None:
    failure = from_os_error(OSError(number, "words"), "192.0.2.7")
    assert (str(failure), failure.detail) == (name, "192.0.2.7: words")


def test_any_error_of_the_system_has_some_class() -> None:
    for number in [*errno.errorcode, 9999]:
        assert str(from_os_error(OSError(number, "words"), "h")) in CLASSES
    assert str(from_os_error(OSError("no number"), "h")) == "tcp.other"


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (socket.EAI_NONAME, "dns.nxdomain"),
        (socket.EAI_AGAIN, "dns.temporary"),
        (socket.EAI_FAIL, "dns.temporary"),
        (socket.EAI_FAMILY, "dns.no_address"),
        (socket.EAI_NODATA, "dns.no_address"),
        (socket.EAI_MEMORY, "dns.temporary"),
    ],
)
def test_each_error_of_the_resolver_has_its_class(number: int, name: str) -> None:
    assert str(from_gaierror(socket.gaierror(number, "words"), "h")) == name


# -- statuses and close codes --------------------------------------------------------------------


def test_any_status_has_some_class() -> None:
    for status in range(100, 1000):
        assert from_status(status, "").kind.phase in ("http", "proxy")


CLOSE_CODES = {
    None: "ws.close.no_status",
    1000: "ws.close.normal",
    1001: "ws.close.going_away",
    1002: "ws.close.protocol",
    1003: "ws.close.unsupported",
    1007: "ws.close.bad_payload",
    1008: "ws.close.policy",
    1009: "ws.close.too_big",
    1010: "ws.close.extension",
    1011: "ws.close.internal",
    1012: "ws.close.restart",
    1013: "ws.close.try_later",
    1014: "ws.close.bad_gateway",
    3000: "ws.close.unauthorized",
    3003: "ws.close.forbidden",
    3008: "ws.close.timeout",
    3001: "ws.close.registered",
    3999: "ws.close.registered",
    4000: "ws.close.app",
    4999: "ws.close.app",
    # what may not be sent
    0: "ws.close.invalid",
    999: "ws.close.invalid",
    1004: "ws.close.invalid",
    1005: "ws.close.invalid",
    1006: "ws.close.invalid",
    1015: "ws.close.invalid",
    1016: "ws.close.invalid",
    2999: "ws.close.invalid",
    5000: "ws.close.invalid",
    65535: "ws.close.invalid",
}


@pytest.mark.parametrize("code", CLOSE_CODES)
def test_each_close_code_has_its_class(code: int | None) -> None:
    assert str(from_close(code, "words")) == CLOSE_CODES[code]


def test_any_close_code_has_some_class_and_its_words() -> None:
    for code in range(5001):
        failure = from_close(code, "words")
        assert str(failure) in CLASSES
        assert failure.detail == f"{code} words"
