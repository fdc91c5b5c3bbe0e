"""What agents report: records, snapshots, states, lessons. Every report may come twice; the answer means that it is
durable.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web
from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from agent.standalone.files import STORAGE_PREFIX
from agent.standalone.gather.addresses import check_address, exactly, picture_of
from agent.standalone.gather.http import Caller, Refused, answer, body, caller
from agent.standalone.services import SERVICES
from agent.standalone.store.schema import Alarm, Camera, Course, Gap, Gather, Image, Lesson, Record, Spool, StoredFile
from agent.wire.models import (
    CameraStatus,
    ChannelAlarm,
    EventFrame,
    RecordingReport,
    RecordReport,
    Reply,
    SnapshotReport,
    StatusReport,
)

LEASE_SECONDS = 90.0
"""How long an agent counts as online after it was last heard."""

_MOST_AT_ONCE = 8
"""Recordings of one channel that can be on: a lesson's, the one that it follows, one by hand, and room to spare."""

log = logging.getLogger(__name__)

_STEM = re.compile(r"[0-9a-f]{32}(_\d{1,18}){4}_\d{1,9}_\d{1,9}")
_RECORD_FIELDS = (
    *("file_fdfs", "image_fdfs", "file_size", "sha256", "duration", "overlap_sec", "started"),
    *("camera_id", "course_id", "slice_id", "slice_inx", "video", "audio"),
)


async def records(request: web.Request) -> web.Response:
    """`POST /gather/v1/records`."""
    services = request.app[SERVICES]
    who = await caller(request)
    report = await body(request, RecordReport)
    await services.database.run(take_record, who, report, services.clock())
    return answer(Reply())


async def snapshots(request: web.Request) -> web.Response:
    """`POST /gather/v1/snapshots`."""
    services = request.app[SERVICES]
    who = await caller(request)
    report = await body(request, SnapshotReport)
    await services.database.run(take_snapshot, who, report, services.clock())
    return answer(Reply())


async def status(request: web.Request) -> web.Response:
    """`POST /gather/v1/status`."""
    services = request.app[SERVICES]
    who = await caller(request)
    report = await body(request, StatusReport)
    await services.database.run(take_status, who, report, services.clock())
    return answer(Reply())


def take_record(session: Session, who: Caller, report: RecordReport, now: float) -> None:
    """Enter a slice, or what changed of it, by its `file_src`; and its lesson."""
    if _STEM.fullmatch(report.file_src) is None:
        raise Refused(400, "file_src: not the name of a finished slice")
    if (report.recording.camera_id, report.recording.slice_id) != (report.camera_id, report.slice_id):
        raise Refused(400, "recording: must be the one that the slice belongs to")
    _check_owner(session, who, report.camera_id)
    _check_stored(session, who, report)
    record = session.scalar(select(Record).where(Record.file_src == report.file_src))
    if record is None:
        record = Record(file_src=report.file_src, created=report.started)
        session.add(record)
    elif record.gather_id != who.gather_id:
        raise Refused(409, "file_src: this record is another agent's")
    for name in _RECORD_FIELDS:
        setattr(record, name, getattr(report, name))
    record.repaired = int(report.repaired)
    record.gather_id = who.gather_id
    record.subject_id, record.teacher_id = _taught(session, report.recording)
    record.updated = now
    take_lesson(session, who, report.recording, now)


def take_snapshot(session: Session, who: Caller, report: SnapshotReport, now: float) -> None:
    """Note the channel's current picture; one older than the known one changes nothing."""
    if report.file_src != f"live_{report.camera_id}":
        raise Refused(400, "file_src: must be live_<camera_id>")
    _check_owner(session, who, report.camera_id)
    camera = session.get(Camera, report.camera_id)
    if camera is None:
        return
    check_address("image_fdfs", report.image_fdfs, exactly(f"snapshots/{camera.snapshot_key}.jpg"))
    image = session.scalar(select(Image).where(Image.camera_id == report.camera_id))
    if image is None:
        image = Image(camera_id=report.camera_id, created=now, taken=report.taken)
        session.add(image)
    elif report.taken < image.taken:
        return
    image.file_src, image.file_fdfs, image.file_size = report.file_src, report.image_fdfs, report.file_size
    image.taken, image.updated = report.taken, now


def take_status(session: Session, who: Caller, report: StatusReport, now: float) -> None:
    """Renew the lease and note the channels' states, the queue, and the lessons that changed."""
    gather = session.get_one(Gather, who.gather_id)
    gather.lease_until = now + LEASE_SECONDS
    gather.queue_files, gather.queue_bytes = report.queue_files, report.queue_bytes
    gather.disk_free = report.disk_free
    session.merge(
        Spool(
            gather_id=who.gather_id,
            oldest=report.queue_oldest,
            error=report.queue_error,
            paused=int(report.queue_paused),
            disk_total=report.disk_total,
            disk_state=report.disk_state,
        )
    )
    take_cameras(session, who.gather_id, report.cameras)
    for lesson in report.lessons:
        if _is_foreign(session, who, lesson.camera_id):
            log.warning("agent %d reports a lesson of channel %d, another agent's", who.gather_id, lesson.camera_id)
        else:
            take_lesson(session, who, lesson, now)


