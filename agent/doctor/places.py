"""Folders, disk, lock and journal: what is on this machine."""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.config import Config
from agent.doctor.findings import Finding, error, note, ok, warning
from agent.files import holder_of
from agent.journal import Journal, JournalError
from agent.words import megabytes

GIB = 1 << 30
LEAST_BYTES = 16 << 20
"""With less, neither journal nor state file can be relied on to be written."""
ASSUMED_BITS = 4_000_000.0
"""Bits per second of a channel whose rate is not known: 1080p25 as most cameras come."""
_IN_MEMORY = {"tmpfs", "ramfs"}


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the daemon runs as: the service's user, or this one."""

    name: str
    uid: int
    groups: frozenset[int]

    def may_write(self, found: os.stat_result) -> bool:
        """Whether the mode lets them make files in a folder. The superuser may."""
        if self.uid == 0:
            return True
        if found.st_uid == self.uid:
            wanted = stat.S_IWUSR | stat.S_IXUSR
        elif found.st_gid in self.groups:
            wanted = stat.S_IWGRP | stat.S_IXGRP
        else:
            wanted = stat.S_IWOTH | stat.S_IXOTH
        return found.st_mode & wanted == wanted


def person(name: str = "") -> Person:
    """A user by name; this process's own where the name is empty or unknown."""
    with suppress(KeyError):
        found = pwd.getpwnam(name) if name else pwd.getpwuid(os.geteuid())
        return Person(found.pw_name, found.pw_uid, frozenset(os.getgrouplist(found.pw_name, found.pw_gid)))
    return Person(str(os.geteuid()), os.geteuid(), frozenset(os.getgroups()))


@dataclass(frozen=True, slots=True)
class Mounts:
    """What is mounted where: the kernel's table and the administrator's."""

    table: Path = Path("/proc/self/mounts")
    wanted: Path = Path("/etc/fstab")

    def of(self, path: Path) -> tuple[Path, str, bool]:
        """Mount point, kind and whether it is read-only, of the file system that `path` is on."""
        best = (Path("/"), "", False)
        for point, kind, options in _rows(self.table):
            if _below(path, point) and len(point.parts) >= len(best[0].parts):
                best = (point, kind, "ro" in options.split(","))
        return best

    def missing(self, path: Path) -> Path | None:
        """A mount point of the administrator's table above `path` at which nothing is mounted."""
        mounted = {point for point, _, _ in _rows(self.table)}
        points = [point for point, kind, _ in _rows(self.wanted) if kind != "swap" and len(point.parts) > 1]
        return next((point for point in points if _below(path, point) and point not in mounted), None)


def _rows(table: Path) -> list[tuple[Path, str, str]]:
    try:
        lines = table.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    rows = [line.split() for line in lines if not line.lstrip().startswith("#")]
    return [(Path(row[1].replace("\\040", " ")), row[2], row[3]) for row in rows if len(row) >= 4]


def _below(path: Path, point: Path) -> bool:
    return path == point or point in path.parents


def check_folders(config: Config, who: Person, mounts: Mounts) -> Iterator[Finding]:
    """State and media: there, writable, on a disk that is mounted."""
    folders = [config.paths.state]
    if config.paths.media.parent != config.paths.state:
        folders.append(config.paths.media)
    for folder in folders:
        yield from check_folder(folder, who, mounts)
    point, kind, _ = mounts.of(config.paths.media)
    if kind in _IN_MEMORY:
        yield warning("place_in_memory", str(config.paths.media), kind=f"{kind} {point}")


def check_folder(folder: Path, who: Person, mounts: Mounts) -> Iterator[Finding]:
    """One folder."""
    if (unmounted := mounts.missing(folder)) is not None:
        yield error("place_not_mounted", str(folder), mount=str(unmounted), table=str(mounts.wanted))
        return
    if not folder.exists():
        parent = next((one for one in folder.parents if one.exists()), Path("/"))
        if parent.is_dir() and who.may_write(parent.stat()):
            yield note("place_new", str(folder))
        else:
            yield error("place_cannot_be_made", str(folder), parent=str(parent), user=who.name)
        return
    found = folder.stat()
    if not stat.S_ISDIR(found.st_mode):
        yield error("place_no_folder", str(folder))
    elif mounts.of(folder)[2] or _read_only(folder):
        yield error("place_read_only", str(folder), mount=str(mounts.of(folder)[0]))
    elif not who.may_write(found):
        owner = _name_of(found.st_uid)
        mode = f"{stat.S_IMODE(found.st_mode):o}"
        yield error("place_forbidden", str(folder), user=who.name, owner=owner, mode=mode)
    elif (free := shutil.disk_usage(folder).free) < LEAST_BYTES:
        yield error("place_full", str(folder), free=megabytes(free))
    else:
        yield ok("place_well", str(folder), free=megabytes(free))


def _read_only(folder: Path) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError as failed:
        return failed.errno == errno.EROFS


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def check_disk(config: Config, lesson_sec: float, bits: float = ASSUMED_BITS) -> Iterator[Finding]:
    """Whether the coming day's lessons (`lesson_sec` over all channels) fit beside the reserve."""
    folder = next((one for one in (config.paths.media, *config.paths.media.parents) if one.exists()), Path("/"))
    total, _, free = shutil.disk_usage(folder)
    reserve = config.spool.reserve_gb * GIB
    need = lesson_sec * bits / 8
    said = {"free": megabytes(free), "reserve": megabytes(reserve), "total": megabytes(total)}
    lessons = {"need": megabytes(need), "hours": f"{lesson_sec / 3600:.1f}"}
    if total - reserve < max(need, 1):
        yield error("disk_too_small", str(config.paths.media), **said, **lessons)
    elif free <= reserve:
        yield error("disk_full", str(config.paths.media), **said)
    elif free - reserve < need:
        yield warning("disk_tight", str(config.paths.media), **said, **lessons)


def check_journal(config: Config) -> Iterator[Finding]:
    """Whether the journal, where there is one, is whole."""
    path = config.paths.state / "journal.sqlite"
    try:
        if not path.exists():
            return
        journal = Journal(path, read_only=True)
    except JournalError as failed:
        yield error("journal_unusable", str(path), why=str(failed))
        return
    except PermissionError:
        return  # not this user's business; the folder's finding says whose it is
    try:
        if damage := journal.damage():
            yield error("journal_damaged", str(path), why="; ".join(damage)[:300])
    finally:
        journal.close()


def check_lock(config: Config, socket: Path) -> Iterator[Finding]:
    """Nobody answers: is the state folder held all the same?"""
    if pid := holder_of(config.paths.state):
        yield error("daemon_other", str(config.paths.state), pid=pid, socket=str(socket))
    else:
        yield warning("daemon_off")
