"""Classification: whatever Python, TLS or a server shows, there is a class for it, and no error."""

import errno
import socket
import ssl
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from openclaw_locust.classify import (
    from_close,
    from_gaierror,
    from_os_error,
    from_ssl_error,
    from_status,
)
from openclaw_locust.failures import CLASSES, SAMPLE_LENGTH, Failure

BOUNDED = settings(deadline=None, derandomize=True)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=400)


def holds(failure: Failure, *phases: str) -> None:
    """Hold what every failure has: a class of the table, in a phase that can be, and one line."""
    assert CLASSES[str(failure)] is failure.kind
    assert failure.kind.phase in phases
    assert failure.detail.isprintable()
    assert len(failure.detail) <= SAMPLE_LENGTH


# -- HTTP and close codes ------------------------------------------------------------------------

SENTENCES = st.sampled_from(
    [b"No required SSL certificate was sent", b"The SSL certificate error", b"<", b"<!--" * 300]
)


@given(
    st.integers(100, 999) | st.sampled_from([400, 407, 429, 503]),
    ANY_TEXT,
    ANY_TEXT,
    ANY_TEXT,
    st.lists(SENTENCES | st.binary(max_size=100), max_size=4).map(b"".join),
)
@settings(BOUNDED, max_examples=300)
def test_any_answer_to_the_upgrade_has_a_class(
    status: int, reason: str, server: str, location: str, body: bytes
) -> None:
    failure = from_status(status, reason, server=server, location=location, body=body)
    holds(failure, "http", "proxy", "tls")
    assert failure.detail.startswith(str(status))
    assert failure.kind.phase != "tls" or status == 400


@given(st.none() | st.integers(0, 65535), ANY_TEXT)
@settings(BOUNDED, max_examples=300)
def test_any_close_frame_has_a_class(code: int | None, reason: str) -> None:
    failure = from_close(code, reason)
    holds(failure, "ws")
    assert str(failure).startswith("ws.close.")
    is_valid = code is None or code in range(1000, 1004) or code in range(1007, 1015)
    is_valid = is_valid or code in range(3000, 5000)
    assert (str(failure) == "ws.close.invalid") == (not is_valid)


# -- TLS -----------------------------------------------------------------------------------------

REASONS = st.one_of(
    st.none(),
    st.sampled_from(
        ["", "SSLV3_ALERT_", "TLSV1_", "TLSV13_ALERT_CERTIFICATE_REQUIRED", "WRONG_VERSION_NUMBER"]
    ),
    st.text(max_size=40),
)
TLS_ERRORS = st.sampled_from(
    [ssl.SSLError, ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError]
)
WORDS = st.one_of(
    st.sampled_from(
        [
            "[SSL] unknown error (_ssl.c:1)",
            "[SSL] tlsv1 alert no application protocol (_ssl.c:1006)",
        ]
    ),
    ANY_TEXT,
)


def tls_error(kind: type[ssl.SSLError], words: str, reason: str | None) -> ssl.SSLError:
    error = kind(1, words)
    error.reason = reason  # type: ignore[assignment]  # None where OpenSSL has none
    return error


@given(st.builds(tls_error, TLS_ERRORS, WORDS, REASONS), st.none() | st.integers(0, 255))
@example(tls_error(ssl.SSLError, "", None), None)
@example(tls_error(ssl.SSLError, "", ""), 121)
@settings(BOUNDED, max_examples=300)
def test_any_error_of_tls_has_a_class(error: ssl.SSLError, alert: int | None) -> None:
    holds(from_ssl_error(error, alert), "tls")


@given(st.integers(-1, 2**31), ANY_TEXT)
@settings(BOUNDED)
def test_any_verdict_on_a_certificate_has_a_class(code: int, message: str) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    failure = from_ssl_error(error)
    holds(failure, "tls")
    assert str(failure).startswith("tls.cert.")


# -- the system ----------------------------------------------------------------------------------

NUMBERS = st.none() | st.sampled_from(sorted(errno.errorcode)) | st.integers(-(2**31), 2**31)


@given(NUMBERS, st.none() | ANY_TEXT, ANY_TEXT)
@settings(BOUNDED, max_examples=200)
def test_any_error_of_the_system_has_a_class(number: Any, words: Any, where: str) -> None:
    holds(from_os_error(OSError(number, words), where), "gen", "tcp")
    holds(from_os_error(OSError(*([words] * (words is not None))), where), "tcp")
    holds(from_gaierror(socket.gaierror(number, words), where), "dns")
