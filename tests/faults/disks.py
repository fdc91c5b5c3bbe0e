"""Disks that fail: small file systems of their own (where we are root), and calls that fail on demand (anywhere)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from errno import EIO
from pathlib import Path
from typing import ClassVar

_MNT_DETACH = 2


def can_mount() -> bool:
    """Whether file systems can be mounted here."""
    return os.geteuid() == 0 and shutil.which("mkfs.ext4") is not None and Path("/dev/loop-control").exists()


@dataclass
class Disk:
    """Where slices go, in `root`. `strike` begins the fault, `heal` ends it; `mounts` need root."""

    place: Path
    mounts: ClassVar[bool] = False
    root: Path = field(init=False)

    def __post_init__(self) -> None:
        self.root = self.place / "disk"
        self.root.mkdir(parents=True)

    @property
    def slices(self) -> Path:
        """The folder of the slices."""
        return self.root / "slices"

    @property
    def orders(self) -> Path:
        """What `faulty_recorder` reads."""
        return self.place / "orders"

    def __enter__(self) -> Disk:
        self.slices.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.orders.unlink()

    def strike(self) -> None:
        raise NotImplementedError

    def heal(self) -> None:
        raise NotImplementedError


class Ordered(Disk):
    """Calls that fail: `what` as `faulty_recorder` reads it."""

    what: ClassVar[str]

    def strike(self) -> None:
        unborn = self.orders.with_suffix(".new")
        unborn.write_text(self.what)
        unborn.rename(self.orders)

    def heal(self) -> None:
        self.orders.unlink()


class SyncFailsOnce(Ordered):
    """One sync fails, as with a sector that was reassigned."""

    what = f"fdatasync {EIO} 1"


class SyncsFail(Ordered):
    """Every sync fails."""

    what = f"fdatasync {EIO} 1000000"


class WritesFail(Ordered):
    """Every write fails."""

    what = f"pwritev {EIO} 1000000"


class RenamesFail(Ordered):
    """Files can be written, but neither created nor given their final name."""

    what = f"rename {EIO} 1000000"


class FolderGone(Disk):
    """Somebody deletes the folder with all that is in it, and makes it again."""

    def strike(self) -> None:
        shutil.rmtree(self.slices)

    def heal(self) -> None:
        self.slices.mkdir()


class Small(Disk):
    """A file system of its own that another program fills to the last byte."""

    mounts = True

    def __enter__(self) -> Disk:
        _do("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", self.root)
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        _do("umount", "-l", self.root)

    def strike(self) -> None:
        with contextlib.suppress(OSError), (self.root / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def heal(self) -> None:
        (self.root / "filler").unlink()


class Ext4(Disk):
    """A disk of its own, with ext4 as it is on a classroom PC."""

    mounts = True

    @property
    def _image(self) -> Path:
        return self.place / "image"

    def __enter__(self) -> Disk:
        with self._image.open("wb") as file:
            file.truncate(64 << 20)
        _do("mkfs.ext4", "-q", "-F", self._image)
        self._mount()
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._unmount()

    def _mount(self) -> None:
        _do("mount", "-o", "loop,errors=remount-ro", self._image, self.root)

    def _unmount(self) -> None:
        if ctypes.CDLL(None, use_errno=True).umount2(os.fsencode(self.root), _MNT_DETACH):
            raise OSError(ctypes.get_errno(), "umount2")


class Frozen(Ext4):
    """Writes and syncs hang in the kernel, as on a network share whose server is away."""

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self.heal()
        super().__exit__()

    def strike(self) -> None:
        _do("fsfreeze", "--freeze", self.root)

    def heal(self) -> None:
        _do("fsfreeze", "--unfreeze", self.root)


class ReadOnly(Ext4):
    """The kernel finds an error in the file system and makes it read-only; somebody checks it and mounts it again."""

    def strike(self) -> None:
        device = self.root.stat().st_dev
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("by a test")

    def heal(self) -> None:
        self._unmount()
        subprocess.run(["e2fsck", "-fy", self._image], check=False, capture_output=True)
        self._mount()


class Away(Ext4):
    """The disk is unmounted under the recorder, and mounted again."""

    def strike(self) -> None:
        self._unmount()

    def heal(self) -> None:
        self._mount()


def _do(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


@contextlib.contextmanager
def disk(kind: Callable[[Path], Disk], place: Path) -> Iterator[Disk]:
    """A disk of this kind, taken away at the end."""
    with kind(place) as made:
        yield made
