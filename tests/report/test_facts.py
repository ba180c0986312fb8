"""What a run says of itself: what it sent, what the embedded server counted, what was resumed."""

from __future__ import annotations

import pytest

from openclaw_locust.failures import Failure
from openclaw_locust.negotiated import Negotiated
from openclaw_locust.results import RunFacts
from openclaw_locust.run.facts import Measured, gather_facts
from openclaw_locust.settings import read_settings
from openclaw_locust.tls_results import Resumption
from openclaw_locust.workload import Workload
from tests.report.series_sets import Script

RATINGS, CONNECTIONS = ("ACK",), ("HANDSHAKE", "HTTP")
FULL, RESUMED = Negotiated("TLSv1.3", "AES"), Negotiated("TLSv1.3", "AES", resumed=True)
COUNTS = {
    "tls_full": 30,
    "tls_resumed": 20,
    "requests": 12,
    "upgrades": 5,
    "ratings": 7,
    "acks": 6,
}


def workload_of(**options: object) -> Workload:
    workload = Workload(read_settings(options, "ws://127.0.0.1:9/"))
    workload.records.negotiated.update({FULL: 30, RESUMED: 20})
    return workload


def facts_of(
    workload: Workload,
    goal: tuple[str, ...] = CONNECTIONS,
    counts: dict[str, int] | None = None,
    script: Script | None = None,
) -> RunFacts:
    return gather_facts(
        workload,
        started="",
        duration_s=1.0,
        load={},
        goal=goal,
        is_demo=False,
        server_counts=counts or {},
        measured=Measured((script or Script()).series(), ()),
    )


@pytest.mark.parametrize(
    ("goal", "mode", "unit"),
    [
        ((), "upgrade", "rating"),
        (RATINGS, "http", "rating"),
        (CONNECTIONS, "upgrade", "connection"),
        (CONNECTIONS, "tls", "connection"),
        (CONNECTIONS, "http", "request"),
        ((*RATINGS, *CONNECTIONS), "upgrade", "send"),
    ],
)
def test_what_is_sent_is_called_by_its_name(goal: tuple[str, ...], mode: str, unit: str) -> None:
    assert facts_of(workload_of(handshake_mode=mode), goal).model.unit == unit


def test_the_server_s_count_of_handshakes_stands_beside_ours() -> None:
    (line,) = facts_of(workload_of(), CONNECTIONS, COUNTS).details
    assert line == "the server's own count: 30 full and 20 resumed handshakes; ours: 30 and 20"


def test_of_requests_it_stands_beside_ours_too_without_the_upgrades() -> None:
    script = Script().took("http", 1, 1, 1, 1).failed("HTTP", "http.not_found", 3)
    _, line = facts_of(workload_of(handshake_mode="http"), CONNECTIONS, COUNTS, script).details
    assert line == "the server's own count: 7 plain requests read; ours: 7 sent"


def test_a_run_of_ratings_and_connections_has_both_counts() -> None:
    handshakes, ratings = facts_of(workload_of(), (*RATINGS, *CONNECTIONS), COUNTS).details
    assert "30 full and 20 resumed" in handshakes
    assert "7 ratings read, 6 acks sent" in ratings
    (only,) = facts_of(workload_of(), RATINGS, COUNTS).details
    assert only == ratings


def test_a_server_that_does_not_count_is_not_spoken_of() -> None:
    assert facts_of(workload_of()).details == ()


@pytest.mark.parametrize(
    ("options", "times", "said"),
    [
        ({}, 1, "1 connection still waited for its end when"),
        ({}, 2, "2 connections still waited for their end when"),
        ({"handshake_mode": "http"}, 2, "2 requests still waited for an answer when"),
    ],
)
def test_what_was_cut_short_is_called_by_its_name(
    options: dict[str, object], times: int, said: str
) -> None:
    workload = workload_of(**options)
    for _ in range(times):
        workload.records.failure(Failure("gen.stopped"))
    (line,) = facts_of(workload).incomplete
    assert line.startswith(said)


def test_writes_are_spoken_of_only_where_ratings_were_sent() -> None:
    workload = workload_of()
    assert not any("ratings are writes" in note for note in facts_of(workload).notes)
    workload.records.sends = 3
    (note,) = (note for note in facts_of(workload).notes if "ratings are writes" in note)
    assert "sent 3" in note


def test_what_was_negotiated_is_in_order_of_its_frequency() -> None:
    workload = workload_of()
    workload.records.negotiated[RESUMED] = 40
    assert [(row.count, row.resumed) for row in facts_of(workload).negotiated] == [
        (40, True),
        (30, False),
    ]


def test_resumption_is_spoken_of_where_it_was_asked_for_offered_or_tickets_were_counted() -> None:
    assert facts_of(workload_of()).resumption is None
    workload = workload_of(tls_resume="50%")
    assert facts_of(workload).resumption == Resumption(0.5, 0, 20, 0)
    workload = workload_of()
    records = workload.records
    records.counted, records.tickets = 10, 20
    found = facts_of(workload).resumption
    assert found == Resumption(0.0, 0, 20, 0, tickets=20, connections=10)


def test_a_further_round_trip_and_connections_left_open_are_hinted_at() -> None:
    workload = workload_of()
    assert facts_of(workload).hints == ()
    workload.records.retried, workload.records.unclosed = 1, 2
    retried, unclosed = facts_of(workload).hints
    assert retried.startswith("1 handshake took one more round trip")
    assert "HelloRetryRequest, RFC 8446, 4.1.4" in retried
    assert "did not end 2 connections in time" in unclosed
