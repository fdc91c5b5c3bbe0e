"""Files into FastDFS, over lines that break, against a server written from the measured protocol."""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.storage.base import StorageError
from agent.storage.fastdfs.storage import APPENDED_FROM, FastDfsStorage
from agent.storage.fastdfs.trackers import trackers_of
from agent.storage.fastdfs.wire import FdfsError, Place, parse_info, parse_name, parse_place, parse_server
from agent.storage.pace import Pace
from tests.agent.storage.files import NAME, noise
from tests.servers.fastdfs import FastDfs
from tests.servers.ports import free_port
from tests.servers.proxy import Line, Proxy


@pytest.fixture
async def server() -> AsyncIterator[FastDfs]:
    async with FastDfs().serve() as server:
        yield server


def storage(server: FastDfs, state: Path, group: str = "", **more: Any) -> FastDfsStorage:
    more = {"silence_sec": 5.0, "rollback_sec": 2.0, **more}
    trackers = [("127.0.0.1", server.tracker_port)]
    return FastDfsStorage(trackers, group, Pace(0, SystemClock()), state / "fastdfs", piece=1 << 20, **more)


@pytest.mark.parametrize("width", [15, 45])
@pytest.mark.parametrize("size", [0, 1000, APPENDED_FROM + 1_234_567])
async def test_a_file_arrives_under_a_name_of_the_storage(
    tmp_path: Path, server: FastDfs, width: int, size: int
) -> None:
    server.address_width = width
    path, sha256 = noise(tmp_path, size)
    stored = await storage(server, tmp_path, "group1" if width == 15 else "").put(path, NAME, sha256)
    group, _, name = stored.file.removeprefix("/").partition("/")
    assert (group, name[-4:], stored.size) == ("group1", ".mp4", size)
    assert bytes(server.files[name].content) == path.read_bytes()
    assert not server.files[name].appender
    assert list(server.files) == [name]
    assert list((tmp_path / "fastdfs").glob("*")) == []


@pytest.mark.parametrize("content", [b"a", b"b"])  # CRC32 e8b7be43, 71beeff9
async def test_a_checksum_of_either_sign_is_understood(tmp_path: Path, server: FastDfs, content: bytes) -> None:
    path = tmp_path / NAME
    path.write_bytes(content)
    stored = await storage(server, tmp_path).put(path, NAME, hashlib.sha256(content).hexdigest())
    assert server.content(stored.file) == content


@pytest.mark.parametrize("rollback_sec", [0.0, 0.4])
async def test_a_large_file_goes_on_after_every_break_and_leaves_nothing_behind(
    tmp_path: Path, server: FastDfs, rollback_sec: float
) -> None:
    server.rollback_sec = rollback_sec
    path, sha256 = noise(tmp_path, APPENDED_FROM * 3)
    random_ = random.Random(3)
    proxy = Proxy(("127.0.0.1", server.storage_port), lambda _: Line(cut_up=random_.randrange(1_500_000, 4_000_000)))
    breaks, stored = 0, None
    async with proxy.serve():
        server.advertised = proxy.port
        while stored is None:
            try:
                stored = await storage(server, tmp_path).put(path, NAME, sha256)
            except StorageError as error:
                assert error.down
                breaks += 1
    (file,) = server.files.values()
    assert bytes(file.content) == path.read_bytes()
    assert breaks >= 3
    assert server.asked.count(23) == 1, "one upload, however often it broke off"
    assert proxy.up < 1.7 * path.stat().st_size


async def test_what_is_never_rolled_back_is_cut_off(tmp_path: Path, server: FastDfs) -> None:
    server.rollback_sec = 60.0
    path, sha256 = noise(tmp_path, APPENDED_FROM + 100)
    lines = [Line(), Line(cut_up=1_600_000)]
    proxy = Proxy(("127.0.0.1", server.storage_port), lambda number: lines[number - 1] if number <= 2 else Line())
    async with proxy.serve():
        server.advertised = proxy.port
        with pytest.raises(StorageError):
            await storage(server, tmp_path).put(path, NAME, sha256)
        await storage(server, tmp_path, rollback_sec=0.2).put(path, NAME, sha256)
    (file,) = server.files.values()
    assert bytes(file.content) == path.read_bytes()
    assert 36 in server.asked


