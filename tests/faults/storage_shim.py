"""A disk that remembers what was asked of it, and what a power cut may leave of that.

`StorageLog` notes every call that the recorder makes by way of `recorder.disk_calls`, and carries it out.  `after_cut`
says what may stand on the disk when the power goes after the first n of them.  What was synced is there: the bytes of a
file that was synced, the names of a folder that was.  Of everything after that any part may have come through:

- each block of 4 KiB as it was at the last sync or after any write since, or torn, sector by sector;
- the length of a file as it was after any of these writes; what lies within it and was not written reads as zeros;
- names that were made, changed and removed: all, none, up to one of them (a journal), or any of them.

A rename may thus come true before the bytes of the file that it names, and a sync of a file says nothing of its name.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from recorder import disk_calls

BLOCK = 4096
SECTOR = 512
Share = Literal["none", "all", "first", "last", "not_first", "first_half", "any", "torn"]
"""Which of the unsynced blocks, lengths or names came through."""
SHARES: tuple[Share, ...] = ("none", "all", "first", "last", "not_first", "first_half", "any", "torn")


@dataclass(frozen=True, slots=True)
class Op:
    """One call; `file` is a number of our own for what POSIX calls an inode, paths are relative to the log's root."""

    kind: Literal["create", "write", "sync", "rename", "unlink", "mkdir", "sync_folder", "told"]
    at: float
    file: int = -1
    path: str = ""
    to: str = ""
    offset: int = 0
    data: bytes = field(default=b"", repr=False)
    event: Any = None


