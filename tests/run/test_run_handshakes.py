"""HandshakeUser as a user runs it: each connection has one outcome, and its figures are true."""

from __future__ import annotations

import signal
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openclaw_locust.measure.recorder import (
    CONNECT,
    HANDSHAKE,
    HELLO,
    HTTP,
    LAG,
    OWN,
    REST,
    SERVICE,
    TLS,
    UPGRADE,
)
from openclaw_locust.measure.series import Series, Window
from tests.embedded import Served, serve
from tests.locust_run import NAME, ROOT, Run, run, run_all, start

HANDSHAKES = ROOT / "locustfiles" / "handshake.py"
RESUMED = f"{NAME} (resumed)"
USERS = ("-u", 3, "-r", 100)
SHARES = (0, 50, 100)
VERSIONS = ("1.2", "1.3")
GENTLY = ("--pause", "50ms")
"""Not back to back, or the run would be the generator's."""


def window_of(run: Run) -> Window:
    return Series.from_plain(run.facts["series"]).window()


def count(run: Run, metric: str, name: str = NAME) -> int:
    histogram = window_of(run).histograms.get((metric, name))
    return histogram.total if histogram is not None else 0


def both(run: Run, metric: str) -> int:
    return count(run, metric) + count(run, metric, RESUMED)


def at(server: Served, *options: Any) -> tuple[Any, ...]:
    assert server.ca is not None
    return ("--host", server.url_of("/upgrade"), "--tls-ca", server.ca, *USERS, *options)


def handshakes(folder: Path, *options: Any) -> Run:
    return run(folder, *options, file=HANDSHAKES)


def all_handshakes(folder: Path, cases: dict[str, tuple[Any, ...]]) -> dict[str, Run]:
    return run_all(folder, cases, {name: {"file": HANDSHAKES} for name in cases})


@dataclass(frozen=True)
class Load:
    """A run, and the record of the server that it had for itself."""

    run: Run
    record: dict[str, Any]


def each_with_its_own_server(
    folder: Path, cases: dict[str, tuple[tuple[str, ...], tuple[Any, ...]]]
) -> dict[str, Load]:
    """Run each case, of a server's options and the load's, some at the same time."""
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(serve(*options)) for name, (options, _) in cases.items()
        }
        loads = {name: at(servers[name], *options) for name, (_, options) in cases.items()}
        runs = all_handshakes(folder, loads)
        return {name: Load(runs[name], servers[name].counts()) for name in cases}


@pytest.fixture(scope="module")
def loads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Load]:
    http = ("--handshake-mode", "http")
    every, shared = ("--tls-resume", "100%"), ("--tls-tickets", "shared")
    cases: dict[str, tuple[tuple[str, ...], tuple[Any, ...]]] = {
        "plain": ((), ()),
        "no tickets": (("--no-tickets", "--tls-min", "1.3"), every),
        "tls": ((), ("--handshake-mode", "tls")),
        "http": ((), http),
        "refused": ((), (*http, "--http-path", "/nowhere")),
        **{
            f"shared {version}": (("--tls-max", version), (*every, *shared)) for version in VERSIONS
        },
        **{f"{share} %": ((), ("--tls-resume", f"{share}%")) for share in SHARES},
    }
    paced = {name: (server, (*load, *GENTLY, "-t", "2s")) for name, (server, load) in cases.items()}
    return each_with_its_own_server(tmp_path_factory.mktemp("loads"), paced)


def test_each_connection_has_one_outcome_and_its_phases_add_up(loads: dict[str, Load]) -> None:
    found, record = loads["plain"].run.ended_with(0), loads["plain"].record
    done = found.count("HANDSHAKE")
    assert done > 30
    assert found.errors == {}
    assert done == record["tls_full"] == record["upgrades"]
    window = window_of(found)
    assert window.sends == window.settled == done
    for metric in (HANDSHAKE, CONNECT, TLS, HELLO, OWN, REST, UPGRADE):
        assert count(found, metric) == done, metric
    assert found.count("TLS") == found.count("UPGRADE") == done
    times = {key: each.mean_us() or 0 for (key, _), each in window.histograms.items()}
    assert times[HELLO] + times[OWN] + times[REST] == pytest.approx(times[TLS], rel=0.02, abs=3)


@pytest.mark.parametrize("share", SHARES)
def test_the_share_of_resumed_handshakes_is_the_servers_own_count(
    loads: dict[str, Load], share: int
) -> None:
    found, record = loads[f"{share} %"].run.ended_with(0), loads[f"{share} %"].record
    assert count(found, TLS) == record["tls_full"]
    assert count(found, TLS, RESUMED) == record["tls_resumed"]
    assert found.count("HANDSHAKE", RESUMED) == record["tls_resumed"]
    made = record["tls_full"] + record["tls_resumed"]
    # each user's first connection has no session to offer
    assert made * share / 100 - USERS[1] - 1 <= record["tls_resumed"] <= made * share / 100


