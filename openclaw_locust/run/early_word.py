"""The word at a run's begin when nothing works: said once, with the class and the remedy.

A wrong certificate or a dead port is known after the first attempts; nobody should have to wait for
the last table to learn of it.
"""

from __future__ import annotations

from collections import Counter

from openclaw_locust.failures import CLASSES
from openclaw_locust.judging.figures import METRIC_OF, SENDS
from openclaw_locust.measure import recorder as metrics
from openclaw_locust.measure.records import Records
from openclaw_locust.measure.series import Window


def early_word(window: Window, records: Records) -> str | None:
    """Return the line to be said of a run that has had no success so far, or None.

    Args:
        window: everything that was recorded so far.
        records: the samples of the same run.
    """
    if not window.names(metrics.CONNECT):
        return _word("connection", ("TLS", "UPGRADE", "HANDSHAKE"), window, records)
    if not has_worked(window):
        what = "ack" if window.failed("ACK") else "answer"
        return _word(what, SENDS, window, records)
    return None


def has_worked(window: Window) -> bool:
    """Whether there was a success, so that there is nothing to be said any more."""
    return any(window.names(METRIC_OF[kind]) for kind in SENDS)


def _word(what: str, kinds: tuple[str, ...], window: Window, records: Records) -> str | None:
    counts: Counter[str] = Counter()
    for (kind, _, class_name), count in window.failures.items():
        if kind in kinds:
            counts[class_name] += count
    if not counts:
        return None
    name, count = counts.most_common(1)[0]
    failed = counts.total()
    share = f"all {failed}" if count == failed else f"{count} of {failed}"
    known, sample = CLASSES[name], records.failures.get(name)
    seen = f" (seen: {sample.first})" if sample and sample.first else ""
    return f"no {what} yet: {share} failed with {name}: {known.meaning}{seen} -> {known.remedy}"