@pytest.mark.parametrize("size", [1000, APPENDED_FROM])
async def test_what_arrives_damaged_is_deleted_and_sent_again(tmp_path: Path, server: FastDfs, size: int) -> None:
    path, sha256 = noise(tmp_path, size)
    server.fault = "holds other bytes"
    with pytest.raises(StorageError, match="not what was sent"):
        await storage(server, tmp_path).put(path, NAME, sha256)
    assert server.files == {}
    server.fault = ""
    await storage(server, tmp_path).put(path, NAME, sha256)
    assert len(server.files) == 1


@pytest.mark.parametrize("size", [1000, APPENDED_FROM])
async def test_a_file_that_has_changed_is_refused_for_good(tmp_path: Path, server: FastDfs, size: int) -> None:
    path, _ = noise(tmp_path, size)
    with pytest.raises(StorageError, match="has changed") as caught:
        await storage(server, tmp_path).put(path, NAME, hashlib.sha256(b"other").hexdigest())
    assert not caught.value.retry
    assert server.files == {}


async def test_an_unfinished_upload_that_the_storage_lost_begins_anew(tmp_path: Path, server: FastDfs) -> None:
    path, sha256 = noise(tmp_path, APPENDED_FROM * 2)
    proxy = Proxy(("127.0.0.1", server.storage_port), lambda _: Line(cut_up=3_000_000))
    async with proxy.serve():
        server.advertised = proxy.port
        with pytest.raises(StorageError):
            await storage(server, tmp_path).put(path, NAME, sha256)
    server.files.clear()
    server.advertised = 0
    with pytest.raises(StorageError):  # its old place is gone, the trackers send elsewhere
        await storage(server, tmp_path, away_sec=0.0).put(path, NAME, sha256)
    await storage(server, tmp_path).put(path, NAME, sha256)
    assert len(server.files) == 1


async def test_a_storage_that_restarts_is_waited_for_and_one_that_does_not_is_left(
    tmp_path: Path, server: FastDfs
) -> None:
    path, sha256 = noise(tmp_path, APPENDED_FROM * 2)
    proxy = Proxy(("127.0.0.1", server.storage_port), lambda _: Line(cut_up=3_000_000))
    times = [1000.0]
    more: dict[str, Any] = {"away_sec": 600.0, "now": lambda: times[-1]}

    async def fails() -> str:
        with pytest.raises(StorageError) as caught:
            await storage(server, tmp_path, **more).put(path, NAME, sha256)
        assert caught.value.down
        return str(caught.value)

    async with proxy.serve():
        server.advertised = proxy.port
        await fails()
    begun = set(server.files)
    server.advertised = 0  # the trackers send to another storage at once
    assert f"no connection to 127.0.0.1:{proxy.port}" in await fails()
    times.append(1500.0)
    await fails()
    assert server.asked.count(23) == 1, "it is waited for"
    times.append(1601.0)
    await fails()
    await storage(server, tmp_path, **more).put(path, NAME, sha256)
    assert server.asked.count(23) == 2
    assert begun < set(server.files), "nobody could delete it"
    proxy.plan = None
    async with proxy.serve():  # it is back, and cleaned up with the next large file
        path, sha256 = noise(tmp_path, APPENDED_FROM, f"1{NAME}")
        await storage(server, tmp_path, **more).put(path, path.name, sha256)
    assert not begun & set(server.files)
    assert list((tmp_path / "fastdfs").iterdir()) == []


async def test_what_nobody_has_tried_for_a_fortnight_is_deleted(tmp_path: Path, server: FastDfs) -> None:
    path, sha256 = noise(tmp_path, APPENDED_FROM * 2)
    proxy = Proxy(("127.0.0.1", server.storage_port), lambda _: Line(cut_up=3_000_000))
    async with proxy.serve():
        server.advertised = proxy.port
        with pytest.raises(StorageError):
            await storage(server, tmp_path).put(path, NAME, sha256)
        proxy.plan = None
        (note,) = (tmp_path / "fastdfs").iterdir()
        other, other256 = noise(tmp_path, 1000, f"1{NAME}")
        await storage(server, tmp_path).put(other, other.name, other256)
        assert note.exists()
        long_ago = time.time() - 15 * 86400
        os.utime(note, (long_ago, long_ago))
        await storage(server, tmp_path).put(other, other.name, other256)
    assert not note.exists()
    assert not any(file.appender for file in server.files.values())


