"""Server and storage as the agent sees them, on simulated time: away for a week, losing answers now and then."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from agent.link.client import ServerClient
from agent.link.failure import ServerError
from agent.storage.base import StorageError
from agent.wire.models import RecordingReport, RecordReport, Reply, StatusReport, StoredFile, WireModel

ANSWER_SEC = 0.2
UPLOAD_SEC = 4.0


class Server:
    """Holds what it was told. `losing`: the share of answers that get lost after the work is done."""

    def __init__(self, seed: int, losing: float = 0.01) -> None:
        self.up = True
        self.files: dict[str, str] = {}
        self.records: dict[str, RecordReport] = {}
        self.lessons: dict[int, RecordingReport] = {}
        self.lost_answers = self.uploads = self.reports = self.refusals = 0
        self.twice: list[str] = []
        """What came again although the answer to it had arrived."""
        self._answered: set[str] = set()
        self._random, self._losing = random.Random(seed), losing

    async def _answers(self, key: str, error: type[Exception]) -> None:
        if key in self._answered:
            self.twice.append(key)
        if self._random.random() < self._losing:
            self.lost_answers += 1
            raise error("the answer got lost")
        await asyncio.sleep(ANSWER_SEC)
        self._answered.add(key)

    async def take_file(self, name: str, sha256: str) -> StoredFile:
        """An upload."""
        await asyncio.sleep(UPLOAD_SEC)
        if not self.up:
            self.refusals += 1
            raise StorageError("the storage does not answer", down=True)
        assert self.files.setdefault(name, sha256) == sha256
        self.uploads += 1
        await self._answers(f"upload {name}", StorageError)
        return StoredFile(file=f"/files/{name}", size=1, sha256=sha256)

    async def take_report(self, body: WireModel) -> None:
        """A report."""
        await asyncio.sleep(ANSWER_SEC)
        if not self.up:
            self.refusals += 1
            raise ServerError("the server does not answer")
        if isinstance(body, RecordReport):
            assert body.file_fdfs == f"/files/{body.file_src}.mp4"
            assert f"{body.file_src}.mp4" in self.files, "reported before it was stored"
            self.records[body.file_src] = body
            self._take_lesson(body.recording)
            self.reports += 1
            await self._answers(f"report {body.file_src}", ServerError)
        elif isinstance(body, StatusReport):
            for lesson in body.lessons:
                self._take_lesson(lesson)

    def _take_lesson(self, lesson: RecordingReport) -> None:
        known = self.lessons.get(lesson.slice_id)
        if known is None or lesson.ended or not known.ended:
            self.lessons[lesson.slice_id] = lesson


class Client(ServerClient):
    """The agent's door to it."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def has_token(self) -> bool:
        return True

    async def post(self, path: str, body: WireModel, answer: type, *, token: str | None = None) -> Reply:  # type: ignore[override]
        await self._server.take_report(body)
        return Reply()


class Store:
    """The agent's storage there."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def put(self, path: Path, name: str, sha256: str) -> StoredFile:
        return await self._server.take_file(name, sha256)

    async def delete(self, file: str) -> None:
        raise AssertionError(f"nobody deletes {file}")

    async def close(self) -> None:
        pass
