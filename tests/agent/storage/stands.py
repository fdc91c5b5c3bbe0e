"""Every kind of storage as it really is, behind one set of handles: the conformance suite asks the same of each.

A `Stand` has the storage's server (real; FastDFS: a double of the measured protocol), a line to it that breaks on order
(`proxy`), and faults of the server itself (`fault`).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from agent.clock import SystemClock
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.storage.base import Storage
from agent.storage.fastdfs.storage import FastDfsStorage
from agent.storage.folder import FolderStorage
from agent.storage.http import HttpStorage
from agent.storage.pace import Pace
from agent.storage.s3.storage import S3Storage
from agent.storage.webdav import DavStorage
from tests.servers import dav_nginx
from tests.servers.dav_nginx import DavServer
from tests.servers.fastdfs import FastDfs
from tests.servers.http_gateway import Gateway
from tests.servers.proxy import Proxy
from tests.servers.s3_moto import BUCKET, S3Server
from tests.standalone.helpers import ScriptedAgent

SILENCE_SEC = 3.0
FAULTS = ("refused", "full", "busy", "lies about size", "holds other bytes", "holds nothing")


@dataclass
class Stand:
    """`make()` gives the storage as after a restart of the agent; `content(address)` what the server holds there.

    `faults` are those that its server can have; `set_fault(fault, name)` makes it befall the file of this name, ""
    mends it. `proxy` is None where there is no line. `goes_on`: after a break, what has arrived is not sent again.
    """

    name: str
    make: Callable[[], Storage]
    content: Callable[[str], bytes | None]
    set_fault: Callable[[str, str], None]
    faults: tuple[str, ...]
    proxy: Proxy | None
    goes_on: bool
    made: list[Storage] = field(default_factory=list)

    def storage(self) -> Storage:
        """As after a restart."""
        self.made.append(self.make())
        return self.made[-1]


def _pace() -> Pace:
    return Pace(0, SystemClock())


@contextlib.asynccontextmanager
async def folder_stand(folder: Path) -> AsyncIterator[Stand]:
    """A share that is mounted. What it would not take, the kernel refuses: the arriving file leads to a device."""
    root = folder / "share"
    root.mkdir()
    devices = {"full": "/dev/full", "refused": "/proc/sys/kernel/ostype", "holds nothing": "/dev/null"}

    def set_fault(fault: str, name: str) -> None:
        if fault:
            (root / f".{name}.new").symlink_to(devices[fault])

    def content(file: str) -> bytes | None:
        path = root / file[1:]
        return path.read_bytes() if path.is_file() else None

    yield Stand("folder", lambda: FolderStorage(root), content, set_fault, tuple(devices), None, goes_on=False)


@contextlib.asynccontextmanager
async def http_stand(folder: Path) -> AsyncIterator[Stand]:
    """The embedded server."""
    server = EmbeddedServer(ServerSettings(data_dir=folder / "server", timezone="Asia/Shanghai"))
    await server.start()
    http = aiohttp.ClientSession()
    agent = ScriptedAgent(server, http)
    await agent.register()
    async with _behind_gateway(server.url) as (gateway, proxy):

        def make() -> Storage:
            return HttpStorage(http, f"{proxy.url}/gather/v1/files", lambda: agent.token, _pace(), SILENCE_SEC)

        def content(file: str) -> bytes | None:
            path = server._services.files.path(file.removeprefix("/storage/"))
            return path.read_bytes() if path.is_file() else None

        yield Stand("server (HTTP)", make, content, _setter(gateway), FAULTS, proxy, goes_on=True)
    await http.close()
    await server.stop()


@contextlib.asynccontextmanager
async def s3_stand(server: S3Server) -> AsyncIterator[Stand]:
    """moto, which checks signatures."""
    async with _behind_gateway(server.url) as (gateway, proxy):

        def make() -> Storage:
            return S3Storage(
                *(aiohttp.ClientSession(), proxy.url, server.who, _pace()),
                bucket=BUCKET,
                part=5 << 20,
                silence_sec=SILENCE_SEC,
            )

        yield Stand("S3", make, server.content, _setter(gateway), FAULTS, proxy, goes_on=True)


@contextlib.asynccontextmanager
async def dav_stand(server: DavServer) -> AsyncIterator[Stand]:
    """nginx."""
    async with _behind_gateway(f"http://127.0.0.1:{server.port}") as (gateway, proxy):

        def make() -> Storage:
            return DavStorage(
                *(aiohttp.ClientSession(), f"{proxy.url}/dav", _pace()),
                user=dav_nginx.USER,
                password=dav_nginx.PASSWORD,
                silence_sec=SILENCE_SEC,
            )

        yield Stand("WebDAV", make, server.content, _setter(gateway), FAULTS, proxy, goes_on=False)


@contextlib.asynccontextmanager
async def fastdfs_stand(folder: Path, address_width: int = 15) -> AsyncIterator[Stand]:
    """The double; the line is that to the storage, the tracker is asked directly."""
    async with FastDfs(address_width).serve() as server:
        proxy = Proxy(("127.0.0.1", server.storage_port))
        async with proxy.serve():
            server.advertised = proxy.port

            def make() -> Storage:
                return FastDfsStorage(
                    *([("127.0.0.1", server.tracker_port)], "", _pace(), folder / "state"),
                    silence_sec=SILENCE_SEC,
                    piece=1 << 20,
                    rollback_sec=SILENCE_SEC,
                )

            def set_fault(fault: str, _: str) -> None:
                server.fault = fault  # type: ignore[assignment]

            faults = tuple(fault for fault in FAULTS if fault != "busy")
            yield Stand("FastDFS", make, server.content, set_fault, faults, proxy, goes_on=True)


def _setter(gateway: Gateway) -> Callable[[str, str], None]:
    return lambda fault, _: setattr(gateway, "fault", fault)


@contextlib.asynccontextmanager
async def _behind_gateway(url: str) -> AsyncIterator[tuple[Gateway, Proxy]]:
    async with Gateway(url).serve() as gateway:
        proxy = Proxy(("127.0.0.1", gateway.port))
        async with proxy.serve():
            yield gateway, proxy
