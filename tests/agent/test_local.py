"""The door on this machine."""

from __future__ import annotations

import stat
from pathlib import Path

import aiohttp

from agent.local import LocalDoor
from agent.status import DaemonView


async def test_the_status_behind_a_socket_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "run" / "control.sock"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"left by a daemon that was killed")
    shown = DaemonView(now=1.5, version="0.1", pid=7)

    async def view() -> DaemonView:
        return shown

    door = LocalDoor(path, view)
    await door.open()
    try:
        found = path.stat().st_mode
        assert stat.S_ISSOCK(found)
        assert stat.S_IMODE(found) == 0o600
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as http,
            http.get("http://localhost/status") as answer,
        ):
            assert DaemonView.model_validate_json(await answer.read()) == shown
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as http,
            http.post("http://localhost/status") as answer,
        ):
            assert answer.status == 405
    finally:
        await door.close()
    assert not path.exists()
    await LocalDoor(path, view).close()  # never opened
