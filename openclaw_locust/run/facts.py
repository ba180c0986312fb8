"""The facts of a finished run: what the report must say and Locust's figures cannot.

From a workload and its records to `results.RunFacts`; no Locust, no pandas.
"""

from __future__ import annotations

import platform
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from openclaw_locust import __version__
from openclaw_locust.durations import parse_duration
from openclaw_locust.judging.figures import METRIC_OF
from openclaw_locust.judging.thresholds import Threshold
from openclaw_locust.measure.records import Records
from openclaw_locust.measure.series import Series
from openclaw_locust.results import GeneratorReport, Model, RunFacts, Sample, Stage, Unit
from openclaw_locust.settings import Settings
from openclaw_locust.tls_results import Negotiation, Resumption
from openclaw_locust.users.request_events import HANDSHAKE, HTTP
from openclaw_locust.workload import Workload

_TLS_FLAGS = ("--tls-ca", "--client-cert", "--client-certs", "--tls-ciphers", "--sni", "--insecure")


@dataclass(frozen=True, slots=True)
class Measured:
    """The series of a run, and how it came about.

    Attributes:
        series: everything that was recorded.
        thresholds: what the run is judged by.
        begin_s: when the schedule of the open model began; None when it did not.
        generator: what each process measured of itself.
        invalid: why the figures say more about the generator than about the server.
        aborted: why a threshold ended the run, or None.
        clocks: how the workers' seconds were aligned; empty without workers.
    """

    series: Series
    thresholds: tuple[Threshold, ...]
    begin_s: float | None = None
    generator: tuple[GeneratorReport, ...] = ()
    invalid: tuple[str, ...] = ()
    aborted: str | None = None
    clocks: str = ""


def notes_of(workload: Workload, *, is_demo: bool) -> list[str]:
    """Return the lines that every output of the run must show."""
    settings = workload.settings
    notes = ["embedded server on this machine, not a real service"] if is_demo else []
    if not settings.target.secure:
        idle = ", ".join(flag for flag in _TLS_FLAGS if flag in settings.shown)
        notes.append("no TLS: the target is ws://" + (f", so {idle} is not used" if idle else ""))
    elif not settings.tls.verify:
        notes.append("certificate NOT verified (--insecure)")
    if settings.proxy:
        notes.append(f"through the proxy {settings.proxy.host}:{settings.proxy.port}")
    if settings.connect_to:
        host, port = settings.connect_to
        notes.append(f"TCP goes to {host} port {port} (--connect-to), not to the target's address")
    return [*notes, *settings.warnings]


def gather_facts(
    workload: Workload,
    *,
    started: str,
    duration_s: float,
    load: dict[str, str],
    goal: tuple[str, ...],
    is_demo: bool,
    server_counts: dict[str, int],
    measured: Measured,
    workers: Sequence[str] = (),
    gaps: Sequence[str] = (),
    failure: str | None = None,
) -> RunFacts:
    """Return the facts of a run.

    Args:
        workload: the run's settings and this process's records.
        started: ISO 8601 in UTC.
        duration_s: from the first user until the run was told to end.
        load: Locust's own options that describe the load, such as the number of users.
        goal: the request types that the run is about.
        is_demo: whether the target is the embedded server.
        server_counts: the embedded server's own record, if there is one.
        measured: the series, and how it came about.
        workers: a line for each worker's part.
        gaps: a line for each part that is missing.
        failure: why the run itself failed, or None.
    """
    settings, records = workload.settings, workload.records
    notes = notes_of(workload, is_demo=is_demo)
    shown = {**load, **settings.shown}
    if is_demo:
        shown.pop("--tls-ca", None)  # the server's own, gone by now
    unit = _unit(settings, goal, records)
    if records.sends:
        notes.append(f"ratings are writes: this run sent {records.sends} to the target")
    return RunFacts(
        target=settings.target.shown,
        started=started,
        duration_s=duration_s,
        versions={
            "openclaw-locust": __version__,
            "locust": version("locust"),
            "python": platform.python_version(),
            "openssl": ssl.OPENSSL_VERSION.split()[1],
        },
        notes=tuple(notes),
        settings=shown,
        goal=goal,
        samples=_samples(records),
        hints=tuple(_hints(settings, records)),
        details=(
            *workers,
            *_details(workload),
            *_server_lines(server_counts, workload, unit, measured.series),
        ),
        negotiated=tuple(
            Negotiation(count, *each) for each, count in records.negotiated.most_common()
        ),
        resumption=_resumption(settings, records),
        incomplete=(*gaps, *_cut_short(records, unit)),
        failure=failure,
        model=_model(settings, measured.begin_s, unit),
        warm_up_s=settings.warm_up_s,
        stages=tuple(_stages(settings, measured.begin_s)),
        thresholds=tuple(map(str, measured.thresholds)),
        generator=measured.generator,
        invalid=measured.invalid,
        aborted=measured.aborted,
        clocks=measured.clocks,
        series=measured.series,
    )


