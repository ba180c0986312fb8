"""A real browser without a window, told what to do over Chromium's own protocol."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket

LIMIT_S = 30.0
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--remote-debugging-port=0 --window-size=1200,2400"
)


def find_chromium() -> str | None:
    """Return the path of a Chromium, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Page:
    """The one page of a browser."""

    def __init__(self, connection: websocket.WebSocket) -> None:
        self._connection = connection
        self._number = 0

    def run(self, script: str) -> Any:
        """Return the value of a piece of JavaScript.

        Raises:
            AssertionError: it threw an error.
        """
        answer = self._ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """Return the value of a piece of JavaScript as soon as it is true."""
        deadline = time.monotonic() + LIMIT_S
        while not (value := self.run(script)):
            text = self.run("document.body ? document.body.innerText : ''")
            assert time.monotonic() < deadline, f"{script} did not come true on\n{text}"
            time.sleep(0.05)
        return value

    def screenshot(self, path: Path) -> None:
        """Write what the page looks like now as PNG."""
        path.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot")["data"]))

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._connection.send(json.dumps(message))
        while True:
            answer = json.loads(self._connection.recv())
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result


@contextmanager
def open_page(chromium: str, address: str, folder: Path) -> Iterator[Page]:
    """Open a page in a browser with a fresh profile; both are gone at the end, its log stays.

    The profile is not in ``folder``: Chromium makes a socket in it, whose path has to be short.
    """
    with (
        tempfile.TemporaryDirectory(prefix="page-", ignore_cleanup_errors=True) as scratch,
        (folder / "chromium.log").open("w") as log,
    ):
        profile = Path(scratch, "profile")
        process = subprocess.Popen(
            [chromium, *_FLAGS.split(), f"--user-data-dir={profile}", address],
            env={**os.environ, "TMPDIR": scratch},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            connection = websocket.create_connection(
                _find_page(profile / "DevToolsActivePort", process), LIMIT_S, suppress_origin=True
            )
            try:
                yield Page(connection)
            finally:
                connection.close()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{(folder / 'chromium.log').read_text()}") from error
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _find_page(file: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the address of the page's debugger when the browser tells it."""
    deadline = time.monotonic() + LIMIT_S
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline and process.poll() is None:
        port = file.read_text().partition("\n")[0] if file.exists() else ""
        if port:
            with opener.open(f"http://127.0.0.1:{port}/json", timeout=LIMIT_S) as answer:
                pages = [page for page in json.load(answer) if page["type"] == "page"]
            if pages:
                url: str = pages[0]["webSocketDebuggerUrl"]
                return url
        time.sleep(0.05)
    raise AssertionError("the browser did not start")
