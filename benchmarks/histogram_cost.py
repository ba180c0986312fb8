"""What a recorded sample costs: CPU, bytes on the wire and in the log, memory.

    python benchmarks/histogram_cost.py [--rounds 9] [--samples 100000] [--memory-samples 10000000]

Our histogram stands beside HdrHistogram's Python library, a numpy array of the same buckets, and a
plain list, which keeps everything. All record the same log-normal durations around 20 ms, in one
process and in turn; medians of the rounds are printed, as Markdown, without the loop's own cost.
The library is a development dependency: without it, its row says so.
"""

from __future__ import annotations

import argparse
import io
import math
import platform
import statistics
import sys
import time
from collections.abc import Callable

import msgpack
import numpy as np
from locust import stats as locust_stats
from locust.stats import RequestStats

from openclaw_locust.measure.hdr import (
    BUCKETS,
    LogLine,
    decode_base64,
    decode_counts,
    encode_base64,
    encode_counts,
    write_log,
)
from openclaw_locust.measure.histogram import HIGHEST_US, Histogram, bucket_of, bucketed_ms
from openclaw_locust.measure.recorder import Recorder

try:
    from hdrh.histogram import HdrHistogram
except ImportError:
    HdrHistogram = None

MEDIAN_NS, SIGMA = 20_000_000, 0.5
Record = Callable[[int], object]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--memory-samples", type=int, default=10_000_000)
    args = parser.parse_args()
    rng = np.random.default_rng(5)
    print(f"Python {platform.python_version()}, numpy {np.__version__}\n")
    record_cost(durations(rng, args.samples), args.rounds)
    print()
    interval_cost(rng, args.rounds)
    print()
    report(rng)
    print()
    memory(rng, args.memory_samples)
    return 0


def durations(rng: np.random.Generator, number: int) -> list[int]:
    """Return durations in ns, as Python's integers."""
    return rng.lognormal(math.log(MEDIAN_NS), SIGMA, number).astype(int).tolist()


# -- recording ---------------------------------------------------------------------------------


def ours() -> Record:
    return Histogram().record_ns


