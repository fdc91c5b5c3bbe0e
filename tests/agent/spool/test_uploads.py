"""Slices on their way to a storage that misbehaves, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from agent.background import within
from agent.clock import SystemClock
from agent.journal import Journal, SliceRow, SliceState
from agent.spool import uploads
from agent.spool.uploads import IDLE_SEC, Uploads
from agent.status import Happening
from agent.storage.http import HttpStorage
from agent.storage.pace import Pace
from tests.agent.spool.filled import LESSON, News, Pauses, Spool, StillClock, eventually
from tests.agent.storage_double import REST_SEC, StorageDouble


class Line:
    """Uploads that run between a spool and a storage."""

    def __init__(
        self, spool: Spool, storage: StorageDouble, http: aiohttp.ClientSession, parallel: int, pauses: Pauses | None
    ) -> None:
        self.spool, self.storage = spool, storage
        self.clock, self.news = StillClock(), News()
        self.keep_trying = True
        self.known = True
        self.open = True
        self._back_end = HttpStorage(http, storage.url, lambda: "token", Pace(0, SystemClock()), silence_sec=0.3)
        self.pauses = pauses or Pauses()
        self.uploads = Uploads(
            spool.journal,
            lambda: self._back_end if self.known else None,
            self.clock,
            parallel=parallel,
            retry_max_sec=600.0,
            keep_trying=lambda: self.keep_trying,
            on_uploaded=self.news,
            tell=self.news,
            hours_open=lambda: self.open,
            gave_up=self.pauses.gave_up,
            give_up=self.pauses.give_up,
            is_lost=self._is_lost,
        )

    async def _is_lost(self, row: SliceRow) -> bool:
        if row.path.exists():
            return False
        await self.spool.journal.do(Journal.give_up, row.stem, "deleted")
        return True

    def later(self) -> None:
        """An hour goes by."""
        self.clock.ahead += 3600.0
        self.uploads.wake()

    async def uploaded(self, *stems: str) -> None:
        async def all_uploaded() -> bool:
            return all([await self.spool.state(stem) is SliceState.UPLOADED for stem in stems])

        await self.news.until(all_uploaded)

    async def failed(self, word: str = "") -> None:
        async def has_failed() -> bool:
            return bool(self.uploads.error) and word in self.uploads.error

        await self.news.until(has_failed)


@pytest.fixture
async def storage() -> AsyncIterator[StorageDouble]:
    async with StorageDouble().serve() as storage:
        yield storage


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    spool = Spool(tmp_path)
    yield spool
    await spool.journal.close()


@contextlib.asynccontextmanager
async def running(
    spool: Spool, storage: StorageDouble, parallel: int = 2, pauses: Pauses | None = None
) -> AsyncIterator[Line]:
    async with aiohttp.ClientSession() as http:
        line = Line(spool, storage, http, parallel, pauses)
        task = asyncio.create_task(line.uploads.run())
        try:
            yield line
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


FAILURES = [
    *("500", "507", "401", "409", "400", "redirect", "break", "deaf", "mute"),
    *("garbage", "html", "empty", "endless", "size", "sha256", "err_code", "no address"),
]


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_file_that_the_storage_fails_stays_and_goes_later_and_blocks_no_other(
    spool: Spool, storage: StorageDouble, failure: str
) -> None:
    bad = await spool.add(inx=1, at=LESSON, size=6_000_000 if failure == "deaf" else 1000)
    good = [await spool.add(inx=inx, at=LESSON + inx) for inx in (2, 3, 4)]
    storage.script[f"{bad}.mp4"] = [failure, "take"]
    async with running(spool, storage, parallel=1) as line:
        await line.uploaded(*good)
        await line.failed()
        assert await spool.state(bad) is SliceState.RECORDED
        assert bad in line.uploads.error
        assert storage.times(f"{bad}.mp4") == 1
        line.later()
        await line.uploaded(bad)
        assert line.uploads.error == ""
    row = await spool.row(bad)
    assert row.file_fdfs == f"/files/{bad}.mp4"
    assert storage.held[f"{bad}.mp4"] == row.path.read_bytes()
    assert set(storage.asked) == {f"{stem}.mp4" for stem in (bad, *good)}


async def test_a_file_that_changed_on_disk_never_counts_as_uploaded(spool: Spool, storage: StorageDouble) -> None:
    longer, shorter, gone, good = [await spool.add(inx=inx, at=LESSON + inx) for inx in range(4)]
    for stem, content in ((longer, b"x" * 1000), (shorter, b"x" * 10)):
        (spool.slices / f"{stem}.mp4").write_bytes(content)
    (spool.slices / f"{gone}.mp4").unlink()
    async with running(spool, storage, parallel=1) as line:
        line.keep_trying = False  # a failure of the storage would pause everything, and this is none
        await line.uploaded(good)
        for stem in (longer, shorter, gone):
            assert await spool.state(stem) is SliceState.RECORDED


async def test_the_thumbnail_goes_too_but_holds_up_nothing(spool: Spool, storage: StorageDouble) -> None:
    whole, refused, lost = [await spool.add(inx=inx, at=LESSON + inx, thumb=True) for inx in (1, 2, 3)]
    storage.script[f"{refused}.jpg"] = ["409"]
    (spool.slices / f"{lost}.jpg").unlink()
    async with running(spool, storage) as line:
        await line.uploaded(whole, refused, lost)
    assert [(await spool.row(stem)).image_fdfs for stem in (whole, refused, lost)] == [f"/files/{whole}.jpg", "", ""]
    assert storage.held[f"{whole}.jpg"] == (spool.slices / f"{whole}.jpg").read_bytes()


async def test_a_thumbnail_that_fails_for_now_is_waited_for(spool: Spool, storage: StorageDouble) -> None:
    stem = await spool.add(thumb=True)
    storage.script[f"{stem}.jpg"] = ["500", "take"]
    async with running(spool, storage) as line:
        await line.failed()
        assert await spool.state(stem) is SliceState.RECORDED
        line.later()
        await line.uploaded(stem)
    assert (await spool.row(stem)).image_fdfs


async def test_the_oldest_lesson_goes_first(spool: Spool, storage: StorageDouble) -> None:
    ages = [300, 100, 400, 200]
    stems = [await spool.add(inx=n, at=LESSON + age) for n, age in enumerate(ages, 1)]
    async with running(spool, storage, parallel=1) as line:
        await line.uploaded(*stems)
    assert storage.asked == [f"{stem}.mp4" for _, stem in sorted(zip(ages, stems, strict=True))]


async def test_so_many_at_a_time_and_no_more(spool: Spool, storage: StorageDouble) -> None:
    stems = [await spool.add(inx=inx, at=LESSON + inx) for inx in range(7)]
    storage.gate.clear()
    async with running(spool, storage, parallel=3) as line:
        await storage.until(lambda: storage.under_way == 3)
        line.uploads.wake()
        newest = await spool.add(inx=8, at=LESSON + 8)
        line.uploads.wake()
        storage.gate.set()
        await line.uploaded(*stems, newest)
    assert storage.most == 3


async def test_with_auto_fds_0_a_failure_pauses_everything_until_it_is_resumed(
    spool: Spool, storage: StorageDouble
) -> None:
    first, second = await spool.add(inx=1, at=LESSON), await spool.add(inx=2, at=LESSON + 1)
    storage.script[f"{first}.mp4"] = ["507", "507", "take"]
    async with running(spool, storage, parallel=1) as line:
        line.keep_trying = False
        await line.failed("507")
        assert line.uploads.paused
        line.later()
        third = await spool.add(inx=3, at=LESSON + 2)
        line.uploads.wake()
        asked = list(storage.asked)
        assert asked == [f"{first}.mp4"]
        line.uploads.resume()
        await storage.until(lambda: storage.times(f"{first}.mp4") == 2)
        await line.failed("507")
        assert line.uploads.paused
        line.keep_trying = True  # the server sets auto_fds to 1
        line.later()
        await line.uploaded(first, second, third)
        assert not line.uploads.paused


async def test_one_damaged_file_is_no_failure_of_the_storage(spool: Spool, storage: StorageDouble) -> None:
    damaged, good = await spool.add(inx=1, at=LESSON), await spool.add(inx=2, at=LESSON + 1)
    (spool.slices / f"{damaged}.mp4").unlink()
    async with running(spool, storage, parallel=1) as line:
        line.keep_trying = False
        await line.uploaded(good)
        assert not line.uploads.paused


async def test_a_file_that_somebody_deleted_is_given_up_by_name_and_hides_no_other_trouble(
    spool: Spool, storage: StorageDouble
) -> None:
    lost = await spool.add(inx=1, at=LESSON)
    (spool.slices / f"{lost}.mp4").unlink()
    async with running(spool, storage, parallel=1) as line:
        await line.failed("not")
        assert await spool.state(lost) is SliceState.RECORDED, "it may come back"

        async def given_up() -> bool:
            line.later()
            return await spool.state(lost) is SliceState.GIVEN_UP and line.uploads.error == ""

        await eventually(given_up)
        assert line.uploads.tries() == {}
    assert [gap.cause for gap in await spool.journal.do(Journal.named_gaps, 11)] == ["disk"]


async def test_nothing_goes_before_the_server_has_said_where(spool: Spool, storage: StorageDouble) -> None:
    stem = await spool.add()
    async with running(spool, storage) as line:
        line.known = False
        line.uploads.wake()
        await line.spool.state(stem)
        assert storage.asked == []
        line.known = True
        line.uploads.wake()
        await line.uploaded(stem)


async def test_a_stop_in_the_middle_leaves_the_file_for_the_next_start(spool: Spool, storage: StorageDouble) -> None:
    stem = await spool.add()
    storage.gate.clear()
    async with running(spool, storage):
        await storage.until(lambda: storage.under_way == 1)
    assert await spool.state(stem) is SliceState.RECORDED
    storage.gate.set()
    async with running(spool, storage) as line:
        await line.uploaded(stem)


async def test_a_journal_that_cannot_be_written_makes_no_hot_loop(
    spool: Spool, storage: StorageDouble, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = await spool.add(inx=1, at=LESSON), await spool.add(inx=2, at=LESSON + 1)
    real = type(spool.journal).do

    async def do(journal: object, operation: object, *args: object, **kwargs: object) -> object:
        if bad in args:
            raise RuntimeError("database or disk is full")
        return await real(journal, operation, *args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(type(spool.journal), "do", do)
        async with running(spool, storage, parallel=1) as line:
            await line.uploaded(good)
            await line.failed("disk is full")
            assert storage.times(f"{bad}.mp4") == 1
    assert "unexpectedly" in caplog.text
    async with running(spool, storage) as line:
        await line.uploaded(bad)


async def test_a_journal_that_fails_is_no_failure_of_the_storage(
    spool: Spool, storage: StorageDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `auto_fds` 0 only the storage's pauses everything: nobody has to resume what this machine's disk did."""
    bad, good = await spool.add(inx=1, at=LESSON), await spool.add(inx=2, at=LESSON + 1)
    real = type(spool.journal).do

    async def do(journal: object, operation: object, *args: object, **kwargs: object) -> object:
        if bad in args and broken:
            raise sqlite3.OperationalError("disk I/O error")
        return await real(journal, operation, *args, **kwargs)  # type: ignore[arg-type]

    broken = True
    monkeypatch.setattr(type(spool.journal), "do", do)
    async with running(spool, storage, parallel=1) as line:
        line.keep_trying = False
        await line.failed("disk I/O error")
        assert not line.uploads.paused
        await line.uploaded(good)
        broken = False
        line.later()
        await line.uploaded(bad)


