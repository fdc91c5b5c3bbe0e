"""`PUT` and `HEAD /gather/v1/files/{name}`, and what `/storage` serves."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from agent.standalone import files
from agent.standalone.files import parse_name
from agent.standalone.gather import uploads
from agent.standalone.gather.landing import Landing
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.standalone.store.trash import Sweeper
from tests.standalone.helpers import JPEG, Api, ScriptedAgent, record, stem, until
from tests.standalone.test_api_cameras import add

DATA = os.urandom(3_000_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "server"


@contextlib.contextmanager
def elsewhere(folder: Path) -> Iterator[Path]:
    """The folder becomes a link to one of another file system."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == folder.stat().st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir=shared) as disk:
        folder.rmdir()
        folder.symlink_to(disk)
        yield Path(disk)


def stored_files(folder: Path, *subs: str) -> list[str]:
    return sorted(
        str(path.relative_to(folder))
        for sub in subs or ("recordings", "snapshots", "incoming")
        for path in (folder / sub).rglob("*")
        if path.is_file()
    )


async def test_a_whole_file(agent: ScriptedAgent, folder: Path) -> None:
    name = stem() + ".mp4"
    status, answer = await agent.put(name, DATA)
    assert status == 200
    assert answer == {
        "err_code": 0,
        "err_msg": "OK",
        "file": f"/storage/recordings/2026-11-24/{name}",
        "size": len(DATA),
        "sha256": hashlib.sha256(DATA).hexdigest(),
    }
    assert stored_files(folder) == [f"recordings/2026-11-24/{name}"]
    assert (folder / "recordings" / "2026-11-24" / name).read_bytes() == DATA


async def test_again_is_the_same_and_other_content_is_refused(agent: ScriptedAgent, folder: Path) -> None:
    name = stem() + ".mp4"
    first = await agent.put(name, DATA)
    assert await agent.put(name, DATA) == first
    assert (await agent.put(name, DATA[:-1]))[0] == 409
    assert (folder / "recordings" / "2026-11-24" / name).read_bytes() == DATA


async def test_a_file_that_went_missing_is_taken_again(agent: ScriptedAgent, folder: Path) -> None:
    name = stem() + ".mp4"
    await agent.put(name, b"media")
    path = folder / "recordings" / "2026-11-24" / name
    path.unlink()
    address = f"{agent.server.url}/gather/v1/files/{name}"
    async with agent.http.head(address, headers=agent.auth) as response:
        assert response.status == 404
    assert (await agent.put(name, b"media"))[0] == 200
    assert path.read_bytes() == b"media"


async def test_head_tells_size_and_checksum(agent: ScriptedAgent) -> None:
    name = stem() + ".mp4"
    address = f"{agent.server.url}/gather/v1/files/{name}"
    async with agent.http.head(address, headers=agent.auth) as response:
        assert response.status == 404
    await agent.put(name, DATA)
    async with agent.http.head(address, headers=agent.auth) as response:
        assert response.status == 200
        assert response.headers["Content-Length"] == str(len(DATA))
        checksum = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
        assert response.headers["Repr-Digest"] == f"sha-256=:{checksum}:"


@pytest.mark.parametrize("name", [stem() + ".mp4", "live_1.jpg"])
async def test_wrong_digest_leaves_nothing(api: Api, agent: ScriptedAgent, folder: Path, name: str) -> None:
    await add(api, agent)
    wrong = base64.b64encode(bytes(32)).decode()
    status, answer = await agent.put(name, DATA, **{"Content-Digest": f"sha-256=:{wrong}:"})
    assert (status, answer["err_code"]) == (422, 422)
    assert stored_files(folder) == []
    assert (await agent.put(name, DATA))[0] == 200


