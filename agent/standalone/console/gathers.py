"""Agents and their channels as pages show them, read from the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from agent.standalone.console.lessons import names
from agent.standalone.gather.reports import LEASE_SECONDS
from agent.standalone.store.schema import Alarm, Camera, Gather, Image, Lesson, Spool, Subject


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """Something that stands wrong about a channel since this Unix second; `kind` has a word `alarm_<kind>`."""

    channel: str
    kind: str
    since: float
    detail: str
    why: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel. `state` is a word of `words`; `recording` names what it records now."""

    camera_id: int
    name: str
    gather_id: int
    gather: str
    state: str
    cause: str
    detail: str
    picture: str
    taken: float
    recording: tuple[str, ...]
    media: str
    alarms: tuple[AlarmLine, ...] = ()


@dataclass(frozen=True, slots=True)
class GatherView:
    """An agent: `alive` while its lease holds, `heard` when it was last heard; its queue and its disk, in bytes."""

    gather_id: int
    name: str
    alive: bool
    heard: float
    version: str
    address: str
    channels: int
    queue_files: int
    queue_bytes: int
    queue_oldest: float | None
    queue_error: str
    queue_paused: bool
    disk_free: int
    disk_total: int
    disk_state: str


def read_gathers(session: Session, now: float) -> tuple[GatherView, ...]:
    """Every agent."""
    counts: dict[int, int] = defaultdict(int)
    for gather_id in session.scalars(select(Camera.gather_id)):
        counts[gather_id] += 1
    query = select(Gather, Spool).join(Spool, Spool.gather_id == Gather.gather_id, isouter=True)
    return tuple(
        GatherView(
            gather_id=gather.gather_id,
            name=gather.name_set or gather.name_pc,
            alive=gather.is_online(now),
            heard=gather.lease_until - LEASE_SECONDS if gather.lease_until else 0.0,
            version=gather.version,
            address=gather.ip_addr,
            channels=counts[gather.gather_id],
            queue_files=gather.queue_files,
            queue_bytes=gather.queue_bytes,
            queue_oldest=spool.oldest if spool else None,
            queue_error=spool.error if spool else "",
            queue_paused=bool(spool and spool.paused),
            disk_free=gather.disk_free,
            disk_total=spool.disk_total if spool else 0,
            disk_state=spool.disk_state if spool else "well",
        )
        for gather, spool in session.execute(query.order_by(Gather.gather_id))
    )


def read_channels(session: Session, now: float) -> list[ChannelView]:
    """Every channel, with what it records and what is wrong with it."""
    subjects = names(session, Subject.subject_id, Subject.subject_name)
    alarms = defaultdict(list)
    for alarm in session.scalars(select(Alarm).order_by(Alarm.since)):
        alarms[alarm.camera_id].append(alarm)
    query = (
        select(Camera, Gather, Image)
        .join(Gather, Gather.gather_id == Camera.gather_id)
        .join(Image, Image.camera_id == Camera.camera_id, isouter=True)
        .order_by(Camera.camera_id)
    )
    rows = session.execute(query).all()
    on = [(camera.camera_id, one) for camera, gather, _ in rows if gather.is_online(now) for one in camera.recording]
    titles = {
        (lesson.camera_id, lesson.slice_id): subjects.get(lesson.subject_id, "") if lesson.course_id else ""
        for lesson in _recordings(session, on)
    }
    found = []
    for camera, gather, image in rows:
        alive = gather.is_online(now)
        away = alive and camera.status != 1
        name = camera.camera_name
        found.append(
            ChannelView(
                camera_id=camera.camera_id,
                name=name,
                gather_id=camera.gather_id,
                gather=gather.name_set or gather.name_pc,
                state=_channel_state(camera, alive),
                cause=camera.cause if away else "",
                detail=camera.detail if away else "",
                picture=f"{image.file_fdfs}?{image.taken:.0f}" if image else "",
                taken=image.taken if image else 0.0,
                recording=tuple(titles.get((camera.camera_id, one), "") for one in camera.recording if alive),
                media=" · ".join(filter(None, (camera.video, camera.audio))),
                alarms=tuple(
                    AlarmLine(name, alarm.kind, alarm.since, alarm.detail, alarm.why, alarm.figures)
                    for alarm in alarms[camera.camera_id]
                    if alive
                ),
            )
        )
    return found


def _recordings(session: Session, keys: Sequence[tuple[int, int]]) -> Iterable[Lesson]:
    """The recordings of these channels and slice ids."""
    if not keys:
        return ()
    return session.scalars(select(Lesson).where(tuple_(Lesson.camera_id, Lesson.slice_id).in_(keys)))


def _channel_state(camera: Camera, alive: bool) -> str:
    if not alive:
        return "agent_offline"
    if not camera.wanted and camera.status != 1:
        return "stopped"
    return {1: "online", 0: "offline"}.get(camera.status, "unknown")
