"""A day as it is drawn, read from the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.standalone.console.lessons import LessonView, Wanted, lessons, midnight, moment
from agent.standalone.console.pages.day.parts import Part, coverage, parts, share, window
from agent.standalone.console.spans import Span, total
from agent.standalone.store.schema import Camera, Gather, Record

OPENS_SEC, CLOSES_SEC = 8 * 3600, 18 * 3600
"""Drawn in any case, so that a day with one lesson looks like a day."""


@dataclass(frozen=True, slots=True)
class DrawnLesson:
    """A lesson and what became of its time."""

    lesson: LessonView
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class DrawnChannel:
    """A channel's day. `coverage` as in `parts.coverage`; the rest in seconds. `slice_id`s have a recording here."""

    camera_id: int
    name: str
    gather: str
    lessons: tuple[DrawnLesson, ...]
    coverage: float | None
    missing_sec: float
    unknown_sec: float


@dataclass(frozen=True, slots=True)
class DayView:
    """A day of all channels: `drawn` is the time that the bars show."""

    day: date
    now: float
    drawn: Span
    channels: tuple[DrawnChannel, ...]
    coverage: float | None
    missing_sec: float
    unknown_sec: float

    @property
    def is_today(self) -> bool:
        """Whether now is in what is drawn."""
        return self.drawn.since <= self.now < self.drawn.until


def read_day(session: Session, day: date, gather_id: int, now: float, zone: ZoneInfo) -> DayView:
    """The day of the channels of one agent, or of all (`gather_id` 0)."""
    of_channel: Mapping[int, list[LessonView]] = defaultdict(list)
    for lesson in lessons(session, Wanted(day, day, gather_id=gather_id), now, zone):
        of_channel[lesson.camera_id].append(lesson)
    whole = Span(midnight(day, zone), midnight(day + timedelta(days=1), zone))
    stored = _stored(session, whole)
    query = select(Camera, Gather).join(Gather, Gather.gather_id == Camera.gather_id).order_by(Camera.camera_id)
    if gather_id:
        query = query.where(Camera.gather_id == gather_id)
    channels = [
        _channel(
            camera.camera_id,
            camera.camera_name,
            gather.name_set or gather.name_pc,
            [
                DrawnLesson(lesson, parts(lesson, stored.get((lesson.camera_id, lesson.slice_id), ()), now))
                for lesson in of_channel[camera.camera_id]
            ],
        )
        for camera, gather in session.execute(query)
    ]
    everything = [part for channel in channels for drawn in channel.lessons for part in drawn.parts]
    least = Span(moment(day, OPENS_SEC, zone), moment(day, CLOSES_SEC, zone))
    return DayView(
        day=day,
        now=now,
        drawn=window([part.span for part in everything], whole, least=least),
        channels=tuple(channels),
        coverage=_over_all(channels),
        missing_sec=sum(channel.missing_sec for channel in channels),
        unknown_sec=sum(channel.unknown_sec for channel in channels),
    )


def _channel(camera_id: int, name: str, gather: str, drawn: Sequence[DrawnLesson]) -> DrawnChannel:
    pieces = [part for lesson in drawn for part in lesson.parts]
    return DrawnChannel(
        camera_id=camera_id,
        name=name,
        gather=gather,
        lessons=tuple(drawn),
        coverage=coverage(pieces),
        missing_sec=total(part.span for part in pieces if part.kind == "missing"),
        unknown_sec=total(part.span for part in pieces if part.kind == "unknown"),
    )


def _over_all(channels: Sequence[DrawnChannel]) -> float | None:
    """The coverage of all channels by their time, 1 only where nothing is missing."""
    pieces = [[part for drawn in channel.lessons for part in drawn.parts] for channel in channels]
    recorded = sum(total(part.span for part in own if part.kind == "recorded") for own in pieces)
    missing = sum(channel.missing_sec for channel in channels)
    return share(recorded, missing)


def _stored(session: Session, day: Span) -> dict[tuple[int, int], list[Span]]:
    """The times of the slices that are here, by channel and recording."""
    found: dict[tuple[int, int], list[Span]] = defaultdict(list)
    query = select(Record.camera_id, Record.slice_id, Record.started, Record.duration)
    # A slice lasts half an hour at most, or as long as its lesson.
    for camera_id, slice_id, started, duration in session.execute(
        query.where(Record.started >= day.since - 86_400, Record.started < day.until)
    ):
        found[camera_id, slice_id].append(Span(started, started + duration))
    return found


def day_of(text: str, now: float, zone: ZoneInfo) -> date:
    """The day that a text names (YYYY-MM-DD), else today."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return datetime.fromtimestamp(now, zone).date()
