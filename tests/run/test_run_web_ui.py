"""The web UI: our options in its form, wrong ones refused in it, and each run from nothing."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from openclaw_locust.options import OPTIONS, Option
from tests.locust_run import RUN_TIME, Run, run
from tests.run.browser import Page, find_chromium, open_page
from tests.run.locust_ui import WebUi, web_ui
from tests.run.odd_service import OddService, Seen

FIRST, SECOND = "/good/first-in-the-ui", "/good/second-in-the-ui"


@dataclass
class Session:
    """What was seen in one session with the web UI, in the order of the fields."""

    page: str = ""
    refusals: dict[str, dict[str, Any]] = field(default_factory=dict)
    state_after_refusals: str = ""
    upgrades_after_refusals: int = 0
    acks_before_reset: int = 0
    rows_of_first: dict[str, int] = field(default_factory=dict)
    facts_of_first: dict[str, Any] = field(default_factory=dict)
    printed_of_first: str = ""
    seen_of_first: Seen = field(default_factory=Seen)
    rows_of_second: dict[str, int] = field(default_factory=dict)
    facts_of_second: dict[str, Any] = field(default_factory=dict)
    seen_of_second: Seen = field(default_factory=Seen)
    run: Run | None = None


def facts(ui: WebUi) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ui.locust.folder / "run_results.json").read_text())
    return found


@pytest.fixture(scope="module")
def session(odd: OddService, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Start without a host; wrong forms; a run that is reset; another run with other options."""
    seen = Session()
    with web_ui(tmp_path_factory.mktemp("web-ui")) as ui:
        seen.page = ui.get("/")
        good = odd.url(FIRST)
        seen.refusals = {
            "no-host": ui.swarm(host=""),
            "http-host": ui.swarm(host="http://rating.example.com/"),
            "no-such-ca": ui.swarm(host="wss://127.0.0.1:9/", tls_ca="none.pem"),
            "bad-duration": ui.swarm(host=good, tls_ca="", ack_timeout="5 parsecs"),
            "bad-count": ui.swarm(host=good, item_max="many"),
        }
        seen.state_after_refusals = json.loads(ui.get("/stats/requests"))["state"]
        seen.upgrades_after_refusals = odd.seen(FIRST).upgrades

        assert ui.swarm(host=good)["success"]
        ui.locust.wait_for(lambda: ui.acks() > 5)
        seen.acks_before_reset = ui.acks()
        ui.reset()
        ui.locust.wait_for(lambda: ui.acks() > 5)
        ui.stop()
        seen.rows_of_first, seen.facts_of_first = ui.counts(), facts(ui)
        seen.printed_of_first, seen.seen_of_first = ui.locust.stdout, odd.seen(FIRST)

        options = {"messages_per_connection": 2, "item_max": 3}
        assert ui.swarm(host=odd.url(SECOND), **options)["success"]
        ui.locust.wait_for(lambda: ui.acks() > 9)
        ui.stop()
        seen.rows_of_second, seen.facts_of_second = ui.counts(), facts(ui)
        seen.seen_of_second = odd.seen(SECOND)

        ui.locust.send(signal.SIGTERM)
        seen.run = ui.locust.wait()
    return seen


def test_the_form_has_our_options_and_none_that_may_be_a_secret(session: Session) -> None:
    for option in OPTIONS:
        assert (f'"{option.dest}"' in session.page) == option.in_web_ui, option.flag


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("no-host", "there is no target; give --host wss://"),
        ("http-host", "write wss://rating.example.com/"),
        ("no-such-ca", "--tls-ca 'none.pem' cannot be read"),
        ("bad-duration", "--ack-timeout '5 parsecs' is not a duration"),
        ("bad-count", "--item-max 'many' is not a usable number"),
    ],
)
def test_a_wrong_form_is_refused_in_the_form_in_one_line(
    session: Session, case: str, words: str
) -> None:
    answer = session.refusals[case]
    assert answer["success"] is False
    assert words in answer["message"]
    assert "\n" not in answer["message"]


def test_nothing_runs_after_a_refusal(session: Session) -> None:
    assert session.state_after_refusals == "ready"
    assert session.upgrades_after_refusals == 0


def test_a_right_form_after_wrong_ones_runs(session: Session) -> None:
    assert session.run is not None
    session.run.ended_with(0)
    assert session.seen_of_first.upgrades == 2


def test_reset_stats_resets_our_records_with_locust_s(session: Session) -> None:
    acks = session.rows_of_first["ACK"]
    assert session.acks_before_reset > 5
    assert acks < session.seen_of_first.ratings
    assert acks <= session.seen_of_first.ratings - session.acks_before_reset + 2
    # what was under way when the button was pressed was sent before and answered after it
    assert 0 <= acks - sent(session.facts_of_first) <= 2


def test_the_report_comes_at_the_end_of_each_run(session: Session) -> None:
    assert session.run is not None
    assert session.printed_of_first.count("Load test of ") == 1
    assert session.printed_of_first.count("PASSED (exit 0)") == 1
    assert session.run.stdout.count("Load test of ") == 2
    assert session.run.stdout.count("PASSED (exit 0)") == 2
    assert session.facts_of_first["target"].endswith(FIRST)
    assert session.facts_of_second["target"].endswith(SECOND)
    assert session.facts_of_second == session.run.facts


def test_a_second_run_begins_from_nothing_with_the_new_options(session: Session) -> None:
    ratings = session.seen_of_second.ratings
    assert session.rows_of_second["ACK"] == sent(session.facts_of_second) == ratings
    assert session.rows_of_second["UPGRADE"] >= ratings / 2
    assert session.run is not None
    assert session.run.knows_of(session.seen_of_second.upgrades, users=2)
    assert set(session.seen_of_second.items) <= {"1", "2", "3"}
    settings = session.facts_of_second["settings"]
    assert settings["--messages-per-connection"] == "2"
    assert settings["--item-max"] == "3"
    assert "--item-max" not in session.facts_of_first["settings"]
    assert session.seen_of_first.open == session.seen_of_second.open == 0


