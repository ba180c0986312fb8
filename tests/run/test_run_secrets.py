"""Secrets reach the service and show nowhere: not on a stream, not in a file, not in the web UI."""

from __future__ import annotations

import base64
import signal
import urllib.parse
from pathlib import Path

import pytest

from tests.locust_run import RUN_TIME, Argument, Run, run_all
from tests.run.locust_ui import web_ui
from tests.run.odd_service import OddService

TOKEN, HEADER, PASSWORD, QUERY = "tok-5ecret", "hdr-5ecret", "pw-5ecret", "qry-5ecret"
BASIC = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
SECRETS = ("5ecret", BASIC, urllib.parse.quote(BASIC))
LOAD: tuple[Argument, ...] = ("-u", 2, "-t", RUN_TIME, "--pause", "50ms", "--loglevel", "DEBUG")
LOAD = (*LOAD, "--html", "run.html", "--csv-full-history", "--json-file", "run.json")
HEADERS = ("--header", f"X-Api-Key: {HEADER}", "--header", "X-Tenant: blue")

OWN_HOST = """
from openclaw_locust import RatingUser

class Own(RatingUser):
    host = {url!r}
"""


def host_with_secrets(odd: OddService) -> str:
    return odd.url(f"/good?room=7&access_token={QUERY}", user=f"ada:{PASSWORD}@")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, odd: OddService) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("secrets")
    cases: dict[str, tuple[Argument, ...]] = {
        "host": (*LOAD, *HEADERS, "--host", host_with_secrets(odd)),
        "token": (*LOAD, "--host", odd.url("/good/with-a-token"), "--token", TOKEN),
        "refused": (*LOAD, "--host", host_with_secrets(odd), "--token", TOKEN, "--pause", "soon"),
        "bad-host": ("--host", f"wss://ada:{PASSWORD}@[::1/?token={QUERY}"),
        "bad-header": ("--host", odd.url("/good"), "--header", f"X-Api-Key {HEADER}"),
        "bad-proxy": ("--host", odd.url("/good"), "--proxy", f"http://ada:{PASSWORD}@:x"),
        "no-server": ("-t", "1s", "--host", f"ws://ada:{PASSWORD}@127.0.0.1:1/?token={QUERY}"),
    }
    own = folder / "own.py"
    own.write_text(
        OWN_HOST.format(url=odd.url(f"/good/own-host?token={QUERY}", f"ada:{PASSWORD}@"))
    )
    cases["own-host"] = LOAD
    return run_all(folder, cases, {"own-host": {"file": own}})


def test_secrets_reach_the_service(runs: dict[str, Run], odd: OddService) -> None:
    runs["host"].ended_with(0)
    mine = [request for request in odd.seen("/good").requests if QUERY in request[0]]
    assert len(mine) == 2
    for target, headers in mine:
        assert target == f"/good?room=7&access_token={QUERY}"
        assert headers["Authorization"] == f"Basic {BASIC}"
        assert headers["X-Api-Key"] == HEADER
        assert headers["X-Tenant"] == "blue"
    requests = odd.seen("/good/with-a-token").requests
    tokens = [headers.get("Authorization") for _, headers in requests]
    assert tokens.count(f"Bearer {TOKEN}") == runs["token"].count("UPGRADE") == 2


@pytest.mark.parametrize(
    "case",
    [
        "host",
        "token",
        "refused",
        "bad-host",
        "bad-header",
        "bad-proxy",
        "no-server",
        "own-host",
    ],
)
def test_no_stream_and_no_file_shows_a_secret(runs: dict[str, Run], case: str) -> None:
    files = [path for path in runs[case].prefix.parent.iterdir() if path.is_file()]
    assert len(files) >= (9 if case in ("host", "token") else 2), files
    for path in files:
        assert_clean(path.read_text("utf-8", "replace"), str(path))


def test_what_is_no_secret_is_shown(runs: dict[str, Run]) -> None:
    settings = runs["host"].facts["settings"]
    assert settings["--header"] == "X-Api-Key: ***, X-Tenant: blue"
    assert runs["token"].facts["settings"]["--token"] == "***"
    target = runs["host"].facts["target"]
    assert target.startswith("ws://***@127.0.0.1:")
    assert target.endswith("/good?room=7&access_token=***")
    assert f"Load test of {target}" in runs["host"].printed
    assert runs["refused"].exit_code == runs["bad-host"].exit_code == 2


def test_the_web_ui_shows_no_secret_and_loads_with_them(tmp_path: Path, odd: OddService) -> None:
    args = ("--host", host_with_secrets(odd), *HEADERS, "--loglevel", "DEBUG")
    variables = {"LOCUST_CLIENT_KEY_PASSPHRASE": "pass-5ecret"}
    before = odd.seen("/good").upgrades
    with web_ui(tmp_path, *args, env=variables) as ui:
        page = ui.get("/")
        assert_clean(page, "the page")
        shown = odd.url("/good?room=7&access_token=***", user="***@")
        assert shown.replace("&", "\\u0026") in page or shown in page
        # the page posts the host that it shows
        answer = ui.swarm(host=shown)
        assert answer["success"], answer
        assert_clean(str(answer), "the answer to the form")
        ui.locust.wait_for(lambda: ui.acks() > 2)
        for path in ("/", "/stats/requests", "/stats/report", "/exceptions", "/tasks"):
            assert_clean(ui.get(path), path)
        ui.stop()
        for path in ("/", "/stats/report", "/stats/requests/csv"):
            assert_clean(ui.get(path), path)
        ui.locust.send(signal.SIGTERM)
        run = ui.locust.wait().ended_with(0)
    for path_ in (path for path in tmp_path.iterdir() if path.is_file()):
        assert_clean(path_.read_text("utf-8", "replace"), str(path_))
    assert odd.seen("/good").upgrades - before == 2
    target, headers = odd.seen("/good").requests[-1]
    assert target == f"/good?room=7&access_token={QUERY}"
    assert headers["X-Api-Key"] == HEADER
    assert headers["Authorization"] == f"Basic {BASIC}"
    assert "Load test of ws://***@127.0.0.1" in run.printed


def assert_clean(text: str, where: str) -> None:
    for secret in SECRETS:
        assert secret not in text, f"{where} shows {secret}: …{_around(text, secret)}…"


def _around(text: str, word: str) -> str:
    place = text.index(word)
    return text[max(0, place - 200) : place + 100]