@pytest.mark.parametrize("version", VERSIONS)
def test_one_session_may_serve_all_users(loads: dict[str, Load], version: str) -> None:
    found, record = loads[f"shared {version}"].run.ended_with(0), loads[f"shared {version}"].record
    assert record["tls_resumed"] == count(found, TLS, RESUMED) > 20
    assert record["tls_full"] <= USERS[1]


def test_a_server_without_tickets_resumes_nothing_and_the_report_says_so(
    loads: dict[str, Load],
) -> None:
    found, record = loads["no tickets"].run.ended_with(0), loads["no tickets"].record
    assert record["tls_resumed"] == 0
    resumption = found.facts["resumption"]
    assert resumption["offered"] == resumption["accepted"] == resumption["tickets"] == 0
    assert resumption["lacking"] == found.count("HANDSHAKE")


def test_the_handshake_alone_and_plain_requests_have_their_modes(loads: dict[str, Load]) -> None:
    found, record = loads["tls"].run.ended_with(0), loads["tls"].record
    assert found.count("HANDSHAKE") == found.count("TLS") == record["tls_full"] > 20
    assert found.count("UPGRADE") == record["upgrades"] == 0
    found, record = loads["http"].run.ended_with(0), loads["http"].record
    assert found.count("HTTP") == count(found, HTTP) == record["requests"] > 20
    assert found.count("TLS") == record["tls_full"] == USERS[1]
    assert window_of(found).sends == found.count("HTTP")


def test_requests_that_are_refused_fail_by_their_status(loads: dict[str, Load]) -> None:
    found = loads["refused"].run.ended_with(1)  # nothing was measured
    assert set(found.errors) == {("HTTP", "http.not_found")}
    assert found.count("TLS") == USERS[1]  # the connection is as good as it was


def test_connections_begin_on_schedule_and_each_is_accounted_for(tmp_path: Path) -> None:
    cases = {
        kind: ((), ("--connect-rate", "60/s", "--arrivals", kind, "-t", "4s"))
        for kind in ("constant", "poisson")
    }
    for load in each_with_its_own_server(tmp_path, cases).values():
        found = load.run.ended_with(0)
        assert load.record["tls_full"] == found.count("HANDSHAKE")
        ledger = found.report_json["ledger"]
        assert ledger["planned"] == ledger["sends"] + ledger["unsent"]
        assert ledger["sends"] == found.count("HANDSHAKE") == sum(ledger["outcomes"].values())
        assert ledger["sends"] > 50
        assert count(found, SERVICE) == count(found, LAG) == found.count("HANDSHAKE")


def test_a_stalled_server_shows_in_the_time_from_the_planned_begin(tmp_path: Path) -> None:
    with serve() as server:
        options = at(server, "--connect-rate", "40/s", "-t", "6s", "--threshold", "none")
        with start(tmp_path, *options, file=HANDSHAKES) as running:
            running.wait_for(lambda: time_waits(server.port)["server"] >= 20)
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(1.0)  # the stall: it holds the three users, and the schedule goes on
            server.process.send_signal(signal.SIGCONT)
            found = running.wait().ended_with(0)
    window = window_of(found)
    response, service = window.histograms[HANDSHAKE, NAME], window.histograms[SERVICE, NAME]
    assert response.total == service.total == window.sends > 100
    # a quarter of all were planned in the stall, and three of them met it themselves
    assert (response.percentile_us(95) or 0) > 400_000
    assert (service.percentile_us(95) or 0) < 400_000


def test_failures_are_of_the_class_of_their_phase_and_of_one_row(tmp_path: Path) -> None:
    with serve("--mtls") as server:
        cases = {
            mode: at(server, "--handshake-mode", mode, "-t", "1s") for mode in ("tls", "upgrade")
        }
        pinned = ("--tls-ciphers", "TLS_AES_256_GCM_SHA384:ECDHE+AESGCM")
        identity = ("--client-cert", server.client_cert, "--client-key", server.client_key)
        cases["good"] = at(server, *identity, *pinned, *GENTLY, "-t", "1s")
        runs = all_handshakes(tmp_path, cases)
    for mode in ("tls", "upgrade"):
        # TLS 1.3 refuses when our own handshake is over
        assert set(runs[mode].errors) == {("HANDSHAKE", "tls.client_cert.missing")}, str(runs[mode])
        assert runs[mode].count("TLS") == 0
    assert runs["good"].ended_with(0).count("HANDSHAKE") > 20


def test_a_cipher_that_is_required_and_not_offered_is_a_class_of_its_own(tmp_path: Path) -> None:
    with serve("--tls-max", "1.2") as server:
        cases = {
            "cipher": at(server, "--tls-ciphers", "ECDHE-RSA-AES256-GCM-SHA384", "-t", "1s"),
            "suite": at(server, "--tls-ciphers", "TLS_AES_256_GCM_SHA384", "-t", "1s"),
        }
        runs = all_handshakes(tmp_path, cases)
    assert set(runs["cipher"].errors) == {("HANDSHAKE", "tls.cipher_not_offered")}
    assert set(runs["suite"].errors) == {("HANDSHAKE", "tls.version")}