def _unit(settings: Settings, goal: tuple[str, ...], records: Records) -> Unit:
    """Return what the run sends; ``send`` where its user classes send different things."""
    if HANDSHAKE not in goal:
        return "rating"
    if records.sends or set(goal) - {HANDSHAKE, HTTP}:
        return "send"
    return "request" if settings.handshake_mode == "http" else "connection"


def _resumption(settings: Settings, records: Records) -> Resumption | None:
    if not (settings.tls_resume or records.offered or records.counted):
        return None
    return Resumption(
        asked=settings.tls_resume,
        offered=records.offered,
        accepted=sum(count for each, count in records.negotiated.items() if each.resumed),
        lacking=records.lacking,
        tickets=records.tickets if records.counted else None,
        connections=records.counted,
    )


def _model(settings: Settings, begin_s: float | None, unit: Unit) -> Model:
    if settings.arrivals is None:
        return Model(in_flight=settings.in_flight, unit=unit)
    return Model(
        unit=unit,
        kind="open",
        rate=str(settings.arrivals.profile),
        arrivals=settings.arrivals.kind,
        in_flight=settings.in_flight,
        begin_s=round(begin_s or 0.0, 3),
    )


def _stages(settings: Settings, begin_s: float | None) -> Iterator[Stage]:
    """Yield the spans of the stages: those of the schedule, else those of the users."""
    plan = settings.arrivals
    if plan is not None and plan.profile.duration_s is not None:
        yield from _spans(str(plan.profile), begin_s or 0.0)
    elif settings.stages is not None:
        yield from _spans(str(settings.stages), 0.0)


def _spans(stages: str, start_s: float) -> Iterator[Stage]:
    for label in stages.split(","):
        end_s = start_s + parse_duration(label.partition(":")[0])
        if end_s > start_s:  # a jump is no span
            yield Stage(label, round(start_s, 3), round(end_s, 3))
        start_s = end_s


def _cut_short(records: Records, unit: Unit) -> list[str]:
    stopped = records.failures.get("gen.stopped")
    if stopped is None:
        return []
    its_end = "its end" if stopped.count == 1 else "their end"
    awaited = {"rating": "an ack", "request": "an answer"}.get(unit, its_end)
    sends = _count(stopped.count, unit)
    return [f"{sends} still waited for {awaited} when the run was told to stop at once"]


def _samples(records: Records) -> tuple[Sample, ...]:
    return tuple(
        Sample(name, seen.count, seen.first, seen.last) for name, seen in records.failures.items()
    )


def _details(workload: Workload) -> list[str]:
    """Return the lines that say who was trusted and where connections went."""
    records = workload.records
    details = []
    if workload.endpoint.tls is not None:
        details.append(f"trust: {workload.endpoint.tls.trust}")
    if len(records.addresses) > 1:
        shares = (f"{address} {count}" for address, count in records.addresses.most_common())
        details.append("connections by address: " + ", ".join(shares))
    return details


def _server_lines(
    counts: dict[str, int], workload: Workload, unit: Unit, series: Series
) -> Iterator[str]:
    """Yield what the embedded server counted beside what we did; nothing for another server."""
    if not counts:
        return
    records, of_server = workload.records, "the server's own count:"
    if unit != "rating":
        full, resumed = (counts.get(f"tls_{kind}", 0) for kind in ("full", "resumed"))
        ours = sum(count for each, count in records.negotiated.items() if each.resumed)
        yield (
            f"{of_server} {full} full and {resumed} resumed handshakes; "
            f"ours: {records.negotiated.total() - ours} and {ours}"
        )
        if workload.settings.handshake_mode == "http":
            plain = counts.get("requests", 0) - counts.get("upgrades", 0)
            yield f"{of_server} {plain} plain requests read; ours: {_plain_requests(series)} sent"
    if unit in ("rating", "send"):
        yield (
            f"{of_server} {counts.get('ratings', 0)} ratings read, "
            f"{counts.get('acks', 0)} acks sent; "
            f"ours: {records.sends} sent, {records.acks} acked"
        )


def _plain_requests(series: Series) -> int:
    window, metric = series.window(), METRIC_OF[HTTP]
    answered = sum(window.histograms[metric, name].total for name in window.names(metric))
    return answered + window.failed(HTTP)


def _hints(settings: Settings, records: Records) -> list[str]:
    hints = []
    if hint := records.unrecognised_hint():
        hints.append(hint)
    if records.late_acks:
        hints.append(
            f"{_count(records.late_acks, 'ack')} came after the rating had been counted as failed; "
            f"--ack-timeout is {settings.ack_timeout_s:g} s"
        )
    if records.pushes and records.acks:
        hints.append(f"{_count(records.pushes, 'message')} were no answers and were passed over")
    if records.retried:
        hints.append(
            f"{_count(records.retried, 'handshake')} took one more round trip, because the server "
            "takes none of the key shares that come first (HelloRetryRequest, RFC 8446, 4.1.4)"
        )
    if records.unclosed:
        hints.append(
            f"the server did not end {_count(records.unclosed, 'connection')} in time when told "
            "the end, so they were reset from here"
        )
    if records.subprotocol_ignored:
        ignored = _count(records.subprotocol_ignored, "connection")
        hints.append(f"the server chose none of the offered subprotocols on {ignored}")
    return hints


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
