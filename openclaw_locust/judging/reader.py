"""From the texts of ``--threshold`` to thresholds; a wrong one is refused with its place marked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from fractions import Fraction
from typing import NoReturn

from openclaw_locust.durations import parse_duration
from openclaw_locust.judging.checks import SHARES, Op
from openclaw_locust.judging.thresholds import (
    COUNTED,
    DEFAULT_ERRORS,
    FAILING,
    GRACE_S,
    LATENCIES,
    Threshold,
    defaults_of,
)

_NONE = "none"
_OPS: tuple[Op, ...] = ("<=", ">=", "<", ">")
_MICRO = Fraction(1, 1000)  # as fractions: 35 times the float 0.01 is more than 35 %
_MS_PER = {
    "us": _MICRO,
    "µs": _MICRO,
    "ms": Fraction(1),
    "s": Fraction(1000),
}  # without minutes: 250m is a slip of the hand
_LARGEST = 10**12
_SECONDS_PER = {"s": 1, "m": 60, "min": 60, "h": 3600}
_WORD = re.compile(r"[a-z_]+", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_UNIT = re.compile(r"\s*(%|/?\s*[a-zµ]+)?", re.IGNORECASE)
_TOKEN = re.compile(r"\S+")
_PERCENT = r"(\d{1,3}(?:\.\d{1,3})?)"
_PERCENTILE = re.compile(rf"p(?:{_PERCENT}|\({_PERCENT}\))", re.IGNORECASE)  # p(95) as in k6
_ALIASES = {"avg": "mean", "med": "p50", "median": "p50"}
_PLAIN = ("mean", "min", "max", "p50", *SHARES, "rate")
_EXAMPLES = {**dict.fromkeys(SHARES, "1%"), "rate": "400/s"}
_UNITS = {**dict.fromkeys(SHARES, "%"), "rate": "/s"}
_KINDS = {**dict.fromkeys(SHARES, "a share"), "rate": "a rate"}


def parse_thresholds(texts: Iterable[str]) -> tuple[Threshold, ...]:
    """Read thresholds, each once; ``none`` among them is none.

    Raises:
        ValueError: one is wrong; see :func:`parse_threshold`.
    """
    read = (parse_threshold(text) for text in texts if not _is_none(text))
    return tuple(dict.fromkeys(read))


def effective(given: Iterable[str], metrics: Collection[str]) -> tuple[Threshold, ...]:
    """Return what a run is judged by.

    Args:
        given: the texts of ``--threshold``; ``none`` among them takes all defaults away.
        metrics: what the user classes of the run produce, of :data:`~.thresholds.COUNTED`. Each
            has the article's limits as its defaults, which a given threshold of the same metric
            replaces (for its row only, where it names one); so with the errors of every row.

    Raises:
        ValueError: a text is wrong.
    """
    texts = list(given)
    own = parse_thresholds(texts)
    if any(map(_is_none, texts)):
        return own
    general = (each for each in own if each.name is None)
    replaced = {each.metric for each in general if each.statistic not in (*SHARES, "rate")}
    defaults = [
        each
        for metric in COUNTED
        if metric in metrics and metric not in replaced
        for each in defaults_of(metric)
    ]
    if not any(each.family == "errors" and not each.metric for each in own):
        defaults.insert(0, DEFAULT_ERRORS)
    return (*defaults, *own)


def parse_threshold(text: str) -> Threshold:
    """Read one expression.

    Raises:
        ValueError: it is wrong; the message is one line that marks the place and says the mend.
    """
    return _Reader(text).read()


def _is_none(text: str) -> bool:
    return text.strip().lower() == _NONE


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._at = 0

    def read(self) -> Threshold:
        metric, name = self._metric()
        statistic = self._statistic(metric)
        op = self._op()
        limit = self._limit(statistic, op)
        if statistic == "rate":
            metric = metric or "ack"
        found = Threshold(metric, name, statistic, op, limit)
        if self._has("for"):
            found = replace(found, window_s=self._window())
        if self._has("abort"):
            after_s = self._duration() if self._has("after") else GRACE_S
            found = replace(found, abort_after_s=after_s)
        if self._rest():
            self._fail("there is something too much", "leave it out")
        return found

    def _metric(self) -> tuple[str, str | None]:
        known = set(LATENCIES) | set(FAILING)
        word = _WORD.match(self._rest())
        if word is None or word[0].lower() not in known:
            if word and self._rest()[word.end() :].lstrip().startswith("["):
                self._fail("unknown metric", f"write one of {', '.join(sorted(known))}")
            return "", None
        self._at += word.end()
        name = None
        if self._rest().startswith("["):
            end = self._rest().find("]")
            if end < 2:
                self._fail("a row's name stands in brackets", "write it like ack[login]")
            name = self._rest()[1:end]
            self._at += end + 1
        return word[0].lower(), name

    def _statistic(self, metric: str) -> str:
        rest = self._rest()
        word = _PERCENTILE.match(rest)
        if word is not None:
            percent = float(word[1] or word[2])
            if not 0 < percent <= 100:
                self._fail("there is no such percentile", "write p50, p95, p99.9")
            statistic = f"p{percent:.12g}"
        else:
            word = _WORD.match(rest)
            plain = word[0].lower() if word else ""
            statistic = _ALIASES.get(plain, plain)
        if word is None or (word.re is _WORD and statistic not in _PLAIN):
            if metric:
                mend = "write p95, mean, min, max, errors or rate"
                self._fail("unknown statistic", mend)
            self._fail("unknown metric", "write e.g. ack p95 < 250ms, errors < 1%, rate > 400/s")
        failing = dict.fromkeys(SHARES, ("", *FAILING))
        of = {**failing, "rate": ("", *COUNTED)}.get(statistic, LATENCIES)
        if metric not in of:
            what = f"{metric} has no {statistic}" if metric else "of which metric?"
            self._fail(what, f"write e.g. {of[0] or of[1]} {statistic}")
        self._at += word.end()
        return statistic

    def _op(self) -> Op:
        rest = self._rest()
        op = next((op for op in _OPS if rest.startswith(op)), None)
        if op is None:
            self._fail("here stands an operator", "write <, <=, > or >=")
        self._at += len(op)
        return op

    def _limit(self, statistic: str, op: Op) -> float:
        number = _NUMBER.match(self._rest())
        if number is None:
            self._fail("here stands the limit", f"write e.g. {_EXAMPLES.get(statistic, '250ms')}")
        unit = _UNIT.match(self._rest(), number.end())
        assert unit is not None  # it matches nothing too
        text = (unit[1] or "").lower().replace(" ", "")
        if text in ("for", "abort"):
            text = ""
        factor = _factor(statistic, text)
        if factor is None:
            what = f"{text!r} is no unit of {_KINDS.get(statistic, 'a time')}" if text else ""
            example = f"{number[0]}{_UNITS.get(statistic, 'ms')}"
            self._fail(what or "the limit has no unit", f"write e.g. {example}")
        limit = Fraction(number[0]) * factor
        if statistic in SHARES and limit > 1:
            self._fail(f"{statistic} are a share of up to 100%", "write e.g. 5%")
        if statistic in SHARES and limit == 1 and not text:
            self._fail("a bare 1 is all requests", "write 1% or 100%")
        if op == "<" and not limit:
            self._fail("nothing is under 0", f"write <= {number[0]}{text}")
        if limit > _LARGEST:
            example = _EXAMPLES.get(statistic, "250ms")
            self._fail("no value comes near this limit", f"write e.g. {example}")
        self._at += unit.end() if text else number.end()
        return float(limit)

    def _window(self) -> int:
        at = self._at
        seconds = self._duration()
        if seconds < 1 or seconds != int(seconds):
            self._at = at
            self._fail("a window is whole seconds long", "write e.g. for 60s")
        return int(seconds)

    def _duration(self) -> float:
        word = _TOKEN.match(self._rest())
        if word is None:
            self._fail("here stands a duration", "write e.g. 60s")
        try:
            seconds = parse_duration(word[0])
        except ValueError:
            self._fail("this is no duration", "write e.g. 60s")
        self._at += word.end()
        return seconds

    def _has(self, word: str) -> bool:
        found = _WORD.match(self._rest())
        if found is None or found[0].lower() != word:
            return False
        self._at += found.end()
        return True

    def _rest(self) -> str:
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1
        return self._text[self._at :]

    def _fail(self, what: str, mend: str) -> NoReturn:
        token = _TOKEN.match(self._rest())
        place = f"at {token[0]!r} (column {self._at + 1})" if token else "at the end"
        raise ValueError(f"--threshold {self._text!r}: {what}, {place}; {mend}")


def _factor(statistic: str, unit: str) -> Fraction | None:
    """Return what a unit's number is multiplied by; None: it is no unit of that statistic."""
    if statistic in SHARES:
        return {"%": Fraction(1, 100), "": Fraction(1)}.get(unit)
    if statistic == "rate":
        per = _SECONDS_PER.get(unit.removeprefix("/")) if unit.startswith("/") else None
        return Fraction(1, per) if per else None
    return _MS_PER.get(unit)
