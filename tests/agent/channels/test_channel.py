"""Channels with real recorder processes that are killed, hung, renewed and closed."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.channels.channel import Channel
from agent.channels.recorders import RecorderGone
from agent.channels.view import view_of
from agent.journal import Journal
from agent.schedule.reconciler import OFF, Desired, Due
from agent.wire.models import WireCamera
from recorder.protocol import GapFound, LinkChanged, RecordingBegan, RecordingEnded, SliceClosed, SliceOpened
from recorder.specs import Tuning
from tests.agent.rooms import Rooms, recorded_sec, rooms_in
from tests.agent.spool.filled import eventually
from tests.camera.film import FilmSpec, make_film
from tests.camera.mux import muxed, part
from tests.media import MakeSample, assert_plays
from tests.servers.http_media import live_playlist, serving

SLICES = Tuning(slice_sec=0.0, inter_val=0, snap_sec=0.0)


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    async with rooms_in(tmp_path) as rooms:
        yield rooms


@pytest.fixture
def camera(sample: MakeSample) -> WireCamera:
    return WireCamera(camera_id=7, camera_name="Room", stream_prop=1, stream_mp4=str(sample(seconds=8, gop_sec=1)))


def lesson(rooms: Rooms, length: float | None = None) -> Due:
    now = rooms.clock.wall()
    return Due("course:5:1", 7, 5, now, None if length is None else now + length, title="课")


def want(channel: Channel, *due: Due) -> None:
    channel.want(Desired(connect=True, reconnect=True, due=due), SLICES)


def of(rooms: Rooms, kind: type) -> int:
    return sum(isinstance(event, kind) for event in rooms.events)


def pid(channel: Channel) -> int:
    assert channel.pid is not None
    return channel.pid


async def test_a_killed_recorder_is_followed_by_another_that_goes_on_with_the_next_index(
    rooms: Rooms, camera: WireCamera
) -> None:
    channel = rooms.channel(camera)
    want(channel, lesson(rooms))
    await rooms.until(lambda: recorded_sec(channel) > 2)
    first = pid(channel)
    os.kill(first, signal.SIGKILL)
    await rooms.until(lambda: channel.pid not in (None, first))
    (waited,) = [one for one in rooms.events if isinstance(one, LinkChanged) and one.cause == "restart"]
    assert waited.retry_sec == 0.1, "and not only when a back-off allows it"
    await rooms.until(lambda: of(rooms, SliceOpened) == 2)
    await rooms.until(lambda: of(rooms, SliceClosed) == 1)  # the torn one, repaired while the next is written
    assert (channel.restarts, rooms.crashes) == (1, 1)
    assert [view.title for view in view_of(channel, wanted=True).recordings] == ["课"]
    (recording,) = await rooms.recordings()
    want(channel)
    await rooms.until(lambda: of(rooms, SliceClosed) == 2)
    await channel.close()
    slices = await rooms.slices_of(recording.slice_id)
    assert [(one.slice_inx, one.repaired) for one in slices] == [(1, True), (2, False)]
    for one in slices:
        assert_plays(one.path)
    assert slices[1].started_at - slices[0].started_at >= slices[0].media_sec - 0.1
    assert sorted({path.suffix for path in rooms.slices.iterdir()}) == [".jpg", ".mp4"]


async def test_a_hung_recorder_is_killed_and_replaced(
    rooms: Rooms, camera: WireCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = rooms.channel(camera)
    want(channel, lesson(rooms))
    await rooms.until(lambda: of(rooms, SliceOpened) == 1)
    monkeypatch.setattr("agent.channels.session.HANG_SEC", 2.0)
    first = pid(channel)
    os.kill(first, signal.SIGSTOP)
    await rooms.until(lambda: of(rooms, SliceOpened) == 2)
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    await channel.close()


async def test_a_lesson_whose_last_heap_is_on_its_way_keeps_its_channel_connected(rooms: Rooms) -> None:
    """HLS: what was made before the end comes with a segment that is finished after it, and nobody else wants the
    channel by then.
    """
    film = make_film(FilmSpec(seconds=30, gop=25, audio=""))
    segments = [muxed(part(film, 3.0 * n, 3.0 * (n + 1)), "mpegts") for n in range(10)]
    with serving(live_playlist(segments, 3.0, window=3)) as server:
        channel = rooms.channel(WireCamera(camera_id=7, camera_name="Room", stream_url=server.url("/live.m3u8")))
        want(channel)
        await rooms.until(lambda: channel.link.state == "online")
        due = lesson(rooms, 3.5)
        assert due.end is not None
        want(channel, due)
        await rooms.until(lambda: of(rooms, RecordingBegan) == 1)
        await rooms.until(lambda: rooms.clock.wall() >= due.begin + 3.5)
        channel.want(OFF, SLICES)
        await rooms.until(lambda: of(rooms, RecordingEnded) == 1)
        await rooms.until(lambda: channel.link.state == "down")
        await channel.close()
    (ended,) = [event for event in rooms.events if isinstance(event, RecordingEnded)]
    assert ended.last_at == pytest.approx(due.end, abs=0.1)
    assert of(rooms, GapFound) == 0


@pytest.mark.faults
async def test_a_machine_that_stood_still_kills_nobody(
    rooms: Rooms, camera: WireCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It slept, or a hypervisor moved it: nobody spoke, and nobody listened."""
    monkeypatch.setattr("agent.channels.session.HANG_SEC", 4.0)
    channel = rooms.channel(camera)
    want(channel, lesson(rooms))
    await rooms.until(lambda: of(rooms, SliceOpened) == 1)
    first = pid(channel)
    before = recorded_sec(channel)
    os.kill(first, signal.SIGSTOP)
    threading.Timer(6.5, os.kill, (first, signal.SIGCONT)).start()  # it has its turn a little after the daemon
    time.sleep(6.0)  # noqa: ASYNC251 - the fault itself: the daemon's loop, and with it every task, stands still
    await rooms.until(lambda: recorded_sec(channel) > before + 6)
    assert (channel.pid, channel.restarts) == (first, 0)
    await channel.close()