def sent(facts: dict[str, Any]) -> int:
    """Return what the run says that it sent."""
    (note,) = (note for note in facts["notes"] if note.startswith("ratings are writes"))
    return int(note.partition("sent ")[2].partition(" ")[0])


def test_a_host_with_a_secret_that_is_typed_into_the_form_is_masked(
    tmp_path: Path, odd: OddService
) -> None:
    path = "/good/typed"
    with web_ui(tmp_path) as ui:
        host = odd.url(f"{path}?token=5ecret", user="ada:5ecret@")
        assert ui.swarm(host=host, run_time="2s")["success"]
        ui.locust.wait_for(lambda: ui.acks() > 0)
        shown = ui.get("/") + ui.get("/stats/requests")
        ui.wait_for_reports(1)
        shown += ui.get("/") + ui.get("/stats/report")
        ui.locust.send(signal.SIGTERM)
        done = ui.locust.wait().ended_with(0)
    assert "5ecret" not in shown
    assert "5ecret" not in done.stdout + done.stderr + done.markdown + json.dumps(done.facts)
    assert odd.seen(path).requests[0][0] == f"{path}?token=5ecret"


def test_the_demo_lasts_from_run_to_run_and_ends_with_locust(tmp_path: Path) -> None:
    with web_ui(tmp_path, "--demo") as ui:
        children = psutil.Process(ui.locust.process.pid).children()
        (server,) = (child for child in children if "serve" in child.cmdline())
        assert "wss://127.0.0.1:" in ui.get("/")
        for number in (1, 2):
            assert ui.swarm(run_time="1s")["success"]
            ui.wait_for_reports(number)
        assert server.is_running()
        ui.locust.send(signal.SIGINT)
        done = ui.locust.wait().ended_with(0)
        assert not server.is_running()
    assert done.printed.count("embedded server on this machine, not a real service") == 2


def test_autostart_and_autoquit_give_the_verdict_s_exit_code(
    tmp_path: Path, odd: OddService
) -> None:
    place = ("--web-host", "127.0.0.1", "--web-port", "0", "--autostart", "--autoquit", "0")
    load = ("-u", 1, "-t", RUN_TIME, "--pause", "50ms", "--host", odd.url("/negative/autostart"))
    done = run(tmp_path, *place, *load, headless=False).ended_with(1)
    assert done.stdout.count("FAILED (exit 1): nothing was measured") == 1


def test_the_exit_code_is_the_one_that_was_printed_last(tmp_path: Path, odd: OddService) -> None:
    with web_ui(tmp_path) as ui:
        for number, path in enumerate(("/negative/first", "/good/then"), 1):
            assert ui.swarm(host=odd.url(path), run_time="1s")["success"]
            ui.wait_for_reports(number)
        ui.locust.send(signal.SIGTERM)
        done = ui.locust.wait()
    assert "PASSED (exit 0)" in done.verdict
    assert done.exit_code == 0


FILL = """
((name, value) => {
    const field = document.querySelector(`[name="${name}"]`);
    const prototype = Object.getPrototypeOf(field);
    Object.getOwnPropertyDescriptor(prototype, "value").set.call(field, value);
    field.dispatchEvent(new Event("input", {bubbles: true}));
})(%s, %s)
"""
START = "[...document.querySelectorAll('button')].find(b => b.innerText.toUpperCase() == 'START')"


def fill(page: Page, name: str, value: str) -> None:
    page.run(FILL % (json.dumps(name), json.dumps(value)))


def camel(option: Option) -> str:
    """Return the name that Locust's page gives to an option's field."""
    first, *others = option.dest.split("_")
    return first + "".join(word.title() for word in others)


def test_in_a_real_browser_the_form_refuses_a_wrong_option_and_runs_with_right_ones(
    tmp_path: Path, odd: OddService
) -> None:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("there is no Chromium on this machine; on Debian: apt-get install chromium")
    path = "/good/browser"
    with (
        web_ui(tmp_path / "locust", "--host", odd.url(path)) as ui,
        open_page(chromium, ui.address, tmp_path) as page,
    ):
        page.wait_for(f"!!{START}")
        fields = page.run("[...document.querySelectorAll('[name]')].map(found => found.name)")
        for option in OPTIONS:
            assert (camel(option) in fields) == option.in_web_ui, option.flag

        page.run("document.querySelectorAll('[aria-expanded=false]').forEach(b => b.click())")
        fill(page, "pause", "soon")
        page.run(f"{START}.click()")
        page.wait_for("document.body.innerText.includes(\"--pause 'soon' is not a duration\")")
        page.screenshot(tmp_path / "refused.png")
        assert odd.seen(path).upgrades == 0

        fill(page, "pause", "50ms")
        fill(page, "messagesPerConnection", "2")
        page.run(f"{START}.click()")
        page.wait_for("document.body.innerText.includes('OpenClawRating')")
        ui.locust.wait_for(lambda: ui.acks() > 5)
        page.screenshot(tmp_path / "running.png")
        ui.locust.send(signal.SIGTERM)
        done = ui.locust.wait().ended_with(0)
    seen = odd.seen(path)
    assert done.count("ACK") == seen.ratings
    assert done.count("UPGRADE") >= seen.ratings / 2
    assert done.knows_of(seen.upgrades, users=1)
    # the form posts all fields; those that were left alone are no settings
    shown = {name for name in done.facts["settings"] if name.startswith("--")}
    assert shown == {"--pause", "--messages-per-connection"}