async def test_a_storage_does_not_read_a_file_to_say_how_far_it_is(tmp_path: Path, server: FastDfs) -> None:
    path, sha256 = noise(tmp_path, APPENDED_FROM * 2)
    proxy = Proxy(("127.0.0.1", server.storage_port), lambda number: Line(cut_up=3_000_000) if number < 3 else Line())
    async with proxy.serve():
        server.advertised = proxy.port
        with pytest.raises(StorageError):
            await storage(server, tmp_path).put(path, NAME, sha256)
        await storage(server, tmp_path).put(path, NAME, sha256)
    assert server.asked.count(23) == 1
    assert server.summed == 0


async def test_what_an_older_server_cannot_make_ordinary_goes_whole(tmp_path: Path, server: FastDfs) -> None:
    server.old = True
    one = storage(server, tmp_path)
    for number in range(2):
        path, sha256 = noise(tmp_path, APPENDED_FROM, f"{number}{NAME}")
        stored = await one.put(path, path.name, sha256)
        assert server.content(stored.file) == path.read_bytes()
    assert len(server.files) == 2, "the appender file is deleted"
    assert (server.asked.count(23), server.asked.count(24), server.asked.count(11)) == (1, 0, 2)


async def test_a_live_picture_leaves_nothing_but_the_one_before_it(tmp_path: Path, server: FastDfs) -> None:
    addresses: list[str] = []
    for number in range(6):
        path, sha256 = noise(tmp_path, 1000 + number, "live_7.jpg")
        one = storage(server, tmp_path)  # the agent is started anew
        addresses.append((await one.put(path, path.name, sha256)).file)
        assert server.content(addresses[-1]) == path.read_bytes()
        assert number in (0, 4) or server.content(addresses[-2]) is not None, "the server shows it until then"
        if number == 3:
            del server.files[addresses[-1].removeprefix("/group1/")]  # a server that deletes it itself
    assert len(server.files) == 2


async def test_a_picture_that_could_not_be_deleted_is_deleted_later(tmp_path: Path, server: FastDfs) -> None:
    for number in range(4):
        path, sha256 = noise(tmp_path, 1000 + number, "live_7.jpg")
        server.fault = "keeps all" if number < 3 else ""
        await storage(server, tmp_path).put(path, path.name, sha256)
    assert len(server.files) == 2


async def test_a_picture_is_stored_whatever_befalls_the_list_of_those_before(tmp_path: Path, server: FastDfs) -> None:
    (tmp_path / "fastdfs/live_7.jpg.pictures").mkdir(parents=True)
    path, sha256 = noise(tmp_path, 1000, "live_7.jpg")
    stored = await storage(server, tmp_path).put(path, path.name, sha256)
    assert server.content(stored.file) == path.read_bytes()


@pytest.mark.parametrize("size", [1000, APPENDED_FROM])
async def test_what_comes_again_is_not_stored_again(tmp_path: Path, server: FastDfs, size: int) -> None:
    """A picture does so with every try of its recording."""
    path, sha256 = noise(tmp_path, size)
    one = storage(server, tmp_path)
    stored = await one.put(path, NAME, sha256)
    assert await one.put(path, NAME, sha256) == stored
    assert len(server.files) == 1
    server.files.clear()
    stored = await one.put(path, NAME, sha256)
    assert server.content(stored.file) == path.read_bytes()
    path.write_bytes(b"b" * size)
    with pytest.raises(StorageError, match="has changed"):
        await one.put(path, NAME, sha256)


