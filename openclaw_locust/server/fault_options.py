"""``--fault NAME=VALUE``, read and held: what the server is to do wrong. Nothing of how it does it.

A further fault is a field of :class:`Faults` and a row of the table of kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from openclaw_locust.durations import parse_duration
from openclaw_locust.server.errors import ServerError


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
class Faults:
    """Everything that ``--fault`` asked for.

    Attributes:
        stalls: in the order in which they were given; they may overlap.
    """

    stalls: tuple[Stall, ...] = ()


def parse_faults(texts: Iterable[str]) -> Faults:
    """Return what the values of ``--fault`` mean.

    Raises:
        ServerError: one is not ``NAME=VALUE``, has an unknown name or a wrong value.
    """
    stalls = []
    for text in texts:
        name, equals, value = text.partition("=")
        kind = _KINDS.get(name.strip().lower())
        if kind is None:
            known = ", ".join(kind.form for kind in _KINDS.values())
            raise ServerError(
                f"--fault {text!r}: there is no fault {name.strip()!r}; the known ones are: {known}"
            )
        try:
            if not equals:
                raise ValueError("its value is missing")
            stalls.append(kind.read(value.strip()))
        except ValueError as exc:
            raise ServerError(
                f"--fault {text!r}: {exc}; give it as {kind.form}, like {kind.example}"
            ) from None
    return Faults(stalls=tuple(stalls))


def _read_stall(value: str) -> Stall:
    length, at, begin = value.partition("@")
    if not at:
        raise ValueError(f"{value!r} does not say when: there is no @")
    stall = Stall(at_s=_part("behind the @", begin), duration_s=_part("before the @", length))
    if not stall.duration_s:
        raise ValueError(f"before the @, {length!r} is no time to stall for")
    return stall


def _part(place: str, text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError:
        what = f"{text!r} is no duration" if text.strip() else "the duration is missing"
        raise ValueError(f"{place}, {what}") from None


@dataclass(frozen=True, slots=True)
class _Kind:
    form: str
    example: str
    read: Callable[[str], Stall]


_KINDS = {"stall": _Kind("stall=DURATION@TIME", "stall=2s@10s", _read_stall)}
