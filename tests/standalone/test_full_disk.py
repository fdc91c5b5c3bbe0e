"""The embedded server's disk is full: uploads are refused, and there is always room to delete."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.standalone import files
from agent.standalone.settings import ServerSettings
from tests.faults.disks import can_mount
from tests.standalone.helpers import Api, ScriptedAgent, record, stem

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not can_mount(), reason="file systems can be mounted by root only"),
]

SIZE = 16 << 20
PIECE = b"x" * (1 << 20)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerSettings]:
    """Of a server whose folder has that disk."""
    monkeypatch.setattr(files, "RESERVE_BYTES", 2 << 20)
    with small_disk(tmp_path / "disk") as disk:
        yield ServerSettings(data_dir=disk / "server", timezone="Asia/Shanghai")


async def test_a_full_disk_takes_no_more_and_can_be_emptied(api: Api, agent: ScriptedAgent) -> None:
    brought = 0
    while True:
        name = stem(77, slice_id=brought + 1)
        status, stored = await agent.put(name + ".mp4", PIECE)
        if status != 200:
            break
        assert (await agent.post("records", record(name, stored)))[0] == 200
        brought += 1
        assert brought < SIZE / len(PIECE)
    assert status == 507 and brought > 5
    assert (await agent.post("status", {"queue_files": 3}))[0] == 200, "there is room for what is small"
    await api.ok("add_school", name="x", addr="y")
    ids = [row["record_id"] for row in (await api.ok("list_record", per=100))["data"]]
    await api.ok("del_record", record_id=",".join(map(str, ids)))
    await api.server._services.sweeper.idle()
    status, _ = await agent.put(name + ".mp4", PIECE)
    assert status == 200


async def test_without_any_room_everything_is_answered_and_goes_on_afterwards(api: Api, agent: ScriptedAgent) -> None:
    ballast = api.server._services.settings.data_dir / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(PIECE):
            pass
    assert (await agent.put(stem(77) + ".mp4", PIECE))[0] == 507
    for number in range(20):  # until the database has no page left
        url = api.url("add_school", {"token": api.token, "name": "x" * 10_000, "addr": number})
        async with api.http.get(url) as response:
            answer = response.status, (await response.json())["err_code"]
        assert answer in ((200, 0), (500, 500))
    assert answer == (500, 500)
    assert (await agent.post("status", {"cameras": []}))[0] in (200, 503)
    await api.ok("list_school")
    ballast.unlink()
    await api.ok("add_school", name="x", addr="y")
    assert (await agent.put(stem(77) + ".mp4", PIECE))[0] == 200
