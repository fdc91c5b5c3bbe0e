"""Channels that get other settings while they run: no recording is cut for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agent.channels.channel import Channel
from agent.wire.models import WireCamera
from recorder.protocol import SliceClosed
from recorder.specs import Limits, Watching
from tests.agent.rooms import Rooms, recorded_sec, rooms_in
from tests.media import MakeSample

HOUR = 3600.0


def camera(film: Path) -> WireCamera:
    return WireCamera(camera_id=7, stream_prop=1, stream_mp4=str(film))


async def other_process(rooms: Rooms, channel: Channel, pid: int | None) -> None:
    await rooms.until(lambda: channel.online and channel.pid not in (None, pid))


async def test_an_idle_channel_connects_anew_with_other_settings(tmp_path: Path, sample: MakeSample) -> None:
    async with rooms_in(tmp_path) as rooms:
        rooms.state.put_camera(camera(sample()))
        await rooms.fleet.reconcile()
        channel = rooms.fleet.channels[7]
        await rooms.until(lambda: channel.online)
        pid = channel.pid
        rooms.fleet.adopt(replace(rooms.setup, limits=Limits(stall_sec=9.0)))
        await other_process(rooms, channel, pid)
        assert channel.restarts == 0


async def test_a_channel_that_nothing_has_changed_for_keeps_its_connection(tmp_path: Path, sample: MakeSample) -> None:
    async with rooms_in(tmp_path) as rooms:
        for camera_id in (7, 8):
            rooms.state.put_camera(camera(sample()).model_copy(update={"camera_id": camera_id}))
        await rooms.fleet.reconcile()
        mine, other = rooms.fleet.channels[7], rooms.fleet.channels[8]
        await rooms.until(lambda: mine.online and other.online)
        pid, others = mine.pid, other.pid
        changed = {"sub_streams": {8: str(sample(seconds=4))}, "presets": {7: "board"}, "main_rests": True}
        rooms.fleet.adopt(replace(rooms.setup, **changed))  # type: ignore[arg-type]
        await other_process(rooms, other, others)
        assert mine.pid == pid
        rooms.fleet.adopt(replace(rooms.setup, **changed, watching=Watching(black_sec=5.0)))  # type: ignore[arg-type]
        await other_process(rooms, mine, pid)


async def test_a_recording_goes_on_in_its_file_and_what_comes_after_has_the_new_settings(
    tmp_path: Path, sample: MakeSample
) -> None:
    async with rooms_in(tmp_path) as rooms:
        rooms.state.put_camera(camera(sample()))
        rooms.state.start_manual(7, rooms.clock.wall(), None, "")
        await rooms.fleet.reconcile()
        channel = rooms.fleet.channels[7]
        await rooms.until(lambda: recorded_sec(channel) > 0.5)
        pid, before = channel.pid, recorded_sec(channel)
        rooms.fleet.adopt(replace(rooms.setup, limits=Limits(stall_sec=9.0)))
        await rooms.fleet.reconcile()
        await rooms.until(lambda: recorded_sec(channel) > before + 1.0)
        assert channel.pid == pid, "the recorder goes on"
        rooms.state.stop_manual(7, rooms.clock.wall())
        await rooms.fleet.reconcile()
        await rooms.until(lambda: not channel.recording and any(isinstance(one, SliceClosed) for one in rooms.events))
        rooms.clock.ahead += HOUR  # nothing is near any more
        await rooms.fleet.reconcile()
        await other_process(rooms, channel, pid)
    (closed,) = [one for one in rooms.events if isinstance(one, SliceClosed)]
    assert closed.reason == "end"
    assert closed.facts.media_sec > before + 1.0
