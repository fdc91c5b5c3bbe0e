"""Uploads into WebDAV folders of nginx, WsgiDAV and Apache, over lines that break and damage, and behind TLS."""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from agent.clock import SystemClock
from agent.storage.base import StorageError
from agent.storage.pace import Pace
from agent.storage.webdav import DavStorage
from tests.agent.storage.files import NAME, noise
from tests.servers import dav_wsgi
from tests.servers.dav_apache import apache_server
from tests.servers.dav_nginx import PASSWORD, USER, DavServer, dav_server
from tests.servers.dav_wsgi import wsgidav_server
from tests.servers.proxy import CLEAN, Line, Proxy
from tests.servers.tls_front import tls_front

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def dav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavServer]:
    with dav_server(tmp_path_factory.mktemp("dav")) as dav:
        yield dav


Make = Callable[..., DavStorage]


@pytest.fixture
async def storage(dav: DavServer) -> AsyncIterator[Make]:
    made: list[DavStorage] = []

    def make(folder: str = "dav/a/b", port: int = dav.port, password: str = PASSWORD) -> DavStorage:
        url = f"http://127.0.0.1:{port}/{folder}"
        session, pace = aiohttp.ClientSession(), Pace(0, SystemClock())
        made.append(DavStorage(session, url, pace, user=USER, password=password, silence_sec=20.0))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_folders_are_made_and_files_arrive_whole(tmp_path: Path, dav: DavServer, storage: Make) -> None:
    for size in (1, 3_000_000):
        path, sha256 = noise(tmp_path, size, f"{size:032x}_7_1800000000_5_11_1_60.mp4")
        found = await storage().put(path, path.name, sha256)
        assert await storage().put(path, path.name, sha256) == found
        assert found.file == f"/dav/a/b/{path.name}"
        assert (dav.root / found.file[1:]).read_bytes() == path.read_bytes()
    assert len(list((dav.root / "dav/a/b").iterdir())) == 2, "nothing half-written stands beside"


async def test_a_picture_is_replaced(tmp_path: Path, dav: DavServer, storage: Make) -> None:
    for size in (500, 500, 700):
        path = tmp_path / "live_7.jpg"
        path.write_bytes(os.urandom(size))
        await storage("dav").put(path, path.name, hashlib.sha256(path.read_bytes()).hexdigest())
        assert (dav.root / "dav/live_7.jpg").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("line", [Line(cut_up=1_000_000), Line(flip_up=1_000_000), Line(half_up=1_000_000)])
async def test_a_bad_line_leaves_nothing_under_the_name(
    tmp_path: Path, dav: DavServer, storage: Make, line: Line
) -> None:
    path, sha256 = noise(tmp_path, 2_000_000, hashlib.md5(repr(line).encode()).hexdigest() + "_7_1_5_11_1_60.mp4")
    proxy = Proxy(("127.0.0.1", dav.port), lambda _: line)
    async with proxy.serve():
        with pytest.raises(StorageError) as caught:
            await storage("dav", proxy.port).put(path, path.name, sha256)
        assert caught.value.retry
        assert not (dav.root / "dav" / path.name).exists()
        proxy.plan = lambda _: CLEAN
        await storage("dav", proxy.port).put(path, path.name, sha256)
    assert (dav.root / "dav" / path.name).read_bytes() == path.read_bytes()


async def test_a_wrong_password_and_a_changed_file(tmp_path: Path, dav: DavServer, storage: Make) -> None:
    path, sha256 = noise(tmp_path, 1000)
    with pytest.raises(StorageError, match="401") as caught:
        await storage("dav", password="wrong").put(path, NAME, sha256)
    assert caught.value.down
    with pytest.raises(StorageError, match="has changed"):
        await storage("dav").put(path, NAME, hashlib.sha256(b"other").hexdigest())
    assert not (dav.root / "dav" / NAME).exists()


async def test_two_agents_make_the_same_folder_at_the_same_time(tmp_path: Path, dav: DavServer, storage: Make) -> None:
    files = [noise(tmp_path, 1000 + n, f"{n:032x}_7_1800000000_5_11_1_60.mp4") for n in range(6)]
    agents = [storage("dav/new/room/101") for _ in files]
    await asyncio.gather(
        *(agent.put(path, path.name, sha256) for agent, (path, sha256) in zip(agents, files, strict=True))
    )
    for path, _ in files:
        assert (dav.root / "dav/new/room/101" / path.name).read_bytes() == path.read_bytes()


@pytest.fixture(scope="module")
def locking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavServer]:
    """WsgiDAV, which wants Digest and keeps locks."""
    with wsgidav_server(tmp_path_factory.mktemp("wsgidav")) as server:
        yield server


