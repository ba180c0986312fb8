"""Locust's web UI as a browser uses it: the form is posted, pages and figures are fetched."""

from __future__ import annotations

import csv
import io
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.locust_run import Argument, RunningLocust, free_port, start

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class WebUi:
    """The web UI of a running Locust."""

    def __init__(self, locust: RunningLocust, port: int) -> None:
        self.locust = locust
        self.address = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> str:
        """Return a page's source."""
        with _OPENER.open(self.address + path, timeout=20) as answer:
            text: str = answer.read().decode("utf-8", "replace")
        return text

    def swarm(self, **form: Any) -> dict[str, Any]:
        """Post the form as the page does; what is not given has a small load's values."""
        fields = {"user_count": 2, "spawn_rate": 50, "pause": "50ms", **form}
        data = urllib.parse.urlencode(fields).encode()
        with _OPENER.open(self.address + "/swarm", data, timeout=20) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def stop(self) -> None:
        """Stop the run; returns when it has stopped."""
        self._press("/stop")

    def reset(self) -> None:
        """Press "reset stats"."""
        self._press("/stats/reset")

    def _press(self, path: str) -> None:
        with _OPENER.open(self.address + path, b"", timeout=30):
            pass

    def counts(self) -> dict[str, int]:
        """Return how many requests of each type Locust has counted.

        From the downloaded CSV: what the page fetches is up to two seconds old.
        """
        rows = csv.DictReader(io.StringIO(self.get("/stats/requests/csv")))
        return {row["Type"]: int(row["Request Count"]) for row in rows if row["Type"]}

    def acks(self) -> int:
        """Return how many acks Locust has counted."""
        return self.counts().get("ACK", 0)

    def wait_for_reports(self, count: int) -> None:
        """Wait until so many reports have been printed: so many runs have ended."""
        self.locust.wait_for(lambda: self.locust.stdout.count("\nLoad test of ") == count)


@contextmanager
def web_ui(folder: Path, *args: Argument, **how: Any) -> Iterator[WebUi]:
    """Run Locust with its web UI on a free port until the block ends."""
    port = free_port()
    place = ("--web-host", "127.0.0.1", "--web-port", port)
    with start(folder, *place, *args, headless=False, **how) as running:
        ui = WebUi(running, port)

        def answers() -> bool:
            try:
                return bool(ui.get("/"))
            except urllib.error.URLError:
                return False

        running.wait_for(answers)
        yield ui
