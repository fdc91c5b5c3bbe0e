"""The spool, file by file."""

from __future__ import annotations

from pathlib import Path

from agent.journal import Journal, SliceState
from agent.spool.uploads import Try
from agent.spool.view import LISTED, upload_views, waiting_rows
from tests.agent.spool.filled import LESSON, Spool

NOW = LESSON + 500.0


async def test_every_state_of_a_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    try:
        slice_id = await spool.lesson()
        stored, busy, failed, new = [await spool.add(slice_id=slice_id, inx=n, at=LESSON + n) for n in (1, 2, 3, 4)]
        gone = await spool.add(slice_id=slice_id, inx=5)
        await spool.journal.do(Journal.advance, stored, SliceState.UPLOADED)
        await spool.journal.do(Journal.advance, gone, SliceState.CONFIRMED)
        rows = await spool.journal.do(waiting_rows)
        tries = {failed: Try(3, "the storage is full", 40.0)}
        views = upload_views(rows, {7: "Room 7"}, NOW, tries=tries, busy={busy}, paused=False)
        assert [(one.stem, one.state) for one in views] == [
            *((busy, "uploading"), (failed, "retrying"), (new, "waiting"), (stored, "stored"))
        ]
        assert (views[1].attempts, views[1].error, views[1].next_try) == (3, "the storage is full", NOW + 40.0)
        assert {one.camera_name for one in views} == {"Room 7"}
        paused = upload_views(rows, {}, NOW, tries=tries, busy={busy}, paused=True)
        assert [one.state for one in paused] == ["uploading", "paused", "paused", "stored"]
        assert paused[1].next_try is None
    finally:
        await spool.journal.close()


async def test_a_long_queue_is_cut(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    try:
        for inx in range(LISTED + 5):
            await spool.add(inx=inx, size=1)
        assert len(await spool.journal.do(waiting_rows)) == LISTED
    finally:
        await spool.journal.close()
