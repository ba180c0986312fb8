"""Load-test a WebSocket service behind TLS with Locust, with figures that can be believed.

A locustfile imports its user classes from here; that also adds this tool's options to Locust::

    from openclaw_locust import RatingUser

    class OpenClawRating(RatingUser):
        pass
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from openclaw_locust.failures import Failure
    from openclaw_locust.rating.messages import Answer, Rating
    from openclaw_locust.users.exchange import Outcome
    from openclaw_locust.users.handshake_user import HandshakeUser
    from openclaw_locust.users.rating_user import RatingUser
    from openclaw_locust.users.websocket_user import WebSocketUser

__all__ = [
    "Answer",
    "Failure",
    "HandshakeUser",
    "Outcome",
    "Rating",
    "RatingUser",
    "WebSocketUser",
]

_HOMES = {
    "Answer": "openclaw_locust.rating.messages",
    "Failure": "openclaw_locust.failures",
    "HandshakeUser": "openclaw_locust.users.handshake_user",
    "Outcome": "openclaw_locust.users.exchange",
    "Rating": "openclaw_locust.rating.messages",
    "RatingUser": "openclaw_locust.users.rating_user",
    "WebSocketUser": "openclaw_locust.users.websocket_user",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for.

    The embedded server and the report run without Locust, which patches the interpreter; a
    locustfile that asks for a user class also gets the plugin.
    """
    from importlib import import_module  # noqa: PLC0415

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name.endswith("User"):
        import_module("openclaw_locust.run.plugin")
    return getattr(import_module(_HOMES[name]), name)
