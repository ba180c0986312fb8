"""The exit code, however Locust is run and whoever else has one."""

from __future__ import annotations

import pytest

from tests.embedded import serve
from tests.locust_run import RATING, RUN_TIME, Run, free_port, run_all

OTHER_PLUGIN = """
from locust import events
from openclaw_locust import RatingUser

class Ratings(RatingUser):
    pass

@events.quitting.add_listener
def set_code(environment, **_):
    environment.process_exit_code = 7
"""

ONE_FAILURE = """
from locust import events
from openclaw_locust import RatingUser

class Ratings(RatingUser):
    pass

@events.test_start.add_listener
def fail_one_of_many(environment, **_):
    for number in range(200):
        failure = ValueError("one") if number == 0 else None
        environment.events.request.fire(
            request_type="GET", name="/", response_time=1, response_length=0, exception=failure
        )
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("exit-codes")
    files = {"plugin-passed": OTHER_PLUGIN, "plugin-crossed": OTHER_PLUGIN, "one": ONE_FAILURE}
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    with serve() as fast, serve("--ack-delay", "600ms") as slow:
        load = ("-u", 2, "-r", 2, "-t", RUN_TIME, "--pause", "50ms")
        good = ("--host", fast.url, "--tls-ca", str(fast.ca), *load)
        bad = ("--host", slow.url, "--tls-ca", str(slow.ca), *load)
        untrusted = ("--host", fast.url, *load)

        def in_ui() -> tuple[str | int, ...]:
            port = free_port()
            return ("--autostart", "--autoquit", 0, "--web-host", "127.0.0.1", "--web-port", port)

        cases = {
            "passed": good,
            "crossed": bad,
            "failed": untrusted,
            "ui-passed": (*good, *in_ui()),
            "ui-crossed": (*bad, *in_ui()),
            "ui-failed": (*untrusted, *in_ui()),
            "plugin-passed": good,
            "plugin-crossed": bad,
            "one": good,
        }
        how = {
            name: {
                "headless": not name.startswith("ui-"),
                "file": folder / f"{name}.py" if name in files else RATING,
            }
            for name in cases
        }
        return run_all(folder, cases, how)


@pytest.mark.parametrize("way", ["", "ui-"])
@pytest.mark.parametrize(("case", "code"), [("passed", 0), ("crossed", 99), ("failed", 1)])
def test_the_code_is_the_verdicts_headless_and_with_autoquit(
    runs: dict[str, Run], way: str, case: str, code: int
) -> None:
    run = runs[way + case].ended_with(code)
    assert f"(exit {code})" in run.verdict


def test_another_plugins_code_is_kept_where_ours_is_0(runs: dict[str, Run]) -> None:
    runs["plugin-passed"].ended_with(7)
    assert "PASSED (exit 0)" in runs["plugin-passed"].verdict


def test_ours_goes_before_another_plugins_where_it_is_not_0(runs: dict[str, Run]) -> None:
    runs["plugin-crossed"].ended_with(99)


def test_one_failed_request_of_many_does_not_fail_the_run(runs: dict[str, Run]) -> None:
    """Without a code of ours Locust would make it exit 1."""
    runs["one"].ended_with(0)
    assert runs["one"].failures("GET", "/") == 1
