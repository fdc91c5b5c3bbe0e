"""The media folder on small file systems of their own: full, read-only, not mounted, and well again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.spool.disk import FULL_BYTES
from agent.spool.media import MARKER, Media

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
]


def mount(*args: str) -> None:
    done = subprocess.run(["mount", *args], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this machine mounts nothing: {done.stderr.strip()}")


def unmount(path: Path) -> None:
    subprocess.run(["umount", "--lazy", path], capture_output=True, check=False)


@pytest.fixture
def point(tmp_path: Path) -> Iterator[Path]:
    point = tmp_path / "disk"
    point.mkdir()
    mount("-t", "tmpfs", "-o", "size=96m", "tmpfs", str(point))
    yield point
    while os.path.ismount(point):
        unmount(point)


class Known:
    """What the state file remembers."""

    def __init__(self) -> None:
        self.apart: bool | None = None

    def remember(self, apart: bool) -> None:
        self.apart = apart


def media_at(root: Path, known: Known) -> Media:
    return Media(root, (root / "slices",), lambda: known.apart, known.remember, system=root.parent.parent)


@pytest.mark.parametrize("below", ["", "gather/media"])
def test_a_disk_that_is_not_mounted_is_not_written_to_and_heals(point: Path, below: str) -> None:
    known, root = Known(), point / below
    assert not Media(root, (root / "slices",), lambda: None, known.remember, system=point.parent).look(write=True).error
    known.apart = True
    media = Media(root, (root / "slices",), lambda: known.apart, known.remember, system=point.parent)
    assert (root / MARKER).exists()
    unmount(point)
    facts = media.look(write=True)
    assert facts.missing
    assert list(point.iterdir()) == [], "nothing is left on the system's disk, to be hidden later"
    mount("-t", "tmpfs", "-o", "size=96m", "tmpfs", str(point))
    assert not media.look(write=True).error, "a new disk is taken"
    assert (root / "slices").is_dir()


def test_read_only_and_full_are_seen_and_heal(point: Path) -> None:
    known = Known()
    media = media_at(point, known)
    assert not media.look(write=True).error
    assert known.apart is True
    mount("-o", "remount,ro", str(point))
    assert media.look().read_only
    mount("-o", "remount,rw", str(point))
    assert not media.look(write=True).error
    (point / "big").write_bytes(b"\0" * (90 << 20))
    facts = media.look()
    assert facts.free < FULL_BYTES
    with (point / "rest").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            pass
    assert "space" in media.look(write=True).error
    (point / "big").unlink()
    assert not media.look(write=True).error