async def test_a_file_in_a_trunk(tmp_path: Path, server: FastDfs) -> None:
    server.trunk = True
    path, sha256 = noise(tmp_path, 1000)
    stored = await storage(server, tmp_path).put(path, NAME, sha256)
    assert server.content(stored.file) == path.read_bytes()
    await storage(server, tmp_path).delete(stored.file)
    assert server.files == {}


async def test_where_equal_files_are_kept_once_the_second_is_read_back(tmp_path: Path, server: FastDfs) -> None:
    server.once = True
    path, sha256 = noise(tmp_path, 1_000_000)
    for _ in range(2):
        await storage(server, tmp_path).put(path, NAME, sha256)
    assert len(server.files) == 2
    assert server.asked.count(14) == 1


async def test_a_refusal_is_heard_while_the_file_is_on_its_way(tmp_path: Path, server: FastDfs) -> None:
    path, sha256 = noise(tmp_path, APPENDED_FROM - 1)
    server.fault = "refused"
    with pytest.raises(StorageError, match=r"upload: Operation not permitted \(1\)"):
        await storage(server, tmp_path).put(path, NAME, sha256)


async def test_a_server_that_lets_nobody_in_is_named(tmp_path: Path, server: FastDfs) -> None:
    path, sha256 = noise(tmp_path, 1000)
    server.shut = True
    with pytest.raises(StorageError, match=rf"127\.0\.0\.1:{server.storage_port}.*allow_hosts") as caught:
        await storage(server, tmp_path).put(path, NAME, sha256)
    assert caught.value.down


async def test_a_dead_storage_is_passed_over(tmp_path: Path, server: FastDfs) -> None:
    server.advertised = [free_port(), server.storage_port]
    for number, size in enumerate((1000, APPENDED_FROM)):
        path, sha256 = noise(tmp_path, size, f"{number}{NAME}")
        stored = await storage(server, tmp_path).put(path, path.name, sha256)
        assert server.content(stored.file) == path.read_bytes()


async def test_the_first_tracker_that_answers_is_asked_and_asked_again(tmp_path: Path, server: FastDfs) -> None:
    path, sha256 = noise(tmp_path, 1000)
    hangs = Proxy(("127.0.0.1", server.tracker_port), lambda _: Line(swallow=True))
    async with FastDfs(active=False).serve() as empty, hangs.serve():
        ports = (free_port(), hangs.port, empty.tracker_port, empty.storage_port, server.tracker_port)
        trackers = [("127.0.0.1", port) for port in ports]
        one = FastDfsStorage(trackers, "", Pace(0, SystemClock()), tmp_path / "fastdfs", silence_sec=2.0)
        for number in range(3):
            path, sha256 = noise(tmp_path, 1000 + number)
            await one.put(path, NAME, sha256)
        assert hangs.connections == 1
        # What a tracker says is told, rather than that another one is away.
        server.fault = "full"
        path, sha256 = noise(tmp_path, 1)
        with pytest.raises(StorageError, match=r"every storage is below its reserved space \(28\)"):
            await one.put(path, NAME, sha256)


async def test_a_file_is_not_taken_for_deleted_while_its_group_is_away(tmp_path: Path, server: FastDfs) -> None:
    path, sha256 = noise(tmp_path, 1000)
    stored = await storage(server, tmp_path).put(path, NAME, sha256)
    server.active = False
    with pytest.raises(StorageError, match="no storage is active"):
        await storage(server, tmp_path).delete(stored.file)
    server.active = True
    for _ in range(2):
        await storage(server, tmp_path).delete(stored.file)
    assert server.files == {}


async def test_a_disk_that_fills_up_keeps_what_it_has_until_there_is_space(tmp_path: Path, server: FastDfs) -> None:
    path, sha256 = noise(tmp_path, APPENDED_FROM * 2)
    server.fault = "disk full"
    for _ in range(2):
        with pytest.raises(StorageError, match=r"append: .* \(28\)") as caught:
            await storage(server, tmp_path).put(path, NAME, sha256)
        assert caught.value.retry
        assert caught.value.down
    (file,) = server.files.values()
    assert len(file.content) == 1 << 20
    server.fault = ""
    await storage(server, tmp_path).put(path, NAME, sha256)
    assert server.asked.count(23) == 1, "one upload"
    (file,) = server.files.values()
    assert bytes(file.content) == path.read_bytes()


