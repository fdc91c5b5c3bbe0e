"""The server names the storage; a folder only where this machine's owner has allowed it."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from agent.clock import SystemClock
from agent.storage.base import Storage, StorageError
from agent.storage.choice import storage_for
from agent.storage.folder import FolderStorage
from agent.storage.http import HttpStorage
from agent.storage.pace import Pace
from agent.wire.models import StorageTarget


async def choose(target: StorageTarget, allowed: Path | None = None) -> Storage | None:
    async with aiohttp.ClientSession() as http:
        return storage_for(target, allowed, http, str, Pace(0, SystemClock()))


async def test_nothing_is_stored_before_the_server_has_said_where() -> None:
    assert await choose(StorageTarget(kind="http")) is None
    assert await choose(StorageTarget(kind="folder")) is None


async def test_over_http() -> None:
    assert isinstance(await choose(StorageTarget(kind="http", url="http://server/files")), HttpStorage)


async def test_the_allowed_folder(tmp_path: Path) -> None:
    assert isinstance(await choose(StorageTarget(kind="folder", path=str(tmp_path)), tmp_path), FolderStorage)


@pytest.mark.parametrize("named", ["/etc", "..", "/mnt/share/../../etc"])
async def test_any_other_folder_is_refused_with_what_to_do(tmp_path: Path, named: str) -> None:
    for allowed in (None, tmp_path):
        storage = await choose(StorageTarget(kind="folder", path=named), allowed)
        assert storage is not None
        with pytest.raises(StorageError, match=r"set upload\.folder") as refused:
            await storage.put(tmp_path / "a.mp4", "a.mp4", "")
        assert refused.value.retry
