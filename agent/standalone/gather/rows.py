"""Rows as the wire has them, and the revision that counts their changes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from agent.standalone.clocktime import clock_text
from agent.standalone.store.schema import Camera, Course, Gather, Subject
from agent.standalone.store.sealed import Lost, SecretLost
from agent.wire.models import GatherSettings, Sync, WireCamera, WireCourse

_CAMERA_FIELDS = (
    *("camera_id", "camera_name", "stream_prop", "stream_url", "stream_mp4", "device_ip", "device_user", "device_pass"),
    *("device_cmd_port", "device_mirror", "device_osd", "device_twice", "device_show"),
)


def bump(session: Session, gather_id: int) -> int:
    """Count a change of what this agent should know; the new revision."""
    gather = session.get_one(Gather, gather_id, with_for_update=True)
    gather.rev += 1
    return gather.rev


def gather_settings(gather: Gather) -> GatherSettings:
    """The settings of a recorder."""
    return GatherSettings.model_validate({name: getattr(gather, name) for name in GatherSettings.model_fields})


def wire_course(session: Session, course: Course, is_delete: int = 1) -> WireCourse:
    """A course, with its subject as title."""
    subject = session.get(Subject, course.subject_id)  # asked for once a subject: the session remembers it
    return WireCourse.model_validate(
        {
            "course_id": course.course_id,
            "camera_id": course.camera_id,
            "subject_id": course.subject_id,
            "teacher_id": course.teacher_id,
            "week_id": course.week_id,
            "elapse_sec": course.elapse_sec,
            "start_time": clock_text(course.start_sec),
            "title": subject.subject_name if subject else "",
            "is_delete": is_delete,
        }
    )


def wire_camera(session: Session, camera: Camera) -> WireCamera:
    """A channel with all its courses. `SecretLost` where what its agent needs, and still knows, cannot be read."""
    needed = camera.device_pass if camera.stream_prop == 0 else camera.stream_url
    if isinstance(needed, Lost):
        name = "password" if camera.stream_prop == 0 else "address"
        raise SecretLost(f"channel {camera.camera_id}: its {name} was sealed with another key; enter it anew")
    fields: dict[str, Any] = {name: getattr(camera, name) for name in _CAMERA_FIELDS}
    courses = tuple(wire_course(session, course) for course in camera.courses)
    return WireCamera.model_validate({**fields, "courses": courses})


def full_sync(session: Session, gather_id: int) -> Sync:
    """The whole state as this agent should have it."""
    gather = session.get_one(Gather, gather_id)
    query = select(Camera).where(Camera.gather_id == gather_id).order_by(Camera.camera_id)
    cameras = session.scalars(query.options(selectinload(Camera.courses)))
    return Sync(
        rev=gather.rev,
        gather=gather_settings(gather),
        cameras=tuple(wire_camera(session, camera) for camera in cameras),
    )
