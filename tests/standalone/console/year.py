"""A school year in the server's database, as its agents would have told of it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import insert
from sqlalchemy.orm import Session

from agent.standalone.clocktime import week_id
from agent.standalone.console.lessons import moment
from agent.standalone.store.schema import Camera, Course, Gap, Gather, Lesson


def write_year(session: Session, zone: ZoneInfo, last: date, weeks: int, rooms: int, hours: int = 8) -> int:
    """Lessons of an hour on five days a week up to `last`, in a timetable and with accounts of them: one in fifty has a
    gap, one in a hundred nobody told of. How many lessons that are.
    """
    gather = Gather(agent_uid="year", token_hash="year", lease_until=2e9, created=0, updated=0)
    session.add(gather)
    session.flush()
    cameras = [
        Camera(
            gather_id=gather.gather_id, camera_name=f"{n}", stream_prop=1, snapshot_key=f"y{n}", created=0, updated=0
        )
        for n in range(rooms)
    ]
    session.add_all(cameras)
    session.flush()
    courses = {}
    for n, camera in enumerate(cameras):
        for weekday in range(1, 6):
            for hour in range(hours):
                course = Course(
                    camera_id=camera.camera_id,
                    subject_id=n % 5 + 1,
                    teacher_id=n % 7 + 1,
                    week_id=weekday,
                    start_sec=(8 + hour) * 3600,
                    elapse_sec=2700,
                    created=0,
                    updated=0,
                )
                courses[camera.camera_id, weekday, hour] = course
    session.add_all(courses.values())
    session.flush()
    lessons, gaps = [], []
    number = 0
    for back in range(weeks * 7):
        day = last - timedelta(days=back)
        for (camera_id, weekday, _), course in courses.items():
            if weekday != week_id(datetime.combine(day, time())):
                continue
            number += 1
            if number % 100 == 0:
                continue
            starts = moment(day, course.start_sec, zone)
            lessons.append(
                {
                    "lesson_id": 10_000_000 + number,
                    "gather_id": gather.gather_id,
                    "camera_id": camera_id,
                    "slice_id": number,
                    "course_id": course.course_id,
                    "subject_id": course.subject_id,
                    "teacher_id": course.teacher_id,
                    "planned_start": starts,
                    "planned_end": starts + 2700,
                    "ended": 1,
                    "coverage": 1.0,
                    "created": 0,
                    "updated": 0,
                }
            )
            if number % 50 == 1:
                gaps.append(
                    {"lesson_id": 10_000_000 + number, "since": starts + 5, "until": starts + 9, "cause": "stalled"}
                )
    session.execute(insert(Lesson), lessons)
    session.execute(insert(Gap), gaps)
    return number
