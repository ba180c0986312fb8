"""Fields of a JSON object that was written by somebody: each read with its type, or one clear line.

Used for the results file; knows nothing of what the fields mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

LARGEST = 1e15
"""No figure is larger: what is beyond is damage, and would only break the arithmetic behind it."""

_DIGITS = 16

_REQUIRED = object()


class FieldError(ValueError):
    """A field is damaged; the message continues the sentence "the file …"."""


def take(
    content: dict[str, Any],
    name: str,
    kind: type | tuple[type, ...],
    default: object = _REQUIRED,
) -> Any:
    """Return a field, checked by its type; bool is no number here.

    Raises:
        FieldError: it is of another type, or is not there and there is no default.
    """
    value = content.get(name, default)
    if value is _REQUIRED:
        raise FieldError(f'lacks the field "{name}"')
    if not isinstance(value, kind) or isinstance(value, bool):
        raise FieldError(f'has a field "{name}" of the wrong type')
    return value


def take_count(content: dict[str, Any], name: str, default: object = _REQUIRED) -> int:
    """Return a whole number from 0 up.

    Raises:
        FieldError: it is none.
    """
    value: int = take(content, name, int, default)
    if not 0 <= value <= LARGEST:
        raise FieldError(f'has a field "{name}" out of range')
    return value


def take_seconds(content: dict[str, Any], name: str, default: object = 0.0) -> float:
    """Return seconds from 0 up, at most some 30 years.

    Raises:
        FieldError: it is no such number.
    """
    value = take(content, name, (int, float), default)
    if not 0 <= value <= 1e9:
        raise FieldError(f'has a field "{name}" out of range')
    return float(value)


def take_line(content: dict[str, Any], name: str) -> str | None:
    """Return a text, or None.

    Raises:
        FieldError: it is neither.
    """
    line: str | None = take(content, name, (str, type(None)), None)
    return line


def take_lines(content: dict[str, Any], name: str) -> tuple[str, ...]:
    """Return a list of texts, empty when it is not there.

    Raises:
        FieldError: it is no list, or has something else in it.
    """
    lines = take(content, name, list, [])
    if not all(isinstance(line, str) for line in lines):
        raise FieldError(f'has a field "{name}" that is no list of texts')
    return tuple(lines)


def take_texts(content: dict[str, Any], name: str) -> dict[str, str]:
    """Return texts by name, empty when it is not there.

    Raises:
        FieldError: it is no object, or has something else in it.
    """
    texts: dict[str, str] = take(content, name, dict, {})
    if not all(isinstance(text, str) for text in texts.values()):
        raise FieldError(f'has a field "{name}" that does not map names to texts')
    return texts


def take_figures(content: dict[str, Any], name: str) -> dict[str, float | None]:
    """Return numbers by name, empty when it is not there; None is no data.

    Raises:
        FieldError: it is no object, or has something else in it.
    """
    figures: dict[str, float | None] = take(content, name, dict, {})
    if not all(map(_is_figure, figures.values())):
        raise FieldError(f'has a field "{name}" that does not map names to numbers')
    return figures


def take_objects(
    content: dict[str, Any], name: str, read: Callable[[dict[str, Any]], T]
) -> tuple[T, ...]:
    """Return what ``read`` makes of each object in a list, empty when it is not there.

    Raises:
        FieldError: it is no list of objects, or one of them is damaged.
    """
    objects = take(content, name, list, [])
    if not all(isinstance(each, dict) for each in objects):
        raise FieldError(f'has a field "{name}" that is no list of objects')
    return tuple(map(read, objects))


def refuse_constant(name: str) -> float:
    """Refuse ``NaN`` and ``Infinity``, which Python takes for JSON."""
    raise ValueError(f"{name} is no number")


def whole_number(digits: str) -> int:
    """Return a whole number of JSON, unless it is longer than any figure can be."""
    if len(digits) > _DIGITS:
        raise ValueError(f"{digits[:_DIGITS]}… is no figure")
    return int(digits)


def _is_figure(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value is None or (is_number and abs(value) <= LARGEST)  # type: ignore[arg-type]
