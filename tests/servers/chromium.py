"""A tab of headless Chromium, driven over the DevTools protocol: what a page shows, says, and looks like."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.servers.browser import _CHROMIUM, _OPTIONS

_LIMIT_SEC = 60.0


class Tab:
    """One page. `complaints` are its console's errors: scripts that fail, what the content policy refuses."""

    def __init__(self, socket: ClientConnection, session: str) -> None:
        self.complaints: list[str] = []
        self._socket, self._session = socket, session
        self._numbers = itertools.count(1)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One call of the protocol and its result."""
        number = next(self._numbers)
        frame = {"id": number, "method": method, "params": params}
        await self._socket.send(json.dumps(frame | ({"sessionId": self._session} if self._session else {})))
        async with asyncio.timeout(_LIMIT_SEC):
            while True:
                answer = json.loads(await self._socket.recv())
                if answer.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                    self.complaints.append(json.dumps(answer["params"], ensure_ascii=False))
                if answer.get("id") == number:
                    assert "error" not in answer, answer
                    result: dict[str, Any] = answer["result"]
                    return result

    async def open(self, url: str, *, width: int, height: int, language: str, mobile: bool = False) -> None:
        """Show a page on a screen of this size, as a person who prefers this language."""
        self._session = self._session or await self._attach()
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self.call(f"{domain}.enable")
        await self.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        await self.call("Emulation.setDeviceMetricsOverride", **screen)
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def _attach(self) -> str:
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        return str(attached["sessionId"])

    async def evaluate(self, expression: str) -> Any:
        """The value of a script's expression."""
        return (await self.call("Runtime.evaluate", expression=expression, returnByValue=True))["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        async with asyncio.timeout(_LIMIT_SEC):
            while not await self.evaluate(expression):  # noqa: ASYNC110 - the page has no event
                await asyncio.sleep(0.05)

    async def picture(self, path: Path) -> None:
        """The whole page as PNG."""
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))


@contextlib.asynccontextmanager
async def tab() -> AsyncIterator[Tab]:
    """A tab of a browser of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = (*_OPTIONS, f"--user-data-dir={profile}", "--remote-debugging-port=0", "--hide-scrollbars")
        try:
            browser = await asyncio.create_subprocess_exec(_CHROMIUM, *options, stderr=asyncio.subprocess.PIPE)
        except FileNotFoundError:
            raise AssertionError("Chromium is not installed: apt-get install chromium") from None
        try:
            assert browser.stderr is not None
            async with asyncio.timeout(_LIMIT_SEC):
                while b"DevTools listening on" not in (line := await browser.stderr.readline()):
                    assert line, "Chromium has ended"
            draining = asyncio.create_task(browser.stderr.read())
            async with connect(line.decode().split()[-1], max_size=None) as socket:
                yield Tab(socket, "")
            draining.cancel()
        finally:
            browser.terminate()
            await browser.wait()
