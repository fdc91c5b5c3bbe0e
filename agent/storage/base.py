"""What a storage is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from agent.wire.models import StoredFile

UPLOAD_NAME = re.compile(r"[0-9A-Za-z_]{1,160}\.(mp4|jpg)")
"""Names a storage takes: a slice's stem or `live_<camera_id>`, with its suffix."""


class StorageError(Exception):
    """The file is not in the storage. `retry` False means that trying again with the same file cannot help, `rest_sec`
    that the storage wants to be left alone for so long (Retry-After). `down`: as far as can be told, it is the storage
    that is in trouble, not this file.
    """

    def __init__(self, message: str, *, retry: bool = True, rest_sec: float = 0.0, down: bool = False) -> None:
        super().__init__(message)
        self.retry = retry
        self.rest_sec = rest_sec
        self.down = down


_ELSEWHERE = "is at another address; set storage.url to it"
_STATUS = {
    301: _ELSEWHERE,
    302: _ELSEWHERE,
    307: _ELSEWHERE,
    308: _ELSEWHERE,
    400: "does not understand the request",
    401: "does not know this user and secret",
    403: "refuses access",
    404: "has no such place",
    413: "takes no file of this size",
    423: "holds the name locked",
    429: "is busy",
    503: "is busy",
    507: "is full",
}


def answered(status: int, detail: str = "") -> str:
    """What a storage's HTTP status means, for people; `detail` is what it said beside."""
    said = " ".join(detail.split())[:200]
    return f"the storage {_STATUS.get(status, 'fails')} ({status}{': ' if said else ''}{said})"


class Storage(Protocol):
    """A place for files. `put` is idempotent: the same name with the same content may be put again at any time."""

    async def put(self, path: Path, name: str, sha256: str) -> StoredFile:
        """Store the file under `name`; when it returns, the storage holds it durably with this size and checksum.

        `sha256` (hex) is what the file must have; a file that has changed on disk is refused with `retry` False.
        Raises `StorageError`.
        """
        ...

    async def delete(self, file: str) -> None:
        """Take back the file at an address that `put` gave; none is there is as good. Raises `StorageError`.

        For what nobody has been told of: what a server has confirmed is the server's to delete.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
