"""What a run knows about itself and Locust's CSV cannot say: ``<csv prefix>_results.json``.

The file stands beside Locust's CSV set and is optional to every reader; ``docs/results.md`` has
each field. It holds no secret: who makes :class:`RunFacts` has masked them. This module knows
neither Locust nor pandas.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from openclaw_locust.files import replace_file
from openclaw_locust.json_fields import (
    FieldError,
    refuse_constant,
    take,
    take_count,
    take_figures,
    take_line,
    take_lines,
    take_objects,
    take_seconds,
    take_texts,
    whole_number,
)
from openclaw_locust.judging.reader import parse_thresholds
from openclaw_locust.measure.series import Series
from openclaw_locust.tls_results import (
    Negotiation,
    Resumption,
    read_negotiation,
    read_resumption,
)

SCHEMA = "openclaw-locust/results"
VERSION = 1
"""Raised when an old reader would misread a new file; a mere addition, which an old reader may
pass over, does not raise it."""

Unit = Literal["rating", "connection", "request", "send"]
"""What a run sends; ``send`` is several of the others, by different user classes."""

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
class Model:
    """What decides when a rating, a connection or a request is sent.

    Attributes:
        kind: ``closed``: each user waits for what it sent before it sends again. ``open``: a
            schedule decides, whatever the server does.
        rate: the schedule of the open model, ``500/s`` or its stages.
        arrivals: ``constant`` or ``poisson``; empty in the closed model.
        in_flight: how many ratings may wait for their ack on one connection.
        begin_s: when the schedule began, in seconds since the run's begin.
        unit: what is sent.
    """

    kind: Literal["closed", "open"] = "closed"
    rate: str = ""
    arrivals: Literal["", "constant", "poisson"] = ""
    in_flight: int = 1
    begin_s: float = 0.0
    unit: Unit = "rating"


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the run that has figures of its own.

    Attributes:
        label: as its option spells it, e.g. ``1m:100``.
        start_s: in seconds since the run's begin.
        end_s: in seconds since the run's begin.
    """

    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class GeneratorReport:
    """What one process of the load generator measured of itself.

    Attributes:
        process: which one, e.g. ``worker 2``.
        lines: what a reader should see, one line each.
        figures: numbers by name, the unit in the name; None is no data.
    """

    process: str
    lines: tuple[str, ...] = ()
    figures: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The facts of one run.

    Attributes:
        target: the URL under load, without secrets.
        started: the start of the run, ISO 8601 in UTC; empty when not known.
        duration_s: seconds from the start of the run until it was told to end.
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
        details: lines about the connections: who was trusted, who was reached.
        negotiated: what TLS agreed on, and on how many connections, the most frequent first.
        resumption: what became of TLS sessions that were offered; None when that is no matter.
        model: what decided when the run sent.
        warm_up_s: seconds at the run's begin that are in no figure.
        stages: parts of the run that get figures of their own.
        thresholds: what the run is judged by, in the canonical spelling; None when not known, as
            in files of earlier versions: then the defaults hold.
        generator: what each process measured of itself.
        invalid: a line for each reason why the figures say more about the generator than about
            the server; empty when there is none.
        aborted: why a threshold ended the run early, in one line; None when none did.
        clocks: how the processes' times were brought onto one axis, in one line.
        series: the run's time series; None when it was not recorded.
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
    negotiated: tuple[Negotiation, ...] = ()
    resumption: Resumption | None = None
    incomplete: tuple[str, ...] = ()
    model: Model = Model()
    warm_up_s: int = 0
    stages: tuple[Stage, ...] = ()
    thresholds: tuple[str, ...] | None = None
    generator: tuple[GeneratorReport, ...] = ()
    invalid: tuple[str, ...] = ()
    aborted: str | None = None
    clocks: str = ""
    series: Series | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Take any sequence for the tuples, so that callers may hand over lists."""
        for name in _SEQUENCES:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, tuple(value))

    def to_plain(self) -> dict[str, Any]:
        """Return the facts without the series as types of JSON."""
        plain: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in _OBJECTS:
                value = [asdict(item) for item in value]
            plain[each.name] = asdict(value) if isinstance(value, (Model, Resumption)) else value
        del plain["series"]
        return plain

    def to_json(self) -> str:
        """Return the facts as one JSON object that :meth:`from_json` reads back.

        The series stands last and on one line: in lines of their own its histograms would take
        more room for blanks than for figures.
        """
        content = {"schema": SCHEMA, "version": VERSION, **self.to_plain()}
        text = json.dumps(content, indent=2, allow_nan=False).removesuffix("\n}")
        series = self.series.to_plain() if self.series is not None else None
        compact = json.dumps(series, separators=(",", ":"), allow_nan=False)
        return f'{text},\n  "series": {compact}\n}}\n'

    @classmethod
    def from_json(cls, text: str) -> RunFacts:
        """Return the facts in ``text``; fields of later versions are passed over.

        Raises:
            ResultsError: the text is no JSON, of another schema, of a newer version, or has a
                field that is damaged.
        """
        try:
            content = json.loads(text, parse_constant=refuse_constant, parse_int=whole_number)
        except ValueError as error:
            raise ResultsError(f"is no JSON ({error})") from None
        except RecursionError:
            raise ResultsError("is no JSON of this tool (nested too deeply)") from None
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise ResultsError(f'was not written by this tool (no "schema": "{SCHEMA}")')
        try:
            version = take(content, "version", int)
            if version > VERSION:
                raise ResultsError(f"has version {version}, newer than {VERSION}: update this tool")
            return cls(**_read_fields(content))
        except FieldError as error:
            raise ResultsError(str(error)) from None

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


_OBJECTS = ("samples", "stages", "generator", "negotiated")
_LINES = ("notes", "goal", "hints", "details", "incomplete", "invalid")
_SEQUENCES = (*_OBJECTS, *_LINES, "thresholds")


def _read_fields(content: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of :class:`RunFacts`, each checked.

    Raises:
        FieldError: one is damaged.
    """
    return {
        "target": take(content, "target", str),
        "started": take(content, "started", str, ""),
        "duration_s": take_seconds(content, "duration_s"),
        "versions": take_texts(content, "versions"),
        "settings": take_texts(content, "settings"),
        **{name: take_lines(content, name) for name in _LINES},
        "samples": take_objects(content, "samples", _read_sample),
        "negotiated": take_objects(content, "negotiated", read_negotiation),
        "resumption": read_resumption(take(content, "resumption", (dict, type(None)), None)),
        "failure": take_line(content, "failure"),
        "model": _read_model(take(content, "model", dict, {})),
        "warm_up_s": take_count(content, "warm_up_s", 0),
        "stages": take_objects(content, "stages", _read_stage),
        "thresholds": _read_thresholds(content),
        "generator": take_objects(content, "generator", _read_generator),
        "aborted": take_line(content, "aborted"),
        "clocks": take(content, "clocks", str, ""),
        "series": _read_series(content.get("series")),
    }


