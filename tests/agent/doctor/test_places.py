"""Folders, disks, locks and journals with real faults."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli.common import single_instance
from agent.config import Config, load_config
from agent.doctor import places
from agent.doctor.findings import Finding
from agent.doctor.places import Mounts, Person, check_disk, check_folder, check_folders, check_journal, check_lock
from agent.journal import Journal

ME = places.person()
NOBODY = Person("nobody", 65534, frozenset({65534}))


def config_in(folder: Path, **more: object) -> Config:
    wanted = {"paths.state": folder / "state", "paths.media": folder / "media", **more}
    return load_config(overrides=wanted, search=()).config


def codes(found: Iterator[Finding]) -> list[str]:
    findings = list(found)
    for finding in findings:
        assert finding.what("en")
        assert finding.what("zh")
        finding.advice("zh")
    return [finding.code for finding in findings]


def no_mounts(folder: Path) -> Mounts:
    return Mounts(table=folder / "none", wanted=folder / "none")


def test_a_folder_that_is_well_new_or_a_file(tmp_path: Path) -> None:
    mounts = no_mounts(tmp_path)
    assert codes(check_folder(tmp_path, ME, mounts)) == ["place_well"]
    assert codes(check_folder(tmp_path / "a/b", ME, mounts)) == ["place_new"]
    (tmp_path / "file").touch()
    assert codes(check_folder(tmp_path / "file", ME, mounts)) == ["place_no_folder"]


def test_a_folder_of_somebody_else_s(tmp_path: Path) -> None:
    for parent in (tmp_path, *list(tmp_path.parents)[:1]):
        parent.chmod(0o755)
    (finding,) = check_folder(tmp_path, NOBODY, no_mounts(tmp_path))
    assert finding.code == "place_forbidden"
    assert "chown -R nobody:" in finding.advice("en")
    assert codes(check_folder(tmp_path / "new", NOBODY, no_mounts(tmp_path))) == ["place_cannot_be_made"]
    tmp_path.chmod(0o777)
    assert codes(check_folder(tmp_path, NOBODY, no_mounts(tmp_path))) == ["place_well"]


def test_a_disk_that_is_in_fstab_and_not_mounted(tmp_path: Path) -> None:
    fstab, table = tmp_path / "fstab", tmp_path / "mounts"
    rows = ("# disks", "UUID=1 / ext4 defaults 0 1", f"UUID=2 {tmp_path}/big ext4 defaults 0 2", "/s none swap sw 0 0")
    fstab.write_text("\n".join(rows))
    table.write_text("/dev/sda1 / ext4 rw 0 0\n")
    (finding,) = check_folder(tmp_path / "big/recordings", ME, Mounts(table, fstab))
    assert (finding.code, finding.data["mount"]) == ("place_not_mounted", f"{tmp_path}/big")
    table.write_text(f"/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 {tmp_path}/big ext4 rw 0 0\n")
    assert codes(check_folder(tmp_path / "big/recordings", ME, Mounts(table, fstab))) == ["place_new"]


def test_recordings_in_memory_or_on_a_disk_that_went_read_only(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    table = tmp_path / "mounts"
    table.write_text(f"/dev/sda1 / ext4 rw 0 0\ntmpfs {tmp_path} tmpfs rw 0 0\n")
    mounts = Mounts(table, tmp_path / "none")
    assert codes(check_folders(config_in(tmp_path), ME, mounts)) == ["place_new", "place_well", "place_in_memory"]
    table.write_text(f"/dev/sdb1 {tmp_path} ext4 ro,errors=remount-ro 0 0\n")
    assert codes(check_folder(tmp_path, ME, mounts)) == ["place_read_only"]


@pytest.mark.parametrize(
    ("reserve", "lesson_sec", "found"),
    [(0.0, 0.0, []), (0.0, 1e12, ["disk_too_small"]), (1e5, 0.0, ["disk_too_small"])],
)
def test_whether_the_coming_day_fits(tmp_path: Path, reserve: float, lesson_sec: float, found: list[str]) -> None:
    assert codes(check_disk(config_in(tmp_path, **{"spool.reserve_gb": reserve}), lesson_sec)) == found


def test_a_journal_that_is_damaged(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    assert codes(check_journal(config)) == []
    path = config.paths.state / "journal.sqlite"
    Journal(path).close()
    assert codes(check_journal(config)) == []
    path.write_bytes(b"nonsense" * 1000)
    assert codes(check_journal(config)) == ["journal_unusable"]


def test_another_instance_holds_the_folder(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    assert codes(check_lock(config, tmp_path / "sock")) == ["daemon_off"]
    with single_instance(config.paths.state):
        (finding,) = check_lock(config, tmp_path / "sock")
    assert (finding.code, finding.data["pid"]) == ("daemon_other", str(os.getpid()))


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no right to mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.faults
def test_a_tiny_disk_a_full_one_and_a_read_only_one(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=8m") as disk:
        config = config_in(disk, **{"spool.reserve_gb": 0.001})
        assert codes(check_disk(config, 3600)) == ["disk_too_small"]
        (disk / "filler").write_bytes(b"\0" * 7_500_000)
        assert codes(check_disk(config, 1)) == ["disk_full"]
        (disk / "filler").write_bytes(b"\0" * 4_000_000)
        assert codes(check_disk(config, 8)) == ["disk_tight"]
        assert codes(check_folder(disk, ME, Mounts())) == ["place_full"]
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert codes(check_folder(disk, ME, Mounts())) == ["place_read_only"]
