"""The timetable as the page takes it: one JSON object, and a mark by which it knows whether anything has changed."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.standalone.clocktime import DAY_SECONDS, week_id
from agent.standalone.console.gathers import read_gathers
from agent.standalone.store.schema import Camera, Course, Lesson, Subject, Teacher


def read_week(session: Session, now: float, zone: ZoneInfo) -> dict[str, Any]:
    """All channels with all courses; `on` are the courses that are being recorded now; `mark` is another one whenever
    anything of this is. Days are `week_id` (0 Sunday), times seconds after midnight.
    """
    gathers = read_gathers(session, now)
    alive = {gather.gather_id for gather in gathers if gather.alive}
    cameras = list(session.scalars(select(Camera).order_by(Camera.camera_id)))
    running = {(camera.camera_id, one) for camera in cameras if camera.gather_id in alive for one in camera.recording}
    of_late = select(Lesson).where(
        Lesson.planned_start > now - 2 * DAY_SECONDS, Lesson.ended == 0, Lesson.course_id != 0
    )
    open_lessons = session.scalars(of_late)
    data: dict[str, Any] = {
        "gathers": [{"id": one.gather_id, "name": one.name, "alive": one.alive} for one in gathers],
        "channels": [
            {"id": camera.camera_id, "name": camera.camera_name, "gather": camera.gather_id} for camera in cameras
        ],
        "subjects": [{"id": one.subject_id, "name": one.subject_name} for one in session.scalars(select(Subject))],
        "teachers": [{"id": one.teacher_id, "name": one.teacher_name} for one in session.scalars(select(Teacher))],
        "courses": [
            {
                "id": course.course_id,
                "channel": course.camera_id,
                "subject": course.subject_id,
                "teacher": course.teacher_id,
                "day": course.week_id,
                "start": course.start_sec,
                "length": course.elapse_sec,
            }
            for course in session.scalars(select(Course).order_by(Course.week_id, Course.start_sec, Course.course_id))
        ],
        "on": sorted(one.course_id for one in open_lessons if (one.camera_id, one.slice_id) in running),
    }
    text = json.dumps(data, ensure_ascii=False, sort_keys=True)
    return {**data, "mark": hashlib.sha256(text.encode()).hexdigest()[:16], **_now(now, zone)}


def _now(now: float, zone: ZoneInfo) -> dict[str, int]:
    moment = datetime.fromtimestamp(now, zone)
    return {"today": week_id(moment), "clock": moment.hour * 3600 + moment.minute * 60 + moment.second}
