"""The options, read and validated: one frozen `Settings` for a run.

Everything that can be known to be wrong before the first connection is found here, in one line that
says what is wrong and the mend.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from openclaw_locust.judging.reader import parse_thresholds
from openclaw_locust.measure.arrivals import KINDS, Kind
from openclaw_locust.measure.rates import RateProfile, parse_rate_profile, parse_rate_stages
from openclaw_locust.measure.stages import Stages, parse_stages
from openclaw_locust.option_values import OptionValues, SettingsError
from openclaw_locust.options import OPTIONS
from openclaw_locust.rating.messages import (
    DEFAULT_ACK_MATCH,
    OWN_MEMBERS,
    AckMatch,
    parse_ack_match,
)
from openclaw_locust.redact import MASK, mask_header, mask_url
from openclaw_locust.tls_settings import read_tls
from openclaw_locust.wire.ciphers import split_ciphers
from openclaw_locust.wire.proxy import Proxy, parse_proxy
from openclaw_locust.wire.target import Target, parse_address, parse_target
from openclaw_locust.wire.tls import TlsProfile
from openclaw_locust.wire.upgrade import check_subprotocols, parse_header

_LARGEST_MESSAGE = 1 << 30
_SCHEDULES = ("--arrival-rate", "--arrival-stages", "--connect-rate")
_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True, slots=True)
class ArrivalPlan:
    """The schedule of the open model: a rate over time, and how its arrivals are spaced."""

    profile: RateProfile
    kind: Kind


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run does, in units: seconds and counts. Secrets have no place in its ``repr``.

    Attributes:
        target: where the load goes.
        tls: how TLS is done; its passphrase is never shown.
        connect_to: where TCP goes instead of the target, or None.
        proxy: the proxy, or None.
        headers: further headers of the upgrade, the bearer token among them.
        subprotocols: offered in this order.
        max_message_bytes: the largest message that is accepted from the service.
        ack_matches: what an ack looks like.
        ack_id: the member that carries the id, or None.
        pause_s: the pause of a user; None: its class's own.
        connection_lifetime_s, messages_per_connection: limits of a connection; None: keep it.
        stages: the users over time, or None.
        arrivals: the schedule of the open model, or None: the closed model.
        paces_connections: whether that schedule is of connections.
        handshake_mode: what :class:`~openclaw_locust.HandshakeUser` does: ``upgrade``, ``tls`` or
            ``http``.
        http_path: what it asks for in the mode ``http``.
        tls_resume: the share of connections that offer a session, from 0 to 1.
        share_tickets: whether one session serves all users.
        close: how a connection ends: ``polite`` or ``reset``.
        source_ips: the addresses to connect from; none: the kernel chooses.
        in_flight: how many ratings of one connection may wait for their acks at a time.
        warm_up_s: whole seconds at the run's begin that are in no figure.
        thresholds: what was given with ``--threshold``.
        shown: each option that differs from its default, for people, without secrets.
        warnings: lines that the user should see at the start.
    """

    target: Target
    tls: TlsProfile = field(repr=False)
    connect_to: tuple[str, int] | None
    proxy: Proxy | None
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    subprotocols: tuple[str, ...]
    dns_ttl_s: float
    connect_timeout_s: float
    ack_timeout_s: float
    max_message_bytes: int
    ack_matches: tuple[AckMatch, ...]
    ack_id: str | None
    pause_s: float | None
    connection_lifetime_s: float | None
    messages_per_connection: int | None
    item_max: int
    stages: Stages | None
    arrivals: ArrivalPlan | None
    paces_connections: bool
    handshake_mode: str
    http_path: str
    tls_resume: float
    share_tickets: bool
    close: str
    source_ips: tuple[str, ...]
    in_flight: int
    warm_up_s: int
    thresholds: tuple[str, ...]
    shown: Mapping[str, str]
    warnings: tuple[str, ...]

    @property
    def is_open_model(self) -> bool:
        """Whether a schedule says when to send, and not the answers."""
        return self.arrivals is not None