def _read_thresholds(content: dict[str, Any]) -> tuple[str, ...] | None:
    if content.get("thresholds") is None:
        return None
    texts = take_lines(content, "thresholds")
    try:
        parse_thresholds(texts)
    except ValueError as error:
        raise FieldError(f'has a field "thresholds" that cannot be read ({error})') from None
    return texts


def _read_sample(content: dict[str, Any]) -> Sample:
    return Sample(
        class_name=take(content, "class_name", str),
        count=take(content, "count", int),
        first=take(content, "first", str, ""),
        last=take(content, "last", str, ""),
    )


def _read_model(content: dict[str, Any]) -> Model:
    kind = take(content, "kind", str, "closed")
    if kind not in ("closed", "open"):
        raise FieldError('has a field "kind" that is neither "closed" nor "open"')
    arrivals = take(content, "arrivals", str, "")
    if arrivals not in ("", "constant", "poisson"):
        raise FieldError('has a field "arrivals" that is neither "constant" nor "poisson"')
    unit = take(content, "unit", str, "rating")
    if unit not in get_args(Unit):
        raise FieldError('has a field "unit" that is none of ' + ", ".join(get_args(Unit)))
    return Model(
        unit=unit,
        kind=kind,
        rate=take(content, "rate", str, ""),
        arrivals=arrivals,
        in_flight=take_count(content, "in_flight", 1),
        begin_s=take_seconds(content, "begin_s"),
    )


def _read_stage(content: dict[str, Any]) -> Stage:
    start_s = take_seconds(content, "start_s")
    end_s = take_seconds(content, "end_s")
    if end_s < start_s:
        raise FieldError('has a field "stages" of which one ends before it begins')
    return Stage(take(content, "label", str), start_s, end_s)


def _read_generator(content: dict[str, Any]) -> GeneratorReport:
    return GeneratorReport(
        process=take(content, "process", str),
        lines=take_lines(content, "lines"),
        figures=take_figures(content, "figures"),
    )


def _read_series(content: object) -> Series | None:
    if content is None:
        return None
    if not isinstance(content, dict):
        raise FieldError('has a field "series" of the wrong type')
    try:
        return Series.from_plain(content)
    except KeyError as error:
        raise FieldError(f'has a field "series" that lacks {error}') from None
    except (ValueError, TypeError) as error:
        raise FieldError(f'has a field "series" that is damaged ({error})') from None
