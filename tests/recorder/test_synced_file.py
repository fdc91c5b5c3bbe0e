"""What reaches the disk, and when; judged by the system calls that are really made."""

from __future__ import annotations

import errno
import hashlib
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import FileError, SyncFailed
from recorder.synced_file import SyncedFile, locked, sync_folder


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def append(file: SyncedFile, *pieces: bytes) -> None:
    file.append(pieces, [(len(piece), zlib.crc32(piece)) for piece in pieces])


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The writes and syncs in their order."""
    made: list[str] = []
    pwritev, fdatasync = os.pwritev, os.fdatasync

    def noted_pwritev(fd: int, pieces: Sequence[bytes], offset: int) -> int:
        made.append(f"write {offset}+{sum(map(len, pieces))}")
        return pwritev(fd, pieces, offset)

    def noted_sync(fd: int) -> None:
        made.append("sync")
        fdatasync(fd)

    monkeypatch.setattr("recorder.disk_calls.pwritev", noted_pwritev)
    monkeypatch.setattr("recorder.disk_calls.fdatasync", noted_sync)
    return made


def test_synced_at_the_cadence_counted_from_the_write(tmp_path: Path, calls: list[str]) -> None:
    clock = Clock()
    file = SyncedFile(tmp_path / "a", 2.0, clock)
    clock.now = 100.0
    append(file, b"one")
    clock.now = 101.9
    file.sync_if_due()
    assert calls == ["write 0+3"]
    clock.now = 102.0
    append(file, b"two")
    assert calls == ["write 0+3", "write 3+3", "sync"]
    assert file.synced_end == 6
    clock.now = 200.0
    file.sync_if_due()
    assert calls[-1] == "sync"
    assert len(calls) == 3
    file.close()


def test_synced_before_a_write_goes_backward(tmp_path: Path, calls: list[str]) -> None:
    file = SyncedFile(tmp_path / "a", 60.0)
    file.begin(b"12345678")
    append(file, b"x" * 92)
    file.rewrite_head(b"87654321")
    append(file, b"end")
    assert calls == ["write 0+100", "sync", "write 0+8", "write 100+3"]
    file.sync()
    assert calls[-1] == "sync"
    file.close()


def test_a_failed_sync_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SyncedFile(tmp_path / "a", 60.0)
    append(file, b"x")
    failing = iter([OSError(errno.EIO, "broken")])

    def sync(_: int) -> None:
        raise next(failing)  # a second call would end the iterator, and the test

    monkeypatch.setattr("recorder.disk_calls.fdatasync", sync)
    with pytest.raises(SyncFailed, match="broken"):
        file.sync()
    for again in (file.sync, file.sync_if_due, lambda: append(file, b"y"), lambda: file.rewrite_head(b"")):
        if again != file.sync_if_due:
            with pytest.raises(SyncFailed):
                again()
    assert file.synced_end == 0
    assert isinstance(file.error, SyncFailed)
    file.close()


def test_a_full_disk_is_a_file_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SyncedFile(tmp_path / "a", 60.0)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("recorder.disk_calls.pwritev", full)
    with pytest.raises(FileError, match="No space left"):
        append(file, b"x")
    file.close()
    with pytest.raises(FileError):
        SyncedFile(tmp_path / "missing" / "a", 1.0)
    with pytest.raises(SyncFailed):
        sync_folder(tmp_path / "missing")


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recorder.disk_calls.pwritev", lambda fd, some, at: os.pwrite(fd, b"".join(some)[:7], at))
    file = SyncedFile(tmp_path / "a", 60.0)
    file.begin(bytes(range(10)))
    append(file, bytes(range(10, 40)), bytes(range(40, 100)))
    assert (tmp_path / "a").read_bytes() == bytes(range(100))
    file.sync()
    assert file.digest() == hashlib.sha256(bytes(range(100))).hexdigest()
    file.close()


@given(st.binary(max_size=9), st.lists(st.lists(st.integers(0, 3000), max_size=1500), max_size=4), st.booleans())
def test_the_digest_is_that_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, appended: list[list[int]], rewritten: bool
) -> None:
    path = tmp_path_factory.mktemp("digest") / "a"
    file = SyncedFile(path, 60.0)
    file.begin(head)
    model = bytearray(head if appended else b"")
    for lengths in appended:
        pieces = [length.to_bytes(2, "big") * (length // 2) for length in lengths]
        joined = b"".join(pieces)
        file.append(pieces, [(len(joined), zlib.crc32(joined))])
        model += joined
    if rewritten and appended:
        file.rewrite_head(head[::-1])
        model[: len(head)] = head[::-1]
    file.sync()
    assert path.read_bytes() == model
    if appended:
        assert file.end == len(model)
        assert file.digest() == hashlib.sha256(model).hexdigest()
    file.close()


@pytest.mark.parametrize("spoilt", [0, 7, 8, 200_000, 300_007])
def test_a_disk_that_returns_other_bytes_is_found_out(tmp_path: Path, spoilt: int) -> None:
    file = SyncedFile(tmp_path / "a", 60.0)
    file.begin(b"abcdefgh")
    append(file, os.urandom(100_000))
    append(file, os.urandom(200_000))
    file.rewrite_head(b"12345678")
    file.sync()
    file.digest()
    with (tmp_path / "a").open("r+b") as other:
        other.seek(spoilt)
        byte = other.read(1)[0]
        other.seek(spoilt)
        other.write(bytes([byte ^ 1]))
    with pytest.raises(FileError, match="other bytes"):
        file.digest()
    file.close()


@pytest.mark.parametrize("size", [299_999, 300_009])
def test_a_file_of_another_length_is_found_out(tmp_path: Path, size: int) -> None:
    file = SyncedFile(tmp_path / "a", 60.0)
    file.begin(b"abcdefgh")
    append(file, os.urandom(300_000))
    os.truncate(tmp_path / "a", size)
    with pytest.raises(FileError, match="other bytes"):
        file.digest()
    file.close()


def test_locked_while_it_is_open(tmp_path: Path) -> None:
    file = SyncedFile(tmp_path / "a", 60.0)
    with locked(tmp_path / "a") as held:
        assert held is None
    file.close()
    with locked(tmp_path / "a") as free:
        assert free is not None
        with locked(tmp_path / "a") as again:
            assert again is None
    with locked(tmp_path / "b") as missing:
        assert missing is None
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