@pytest.mark.parametrize("size", [1000, APPENDED_FROM])
async def test_a_tracker_that_sends_to_a_dead_storage(tmp_path: Path, server: FastDfs, size: int) -> None:
    path, sha256 = noise(tmp_path, size)
    server.advertised = free_port()
    with pytest.raises(StorageError) as caught:
        await storage(server, tmp_path).put(path, NAME, sha256)
    assert caught.value.retry
    assert caught.value.down
    server.advertised = 0
    await storage(server, tmp_path).put(path, NAME, sha256)
    (file,) = server.files.values()
    assert bytes(file.content) == path.read_bytes()


async def test_a_note_of_an_older_version_goes_on(tmp_path: Path, server: FastDfs) -> None:
    path, sha256 = noise(tmp_path, APPENDED_FROM * 3)
    proxy = Proxy(("127.0.0.1", server.storage_port), lambda _: Line(cut_up=APPENDED_FROM + 2_000_000))
    async with proxy.serve():
        server.advertised = proxy.port
        with pytest.raises(StorageError):
            await storage(server, tmp_path).put(path, NAME, sha256)
    server.advertised = 0
    (note,) = (tmp_path / "fastdfs").iterdir()
    told = json.loads(note.read_text())
    del told["piece"]
    (file,) = server.files.values()
    del file.content[APPENDED_FROM:]  # whose pieces were of 4 MiB
    note.write_text(json.dumps({**told, "port": server.storage_port, "sent": APPENDED_FROM}))
    await storage(server, tmp_path).put(path, NAME, sha256)
    assert server.asked.count(23) == 1
    (file,) = server.files.values()
    assert bytes(file.content) == path.read_bytes()


async def test_no_storage_and_no_tracker(tmp_path: Path, server: FastDfs) -> None:
    path, sha256 = noise(tmp_path, 1000)
    server.active = False
    with pytest.raises(StorageError, match="no storage is active"):
        await storage(server, tmp_path).put(path, NAME, sha256)
    with pytest.raises(StorageError, match="no such group"):
        await storage(server, tmp_path, "group9").put(path, NAME, sha256)
    dead = FastDfsStorage([("127.0.0.1", 1), ("127.0.0.1", 2)], "", Pace(0, SystemClock()), tmp_path)
    with pytest.raises(StorageError, match="no tracker names a storage: no connection to") as caught:
        await dead.put(path, NAME, sha256)
    assert caught.value.down


@pytest.mark.parametrize(
    ("url", "trackers"),
    [
        ("fdfs://10.0.0.5:22122", [("10.0.0.5", 22122)]),
        ("fdfs://10.0.0.5,tracker.example:99/", [("10.0.0.5", 22122), ("tracker.example", 99)]),
        ("fdfs://[fe80::1]:22122", [("fe80::1", 22122)]),
    ],
)
def test_trackers(url: str, trackers: list[tuple[str, int]]) -> None:
    assert trackers_of(url) == trackers


@pytest.mark.parametrize("url", ["fdfs://", "fdfs://a:0", "fdfs://a:99999", "fdfs://a,,b", "fdfs://a b"])
def test_no_trackers(url: str) -> None:
    with pytest.raises(ValueError, match="tracker"):
        trackers_of(url)


@pytest.mark.parametrize(("host", "width"), [("10.0.0.5", 15), ("2001:db8:1111:2222:3333:4444:5555:6666", 45)])
def test_both_lengths_of_a_trackers_address(host: str, width: int) -> None:
    body = b"group1".ljust(16, b"\0") + host.encode().ljust(width, b"\0") + (23000).to_bytes(8, "big")
    assert parse_place(body + b"\3") == Place("group1", host, 23000, 3)
    assert parse_server(body) == (host, 23000)


@given(st.binary(max_size=100))
def test_replies_of_anything_are_understood_or_refused(body: bytes) -> None:
    for parse in (parse_place, parse_name, parse_info):
        try:
            parse(body)
        except FdfsError:
            continue
