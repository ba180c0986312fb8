"""The generator's probe, in a real hub: what it missed, what it used, and when it stood still."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import gevent
import msgpack
import pytest

from openclaw_locust.measure import generator
from openclaw_locust.measure.generator import PROBE_NS, GeneratorProbe, GeneratorSummary
from openclaw_locust.measure.machine import CpuLimit

MS = 1_000_000
DEADLINE_S = 30.0


class Probed:
    """A probe that runs, and what it gave."""

    def __init__(self, from_s: float = 0.0) -> None:
        self.samples: list[tuple[int, int]] = []
        self.zero_ns = time.perf_counter_ns()
        self.probe = GeneratorProbe(
            "worker 1", self.zero_ns, from_s, lambda due, lag: self.samples.append((due, lag))
        )

    def until_samples(self, number: int) -> None:
        with gevent.Timeout(DEADLINE_S):
            while len(self.samples) < number:
                gevent.sleep(0.005)

    def longest_standstill(self) -> list[int]:
        """Return how late the probes were that the longest standstill held up."""
        longest = max(self.samples, key=lambda sample: sample[1])
        return [lag for due, lag in self.samples if due + lag == sum(longest)]


@pytest.fixture
def probed() -> Iterator[Probed]:
    made = Probed()
    made.probe.start()
    yield made
    made.probe.stop()


def busy(seconds: float) -> None:
    """Hold the loop up, and the CPU with it."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_the_loop_is_probed_at_planned_times_and_never_early(probed: Probed) -> None:
    probed.until_samples(10)
    planned = [due for due, _ in probed.samples]
    assert {after - before for before, after in pairwise(planned)} == {PROBE_NS}
    assert min(lag for _, lag in probed.samples) >= 0


def test_each_probe_that_a_standstill_missed_is_late_by_its_own_time(probed: Probed) -> None:
    probed.until_samples(2)
    before = len(probed.samples)
    busy(0.3)
    probed.until_samples(before + 12)
    lags = probed.longest_standstill()
    assert lags[0] >= 250 * MS
    assert sum(lag > 100 * MS for lag in lags) >= 200 * MS // PROBE_NS - 2
    assert {before - after for before, after in pairwise(lags)} == {PROBE_NS}
    assert lags[-1] < PROBE_NS


def test_a_standstill_that_lasts_to_the_stop_is_seen() -> None:
    probed = Probed()
    probed.probe.start()
    busy(0.3)
    probed.probe.stop()
    assert max(lag for _, lag in probed.samples) >= 250 * MS
    assert probed.probe.summary().standstill_ms >= 250


def test_a_very_long_standstill_gives_a_bounded_number_of_samples(
    probed: Probed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "PROBE_NS", 100_000)  # 300 ms of these are 3,000 probes
    probed.until_samples(2)
    before = len(probed.samples)
    busy(0.3)
    probed.until_samples(before + 1000)
    lags = probed.longest_standstill()
    assert 990 <= len(lags) <= 1001
    assert lags[-1] <= lags[0] // 1000  # they cover all of it


def test_the_longest_standstill_is_in_the_summary_with_its_time(probed: Probed) -> None:
    probed.until_samples(2)
    begin_s = (time.perf_counter_ns() - probed.zero_ns) / 1e9
    busy(0.25)
    end_s = (time.perf_counter_ns() - probed.zero_ns) / 1e9
    probed.until_samples(20)
    summary = probed.probe.summary()
    assert summary.standstill_ms >= 200
    assert begin_s <= summary.standstill_at_s <= end_s


def test_a_warm_up_is_in_no_figure_of_the_summary() -> None:
    probed = Probed(from_s=60.0)
    probed.probe.start()
    busy(0.3)
    probed.until_samples(10)
    probed.probe.stop()
    summary = probed.probe.summary()
    assert (summary.cpu_mean, summary.cpu_peak, summary.standstill_ms) == (None, None, 0.0)
    assert max(lag for _, lag in probed.samples) >= 250 * MS  # the series cuts its own window


@pytest.mark.parametrize("work", [busy, gevent.sleep])
def test_the_cpu_share_is_what_the_process_used_of_the_time(work: Callable[[float], None]) -> None:
    probed = Probed()
    wall, cpu = time.perf_counter(), time.process_time()
    probed.probe.start()
    work(1.05)
    probed.until_samples(40)
    probed.probe.stop()
    used = (time.process_time() - cpu) / (time.perf_counter() - wall)
    summary = probed.probe.summary()
    assert summary.cpu_mean == pytest.approx(used, abs=0.05)
    assert summary.cpu_peak is not None
    assert summary.cpu_peak >= used - 0.05


