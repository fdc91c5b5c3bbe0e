"""A storage that does as it is told, over real sockets, and an HTTP server that answers what it is given."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LIMIT_SEC = 10.0
REST_SEC = 240.0
"""What a busy storage asks for."""


@contextlib.asynccontextmanager
async def http_server(handler: Handler) -> AsyncIterator[str]:
    """Serve every request with `handler`; gives the address."""
    runner = web.AppRunner(_application(handler), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _application(handler: Handler) -> web.Application:
    app = web.Application(client_max_size=16 << 20)
    app.router.add_route("*", "/{path:.*}", handler)
    return app


@dataclass
class StorageDouble:
    """Takes files and verifies them, except where `script[name]` says what goes wrong; the last entry stays in force.

    `asked` are the names in the order they came, `held` the content that was taken. While `gate` is closed nothing is
    answered; `under_way` counts the requests that wait there, `most` the most there ever were.
    """

    script: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    held: dict[str, bytes] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: int = 0
    most: int = 0
    url: str = ""
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.gate.set()

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[StorageDouble]:
        """Listen."""
        async with http_server(self._put) as self.url:
            yield self

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what a request changes."""
        async with asyncio.timeout(LIMIT_SEC), self._changed:
            await self._changed.wait_for(condition)

    def times(self, name: str) -> int:
        """How often a file came."""
        return self.asked.count(name)

    async def _put(self, request: web.Request) -> web.StreamResponse:
        if request.method == "HEAD":
            return web.Response(status=404)  # as a server that keeps nothing of what broke off
        self.asked.append(request.path.removeprefix("/"))
        name = request.path.rpartition("/")[2]
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self._tell()
        try:
            await self.gate.wait()
            steps = self.script.get(name, ["take"])
            step = steps.pop(0) if len(steps) > 1 else steps[0]
            return await self._step(step, name, request)
        finally:
            self.under_way -= 1
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _step(self, step: str, name: str, request: web.Request) -> web.StreamResponse:
        if step == "deaf":  # takes the connection and never reads
            await asyncio.Event().wait()
        if step == "break":
            await request.content.readany()
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        content = await request.read()
        if step == "mute":  # reads everything and never answers
            await asyncio.Event().wait()
        if step.isdigit():
            return web.json_response({"err_code": int(step), "err_msg": "no"}, status=int(step))
        if step == "busy":
            return web.Response(status=429, headers={"Retry-After": f"{REST_SEC:.0f}"})
        if step == "redirect":
            raise web.HTTPSeeOther("/elsewhere/" + name)
        texts = {"garbage": "\x00{[", "html": "<html>Please log in</html>", "empty": "{}", "endless": " " * (1 << 20)}
        if step in texts:
            return web.Response(text=texts[step])
        answer: dict[str, object] = {
            "err_code": 0,
            "file": f"/files/{name}",
            "size": len(content),
            "sha256": _sha256([content]),
        }
        lies: dict[str, dict[str, object]] = {
            "size": {"size": len(content) - 1},
            "sha256": {"sha256": _sha256([b"other"])},
            "err_code": {"err_code": 1},
            "no address": {"file": ""},
        }
        answer.update(lies.get(step, {}))
        if step == "take":
            self.held[name] = content
        return web.Response(text=json.dumps(answer), content_type="application/json")


def _sha256(pieces: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(pieces)).hexdigest()
