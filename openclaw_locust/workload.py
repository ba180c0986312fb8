"""What all users of one run in one process share: settings, endpoint, language, records.

Made once from the settings, so that each TLS context, address book and request head is made once;
users find it by their Locust environment.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from openclaw_locust.measure.pacer import Pacer
from openclaw_locust.measure.recorder import Recorder
from openclaw_locust.measure.records import Records
from openclaw_locust.option_values import SettingsError
from openclaw_locust.rating.messages import RatingLanguage
from openclaw_locust.settings import Settings, read_settings
from openclaw_locust.wire.addresses import AddressBook
from openclaw_locust.wire.connection import Endpoint
from openclaw_locust.wire.sessions import Resumption
from openclaw_locust.wire.sources import Sources
from openclaw_locust.wire.target import join_address
from openclaw_locust.wire.tcp import now_ns
from openclaw_locust.wire.tls import TlsContexts
from openclaw_locust.wire.upgrade import UpgradeRequest
from openclaw_locust.wire.websocket import WebSocket

Share = tuple[int, int]
"""Which process this is, from 0, and of how many: their numbers and ids are interleaved."""

_CLOSE_LEAST_NS, _CLOSE_MOST_NS = 1_000_000_000, 5_000_000_000
_CONNECTING_FREELY = 4
_CONNECT_SPACING_NS = 2_000_000  # twice the CPU that a full handshake costs
_ID_BITS = 40  # ids of one process; together with a worker's index they stay exact in JSON
_ANY_HOST = "wss://localhost/"  # stands in for a host that the web form will give


class Workload:
    """The shared part of a run.

    Attributes:
        settings: the run's settings.
        endpoint: what all connections share.
        language: the rating language that the options describe.
        ack_timeout_ns: the time that an answer has.
        close_timeout_ns: the time that the answer to a close frame has: as long, within bounds.
        resumption: which connections offer a TLS session.
        records: this process's records.
        recorder: this process's part of the time series.
        pacer: the schedule of the open model; None in the closed one.
        connecting: how many connections are being opened now.
        message_ids: ids for messages, different for each send of the process.
        open_sockets: the connections that are open, so that none outlives the run.

    Raises:
        SettingsError: a certificate, key or header is unusable.
    """

    def __init__(
        self, settings: Settings, share: Share = (0, 1), zero_ns: int | None = None
    ) -> None:
        """Prepare a run of this process.

        Args:
            settings: the run's settings.
            share: which process this is.
            zero_ns: the run's begin on this process's ``perf_counter_ns`` clock; None: now.
        """
        self.settings = settings
        try:
            self.endpoint = _endpoint(settings)
        except ValueError as error:
            raise SettingsError(str(error)) from None
        self.language = RatingLanguage(settings.ack_matches, settings.ack_id)
        self.ack_timeout_ns = int(settings.ack_timeout_s * 1e9)
        self.close_timeout_ns = min(max(self.ack_timeout_ns, _CLOSE_LEAST_NS), _CLOSE_MOST_NS)
        self.resumption = Resumption(settings.tls_resume, is_shared=settings.share_tickets)
        self.records = Records()
        self.recorder = Recorder(now_ns() if zero_ns is None else zero_ns)
        self.pacer: Pacer | None = None
        self.open_sockets: set[WebSocket] = set()
        index, processes = share
        self.message_ids = itertools.count((index << _ID_BITS) + 1)
        self._numbers = itertools.count(index, processes)
        self._next_connect_ns = 0
        self.connecting = 0

    def next_user_number(self) -> int:
        """Return a number that no other user of the run has, from 0 without large gaps."""
        return next(self._numbers)

    def next_connect_ns(self) -> int:
        """Return when the next connection of this process may begin.

        Users that are spawned together would otherwise do their handshakes together, and each
        would be charged with the others' CPU. A few at a time may; beyond that, one
        begins every two milliseconds, however long the service takes for them.
        """
        if self.connecting < _CONNECTING_FREELY:
            return 0
        when_ns = max(now_ns(), self._next_connect_ns)
        self._next_connect_ns = when_ns + _CONNECT_SPACING_NS
        return when_ns

    def reset_records(self) -> None:
        """Begin this process's records anew; the run's begin stays."""
        self.records = Records()
        self.recorder = Recorder(self.recorder.zero_ns)

    def close_all(self) -> None:
        """Close what a user left open."""
        while self.open_sockets:
            self.open_sockets.pop().abort()


def _endpoint(settings: Settings) -> Endpoint:
    target, proxy = settings.target, settings.proxy
    reach = settings.connect_to or (target.host, target.port)
    return Endpoint(
        target=target,
        tls=TlsContexts(settings.tls) if target.secure else None,
        server_name=settings.tls.server_name or target.server_name,
        request=UpgradeRequest(target, settings.headers, settings.subprotocols),
        addresses=AddressBook(settings.dns_ttl_s),
        dial=(proxy.host, proxy.port) if proxy else reach,
        proxy=proxy,
        tunnel_to=join_address(*reach),
        sources=Sources(settings.source_ips),
        connect_timeout_ns=int(settings.connect_timeout_s * 1e9),
        max_message_bytes=settings.max_message_bytes,
    )


_workloads: WeakKeyDictionary[Any, Workload] = WeakKeyDictionary()


def prepare(
    environment: Any, host: str | None, share: Share = (0, 1), zero_ns: int | None = None
) -> Workload:
    """Read the environment's options and keep a fresh :class:`Workload` for its users.

    Raises:
        SettingsError: an option is wrong.
    """
    workload = Workload(read_settings(options_of(environment), host), share, zero_ns)
    _workloads[environment] = workload
    return workload


def check(
    environment: Any,
    host: str | None,
    *,
    form: Mapping[str, Any] | None = None,
    host_may_follow: bool = False,
) -> Settings:
    """Find out now whether a run could start, and with which settings.

    Args:
        environment: Locust's environment, with its options.
        host: the target.
        form: what a form would set on top of the options.
        host_may_follow: whether a missing host is no error yet.

    Raises:
        SettingsError: it could not.
    """
    if host_may_follow and not host:
        host = _ANY_HOST
    return Workload(read_settings({**options_of(environment), **(form or {})}, host)).settings


def options_of(environment: Any) -> dict[str, Any]:
    """Return Locust's parsed options by name."""
    return dict(vars(environment.parsed_options)) if environment.parsed_options else {}


def current(environment: Any) -> Workload | None:
    """Return the environment's workload, if there is one."""
    return _workloads.get(environment)