def read_settings(options: Mapping[str, Any], host: str | None) -> Settings:
    """Read the options as Locust parsed them (or as its form posted them) and validate them all.

    Args:
        options: by ``Option.dest``; what is missing has its default.
        host: Locust's ``--host``, the form's host, or the user class's own.

    Raises:
        SettingsError: something is wrong.
    """
    try:
        return _read(OptionValues(options), host)
    except SettingsError:
        raise
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _read(values: OptionValues, host: str | None) -> Settings:
    if not host or not host.strip():
        raise SettingsError(
            "there is no target; give --host wss://rating.example.com/rating, "
            "or --demo to load the embedded server"
        )
    matches = values.many("--ack-match") or [DEFAULT_ACK_MATCH]
    ack_id = values.text("--ack-id")
    path = ack_id.split(".")
    if ack_id and not all(path):
        raise SettingsError(f"--ack-id {ack_id!r} has an empty part; write it like id or meta.id")
    if path[0] in OWN_MEMBERS:
        raise SettingsError(
            f"--ack-id {ack_id!r} is a member of the rating itself; name the one for an id, or "
            "leave it out to match by item"
        )
    connect_to = values.text("--connect-to")
    proxy = values.text("--proxy")
    return Settings(
        target=parse_target(host),
        tls=read_tls(values),
        connect_to=parse_address(connect_to, "--connect-to") if connect_to else None,
        proxy=parse_proxy(proxy) if proxy else None,
        headers=_read_headers(values),
        subprotocols=check_subprotocols(values.many("--subprotocol")),
        dns_ttl_s=values.duration("--dns-ttl", zero=True),
        connect_timeout_s=values.duration("--connect-timeout"),
        ack_timeout_s=values.duration("--ack-timeout"),
        max_message_bytes=values.size("--max-message", 1, _LARGEST_MESSAGE),
        ack_matches=tuple(parse_ack_match(text) for text in matches),
        ack_id=None if ack_id.lower() in ("none", "") else ack_id,
        pause_s=values.duration("--pause", zero=True) if values.text("--pause") else None,
        connection_lifetime_s=values.optional_duration("--connection-lifetime"),
        messages_per_connection=values.optional_count("--messages-per-connection"),
        item_max=values.count("--item-max"),
        stages=_read_stages(values.text("--stages")),
        arrivals=_read_arrivals(values),
        paces_connections=bool(values.text("--connect-rate")),
        handshake_mode=values.choice("--handshake-mode", ("upgrade", "tls", "http")),
        http_path=_read_http_path(values.text("--http-path")),
        tls_resume=values.share("--tls-resume"),
        share_tickets=values.choice("--tls-tickets", ("once", "shared")) == "shared",
        close=values.choice("--close", ("polite", "reset")),
        source_ips=tuple(values.many("--source-ip")),
        in_flight=_read_in_flight(values),
        warm_up_s=math.ceil(values.duration("--warm-up", zero=True)),
        thresholds=_read_thresholds(values),
        shown=_shown(values),
        warnings=tuple(_warnings(values)),
    )


def _read_stages(text: str) -> Stages | None:
    if not text:
        return None
    try:
        return parse_stages(text)
    except ValueError as error:
        raise SettingsError(f"--stages: {error}") from None


def _read_arrivals(values: OptionValues) -> ArrivalPlan | None:
    flags = [flag for flag in _SCHEDULES if values.text(flag)]
    chosen = values.choice("--arrivals", KINDS)
    spacing = next(kind for kind in KINDS if kind == chosen)
    if not flags:
        if values.is_given("--arrivals"):
            raise SettingsError(
                "--arrivals is about the open model; give --arrival-rate or --connect-rate too"
            )
        return None
    if len(flags) > 1:
        raise SettingsError(f"{' and '.join(flags)} contradict each other; give one of them")
    if values.is_given("--pause"):
        raise SettingsError(
            "--pause and a schedule contradict each other: in the open model the schedule "
            "says when to send; leave --pause out"
        )
    flag = flags[0]
    text = values.text(flag)
    has_stages = flag == "--arrival-stages" or (flag == "--connect-rate" and ":" in text)
    try:
        profile = parse_rate_stages(text) if has_stages else parse_rate_profile(text)
    except ValueError as error:
        raise SettingsError(f"{flag}: {error}") from None
    return ArrivalPlan(profile, spacing)


def _read_in_flight(values: OptionValues) -> int:
    in_flight = values.count("--in-flight")
    if in_flight > 1 and values.text("--ack-id").lower() in ("none", ""):
        raise SettingsError(
            f"--in-flight {in_flight} without --ack-id: acks of several ratings can only be told "
            "apart by an id; name the member that carries it, or leave --in-flight out"
        )
    return in_flight


def _read_thresholds(values: OptionValues) -> tuple[str, ...]:
    given = tuple(values.many("--threshold"))
    parse_thresholds(given)
    return given


def _read_http_path(text: str) -> str:
    if not text.startswith("/") or "#" in text:
        raise SettingsError(f"--http-path {text!r} is no path; write it like /health")
    return parse_target(f"wss://host{text}").resource


def _read_headers(values: OptionValues) -> tuple[tuple[str, str], ...]:
    headers = [parse_header(text) for text in values.many("--header")]
    token = values.text("--token")
    if token:
        if any(name.lower() == "authorization" for name, _ in headers):
            raise SettingsError("--token and an Authorization --header; give one of them")
        try:
            headers.append(parse_header(f"Authorization: Bearer {token}"))
        except ValueError:
            raise SettingsError("--token has a character that no header can carry") from None
    return tuple(headers)


def _shown(values: OptionValues) -> dict[str, str]:
    shown = {}
    for option in OPTIONS:
        if option.kind == "switch":
            text = "yes" if values.switch(option.flag) else ""
        elif option.kind == "list":
            text = ", ".join(map(mask_header, values.many(option.flag)))
        else:
            text = values.text(option.flag)
        if text and option.flag in ("--token", "--client-key-passphrase"):
            text = MASK
        if text and text != option.default:
            shown[option.flag] = mask_url(text) if option.flag == "--proxy" else text
    return shown


def _warnings(values: OptionValues) -> Iterator[str]:
    variable = next((name for name in _PROXY_VARIABLES if os.environ.get(name)), None)
    if variable is not None and not values.text("--proxy"):
        yield f"{variable} is set and not used; give --proxy to go through a proxy"
    ciphers = values.text("--tls-ciphers")
    if ciphers and not split_ciphers(ciphers)[0] and values.text("--tls-max") == "1.3":
        yield (
            "--tls-ciphers has no suite of TLS 1.3, so its suites are as they were; add some, or "
            "--tls-max 1.2"
        )
