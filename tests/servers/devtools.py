"""Headless Chromium by its DevTools protocol: open a page, ask it things, look at it."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from websockets.sync.client import ClientConnection, connect

_LIMIT_SEC = 60.0
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--remote-debugging-port=0",
    "--window-size=1280,900",
)


class Tab:
    """One page."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the protocol, and its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(_LIMIT_SEC))
            if message.get("id") == number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    def open(self, url: str) -> None:
        """Go there."""
        self.call("Page.navigate", url=url)

    def ask(self, script: str) -> Any:
        """The value of an expression; promises are awaited."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, script: str, limit_sec: float = _LIMIT_SEC) -> None:
        """Ask until it is true."""
        deadline = time.monotonic() + limit_sec
        while not self.ask(f"Boolean({script})"):
            assert time.monotonic() < deadline, f"not within {limit_sec:.0f} s: {script}"
            time.sleep(0.02)  # a page can only be asked again

    def screenshot(self) -> bytes:
        """What it looks like, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])


@contextlib.contextmanager
def browser_tab() -> Iterator[Tab]:
    """An empty page in a browser of its own."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = ["chromium", *_OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        try:
            browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            raise AssertionError("Chromium is not installed: apt-get install chromium") from None
        try:
            with connect(_page_of(browser, Path(profile)), max_size=64 << 20, proxy=None) as socket:
                yield Tab(socket)
        finally:
            browser.terminate()
            browser.wait()


def _page_of(browser: subprocess.Popen[bytes], profile: Path) -> str:
    told = profile / "DevToolsActivePort"
    deadline = time.monotonic() + _LIMIT_SEC
    while time.monotonic() < deadline:
        assert browser.poll() is None, "Chromium ended"
        with contextlib.suppress(OSError, ValueError, IndexError):
            port = int(told.read_text().splitlines()[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=5) as answer:
                pages = [page for page in json.load(answer) if page["type"] == "page"]
                return str(pages[0]["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise AssertionError("Chromium does not open its DevTools")
