"""``--fault``, read and held: what the server is to do wrong. Nothing of how it does it.

NAME                   always
NAME=SHARE             in this share of the occasions: 5%
NAME[=SHARE]@FROM      from this time on, counted from the first rating
NAME[=SHARE]@FROM..TO  in this time
stall=DURATION@TIME    the service reads and answers nothing
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from openclaw_locust.durations import parse_duration
from openclaw_locust.server.errors import ServerError
from openclaw_locust.server.faults.kinds import ALIASES, Occasion, needs_tls, occasion_of

_FORM = "NAME, NAME=5%, NAME@10s or NAME=5%@10s..20s"
_STALL, _STALL_FORM = "stall", "stall=2s@10s"


@dataclass(frozen=True, slots=True)
class Stall:
    """A time in which the service reads and answers nothing.

    Attributes:
        at_s: seconds from the first rating to its begin.
        duration_s: seconds that it lasts, more than 0.
    """

    at_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that the server does wrong.

    Attributes:
        name: of :mod:`~openclaw_locust.server.faults.kinds`; an alias stands for its name.
        occasion: when it is decided whether it strikes.
        share: of the occasions, more than 0 and at most 1.
        begin_s: from when on, in seconds from the first rating; 0: also before it.
        end_s: until when; None: to the end.
    """

    name: str
    occasion: Occasion
    share: float = 1.0
    begin_s: float = 0.0
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Faults:
    """Everything that ``--fault`` asked for.

    Attributes:
        stalls: in the order in which they were given; they may overlap.
        others: in the order in which they were given: of several that strike at one occasion the
            first one does.
    """

    stalls: tuple[Stall, ...] = ()
    others: tuple[Fault, ...] = ()

    def at(self, *occasions: Occasion) -> tuple[Fault, ...]:
        """Return the faults that strike at one of these occasions."""
        return tuple(fault for fault in self.others if fault.occasion in occasions)


def parse_faults(texts: Iterable[str]) -> Faults:
    """Return what the values of ``--fault`` mean.

    Raises:
        ServerError: one has an unknown name or cannot be read.
    """
    stalls: list[Stall] = []
    others: list[Fault] = []
    for text in texts:
        head, at, when = text.partition("@")
        name, equals, value = head.partition("=")
        name = name.strip().lower()
        name = ALIASES.get(name, name)
        occasion = occasion_of(name)
        is_stall = name == _STALL
        if occasion is None and not is_stall:
            raise ServerError(
                f"--fault {text!r}: there is no fault {name!r}; `openclaw-locust failures` lists "
                "them"
            )
        try:
            if occasion is None:
                stalls.append(_read_stall(value, when, bool(equals), bool(at)))
                continue
            share = _share(value) if equals else 1.0
            begin_s, end_s = _span(when) if at else (0.0, None)
        except ValueError as exc:
            form = _STALL_FORM if is_stall else _FORM
            raise ServerError(f"--fault {text!r}: {exc}; give it as {form}") from None
        others.append(Fault(name, occasion, share, begin_s, end_s))
    return Faults(tuple(stalls), tuple(others))


def check_transport(faults: Faults, *, tls: bool) -> None:
    """Check that all faults can strike on a server with TLS, or without it.

    Raises:
        ServerError: one cannot.
    """
    for fault in faults.others:
        needs = needs_tls(fault.name)
        if needs is True and not tls:
            raise ServerError(f"--fault {fault.name} is one of TLS; leave out --no-tls")
        if needs is False and tls:
            raise ServerError(
                f"--fault {fault.name} is an HTTP proxy's, which is spoken to without TLS; "
                "give --no-tls too"
            )


def _read_stall(length: str, begin: str, has_length: bool, has_begin: bool) -> Stall:
    if not has_length:
        raise ValueError("it does not say how long")
    if not has_begin:
        raise ValueError("it does not say when: there is no @")
    stall = Stall(at_s=_time("behind the @", begin), duration_s=_time("before the @", length))
    if not stall.duration_s:
        raise ValueError(f"before the @, {length!r} is no time to stall for")
    return stall


def _share(text: str) -> float:
    number, percent, rest = text.strip().partition("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        share = 0.0
    if rest or not 0 < share <= 1:
        raise ValueError(f"{text!r} is no share of more than 0% and up to 100%")
    return share


def _span(text: str) -> tuple[float, float | None]:
    begin, dots, end = text.partition("..")
    begin_s = _time("behind the @", begin)
    if not dots:
        return begin_s, None
    end_s = _time("behind the ..", end)
    if end_s <= begin_s:
        raise ValueError(f"{text!r} ends before it begins")
    return begin_s, end_s


def _time(place: str, text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError:
        what = f"{text!r} is no duration" if text.strip() else "the duration is missing"
        raise ValueError(f"{place}, {what}") from None
