"""Single days of one room on simulated time: what an edit, a set clock, a boot and a switched-off channel come to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from agent.journal import RecordingRow
from agent.schedule.ledger import Span, account
from agent.schedule.wakeups import Wakeups
from agent.wire.models import GatherSettings, WireCamera, WireCourse
from tests.agent.schedule.test_timetable import at
from tests.agent.school.agent import SchoolAgent, no_error_in_the_log, rare_looks
from tests.agent.school.recorders import Cameras
from tests.agent.school.server import Server
from tests.agent.school.year import ZONE
from tests.agent.simulated import SimulatedClock, SimulatedLoop, scheduler_on

MORNING = at(ZONE, "2026-11-23T07:00:00")  # a Monday
NINE = MORNING + 7200
CHANNEL = WireCamera(camera_id=1, stream_url="rtsp://camera/1")


def course(start_time: str = "09:00:00", elapse_sec: int = 2700, is_delete: Any = 1) -> WireCourse:
    return WireCourse(course_id=5, week_id=1, start_time=start_time, elapse_sec=elapse_sec, is_delete=is_delete)


class Room(SchoolAgent):
    """One channel with a course on Monday at nine."""

    def row(self) -> RecordingRow:
        """Its recording today."""
        (row,) = self.journal.inline._recordings("course_id = 5 AND planned_start > ?", MORNING)
        return row

    def spans(self) -> list[tuple[Any, Any]]:
        """Its slices."""
        slices = self.journal.inline.slices_of(self.row().slice_id)
        return [(piece.started_at, piece.started_at + piece.media_sec) for piece in slices]

    def gaps(self) -> list[tuple[Any, Any, str]]:
        """What it misses, as the server was told."""
        row = self.row()
        assert row.planned_end is not None
        spans = [Span(*span) for span in self.spans()]
        named = self.journal.inline.named_gaps(row.slice_id)
        found = [
            (gap.since, gap.until, gap.cause)
            for gap in account(Span(row.planned_start, row.planned_end), spans, named).gaps
        ]
        told = self.server.lessons[row.slice_id]
        assert told.ended
        assert [(gap.since, gap.until, gap.cause) for gap in told.gaps] == found
        return found

    async def edit(self, **changes: Any) -> None:
        """The server changes the course."""
        await self.command("set_course", camera_id=1, courses=[course(**changes).model_dump()])

    async def at(self, instant: float) -> None:
        """Until the wall clock says so."""
        await asyncio.sleep(instant - self.clock.wall())

    def set_clock(self, by_sec: float) -> None:
        """Somebody sets the machine's clock, and the kernel tells."""
        self.clock.step(by_sec)
        self.cameras.clock_was_set()
        self.fleet.wake()


Day = Callable[[Room], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[Day], Room]]:
    """`run(day)`: the agent is on from seven o'clock; `day` is what happens to it."""
    (tmp_path / "slices").mkdir()
    clock = SimulatedClock(MORNING)
    loop = SimulatedLoop(clock)
    room = Room(tmp_path, clock, Cameras(clock, tmp_path / "slices"), Server(0, losing=0), ZONE)
    room.state.put_camera(CHANNEL.model_copy(update={"courses": (course(),)}))

    def until_evening(day: Day) -> Room:
        async def whole() -> None:
            await room.start()
            await day(room)
            await asyncio.sleep(12 * 3600)
            room.check()

        loop.run_until_complete(whole())
        return room

    with scheduler_on(clock), rare_looks(), no_error_in_the_log():
        yield until_evening
        loop.run_until_complete(room.end("stop"))
        loop.close()


def test_nothing_happens(run: Callable[[Day], Room]) -> None:
    async def day(_: Room) -> None:
        pass

    room = run(day)
    assert room.spans() == [(NINE, NINE + 2700)]
    assert room.gaps() == []
    assert room.turns < 60, "woken by the timetable, and now and then"


