"""A school year by script: lessons, and everything that happens to a school; at the end every lesson is asked after.

What was promised is kept here, from the clock, the timetable and its edits alone.  What became of it is read from the
journal and from the server.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from agent.journal import RecordingRow, SliceState
from agent.schedule.ledger import Account, Span, account
from agent.schedule.timetable import ChannelTimetable, Lesson, Timetable, course_from_wire
from agent.wire.models import GatherSettings, WireCourse
from tests.agent.school.agent import SchoolAgent
from tests.agent.school.courses import timetable
from tests.agent.school.ledger import Ledger, Trouble, Unaccounted, uncovered
from tests.agent.school.recorders import Cameras
from tests.agent.school.server import Server
from tests.agent.simulated import SimulatedClock

ZONE = ZoneInfo("Europe/Berlin")
FIRST_DAY = datetime(2026, 8, 31, tzinfo=ZONE).timestamp()
HOUR, DAY, WEEK = 3600.0, 86_400.0, 7 * 86_400.0
LOOK_AFTER_SLEEP_SEC = 2.0


class SchoolYear:
    """`weeks` of a school of `rooms`."""

    def __init__(
        self, folder: Path, clock: SimulatedClock, *, seed: int, weeks: int, rooms: int, lessons: int, restarts: int
    ) -> None:
        (folder / "slices").mkdir()
        self.clock, self.weeks, self.rooms, self.restarts = clock, weeks, rooms, restarts
        self.random = random.Random(seed)
        random.seed(seed)  # jitter of back-offs
        self.cameras, self.server = Cameras(clock, folder / "slices"), Server(seed)
        self.agent = SchoolAgent(folder, clock, self.cameras, self.server, ZONE)
        self.agent.state.known.cameras = {camera.camera_id: camera for camera in timetable(rooms, lessons)}
        self.agent.state.known.gather = GatherSettings(auto_dvr=1)
        self.agent.state.save()
        self.ledger = Ledger()
        self.promised: dict[str, Lesson] = {}
        self.edited: set[str] = set()
        self.troubles: list[Trouble] = []
        self._seen = clock.wall()
        self._slept: tuple[float, float] = (-1.0, 0.0)
        """When the machine last woke up, monotonic, and when it had fallen asleep, wall clock."""
        self._ids = iter(range(900_000, 1 << 40))
        self._read: dict[int, tuple[Any, ChannelTimetable]] = {}
        self._know_timetable()

    # -- what was promised

    def _know_timetable(self) -> None:
        for camera in self.agent.state.known.cameras.values():
            if self._read.get(camera.camera_id, (None, None))[0] is not camera.courses:
                courses = [course_from_wire(course, camera.camera_id) for course in camera.courses]
                self._read[camera.camera_id] = (camera.courses, ChannelTimetable(courses, ZONE))
        self.table = Timetable.of({camera_id: own for camera_id, (_, own) in self._read.items()}, ZONE)

    def _promise(self, since: float, until: float) -> None:
        for lesson in self.table.lessons_between(since, until):
            self.promised[lesson.key] = lesson

    def _passed(self) -> None:
        """Time went by until now, under this timetable."""
        now = self.clock.wall()
        if now > self._seen:
            self._promise(self._seen, now)
        self._seen = now

    async def _pass(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._passed()

    async def _look(self) -> None:
        """In life an agent has always looked within the last five seconds; here it looks rarely."""
        self.agent.fleet.wake()
        await self._pass(self.random.uniform(0.01, 5.0))

    def _trouble(self, kind: str, since: float, until: float, camera_id: int = 0) -> None:
        self.ledger.happened[kind] += 1
        self.troubles.append(Trouble(kind, since, until, camera_id))

    # -- what happens

    async def run(self) -> Ledger:
        """All of it; raises `Unaccounted` at the first lesson that nobody can answer for."""
        await self.agent.start()
        begin = self.clock.monotonic()
        for at, event in sorted(self._script(), key=lambda item: item[0]):
            if (wait := begin + at - self.clock.monotonic()) > 0:
                await self._pass(wait)
            await event()
        await self._pass(max(0.0, begin + self.weeks * WEEK - self.clock.monotonic()))
        self.server.up = True
        for camera_id in sorted(self.cameras.away):
            self.cameras.comes(camera_id)
        for camera_id in range(1, self.rooms + 1):
            await self.agent.command("stop_record", camera_id=camera_id)
        await self._drain()
        self._ask_after_all()
        await self.agent.end("stop")
        return self.ledger

    async def _drain(self) -> None:
        for _ in range(200):
            await self._pass(HOUR)
            counts = self.agent.journal.inline.counts()
            waiting = counts.get(SliceState.RECORDED, 0) + counts.get(SliceState.UPLOADED, 0)
            journal = self.agent.journal.inline
            # A course that was added may begin in the night after the last day.
            if not waiting and not journal.unreported_recordings(1) and not journal.open_recordings():
                return
        raise Unaccounted(f"{counts} after a week with a server that answers: {self.agent.uploads.error}")

    def _script(self) -> Iterator[tuple[float, Callable[[], Awaitable[None]]]]:
        end, rate = self.weeks * WEEK, self.rooms * self.weeks / 40
        kinds: list[tuple[Callable[[], Awaitable[None]], float]] = [
            (self._restart, self.restarts),
            (self._boot_with_a_wrong_clock, max(1, self.weeks / 13)),
            (self._set_clock, max(1, self.weeks / 2)),
            (self._sleep, max(1, self.weeks / 8)),
            (self._edit, 12 * rate),
            (self._camera_away, 10 * rate),
            (self._kill_recorder, 4 * rate),
            (self._switch_channel, 4 * rate),
            (self._by_hand, 2 * rate),
            (self._change_settings, max(1, self.weeks / 8)),
            (lambda: self._server_away(self.random.uniform(60, 8 * HOUR)), max(1, self.weeks / 3)),
        ]
        for event, count in kinds:
            for _ in range(round(count)):
                yield self._moment(end), event
        for n in range(max(1, self.weeks // 26)):
            yield (n + 0.3) * end / max(1, self.weeks // 26), lambda: self._server_away(min(WEEK, end / 3))

    def _moment(self, end: float) -> float:
        """Most things happen while lessons are on."""
        at = self.random.uniform(0, end)
        if self.random.random() < 0.8:
            day = self.random.randrange(int(end // DAY))
            at = day * DAY + self.random.uniform(7.9, 16.2) * HOUR
        return at

    async def _restart(self) -> None:
        how = self.random.choice(["stop", "kill", "kill", "power cut"])
        down = self.random.choice([2.0, 20.0, 120.0, 900.0, 2 * HOUR, self.random.uniform(0.5, 3) * DAY])
        await self._look()
        since = self._down_since()
        await self.agent.end(how)  # type: ignore[arg-type]
        await self._pass(down)
        self._trouble("down", since, self.clock.wall())
        await self.agent.start()

    def _down_since(self) -> float:
        """Now; for an agent that ends in the very moment in which its machine wakes up, since it fell asleep: it never
        came to see that it had slept.
        """
        woke, asleep_since = self._slept
        return asleep_since if woke == self.clock.monotonic() else self.clock.wall()

    async def _boot_with_a_wrong_clock(self) -> None:
        await self._look()
        since = self._down_since()
        await self.agent.end("power cut")
        await self._pass(self.random.choice([60.0, HOUR, 12 * HOUR]))
        wrong_by = self.clock.wall() - self.random.choice([60.0, 86_400.0 * 9000])
        self.clock.step(-wrong_by)
        self._seen = self.clock.wall()
        await self.agent.start()
        await self._pass(self.random.uniform(20, 900))
        self._step(wrong_by)
        self._promise(since, self.clock.wall())
        self._seen = self.clock.wall()
        self.agent.fleet.wake()
        self._trouble("down", since, self.clock.wall())

    def _step(self, seconds: float) -> None:
        self.clock.step(seconds)
        self.cameras.clock_was_set()

    async def _set_clock(self) -> None:
        by = self.random.choice([-0.4, 2.0, -2.0, 30.0, -30.0, 90.0, -90.0, 700.0, -700.0, HOUR, -HOUR])
        await self._look()
        before = self.clock.wall()
        self._step(by)
        self._passed()
        self._seen = self.clock.wall()
        self.agent.fleet.wake()
        self._trouble("clock", min(before, before + by), max(before, before + by))
        if abs(by) > 100:  # somebody's mistake, mended later
            await self._pass(self.random.uniform(60, 2 * HOUR))
            await self._look()
            before = self.clock.wall()
            self._step(-by)
            self._passed()
            self._seen = self.clock.wall()
            self.agent.fleet.wake()
            self._trouble("clock", min(before, before - by), max(before, before - by))

    async def _sleep(self) -> None:
        await self._look()
        since = self.clock.wall()
        self.cameras.sleep(self.random.choice([40.0, 3 * HOUR, 10 * HOUR]))
        self._slept = (self.clock.monotonic(), since)
        self._passed()
        self._trouble("sleep", since, self.clock.wall() + LOOK_AFTER_SLEEP_SEC)

    async def _camera_away(self) -> None:
        camera_id = self.random.randint(1, self.rooms)
        if camera_id in self.cameras.away:
            return
        away = self.random.choice([6.0, 40.0, 400.0, HOUR, 5 * HOUR, self.random.uniform(0.2, 2) * DAY])
        self.cameras.goes(camera_id)
        since, loop = self.clock.wall(), asyncio.get_running_loop()
        index = len(self.troubles)
        self._trouble("away", since, since + away + 1.0, camera_id)

        def back() -> None:
            self.cameras.comes(camera_id)
            self.troubles[index] = Trouble("away", since, max(since + away, self.clock.wall()), camera_id)

        loop.call_later(away, back)

    async def _kill_recorder(self) -> None:
        living = sorted(self.cameras.processes, key=lambda process: process.pid)
        if living:
            process = self.random.choice(living)
            self._trouble("killed", self.clock.wall(), self.clock.wall() + 5.0, process.camera_id)
            process.kill()

    async def _switch_channel(self) -> None:
        cmd = self.random.choice(["stop_camera", "start_camera"])
        self.ledger.happened[cmd] += 1
        await self.agent.command(cmd, camera_id=self.random.randint(1, self.rooms))

    async def _by_hand(self) -> None:
        camera_id = self.random.randint(1, self.rooms)
        self.ledger.happened["by hand"] += 1
        await self.agent.command("start_record", camera_id=camera_id, elapse_sec=self.random.choice([0, 600, 5000]))
        if self.random.random() < 0.5:
            await self._pass(self.random.uniform(1, 3000))
            await self.agent.command("stop_record", camera_id=camera_id)

    async def _change_settings(self) -> None:
        self.ledger.happened["settings"] += 1
        await self.agent.command("mod_gather", auto_dvr=self.random.choice([0, 1]))

    async def _server_away(self, seconds: float) -> None:
        if not self.server.up:
            return
        self.ledger.happened["outage"] += 1
        self.server.up = False

        def back() -> None:
            self.server.up = True

        asyncio.get_running_loop().call_later(seconds, back)

    async def _edit(self) -> None:
        """A course of today, on now if there is one: moved, lengthened, shortened, deleted; or one more."""
        now = self.clock.wall()
        on = [lesson for lesson in self.table.lessons_on(now) if self.random.random() < 0.5]
        course = self.random.choice(on).course if on else self.random.choice(self.table.courses)
        kind = self.random.choice(["moved", "lengthened", "shortened", "deleted", "added"])
        start, length, is_delete = course.start_sec, course.elapse_sec, 2
        if kind == "moved":
            start = max(0, min(86_399, start + self.random.choice([-1800, -60, 60, 600, 4000])))
        elif kind in ("lengthened", "shortened"):
            length = max(60, min(7200, length + self.random.choice([60, 600]) * (1 if kind == "lengthened" else -1)))
        elif kind == "deleted":
            is_delete = 3
        else:
            is_delete, length = 1, self.random.choice([30, 600, 2700])
            local = datetime.fromtimestamp(now, ZONE)
            start = max(0, min(86_399, local.hour * 3600 + local.minute * 60 + self.random.choice([-300, 0, 60])))
        course_id = next(self._ids) if kind == "added" else course.course_id
        week_id = datetime.fromtimestamp(now, ZONE).isoweekday() % 7 if kind == "added" else course.week_id
        self.ledger.happened[kind] += 1
        await self._change(
            course.camera_id,
            WireCourse(
                course_id=course_id,
                week_id=week_id,
                start_time=f"{start // 3600:02d}:{start // 60 % 60:02d}:{start % 60:02d}",
                elapse_sec=length,
                is_delete=is_delete,  # type: ignore[arg-type]
            ),
        )
        if kind in ("deleted", "added"):  # the timetable stays the size it had
            self.agent.fleet.wake()

    async def _change(self, camera_id: int, course: WireCourse) -> None:
        self._passed()
        now = self.clock.wall()
        self.edited.update(lesson.key for lesson in self._near(now, camera_id, course.course_id))
        await self.agent.command("set_course", camera_id=camera_id, courses=[course.model_dump()])
        self._know_timetable()
        self._promise(now, now + 1e-6)
        self.edited.update(lesson.key for lesson in self._near(now, camera_id, course.course_id))

    def _near(self, now: float, camera_id: int, course_id: int) -> list[Lesson]:
        own = self.table.channels[camera_id].lessons_between(now - DAY, now + DAY)
        return [lesson for lesson in own if lesson.course.course_id == course_id]

    # -- what became of it

    def _ask_after_all(self) -> None:
        rows, slices, gaps = self._journal()
        by_camera: dict[int, list[Trouble]] = defaultdict(list)
        for camera_id in range(1, self.rooms + 1):
            by_camera[camera_id] = [one for one in self.troubles if one.camera_id in (0, camera_id)]
        for key, lesson in self.promised.items():
            row = rows.pop(key, None)
            if row is None:
                raise Unaccounted(f"{lesson}: the journal has never heard of it")
            outcome = self._answer_for(row, slices[row.slice_id], gaps[row.slice_id])
            self._judge(lesson, row, slices[row.slice_id], outcome, by_camera[lesson.course.camera_id])
        for key, row in rows.items():
            if not key.startswith("manual:"):
                raise Unaccounted(f"{row}: recorded, and nobody had asked for it")
            self._answer_for(row, slices[row.slice_id], gaps[row.slice_id])
            self.ledger.by_hand += 1
        stems = {stem for found in slices.values() for stem, _ in found}
        if stems != self.server.records.keys():
            raise Unaccounted(f"on one side only: {sorted(stems ^ self.server.records.keys())[:3]}")
        if self.server.twice:
            raise Unaccounted(f"sent again although it had been answered: {self.server.twice[:3]}")
        self.ledger.numbers = {
            "slices": len(stems),
            "uploads": self.server.uploads,
            "reports": self.server.reports,
            "sent twice": len(self.server.twice),
            "answers lost": self.server.lost_answers,
            "refused in outages": self.server.refusals,
            "turns": self.agent.turns,
        }

    def _journal(self) -> tuple[dict[str, RecordingRow], dict[int, list[tuple[str, Span]]], dict[int, list[Span]]]:
        database = self.agent.journal.inline._db
        rows = {row["key"]: RecordingRow(**dict(row)) for row in database.execute("SELECT * FROM recording")}
        slices: dict[int, list[tuple[str, Span]]] = defaultdict(list)
        for row in database.execute("SELECT stem, slice_id, started_at, media_sec, state FROM slice"):
            if row["state"] < SliceState.CONFIRMED:
                raise Unaccounted(f"{row['stem']} never came to the server")
            span = Span(row["started_at"], row["started_at"] + row["media_sec"])
            slices[row["slice_id"]].append((row["stem"], span))
        gaps: dict[int, list[Span]] = defaultdict(list)
        for row in database.execute("SELECT slice_id, since, until, cause, detail FROM gap ORDER BY since, cause"):
            slice_id, *values = row
            gaps[slice_id].append(Span(*values))
        return rows, slices, gaps

    def _answer_for(self, row: RecordingRow, slices: list[tuple[str, Span]], named: list[Span]) -> Account:
        """Every second of its time stands in a slice or in a gap, and the server knows both."""
        if row.ended_at is None or row.planned_end is None:
            raise Unaccounted(f"{row}: still open")
        due = Span(row.planned_start, row.planned_end)
        spans = [span for _, span in slices]
        outcome = account(due, spans, named)
        hole = uncovered(due, [*spans, *outcome.gaps])
        if hole > 0.25 * (len(spans) + 1):
            raise Unaccounted(f"{row}: {hole:.1f} s neither recorded nor named, {outcome}")
        told = self.server.lessons.get(row.slice_id)
        if (
            told is None
            or not told.ended
            or [(gap.since, gap.until, gap.cause) for gap in told.gaps]
            != [(gap.since, gap.until, gap.cause) for gap in outcome.gaps]
        ):
            raise Unaccounted(f"{row}: the server was told {told}, and the journal says {outcome}")
        return outcome

    def _judge(
        self,
        lesson: Lesson,
        row: RecordingRow,
        slices: list[tuple[str, Span]],
        outcome: Account,
        troubles: list[Trouble],
    ) -> None:
        """Nothing is missing without a reason, and the reason is named rightly."""
        self.ledger.lessons += 1
        self.ledger.whole += not outcome.gaps
        self.ledger.not_at_all += bool(outcome.gaps) and not slices
        self.ledger.in_part += bool(outcome.gaps) and bool(slices)
        for gap in outcome.gaps:
            self.ledger.missing_sec[gap.cause] += gap.length
        if lesson.key in self.edited:
            return
        camera_id = lesson.course.camera_id
        near = [one for one in troubles if one.touches(lesson.start - 60, lesson.end + 30, camera_id)]
        if not near:
            if outcome.gaps or len(slices) != 1 or (row.planned_start, row.planned_end) != (lesson.start, lesson.end):
                raise Unaccounted(f"{row}: nothing happened to it, and yet {outcome}")
            return
        for gap in outcome.gaps:
            if not any(one.explains(gap, camera_id) for one in near):
                raise Unaccounted(f"{row}: {gap} has none of these for a reason: {near}")
