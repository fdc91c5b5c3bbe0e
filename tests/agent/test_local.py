"""The door on this machine."""

from __future__ import annotations

import contextlib
import json
import stat
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.local import COMMANDS, PIECE, LocalDoor
from agent.status import CamerasView, DaemonView, LessonOutcome, LessonsView, UploadsView
from agent.wire.codes import Code
from agent.wire.commands import COMMANDS as RELAYED
from tests.agent.behind import Behind


class Caller:
    """Somebody at the door."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def get(self, path: str) -> tuple[int, bytes]:
        async with self._http.get(f"http://localhost{path}") as got:
            return got.status, await got.read()

    async def post(self, path: str, body: bytes = b"") -> tuple[int, Any]:
        async with self._http.post(f"http://localhost{path}", data=body) as got:
            text = await got.read()
            return got.status, json.loads(text) if got.status == 200 else text


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
async def caller(tmp_path: Path, behind: Behind) -> AsyncIterator[Caller]:
    path = tmp_path / "run" / "control.sock"
    door = LocalDoor(path, behind, behind.carry_out, tmp_path)
    await door.open()
    try:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as http:
            yield Caller(http)
    finally:
        await door.close()


async def test_the_socket_is_of_ones_own_and_goes_with_the_door(tmp_path: Path, behind: Behind) -> None:
    path = tmp_path / "run" / "control.sock"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"left by a daemon that was killed")
    async with contextlib.AsyncExitStack() as stack:
        door = LocalDoor(path, behind, behind.carry_out, tmp_path)
        await door.open()
        stack.push_async_callback(door.close)
        found = path.stat().st_mode
        assert stat.S_ISSOCK(found)
        assert stat.S_IMODE(found) == 0o600
    assert not path.exists()
    await LocalDoor(path, behind, behind.carry_out, tmp_path).close()  # never opened


async def test_every_view(caller: Caller, behind: Behind) -> None:
    assert DaemonView.model_validate_json((await caller.get("/status"))[1]) == behind.status
    assert CamerasView.model_validate_json((await caller.get("/cameras"))[1]) == behind.cameras
    assert UploadsView.model_validate_json((await caller.get("/uploads"))[1]) == behind.uploads
    assert LessonsView.model_validate_json((await caller.get("/lessons"))[1]).timezone == "UTC"
    await caller.get("/lessons?day=2026-11-20&days=7")
    assert behind.days == [(None, 1), (date(2026, 11, 20), 7)]
    assert (await caller.post("/status"))[0] == 405


@pytest.mark.parametrize("count", [1, PIECE, PIECE + 1, 2 * PIECE + 3])
async def test_a_month_of_lessons_comes_whole_whatever_stands_in_it(caller: Caller, behind: Behind, count: int) -> None:
    names = ['"lessons":[]', "数学", "],[", ""]
    lessons = tuple(
        LessonOutcome(
            key=f"{n}",
            camera_id=n,
            camera_name=names[n % 4],
            course_id=0,
            state="due",
            planned_start=n,
            planned_end=None,
        )
        for n in range(count)
    )
    behind.shown = behind.shown.model_copy(update={"lessons": lessons})
    assert LessonsView.model_validate_json((await caller.get("/lessons?days=31"))[1]) == behind.shown


@pytest.mark.parametrize("query", ["day=yesterday", "days=x", "days=0", "days=99999", "day=2026-13-01"])
async def test_days_that_are_none(caller: Caller, behind: Behind, query: str) -> None:
    assert (await caller.get(f"/lessons?{query}"))[0] == 400
    assert behind.days == []


async def test_a_channel_s_picture(caller: Caller, tmp_path: Path) -> None:
    assert (await caller.get("/snapshots/7"))[0] == 404
    (tmp_path / "live_7.jpg").write_bytes(b"\xff\xd8 a picture")
    assert await caller.get("/snapshots/7") == (200, b"\xff\xd8 a picture")
    for outside in ("/snapshots/../control.sock", "/snapshots/..%2Flive_7.jpg", "/snapshots/x"):
        assert (await caller.get(outside))[0] == 404


async def test_commands_are_the_relay_s(caller: Caller, behind: Behind) -> None:
    for path in COMMANDS:
        status, answered = await caller.post(path, b'{"camera_id": 7}')
        assert (status, answered) == (200, {"err_code": 0, "err_msg": "OK", "data": {"camera_id": 7}})
    assert [command.cmd for command in behind.carried] == list(COMMANDS.values())
    assert set(COMMANDS.values()) <= RELAYED.keys()
    assert len({command.id for command in behind.carried}) == len(COMMANDS)
    _, refused = await caller.post("/record", b'{"camera_id": 99}')
    assert refused["err_code"] == Code.NO_SUCH_CAMERA


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b"\xff"])
async def test_a_body_that_is_no_object(caller: Caller, behind: Behind, body: bytes) -> None:
    assert (await caller.post("/record", body))[0] == 400
    assert behind.carried == []
