"""The daemon's own door on this machine: HTTP over a unix socket that only its user can open.

`GET` answers with the views of `agent.status` as JSON, `POST` carries out a command of the relay and answers as the
relay does: `{"err_code": 0, "err_msg": "OK", "data": {...}}`. docs/operations.md lists both.
"""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Protocol

from aiohttp import web
from pydantic import TypeAdapter

from agent.status import CamerasView, DaemonView, LessonOutcome, LessonsView, UploadsView, View
from agent.wire.models import Answer, Command

DAYS_MAX = 366
PIECE = 500
"""Lessons that become JSON in one go: about a millisecond."""
_OUTCOMES = TypeAdapter(tuple[LessonOutcome, ...])

COMMANDS = {
    "/record": "start_record",
    "/stop-record": "stop_record",
    "/snapshot": "snapshot",
    "/presets": "presets",
    "/presets/go": "go_to_preset",
    "/uploads/pause": "pause_upload",
    "/uploads/resume": "resume_upload",
}
"""What can be asked for here, and the relay's command that does it."""


class Sights(Protocol):
    """Where the views come from."""

    async def look(self) -> DaemonView:
        """Everything at this moment."""
        ...

    def lessons_by_day(
        self, first: date | None, days: int
    ) -> tuple[LessonsView, AsyncIterator[tuple[LessonOutcome, ...]]]:
        """The lessons of `days` days from `first` (None: today), day by day."""
        ...

    def camera_views(self) -> CamerasView:
        """All channels."""
        ...

    async def uploads_view(self) -> UploadsView:
        """The queue."""
        ...


class LocalDoor:
    """Listens on `socket`. `snapshots` is the folder of the channels' pictures."""

    def __init__(
        self, socket: Path, sights: Sights, carry_out: Callable[[Command], Awaitable[Answer]], snapshots: Path
    ) -> None:
        self._socket = socket
        self._sights, self._carry_out, self._snapshots = sights, carry_out, snapshots
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        """Listen. A socket left over by a daemon that was killed is replaced."""
        app = web.Application()
        app.router.add_get("/status", self._status)
        app.router.add_get("/lessons", self._lessons)
        app.router.add_get("/cameras", self._cameras)
        app.router.add_get("/uploads", self._uploads)
        app.router.add_get(r"/snapshots/{camera_id:\d+}", self._snapshot)
        for path in COMMANDS:
            app.router.add_post(path, self._command)
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
        return _json(await self._sights.look())

    async def _lessons(self, request: web.Request) -> web.StreamResponse:
        try:
            first = date.fromisoformat(day) if (day := request.query.get("day", "")) else None
            days = int(request.query.get("days", "1"))
        except ValueError as error:
            raise web.HTTPBadRequest(text="day=YYYY-MM-DD and days=<number> are understood") from error
        if not 1 <= days <= DAYS_MAX:
            raise web.HTTPBadRequest(text=f"days: 1 to {DAYS_MAX}")
        view, by_day = self._sights.lessons_by_day(first, days)
        response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
        await response.prepare(request)
        before, after = view.model_dump_json().encode().split(b'"lessons":[]')
        await response.write(before + b'"lessons":[')
        separator = b""
        async for lessons in by_day:
            for at in range(0, len(lessons), PIECE):
                piece = _OUTCOMES.dump_json(lessons[at : at + PIECE])
                await response.write(separator + piece.removeprefix(b"[").removesuffix(b"]"))
                separator = b","
                await asyncio.sleep(0)
        await response.write(b"]" + after)
        return response

    async def _cameras(self, _: web.Request) -> web.Response:
        return _json(self._sights.camera_views())

    async def _uploads(self, _: web.Request) -> web.Response:
        return _json(await self._sights.uploads_view())

    async def _snapshot(self, request: web.Request) -> web.StreamResponse:
        path = self._snapshots / f"live_{int(request.match_info['camera_id'])}.jpg"
        if not path.is_file():
            raise web.HTTPNotFound(text="this channel has no picture yet")
        return web.FileResponse(path, headers={"Cache-Control": "no-store"})

    async def _command(self, request: web.Request) -> web.Response:
        """The body is the command's `data`, a JSON object or nothing at all."""
        body = await request.read()
        try:
            data = json.loads(body) if body.strip() else {}
        except ValueError as error:
            raise web.HTTPBadRequest(text="the body is no JSON") from error
        if not isinstance(data, dict):
            raise web.HTTPBadRequest(text="the body is no JSON object")
        command = Command(id=f"local-{uuid.uuid4().hex}", cmd=COMMANDS[request.path], data=data)
        answer = await self._carry_out(command)
        return web.json_response(answer.model_dump(mode="json", exclude={"id"}))

    async def close(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._socket.unlink(missing_ok=True)


def _json(view: View) -> web.Response:
    return web.Response(text=view.model_dump_json(), content_type="application/json")