@pytest.mark.parametrize("digest", ["", "sha-256=abc", "md5=:AAAA:", "sha-256=:AAAA:", "sha-256=:" + "!" * 43 + "=:"])
async def test_a_digest_is_needed(agent: ScriptedAgent, folder: Path, digest: str) -> None:
    assert (await agent.put(stem() + ".mp4", b"x", **{"Content-Digest": digest}))[0] == 400
    assert stored_files(folder) == []


async def test_digest_among_others(agent: ScriptedAgent) -> None:
    checksum = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    header = f"sha-512=:{'A' * 86}==:, sha-256=:{checksum}:"
    assert (await agent.put(stem() + ".mp4", b"x", **{"Content-Digest": header}))[0] == 200


async def test_a_length_is_needed(agent: ScriptedAgent) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"media"

    checksum = base64.b64encode(hashlib.sha256(b"media").digest()).decode()
    headers = agent.auth | {"Content-Digest": f"sha-256=:{checksum}:"}
    address = f"{agent.server.url}/gather/v1/files/{stem()}.mp4"
    async with agent.http.put(address, data=chunks(), headers=headers) as response:
        assert response.status == 411


async def test_an_upload_that_breaks_off_leaves_nothing(agent: ScriptedAgent, folder: Path) -> None:
    url = URL(agent.server.url)
    _, writer = await asyncio.open_connection(url.host, url.port)
    checksum = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    head = (
        f"PUT /gather/v1/files/{stem()}.mp4 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {agent.token}\r\n"
        f"Content-Length: {len(DATA)}\r\nContent-Digest: sha-256=:{checksum}:\r\n\r\n"
    )
    writer.write(head.encode() + DATA[: len(DATA) // 2])
    await writer.drain()
    await until(lambda: bool(stored_files(folder)))
    writer.transport.abort()
    await until(lambda: not stored_files(folder))
    assert (await agent.put(stem() + ".mp4", DATA))[0] == 200


async def test_a_sender_that_stalls_is_let_go(
    agent: ScriptedAgent, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "CHUNK_SECONDS", 0.05)
    url = URL(agent.server.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    checksum = base64.b64encode(bytes(32)).decode()
    head = (
        f"PUT /gather/v1/files/{stem()}.mp4 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {agent.token}\r\n"
        f"Content-Length: 100\r\nContent-Digest: sha-256=:{checksum}:\r\n\r\n"
    )
    writer.write(head.encode() + b"some")
    assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 408")
    assert stored_files(folder) == []
    writer.close()
    await writer.wait_closed()


TRICKS = [
    *("../secrets.json", "..%2Fsecrets.json", "%2e%2e%2fsecrets.json", "..%5csecrets.json", "%00.mp4", "x.mp4"),
    *(
        stem() + ".mp4%00.jpg",
        stem() + ".mp4/../../x",
        stem(uid=0xABC).upper() + ".mp4",
        stem() + ".mp4.part",
        stem() + ".exe",
    ),
    *("live_1.mp4", "live_-1.jpg", "live_1.jpg%0a", "live_١.jpg", "live_" + "9" * 30 + ".jpg", "", "."),
]


async def test_names_that_are_none(agent: ScriptedAgent, folder: Path) -> None:
    before = (folder / "secrets.json").read_bytes()
    for name in TRICKS:
        address = URL(f"{agent.server.url}/gather/v1/files/{name}", encoded=True)
        checksum = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
        headers = agent.auth | {"Content-Digest": f"sha-256=:{checksum}:"}
        async with agent.http.put(address, data=b"x", headers=headers) as response:
            assert response.status in (400, 404, 405), name
    assert stored_files(folder) == []
    assert (folder / "secrets.json").read_bytes() == before


async def test_storage_serves_nothing_else(agent: ScriptedAgent) -> None:
    await agent.put(stem() + ".mp4", b"media")
    for path in (
        *("../secrets.json", "%2e%2e/secrets.json", "recordings/..%2f..%2fsecrets.json", "recordings", "recordings/"),
        *("recordings/2026-11-24", "recordings/2026-11-24/", "incoming/", "server.sqlite", "snapshots/live_1.jpg"),
        f"recordings/2026-11-25/{stem()}.mp4",
    ):
        async with agent.http.get(URL(f"{agent.server.url}/storage/{path}", encoded=True)) as response:
            assert response.status == 404, path


async def test_files_of_other_agents_are_theirs(api: Api, agent: ScriptedAgent, folder: Path) -> None:
    other = ScriptedAgent(agent.server, agent.http, uid="agent-2", mac="AA")
    await other.register()
    mine = await add(api, agent)
    await agent.put(stem(mine) + ".mp4", b"mine")
    for name in (stem(mine) + ".mp4", stem(mine, uid=7) + ".mp4", f"live_{mine}.jpg"):
        assert (await other.put(name, b"theirs"))[0] == 409
        assert (await agent.post("status", {}))[0] == 200
    gone = stem(999, uid=3) + ".mp4"
    assert (await agent.put(gone, b"of a channel that is gone"))[0] == 200
    assert (await other.put(gone, b"of a channel that is gone"))[0] == 409
    assert (folder / "recordings" / "2026-11-24" / (stem(mine) + ".mp4")).read_bytes() == b"mine"


async def test_what_is_taken_back_and_comes_again_before_it_is_swept_stays(
    agent: ScriptedAgent, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, sweeper = stem() + ".mp4", agent.server._services.sweeper
    await agent.put(name, DATA)
    with monkeypatch.context() as patch:
        patch.setattr(Sweeper, "wake", lambda _: None)
        async with agent.http.delete(f"{agent.server.url}/gather/v1/files/{name}", headers=agent.auth) as answer:
            assert answer.status == 200
        assert (await agent.put(name, DATA))[0] == 200
    sweeper.wake()
    await sweeper.idle()
    assert stored_files(folder) == [f"recordings/2026-11-24/{name}"]


async def test_only_what_no_record_refers_to_is_taken_back(agent: ScriptedAgent, folder: Path) -> None:
    known, unknown = stem(), stem(inx=2)
    for name in (known, unknown):
        _, stored = await agent.put(name + ".mp4", DATA)
        if name == known:
            assert (await agent.post("records", record(name, stored)))[0] == 200

    async def delete(name: str, auth: dict[str, str]) -> int:
        async with agent.http.delete(f"{agent.server.url}/gather/v1/files/{name}", headers=auth) as answer:
            return answer.status

    other = ScriptedAgent(agent.server, agent.http, uid="agent-2", mac="00-11-22-33-44-66")
    await other.register()
    assert await delete(unknown + ".mp4", {}) == 401
    assert await delete("live_1.jpg", agent.auth) == 405
    assert await delete(known + ".mp4", agent.auth) == 409
    assert await delete(unknown + ".mp4", other.auth) == 200, "nothing of its own is there"
    await agent.server._services.sweeper.idle()
    assert len(stored_files(folder)) == 2
    for _ in range(2):
        assert await delete(unknown + ".mp4", agent.auth) == 200
    await agent.server._services.sweeper.idle()
    assert stored_files(folder) == [f"recordings/2026-11-24/{known}.mp4"]


async def test_tokens_are_needed(agent: ScriptedAgent) -> None:
    agent.token = "wrong"
    assert (await agent.put(stem() + ".mp4", b"x"))[0] == 401
    agent.token = agent.server.enrol_key
    assert (await agent.put(stem() + ".mp4", b"x"))[0] == 401


async def test_the_current_picture_is_replaced_under_a_name_that_tells_nothing(
    api: Api, agent: ScriptedAgent, folder: Path
) -> None:
    camera_id = await add(api, agent)
    _, first = await agent.put(f"live_{camera_id}.jpg", JPEG)
    _, second = await agent.put(f"live_{camera_id}.jpg", JPEG + b"2")
    assert first["file"] == second["file"]
    assert f"live_{camera_id}" not in first["file"]
    assert len(stored_files(folder)) == 1
    report = {"file_src": f"live_{camera_id}", "camera_id": camera_id, "image_fdfs": second["file"]}
    report |= {"file_size": second["size"], "taken": 1000.0}
    assert (await agent.post("snapshots", report))[0] == 200
    row = (await api.ok("list_camera"))["data"][0]
    assert (row["image_id"], row["image_fdfs"]) == (1, second["file"])
    async with api.http.get(api.server.url + row["image_fdfs"]) as response:
        assert await response.read() == JPEG + b"2"
        assert response.headers["Content-Type"] == "image/jpeg"
    assert (await agent.post("snapshots", report | {"taken": 900.0, "image_fdfs": "/older"}))[0] == 200
    assert (await api.ok("list_camera"))["data"][0]["image_fdfs"] == second["file"]
    assert (await agent.post("snapshots", report | {"file_src": "live_77"}))[0] == 400
    assert (await agent.put("live_99.jpg", JPEG))[0] == 404


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_a_full_disk_is_507(
    agent: ScriptedAgent, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(number, "full")

    with monkeypatch.context() as patch:
        patch.setattr(Landing, "_write", full)
        status, answer = await agent.put(stem() + ".mp4", b"media")
        assert (status, answer["err_code"]) == (507, 507)
    assert stored_files(folder) == []
    assert (await agent.put(stem() + ".mp4", b"media"))[0] == 200


async def test_what_would_fill_the_disk_is_not_begun(
    agent: ScriptedAgent, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_byte(*_: object) -> None:
        raise AssertionError("begun")

    with monkeypatch.context() as patch:
        patch.setattr(files, "RESERVE_BYTES", 1 << 60)
        patch.setattr(Landing, "_write", no_byte)
        assert (await agent.put(stem() + ".mp4", b"media"))[0] == 507
    assert (await agent.put(stem() + ".mp4", b"media"))[0] == 200


async def test_two_uploads_of_one_name_do_not_mix(agent: ScriptedAgent, folder: Path) -> None:
    name = stem() + ".mp4"
    answers = await asyncio.gather(*(agent.put(name, bytes([number]) * 2_000_000) for number in range(4)))
    assert sorted(status for status, _ in answers)[0] == 200
    assert all(status in (200, 409, 503) for status, _ in answers)
    taken = [answer for status, answer in answers if status == 200]
    content = (folder / "recordings" / "2026-11-24" / name).read_bytes()
    assert {answer["sha256"] for answer in taken} == {hashlib.sha256(content).hexdigest()}


@given(st.text(alphabet="0123456789abcdef_./\\-livejpgmp4\0\n٣", max_size=120))
def test_no_name_leaves_its_folder(text: str) -> None:
    name = parse_name(text)
    if name is not None:
        assert "/" not in text and "\\" not in text and ".." not in text
        assert text.isascii() and text.isprintable()
        assert name.live == text.startswith("live_")


async def test_leftovers_of_a_crash_go_at_start(settings: ServerSettings, folder: Path) -> None:
    (folder / "incoming").mkdir(parents=True)
    (folder / "incoming" / "left").write_bytes(b"half")
    server = EmbeddedServer(settings)
    await server.start()
    assert stored_files(folder) == []
    await server.stop()


async def test_recordings_may_have_a_disk_of_their_own(api: Api, agent: ScriptedAgent, folder: Path) -> None:
    """A link to another file system, onto which nothing can be renamed."""
    with elsewhere(folder / "recordings") as disk:
        status, stored = await agent.put(stem() + ".mp4", b"media" * 1000)
        assert status == 200
        async with api.http.get(api.server.url + stored["file"]) as response:
            assert await response.read() == b"media" * 1000
        assert stored_files(disk.parent, disk.name) == [f"{disk.name}/2026-11-24/{stem()}.mp4"]
        assert stored_files(folder, "incoming") == []
