"""Weeks of a timetable on a simulated clock: every lesson is recorded, or what is missing of it is named.

The fleet, the plan, APScheduler and the journal are the real ones; only the recorder processes are replaced by a
model that records exactly while it is told to.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from agent.channel import Channel
from agent.fleet import Fleet
from agent.journal import Journal, JournalThread, RecordingRow
from agent.ledger import Account, Span, account
from agent.reconciler import OFF, Desired, changes
from agent.state import AgentState
from agent.timetable import Lesson
from agent.wakeups import Wakeups
from agent.wire.models import WireCamera, WireCourse
from recorder.names import new_uid
from recorder.specs import SliceFacts, Tuning
from tests.agent.simulated import SimulatedClock, SimulatedLoop, scheduler_on
from tests.agent.test_timetable import at

BERLIN = ZoneInfo("Europe/Berlin")
ROOMS = 3
LOOK_SEC = 300


class InlineJournal(JournalThread):
    """The journal without its thread: on simulated time nothing may take real time."""

    def __init__(self, path: Path) -> None:
        self._inline = Journal(path)

    async def do(self, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return operation(self._inline, *args, **kwargs)

    async def close(self) -> None:
        self._inline.close()


class ModelChannel(Channel):
    """Records exactly while it is told to; its slices are in the journal when they end."""

    def __init__(self, camera: WireCamera, clock: SimulatedClock, journal: InlineJournal) -> None:
        self.camera, self.desired = camera, OFF
        self._model_clock, self._model_journal = clock, journal
        self._on: dict[str, tuple[int, float, float | None]] = {}
        self.crashed = False

    @property
    def recording(self) -> dict[str, int]:
        return {key: slice_id for key, (slice_id, _, _) in self._on.items()}

    def change(self, camera: WireCamera) -> None:
        self.camera = camera

    def want(self, desired: Desired, tuning: Tuning) -> None:
        now = self._model_clock.wall()
        self.desired = desired
        journal = self._model_journal._inline
        for key, (_, _, end) in list(self._on.items()):
            if end is not None and end <= now:
                self._end(key, end)
        change = changes({key: end for key, (_, _, end) in self._on.items()}, desired.due, now)
        for due in change.begin:
            row = journal.open_recording(due, now)
            journal.recording_began(row.slice_id, now)
            # A recorder's ring reaches back a key frame: a wake-up that is a moment late loses nothing.
            self._on[due.key] = (row.slice_id, due.begin if now - due.begin < 2.0 else now, due.end)
        for due in change.move:
            slice_id, since, _ = self._on[due.key]
            self._on[due.key] = (slice_id, since, due.end)
            journal.plan_recording(slice_id, due)
        for key in change.end:
            self._end(key, now)

    def _end(self, key: str, until: float) -> None:
        slice_id, since, _ = self._on.pop(key)
        self._write(slice_id, since, until)
        self._model_journal._inline.end_recording(slice_id, until)

    def _write(self, slice_id: int, since: float, until: float) -> None:
        journal = self._model_journal._inline
        row = journal.recording(slice_id)
        assert row is not None
        inx = row.last_inx + 1
        stem = f"{new_uid()}_{self.camera.camera_id}_{int(since)}_{row.course_id}_{slice_id}_{inx}_{int(until - since)}"
        journal.add_slice(
            SliceFacts(
                stem=stem,
                path=f"/nowhere/{stem}.mp4",
                thumbnail=None,
                camera_id=self.camera.camera_id,
                course_id=row.course_id,
                slice_id=slice_id,
                slice_inx=inx,
                started_at=since,
                media_sec=until - since,
                overlap_sec=0.0,
                size=1,
                sha256="",
            )
        )

    async def close(self) -> None:
        """The daemon stops or dies; a recorder closes its files when its daemon is gone."""
        now = self._model_clock.wall()
        for slice_id, since, end in self._on.values():
            self._write(slice_id, since, now if end is None else min(now, end))
        self._on.clear()


def timetable(seed: int) -> list[WireCamera]:
    """Three rooms with touching, lonely, night and DST-hour lessons."""
    random_ = random.Random(seed)
    rooms = []
    for room in range(1, ROOMS + 1):
        courses = []
        for week_id in range(7):
            for number, start in enumerate(range(8 * 60, 16 * 60, 45)):
                if random_.random() < 0.7:
                    courses.append((week_id, start, 45, number))
            courses.append((week_id, 2 * 60 + 15, 60, 90))
            courses.append((week_id, 23 * 60, 59, 91))
        rooms.append(
            WireCamera(
                camera_id=room,
                camera_name=f"room {room}",
                stream_prop=1,
                stream_mp4="/nowhere.mp4",
                courses=tuple(
                    WireCourse(
                        course_id=room * 1000 + week_id * 100 + number,
                        week_id=week_id,
                        start_time=f"{start // 60:02d}:{start % 60:02d}:00",
                        elapse_sec=minutes * 60,
                    )
                    for week_id, start, minutes, number in courses
                ),
            )
        )
    return rooms


class School:
    """One agent over weeks, started and stopped as a test likes."""

    def __init__(self, folder: Path, clock: SimulatedClock) -> None:
        self.clock, self.folder = clock, folder
        self.journal = InlineJournal(folder / "journal.sqlite")
        self.state = AgentState(folder)
        self.turns = 0

    @contextlib.asynccontextmanager
    async def running(self) -> Any:
        scheduler = AsyncIOScheduler(timezone="UTC")
        fleet: Fleet

        def wake() -> None:
            self.turns += 1
            fleet.wake()

        wakeups = Wakeups(scheduler, wake, LOOK_SEC)
        fleet = Fleet(
            self.state,
            self.journal,
            self.clock,
            make_channel=lambda camera: ModelChannel(camera, self.clock, self.journal),
            zone=lambda: BERLIN,
            wake_at=wakeups.at,
            names={},
            look_sec=LOOK_SEC,
        )
        wakeups.start()
        await fleet.reconcile()
        task = asyncio.create_task(fleet.run())
        try:
            yield fleet
        finally:
            wakeups.stop()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await fleet.close()

    def account_of(self, lesson: Lesson) -> tuple[RecordingRow, Account]:
        journal = self.journal._inline
        (row,) = journal._recordings("key = ?", lesson.key)
        slices = [Span(s.started_at, s.started_at + s.media_sec) for s in journal.slices_of(row.slice_id)]
        return row, account(Span(lesson.start, lesson.end), slices, journal.named_gaps(row.slice_id))


@pytest.fixture
def school(tmp_path: Path) -> Iterator[tuple[School, SimulatedLoop]]:
    clock = SimulatedClock(at(BERLIN, "2026-03-16T00:00:00"))
    loop = SimulatedLoop(clock)
    with scheduler_on(clock):
        found = School(tmp_path, clock)
        yield found, loop
        loop.run_until_complete(found.journal.close())
        loop.close()


def test_four_weeks_over_a_change_to_summer_time_are_recorded_whole(school: tuple[School, SimulatedLoop]) -> None:
    agent, loop = school
    begin, days = agent.clock.wall(), 28
    agent.state.known.cameras = {camera.camera_id: camera for camera in timetable(1)}
    agent.state.save()

    async def weeks() -> None:
        async with agent.running():
            await asyncio.sleep(days * 86_400)

    loop.run_until_complete(weeks())
    lessons = agent.state.timetable(BERLIN).lessons_between(begin, begin + days * 86_400 - 3 * 3600)
    assert len(lessons) > 700
    assert any(lesson.day == date(2026, 3, 29) and lesson.course.start_sec == 8100 for lesson in lessons)
    for lesson in lessons:
        row, outcome = agent.account_of(lesson)
        assert outcome.gaps == (), lesson
        assert row.ended_at == lesson.end
    # Woken by the timetable, not by polling: every lesson's edges, and the look every five minutes.
    assert agent.turns < days * 86_400 / LOOK_SEC + 8 * len(lessons)


@pytest.mark.parametrize("seed", range(3))
def test_restarts_edits_and_stepped_clocks_leave_no_lesson_unaccounted(
    school: tuple[School, SimulatedLoop], seed: int
) -> None:
    agent, loop = school
    random_ = random.Random(seed)
    agent.state.known.cameras = {camera.camera_id: camera for camera in timetable(seed)}
    agent.state.save()
    begin, down, steps = agent.clock.wall(), [], []

    async def weeks() -> None:
        while agent.clock.wall() < begin + 14 * 86_400:
            async with agent.running() as fleet:
                for _ in range(random_.randrange(1, 6)):
                    await asyncio.sleep(random_.uniform(60, 86_400))
                    if random_.random() < 0.3:
                        step = random_.choice([-90.0, -5.0, 5.0, 90.0])
                        steps.append(agent.clock.wall())
                        agent.clock.step(step)
                        fleet.wake()
            stopped = agent.clock.wall()
            await asyncio.sleep(random_.choice([3.0, 600.0, 7200.0, 100_000.0]))
            down.append((stopped, agent.clock.wall()))
            agent.state = AgentState(agent.folder)
        async with agent.running():
            await asyncio.sleep(3 * 3600)

    loop.run_until_complete(weeks())
    lessons = agent.state.timetable(BERLIN).lessons_between(begin, agent.clock.wall() - 4 * 3600)
    assert len(lessons) > 300
    for lesson in lessons:
        row, outcome = agent.account_of(lesson)
        assert row.ended_at is not None, lesson
        disturbed = any(lesson.start - 200 < step < lesson.end + 200 for step in steps)
        missing = sum(gap.length for gap in outcome.gaps)
        was_down = sum(max(0.0, min(lesson.end, until) - max(lesson.start, since)) for since, until in down)
        assert all(gap.cause in ("restart", "late") for gap in outcome.gaps)
        if not disturbed:
            assert abs(missing - was_down) < 2.5, (lesson, outcome)
            assert all(gap.cause == "restart" for gap in outcome.gaps if gap.length > 11), (lesson, outcome)


def test_a_lesson_added_lengthened_and_deleted_while_it_runs(school: tuple[School, SimulatedLoop]) -> None:
    agent, loop = school
    noon = at(BERLIN, "2026-03-16T12:00:00")
    agent.state.put_camera(WireCamera(camera_id=1, stream_prop=1, stream_mp4="/nowhere.mp4"))

    def course(elapse_sec: int, is_delete: Any = 1) -> WireCourse:
        return WireCourse(course_id=5, week_id=1, start_time="11:50:00", elapse_sec=elapse_sec, is_delete=is_delete)

    async def day() -> None:
        async with agent.running() as fleet:
            await asyncio.sleep(12 * 3600)
            agent.state.change_courses(1, [course(1200)])
            await fleet.reconcile()
            await asyncio.sleep(300)
            agent.state.change_courses(1, [course(2400, 2)])
            await fleet.reconcile()
            await asyncio.sleep(1200)
            agent.state.change_courses(1, [course(0, 3)])
            await fleet.reconcile()
            await asyncio.sleep(3600)

    loop.run_until_complete(day())
    (row,) = agent.journal._inline._recordings("course_id = 5")
    slices = agent.journal._inline.slices_of(row.slice_id)
    assert [(s.started_at, s.started_at + s.media_sec) for s in slices] == [(noon, noon + 1500)]
    # What was cut off by the deletion is not missing; what had passed before the course was added is.
    assert row.planned_start == noon - 600
    assert row.planned_end == noon + 1500