@pytest.fixture
async def digest(locking: DavServer) -> AsyncIterator[Callable[[str], DavStorage]]:
    made: list[DavStorage] = []

    def make(password: str = dav_wsgi.PASSWORD) -> DavStorage:
        session, pace = aiohttp.ClientSession(), Pace(0, SystemClock())
        made.append(DavStorage(session, f"{locking.url}/a", pace, user=dav_wsgi.USER, password=password))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_a_password_by_digest(tmp_path: Path, locking: DavServer, digest: Callable[..., DavStorage]) -> None:
    path, sha256 = noise(tmp_path, 3_000_000)
    for _ in range(2):
        stored = await digest().put(path, NAME, sha256)
        assert locking.content(stored.file) == path.read_bytes()
    await digest().delete(stored.file)
    assert locking.content(stored.file) is None
    with pytest.raises(StorageError, match="does not know this user and secret \\(401") as caught:
        await digest("wrong").put(path, NAME, sha256)
    assert caught.value.down


async def test_a_name_that_somebody_has_locked_waits_alone(
    tmp_path: Path, locking: DavServer, digest: Callable[..., DavStorage]
) -> None:
    path, sha256 = noise(tmp_path, 1000, "c" * 32 + "_7_1800000000_5_11_1_60.mp4")
    await digest().put(path, path.name, sha256)
    path.write_bytes(b"a newer one")
    sha256 = hashlib.sha256(b"a newer one").hexdigest()
    wanted = (
        '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype>'
        "<owner>an editor</owner></lockinfo>"
    )
    login = aiohttp.DigestAuthMiddleware(dav_wsgi.USER, dav_wsgi.PASSWORD)
    async with aiohttp.ClientSession(middlewares=(login,)) as editor:
        url = f"{locking.url}/a/{path.name}"
        async with editor.request("LOCK", url, data=wanted, headers={"Timeout": "Second-600"}) as answer:
            assert answer.status == 200
            token = answer.headers["Lock-Token"]
        with pytest.raises(StorageError, match="holds the name locked \\(423: MOVE") as caught:
            await digest().put(path, path.name, sha256)
        assert caught.value.retry
        assert not caught.value.down, "others need not wait for it"
        async with editor.request("UNLOCK", url, headers={"Lock-Token": token}) as answer:
            assert answer.status == 204
    stored = await digest().put(path, path.name, sha256)
    assert locking.content(stored.file) == b"a newer one"


@pytest.fixture(scope="module")
def apache() -> Iterator[DavServer]:
    """Apache, which compresses what it can; a password by Digest is good for a second."""
    with apache_server(nonce_sec=1) as server:
        yield server


@pytest.mark.parametrize("way", ["dav", "digest"])
async def test_a_folder_and_a_password_in_chinese(tmp_path: Path, apache: DavServer, way: str) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"a lesson" * 100_000)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    url = f"http://127.0.0.1:{apache.port}/{way}/录像/三 楼"
    storage = DavStorage(aiohttp.ClientSession(), url, Pace(0, SystemClock()), user=USER, password=PASSWORD)
    for _ in range(2):
        stored = await storage.put(path, NAME, sha256)
        assert apache.content(stored.file) == path.read_bytes()
        await asyncio.sleep(1.1)  # the nonce is stale
    assert [one.name for one in (apache.root / way / "录像/三 楼").iterdir()] == [NAME]
    await storage.delete(stored.file)
    assert apache.content(stored.file) is None
    await storage.close()


async def test_a_turn_that_is_long_in_coming(tmp_path: Path, apache: DavServer) -> None:
    """Longer than the server takes what the password was hashed with."""
    path, sha256 = noise(tmp_path, 6_000_000)
    url = f"http://127.0.0.1:{apache.port}/digest/b"
    storage = DavStorage(aiohttp.ClientSession(), url, Pace(0, SystemClock()), user=USER, password=PASSWORD)
    async with asyncio.timeout(60), storage._turns.sending():
        waiting = asyncio.create_task(storage.put(path, NAME, sha256))
        while not (apache.root / "digest/b").is_dir():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.05)
        await asyncio.sleep(2.5)
    stored = await waiting
    assert apache.content(stored.file) == path.read_bytes()
    await storage.close()


@pytest.mark.parametrize("name", ["dav", "locking", "apache"])
async def test_behind_a_proxy_that_ends_tls(tmp_path: Path, request: pytest.FixtureRequest, name: str) -> None:
    """None of the three knows the address that it is asked by, and all move the file."""
    server: DavServer = request.getfixturevalue(name)
    password = dav_wsgi.PASSWORD if name == "locking" else PASSWORD
    with tls_front(tmp_path, server.port, "127.0.0.1") as front:
        tls = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=front.ca_file))
        session, url = aiohttp.ClientSession(connector=tls), f"https://127.0.0.1:{front.port}/dav/tls"
        storage = DavStorage(session, url, Pace(0, SystemClock()), user=USER, password=password)
        for number in range(2):
            path, sha256 = noise(tmp_path, 100_000, f"{number:032x}_7_1800000000_5_11_1_60.mp4")
            stored = await storage.put(path, path.name, sha256)
            assert server.content(stored.file) == path.read_bytes()
        await storage.close()
    assert storage._moves
    assert len(list((server.root / "dav/tls").iterdir())) == 2
