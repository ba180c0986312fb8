"""The OpenSSL behind Python's `ssl`, for what that module does not give.

Three things of one load generator need it: TLS 1.3 cipher suites cannot be chosen, a session cannot
be had or offered without a copy (125 µs each way, more than resumption saves), and nothing tells
the key-exchange group or how many tickets came.

The library is the one that `ssl` itself has loaded. A pointer is read out of Python's own objects
only where the word beside it proves that they are laid out as expected, so a Python of another
layout, or with OpenSSL built in, has no :data:`OPENSSL`: callers then do what `ssl` alone can.
"""

from __future__ import annotations

import _ssl
import ctypes
import ssl
from collections.abc import Callable
from typing import Any

_HEAD_BYTES = object.__basicsize__
_WORD_BYTES = ctypes.sizeof(ctypes.c_void_p)
# struct PySSLContext { head; SSL_CTX *ctx; … }
# struct PySSLSocket { head; PyObject *Socket; SSL *ssl; PySSLContext *ctx; … }
_CTX, _SSL, _SSL_CONTEXT = 0, 1, 2

_CTRL_SESS_CACHE_MODE = 44
_CTRL_NEGOTIATED_GROUP = 134
_CACHE_FOR_CALLBACK = 0x0001 | 0x0100 | 0x0200  # as a client; OpenSSL itself keeps and finds none
_UNKNOWN_NID = 0x1000000
_TLS13 = 0x0304

_GROUP_NAMES = {"X25519": "x25519", "X448": "x448", "prime256v1": "P-256"}
_GROUP_NAMES |= {"secp384r1": "P-384", "secp521r1": "P-521"}
# TLS Supported Groups registry: those that OpenSSL has no NID for
_GROUP_NUMBERS = {
    0x11EB: "SecP256r1MLKEM768",
    0x11EC: "X25519MLKEM768",
    0x11ED: "SecP384r1MLKEM1024",
}

_NewSession = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


