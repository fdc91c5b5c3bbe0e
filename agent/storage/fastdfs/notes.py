"""What is remembered of FastDFS's unfinished files: the server gives each upload a new name, and only we know it."""

from __future__ import annotations

import itertools
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from agent.files import replace_file

log = logging.getLogger(__name__)

FORGOTTEN_SEC = 14 * 86400.0
"""A note that nobody has touched for so long is of an upload that nobody wants any more."""
GIVEN_UP_SEC = 90 * 86400.0
"""A storage that has been away for so long does not come back; what lies there is not ours to delete any more."""


@dataclass(slots=True)
class Unfinished:
    """An appender file: where it is, which content it takes, in pieces of how many bytes. `away_since`: wall clock,
    when its storage was first found away; 0 while it is there.
    """

    group: str
    host: str
    port: int
    name: str
    sha256: str
    piece: int = 4 << 20  # before it was noted
    away_since: float = 0.0


class Notes:
    """One file an upload, `<name>.json`; what is to be deleted on its storage is `<name>.<n>.left`; the addresses that
    a live picture had are in `<name>.pictures`. Blocks: for a thread.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> Unfinished | None:
        """The note of this upload; one that makes no sense is none."""
        return _read(self._path(name))

    def write(self, name: str, unfinished: Unfinished) -> None:
        """Keep it over a power cut."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        replace_file(self._path(name), json.dumps(asdict(unfinished)).encode(), mode=0o600)

    def touch(self, name: str) -> None:
        """It is still being worked at."""
        os.utime(self._path(name))

    def forget(self, name: str) -> None:
        """Nothing of it is left anywhere."""
        self._path(name).unlink(missing_ok=True)

    def leave(self, name: str) -> Path | None:
        """Its upload begins anew; what lies on the storage is to be deleted. The note of that, to be unlinked then."""
        for number in itertools.count():
            left = self._folder / f"{name}.{number}.left"
            if not left.exists():
                break
        try:
            return self._path(name).rename(left)
        except FileNotFoundError:
            return None

    def left(self, now: float, busy: set[str]) -> Iterator[tuple[Path, Unfinished]]:
        """What is to be deleted, oldest first: what was left, and notes of uploads that nobody has tried for long."""
        for path in sorted(self._folder.glob("*.left")) + sorted(self._folder.glob("*.json")):
            age_sec = now - path.stat().st_mtime
            if path.suffix == ".json" and (path.stem in busy or age_sec < FORGOTTEN_SEC):
                continue
            unfinished = _read(path)
            if unfinished is None:
                continue
            if age_sec > GIVEN_UP_SEC:
                log.warning("%s:%d is away, %s stays there", unfinished.host, unfinished.port, unfinished.name)
                path.unlink(missing_ok=True)
                continue
            yield path, unfinished

    def pictures(self, name: str) -> list[str]:
        """Addresses under which this picture may still lie, oldest first."""
        try:
            told = json.loads(self._pictures(name).read_text())
        except (FileNotFoundError, ValueError):
            return []
        return [one for one in told if isinstance(one, str)] if isinstance(told, list) else []

    def keep_pictures(self, name: str, addresses: list[str]) -> None:
        """See `pictures`."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        replace_file(self._pictures(name), json.dumps(addresses).encode(), mode=0o600)

    def _pictures(self, name: str) -> Path:
        return self._folder / f"{name}.pictures"

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _read(path: Path) -> Unfinished | None:
    try:
        told = json.loads(path.read_text())
        return Unfinished(**{field.name: told[field.name] for field in fields(Unfinished) if field.name in told})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        path.unlink(missing_ok=True)
        return None
