"""A file while it is read for sending."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.storage.base import StorageError
from agent.storage.body import BLOCK, opened
from agent.storage.pace import Pace
from tests.agent.spool.filled import StillClock
from tests.agent.storage.files import noise

SIZE = 3 * BLOCK + 1000


@pytest.mark.parametrize("summed", [True, False])
async def test_a_file_that_gets_shorter_is_another_one(tmp_path: Path, summed: bool) -> None:
    path, sha256 = noise(tmp_path, SIZE)
    async with opened(path, sha256, Pace(0, SystemClock()), summed=summed) as body:
        await body.take(1)
        os.truncate(path, 2 * BLOCK + 5)
        with pytest.raises(OSError, match="shorter"):
            async with asyncio.timeout(30):
                await body.skip(SIZE - 1)
        with pytest.raises(StorageError, match="has changed"):
            body.still_the_same()


@pytest.mark.parametrize("summed", [True, False])
async def test_what_is_passed_over_is_not_sent(tmp_path: Path, summed: bool) -> None:
    path, sha256 = noise(tmp_path, SIZE)
    async with opened(path, sha256, Pace(0, SystemClock()), summed=summed) as body:
        await body.skip(BLOCK + 7)
        rest = b"".join([bytes(piece) async for piece in body.chunks()])
        assert (rest, body.sent) == (path.read_bytes()[BLOCK + 7 :], SIZE)
        body.still_the_same()


async def test_only_what_is_summed_can_tell_that_it_has_changed(tmp_path: Path) -> None:
    path, _ = noise(tmp_path, SIZE)
    other = hashlib.sha256(b"other").hexdigest()
    for summed in (True, False):
        async with opened(path, other, Pace(0, SystemClock()), summed=summed) as body:
            await body.skip(0)
            while await body.take(SIZE):
                pass
            assert body.changed == summed
            with pytest.raises(StorageError, match="has changed"):
                await body.look_again()


async def test_a_pace_that_lets_a_piece_wait_long_is_no_silence(tmp_path: Path) -> None:
    path, sha256 = noise(tmp_path, SIZE)
    clock = StillClock()
    async with opened(path, sha256, Pace(1000, clock), silence_sec=5.0) as body, body.request():
        pace = asyncio.create_task(body.paced(1_000_000))
        await asyncio.sleep(0)
        (limit,) = body._limits
        due = limit.when()
        assert due is not None
        assert due - asyncio.get_running_loop().time() > 900.0
        pace.cancel()
