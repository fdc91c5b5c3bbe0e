"""The server names the storage; a folder only where this machine's owner has allowed it."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from pydantic import ValidationError

from agent.clock import SystemClock
from agent.config.model import StorageSection
from agent.link.client import tls_everywhere
from agent.storage.base import Storage, StorageError
from agent.storage.choice import own_storage, storage_for
from agent.storage.fastdfs.storage import FastDfsStorage
from agent.storage.folder import FolderStorage
from agent.storage.http import HttpStorage
from agent.storage.pace import Pace
from agent.storage.s3.storage import S3Storage
from agent.storage.webdav import DavStorage
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


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ({"kind": "s3", "url": "https://s3.school.example", "bucket": "b", "user": "k", "secret": "s"}, S3Storage),
        ({"kind": "webdav", "url": "http://nas/dav"}, DavStorage),
        ({"kind": "fastdfs", "url": "fdfs://10.0.0.5,10.0.0.6:99"}, FastDfsStorage),
        ({"kind": "server"}, type(None)),
    ],
)
async def test_a_storage_of_this_machines_own(tmp_path: Path, section: dict[str, str], kind: type) -> None:
    tls = tls_everywhere(None)
    storage = own_storage(StorageSection(**section), tls, Pace(0, SystemClock()), tmp_path)  # type: ignore[arg-type]
    assert type(storage) is kind
    if storage is not None:
        await storage.close()


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({"kind": "fastdfs", "url": "fastdfs://10.0.0.5:22122"}, "begin with fdfs://"),
        ({"kind": "s3", "url": "https://s3.school.example"}, "access key"),
        ({"kind": "s3", "user": "k", "secret": "s"}, "needs an address"),
        ({"kind": "webdav", "url": "fdfs://10.0.0.5"}, "needs an address"),
        ({"kind": "fastdfs", "url": "https://10.0.0.5"}, "needs an address"),
        ({"kind": "server", "url": "https://10.0.0.5"}, "not used"),
        ({"kind": "fastdfs", "url": "fdfs://a b"}, "tracker"),
        ({"kind": "fastdfs", "url": "fdfs://a", "bucket": "group1/M00"}, "letters and digits"),
        ({"kind": "webdav", "url": "https://user:word@nas/dav"}, "password"),
    ],
)
def test_what_does_not_go_together(section: dict[str, str], key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        StorageSection(**section)  # type: ignore[arg-type]
