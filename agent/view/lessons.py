"""What became of the lessons: the timetable's word and the journal's laid side by side. Plain functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from agent.channels.view import Now
from agent.journal import Journal, RecordingRow, SliceRow, SliceState
from agent.schedule.ledger import Span, account, account_so_far, missing_sec
from agent.schedule.timetable import Lesson
from agent.status import GapView, LessonOutcome, LessonState, SliceProgress, SliceView

FOUND = "found:"
"""How the journal's key of a recording begins that only its files told of."""
CLOSING_SEC = 15.0
"""So long after its end a recording may still be finished; then it is judged by what is there."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the journal has of one recording."""

    row: RecordingRow
    slices: tuple[SliceRow, ...] = ()
    named: tuple[Span, ...] = ()


def read_between(journal: Journal, since: float, until: float) -> list[Kept]:
    """All that the journal has of recordings planned to begin in `[since, until)`."""
    return [Kept(row, tuple(slices), tuple(gaps)) for row, slices, gaps in journal.lessons_between(since, until)]


def outcomes(
    lessons: Iterable[Lesson], kept: Iterable[Kept], due_now: Mapping[str, Now], names: Mapping[int, str], now: float
) -> tuple[LessonOutcome, ...]:
    """One outcome for each lesson and each recording, by time and channel: see `each_outcome`."""
    return in_order(each_outcome(lessons, kept, due_now, names, now))


def in_order(found: Iterable[LessonOutcome]) -> tuple[LessonOutcome, ...]:
    """By time and channel."""
    return tuple(sorted(found, key=lambda one: (one.planned_start, one.camera_id, one.course_id)))


def each_outcome(
    lessons: Iterable[Lesson], kept: Iterable[Kept], due_now: Mapping[str, Now], names: Mapping[int, str], now: float
) -> Iterator[LessonOutcome]:
    """One outcome for each lesson and each recording, worked out as they are taken.

    `due_now`: the recordings that should be on, by key.  A lesson that changed its time after it was recorded stands
    there as it was recorded.  What was found on disk after the loss of a journal is part of its lesson.
    """
    rows: dict[object, Kept] = {}
    for one in sorted(kept, key=lambda one: one.row.key.startswith(FOUND)):
        row = one.row
        rows.setdefault((row.camera_id, row.course_id, row.planned_start) if row.course_id else row.key, one)
    keys = {one.row.key for one in rows.values()}
    for one in rows.values():
        yield _of_recording(one, due_now.get(one.row.key), names, now)
    for lesson in lessons:
        if lesson.key not in keys and (lesson.course.camera_id, lesson.course.course_id, lesson.start) not in rows:
            yield _of_lesson(lesson, names, now)


def _of_lesson(lesson: Lesson, names: Mapping[int, str], now: float) -> LessonOutcome:
    """A lesson that the journal does not know: every one that is due is opened there at once."""
    state: LessonState = "coming" if lesson.start > now else "due" if now < lesson.end else "not_due"
    course = lesson.course
    return LessonOutcome(
        key=lesson.key,
        camera_id=course.camera_id,
        camera_name=names.get(course.camera_id, ""),
        course_id=course.course_id,
        title=course.title,
        state=state,
        planned_start=lesson.start,
        planned_end=lesson.end,
    )


def _of_recording(kept: Kept, doing: Now | None, names: Mapping[int, str], now: float) -> LessonOutcome:
    row = kept.row
    there = [one for one in kept.slices if one.state is not SliceState.GIVEN_UP]
    spans = [Span(one.started_at, one.started_at + one.media_sec) for one in there]
    end = now if row.planned_end is None else row.planned_end
    is_on = row.ended_at is None and (doing is not None or now < end + CLOSING_SEC)
    due = Span(row.planned_start, min(end, now) if is_on else end)
    if is_on:
        state: LessonState = "recording" if row.began_at and (doing is None or doing.arriving) else "due"
        gaps = _so_far(due, spans, kept.named, doing if state == "due" else None)
    else:
        gaps = account(due, spans, kept.named).gaps
        state = _outcome(due, spans, gaps)
    missing = missing_sec(gaps)
    return LessonOutcome(
        key=row.key,
        camera_id=row.camera_id,
        camera_name=names.get(row.camera_id, ""),
        course_id=row.course_id,
        title=row.title,
        state=state,
        slice_id=row.slice_id,
        planned_start=row.planned_start,
        planned_end=row.planned_end,
        began_at=row.began_at,
        ended_at=row.ended_at,
        coverage=max(0.0, 1.0 - missing / due.length) if due.length > 0 else None,
        missing_sec=missing,
        gaps=tuple(GapView(since=gap.since, until=gap.until, cause=gap.cause, detail=gap.detail) for gap in gaps),
        slices=tuple(_slice(one) for one in kept.slices),
    )


def _so_far(due: Span, spans: list[Span], named: tuple[Span, ...], doing: Now | None) -> tuple[Span, ...]:
    gaps = account_so_far(due.since, spans, named)
    if doing is None:
        return gaps
    # Nothing arrives: the open gap reaches to this moment, from the last packet or the last slice.
    since = max([due.since, *(span.until for span in (*spans, *gaps))])
    if doing.silent_sec is not None:
        since = max(since, due.until - doing.silent_sec)
    # As the account has it: only what is missing at the beginning came late.
    cause = "restart" if doing.cause == "late" and since > due.since else doing.cause
    return (*gaps, Span(since, due.until, cause, doing.detail)) if since < due.until else gaps


def _outcome(due: Span, spans: list[Span], gaps: tuple[Span, ...]) -> LessonState:
    if due.length <= 0:
        return "not_due"
    if not any(span.since < due.until and span.until > due.since for span in spans):
        return "missed"
    return "partly" if gaps else "recorded"


def _slice(row: SliceRow) -> SliceView:
    return SliceView(
        stem=row.stem,
        slice_inx=row.slice_inx,
        started_at=row.started_at,
        media_sec=row.media_sec,
        overlap_sec=row.overlap_sec,
        size=row.size,
        state=cast(SliceProgress, row.state.name.lower()),
        repaired=row.repaired,
        video=row.video,
        audio=row.audio,
    )
