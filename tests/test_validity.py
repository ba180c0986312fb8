"""When the generator's own figures make a run invalid."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openclaw_locust.judging.reader import effective
from openclaw_locust.measure.generator import GeneratorSummary
from openclaw_locust.measure.recorder import ACK, CONNECT, HANDSHAKE, HTTP, LOOP, PACE
from openclaw_locust.measure.series import Window
from openclaw_locust.validity import judge_generator

MS = 1_000_000
ME = "host (index 0)"
FINE = GeneratorSummary(
    process=ME,
    cpu_mean=0.4,
    cpu_peak=0.6,
    cpus=2.0,
    cpus_source="CPUs that it is bound to",
    throttled_share=0.0,
    descriptors=60,
    descriptors_limit=1024,
    standstill_ms=12.0,
    standstill_at_s=3.0,
)


def window(
    acks_ms: float = 21,
    lag_ms: float = 0.2,
    late: tuple[int, float] = (0, 0),
    of: str = LOOP,
    what: str = ACK,
) -> Window:
    """A window of 2000 acks and probes; ``late``: so many of the probes, so many ms late."""
    found = Window()
    for number in range(2000):
        found.histogram((what, "row")).record_ns(int(acks_ms * MS))
        lag = late[1] if number < late[0] else lag_ms
        found.histogram((of, ME)).record_ns(int(lag * MS))
    return found


def reasons(found: Window, *given: str, summary: GeneratorSummary = FINE) -> list[str]:
    return judge_generator([summary], found, effective(given, {"ack"}))[1]


def test_a_prompt_generator_is_valid() -> None:
    assert reasons(window()) == []


@pytest.mark.parametrize("of", [LOOP, PACE])
@pytest.mark.parametrize(
    ("late", "said"),
    [
        ((1200, 10.5), "10.5 ms late at P50"),
        ((1200, 9.5), None),
        ((150, 26), "26 ms late at P95"),
        ((150, 24), None),
        ((30, 52), "52 ms late at P99"),
        ((30, 48), None),
        ((10, 400), None),  # half a per cent of the answers: no percentile of ours shows it
    ],
)
def test_a_tenth_of_the_limit_at_a_percentile_is_too_late(
    late: tuple[int, float], said: str | None, of: str
) -> None:
    found = reasons(window(late=late, of=of))
    assert len(found) == (said is not None)
    if said:
        assert said in found[0]
        assert ("schedule" if of == PACE else "event loop") in found[0]
        assert ME in found[0]
        assert "--processes" in found[0]


def test_what_is_less_than_a_tenth_of_what_was_measured_harms_nothing() -> None:
    assert reasons(window(acks_ms=900, late=(1200, 80))) == []
    assert reasons(window(acks_ms=700, late=(1200, 80)))


def test_a_lower_threshold_asks_for_a_prompter_generator() -> None:
    late = window(late=(1200, 6))
    assert reasons(late) == []
    assert reasons(late, "ack p50 < 30ms")
    assert reasons(late, "ack p50 > 30ms") == []


@pytest.mark.parametrize("what", [HANDSHAKE, HTTP, CONNECT])
def test_connections_and_requests_are_held_against_the_lag_as_acks_are(what: str) -> None:
    assert reasons(window(acks_ms=900, late=(1200, 80), what=what)) == []
    (reason,) = reasons(window(acks_ms=700, late=(1200, 80), what=what))
    assert "80 ms late at P99, of 700" in reason


@pytest.mark.parametrize("what", [HANDSHAKE, HTTP])
def test_a_lower_threshold_of_theirs_asks_for_a_prompter_generator_too(what: str) -> None:
    late = window(late=(1200, 6), what=what)
    assert reasons(late) == []
    assert reasons(late, f"{what} p50 < 30ms")


def test_less_than_5_ms_are_not_held_against_it() -> None:
    assert reasons(window(acks_ms=8, late=(1200, 4)), "ack p50 < 10ms") == []


def test_a_limit_that_only_the_lag_crosses_is_not_the_service_s() -> None:
    assert reasons(window(acks_ms=101, late=(1200, 3)))
    assert reasons(window(acks_ms=101, late=(1200, 0.5))) == []
    assert reasons(window(acks_ms=105, late=(1200, 3))) == []  # crossed without it too


def test_a_few_late_probes_are_chance() -> None:
    found = Window()
    for number in range(150):
        found.histogram((ACK, "row")).record_ns(20 * MS)
        found.histogram((LOOP, ME)).record_ns((90 if number < 9 else 0) * MS)
    assert reasons(found) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"standstill_ms": 510.0}, "stood still for 510 ms, 3 s after the begin"),
        ({"cpu_mean": 0.96}, "used 96% of a core"),
        ({"cpu_mean": 0.48, "cpus": 0.5}, "used 48% of a core, all that it may have (0.5"),
        ({"throttled_share": 0.2}, "held the generator back for 20% of the time"),
    ],
)
def test_a_standstill_a_full_core_and_a_quota_make_a_run_invalid(
    changes: dict[str, float], said: str
) -> None:
    (reason,) = reasons(window(), summary=replace(FINE, **changes))
    assert said in reason


def test_processes_that_share_too_few_cpus_are_judged_together() -> None:
    four = [replace(FINE, process=f"host (index {number})", cpu_mean=0.49) for number in range(4)]
    (reason,) = judge_generator(four, window(), ())[1]
    assert "the 4 processes on host used 1.96 of the 2 CPUs" in reason
    apart = [replace(each, process=f"host{number} (index 0)") for number, each in enumerate(four)]
    assert judge_generator(apart, window(), ())[1] == []


def test_each_process_says_its_figures() -> None:
    (report,), _ = judge_generator([FINE], window(), ())
    assert report.process == ME
    assert report.figures["cpu_mean"] == 0.4
    assert report.figures["lag_p99_ms"] == pytest.approx(0.2)
    assert "schedule_lag_p99_ms" not in report.figures


def test_without_any_figures_nothing_is_claimed() -> None:
    (report,), found = judge_generator([replace(FINE, cpu_mean=None)], Window(), ())
    assert found == []
    assert report.figures["lag_p99_ms"] is None
