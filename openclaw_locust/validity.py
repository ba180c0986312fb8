"""Whether the generator can be believed: its own share of what it measured. Pure.

An answer is timed when the process reads it, so an event loop that is late by 20 ms makes the
service 20 ms slower in every figure. The loop's lag is measured by a probe at all times of the run,
as an answer would meet it; so its percentile is about what the generator added to the same
percentile of the answers (``docs/validity.md`` has the measurements). A run is invalid when

* P50, P95 or P99 of the lag (of the loop, or of the schedule in the open model) is over 5 ms, over
  a tenth of the limit of the answers there *and* over a tenth of what was measured there,
* a percentile of the answers crosses its limit, and would not without the lag there,
* a process stood still for 500 ms or more at a time,
* a process used 95 % or more of the CPU that it may have (one core: Python runs on one), or all
  processes of a container used that of its quota, on average,
* the kernel held a process's container back for more than 5 % of the time,
* a request failed by this machine's own doing (:func:`local_failures`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from openclaw_locust.failures import CLASSES
from openclaw_locust.judging.thresholds import Threshold, defaults_of
from openclaw_locust.measure.generator import GeneratorSummary
from openclaw_locust.measure.histogram import Histogram
from openclaw_locust.measure.recorder import ACK, CONNECT, HANDSHAKE, HTTP, LOOP, PACE
from openclaw_locust.measure.series import Window
from openclaw_locust.results import GeneratorReport

LAG_FLOOR_MS = 5.0
LAG_SHARE = 0.1
LAG_NOISE_MS = 1.0  # less than that does not explain a crossed limit
STANDSTILL_MS = 500.0
CPU_SHARE = 0.95
THROTTLED_SHARE = 0.05

_PERCENTS = (50.0, 95.0, 99.0)
_LEAST_BEYOND = 10  # a percentile of the lag with fewer probes beyond it is chance
_MEND = "use more processes (--processes) or machines"


def judge_generator(
    summaries: Sequence[GeneratorSummary], window: Window, thresholds: Iterable[Threshold]
) -> tuple[list[GeneratorReport], list[str]]:
    """Return what each process is to say of itself, and why the run is invalid, if it is.

    Args:
        summaries: one for each process that sent load.
        window: the measured part of the run.
        thresholds: what the run is judged by.
    """
    reports, reasons = [], []
    measured, limits = _measured(window), _limits_ms(thresholds)
    for summary in summaries:
        lag = window.histograms.get((LOOP, summary.process), Histogram())
        pace = window.histograms.get((PACE, summary.process), Histogram())
        reports.append(_report(summary, lag, pace))
        whys = [
            *_too_busy(summary),
            *_too_late("event loop", lag, measured, limits),
            *_too_late("schedule", pace, measured, limits),
        ]
        reasons += [f"{why} ({summary.process}); {_MEND}" for why in whys]
    return reports, [*reasons, *_shared_quota(summaries)]


def _limits_ms(thresholds: Iterable[Threshold]) -> dict[float, float]:
    """Return the smallest limit of an answer at each percentile; the article's without one."""
    limits = {each.percent: each.limit for each in defaults_of(ACK) if each.percent is not None}
    for each in thresholds:
        if (
            each.metric in (ACK, HTTP, HANDSHAKE)
            and each.percent in limits
            and each.op in ("<", "<=")
        ):
            limits[each.percent] = min(limits[each.percent], each.limit)
    return limits


def _measured(window: Window) -> Histogram:
    """Return what the lag is held against: the acks; without any, what else was done."""
    for metric in (ACK, HTTP, HANDSHAKE, CONNECT):
        whole = Histogram()
        for name in window.names(metric):
            whole.merge(window.histograms[metric, name])
        if whole.counts:
            return whole
    return Histogram()


