"""Our own record in the place of Locust's rows, and the comparison of the two.

Locust's rows stay where they are other user classes': the series knows nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from openclaw_locust.report.numbers import format_count
from openclaw_locust.verdict import OWN_TYPES

if TYPE_CHECKING:
    from openclaw_locust.judging.figures import Figures
    from openclaw_locust.report.measured import Measured


def foreign_rows(stats: pd.DataFrame, measured: Measured) -> pd.DataFrame:
    """Return the rows of a frame with ``type`` and ``name`` that the series does not have."""
    keys = zip(stats["type"], stats["name"], strict=True)
    foreign = [key not in measured.known for key in keys]
    return stats[pd.Series(foreign, index=stats.index, dtype="bool")]


def figures_frame(rows: Iterable[Figures], columns: dict[str, str]) -> pd.DataFrame:
    """Return figures as a frame of the given columns, which are attributes of theirs."""
    rows = list(rows)
    return pd.DataFrame(
        {
            column: pd.Series([getattr(row, column) for row in rows], dtype=dtype)
            for column, dtype in columns.items()
        }
    )


def own_failures(failures: pd.DataFrame, measured: Measured) -> pd.DataFrame:
    """Return the failures of the measured window, and behind them those of other user classes.

    Args:
        failures: from :func:`~openclaw_locust.report.read_csv.read_failures`.
        measured: the run's figures.
    """
    rows = [(*key, count) for key, count in sorted(measured.failures.items()) if count]
    own = pd.DataFrame(rows, columns=["type", "name", "error", "count"])
    own = own.astype(failures.dtypes.to_dict())
    return pd.concat([own, foreign_rows(failures, measured)], ignore_index=True)


def differences(stats: pd.DataFrame, measured: Measured) -> list[str]:
    """Return a line for each request type that Locust and our own record count differently.

    Both see every request, so a difference is a fault of the measurement. It is looked for over
    the whole run, since Locust knows no warm-up.

    Args:
        stats: from :func:`~openclaw_locust.report.read_csv.read_stats`, of the same moment.
        measured: the run's figures.
    """
    names = {name for _, name in measured.known}
    rows = stats[~stats["is_total"] & stats["name"].isin(names)]
    lines = []
    for kind in OWN_TYPES:
        theirs = rows[rows["type"] == kind]
        ours = [row for row in measured.whole if row.type == kind]
        for column, what in (("count", "requests"), ("failures", "failures")):
            locust = int(theirs[column].sum())
            own = sum(int(getattr(row, column)) for row in ours)
            if locust != own:
                lines.append(
                    f"Locust counted {format_count(locust)} {kind} {what}, "
                    f"our own record has {format_count(own)}"
                )
                break  # a lost failure is a lost request too: once is enough
    return lines