def test_lengthened_and_deleted_while_it_runs(run: Callable[[Day], Room]) -> None:
    async def day(room: Room) -> None:
        await room.at(NINE + 600)
        await room.edit(elapse_sec=5400)
        await room.at(NINE + 3600)
        await room.edit(is_delete=3)

    room = run(day)
    assert room.spans() == [(NINE, pytest.approx(NINE + 3600, abs=1))]
    assert room.gaps() == [], "what was cut off by the deletion is not missing"


def test_shortened_below_now_ends_now(run: Callable[[Day], Room]) -> None:
    async def day(room: Room) -> None:
        await room.at(NINE + 1800)
        await room.edit(elapse_sec=600, is_delete=2)

    room = run(day)
    assert room.spans() == [(NINE, pytest.approx(NINE + 1800, abs=1))]
    assert room.gaps() == []


def test_moved_to_later_while_it_runs_it_is_one_recording_with_two_parts(run: Callable[[Day], Room]) -> None:
    async def day(room: Room) -> None:
        await room.at(NINE + 600)
        await room.edit(start_time="10:00:00", is_delete=2)

    room = run(day)
    assert room.spans() == [(NINE, pytest.approx(NINE + 600, abs=1)), (NINE + 3600, NINE + 6300)]
    assert room.gaps() == []


def test_added_while_it_should_be_on_the_beginning_is_late(run: Callable[[Day], Room]) -> None:
    async def day(room: Room) -> None:
        await room.edit(is_delete=3)
        await room.at(NINE + 600)
        await room.edit()

    room = run(day)
    assert room.gaps() == [(NINE, pytest.approx(NINE + 570, abs=1), "late")], "less what the ring still held"


def test_lengthened_while_its_camera_is_away_the_whole_of_it_is_missing(run: Callable[[Day], Room]) -> None:
    async def day(room: Room) -> None:
        room.cameras.goes(1)
        await room.at(NINE + 600)
        await room.edit(elapse_sec=5400)

    room = run(day)
    assert room.gaps() == [(NINE, NINE + 5400, "unreachable")]


def test_a_channel_that_is_off_without_auto_dvr_is_connected_for_its_lesson(run: Callable[[Day], Room]) -> None:
    async def day(room: Room) -> None:
        room.state.known.gather = GatherSettings(auto_dvr=0)
        room.state.save()
        await room.command("stop_camera", camera_id=1)
        await room.end("power cut")
        await room.start()
        assert room.state.wanted == {1: False}, "what its owner wants is kept over restarts"
        await room.at(NINE - 60)
        assert not room.cameras.processes
        await room.at(NINE + 600)
        room.cameras.goes(1)
        await room.at(NINE + 700)
        room.cameras.comes(1)
        await room.at(NINE + 2700 + 60)
        assert not room.cameras.processes, "and is off again after it"

    room = run(day)
    assert room.gaps() == [(pytest.approx(NINE + 600, abs=1), pytest.approx(NINE + 700, abs=1), "stalled")]


def test_a_clock_set_forward_over_the_lesson_leaves_a_named_gap(run: Callable[[Day], Room]) -> None:
    async def day(room: Room) -> None:
        await room.at(NINE - 3600)
        room.set_clock(3 * 3600)

    room = run(day)
    assert room.spans() == []
    assert room.gaps() == [(NINE, NINE + 2700, "clock")]


def test_a_clock_set_forward_in_the_lesson_costs_what_it_jumped_over(run: Callable[[Day], Room]) -> None:
    async def day(room: Room) -> None:
        await room.at(NINE + 600)
        room.set_clock(300)

    room = run(day)
    ((_, ended, cause),) = room.gaps()
    assert (ended, cause) == (NINE + 2700, "clock")
    assert room.spans() == [(NINE, pytest.approx(NINE + 2400, abs=1))], "recorded to its end by the new clock"


def test_a_clock_set_back_before_the_lesson_records_it_when_it_is_due_again(run: Callable[[Day], Room]) -> None:
    async def day(room: Room) -> None:
        await room.at(NINE + 600)
        room.set_clock(-3600)

    room = run(day)
    assert room.spans() == [(NINE, pytest.approx(NINE + 600, abs=1)), (NINE, NINE + 2700)]
    assert room.gaps() == []