async def test_what_is_refused_for_good_is_looked_at_seldom(spool: Spool, storage: StorageDouble) -> None:
    stem = await spool.add()
    storage.script[f"{stem}.mp4"] = ["409"]
    async with running(spool, storage) as line:
        await line.failed("409")
        assert line.uploads.tries()[stem].wait_sec >= 300.0, "half of the longest wait at least, after the first try"


async def test_a_storage_that_wants_rest_gets_it(spool: Spool, storage: StorageDouble) -> None:
    stems = [await spool.add(inx=inx, at=LESSON + inx) for inx in range(1, 5)]
    for stem in stems[:3]:
        storage.script[f"{stem}.mp4"] = ["busy", "take"]
    async with running(spool, storage, parallel=1) as line:
        await eventually(lambda: _true(line.uploads._outage.on and not line.uploads.under_way))
        assert [one.wait_sec for one in line.uploads.tries().values()] == [REST_SEC] * 3
        told = [one for one in line.news.all if isinstance(one, Happening)]
        assert [one.kind for one in told] == ["queue"], "told once, not for each file"
        line.clock.ahead += REST_SEC - 1.0
        line.uploads.wake()
        for _ in range(5):
            await spool.journal.do(Journal.counts)
        assert (line.uploads.under_way, len(storage.asked)) == (frozenset(), 3)
        line.clock.ahead += 1.0
        line.uploads.wake()
        await line.uploaded(*stems)


