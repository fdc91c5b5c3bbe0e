"""Parts on their way to a bucket that takes and answers them when it is told to."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.storage.base import StorageError
from agent.storage.body import opened
from agent.storage.pace import Pace
from agent.storage.s3.parts import PARTS_AT_ONCE, _Parts
from agent.storage.s3.wire import Answer, md5_of
from tests.agent.storage.files import noise

PART, COUNT = 100_000, 9
SIZE = PART * COUNT - 1


class Told:
    """Stands in for `S3Bucket`: `begun` are the parts that came, a gate each before they are sent and answered."""

    signs_content, looks = False, None

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.sent: dict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self.answered: dict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self.status = 200

    async def ask(
        self, _method: str, _key: str, _body: object, query: dict[str, str], *, data: bytes, **rest: Any
    ) -> Answer:
        number, on_sent = int(query["partNumber"]), rest["on_sent"]
        self.begun.append(number)
        await self.sent[number].wait()
        on_sent()
        await self.answered[number].wait()
        return Answer(self.status, {"etag": f'"{md5_of(data)}"'}, b"")


async def settles(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - threads sum beside
            await asyncio.sleep(0.005)


async def test_one_is_on_the_line_and_few_are_in_memory(tmp_path: Path) -> None:
    path, sha256 = noise(tmp_path, SIZE)
    bucket: Any = Told()
    async with opened(path, sha256, Pace(0, SystemClock()), block=PART) as body:
        bringing = asyncio.create_task(_Parts(bucket, "key", body, "upload", {}).bring(PART))
        for number in range(1, PARTS_AT_ONCE + 1):
            await settles(lambda number=number: bucket.begun == list(range(1, number + 1)))  # type: ignore[misc]
            await settles(lambda: body.sent == PART * PARTS_AT_ONCE)
            bucket.sent[number].set()
        for _ in range(50):
            await asyncio.sleep(0)
        assert (body.sent, bucket.begun) == (PART * PARTS_AT_ONCE, list(range(1, PARTS_AT_ONCE + 1)))
        for number in range(1, COUNT + 1):
            bucket.sent[number].set()
            bucket.answered[number].set()
        assert len(await bringing) == math.ceil(SIZE / PART)
        assert (body.sent, body.changed) == (SIZE, False)


async def test_after_a_part_that_is_refused_no_more_are_read(tmp_path: Path) -> None:
    path, sha256 = noise(tmp_path, SIZE)
    bucket: Any = Told()
    bucket.status = 507
    async with opened(path, sha256, Pace(0, SystemClock()), block=PART) as body:
        bringing = asyncio.create_task(_Parts(bucket, "key", body, "upload", {}).bring(PART))
        await settles(lambda: body.sent == PART * PARTS_AT_ONCE)
        bucket.sent[1].set()
        bucket.answered[1].set()
        async with asyncio.timeout(30):
            with pytest.raises(StorageError, match="full"):
                await bringing
        assert body.sent < SIZE
