"""Which uploads in parts were begun: not every S3 storage lists them (OSS does not), and only they go on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from agent.files import replace_file

MOST = 500
"""Uploads that are remembered; the oldest are forgotten first."""


class Begun:
    """Upload id of each key; in `file` over restarts, without one while the agent runs."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._ids = {} if file is None else _read(file)

    def upload_of(self, key: str) -> str:
        """Its id; empty where none was begun."""
        return self._ids.get(key, "")

    async def begin(self, key: str, upload_id: str) -> None:
        """Remember it."""
        self._ids.pop(key, None)
        self._ids[key] = upload_id
        for old in list(self._ids)[:-MOST]:
            del self._ids[old]
        await self._keep()

    async def end(self, key: str) -> None:
        """It is put together, or taken back."""
        if self._ids.pop(key, None) is not None:
            await self._keep()

    async def _keep(self) -> None:
        if self._file is not None:
            await asyncio.to_thread(replace_file, self._file, json.dumps(self._ids).encode(), mode=0o600)


def _read(file: Path) -> dict[str, str]:
    try:
        told = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(told, dict):
        return {}
    return {key: value for key, value in told.items() if isinstance(value, str)}
