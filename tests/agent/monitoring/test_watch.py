"""A recorder that stands still in a lesson is named, and what it sends of pictures and sound."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.monitoring.watch import Watch
from agent.status import Happening
from agent.wire.models import GatherSettings, WireCamera
from recorder.protocol import AlarmCleared, AlarmRaised
from tests.agent.rooms import Rooms, recorded_sec, rooms_in
from tests.agent.simulated import SimulatedClock
from tests.media import MakeSample


class Watched:
    """A watch over these rooms, and what it told."""

    def __init__(self, rooms: Rooms, clock: Any = None) -> None:
        self.told: list[Happening] = []
        self.relayed: list[tuple[str, dict[str, Any]]] = []
        self.new = asyncio.Event()
        self.watch = Watch(rooms.fleet, clock or SystemClock(), tell=self._tell, relay=self._relay)

    def _tell(self, happening: Happening) -> None:
        self.told.append(happening)
        self.new.set()

    def _relay(self, name: str, data: dict[str, Any]) -> None:
        self.relayed.append((name, data))

    async def next(self) -> Happening:
        """What is told next."""
        async with asyncio.timeout(30):
            await self.new.wait()
        self.new.clear()
        return self.told[-1]


@contextlib.asynccontextmanager
async def recording(tmp_path: Path, film: Path) -> AsyncIterator[Rooms]:
    """Rooms in which a film is being recorded by hand."""
    async with rooms_in(tmp_path) as rooms:
        rooms.state.known.gather = GatherSettings()
        rooms.state.put_camera(WireCamera(camera_id=7, camera_name="Room 101", stream_prop=1, stream_mp4=str(film)))
        rooms.state.start_manual(7, rooms.clock.wall(), None, "Mathematics")
        await rooms.fleet.reconcile()
        await rooms.until(lambda: recorded_sec(rooms.fleet.channels[7]) > 0)
        yield rooms


async def test_a_recorder_that_stands_still_is_named_once_and_its_return(tmp_path: Path, sample: MakeSample) -> None:
    async with recording(tmp_path, sample()) as rooms:
        watched = Watched(rooms)
        running = asyncio.create_task(watched.watch.run())
        pid = rooms.fleet.channels[7].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            raised = await watched.next()
        finally:
            os.kill(pid, signal.SIGCONT)
        (standing,) = watched.watch.views()
        cleared = await watched.next()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert raised.text.startswith("channel 7 Room 101: should be recording and is not")
    assert (raised.kind, raised.data["alarm"], raised.data["state"]) == ("alarm", "not_recording", "raised")
    assert (standing.camera_id, standing.name, standing.title) == (7, "Room 101", "Mathematics")
    assert (cleared.data["state"], cleared.data["since"]) == ("cleared", raised.data["since"])
    assert watched.watch.views() == ()
    assert [(name, data["state"]) for name, data in watched.relayed] == [("alarm", "raised"), ("alarm", "cleared")]


async def test_black_pictures_are_told_and_stand_until_they_are_over(tmp_path: Path) -> None:
    async with rooms_in(tmp_path) as rooms:
        rooms.state.put_camera(
            WireCamera(camera_id=7, camera_name="Room 101", stream_prop=1, stream_mp4="/no/film.mp4")
        )
        await rooms.fleet.reconcile()
        watched = Watched(rooms)
        for _ in range(2):
            await watched.watch.take(7, AlarmRaised("black", "main", 1000.0, "luma 3", "dark", {"luma": 3.0}))
        assert [(alarm.kind, alarm.why, alarm.figures) for alarm in watched.watch.views()] == [
            ("black", "dark", {"luma": 3.0})
        ]
        await watched.watch.take(7, AlarmCleared("black", "main", 1000.0, 1090.0))
        assert watched.watch.views() == ()
    assert [told.text for told in watched.told] == [
        "channel 7 Room 101: black (luma 3)",
        "channel 7 Room 101: over after 90 s: black",
    ]


async def test_a_clock_that_was_set_is_counted(tmp_path: Path) -> None:
    async with rooms_in(tmp_path) as rooms:
        clock = SimulatedClock(1_800_000_000.0)
        watched = Watched(rooms, clock)
        watched.watch.look()
        clock.step(-3600.0)
        watched.watch.look()
    assert watched.watch.steps.count == 1


async def test_what_one_recorder_raised_another_clears_also_from_the_other_stream(tmp_path: Path) -> None:
    async with rooms_in(tmp_path) as rooms:
        rooms.state.put_camera(WireCamera(camera_id=7, stream_prop=1, stream_mp4="/no/film.mp4"))
        await rooms.fleet.reconcile()
        watched = Watched(rooms)
        await watched.watch.take(7, AlarmRaised("black", "sub", 1000.0, "luma 3"))
        assert watched.watch.standing(7) == {"black": 1000.0}
        assert watched.watch.standing(8) == {}
        await watched.watch.take(7, AlarmCleared("black", "main", 1000.0, 1090.0))
        assert watched.watch.standing(7) == {}


async def test_nothing_stands_about_a_channel_that_is_off(tmp_path: Path) -> None:
    async with rooms_in(tmp_path) as rooms:
        rooms.state.put_camera(WireCamera(camera_id=7, stream_prop=1, stream_mp4="/no/film.mp4"))
        await rooms.fleet.reconcile()
        watched = Watched(rooms)
        await watched.watch.take(7, AlarmRaised("frozen", "main", 1000.0))
        watched.watch.look()
        assert [alarm.kind for alarm in watched.watch.views()] == ["frozen"]
        rooms.state.want(7, False)
        await rooms.fleet.reconcile()
        watched.watch.look()
        assert watched.watch.views() == ()
