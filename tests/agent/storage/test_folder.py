"""Storage in a folder."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.storage import folder
from agent.storage.base import StorageError
from agent.storage.folder import FolderStorage
from tests.agent.storage.files import noise


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "share"
    root.mkdir()
    return root


@pytest.fixture
def film(tmp_path: Path) -> Path:
    film = tmp_path / "a_1.mp4"
    film.write_bytes(bytes(range(256)) * 9000)
    return film


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


async def test_a_file_is_there_whole_and_may_come_again(root: Path, film: Path) -> None:
    storage = FolderStorage(root)
    for _ in range(2):
        stored = await storage.put(film, "a_1.mp4", digest(film))
        assert (stored.file, stored.size, stored.sha256) == ("/a_1.mp4", 2_304_000, digest(film))
        assert names(root) == ["a_1.mp4"]
    assert digest(root / "a_1.mp4") == digest(film)


async def test_a_torn_copy_of_an_earlier_try_is_replaced(root: Path, film: Path) -> None:
    (root / "a_1.mp4").write_bytes(b"torn")
    (root / ".a_1.mp4.new").write_bytes(b"torn")
    await FolderStorage(root).put(film, "a_1.mp4", digest(film))
    assert names(root) == ["a_1.mp4"]
    assert digest(root / "a_1.mp4") == digest(film)


async def test_a_share_that_is_not_mounted_is_not_written_to(root: Path, film: Path) -> None:
    await asyncio.to_thread(root.rmdir)
    with pytest.raises(StorageError, match="mounted") as caught:
        await FolderStorage(root).put(film, "a_1.mp4", digest(film))
    assert caught.value.retry
    assert names(root.parent) == [film.name]


@pytest.mark.parametrize("name", ["../a_1.mp4", "/etc/a.mp4", "a.mp4/b.mp4", "", ".mp4", "a.exe", "a b.mp4"])
async def test_no_other_names(root: Path, film: Path, name: str) -> None:
    with pytest.raises(StorageError, match="not a name") as caught:
        await FolderStorage(root).put(film, name, digest(film))
    assert not caught.value.retry
    assert names(root) == []


async def test_a_file_that_changed_or_went_is_refused(root: Path, film: Path) -> None:
    before = digest(film)
    await asyncio.to_thread(film.write_bytes, b"other")
    with pytest.raises(StorageError, match="changed") as changed:
        await FolderStorage(root).put(film, "a_1.mp4", before)
    await asyncio.to_thread(film.unlink)
    with pytest.raises(StorageError) as gone:
        await FolderStorage(root).put(film, "a_1.mp4", before)
    assert not changed.value.retry
    assert not gone.value.retry
    assert names(root) == []


async def test_its_name_is_forced_to_disk_once_it_has_it(
    root: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []

    def sync(directory: Path) -> None:
        assert directory == root
        synced.append((root / film.name).exists())

    monkeypatch.setattr(folder, "sync_directory", sync)
    await FolderStorage(root).put(film, film.name, digest(film))
    assert synced == [True]


async def test_a_sum_that_is_slower_than_the_disk_is_that_of_what_was_written(
    root: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film, expected = noise(film.parent, 12 << 20, "b_1.mp4")

    class Slow:
        def __init__(self) -> None:
            self.digest = hashlib.sha256()
            self.hexdigest = self.digest.hexdigest

        def update(self, piece: memoryview) -> None:
            time.sleep(0.01)
            self.digest.update(piece)

    monkeypatch.setattr(folder, "hashlib", SimpleNamespace(sha256=Slow, file_digest=hashlib.file_digest))
    assert (await FolderStorage(root).put(film, film.name, expected)).size == 12 << 20
    assert digest(root / film.name) == expected