class StorageLog:
    """Notes calls below `root`. `clock` gives the time of each."""

    def __init__(self, root: Path, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.ops: list[Op] = []
        self._root = root
        self._clock = clock
        self._files: dict[int, int] = {}
        self._folders: dict[int, str] = {}
        self._names: dict[str, int] = {}
        self._count = 0
        self._lock = threading.Lock()

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand between the recorder and the system."""
        for name in ("open_file", "close", "pwrite", "pwritev", "fdatasync", "fsync", "rename", "unlink", "mkdir"):
            monkeypatch.setattr(disk_calls, name, getattr(self, f"_{name}"))

    def told(self, event: object) -> None:
        """Somebody outside has heard this: from here on it must be true."""
        self._note(Op("told", self._clock(), event=event))

    def adopt(self, files: dict[str, bytes]) -> None:
        """What stands on the disk, durably, before the first call."""
        for path, data in files.items():
            number = self._new_file(path)
            self._note(Op("create", self._clock(), number, path))
            self._note(Op("write", self._clock(), number, data=data))
            self._note(Op("sync", self._clock(), number))
        for folder in {str(Path(path).parent) for path in files}:
            self._note(Op("sync_folder", self._clock(), path=folder))

    def _note(self, op: Op) -> None:
        with self._lock:
            self.ops.append(op)

    def _new_file(self, path: str) -> int:
        self._count += 1
        self._names[path] = self._count
        return self._count

    def _relative(self, path: str | os.PathLike[str]) -> str:
        return os.path.relpath(path, self._root)

    def _open_file(self, path: Path, flags: int, mode: int = 0o777) -> int:
        fd = os.open(path, flags, mode)
        name = self._relative(path)
        if flags & os.O_CREAT:
            self._files[fd] = self._new_file(name)
            self._note(Op("create", self._clock(), self._files[fd], name))
        elif flags & os.O_DIRECTORY:
            self._folders[fd] = name
        return fd

    def _close(self, fd: int) -> None:
        self._files.pop(fd, None)
        self._folders.pop(fd, None)
        os.close(fd)

    def _pwrite(self, fd: int, data: bytes, offset: int) -> int:
        written = os.pwrite(fd, data, offset)
        self._note(Op("write", self._clock(), self._files[fd], offset=offset, data=bytes(data)[:written]))
        return written

    def _pwritev(self, fd: int, pieces: Sequence[bytes], offset: int) -> int:
        return self._pwrite(fd, b"".join(pieces), offset)

    def _fdatasync(self, fd: int) -> None:
        self._note(Op("sync", self._clock(), self._files[fd]))

    def _fsync(self, fd: int) -> None:
        self._note(Op("sync_folder", self._clock(), path=self._folders[fd]))

    def _rename(self, old: Path, new: Path) -> None:
        Path(old).rename(new)
        number = self._names.pop(self._relative(old))
        self._names[self._relative(new)] = number
        self._note(Op("rename", self._clock(), number, self._relative(old), self._relative(new)))

    def _unlink(self, path: Path) -> None:
        Path(path).unlink()
        self._names.pop(self._relative(path), None)
        self._note(Op("unlink", self._clock(), path=self._relative(path)))

    def _mkdir(self, path: Path, mode: int = 0o777) -> None:
        Path(path).mkdir(mode)
        self._note(Op("mkdir", self._clock(), path=self._relative(path)))


def after_cut(ops: Sequence[Op], data: Share, names: Share, dice: random.Random) -> dict[str, bytes]:
    """The files that stand on the disk when the power goes after `ops`."""
    contents = {number: _content(list(history.images()), data, dice) for number, history in _histories(ops).items()}
    return {path: contents[number] for path, number in _names(ops, names, dice).items()}


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Make it so."""
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


@dataclass(slots=True)
class _History:
    """A file's bytes at its last sync, and what was written since."""

    synced: bytes = b""
    since: list[tuple[int, bytes]] = field(default_factory=list)

    def images(self) -> Iterator[bytes]:
        """The file at the last sync, and after each write."""
        image = bytearray(self.synced)
        yield bytes(image)
        for offset, data in self.since:
            image.extend(bytes(max(0, offset - len(image))))
            image[offset : offset + len(data)] = data
            yield bytes(image)


def _histories(ops: Iterable[Op]) -> dict[int, _History]:
    found: dict[int, _History] = {}
    for op in ops:
        if op.kind == "create":
            found[op.file] = _History()
        elif op.kind == "write":
            found[op.file].since.append((op.offset, op.data))
        elif op.kind == "sync":
            *_, found[op.file].synced = found[op.file].images()
            found[op.file].since.clear()
    return found


def _content(images: list[bytes], share: Share, dice: random.Random) -> bytes:
    """One of the contents that a file may have; `images` are those at its last sync and after each write since."""
    synced, newest = images[0], images[-1]
    if len(images) == 1 or share == "none":
        return synced
    if share == "all":
        return newest
    lengths = [len(image) for image in images]
    length = dice.choice(lengths) if share in ("any", "torn") else lengths[-1]
    padded = [image.ljust(length, b"\0") for image in images]
    starts = [at for at in range(0, length, BLOCK) if len({image[at : at + BLOCK] for image in padded}) > 1]
    blocks = {at: padded[0][at : at + BLOCK] for at in range(0, length, BLOCK)}
    for place, at in enumerate(starts):
        blocks[at] = _block([image[at : at + BLOCK] for image in padded], share, place, len(starts), dice)
    return b"".join(blocks.values())[:length]


def _block(versions: list[bytes], share: Share, place: int, count: int, dice: random.Random) -> bytes:
    if share == "torn":
        return b"".join(dice.choice(versions)[at : at + SECTOR] for at in range(0, max(map(len, versions)), SECTOR))
    if share == "any":
        return dice.choice(versions)
    came = {
        "first": place == 0,
        "last": place == count - 1,
        "not_first": place > 0,
        "first_half": place < count / 2,
    }[share]
    return versions[-1] if came else versions[0]


def _names(ops: Iterable[Op], share: Share, dice: random.Random) -> dict[str, int]:
    durable: dict[str, int] = {}
    pending: list[Op] = []
    for op in ops:
        if op.kind in ("create", "rename", "unlink"):
            pending.append(op)
        elif op.kind == "sync_folder":
            for one in [one for one in pending if _folder(one) == op.path]:
                _apply(durable, one)
                pending.remove(one)
    came = {
        "none": 0,
        "all": len(pending),
        "first_half": len(pending) // 2,
        "any": dice.randint(0, len(pending)),
    }.get(share)
    for place, one in enumerate(pending):
        if share == "last":
            through = place == len(pending) - 1
        elif share == "first":
            through = place == 0
        elif share == "not_first":
            through = place > 0
        else:
            through = dice.random() < 0.5 if came is None else place < came
        if through:
            _apply(durable, one)
    return durable


def _folder(op: Op) -> str:
    return str(Path(op.to or op.path).parent)


def _apply(names: dict[str, int], op: Op) -> None:
    if op.kind == "create":
        names[op.path] = op.file
    elif op.kind == "unlink":
        names.pop(op.path, None)
    elif op.path in names:
        names[op.to] = names.pop(op.path)
