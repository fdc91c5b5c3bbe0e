"""The embedded server as a whole: start it, ask for its address and keys, stop it."""

from __future__ import annotations

import asyncio
import errno
import time
from contextlib import suppress

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.standalone import elsewhere, storage
from agent.standalone.api.dispatch import PREFIX, api_v1
from agent.standalone.bodies import MOST_BYTES
from agent.standalone.bucket import BucketShelf, parse_bucket
from agent.standalone.console import accounts, routes
from agent.standalone.console.door import DOOR
from agent.standalone.console.pages import PAGES
from agent.standalone.files import FileStore
from agent.standalone.gather import register, relay, reports, uploads
from agent.standalone.gather.http import refusals
from agent.standalone.hub import Hub
from agent.standalone.keys import Keys
from agent.standalone.live import player
from agent.standalone.live.channels import LIVE, LiveChannels
from agent.standalone.proxies import known_caller
from agent.standalone.services import SERVICES, Clock, Services
from agent.standalone.settings import ServerSettings, SettingsError
from agent.standalone.shelf import FolderShelf
from agent.standalone.store.database import Database
from agent.standalone.store.schema import Camera
from agent.standalone.store.sealed import Vault
from agent.standalone.store.trash import Sweeper
from agent.standalone.weblog import http_logger

MAX_URL = 64 << 10
"""Bytes of a request line: parameters of 10 kB have to fit, three times as long when they are encoded."""
IDLE_SECONDS = 75.0
"""So long a connection may take to its (next) request's last header: longer than nginx keeps its own idle (60 s). The
library's hour would let anybody hold thousands of them for nothing.
"""
BACKLOG = 1024
"""Connections that may wait to be taken: all agents of a school come at once when the server returns."""


class EmbeddedServer:
    """One server. `first_run` tells whether this start made its secrets; the `clock` is for tests."""

    def __init__(self, settings: ServerSettings, clock: Clock = time.time) -> None:
        zone = settings.zone()
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = Keys(settings.data_dir / "secrets.json", clock)
        database = Database(settings.database, Vault(keys.sealing_key), alone=True)
        files = FileStore(settings.data_dir, zone)
        shelf = (
            BucketShelf(parse_bucket(settings.storage), redirect=settings.storage_redirect)
            if settings.storage
            else FolderShelf(files)
        )
        sweeper = Sweeper(database, shelf.remove, files.claimed)
        self._services = Services(settings, zone, clock, keys, database, Hub(database), files, shelf, sweeper)
        self._runner: web.AppRunner | None = None
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._set_up_code = ""

    @property
    def url(self) -> str:
        """The address that it listens on; empty before `start`."""
        return self._services.url

    @property
    def console_url(self) -> str:
        """The address for people."""
        return (self._services.settings.public_url or self.url).rstrip("/") + "/"

    @property
    def credential(self) -> str:
        """The administrator's credential: the `unionid` of API v1."""
        return self._services.keys.credential

    @property
    def enrol_key(self) -> str:
        """The key with which a new agent registers."""
        return self._services.keys.enrol_key

    @property
    def first_run(self) -> bool:
        """Whether this run made the secrets."""
        return self._services.keys.first_run

    @property
    def set_up_code(self) -> str:
        """What lets the first owner in from another machine; empty where the console had an owner at `start`."""
        return self._set_up_code

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it, as far as itself knows."""
        return self._services.settings.loopback

    @property
    def is_behind_tls(self) -> bool:
        """Whether people are told an address with TLS."""
        return self.console_url.startswith("https:")

    def replace_credential(self) -> str:
        """Make a new credential; what the old one opened is closed at once."""
        return self._services.keys.replace_credential()

    async def start(self) -> None:
        """Open the store and listen; `SettingsError` names what is in the way."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        services = self._services
        await asyncio.to_thread(self._make_folder)
        await services.database.open(services.clock())
        await services.database.run(_read_secrets)
        await services.shelf.open()
        app = self._application()
        if await services.database.run(accounts.is_empty):
            self._set_up_code = app[DOOR].set_up_code
        self._runner = web.AppRunner(
            app,
            max_line_size=MAX_URL,
            max_field_size=MAX_URL,
            access_log=None,
            logger=http_logger(),
            keepalive_timeout=IDLE_SECONDS,
        )
        await self._runner.setup()
        await self._listen(self._runner)
        self._tasks = (
            asyncio.create_task(services.sweeper.run(), name="sweeper"),
            asyncio.create_task(services.database.keep(), name="database"),
        )

    async def stop(self) -> None:
        """Close every connection, then the store."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = ()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self._services.shelf.close()
        await self._services.database.close()

    def _make_folder(self) -> None:
        settings = self._services.settings
        self._services.files.open()
        if not settings.database_url:
            settings.database_file.touch(mode=0o600)  # SQLite gives its other files the same mode

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[known_caller, refusals], client_max_size=MOST_BYTES)
        app[SERVICES] = self._services
        app[LIVE] = LiveChannels(self._services.database, self._services.hub)
        app.on_response_prepare.append(_as_it_is)
        app.on_shutdown.append(_end_live)
        app.on_shutdown.append(_end_relays)
        app.add_routes(
            [
                web.route("*", PREFIX + r"{call:[\s\S]*}", api_v1),
                web.post("/gather/v1/register", register.register),
                web.get("/gather/v1/relay", relay.relay),
                web.post("/gather/v1/records", reports.records),
                web.post("/gather/v1/snapshots", reports.snapshots),
                web.post("/gather/v1/status", reports.status),
                web.put("/gather/v1/files/{name}", uploads.put_file),
                web.patch("/gather/v1/files/{name}", uploads.go_on),
                web.head("/gather/v1/files/{name}", uploads.head_file),
                web.delete("/gather/v1/files/{name}", uploads.delete_file),
                *storage.routes(),
                *player.routes(),
            ]
        )
        routes.enter(app, PAGES)
        elsewhere.add_to(app)
        return app

    async def _listen(self, runner: web.AppRunner) -> None:
        settings = self._services.settings
        site = web.TCPSite(runner, settings.host, settings.port, backlog=BACKLOG)
        try:
            await site.start()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SettingsError(
                    f"port {settings.port} on {settings.host} is in use: set another one (port)"
                ) from error
            raise SettingsError(
                f"cannot listen on {settings.host} port {settings.port} (host, port): {error}"
            ) from error
        port = runner.addresses[0][1]
        host = "127.0.0.1" if settings.everywhere else settings.host
        self._services.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _read_secrets(session: Session) -> None:
    """Read what is sealed: that it cannot be opened is then in the log at the start, not in the first lesson."""
    session.execute(select(Camera.device_pass, Camera.stream_url)).all()


async def _as_it_is(_request: web.Request, response: web.StreamResponse) -> None:
    """Nothing is taken for another kind than it says, no address of this server is told to another, and nobody is told
    which versions of which libraries it is made of.
    """
    response.headers["Server"] = "gather-agent"
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")


async def _end_live(app: web.Application) -> None:
    await app[LIVE].close()


async def _end_relays(app: web.Application) -> None:
    app[SERVICES].hub.end_all("the server stops")
