"""What a crash of everything left on disk is in the journal afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.channels.recorders import RecorderHost
from agent.channels.repairs import Repairs
from agent.journal import JournalThread
from agent.schedule.reconciler import Desired, Due
from agent.wire.models import WireCamera
from recorder.names import SliceName, new_uid
from recorder.protocol import RecordingBegan, SliceClosed, Trouble
from recorder.specs import Tuning
from tests.agent.rooms import LIMIT_SEC, Rooms, recorded_sec, rooms_in
from tests.agent.spool.filled import eventually
from tests.media import MakeSample


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    async with rooms_in(tmp_path) as rooms:
        yield rooms


async def record(rooms: Rooms, sample: MakeSample, *, kill: bool) -> None:
    """One recording, finished or torn."""
    film = sample(seconds=8, gop_sec=1)
    channel = rooms.channel(WireCamera(camera_id=7, stream_prop=1, stream_mp4=str(film)))
    due = Due("course:5:1", 7, 5, rooms.clock.wall(), None)
    channel.want(Desired(connect=True, reconnect=True, due=(due,)), Tuning(snap_sec=0))
    await rooms.until(lambda: any(isinstance(event, RecordingBegan) for event in rooms.events))
    await rooms.until(lambda: recorded_sec(channel) > 2)
    if kill:
        assert channel.pid is not None
        channel._closing = True  # as if the daemon were killed with it
        os.kill(channel.pid, signal.SIGKILL)
    await channel.close()


async def journal_lost(rooms: Rooms, folder: Path) -> None:
    """A new journal, as when somebody moved the old one away."""
    await rooms.journal.close()
    rooms.journal = JournalThread(folder / "another.sqlite")
    rooms.intake._journal = rooms.repairs._journal = rooms.fleet._journal = rooms.journal


async def test_torn_and_finished_slices_come_into_an_empty_journal(
    tmp_path: Path, rooms: Rooms, sample: MakeSample
) -> None:
    await record(rooms, sample, kill=False)
    told = [event.facts for event in rooms.events if isinstance(event, SliceClosed)]
    rooms.events.clear()
    await record(rooms, sample, kill=True)
    rooms.events.clear()
    await journal_lost(rooms, tmp_path)
    for foreign in ("notes.txt", "film.mp4", "x.mp4.part"):
        await asyncio.to_thread((rooms.slices / foreign).write_bytes, b"not ours")
    rooms.repairs.ask()
    await rooms.until(lambda: sum(isinstance(event, SliceClosed) for event in rooms.events) == 2)
    closed = {event.reason: event.facts for event in rooms.events if isinstance(event, SliceClosed)}
    (finished,) = told
    found = closed["found"]
    assert (found.stem, found.sha256, found.size) == (finished.stem, finished.sha256, finished.size)
    assert found.started_at == pytest.approx(finished.started_at, abs=0.001)
    assert found.media_sec == pytest.approx(finished.media_sec, abs=0.1)
    torn = closed["repair"]
    assert (torn.slice_id, torn.slice_inx, torn.repaired) == (found.slice_id, 2, True)
    rows = await rooms.slices_of(found.slice_id)
    assert [(row.slice_inx, row.repaired) for row in rows] == [(1, False), (2, True)]
    for foreign in ("notes.txt", "film.mp4", "x.mp4.part"):
        assert (rooms.slices / foreign).read_bytes() == b"not ours"


async def test_nothing_to_do_starts_no_process(rooms: Rooms) -> None:
    await asyncio.wait_for(rooms.repairs.repair_once(), LIMIT_SEC)
    assert rooms.host._server is None


async def test_what_cannot_be_played_is_named(rooms: Rooms) -> None:
    path = rooms.slices / SliceName(new_uid(), 7, 1_700_000_000, 5, 11, 3).filename
    await asyncio.to_thread(path.write_bytes, b"\0" * 5000)
    rooms.repairs.ask()

    async def named() -> bool:
        return bool(rooms.repairs.unusable)

    await eventually(named)
    assert path.name in rooms.repairs.unusable[0]


async def test_what_was_asked_for_is_done_after_any_failure(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("agent.channels.repairs.AGAIN_SEC", 0.01)
    errors: list[Exception] = [OSError("disk full"), RuntimeError("of ours")]
    done = asyncio.Event()

    async def repair(_: Repairs) -> None:
        if errors:
            raise errors.pop()
        done.set()

    monkeypatch.setattr(Repairs, "repair_once", repair)
    rooms.repairs.ask()
    await asyncio.wait_for(done.wait(), LIMIT_SEC)
    assert caplog.text.count("tried again") == 2


async def test_a_repair_that_hangs_is_killed_and_its_file_left_alone(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening a pipe that nobody writes into hangs; the file behind it is repaired all the same."""
    monkeypatch.setattr("agent.channels.repairs.AGAIN_SEC", 0.01)
    monkeypatch.setattr("agent.channels.repairs.QUIET_SEC", 3.0)
    hangs, other = (rooms.slices / SliceName(digit * 32, 7, 1_700_000_000, 5, 11, 3).filename for digit in "ab")
    os.mkfifo(hangs)
    await asyncio.to_thread(other.write_bytes, b"\0" * 5000)
    rooms.repairs.ask()

    async def named() -> bool:
        return bool(rooms.repairs.unusable)

    await eventually(named)
    assert [one.split(":")[0] for one in rooms.repairs.unusable] == [other.name]
    assert hangs.exists()
    (trouble,) = [event for event in rooms.events if isinstance(event, Trouble)]
    assert hangs.name in trouble.detail


async def test_without_a_process_it_is_tried_again(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.channels.repairs.AGAIN_SEC", 0.01)
    await asyncio.to_thread(
        (rooms.slices / SliceName(new_uid(), 7, 1_700_000_000, 5, 11, 3).filename).write_bytes, b"\0" * 5000
    )
    real, calls = RecorderHost.spawn, 0

    async def spawn(host: RecorderHost) -> object:
        nonlocal calls
        calls += 1
        process = await real(host)
        if calls == 1:
            process.kill()
        return process

    monkeypatch.setattr(RecorderHost, "spawn", spawn)
    rooms.repairs.ask()

    async def named() -> bool:
        return bool(rooms.repairs.unusable)

    await eventually(named)
    assert calls == 2
