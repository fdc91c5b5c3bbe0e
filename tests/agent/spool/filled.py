"""Slices on disk and in the journal, as recorders leave them, and time that a test can move."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent.journal import Journal, JournalThread, SliceRow, SliceState
from agent.schedule.reconciler import Due
from recorder.names import SliceName
from recorder.specs import SliceFacts

LIMIT_SEC = 30.0
LESSON = 1_800_000_000


class FakeClock:
    """Real time plus what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def wall(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


class StillClock(FakeClock):
    """Stands still but for what a test adds to it: a machine that is busy for seconds brings nothing forward."""

    def wall(self) -> float:
        return LESSON + self.ahead

    def monotonic(self) -> float:
        return 1000.0 + self.ahead


class Pauses:
    """Why the uploads gave up, as the state keeps it."""

    def __init__(self) -> None:
        self.why = ""

    def gave_up(self) -> str:
        return self.why

    def give_up(self, why: str) -> None:
        self.why = why


class Spool:
    """A journal and its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.slices = folder / "slices"
        self.slices.mkdir(parents=True, exist_ok=True)
        self.journal = JournalThread(folder / "journal.sqlite")

    async def lesson(self, camera_id: int = 7, begin: float = LESSON, length: float = 60.0) -> int:
        """A recording that is on."""
        due = Due(f"course:{camera_id}:{begin:.0f}", camera_id, 5, begin, begin + length)
        return (await self.journal.do(Journal.open_recording, due, begin)).slice_id

    async def add(
        self,
        *,
        inx: int = 1,
        slice_id: int = 11,
        camera_id: int = 7,
        at: float = LESSON,
        size: int = 1000,
        thumb: bool = False,
    ) -> str:
        """A finished slice; its stem."""
        name = SliceName(
            hashlib.md5(f"{slice_id} {inx}".encode()).hexdigest(), camera_id, int(at), 5, slice_id, inx, 60
        )
        path = self.slices / name.filename
        content = (name.stem.encode() * (size // 40 + 1))[:size]
        path.write_bytes(content)
        thumbnail = path.with_suffix(".jpg") if thumb else None
        if thumbnail is not None:
            thumbnail.write_bytes(b"\xff\xd8\xff\xe0 " + name.stem.encode())
        facts = SliceFacts(
            stem=name.stem,
            path=str(path),
            thumbnail=str(thumbnail) if thumbnail else None,
            camera_id=camera_id,
            course_id=5,
            slice_id=slice_id,
            slice_inx=inx,
            started_at=float(at),
            media_sec=60.0,
            overlap_sec=0.0,
            size=size,
            sha256=hashlib.sha256(content).hexdigest(),
            video="h264 320x180",
        )
        assert await self.journal.do(Journal.add_slice, facts)
        return name.stem

    async def row(self, stem: str) -> SliceRow:
        """What the journal says of a slice."""
        for state in SliceState:
            for row in await self.journal.do(Journal.slices_in, state, 1000):
                if row.stem == stem:
                    return row
        raise AssertionError(f"{stem} is not in the journal")

    async def state(self, stem: str) -> SliceState:
        """How far a slice is."""
        return (await self.row(stem)).state


class News:
    """Collects what is told and wakes those who wait for it."""

    def __init__(self) -> None:
        self.all: list[object] = []
        self._new = asyncio.Event()

    def __call__(self, happening: object = None) -> None:
        self.all.append(happening)
        self._new.set()

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for what some news brings."""
        async with asyncio.timeout(LIMIT_SEC):
            while True:
                self._new.clear()
                if await condition():
                    return
                await self._new.wait()


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what only looking can tell: the journal has no event for us."""
    async with asyncio.timeout(LIMIT_SEC):
        while not await condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.003)
