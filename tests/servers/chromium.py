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

_LIMIT_SEC = 60.0
_CHROMIUM = "chromium"
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-port=0",
    "--hide-scrollbars",
)


def shown_number(video: str) -> str:
    """A script's expression: the number of the picture that a video element (an expression) shows, from the strip at
    its top, as `recorder.sample.read_frame_number` reads it.
    """
    return f"""(() => {{
  const video = {video}, canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const row = context.getImageData(0, Math.floor(canvas.height / 32), canvas.width, 1).data;
  let number = 0;
  for (let bit = 0; bit < 24; bit++)
    number = number * 2 + (row[4 * Math.floor((bit + 0.5) * canvas.width / 32) + 1] > 128 ? 1 : 0);
  return number;
}})()"""


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

    async def cookie(self, url: str, name: str, value: str) -> None:
        """Give it a cookie of a site."""
        self._session = self._session or await self._attach()
        await self.call("Network.setCookie", url=url, name=name, value=value)

    async def scheme(self, name: str) -> None:
        """Whether its pages are shown "light" or "dark"."""
        self._session = self._session or await self._attach()
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    async def open(
        self, url: str, *, width: int = 1280, height: int = 900, language: str = "en", mobile: bool = False
    ) -> None:
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

    async def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """A mouse event ("Pressed", "Moved", "Released") with the left button, at a point of the window."""
        button = {"button": "left", "buttons": int(kind != "Released"), "clickCount": int(kind != "Moved")}
        await self.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **(button | more))

    async def drag(self, begin: tuple[float, float], end: tuple[float, float], **more: Any) -> None:
        """Press at one point, move to another in a few steps, and let go."""
        await self.mouse("Pressed", *begin, **more)
        for step in range(1, 9):
            part = step / 8
            at = [start + (stop - start) * part for start, stop in zip(begin, end, strict=True)]
            await self.mouse("Moved", *at, **more)
        await self.mouse("Released", *end, **more)

    async def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """A touch event ("Start", "Move", "End", "Cancel") with the points that are touched."""
        touched = [{"x": x, "y": y} for x, y in points]
        await self.call("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=touched)

    async def click(self, selector: str) -> None:
        """Click at the middle of an element, which is brought into view."""
        await self.evaluate(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center'}})")
        left, top, width, height = await self.box(selector)
        for kind in ("Pressed", "Released"):
            await self.mouse(kind, left + width / 2, top + height / 2)

    async def press(self, key: str, *, modifiers: int = 0) -> None:
        """Press a key and let it go; `modifiers` 2 Ctrl, 8 Shift."""
        named = {
            "Enter": 13,
            "Delete": 46,
            "Escape": 27,
            "ArrowUp": 38,
            "ArrowDown": 40,
            "ArrowLeft": 37,
            "ArrowRight": 39,
        }
        code = {"key": key, "windowsVirtualKeyCode": named.get(key, ord(key[0].upper())), "modifiers": modifiers}
        text = {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 and not modifiers else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **code, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **code)

    async def box(self, selector: str) -> tuple[float, float, float, float]:
        """Left, top, width and height of an element in the window."""
        box = await self.evaluate(
            f"(() => {{ const b = document.querySelector({selector!r}).getBoundingClientRect();"
            " return [b.left, b.top, b.width, b.height]; })()"
        )
        assert box, f"there is no {selector}"
        left, top, width, height = box
        return left, top, width, height

    async def evaluate(self, expression: str) -> Any:
        """The value of a script's expression; promises are waited for."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        async with asyncio.timeout(_LIMIT_SEC):
            while not await self.evaluate(f"Boolean({expression})"):  # noqa: ASYNC110 - the page has no event
                await asyncio.sleep(0.05)

    async def go(self, url: str) -> None:
        """Another page, on the same screen, and not waited for."""
        await self.call("Page.navigate", url=url)

    async def picture(self, path: Path, *, whole: bool = True) -> None:
        """The whole page as PNG, or what a screen of its size shows."""
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))


@contextlib.asynccontextmanager
async def tab() -> AsyncIterator[Tab]:
    """A tab of a browser of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = (*_OPTIONS, f"--user-data-dir={profile}")
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
            async with connect(line.decode().split()[-1], max_size=None, ping_interval=None) as socket:
                yield Tab(socket, "")
            draining.cancel()
        finally:
            browser.terminate()
            await browser.wait()
