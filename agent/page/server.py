"""The local page and what monitoring asks for, over HTTP on one port. Everything is read-only."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import json
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aiohttp import web

from agent.config.model import LocalSection
from agent.monitoring.metrics import Exposition
from agent.monitoring.readiness import Check, Readiness
from agent.monitoring.tally import Tally
from agent.monitoring.watch import Watch
from agent.page.hosts import is_own_host
from agent.page.render import Renderer, Sight
from agent.page.words import Words
from agent.status import DaemonView, LessonsView, UploadsView
from agent.vitals import consumption
from agent.web.markup import Markup
from agent.web.serving import HEADERS, asset_routes, language_of, page_response, take_language_choice

log = logging.getLogger(__name__)

RETRY_SEC = 30.0
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Sights(Protocol):
    """Where the views come from."""

    async def look(self) -> DaemonView:
        """Everything at this moment."""
        ...

    async def lessons(self) -> LessonsView:
        """Today's lessons."""
        ...

    async def uploads_view(self) -> UploadsView:
        """The queue."""
        ...


@dataclass(frozen=True, slots=True)
class Rooms:
    """Where the answers come from. `snapshots` is the folder of the channels' pictures."""

    sights: Sights
    readiness: Readiness
    tally: Tally
    watch: Watch
    snapshots: Path


class PageServer:
    """Listens for as long as it runs. A port that is taken costs the page, never a recording."""

    def __init__(self, settings: LocalSection, rooms: Rooms) -> None:
        self._settings, self._rooms = settings, rooms
        self._names = {*settings.names, socket.gethostname()}
        self._is_open = not ipaddress.ip_address(settings.host).is_loopback

    async def run(self) -> None:
        """Until cancelled."""
        where = f"{self._settings.host} port {self._settings.port}"
        told = ""
        while True:
            runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
            await runner.setup()
            try:
                await web.TCPSite(runner, self._settings.host, self._settings.port).start()
                log.info("the local page is at http://%s:%d/", self._settings.host, self._settings.port)
                await asyncio.Event().wait()
            except OSError as error:
                why = "is taken by another program" if error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
                if why != told:
                    log.warning("no local page, health and metrics: %s %s (local.port)", where, why)
                told = why
            finally:
                await runner.cleanup()
            await asyncio.sleep(RETRY_SEC)

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/", self._home),
                web.get("/live", self._live),
                web.get(r"/pictures/{camera_id:\d{1,18}}", self._picture),
                web.get("/healthz", self._alive),
                web.get("/readyz", self._ready),
                web.get("/metrics", self._metrics),
                *asset_routes(),
            ]
        )
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if not is_own_host(request.host, self._names):
            return web.Response(status=421, text="this name is not known here (local.names)\n", headers=HEADERS)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = error
        for name, value in {**HEADERS, "Cross-Origin-Resource-Policy": "same-origin"}.items():
            response.headers.setdefault(name, value)
        if isinstance(response, web.HTTPException):
            raise response
        return response

    # -- for people

    async def _home(self, request: web.Request) -> web.Response:
        take_language_choice(request)
        return page_response(await self._rendered(request, Renderer.home))

    async def _live(self, request: web.Request) -> web.Response:
        return page_response(await self._rendered(request, Renderer.live))

    async def _rendered(self, request: web.Request, part: Callable[[Renderer, Sight], Markup]) -> Markup:
        sights = self._rooms.sights
        sight = Sight(await sights.look(), await sights.lessons(), await sights.uploads_view())
        words = Words(language_of(request))
        return part(Renderer(words, pictures=self._settings.pictures, is_open=self._is_open), sight)

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        path = self._rooms.snapshots / f"live_{int(request.match_info['camera_id'])}.jpg"
        if not self._settings.pictures or not await asyncio.to_thread(path.is_file):
            raise web.HTTPNotFound(text="no picture")
        return web.FileResponse(path)

    # -- for monitoring

    async def _alive(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _ready(self, _: web.Request) -> web.Response:
        checks = await self._rooms.readiness.checks()
        body = {"ready": _all(checks), "checks": {one.name: one.detail or ("ok" if one.ok else "no") for one in checks}}
        return web.Response(
            status=200 if _all(checks) else 503,
            text=json.dumps(body, ensure_ascii=False, indent=1) + "\n",
            content_type="application/json",
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        rooms = self._rooms
        view, checks = await rooms.sights.look(), await rooms.readiness.checks()
        exposition = Exposition(
            view,
            rooms.tally,
            consumption(),
            rooms.watch.lag,
            clock_steps=rooms.watch.steps.count,
            is_ready=_all(checks),
        )
        body, content_type = exposition.text(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})


def _all(checks: tuple[Check, ...]) -> bool:
    return all(one.ok for one in checks)
