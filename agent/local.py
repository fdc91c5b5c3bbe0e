"""The daemon's own door on this machine: HTTP over a unix socket that only its user can open."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from agent.status import DaemonView


class LocalDoor:
    """Answers `GET /status` with the `DaemonView` as JSON."""

    def __init__(self, socket: Path, view: Callable[[], Awaitable[DaemonView]]) -> None:
        self._socket = socket
        self._view = view
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        """Listen. A socket left over by a daemon that was killed is replaced."""
        app = web.Application()
        app.router.add_get("/status", self._status)
        self._socket.parent.mkdir(parents=True, exist_ok=True)
        self._socket.unlink(missing_ok=True)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        before = os.umask(0o177)
        try:
            await web.UnixSite(self._runner, str(self._socket)).start()
        finally:
            os.umask(before)

    async def _status(self, _: web.Request) -> web.Response:
        return web.Response(text=(await self._view()).model_dump_json(), content_type="application/json")

    async def close(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._socket.unlink(missing_ok=True)