def test_a_suite_that_is_required_is_what_is_negotiated(tmp_path: Path) -> None:
    suites = ("TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256")
    with serve() as server:
        cases = {suite: at(server, "--tls-ciphers", suite, *GENTLY, "-t", "1s") for suite in suites}
        runs = all_handshakes(tmp_path, cases)
    for suite in suites:
        (row,) = runs[suite].ended_with(0).facts["negotiated"]
        assert (row["version"], row["cipher"], row["key"]) == ("TLSv1.3", suite, "ECDSA P-256")
        assert row["count"] == runs[suite].count("TLS")


def time_waits(port: int) -> Counter[str]:
    """Return which side's sockets are in TIME_WAIT, of connections to a port of this machine."""
    found: Counter[str] = Counter()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        if state == "06":
            if int(local.partition(":")[2], 16) == port:
                found["server"] += 1
            elif int(remote.partition(":")[2], 16) == port:
                found["client"] += 1
    return found


def test_the_server_ends_first_so_that_no_port_of_ours_is_kept(tmp_path: Path) -> None:
    with serve() as one, serve() as other:
        servers = {"tls": one, "upgrade": other}

        def ended_by(how: str) -> dict[str, Run]:
            options = (*GENTLY, "-t", "1s", "--close", how)
            return all_handshakes(
                tmp_path / how,
                {
                    mode: at(server, "--handshake-mode", mode, *options)
                    for mode, server in servers.items()
                },
            )

        polite = ended_by("polite")
        kept = {mode: time_waits(server.port) for mode, server in servers.items()}
        reset = ended_by("reset")
        after = {mode: time_waits(server.port) for mode, server in servers.items()}
    for mode in servers:
        reset[mode].ended_with(0)
        made = polite[mode].ended_with(0).count("HANDSHAKE")
        assert kept[mode]["client"] == after[mode]["client"] == 0
        # a port that is taken again takes its TIME_WAIT away; a reset leaves none to either side
        assert 0.9 * made < kept[mode]["server"] <= made
        assert after[mode]["server"] <= kept[mode]["server"]


def test_connections_go_out_from_the_addresses_that_are_named(tmp_path: Path) -> None:
    with serve() as server:
        sources = ("--source-ip", "127.0.0.2", "--source-ip", "127.0.0.3")
        options = (*sources, "--handshake-mode", "tls", *GENTLY, "-t", "1s")
        handshakes(tmp_path, *at(server, *options)).ended_with(0)
        peers = Counter(
            line.split()[2].partition(":")[0]
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
            if line.split()[3] == "06" and int(line.split()[1].partition(":")[2], 16) == server.port
        )
    assert set(peers) == {"0200007F", "0300007F"}
    assert abs(peers["0200007F"] - peers["0300007F"]) <= 1


def test_options_that_mean_nothing_here_are_refused_in_one_line(tmp_path: Path) -> None:
    host = ("--host", "wss://127.0.0.1:1/", "-u", 1, "-t", "1s")
    cases = {
        "ratings": (*host, "--arrival-rate", "5/s"),
        "requests": (*host, "--handshake-mode", "http", "--connect-rate", "5/s"),
        "plain": ("--host", "ws://127.0.0.1:1/", "-t", "1s", "--handshake-mode", "tls"),
    }
    runs = all_handshakes(tmp_path, cases)
    said = {"ratings": "give --connect-rate", "requests": "give --arrival-rate", "plain": "wss://"}
    for name, mend in said.items():
        (line,) = runs[name].ended_with(2).complaints
        assert mend in line


def test_connections_of_a_rating_user_have_no_rate_of_their_own(tmp_path: Path) -> None:
    found = run(tmp_path, "--host", "wss://127.0.0.1:1/", "-t", "1s", "--connect-rate", "5/s")
    (line,) = found.ended_with(2).complaints
    assert "--connect-rate is for HandshakeUser" in line


def test_workers_resume_and_count_together(tmp_path: Path) -> None:
    with serve() as server:
        options = ("--tls-resume", "50%", *GENTLY, "-t", "2s", "--processes", 2)
        found = handshakes(tmp_path, *at(server, *options)).ended_with(0)
        record = server.counts()
    assert count(found, TLS) == record["tls_full"]
    assert count(found, TLS, RESUMED) == record["tls_resumed"] > 10
    assert found.facts["resumption"]["accepted"] == record["tls_resumed"]
    assert sum(row["count"] for row in found.facts["negotiated"]) == both(found, TLS)


def test_a_rating_user_resumes_too_when_it_reconnects(tmp_path: Path) -> None:
    with serve() as server:
        to = ("--host", server.url, "--tls-ca", server.ca, *USERS, "-t", "2s", *GENTLY)
        found = run(tmp_path, *to, "--messages-per-connection", 2, "--tls-resume", "100%")
        found.ended_with(0)
        record = server.counts()
    assert count(found, TLS) == record["tls_full"] == USERS[1]
    assert count(found, TLS, RESUMED) == record["tls_resumed"] > 10
    assert found.count("ACK") == record["acks"]