async def test_close_finishes_the_files_and_off_ends_the_process(rooms: Rooms, camera: WireCamera) -> None:
    channel = rooms.channel(camera)
    want(channel, lesson(rooms))
    await rooms.until(lambda: of(rooms, RecordingBegan) == 1)
    recorder = pid(channel)
    channel.want(OFF, SLICES)
    await rooms.until(lambda: channel.pid is None)
    with pytest.raises(ProcessLookupError):
        os.kill(recorder, 0)
    assert channel.restarts == 0
    (recording,) = await rooms.journal.do(Journal.unreported_recordings)
    (one,) = await rooms.slices_of(recording.slice_id)
    assert not one.repaired
    assert_plays(one.path)
    want(channel, lesson(rooms))
    await rooms.until(lambda: of(rooms, RecordingBegan) == 2)
    await channel.close()
    assert [one.slice_inx for one in await rooms.slices_of(recording.slice_id)] == [1, 2]
    assert channel.restarts == 0
    with pytest.raises(RecorderGone, match="is off"):
        await channel.snapshot()


async def test_another_source_is_opened_at_once_and_the_recording_goes_on(
    rooms: Rooms, camera: WireCamera, sample: MakeSample
) -> None:
    channel = rooms.channel(camera)
    want(channel, lesson(rooms))
    await rooms.until(lambda: channel.link.video == "h264 320x180" and of(rooms, SliceOpened) == 1)
    before = pid(channel)
    channel.change(camera.model_copy(update={"camera_name": "another name"}))
    other = str(sample(seconds=8, gop_sec=1, width=160, height=90))
    channel.change(camera.model_copy(update={"stream_mp4": other}))
    await rooms.until(lambda: channel.link.video == "h264 160x90" and of(rooms, SliceOpened) == 2)
    assert pid(channel) != before
    assert (channel.restarts, rooms.crashes) == (0, 0)
    assert len(await rooms.recordings()) == 1
    await channel.close()


async def test_settings_that_change_while_the_process_is_made_count(
    rooms: Rooms, camera: WireCamera, sample: MakeSample
) -> None:
    channel = rooms.channel(camera.model_copy(update={"stream_mp4": "/nonexistent/film.mp4"}))
    want(channel)

    async def being_made() -> bool:
        return bool(rooms.host._answers)

    await eventually(being_made)
    assert channel.pid is None
    channel.change(camera)
    await rooms.until(lambda: channel.link.state == "online")
    assert channel.restarts == 0
    await channel.close()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stream_prop": 0, "device_ip": ""}, "an IPC channel"),
        ({"stream_prop": 1, "stream_mp4": ""}, "stream_mp4"),
        ({"stream_prop": 2, "stream_url": ""}, "stream_url"),
    ],
)
async def test_a_channel_without_source_says_what_to_do(
    rooms: Rooms, camera: WireCamera, changes: dict[str, object], says: str
) -> None:
    channel = rooms.channel(camera.model_copy(update=changes))
    want(channel)
    await rooms.until(lambda: channel.link.cause == "unusable")
    view = view_of(channel, wanted=True)
    assert (view.state, channel.pid) == ("down", None)
    assert says in view.detail
    channel.change(camera)
    want(channel)
    await rooms.until(lambda: channel.link.state == "online")
    await channel.close()