class OpenSsl:
    """Functions of the loaded library, on the objects of Python's `ssl`.

    Raises:
        LookupError: they cannot be reached from this Python.
    """

    def __init__(self) -> None:
        try:
            self._library = library = ctypes.CDLL(_ssl.__file__)
            declare = (
                ("SSL_get_SSL_CTX", ctypes.c_void_p, (ctypes.c_void_p,)),
                ("SSL_CTX_set_ciphersuites", ctypes.c_int, (ctypes.c_void_p, ctypes.c_char_p)),
                (
                    "SSL_CTX_ctrl",
                    ctypes.c_long,
                    (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p),
                ),
                (
                    "SSL_ctrl",
                    ctypes.c_long,
                    (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p),
                ),
                ("SSL_CTX_sess_set_new_cb", None, (ctypes.c_void_p, _NewSession)),
                ("SSL_set_session", ctypes.c_int, (ctypes.c_void_p, ctypes.c_void_p)),
                ("SSL_SESSION_dup", ctypes.c_void_p, (ctypes.c_void_p,)),
                ("SSL_SESSION_free", None, (ctypes.c_void_p,)),
                ("SSL_SESSION_is_resumable", ctypes.c_int, (ctypes.c_void_p,)),
                ("SSL_SESSION_get_protocol_version", ctypes.c_int, (ctypes.c_void_p,)),
                ("OBJ_nid2sn", ctypes.c_char_p, (ctypes.c_int,)),
            )
            for name, result, arguments in declare:
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        except (AttributeError, OSError) as error:
            raise LookupError(f"OpenSSL cannot be reached: {error}") from None
        self._callbacks: list[Any] = []  # what a context calls must live as long as the process
        self._group_names: dict[int, str] = {}
        self._prove_layout()

    def _prove_layout(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        session = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
        inner = session._sslobj  # type: ignore[attr-defined]
        room = _HEAD_BYTES + (_SSL_CONTEXT + 1) * _WORD_BYTES
        if type(inner).__basicsize__ < room or _word(inner, _SSL_CONTEXT) != id(context):
            raise LookupError("Python's ssl objects have another layout")
        if self._library.SSL_get_SSL_CTX(_word(inner, _SSL)) != _word(context, _CTX):
            raise LookupError("Python's ssl contexts have another layout")

    def pointer(self, session: ssl.SSLObject) -> int:
        """Return what identifies a connection's TLS as long as it lives."""
        return _word(session._sslobj, _SSL)  # type: ignore[attr-defined]

    def set_suites(self, context: ssl.SSLContext, suites: str) -> bool:
        """Offer these TLS 1.3 suites only, colons between; return whether all are known."""
        pointer = _word(context, _CTX)
        return bool(self._library.SSL_CTX_set_ciphersuites(pointer, suites.encode()))

    def group(self, session: ssl.SSLObject) -> str:
        """Return the group of the key exchange; empty where there was none."""
        number = self._library.SSL_ctrl(self.pointer(session), _CTRL_NEGOTIATED_GROUP, 0, None)
        name = self._group_names.get(number)
        if name is None:
            name = self._group_names[number] = self._group_name(number)
        return name

    def _group_name(self, number: int) -> str:
        if number <= 0:
            return ""
        if number & _UNKNOWN_NID:
            group = number & 0xFFFF
            return _GROUP_NUMBERS.get(group, f"group {group:#06x}")
        name = self._library.OBJ_nid2sn(number)
        text = name.decode("ascii", "replace") if name else f"group {number}"
        return _GROUP_NAMES.get(text, text)

    def on_new_session(self, context: ssl.SSLContext, call: Callable[[int, int], None]) -> None:
        """Have ``call`` called for each session that comes: (connection, session), by pointer.

        The session is OpenSSL's own and good only during the call, which must not raise.
        """

        def new_session(connection: int, session: int) -> int:
            call(connection, session)
            return 0  # it stays OpenSSL's

        callback = _NewSession(new_session)
        self._callbacks.append(callback)
        pointer = _word(context, _CTX)
        self._library.SSL_CTX_ctrl(pointer, _CTRL_SESS_CACHE_MODE, _CACHE_FOR_CALLBACK, None)
        self._library.SSL_CTX_sess_set_new_cb(pointer, callback)

    def offer(self, session: ssl.SSLObject, ticket: Session) -> None:
        """Offer a session in the handshake that is about to begin."""
        # A copy: OpenSSL makes the one that was offered unusable when its connection breaks.
        with Session(self, ticket.pointer) as copy:
            self._library.SSL_set_session(self.pointer(session), copy.pointer)

    def copy_session(self, pointer: int) -> int:
        """Return an own session that is like another; it must be freed."""
        copied: int = self._library.SSL_SESSION_dup(pointer)
        return copied

    def free_session(self, pointer: int) -> None:
        """Free an own session."""
        self._library.SSL_SESSION_free(pointer)

    def is_resumable(self, pointer: int) -> bool:
        """Return whether a session can be offered."""
        return bool(self._library.SSL_SESSION_is_resumable(pointer))

    def is_tls13(self, pointer: int) -> bool:
        """Return whether a session is one of TLS 1.3."""
        return bool(self._library.SSL_SESSION_get_protocol_version(pointer) == _TLS13)


class Session:
    """A copy of an OpenSSL session, freed with this object or at the end of its ``with``."""

    __slots__ = ("_openssl", "pointer")

    def __init__(self, openssl: OpenSsl, pointer: int) -> None:
        self._openssl = openssl
        self.pointer = openssl.copy_session(pointer)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._free()

    def __del__(self) -> None:
        self._free()

    def _free(self) -> None:
        pointer, self.pointer = self.pointer, 0
        if pointer:
            self._openssl.free_session(pointer)


def _word(thing: object, number: int) -> int:
    """Return a word of a C object behind its head."""
    address = id(thing) + _HEAD_BYTES + number * _WORD_BYTES
    return ctypes.c_void_p.from_address(address).value or 0


def _reach() -> OpenSsl | None:
    try:
        return OpenSsl()
    except LookupError:
        return None


OPENSSL: OpenSsl | None = _reach()
"""The library; None where it cannot be reached."""
