"""What is written beside Locust's CSV at the end of a run: the facts, the histograms, the report.

Only imported when a run is judged: it imports pandas.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from openclaw_locust.report.build import Report
from openclaw_locust.report.hlog import HLOG_SUFFIX, write_hlog
from openclaw_locust.report.markdown import REPORT_SUFFIX, write_markdown
from openclaw_locust.results import RESULTS_SUFFIX


def write_results(report: Report, prefix: str) -> list[str]:
    """Write the files of a run's report, and return a line for each that could not be written.

    Such a file is removed if it was there before: it would tell of another run, or have another
    verdict.
    """
    facts = report.facts
    assert facts is not None
    writers: dict[str, Callable[[], Any]] = {
        RESULTS_SUFFIX: lambda: facts.write(prefix),
        HLOG_SUFFIX: lambda: write_hlog(facts, prefix),
        REPORT_SUFFIX: lambda: write_markdown(report, prefix),
    }
    problems = []
    for suffix, write in writers.items():
        try:
            write()
        except OSError as error:
            path = Path(f"{prefix}{suffix}")
            problems.append(f"{path} is missing, it could not be written: {error.strerror}")
            with suppress(OSError):
                path.unlink(missing_ok=True)
    return problems