def test_a_boot_in_1970_records_the_lesson_as_soon_as_the_clock_is_set(run: Callable[[Day], Room]) -> None:
    async def day(room: Room) -> None:
        await room.at(NINE + 300)
        await room.end("power cut")
        await room.at(NINE + 400)
        wrong_by = room.clock.wall() - 90
        room.set_clock(-wrong_by)
        await room.start()
        await asyncio.sleep(60)
        assert not room.fleet.desired[1].due
        room.set_clock(wrong_by)

    room = run(day)
    assert room.spans()[1] == (pytest.approx(NINE + 460, abs=1), NINE + 2700)
    assert [cause for _, _, cause in room.gaps()] == ["restart"]


def test_lessons_that_were_over_before_anybody_looked_are_named(run: Callable[[Day], Room]) -> None:
    async def day(room: Room) -> None:
        await room.at(NINE - 600)
        await room.end("kill")
        await room.at(NINE + 7200)
        await room.start()

    assert run(day).gaps() == [(NINE, NINE + 2700, "restart")]


def test_a_recording_by_hand_keeps_its_length_when_the_clock_is_set(run: Callable[[Day], Room]) -> None:
    async def day(room: Room) -> None:
        await room.command("start_record", camera_id=1, elapse_sec=1800)
        await asyncio.sleep(600)
        room.set_clock(-86_400 * 9000)
        await asyncio.sleep(600)
        room.set_clock(86_400 * 9000)

    room = run(day)
    (row,) = room.journal.inline._recordings("course_id = 0")
    recorded = sum(piece.media_sec for piece in room.journal.inline.slices_of(row.slice_id))
    assert recorded == pytest.approx(1800, abs=31), "and what the ring held before it"


@pytest.mark.parametrize("stopped_in_1970", [False, True])
def test_a_recording_by_hand_goes_on_after_a_boot_in_1970(run: Callable[[Day], Room], stopped_in_1970: bool) -> None:
    async def day(room: Room) -> None:
        await room.command("start_record", camera_id=1, elapse_sec=0)
        await asyncio.sleep(600)
        await room.end("power cut")
        wrong_by = room.clock.wall() - 60
        room.set_clock(-wrong_by)
        await room.start()
        await asyncio.sleep(60)
        if stopped_in_1970:
            await room.command("stop_record", camera_id=1)
            await asyncio.sleep(60)
        room.set_clock(wrong_by)
        await asyncio.sleep(600)
        await room.command("stop_record", camera_id=1)

    room = run(day)
    (row,) = room.journal.inline._recordings("course_id = 0")
    recorded = sum(piece.media_sec for piece in room.journal.inline.slices_of(row.slice_id))
    assert recorded == pytest.approx(600 if stopped_in_1970 else 1200, abs=3)
    assert row.ended_at is not None
    assert row.planned_end == pytest.approx(MORNING + (600 if stopped_in_1970 else 1260), abs=3)
    assert room.server.lessons[row.slice_id].ended


def test_looks_go_on_whatever_the_clock_does() -> None:
    """A clock set from 1970 to today costs one look and not one for each five seconds of 56 years; set back, none is
    missed.
    """
    clock = SimulatedClock(60.0)
    loop = SimulatedLoop(clock)
    looks: list[float] = []

    async def day() -> None:
        wakeups = Wakeups(AsyncIOScheduler(timezone="UTC"), lambda: looks.append(clock.monotonic()))
        wakeups.start()
        wakeups.at(NINE)
        await asyncio.sleep(7)
        clock.step(MORNING)
        await asyncio.sleep(5)
        clock.step(-3600)
        await asyncio.sleep(5)
        wakeups.stop()

    with scheduler_on(clock):
        loop.run_until_complete(day())
        loop.close()
    assert looks == [5.0, 10.0, 15.0]
