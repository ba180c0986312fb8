"""What options do, seen from the service's side."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from openclaw_locust import cli
from tests.embedded import Served, serve
from tests.locust_run import NAME, RUN_TIME, Argument, Run, run_all
from tests.peers import hear_upgrade, play, relay, say
from tests.run.odd_service import OddService

DOMAIN = "*.openclaw.example.com"
NODE = "node7.openclaw.example.com"
ONE: tuple[Argument, ...] = ("-u", 1, "-t", RUN_TIME, "--pause", "50ms")
PATIENT = ("--stop-timeout", 30)
PROXY_VARIABLES = {"HTTPS_PROXY": "http://ada:5ecret@127.0.0.1:1", "ALL_PROXY": "socks5://[::1]:1"}
# a variable wins over locust.conf, and the command line over both
VARIABLES = {"LOCUST_ACK_ID": "ref", "LOCUST_PAUSE": "nonsense", "LOCUST_TOKEN": "abc"}
OWN_WAIT_TIME = """
from locust import constant
from openclaw_locust import RatingUser

class Slow(RatingUser):
    name = "slow ones"
    wait_time = constant(1)
    host = {url!r}
"""


@dataclass(frozen=True)
class Servers:
    """One server for each case that counts at the server's side, and one with a domain's name."""

    lifetime: Served
    messages: Served
    named: Served
    tls12: Served
    ipv6: Served | None


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    certs = tmp_path_factory.mktemp("named") / "certs"
    assert cli.main(["certs", "--domain", DOMAIN, "--out", str(certs)]) == 0
    with ExitStack() as stack:
        yield Servers(
            lifetime=stack.enter_context(serve()),
            messages=stack.enter_context(serve()),
            named=stack.enter_context(serve("--certs", certs)),
            tls12=stack.enter_context(serve("--tls-max", "1.2")),
            ipv6=stack.enter_context(serve("--host", "::1")) if has_ipv6() else None,
        )


@pytest.fixture(scope="module")
def runs(
    servers: Servers, odd: OddService, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("options")
    named = servers.named
    at_node = ("--host", f"wss://{NODE}/rating", "--connect-to", f"127.0.0.1:{named.port}")
    script = (hear_upgrade(), say(b"HTTP/1.1 200 OK\r\n\r\n"), relay(named.port))
    with play(*script) as proxy:
        cases: dict[str, tuple[Argument, ...]] = {
            "lifetime": (*reach(servers.lifetime), "-u", 2, "--connection-lifetime", "300ms"),
            "messages": (*reach(servers.messages), "--messages-per-connection", 5),
            "pause": ("--host", odd.url("/good/pause"), "--pause", "700ms"),
            "item-max": ("--host", odd.url("/good/items"), "--pause", "0", "--item-max", 3),
            "stop-timeout": (
                "--host",
                odd.url("/good/patient"),
                "--pause",
                0,
                "--stop-timeout",
                30,
            ),
            "stop-timeout-refused": ("--host", "ws://127.0.0.1:1/", *PATIENT),
            "subprotocol": (
                *("--host", odd.url("/good/subprotocol")),
                *("--subprotocol", "rating.v2", "--subprotocol", "rating.v1"),
            ),
            "subprotocol-ignored": (*reach(named), "--subprotocol", "rating.v1"),
            "connect-to": (*at_node, "--tls-ca", str(named.ca)),
            "sni": (*reach(named), "--sni", NODE),
            "sni-of-nobody": (*reach(named), "--sni", "nobody.example.org"),
            "tls-min": (*reach(servers.tls12), "--tls-min", "1.3"),
            "tls-1.2": (*reach(servers.tls12), "--tls-ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"),
            "proxy-variable": ("--host", odd.url("/good/no-proxy")),
            "proxy": (*reach(named), "--proxy", f"http://127.0.0.1:{proxy.port}"),
        }
        if servers.ipv6:
            cases["ipv6"] = reach(servers.ipv6)
        cases = {name: (*ONE, *options) for name, options in cases.items()}
        cases["sources"] = ("-u", 1, "-t", RUN_TIME, "--pause", "50ms")
        cases["own-wait-time"] = ("-u", 1, "-t", RUN_TIME, "--pause", "0")
        (folder / "sources").mkdir()
        (folder / "sources" / "locust.conf").write_text(
            f"host = {odd.url('/only-id/conf')}\nmessages-per-connection = 2\nack-id = id\n"
        )
        own = folder / "own.py"
        own.write_text(OWN_WAIT_TIME.format(url=odd.url("/good/own")))
        how: dict[str, dict[str, Any]] = {
            "proxy-variable": {"env": PROXY_VARIABLES},
            "sources": {"env": VARIABLES},
            "own-wait-time": {"file": own},
        }
        return run_all(folder, cases, how)


def reach(server: Served) -> tuple[Argument, ...]:
    assert server.ca
    return ("--host", server.url, "--tls-ca", server.ca)


def test_a_connection_is_replaced_when_it_is_old(runs: dict[str, Run], servers: Servers) -> None:
    run, counts = runs["lifetime"].ended_with(0), servers.lifetime.counts()
    assert run.errors == {}
    assert run.count("ACK") == counts["ratings"] == counts["acks"]
    assert run.count("UPGRADE") == run.count("TLS") > 2
    assert run.knows_of(counts["upgrades"], users=2)
    assert counts["ratings"] > counts["upgrades"]
    assert counts["open_max"] <= 2 + 2  # an old one may still be closing


def test_a_connection_is_replaced_after_so_many_ratings(
    runs: dict[str, Run], servers: Servers
) -> None:
    run, counts = runs["messages"].ended_with(0), servers.messages.counts()
    assert run.errors == {}
    assert run.count("ACK") == counts["ratings"] > 10
    assert run.knows_of(counts["upgrades"], users=1)
    assert run.count("UPGRADE") == math.ceil(counts["ratings"] / 5)


def test_a_user_pauses_between_two_ratings(runs: dict[str, Run]) -> None:
    assert 2 <= runs["pause"].ended_with(0).count("ACK") <= 5


def test_ratings_go_to_the_items_that_were_named(runs: dict[str, Run], odd: OddService) -> None:
    run = runs["item-max"].ended_with(0)
    assert set(odd.seen("/good/items").items) == {"1", "2", "3"}
    assert run.count("ACK") == odd.seen("/good/items").ratings


def test_subprotocols_are_offered_in_their_order(runs: dict[str, Run], odd: OddService) -> None:
    runs["subprotocol"].ended_with(0)
    ((_, headers),) = odd.seen("/good/subprotocol").requests
    assert headers["Sec-WebSocket-Protocol"] == "rating.v2, rating.v1"
    ignored = runs["subprotocol-ignored"].ended_with(0)
    words = "the server chose none of the offered subprotocols on 1 connection"
    assert words in ignored.printed
    assert words not in runs["subprotocol"].printed


def test_tcp_goes_elsewhere_and_the_name_stays_the_target_s(runs: dict[str, Run]) -> None:
    run = runs["connect-to"].ended_with(0)
    assert run.facts["target"] == f"wss://{NODE}/rating"
    words = "TCP goes to 127.0.0.1 port"
    assert words in run.printed
    assert words in run.markdown


def test_the_server_name_decides_whose_certificate_is_right(runs: dict[str, Run]) -> None:
    assert runs["sni"].ended_with(0).count("ACK") > 0
    assert set(runs["sni-of-nobody"].ended_with(1).errors) == {("TLS", "tls.cert.hostname")}


def test_a_tls_version_that_the_server_lacks_is_its_own_class(runs: dict[str, Run]) -> None:
    assert set(runs["tls-min"].ended_with(1).errors) == {("TLS", "tls.version")}


def test_tls_1_2_and_its_cipher_are_reported(runs: dict[str, Run]) -> None:
    run = runs["tls-1.2"].ended_with(0)
    (row,) = run.facts["negotiated"]
    assert (row["count"], row["version"]) == (1, "TLSv1.2")
    assert row["cipher"] == "ECDHE-ECDSA-AES128-GCM-SHA256"
    assert "1 connection: TLSv1.2, ECDHE-ECDSA-AES128-GCM-SHA256" in run.printed


def test_a_proxy_is_gone_through_and_named(runs: dict[str, Run]) -> None:
    run = runs["proxy"].ended_with(0)
    assert run.count("ACK") > 0
    assert "through the proxy 127.0.0.1:" in run.printed


def test_ipv6_works_as_a_url_in_brackets(runs: dict[str, Run], servers: Servers) -> None:
    if servers.ipv6 is None:
        pytest.skip("this machine has no IPv6 loopback")
    assert servers.ipv6.url.startswith("wss://[::1]:")
    run = runs["ipv6"].ended_with(0)
    assert run.count("ACK") == servers.ipv6.counts()["acks"] > 0


def test_a_proxy_variable_is_not_used_and_said_once(runs: dict[str, Run]) -> None:
    run = runs["proxy-variable"].ended_with(0)
    assert run.count("ACK") > 0
    words = "HTTPS_PROXY is set and not used; give --proxy to go through a proxy"
    assert run.stderr.count("is set and not used") == run.stderr.count(words) == 1
    assert run.printed.count(words) == 1
    assert "5ecret" not in run.stderr + run.stdout


def test_options_come_from_variables_and_locust_conf_as_well(
    runs: dict[str, Run], odd: OddService
) -> None:
    run, seen = runs["sources"].ended_with(0), odd.seen("/only-id/conf")
    assert run.errors == {}
    assert run.knows_of(seen.upgrades, users=1)
    assert run.count("UPGRADE") == math.ceil(seen.ratings / 2)
    assert seen.requests[0][1]["Authorization"] == "Bearer abc"


def test_a_class_s_own_wait_time_wins_and_its_name_is_the_row_s(
    runs: dict[str, Run], odd: OddService
) -> None:
    run = runs["own-wait-time"].ended_with(0)
    assert 1 <= run.count("ACK", "slow ones") <= 4
    assert run.count("ACK", NAME) == 0
    assert run.count("ACK", "slow ones") == odd.seen("/good/own").ratings


def test_a_generous_stop_timeout_does_not_keep_a_run_from_ending(
    runs: dict[str, Run], odd: OddService
) -> None:
    """Neither a user without a pause nor one that waits for its next attempt."""
    run = runs["stop-timeout"].ended_with(0)
    assert run.errors == {}
    assert run.count("ACK") == odd.seen("/good/patient").ratings
    refused = runs["stop-timeout-refused"].ended_with(1)
    for name in ("stop-timeout", "stop-timeout-refused"):
        assert runs[name].facts["duration_s"] < 25
    assert set(refused.errors) == {("UPGRADE", "tcp.refused")}
