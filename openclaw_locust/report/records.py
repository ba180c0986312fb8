"""CSV bytes to records of text, with one line for each fault. Knows no column's meaning.

pandas' own reader is not used for this step: it ends at the first broken record or drops it
without a word, cannot name the line of a record behind a quoted line end, and takes a name such
as ``NA`` for a missing value. Python's ``csv`` does all three right, and the files are small.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

MAX_LINES_NAMED = 5
"""How many broken lines of one file are named one by one; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of one file.

    Attributes:
        text: one line: which file, where, what.
        loses_figures: whether figures are gone that the verdict would need.
    """

    text: str
    loses_figures: bool = False


class Faults:
    """Collects the problems of one file; those of single lines are bounded in number."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._problems: list[Problem] = []
        self._lines = 0

    def add(self, text: str, *, loses_figures: bool = False) -> None:
        """Note a fault of the file as a whole."""
        self._problems.append(Problem(f"{self._file}: {text}", loses_figures))

    def add_line(self, line: int, text: str, *, loses_figures: bool = True) -> None:
        """Note a fault of one line."""
        self._lines += 1
        if self._lines <= MAX_LINES_NAMED:
            self._problems.append(Problem(f"{self._file}, line {line}: {text}", loses_figures))

    @property
    def lose_figures(self) -> bool:
        """Whether any of the faults loses figures."""
        return any(problem.loses_figures for problem in self.problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All faults so far, in the order in which they were found."""
        rest = self._lines - MAX_LINES_NAMED
        if rest <= 0:
            return tuple(self._problems)
        more = Problem(f"{self._file}: {rest} more faults in its lines", loses_figures=True)
        return (*self._problems, more)


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its first line in the file (from 1) and its fields by column."""

    line: int
    fields: dict[str, str]


@dataclass(slots=True)
class Records:
    """What could be read of one file.

    Attributes:
        columns: the header's names; empty when the file is empty or not the one expected.
        rows: the whole records, in the file's order.
        faults: where readers of the fields add their own findings.
        foreign: whether the header is not the one of the file that was expected.
        ends_broken: whether the last record was cut or broken, so that ``rows`` lacks it.
    """

    faults: Faults
    columns: tuple[str, ...] = ()
    rows: list[Record] = field(default_factory=list)
    foreign: bool = False
    ends_broken: bool = False


def read_records(data: bytes, file: str, required: Sequence[str]) -> Records:
    """Return the records of one CSV file; every fault becomes a problem, none is raised.

    Args:
        data: the file's content.
        file: what the problems call the file.
        required: columns without which the file cannot be what it is taken for.
    """
    records = Records(Faults(file))
    text = _decode(data, records.faults)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            records.ends_broken = True
            records.faults.add_line(line, f"is no proper CSV, left out ({error})")
            continue
        if not fields:
            continue
        if records.columns:
            _take_record(records, fields, line)
        elif set(required) <= set(fields):
            records.columns = tuple(fields)
        else:
            records.foreign = True
            lacking = ", ".join(name for name in required if name not in fields)
            records.faults.add_line(
                line, f"is not the header that Locust writes: it lacks {lacking}; file not used"
            )
            break
    if not records.columns and not records.foreign and not records.ends_broken:
        records.faults.add("is empty", loses_figures=True)
    if records.columns and text and text[-1] not in "\r\n" and not records.ends_broken:
        records.faults.add("does not end with a line end, so its last line may be cut")
    return records


def _take_record(records: Records, fields: list[str], line: int) -> None:
    records.ends_broken = len(fields) != len(records.columns)
    if records.ends_broken:
        records.faults.add_line(
            line, f"has {len(fields)} of {len(records.columns)} fields, left out: cut or damaged"
        )
        return
    # from the right, so that of two columns of one name the first wins
    pairs = zip(reversed(records.columns), reversed(fields), strict=True)
    records.rows.append(Record(line, dict(pairs)))


def _decode(data: bytes, faults: Faults) -> str:
    """Return the text without byte order mark and NUL bytes; both need no mend by the reader."""
    nul = data.find(b"\0")
    if nul >= 0:
        line = data.count(b"\n", 0, nul) + 1
        number = data.count(b"\0")
        faults.add_line(line, f"{number} NUL bytes left out (a power cut?)", loses_figures=False)
        data = data.replace(b"\0", b"")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        faults.add_line(line, "is not UTF-8; such bytes are shown as \ufffd", loses_figures=False)
        return data.decode("utf-8-sig", "replace")
