"""Which slice indexes are taken on disk."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from agent.channels import indexes
from agent.channels.indexes import SliceIndexes
from recorder.names import SliceName


def touch(folder: Path, slice_id: int, inx: int, *, closed: bool = False) -> None:
    name = SliceName(f"{slice_id:016x}{inx:016x}", 7, 1_800_000_000, 5, slice_id, inx)
    (folder / (name.closed(60) if closed else name).filename).touch()


async def test_an_index_with_a_file_is_taken_whether_or_not_it_is_closed(tmp_path: Path) -> None:
    touch(tmp_path, 11, 1, closed=True)
    touch(tmp_path, 11, 2)
    touch(tmp_path, 12, 9, closed=True)
    (tmp_path / "notes.txt").touch()
    found = SliceIndexes(tmp_path)
    assert await asyncio.gather(*(found.highest(slice_id) for slice_id in (11, 12, 13))) == [2, 9, 0]


async def test_a_recording_that_begins_again_is_looked_up_again(tmp_path: Path) -> None:
    found = SliceIndexes(tmp_path)
    assert await found.highest(11) == 0
    touch(tmp_path, 11, 1)
    touch(tmp_path, 111, 5)
    assert await found.highest(11) == 1


async def test_the_folder_is_listed_once_for_all_that_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = 0

    def listdir(folder: Path) -> list[str]:
        nonlocal listed
        listed += 1
        return []

    monkeypatch.setattr("agent.channels.indexes.os.listdir", listdir)
    found = SliceIndexes(tmp_path)
    await asyncio.gather(*(found.highest(slice_id) for slice_id in range(1, 41)))
    assert listed == 1


async def test_what_is_forgotten_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "REMEMBERED", 4)
    found = SliceIndexes(tmp_path)
    for slice_id in range(1, 8):
        assert await found.highest(slice_id) == 0
    touch(tmp_path, 1, 3)
    assert await found.highest(1) == 3


async def test_a_folder_that_was_away_is_read_when_it_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "slices"
    found = SliceIndexes(folder)
    with pytest.raises(FileNotFoundError):
        await found.highest(11)
    folder.mkdir()
    touch(folder, 11, 4)
    assert await found.highest(11) == 4
    shutil.rmtree(folder)
