"""What reaches the disk, and when; judged by the system calls that are really made."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import FileError, SyncFailed
from recorder.synced_file import HEAD_BYTES, SyncedFile, locked, sync_folder


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The writes and syncs in their order."""
    made: list[str] = []
    pwrite, fdatasync = os.pwrite, os.fdatasync

    def noted_pwrite(fd: int, data: bytes, offset: int) -> int:
        made.append(f"write {offset}+{len(data)}")
        return pwrite(fd, data, offset)

    def noted_sync(fd: int) -> None:
        made.append("sync")
        fdatasync(fd)

    monkeypatch.setattr("recorder.disk_calls.pwrite", noted_pwrite)
    monkeypatch.setattr("recorder.disk_calls.fdatasync", noted_sync)
    return made


def test_synced_at_the_cadence_counted_from_the_write(tmp_path: Path, calls: list[str]) -> None:
    clock = Clock()
    file = SyncedFile(tmp_path / "a", 2.0, clock)
    clock.now = 100.0
    file.write(b"one")
    clock.now = 101.9
    file.sync_if_due()
    assert calls == ["write 0+3"]
    clock.now = 102.0
    file.write(b"two")
    assert calls == ["write 0+3", "write 3+3", "sync"]
    assert file.synced_end == 6
    clock.now = 200.0
    file.sync_if_due()
    assert calls[-1] == "sync"
    assert len(calls) == 3
    file.close()


def test_synced_before_a_write_goes_backward(tmp_path: Path, calls: list[str]) -> None:
    file = SyncedFile(tmp_path / "a", 60.0)
    file.write(b"x" * 100)
    file.seek(44)
    file.write(b"12345678")
    file.seek(0, 2)
    assert file.tell() == 100
    file.write(b"end")
    assert calls == ["write 0+100", "sync", "write 44+8", "write 100+3"]
    file.sync()
    assert calls[-1] == "sync"
    file.close()


def test_a_failed_sync_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SyncedFile(tmp_path / "a", 60.0)
    file.write(b"x")
    failing = iter([OSError(errno.EIO, "broken")])

    def sync(_: int) -> None:
        raise next(failing)  # a second call would end the iterator, and the test

    monkeypatch.setattr("recorder.disk_calls.fdatasync", sync)
    with pytest.raises(SyncFailed, match="broken"):
        file.sync()
    for again in (file.sync, file.sync_if_due, lambda: file.write(b"y")):
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

    monkeypatch.setattr("recorder.disk_calls.pwrite", full)
    with pytest.raises(FileError, match="No space left"):
        file.write(b"x")
    file.close()
    with pytest.raises(FileError):
        SyncedFile(tmp_path / "missing" / "a", 1.0)
    with pytest.raises(SyncFailed):
        sync_folder(tmp_path / "missing")


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr("recorder.disk_calls.pwrite", lambda fd, data, at: pwrite(fd, bytes(data)[:7], at))
    file = SyncedFile(tmp_path / "a", 60.0)
    file.write(bytes(range(100)))
    assert (tmp_path / "a").read_bytes() == bytes(range(100))
    file.sync()
    assert file.digest() == hashlib.sha256(bytes(range(100))).hexdigest()
    file.close()


writes = st.lists(
    st.tuples(st.floats(0, 1), st.integers(1, HEAD_BYTES), st.booleans(), st.binary(min_size=1, max_size=8)),
    min_size=1,
    max_size=8,
)


@given(writes)
def test_the_digest_is_that_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[float, int, bool, bytes]]
) -> None:
    path = tmp_path_factory.mktemp("digest") / "a"
    file = SyncedFile(path, 60.0)
    model = bytearray()
    for place, length, backward, pattern in parts:
        data = (pattern * (length // len(pattern) + 1))[:length]
        start = int(place * len(model)) if backward else len(model)
        file.seek(start)
        file.write(data)
        model[start : start + length] = data
    file.sync()
    assert path.read_bytes() == model
    assert file.digest() == hashlib.sha256(model).hexdigest()
    file.close()


@pytest.mark.parametrize("spoilt", [0, HEAD_BYTES - 1, HEAD_BYTES, 200_000, 299_999])
def test_a_disk_that_returns_other_bytes_is_found_out(tmp_path: Path, spoilt: int) -> None:
    file = SyncedFile(tmp_path / "a", 60.0)
    file.write(os.urandom(100_000))
    file.write(os.urandom(200_000))
    file.seek(44)
    file.write(b"12345678")
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
