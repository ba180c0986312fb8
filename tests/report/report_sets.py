"""Hand-made CSV sets in Locust's format, for what a real run cannot be made to leave behind."""

from __future__ import annotations

import csv
import io
from pathlib import Path

STATS_HEADER = [
    *("Type", "Name", "Request Count", "Failure Count", "Median Response Time"),
    *("Average Response Time", "Min Response Time", "Max Response Time", "Average Content Size"),
    *("Requests/s", "Failures/s", "50%", "66%", "75%", "80%", "90%", "95%", "98%", "99%"),
    *("99.9%", "99.99%", "100%"),
]
FAILURES_HEADER = ["Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen"]
EXCEPTIONS_HEADER = ["Count", "Message", "Traceback", "Nodes"]


def stats_row(
    type_: str = "ACK",
    name: str = "OpenClawRating",
    count: int = 1000,
    failures: int = 0,
    *,
    p50: int = 20,
    p95: int = 40,
    p99: int = 60,
    maximum: float = 80.0,
) -> list[object]:
    """A row as Locust writes it; one without successes has zeros."""
    if failures == count:
        p50 = p95 = p99 = 0
        maximum = 0.0
    figures = [p50, p50, p50, p50, p95, p95, p99, p99, int(maximum), int(maximum), int(maximum)]
    minimum = min(p50, 1)
    return [
        *(type_, name, count, failures, p50, p50 / 1.0, minimum, maximum, 10.0),
        *(count / 10, failures / 10),
        *figures,
    ]


def total_of(rows: list[list[object]]) -> list[object]:
    count = sum(int(str(row[2])) for row in rows)
    failures = sum(int(str(row[3])) for row in rows)
    return stats_row("", "Aggregated", count, failures)


def as_csv(header: list[str], rows: list[list[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def stats_csv(*rows: list[object]) -> bytes:
    return as_csv(STATS_HEADER, [*rows, total_of(list(rows))])


def failures_csv(*rows: tuple[str, str, str, int]) -> bytes:
    return as_csv(FAILURES_HEADER, [[*row, "", ""] for row in rows])


def exceptions_csv(*rows: tuple[int, str]) -> bytes:
    return as_csv(EXCEPTIONS_HEADER, [[*row, "Traceback …", "local"] for row in rows])


def write_set(
    folder: Path,
    *rows: list[object],
    failures: tuple[tuple[str, str, str, int], ...] = (),
    exceptions: tuple[tuple[int, str], ...] = (),
    name: str = "run",
) -> str:
    """Write the three files and return their prefix."""
    prefix = str(folder / name)
    Path(f"{prefix}_stats.csv").write_bytes(stats_csv(*rows))
    Path(f"{prefix}_failures.csv").write_bytes(failures_csv(*failures))
    Path(f"{prefix}_exceptions.csv").write_bytes(exceptions_csv(*exceptions))
    return prefix