def _too_late(
    what: str, lag: Histogram, measured: Histogram, limits: dict[float, float]
) -> Iterator[str]:
    """Yield why a lag is too much a part of what was measured, at its highest such percentile."""
    found = zip(
        _PERCENTS, lag.percentiles_us(_PERCENTS), measured.percentiles_us(_PERCENTS), strict=True
    )
    worst = None
    for percent, lag_us, measured_us in found:
        if lag.total * (100 - percent) / 100 < _LEAST_BEYOND:
            continue
        lag_ms, measured_ms = (lag_us or 0) / 1000, (measured_us or 0) / 1000
        limit_ms = limits[percent]
        explains = measured_ms >= limit_ms > measured_ms - lag_ms and lag_ms > LAG_NOISE_MS
        if explains or lag_ms > max(LAG_FLOOR_MS, LAG_SHARE * max(limit_ms, measured_ms)):
            worst = percent, lag_ms, measured_ms
    if worst is not None:
        percent, lag_ms, measured_ms = worst
        yield (
            f"the generator's {what} was {lag_ms:.3g} ms late at P{percent:g}, "
            f"of {measured_ms:.4g} ms measured there"
        )


def _too_busy(summary: GeneratorSummary) -> Iterator[str]:
    """Yield why a process was the bottleneck by other measures."""
    if summary.standstill_ms >= STANDSTILL_MS:
        yield (
            f"the generator stood still for {summary.standstill_ms:.3g} ms, "
            f"{summary.standstill_at_s:.3g} s after the begin"
        )
    allowed = min(1.0, summary.cpus)
    if summary.cpu_mean is not None and summary.cpu_mean >= CPU_SHARE * allowed:
        yield (
            f"the generator used {summary.cpu_mean:.0%} of a core, all that it may have "
            f"({summary.cpus:.3g}, {summary.cpus_source})"
        )
    if summary.throttled_share > THROTTLED_SHARE:
        yield (
            f"the kernel held the generator back for {summary.throttled_share:.0%} of the time "
            f"({summary.cpus:.3g}, {summary.cpus_source})"
        )


def _shared_quota(summaries: Sequence[GeneratorSummary]) -> Iterator[str]:
    """Yield why several processes of one machine had too little together."""
    if len(summaries) < 2:
        return
    machines: dict[str, list[GeneratorSummary]] = {}
    for summary in summaries:
        machines.setdefault(summary.process.partition(" (")[0], []).append(summary)
    for machine, processes in machines.items():
        used = sum(each.cpu_mean or 0.0 for each in processes)
        cpus = min(each.cpus for each in processes)
        if len(processes) > cpus and used >= CPU_SHARE * cpus:
            yield (
                f"the {len(processes)} processes on {machine} used {used:.3g} of the {cpus:.3g} "
                f"CPUs that they may have ({processes[0].cpus_source}); use more machines"
            )


def _report(summary: GeneratorSummary, lag: Histogram, pace: Histogram) -> GeneratorReport:
    figures: dict[str, float | None] = {
        "cpu_mean": summary.cpu_mean,
        "cpu_peak": summary.cpu_peak,
        "cpu_limit": summary.cpus,
        "throttled_share": summary.throttled_share,
        "descriptors": summary.descriptors,
        "descriptors_limit": summary.descriptors_limit,
        "standstill_ms": summary.standstill_ms,
        **_percentiles("lag", lag),
        **(_percentiles("schedule_lag", pace) if pace.counts else {}),
    }
    return GeneratorReport(summary.process, (), figures)


def _percentiles(name: str, histogram: Histogram) -> dict[str, float | None]:
    found = histogram.percentiles_us(_PERCENTS)
    figures = {
        f"{name}_p{percent:g}_ms": None if us is None else us / 1000
        for percent, us in zip(_PERCENTS, found, strict=True)
    }
    figures[f"{name}_max_ms"] = histogram.max_us / 1000 if histogram.counts else None
    return figures


_LOCAL = (
    "gen.fd_limit",
    "gen.port_exhausted",
    "gen.source_ip",
    "gen.memory",
    "gen.local_reject",
)


def local_failures(window: Window) -> list[str]:
    """Return a line for each class of failures that this machine made itself, with its mend.

    Args:
        window: the measured part of the run.
    """
    counts: Counter[str] = Counter()
    for (_, _, class_name), count in window.failures.items():
        counts[class_name] += count
    return [
        f"{counts[name]} requests failed on this machine ({name}): {CLASSES[name].meaning} "
        f"{CLASSES[name].remedy}"
        for name in _LOCAL
        if counts[name]
    ]
