"""The embedded server as a process of its own, and a database of a large school to start it on."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import create_engine, insert

from agent.standalone.store.database import Database, driver_url
from agent.standalone.store.schema import Camera, Gather, Record
from agent.standalone.store.sealed import Vault
from tests.servers.ports import free_port

_LIMIT_SEC = 60.0
_BATCH = 20_000
START = datetime(2024, 9, 2, 8, tzinfo=UTC).timestamp()
AGENTS, CAMERAS, COURSES = 100, 400, 4000
"""Agents, channels and courses by which the records are spread."""


@dataclass
class Serving:
    """A server that answers. `pid` is its only process."""

    url: str
    pid: int
    credential: str
    enrol_key: str

    async def token(self, http: aiohttp.ClientSession) -> str:
        """A token of API v1."""
        answer = await self.get(http, "access_token", unionid=self.credential)
        return str(answer["token"])

    async def get(self, http: aiohttp.ClientSession, endpoint: str, **params: Any) -> dict[str, Any]:
        """The answer of a call that must succeed."""
        async with http.get(f"{self.url}/api/v1/{endpoint}", params=params) as response:
            body: dict[str, Any] = await response.json()
        assert body.get("err_code", 0) == 0, body
        return body


@contextmanager
def serving(home: Path, database: str = "") -> Iterator[Serving]:
    """`gather-agent serve` until the end of the block."""
    port = free_port()
    env = {**os.environ, "GATHER__STANDALONE__PORT": str(port), "GATHER__STANDALONE__DATABASE": database}
    env |= {"GATHER__LOG__LEVEL": "warning", "GATHER__TIME__ZONE": "Asia/Shanghai"}
    command = [sys.executable, "-m", "agent.cli", "serve", "--home", str(home)]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert str(port) in process.stdout.readline()
        secrets = json.loads((home / "server/secrets.json").read_text(encoding="utf-8"))
        url = f"http://127.0.0.1:{port}"
        yield Serving(url, process.pid, secrets["credential"], secrets["enrol_key"])
    finally:
        process.terminate()
        process.wait(_LIMIT_SEC)
        process.stdout.close()


def fill(url: str, records: int) -> float:
    """A new database with so many recordings in it; the seconds that took."""
    began = time.monotonic()
    asyncio.run(_make(url))
    engine = create_engine(driver_url(url))
    with engine.begin() as connection:
        connection.execute(insert(Gather), [_gather(number) for number in range(1, AGENTS + 1)])
        connection.execute(insert(Camera), [_camera(number) for number in range(1, CAMERAS + 1)])
        for first in range(0, records, _BATCH):
            rows = [_record(number) for number in range(first + 1, min(first + _BATCH, records) + 1)]
            connection.execute(insert(Record), rows)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    engine.dispose()
    return time.monotonic() - began


async def _make(url: str) -> None:
    database = Database(url, Vault(Vault.new_key()))
    await database.open(START)
    await database.close()


def _gather(number: int) -> dict[str, Any]:
    stamps = {"created": START, "updated": START}
    return {"gather_id": number, "agent_uid": f"uid-{number}", "token_hash": f"hash-{number}", **stamps}


def _camera(number: int) -> dict[str, Any]:
    gather_id = (number - 1) % AGENTS + 1
    row = {"camera_id": number, "gather_id": gather_id, "camera_name": f"教室 {number}", "stream_prop": 2}
    return row | {"snapshot_key": f"{number:032x}", "grade_id": 4, "recording": [], "created": START, "updated": START}


def _record(number: int) -> dict[str, Any]:
    camera_id = number % CAMERAS + 1
    started = START + number * 30.0
    stem = f"{number:032x}_{camera_id}_{started:.0f}_{number % COURSES + 1}_{number}_1_2700"
    return {
        "file_src": stem,
        "file_fdfs": f"/storage/recordings/2026-11-24/{stem}.mp4",
        "image_fdfs": f"/storage/recordings/2026-11-24/{stem}.jpg",
        "file_size": 1_000_000_000,
        "sha256": f"{number:064x}",
        "duration": 2700.0,
        "started": started,
        "gather_id": (camera_id - 1) % AGENTS + 1,
        "camera_id": camera_id,
        "course_id": number % COURSES + 1,
        "subject_id": number % 18 + 1,
        "teacher_id": 1,
        "slice_id": number,
        "slice_inx": 1,
        "created": started,
        "updated": started,
    }