def take_cameras(session: Session, gather_id: int, reports: Iterable[CameraStatus]) -> None:
    """Note channels' states; one that is not this agent's (deleted meanwhile) is passed over."""
    told = {report.camera_id: report for report in reports}
    if not told:
        return
    own = select(Camera).where(Camera.camera_id.in_(told), Camera.gather_id == gather_id)
    cameras = session.scalars(own).all()
    session.execute(delete(Alarm).where(Alarm.camera_id.in_([camera.camera_id for camera in cameras])))
    for camera in cameras:
        report = told[camera.camera_id]
        _take_camera(camera, report)
        session.add_all(Alarm(camera_id=camera.camera_id, **alarm.model_dump()) for alarm in report.alarms)


def _take_camera(camera: Camera, report: CameraStatus) -> None:
    camera.status = max(-1, min(report.status, 1))
    camera.recording = list(report.recording)
    camera.wanted = int(report.wanted)
    camera.cause, camera.detail = report.cause, report.detail
    camera.video, camera.audio = report.video, report.audio


def take_event(session: Session, who: Caller, frame: EventFrame, now: float) -> None:
    """Take an event of the relay, which also renews the lease. Events are news: what they leave out stays as it was."""
    session.get_one(Gather, who.gather_id).lease_until = now + LEASE_SECONDS
    data = frame.data
    camera = session.get(Camera, data["camera_id"]) if isinstance(data.get("camera_id"), int) else None
    if camera is None or camera.gather_id != who.gather_id:
        return
    if frame.event == "camera" and isinstance(data.get("state"), str):
        camera.status = int(data["state"] == "online")
        camera.cause, camera.detail = str(data.get("cause", "")), str(data.get("detail", ""))
    elif frame.event == "recording" and isinstance(data.get("slice_id"), int):
        others = [slice_id for slice_id in camera.recording if slice_id != data["slice_id"]]
        camera.recording = others if data.get("ended") else [*others, data["slice_id"]][-_MOST_AT_ONCE:]
    elif frame.event == "alarm" and isinstance(data.get("alarm"), str) and _is_moment(data.get("since")):
        _take_alarm(session, camera.camera_id, data)


def _is_moment(since: object) -> bool:
    return isinstance(since, int | float) and math.isfinite(since)  # JSON's 1e400 is an infinite float


def _take_alarm(session: Session, camera_id: int, data: Mapping[str, Any]) -> None:
    known = session.get(Alarm, (camera_id, data["alarm"]))
    if data.get("state") == "raised" and known is None:
        try:
            told = ChannelAlarm.model_validate({**data, "kind": data["alarm"]})
        except ValidationError:
            told = ChannelAlarm(kind=data["alarm"], since=data["since"], detail=str(data.get("detail", "")))
        session.add(Alarm(camera_id=camera_id, **told.model_dump()))
    elif data.get("state") == "cleared" and known is not None:
        session.delete(known)


def take_lesson(session: Session, who: Caller, report: RecordingReport, now: float) -> None:
    """Enter what is known of a recording. The word on an ended one stands: an older report that comes late says
    nothing.
    """
    key = (Lesson.camera_id == report.camera_id) & (Lesson.slice_id == report.slice_id)
    lesson = session.scalar(select(Lesson).where(key))
    if lesson is None:
        lesson = Lesson(camera_id=report.camera_id, slice_id=report.slice_id, created=now)
        session.add(lesson)
    elif lesson.ended and not report.ended:
        return
    lesson.course_id, lesson.coverage = report.course_id, report.coverage
    lesson.planned_start, lesson.planned_end = report.planned_start, report.planned_end
    lesson.subject_id, lesson.teacher_id = _taught(session, report)
    lesson.gather_id, lesson.ended, lesson.updated = who.gather_id, int(report.ended), now
    known = [(gap.since, gap.until, gap.cause, gap.detail) for gap in lesson.gaps]
    if known != [(gap.since, gap.until, gap.cause, gap.detail) for gap in report.gaps]:
        lesson.gaps = [Gap(**gap.model_dump()) for gap in report.gaps]
    session.flush()


def _taught(session: Session, report: RecordingReport) -> tuple[int, int]:
    """Subject and teacher: as the agent knew them, else as the course says now."""
    course = session.get(Course, report.course_id)
    if course is None:
        return report.subject_id, report.teacher_id
    return report.subject_id or course.subject_id, report.teacher_id or course.teacher_id


def _is_foreign(session: Session, who: Caller, camera_id: int) -> bool:
    """Whether a channel is another agent's. Of one that is gone the recordings are taken nevertheless."""
    camera = session.get(Camera, camera_id)
    return camera is not None and camera.gather_id != who.gather_id


def _check_owner(session: Session, who: Caller, camera_id: int) -> None:
    if _is_foreign(session, who, camera_id):
        raise Refused(409, f"camera_id: channel {camera_id} is another agent's")


def _check_stored(session: Session, who: Caller, report: RecordReport) -> None:
    """An agent may delete what is confirmed here: so nothing is confirmed that this server's storage has not got."""
    if report.image_fdfs:
        check_address("image_fdfs", report.image_fdfs, picture_of(report.file_src))
    if not report.file_fdfs.startswith(STORAGE_PREFIX):
        check_address("file_fdfs", report.file_fdfs, exactly(""))
        return
    stored = session.get(StoredFile, report.file_src + ".mp4")
    content = (report.file_size, report.sha256.lower())
    if stored is None or stored.gather_id != who.gather_id or (stored.size, stored.sha256) != content:
        raise Refused(409, "file_src: no such file is stored here; upload it first")
    check_address("file_fdfs", report.file_fdfs, exactly(stored.path))