async def test_a_stop_does_not_wait_for_the_next_try(
    rooms: Rooms, camera: WireCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.channels.channel.RESTART_SEC", (3600.0,))
    channel = rooms.channel(camera)
    want(channel)
    await rooms.until(lambda: channel.link.state == "online")
    os.kill(pid(channel), signal.SIGKILL)
    await rooms.until(lambda: channel.link.cause == "restart")
    channel.renew()  # somebody starts the channel by hand
    await rooms.until(lambda: channel.link.state == "online")
    os.kill(pid(channel), signal.SIGKILL)
    await rooms.until(lambda: channel.link.cause == "restart")
    await asyncio.wait_for(channel.close(), 5.0)


async def test_a_journal_that_fails_costs_no_recording(
    rooms: Rooms, camera: WireCamera, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    channel = rooms.channel(camera)
    want(channel, lesson(rooms))
    await rooms.until(lambda: of(rooms, RecordingBegan) == 1)
    recorder, failed = pid(channel), asyncio.Event()

    def failing(*_: object) -> bool:
        failed.set()
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("agent.channels.repairs.AGAIN_SEC", 0.1)
        patch.setattr(Journal, "add_slice", failing)
        want(channel)  # the end of the recording closes its slice
        await asyncio.wait_for(failed.wait(), 10)
    await rooms.until(lambda: of(rooms, SliceClosed) == 1)  # found on disk by the repair that follows
    assert channel.pid == recorder
    assert "could not be taken in" in caplog.text
    await channel.close()


async def test_a_picture_on_demand(rooms: Rooms, camera: WireCamera) -> None:
    channel = rooms.channel(camera)
    want(channel)
    await rooms.until(lambda: channel.link.state == "online")
    await rooms.until(lambda: channel.packet_age_sec is not None)
    taken = await channel.snapshot()
    assert (taken.error, taken.width, taken.height) == ("", 320, 180)
    assert (rooms.snapshots / "live_7.jpg").read_bytes().startswith(b"\xff\xd8")
    assert channel.snapshot_at == taken.taken_at
    assert LinkChanged("connecting") in rooms.events
    await channel.close()


async def test_a_channel_with_two_streams_shows_the_small_one_and_rests_the_other_between_lessons(
    rooms: Rooms, camera: WireCamera, sample: MakeSample
) -> None:
    small = str(sample(seconds=8, gop_sec=1, width=160, height=90))
    rooms.setup = replace(rooms.setup, sub_streams={camera.camera_id: small}, main_rests=True)
    channel = rooms.channel(camera)
    channel.want(Desired(connect=True, reconnect=True, soon=False), SLICES)
    await rooms.until(lambda: channel.online)
    assert channel.link.state == "idle"
    view = view_of(channel, wanted=True)
    assert (view.state, view.video, view.sub_state) == ("online", "h264 160x90", "online")
    want(channel, lesson(rooms))
    await rooms.until(lambda: of(rooms, RecordingBegan) == 1)
    assert view_of(channel, wanted=True).video == "h264 320x180"
    channel.want(Desired(connect=True, reconnect=True, soon=False), SLICES)  # the lesson was taken off the timetable
    await rooms.until(lambda: channel.link.state == "idle")
    assert channel.online
    await channel.close()


async def test_a_disk_that_is_away_when_a_lesson_begins_is_named_and_used_when_it_is_there(
    rooms: Rooms, camera: WireCamera
) -> None:
    away = rooms.slices.rename(rooms.slices.with_name("away"))
    channel = rooms.channel(camera)
    want(channel, lesson(rooms))
    await rooms.until(lambda: channel.link.cause == "disk")
    assert (channel.link.state, "No such file" in channel.link.detail) == ("waiting", True)
    away.rename(rooms.slices)
    await rooms.until(lambda: of(rooms, SliceOpened) == 1)
    await channel.close()
