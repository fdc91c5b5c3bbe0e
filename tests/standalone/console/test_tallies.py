"""Counted is what is listed, also where it is remembered; and a year's page reads no more than it shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from agent.standalone.console.lessons import Around, Wanted, lessons, midnight, outcomes
from agent.standalone.console.pages.ledger import page
from agent.standalone.console.tallies import Tally, known_tallies, missing_sec, setting, tally, weeks
from agent.standalone.server import EmbeddedServer
from agent.standalone.store.database import Database
from agent.standalone.store.schema import Camera, Course, Gap, Gather, Lesson
from agent.standalone.store.sealed import Vault
from tests.standalone.console.year import write_year
from tests.standalone.databases import ON_EVERY_DATABASE
from tests.standalone.helpers import TUESDAY, Api, FakeClock, set_up
from tests.standalone.store.test_statements import counted

ZONE = ZoneInfo("Europe/Berlin")  # the clock is put back within the weeks below
LAST = datetime.fromtimestamp(TUESDAY, ZONE).date()
FIRST = date(2026, 10, 12)
WANTED = Wanted(FIRST, LAST)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, Vault(Vault.new_key()))
    await database.open(TUESDAY)
    await database.run(write_year, ZONE, LAST, weeks=7, rooms=4, hours=3)
    yield database
    await database.close()


def by_hand(session: Session, wanted: Wanted) -> Tally:
    """Out of the whole list."""
    found = lessons(session, wanted, TUESDAY, ZONE)
    return Tally(Counter(one.fate for one in found), sum(missing_sec(one.gaps) for one in found))


async def by_tallies(database: Database, wanted: Wanted) -> Tally:
    under = await database.run(setting, wanted)
    pieces = list(weeks(wanted))
    known = await database.run(known_tallies, pieces, under, ZONE)
    for piece in pieces:
        if piece not in known:
            known[piece] = await database.run(tally, piece, under, TUESDAY, ZONE)
    return sum(known.values(), Tally(Counter()))


def everything_happens(session: Session) -> None:
    """Lessons that are moved, doubled, still on, by hand, of another day or of nobody."""
    some = session.scalars(select(Lesson).order_by(Lesson.lesson_id).limit(60)).all()
    for number, lesson in enumerate(some):
        match number % 6:
            case 0:
                lesson.planned_start += 600
            case 1:
                lesson.planned_start, lesson.planned_end = lesson.planned_start + 7200, None
            case 2:
                lesson.ended = 0
            case 3:
                lesson.gaps = [Gap(since=lesson.planned_start, until=lesson.planned_start + 9, cause="sound_lost")]
            case 4:
                lesson.course_id = 0
            case _:
                lesson.planned_end = lesson.planned_start
    for number, course in enumerate(session.scalars(select(Course).limit(12))):
        course.updated = TUESDAY - 86_400 * number * 3
        course.start_sec += 1800 * (number % 3)
    session.get_one(Camera, some[0].camera_id).gather_id = some[0].gather_id


_LINE = re.compile(r'<li class="lesson">\s*<div class="when">([0-9:]+)<.*?<span class="small">(\S+) ', re.DOTALL)


def first_lesson(session: Session) -> Lesson:
    """Of those that are wanted."""
    begin = midnight(FIRST, ZONE)
    return session.scalars(select(Lesson).where(Lesson.planned_start > begin).order_by(Lesson.planned_start)).first()  # type: ignore[return-value]


FILTERS = (
    WANTED,
    replace(WANTED, camera_id=1),
    replace(WANTED, subject_id=1),
    replace(WANTED, teacher_id=1),
    replace(WANTED, gather_id=1),
)


@ON_EVERY_DATABASE
async def test_what_is_counted_is_what_is_listed(database: Database) -> None:
    def compare(session: Session, wanted: Wanted) -> None:
        counts, gaps = outcomes(session, wanted, TUESDAY, ZONE, Around(session, wanted))
        expected = by_hand(session, wanted)
        assert +counts == expected.counts
        assert sum(map(missing_sec, gaps)) == pytest.approx(expected.missing)

    for _ in range(2):
        for wanted in FILTERS:
            await database.run(compare, wanted)
            assert (await by_tallies(database, wanted)).counts == (await database.run(by_hand, wanted)).counts
        await database.run(everything_happens)


def late_report(session: Session) -> None:
    lesson = first_lesson(session)
    lesson.gaps = [Gap(since=lesson.planned_start, until=lesson.planned_start + 60, cause="stalled")]
    lesson.updated = TUESDAY


def lesson_goes_to_another_week(session: Session) -> None:
    lesson = first_lesson(session)
    lesson.planned_start += 14 * 86_400
    lesson.planned_end = lesson.planned_start + 2700


def unheard_of(session: Session) -> None:
    lesson = first_lesson(session)
    session.delete(lesson)


@ON_EVERY_DATABASE
@pytest.mark.parametrize(
    "change",
    [
        late_report,
        lesson_goes_to_another_week,
        unheard_of,
        lambda session: session.execute(delete(Gap)),
        lambda session: session.execute(update(Lesson).values(ended=0)),
        lambda session: session.execute(delete(Course)),
        lambda session: setattr(session.scalars(select(Course)).first(), "start_sec", 82_000),
    ],
    ids=["report", "moved", "deleted", "gaps", "lessons", "timetable", "course"],
)
async def test_what_is_remembered_is_never_old(database: Database, change: Any) -> None:
    before = await by_tallies(database, WANTED)
    under = await database.run(setting, WANTED)
    assert len(await database.run(known_tallies, list(weeks(WANTED)), under, ZONE)) >= 5
    await database.run(change)
    after = await by_tallies(database, WANTED)
    expected = await database.run(by_hand, WANTED)
    assert after != before
    assert after.counts == expected.counts
    assert after.missing == pytest.approx(expected.missing)


async def test_what_nobody_knows_is_not_remembered(database: Database) -> None:
    """A recorder that is heard again settles what it knows nothing of; no lesson is touched by that."""
    await database.run(lambda session: session.execute(update(Gather).values(lease_until=0.0)))
    assert (await by_tallies(database, WANTED)).counts["unknown"] > 0
    await database.run(lambda session: session.execute(update(Gather).values(lease_until=TUESDAY + 60.0)))
    assert (await by_tallies(database, WANTED)).counts["unknown"] == 0


async def test_pages_have_every_lesson_once_and_read_no_more_than_they_show(
    server: EmbeddedServer,
    api: Api,
    http: aiohttp.ClientSession,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page, "PER_PAGE", 50)
    zone = server._services.zone
    await server._services.database.run(write_year, zone, LAST, weeks=7, rooms=4, hours=3)
    assert await set_up(server, http) == 303
    expected = [
        one for one in await server._services.database.run(lessons, WANTED, clock.now, zone) if one.fate != "coming"
    ]
    found: list[tuple[str, str]] = []
    read: list[int] = []
    for number in range(1, len(expected) // 50 + 3):
        with counted(server._services.database) as sent:
            async with http.get(f"{server.url}/console/ledger?first={FIRST}&last={LAST}&page={number}") as answer:
                text = await answer.text()
        read.append(sum("FROM lesson" in line for line in sent))
        found += _LINE.findall(text)
    local = server._services.local
    assert found == [(f"{local(one.begin):%H:%M}", one.camera) for one in reversed(expected)]
    assert max(read[1:]) < read[0] / 2
