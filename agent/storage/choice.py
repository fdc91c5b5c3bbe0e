"""Which storage the server's word leads to; what this machine's owner has not allowed is refused by name."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import aiohttp

from agent.config.model import StorageSection
from agent.storage.base import Storage, StorageError
from agent.storage.fastdfs.storage import FastDfsStorage
from agent.storage.fastdfs.trackers import trackers_of
from agent.storage.folder import FolderStorage
from agent.storage.http import HttpStorage
from agent.storage.pace import Pace
from agent.storage.s3.sigv4 import Credentials
from agent.storage.s3.storage import S3Storage
from agent.storage.webdav import DavStorage
from agent.wire.models import StorageTarget, StoredFile


class RefusedStorage:
    """Takes nothing and says why."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def put(self, path: Path, name: str, sha256: str) -> StoredFile:
        """Raises `StorageError`."""
        raise StorageError(f"{name}: {self._why}")

    async def delete(self, file: str) -> None:
        """Raises `StorageError`."""
        raise StorageError(f"{file}: {self._why}")

    async def close(self) -> None:
        """Nothing is held."""


def own_storage(section: StorageSection, tls: ssl.SSLContext, pace: Pace, state: Path) -> Storage | None:
    """The storage that the configuration names; None where it leaves the choice to the server. `state`: the folder that
    outlives a restart. Needs a running loop.
    """
    if section.kind == "fastdfs":
        return FastDfsStorage(trackers_of(section.url), section.bucket, pace, state / "fastdfs")
    if section.kind == "server":
        return None
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls), trust_env=True)
    secret = section.secret.get_secret_value()
    if section.kind == "s3":
        who = Credentials(section.user, secret, section.region)
        begun = state / "s3-begun.json"
        return S3Storage(session, section.url, who, pace, bucket=section.bucket, folder=section.folder, begun=begun)
    return DavStorage(session, section.url, pace, user=section.user, password=secret)


def storage_for(
    target: StorageTarget, allowed: Path | None, http: aiohttp.ClientSession, token: Callable[[], str], pace: Pace
) -> Storage | None:
    """The storage that `target` means; None while the server has not said. `allowed` is the one folder it may name."""
    if target.kind == "http":
        return HttpStorage(http, target.url, token, pace) if target.url else None
    if not target.path:
        return None
    if allowed is None or Path(target.path) != allowed:
        return RefusedStorage(
            f"the server wants recordings in the folder {target.path}; to allow it, set upload.folder to it"
        )
    return FolderStorage(allowed)