def library() -> Record:
    record = HdrHistogram(1, HIGHEST_US, 3).record_value
    return lambda duration_ns: record(duration_ns // 1000)


def array() -> Record:
    counts = np.zeros(BUCKETS, np.int64)

    def record(duration_ns: int) -> None:
        counts[bucket_of(min(duration_ns // 1000, HIGHEST_US))] += 1

    return record


def plain_list() -> Record:
    return [].append


RECORDERS = {
    "ours, `Histogram.record_ns`": ours,
    "`hdrhistogram`, `record_value`": library if HdrHistogram else None,
    "numpy array of buckets": array,
    "`list.append`, all samples kept": plain_list,
}


def record_cost(samples: list[int], rounds: int) -> None:
    found: dict[str, list[float]] = {title: [] for title in RECORDERS}
    for _ in range(rounds):
        loop_ns = cost_ns(lambda: None, samples)
        for title, make in RECORDERS.items():
            if make:
                record = make()
                found[title].append(cost_ns(lambda r=record: r, samples) - loop_ns)
    print(f"| {len(samples):,} samples, {rounds} rounds | CPU per sample, µs |\n| --- | ---: |")
    for title, costs_ns in found.items():
        shown = f"{statistics.median(costs_ns) / 1000:.2f}" if costs_ns else "not installed"
        print(f"| {title} | {shown} |")


def cost_ns(recorder: Callable[[], Record | None], samples: list[int]) -> float:
    """Return the CPU per sample in ns; without a recorder, that of the loop alone."""
    record = recorder()
    start_ns = time.process_time_ns()
    if record is None:
        for _ in samples:
            pass
    else:
        for duration_ns in samples:
            record(duration_ns)
    return (time.process_time_ns() - start_ns) / len(samples)


# -- one interval ------------------------------------------------------------------------------


def interval_cost(rng: np.random.Generator, rounds: int) -> None:
    print(
        "| one second of | buckets | wire, bytes | pack, µs | unpack, µs "
        "| log line, bytes | base64, µs | read, µs |"
    )
    print("| --- " + "| ---: " * 7 + "|")
    for number in (500, 5000):
        histogram = recorded(durations(rng, number))
        payload, text = encode_counts(histogram), encode_base64(histogram)
        costs_us = [
            statistics.median(call_us(call) for _ in range(rounds))
            for call in (
                lambda h=histogram: encode_counts(h),
                lambda p=payload: decode_counts(p),
                lambda h=histogram: encode_base64(h),
                lambda t=text: decode_base64(t),
            )
        ]
        pack, unpack, write, read = (f"{cost_us:.0f}" for cost_us in costs_us)
        print(
            f"| {number:,} samples | {len(histogram.counts):,} | {len(payload):,} | {pack} "
            f"| {unpack} | {log_line_bytes(histogram):,} | {write} | {read} |"
        )


def recorded(samples: list[int], into: Histogram | None = None) -> Histogram:
    histogram = into or Histogram()
    for duration_ns in samples:
        histogram.record_ns(duration_ns)
    return histogram


def call_us(call: Callable[[], object], times: int = 50) -> float:
    start_ns = time.process_time_ns()
    for _ in range(times):
        call()
    return (time.process_time_ns() - start_ns) / times / 1000


def log_line_bytes(histogram: Histogram) -> int:
    file = io.StringIO()
    write_log(file, 0, [LogLine("ack", 0, 1, histogram)])
    return len(file.getvalue().splitlines()[-1]) + 1


# -- a worker's report -------------------------------------------------------------------------


def report(rng: np.random.Generator) -> None:
    print("| a worker's report of 3 s with | ours, bytes | Locust's own, bytes |")
    print("| --- | ---: | ---: |")
    locust_stats.bucket_response_time = bucketed_ms  # as in a run
    for rate in (500, 5000):
        recorder, statistics_of_locust = Recorder(0), RequestStats()
        for number, duration_ns in enumerate(durations(rng, 3 * rate)):
            interval = recorder.at(number * 1_000_000_000 // rate)
            interval.sends += 1
            interval.settled += 1
            interval.record(("ack", "OpenClawRating"), duration_ns)
            statistics_of_locust.log_request("ACK", "OpenClawRating", duration_ns / 1e6, 40)
        ours = recorder.drain(3_000_000_000).to_plain()
        theirs = {
            "stats": statistics_of_locust.serialize_stats(),
            "stats_total": statistics_of_locust.total.get_stripped_report(),
        }
        sizes = (len(msgpack.dumps(each)) for each in (ours, theirs))
        print(f"| {3 * rate:,} acks | {' | '.join(f'{size:,}' for size in sizes)} |")


# -- memory ------------------------------------------------------------------------------------


def memory(rng: np.random.Generator, most: int) -> None:
    print("| samples recorded | buckets in use | memory, KiB |\n| ---: | ---: | ---: |")
    histogram, done = Histogram(), 0
    for number in (most // 100, most // 10, most):
        while done < number:
            chunk = min(number - done, 1_000_000)
            recorded(durations(rng, chunk), histogram)
            done += chunk
        print(f"| {done:,} | {len(histogram.counts):,} | {size_bytes(histogram) / 1024:,.0f} |")
    full = Histogram()
    full.counts = dict.fromkeys(range(bucket_of(HIGHEST_US) + 1), 1 << 40)
    print(f"| any number: all buckets | {len(full.counts):,} | {size_bytes(full) / 1024:,.0f} |")
    print(f"| {most:,} in a list | | {most * (8 + sys.getsizeof(MEDIAN_NS)) / 1024:,.0f} |")


def size_bytes(histogram: Histogram) -> int:
    counts = histogram.counts
    numbers = sum(sys.getsizeof(bucket) + sys.getsizeof(count) for bucket, count in counts.items())
    return sys.getsizeof(histogram) + sys.getsizeof(counts) + numbers


if __name__ == "__main__":
    sys.exit(main())
