"""What is asked of the database does not grow with the number of rows: as many statements for many as for few."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from agent.standalone.gather.http import Caller
from agent.standalone.gather.reports import take_status
from agent.standalone.gather.rows import full_sync
from agent.standalone.server import EmbeddedServer
from agent.standalone.store.database import Database
from agent.standalone.store.schema import Camera, Course, Gap, Gather, Lesson, Record
from agent.wire.models import CameraStatus, ChannelAlarm, StatusReport
from tests.standalone.databases import ON_EVERY_DATABASE
from tests.standalone.helpers import TUESDAY, Api

pytestmark = ON_EVERY_DATABASE
FEW, MANY = range(1, 3), range(11, 41)
STAMPS = {"created": TUESDAY, "updated": TUESDAY}


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that are sent meanwhile, without the look after the lock that is taken now and then."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement != "SELECT 1":
            sent.append(statement)

    event.listen(database._engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database._engine, "before_cursor_execute", note)


def fill(session: Session) -> None:
    """An agent with few channels and one with many, each with courses, recordings, and lessons with gaps."""
    for gather_id, numbers in ((1, FEW), (2, MANY)):
        session.add(Gather(gather_id=gather_id, agent_uid=f"{gather_id}", token_hash=f"{gather_id}", **STAMPS))
        session.flush()
        for number in numbers:
            camera = Camera(
                camera_id=number, gather_id=gather_id, camera_name="x", stream_prop=2, stream_url="rtsp://x/y"
            )
            camera.snapshot_key, camera.created, camera.updated = str(number), TUESDAY, TUESDAY
            session.add(camera)
            session.flush()
            course = Course(course_id=number, camera_id=number, subject_id=number % 9 + 1, teacher_id=1, week_id=1)
            course.start_sec, course.elapse_sec, course.created, course.updated = 0, 60, TUESDAY, TUESDAY
            lesson = Lesson(lesson_id=number, gather_id=gather_id, camera_id=number, slice_id=1, course_id=1, **STAMPS)
            lesson.planned_start, lesson.gaps = TUESDAY, [Gap(since=0.0, until=1.0, cause="x") for _ in range(3)]
            record = Record(file_src=f"{number}", file_fdfs="/x.mp4", file_size=1, sha256="", duration=1.0, **STAMPS)
            record.started, record.gather_id, record.camera_id, record.course_id = TUESDAY, gather_id, number, number
            record.slice_id = record.slice_inx = 1
            session.add_all([course, lesson, record])


@pytest.fixture
async def database(server: EmbeddedServer) -> AsyncIterator[Database]:
    await server._services.database.run(fill)
    yield server._services.database


async def test_a_sync(database: Database) -> None:
    sizes = []
    for gather_id in (1, 2):
        with counted(database) as sent:
            sync = await database.run(full_sync, gather_id)
        assert all(len(camera.courses) == 1 for camera in sync.cameras)
        sizes.append((len(sync.cameras), len([line for line in sent if " subject" not in line])))
    assert [cameras for cameras, _ in sizes] == [len(FEW), len(MANY)]
    assert sizes[0][1] == sizes[1][1]


async def test_a_status(database: Database) -> None:
    sizes = []
    for gather_id, numbers in ((1, FEW), (2, MANY)):
        alarms = (ChannelAlarm(kind="black", since=TUESDAY),)
        cameras = tuple(CameraStatus(camera_id=number, status=1, alarms=alarms) for number in numbers)
        with counted(database) as sent:
            await database.run(take_status, Caller(gather_id, ""), StatusReport(cameras=cameras), TUESDAY)
        sizes.append(len(sent))
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("endpoint", ["list_camera", "list_record", "list_course"])
async def test_lists(api: Api, database: Database, endpoint: str) -> None:
    sizes = []
    for gather_id in (1, 2):
        with counted(database) as sent:
            answer = await api.ok(
                endpoint, gather_id=gather_id, camera_id="" if endpoint != "list_course" else gather_id, per=100
            )
        sizes.append((len(answer["data"]), len(sent)))
    assert sizes[0][1] == sizes[1][1]


@pytest.mark.parametrize(("endpoint", "name"), [("del_camera", "camera_id"), ("del_record", "record_id")])
async def test_deletions(api: Api, database: Database, endpoint: str, name: str) -> None:
    sizes = []
    for numbers in (FEW, MANY):
        with counted(database) as sent:
            await api.ok(endpoint, **{name: ",".join(map(str, numbers))})
            sizes.append(len([line for line in sent if "trash" not in line or "INSERT" in line]))
    assert sizes[0] == sizes[1], sent
    assert (await api.ok("list_camera"))["total_num"] == (0 if endpoint == "del_camera" else len(FEW) + len(MANY))
