"""A wrong option stops the start: one line on stderr that says what is wrong, exit code 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.locust_run import Argument, Run, free_port, run_all

HOST = ("--host", "wss://127.0.0.1:9/rating")

CASES: dict[str, tuple[tuple[Argument, ...], str]] = {
    # name: options, and what the line must hold
    "no-host": ((), "there is no target; give --host wss://"),
    "empty-host": (("--host", ""), "there is no target; give --host wss://"),
    "blank-host": (("--host", "  "), "there is no target; give --host wss://"),
    "http-host": (("--host", "http://rating.example.com/x"), "write wss://rating.example.com/x"),
    "https-host": (("--host", "https://rating.example.com"), "write wss://rating.example.com"),
    "bare-host": (("--host", "rating.example.com:8443"), "write it like wss://"),
    "host-with-a-bad-port": (("--host", "wss://127.0.0.1:99999/"), "port"),
    "demo-and-host": ((*HOST, "--demo"), "--demo and a host contradict each other"),
    "no-such-ca": ((*HOST, "--tls-ca", "none.pem"), "--tls-ca 'none.pem' cannot be read"),
    "ca-that-is-none": ((*HOST, "--tls-ca", "empty.pem"), "'empty.pem' has no readable cert"),
    "no-such-certificate": ((*HOST, "--client-cert", "none.pem", "--client-key", "k"), "none.pem"),
    "key-of-another": (
        (*HOST, "--client-cert", "one.pem", "--client-key", "two-key.pem"),
        "the key 'two-key.pem' does not belong to the certificate 'one.pem'",
    ),
    "certificate-without-key": ((*HOST, "--client-cert", "one.pem"), "give --client-key too"),
    "key-without-certificate": ((*HOST, "--client-key", "two-key.pem"), "give the certificate too"),
    "folder-without-pairs": ((*HOST, "--client-certs", "nothing"), "has no certificates"),
    "insecure-with-a-ca": ((*HOST, "--insecure", "--tls-ca", "one.pem"), "give one of them"),
    "bad-duration": ((*HOST, "--ack-timeout", "5 parsecs"), "--ack-timeout '5 parsecs' is not a d"),
    "no-time-at-all": ((*HOST, "--connect-timeout", "0"), "--connect-timeout '0' must be longer"),
    "bad-count": ((*HOST, "--item-max", "-3"), "--item-max '-3' is not a usable number"),
    "bad-tls-version": ((*HOST, "--tls-min", "1.1"), "write 1.2 or 1.3"),
    "bad-ciphers": ((*HOST, "--tls-ciphers", "NONE-SUCH"), "selects no cipher"),
    "bad-header": ((*HOST, "--header", "no colon"), "--header without a colon"),
    "bad-ack-match": ((*HOST, "--ack-match", "=ack"), "--ack-match '=ack' has no path"),
    "ack-id-of-the-rating": ((*HOST, "--ack-id", "itemId"), "--ack-id 'itemId'"),
    "bad-connect-to": ((*HOST, "--connect-to", "nowhere"), "write it like 10.0.0.7:8443"),
    "bad-proxy": ((*HOST, "--proxy", "ftp://proxy.example.com"), "--proxy"),
    "bad-subprotocol": ((*HOST, "--subprotocol", "a b"), "--subprotocol 'a b' is not"),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("refusals")
    cases = {name: options for name, (options, _) in CASES.items()}
    web = ("--web-host", "127.0.0.1", "--web-port", free_port())
    cases |= {"variable": HOST, "conf": (), "web-ui": (*HOST, *web, "--pause", "soon")}
    for name in cases:
        _lay_out(folder / name)
    (folder / "conf" / "locust.conf").write_text("tls-min = 1.4\nhost = wss://127.0.0.1:9/\n")
    how: dict[str, dict[str, Any]] = {
        "variable": {"env": {"LOCUST_PAUSE": "soon"}},
        "web-ui": {"headless": False},
    }
    return run_all(folder, cases, how)


def _lay_out(folder: Path) -> None:
    """Put the files there that some cases name."""
    from openclaw_locust.server.certificates import issue, make_ca

    folder.mkdir(parents=True)
    (folder / "empty.pem").touch()
    (folder / "nothing").mkdir()
    authority = make_ca()
    for name in ("one", "two"):
        identity = issue(authority, [name], client=True)
        (folder / f"{name}.pem").write_bytes(identity.chain_pem)
        (folder / f"{name}-key.pem").write_bytes(identity.key_pem)


def assert_refused(run: Run, words: str) -> None:
    """Exactly one line is on stderr, nothing on stdout, and nothing was written."""
    assert run.exit_code == 2, str(run)
    assert len(run.complaints) == 1, str(run)
    assert run.complaints[0].startswith("openclaw_locust: error: "), str(run)
    assert words in run.complaints[0], str(run)
    assert run.stdout == ""
    assert not list(run.prefix.parent.glob("run_*.json"))


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_option_is_refused_in_one_line(runs: dict[str, Run], case: str) -> None:
    assert_refused(runs[case], CASES[case][1])


def test_a_wrong_variable_is_refused_as_a_wrong_option(runs: dict[str, Run]) -> None:
    assert_refused(runs["variable"], "--pause 'soon' is not a duration")


def test_a_wrong_line_in_locust_conf_is_refused_as_a_wrong_option(runs: dict[str, Run]) -> None:
    assert_refused(runs["conf"], "--tls-min '1.4' is no supported version")


def test_the_web_ui_does_not_start_on_a_wrong_option_either(runs: dict[str, Run]) -> None:
    run = runs["web-ui"]
    assert run.exit_code == 2, str(run)
    complaints = [line for line in run.complaints if "Starting web interface" not in line]
    assert len(complaints) == 1, str(run)
    assert "--pause 'soon' is not a duration" in complaints[0]
