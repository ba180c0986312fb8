"""What a user sees when no connection comes about, and what is said when one is not verified."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from openclaw_locust.failures import CLASSES
from openclaw_locust.server.certificates import Issued, issue, make_ca
from tests.embedded import Served, serve
from tests.locust_run import RUN_TIME, Argument, Run, free_port, run_all
from tests.run.odd_service import OddService, odd_service

LOAD: tuple[Argument, ...] = ("-u", 1, "-t", RUN_TIME, "--pause", "50ms")


@pytest.fixture(scope="module")
def mtls() -> Iterator[Served]:
    with serve("--mtls") as server:
        yield server


@dataclass(frozen=True)
class Members:
    """A service that knows its clients by their certificates."""

    service: OddService
    ca: Path
    folder: Path


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Members]:
    """A service that takes the identities ``ada``, ``bob`` and ``eve`` of a folder."""
    place = tmp_path_factory.mktemp("members")
    folder = place / "identities"
    folder.mkdir()
    authority = make_ca()
    ca, cert, key = place / "ca.pem", place / "server.pem", place / "server-key.pem"
    ca.write_bytes(authority.chain_pem)
    _write(issue(authority, ["localhost", "127.0.0.1"]), cert, key)
    for name in ("ada", "bob", "eve"):
        identity = issue(authority, [name], client=True)
        _write(identity, folder / f"{name}.pem", folder / f"{name}-key.pem")
    with odd_service(cert, key, ca) as service:
        yield Members(service, ca, folder)


def _write(issued: Issued, cert: Path, key: Path) -> None:
    cert.write_bytes(issued.chain_pem)
    key.write_bytes(issued.key_pem)


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, served: Served, mtls: Served, members: Members
) -> dict[str, Run]:
    """All cases at the same time."""
    assert served.ca and mtls.ca and mtls.client_cert and mtls.client_key
    trust = ("--tls-ca", served.ca)
    trust_mtls = ("--tls-ca", mtls.ca)
    identity = ("--client-cert", mtls.client_cert, "--client-key", mtls.client_key)
    folder = ("--tls-ca", members.ca, "--client-certs", members.folder)
    with ExitStack() as stack:
        plain = stack.enter_context(serve("--no-tls"))
        cases: dict[str, tuple[Argument, ...]] = {
            "untrusted": (*LOAD, "--host", served.url),
            "no-such-path": (*LOAD, "--host", served.url_of("/ratings"), *trust),
            "no-tls-spoken": (*LOAD, "--host", served.url_of("/rating", "ws")),
            "tls-to-plain": (*LOAD, "--host", plain.url_of("/rating", "wss"), *trust),
            "insecure": (*LOAD, "--host", served.url, "--insecure"),
            "folder-of-authorities": (*LOAD, "--host", served.url, "--tls-ca", served.ca.parent),
            "plain": (*LOAD, "--host", plain.url),
            "no-certificate": (*LOAD, "--host", mtls.url, *trust_mtls),
            "certificate": (*LOAD, "--host", mtls.url, *trust_mtls, *identity),
            "folder": (*LOAD, "-u", 6, "-r", 50, "--host", members.service.url("/good"), *folder),
            "refused": (
                *("-u", 1, "-t", "4s", "--pause", "0"),
                *("--host", f"wss://127.0.0.1:{free_port()}/rating", *trust),
            ),
        }
        return run_all(tmp_path_factory.mktemp("connection-failures"), cases)


@pytest.mark.parametrize(
    ("case", "kind", "name"),
    [
        ("untrusted", "TLS", "tls.cert.untrusted"),
        ("no-certificate", "TLS", "tls.client_cert.missing"),
        ("no-such-path", "UPGRADE", "http.not_found"),
        ("no-tls-spoken", "UPGRADE", "http.eof"),
        ("tls-to-plain", "TLS", "tls.not_tls"),
        ("refused", "TLS", "tcp.refused"),
    ],
)
def test_a_connection_that_does_not_come_about_is_one_class_with_its_remedy(
    runs: dict[str, Run], case: str, kind: str, name: str
) -> None:
    run = runs[case]
    run.ended_with(1)
    assert {key: count > 0 for key, count in run.errors.items()} == {(kind, name): True}, str(run)
    assert run.count(kind) == run.failures(kind) == run.errors[kind, name]
    (error,) = run.report_json["errors"]
    assert (error["class"], error["count"], error["remedy"]) == (
        name,
        run.count(kind),
        CLASSES[name].remedy,
    )
    assert CLASSES[name].meaning in run.printed
    assert CLASSES[name].remedy in run.printed
    assert name in run.markdown
    assert run.report_json["verdict"]["exit_code"] == 1
    assert run.verdict.startswith("FAILED (exit 1): nothing was measured: no ACK request was made")
    assert name in run.verdict
    failed = next(row for row in run.report_json["percentiles"] if row["type"] == kind)
    assert [failed[key] for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms")] == [None] * 4


def test_a_refused_connection_is_tried_again_later_and_later(runs: dict[str, Run]) -> None:
    """With no pause at all one user makes a handful of attempts in four seconds."""
    assert 2 <= runs["refused"].count("TLS") <= 12


def test_what_fails_every_connection_is_said_while_the_run_lasts(runs: dict[str, Run]) -> None:
    before = runs["refused"].stderr.partition("time limit reached")[0]
    assert before.count("no connection yet: all ") == 1
    assert "failed with tcp.refused: " in before
    assert CLASSES["tcp.refused"].remedy in before
    assert "no connection yet" not in runs["certificate"].stderr


def test_a_client_certificate_opens_the_door(runs: dict[str, Run]) -> None:
    run = runs["certificate"]
    run.ended_with(0)
    assert run.count("ACK") > 0
    assert run.errors == {}


def test_users_take_the_identities_of_a_folder_in_turns(
    runs: dict[str, Run], members: Members
) -> None:
    runs["folder"].ended_with(0)
    subjects = members.service.seen("/good").subjects
    assert subjects == {"ada": 2, "bob": 2, "eve": 2}


@pytest.mark.parametrize(
    ("case", "note"),
    [
        ("insecure", "certificate NOT verified (--insecure)"),
        ("plain", "no TLS: the target is ws://"),
    ],
)
def test_every_output_says_what_protection_was_missing(
    runs: dict[str, Run], case: str, note: str
) -> None:
    run = runs[case]
    run.ended_with(0)
    assert run.count("ACK") > 0
    assert note in run.printed
    assert note in run.stderr.partition("Ramping to")[0]
    assert note in run.markdown
    assert note in run.facts["notes"]
    assert note in run.report_json["facts"]["notes"]
    assert note in run.report("--no-write").stdout
    verified = runs["certificate"]
    for text in (verified.stdout, verified.stderr, verified.markdown):
        assert note not in text


def test_a_plain_connection_has_no_tls_row(runs: dict[str, Run]) -> None:
    assert runs["plain"].count("TLS") == 0
    assert runs["plain"].count("UPGRADE") == 1


def test_a_folder_of_authorities_serves_as_well_as_a_file(
    runs: dict[str, Run], served: Served
) -> None:
    assert served.ca
    run = runs["folder-of-authorities"].ended_with(0)
    assert any(str(served.ca.parent) in line for line in run.facts["details"]), run.facts["details"]