async def test_who_resumes_wants_everything_at_once(spool: Spool, storage: StorageDouble) -> None:
    stems = [await spool.add(inx=inx, at=LESSON + inx) for inx in range(1, 5)]
    for stem in stems[:3]:
        storage.script[f"{stem}.mp4"] = ["busy", "busy", "take"]
    async with running(spool, storage, parallel=1) as line:
        for times in (1, 2):
            await eventually(
                lambda times=times: _true(len(storage.asked) == 3 * times and not line.uploads.under_way)  # type: ignore[misc]
            )
            assert line.uploads._outage.on
            line.uploads.resume()
        await line.uploaded(*stems)


async def test_a_file_that_waits_for_its_turn_is_no_reason_to_look_all_the_time(
    spool: Spool, storage: StorageDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await spool.add(inx=1, at=LESSON), await spool.add(inx=2, at=LESSON + 1)
    storage.script[f"{first}.mp4"] = ["500", "take"]
    looked: list[float] = []

    async def watched(limit_sec: float, event: asyncio.Event) -> bool:
        looked.append(limit_sec)
        return await within(limit_sec, event)

    monkeypatch.setattr(uploads, "within", watched)
    async with running(spool, storage, parallel=1) as line:
        await line.failed("500")
        storage.gate.clear()
        line.uploads.wake()
        await storage.until(lambda: storage.under_way == 1 and storage.asked[-1] == f"{second}.mp4")
        line.later()
        await eventually(lambda: _true(looked[-1] == IDLE_SEC))
        seen = len(looked)
        line.uploads.wake()
        await eventually(lambda: _true(len(looked) > seen))
        assert looked[-1] == IDLE_SEC, "the end of the other one wakes it"
        storage.gate.set()
        await line.uploaded(first, second)


async def test_more_at_a_time_begin_at_once(spool: Spool, storage: StorageDouble) -> None:
    stems = [await spool.add(inx=inx, at=LESSON + inx) for inx in range(3)]
    storage.gate.clear()
    async with running(spool, storage, parallel=1) as line:
        await storage.until(lambda: storage.under_way == 1)
        line.uploads.retune(3, 600.0)
        await storage.until(lambda: storage.under_way == 3)
        storage.gate.set()
        await line.uploaded(*stems)


async def test_a_pause_after_a_failure_outlives_a_restart(spool: Spool, storage: StorageDouble) -> None:
    stem, pauses = await spool.add(), Pauses()
    storage.script[f"{stem}.mp4"] = ["500", "take"]
    async with running(spool, storage, pauses=pauses) as line:
        line.keep_trying = False
        await line.failed("500")
    async with running(spool, storage, pauses=pauses) as line:
        line.keep_trying = False
        assert (line.uploads.paused, "500" in line.uploads.error) == (True, True)
        line.later()
        assert storage.times(f"{stem}.mp4") == 1
        line.uploads.resume()
        await line.uploaded(stem)
    assert pauses.why == ""


async def test_outside_its_hours_nothing_begins_and_what_is_on_its_way_arrives(
    spool: Spool, storage: StorageDouble
) -> None:
    first, second = await spool.add(inx=1, at=LESSON), await spool.add(inx=2, at=LESSON + 1)
    storage.gate.clear()
    async with running(spool, storage, parallel=1) as line:
        await storage.until(lambda: storage.under_way == 1)
        line.open = False
        storage.gate.set()
        await line.uploaded(first)
        line.later()
        for _ in range(5):  # turns of the journal: an upload that begins would have asked it by now
            await spool.journal.do(Journal.counts)
        assert (line.uploads.under_way, storage.times(f"{second}.mp4")) == (frozenset(), 0)
        line.open = True
        line.later()
        await line.uploaded(second)


async def test_a_storage_that_is_away_is_asked_little_and_then_gets_the_oldest_first(
    spool: Spool, storage: StorageDouble
) -> None:
    stems = [await spool.add(inx=inx, at=LESSON + inx) for inx in range(1, 41)]
    for stem in stems:
        storage.script[f"{stem}.mp4"] = ["break"]
    async with running(spool, storage, parallel=1) as line:
        await storage.until(lambda: len(set(storage.asked)) >= 3)
        await eventually(lambda: _true(line.uploads._outage.on))
        asked = len(storage.asked)
        for _ in range(9):
            await eventually(lambda: _true(not line.uploads.under_way))
            before = len(storage.asked)
            line.later()
            await storage.until(lambda before=before: len(storage.asked) > before)  # type: ignore[misc]
        await eventually(lambda: _true(not line.uploads.under_way))
        assert len(storage.asked) <= asked + 20, "one at a time, not the whole queue"
        assert max(one.wait_sec for one in line.uploads.tries().values()) > 100
        storage.script.clear()
        line.clock.ahead += 31.0  # the outage's back-off is over, that of the files that asked is not
        line.uploads.wake()
        await line.uploaded(*stems)
        arrived = [name for name in storage.held if name.endswith(".mp4")]
    assert arrived[1:] == [f"{stem}.mp4" for stem in stems if f"{stem}.mp4" != arrived[0]]


async def _true(value: bool) -> bool:
    return value
