"""What a run knows about itself and Locust's CSV cannot say: ``<csv prefix>_results.json``.

The file stands beside Locust's CSV set and is optional to every reader. It holds no secret: who
makes :class:`RunFacts` has masked them. This module knows neither Locust nor pandas.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = "openclaw-locust/results"
VERSION = 1
"""Raised when an old reader would misread a new file; a mere addition, which an old reader may
pass over (as histograms will be), does not raise it."""

RESULTS_SUFFIX = "_results.json"


class ResultsError(ValueError):
    """The results file cannot be used; the message is one line that says why and the mend."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen of one failure class, in the peer's or the system's own words.

    Attributes:
        class_name: a name of :data:`openclaw_locust.failures.CLASSES`.
        count: how many failures of the class the run saw.
        first: the text that came with the first of them, on one line; empty when there was none.
        last: the text that came with the latest of them.
    """

    class_name: str
    count: int
    first: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The facts of one run.

    Attributes:
        target: the URL under load, without secrets.
        started: the start of the run, ISO 8601 in UTC; empty when not known.
        duration_s: seconds from the start of the run to its end.
        versions: what took part, e.g. ``{"locust": "2.47.0", "openssl": "3.0.15"}``.
        notes: lines that every output must show, e.g. ``certificate NOT verified``.
        settings: the options of the run by name, without secrets.
        goal: the request types that the run is about, e.g. ``("ACK",)``. Without a successful
            request of one of these types nothing was measured. Empty means: any type.
        samples: one sample for each failure class that was seen.
        failure: why the run itself failed, in one line; None when it did not.
        hints: lines that say what to do next.
        incomplete: a line for each part of the run that is missing, such as a worker that did not
            answer; empty when nothing is.
        details: lines about the connections: what was negotiated, where their time went.
    """

    target: str
    started: str = ""
    duration_s: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    goal: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()
    failure: str | None = None
    hints: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Take any sequence for the tuples, so that callers may hand over lists."""
        for name in ("notes", "goal", "samples", "hints", "details", "incomplete"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def to_json(self) -> str:
        """Return the facts as one JSON object that :meth:`from_json` reads back."""
        content = {"schema": SCHEMA, "version": VERSION, **asdict(self)}
        return json.dumps(content, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> RunFacts:
        """Return the facts in ``text``; fields of later versions are passed over.

        Raises:
            ResultsError: the text is no JSON, of another schema, of a newer version, or has a
                field of the wrong type.
        """
        try:
            content = json.loads(text, parse_constant=_refuse_constant)
        except ValueError as error:
            raise ResultsError(f"is no JSON ({error})") from None
        except RecursionError:
            raise ResultsError("is no JSON of this tool (nested too deeply)") from None
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise ResultsError(f'was not written by this tool (no "schema": "{SCHEMA}")')
        version = _take(content, "version", int)
        if version > VERSION:
            raise ResultsError(f"has version {version}, newer than {VERSION}: update this tool")
        return cls(
            target=_take(content, "target", str),
            started=_take(content, "started", str, ""),
            duration_s=_take_seconds(content, "duration_s"),
            versions=_take_texts(content, "versions"),
            notes=_take_lines(content, "notes"),
            settings=_take_texts(content, "settings"),
            goal=_take_lines(content, "goal"),
            samples=tuple(map(_read_sample, _take(content, "samples", list, []))),
            failure=_take(content, "failure", (str, type(None)), None),
            hints=_take_lines(content, "hints"),
            details=_take_lines(content, "details"),
            incomplete=_take_lines(content, "incomplete"),
        )

    def write(self, prefix: str | Path) -> Path:
        """Write ``<prefix>_results.json`` in one step and return its path.

        Raises:
            OSError: the file cannot be written.
        """
        path = Path(f"{prefix}{RESULTS_SUFFIX}")
        replace_file(path, self.to_json())
        return path

    @classmethod
    def read(cls, prefix: str | Path) -> RunFacts | None:
        """Return the facts in ``<prefix>_results.json``, or None when there is no such file.

        Raises:
            ResultsError: the file cannot be read or used; the message begins with its path.
        """
        path = Path(f"{prefix}{RESULTS_SUFFIX}")
        try:
            return cls.from_json(path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ResultsError(f"{path} cannot be read: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise ResultsError(f"{path} is no JSON (not UTF-8)") from None
        except ResultsError as error:
            raise ResultsError(f"{path} {error}") from None


def replace_file(path: Path, text: str) -> None:
    """Put ``text`` (UTF-8) at ``path`` so that a reader sees the old content or the new, whole.

    Raises:
        OSError: the folder or the file cannot be written; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


_REQUIRED = object()


def _take(
    content: dict[str, Any],
    name: str,
    kind: type | tuple[type, ...],
    default: object = _REQUIRED,
) -> Any:
    """Return a field, checked by its type; bool is no number here."""
    value = content.get(name, default)
    if value is _REQUIRED:
        raise ResultsError(f'lacks the field "{name}"')
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ResultsError(f'has a field "{name}" of the wrong type')
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _take_seconds(content: dict[str, Any], name: str) -> float:
    value = _take(content, name, (int, float), 0.0)
    if not 0 <= value <= 1e9:
        raise ResultsError(f'has a field "{name}" out of range')
    return float(value)


def _take_lines(content: dict[str, Any], name: str) -> tuple[str, ...]:
    lines = _take(content, name, list, [])
    if not all(isinstance(line, str) for line in lines):
        raise ResultsError(f'has a field "{name}" that is no list of texts')
    return tuple(lines)


def _take_texts(content: dict[str, Any], name: str) -> dict[str, str]:
    texts: dict[str, str] = _take(content, name, dict, {})
    if not all(isinstance(text, str) for text in texts.values()):
        raise ResultsError(f'has a field "{name}" that does not map names to texts')
    return texts


def _read_sample(content: object) -> Sample:
    if not isinstance(content, dict):
        raise ResultsError('has a field "samples" that is no list of objects')
    return Sample(
        class_name=_take(content, "class_name", str),
        count=_take(content, "count", int),
        first=_take(content, "first", str, ""),
        last=_take(content, "last", str, ""),
    )