def test_the_busiest_second_outlives_the_merging_of_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(generator, "_SECONDS_KEPT", 4)
    monkeypatch.setattr(generator, "_LOOK_NS", 50 * MS)
    probed = Probed()
    probed.probe.start()
    busy(0.1)
    peaks = []
    with gevent.Timeout(DEADLINE_S):
        while probed.probe._looks < 16:
            gevent.sleep(0.01)
            peaks.append(probed.probe.summary().cpu_peak or 0.0)
    probed.probe.stop()
    summary = probed.probe.summary()
    assert len(probed.probe._seconds) <= 5
    assert peaks == sorted(peaks)
    assert summary.cpu_peak is not None
    assert summary.cpu_mean is not None
    assert summary.cpu_peak > 2 * summary.cpu_mean


@pytest.mark.parametrize(("cpus", "share"), [(0.5, 1.0), (4.0, 0.5)])
def test_throttled_time_is_a_share_for_each_cpu_that_may_be_used(
    monkeypatch: pytest.MonkeyPatch, cpus: float, share: float
) -> None:
    times = [0]

    def now_ns() -> int:
        times.append(time.perf_counter_ns())
        return times[-1]

    monkeypatch.setattr(generator, "now_ns", now_ns)
    monkeypatch.setattr(generator, "throttled_us", lambda: 2 * times[-1] // 1000)  # on two CPUs
    monkeypatch.setattr(generator, "cpu_limit", lambda: CpuLimit(cpus, "a quota"))
    probed = Probed()
    probed.probe.start()
    probed.until_samples(10)
    probed.probe.stop()
    assert probed.probe.summary().throttled_share == pytest.approx(share, rel=0.001)


def test_the_most_open_descriptors_are_in_the_summary() -> None:
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(50)]
    probed = Probed()
    probed.probe.start()
    probed.probe.stop()
    for descriptor in opened:
        os.close(descriptor)
    summary = probed.probe.summary()
    assert 50 < summary.descriptors <= summary.descriptors_limit


def test_a_stopped_probe_gives_nothing_more_and_keeps_its_summary(probed: Probed) -> None:
    probed.until_samples(3)
    probed.probe.stop()
    number, summary = len(probed.samples), probed.probe.summary()
    gevent.sleep(3 * PROBE_NS / 1e9)
    probed.probe.stop()
    assert len(probed.samples) == number
    assert probed.probe.summary() == summary


def test_a_summary_goes_to_the_master_and_back(probed: Probed) -> None:
    summary = probed.probe.summary()
    plain = msgpack.unpackb(msgpack.packb(summary.to_plain()))
    assert GeneratorSummary.from_plain(plain) == summary
    assert summary.process == "worker 1"


CHILD = """
import time, gevent
from openclaw_locust.measure.generator import GeneratorProbe
samples = []
probe = GeneratorProbe("child", time.perf_counter_ns(), 0.0, lambda due, lag: samples.append(lag))
probe.start()
gevent.sleep(0.1)
print("ready", flush=True)
while max(samples, default=0) < 250_000_000:
    gevent.sleep(0.01)
probe.stop()
print(probe.summary().standstill_ms, sum(lag > 100_000_000 for lag in samples), flush=True)
"""


def test_a_process_that_was_stopped_sees_its_standstill_when_it_goes_on() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "ready\n"
            child.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
            time.sleep(0.5)
            child.send_signal(signal.SIGCONT)
            standstill_ms, over_100_ms = child.stdout.readline().split()
        finally:
            child.kill()
    assert float(standstill_ms) >= 450
    assert int(over_100_ms) >= 350 * MS // PROBE_NS


def test_of_a_standstill_that_reaches_out_of_the_warm_up_the_measured_part_counts() -> None:
    probed = Probed(from_s=0.3)
    probed.probe.start()
    probed.until_samples(2)
    busy(0.3 + 0.5 - (time.perf_counter_ns() - probed.zero_ns) / 1e9)
    probed.probe.stop()
    summary = probed.probe.summary()
    assert summary.standstill_ms >= 490
    assert summary.standstill_at_s == pytest.approx(0.3)
