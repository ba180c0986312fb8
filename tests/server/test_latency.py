"""The record of how long acks took, without a server."""

import random

import pytest

from openclaw_locust.measure.hdr import decode_base64
from openclaw_locust.measure.histogram import Histogram
from openclaw_locust.server.latency import LONGEST_S, Latency

SECOND_NS = 1_000_000_000


def test_an_ack_belongs_to_the_second_in_which_its_rating_was_read() -> None:
    latency = Latency()
    latency.begin(7 * SECOND_NS)
    latency.record(7 * SECOND_NS, 7 * SECOND_NS + 1_000_000)
    latency.record(8 * SECOND_NS - 1, 10 * SECOND_NS - 1)  # two seconds later
    latency.record(8 * SECOND_NS, 8 * SECOND_NS + 2_000)
    rows = latency.to_plain()["seconds"]
    assert [(row["second"], row["count"], row["max_us"]) for row in rows] == [
        (0, 2, 2_000_000),
        (1, 1, 2),
    ]


def test_seconds_in_any_order_give_the_histogram_of_all_acks_together() -> None:
    draw = random.Random(1)
    latency, whole, by_second = Latency(), Histogram(), [Histogram() for _ in range(40)]
    latency.begin(SECOND_NS)
    for _ in range(4000):
        second, took_ns = draw.randrange(40), int(draw.lognormvariate(14, 3))
        read_ns = SECOND_NS + second * SECOND_NS + draw.randrange(SECOND_NS)
        latency.record(read_ns, read_ns + took_ns)
        whole.record_ns(took_ns)
        by_second[second].record_ns(took_ns)
    plain = latency.to_plain()
    assert decode_base64(plain["histogram"], max_us=plain["max_us"]) == whole
    figures = [plain[name] for name in ("p50_us", "p95_us", "p99_us", "p999_us")]
    assert figures == whole.percentiles_us((50, 95, 99, 99.9))
    assert [
        (row["count"], row["p50_us"], row["p99_us"], row["max_us"]) for row in plain["seconds"]
    ] == [(one.total, *one.percentiles_us((50, 99)), one.max_us) for one in by_second]


@pytest.mark.parametrize("late_second", [0, 99, LONGEST_S + 99])
def test_rows_are_of_the_last_hour_and_the_whole_is_of_all(late_second: int) -> None:
    latency = Latency()
    latency.begin(SECOND_NS)
    for second in [*range(LONGEST_S + 100), late_second]:
        read_ns = (1 + second) * SECOND_NS
        latency.record(read_ns, read_ns + 5_000)
    plain = latency.to_plain()
    assert plain["count"] == LONGEST_S + 101
    assert [row["second"] for row in plain["seconds"]] == list(range(100, LONGEST_S + 100))
    assert sum(row["count"] for row in plain["seconds"]) == LONGEST_S + (late_second >= 100)


def test_without_an_ack_every_figure_is_none() -> None:
    plain = Latency().to_plain()
    assert (plain["count"], plain["p50_us"], plain["max_us"], plain["seconds"]) == (
        0,
        None,
        None,
        [],
    )
