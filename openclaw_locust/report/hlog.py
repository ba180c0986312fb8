"""The run's histograms in HdrHistogram's log format, as ``<prefix>.hlog``, for its public tools."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from openclaw_locust.files import replace_file
from openclaw_locust.measure.hdr import LogLine, write_log
from openclaw_locust.measure.series import Series
from openclaw_locust.results import RunFacts

HLOG_SUFFIX = ".hlog"


def write_hlog(facts: RunFacts, prefix: str | Path) -> Path | None:
    """Write the run's series in one step and return the file's path; None without a series.

    A line for each interval, metric and name; its tag is ``metric:name``, e.g.
    ``ack:OpenClawRating``. The warm-up is in it.

    Raises:
        OSError: the file cannot be written.
    """
    if facts.series is None:
        return None
    path = Path(f"{prefix}{HLOG_SUFFIX}")
    text = io.StringIO()
    write_log(text, _epoch_s(facts.started), _lines(facts.series))
    replace_file(path, text.getvalue())
    return path


def _lines(series: Series) -> Iterator[LogLine]:
    for begin_s, window in series.intervals():
        for (metric, name), histogram in sorted(
            window.histograms.items(), key=lambda pair: pair[0]
        ):
            yield LogLine(f"{metric}:{name}", begin_s, series.interval_s, histogram)


def _epoch_s(started: str) -> float:
    """Return the run's begin in seconds since the epoch; 0 when it is not known."""
    try:
        return datetime.fromisoformat(started).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0
