"""What became of the lessons: timetable and journal laid side by side."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.channels.view import Now
from agent.journal import Journal, JournalThread, RecordingRow, SliceRow, SliceState
from agent.schedule.ledger import Span
from agent.schedule.reconciler import Due
from agent.schedule.timetable import Course, Lesson, Timetable
from agent.status import LessonOutcome
from agent.view.lessons import Kept, outcomes, read_between
from tests.agent.spool.filled import Spool

START = 1_800_000_000.0  # a Friday, 08:00 UTC
END = START + 2700.0
ARRIVING = Now(arriving=True, silent_sec=0.2)
MATHS = Course(5, 7, 5, 8 * 3600, 2700, title="Maths")
KEY = "lesson:7:5:2027-01-15"


def lessons() -> list[Lesson]:
    return Timetable([MATHS], ZoneInfo("UTC")).lessons_between(START - 60, START + 60)


def row(**changes: object) -> RecordingRow:
    about: dict[str, object] = {
        "slice_id": 11,
        "key": KEY,
        "camera_id": 7,
        "course_id": 5,
        "subject_id": 0,
        "teacher_id": 0,
        "title": "Maths",
        "planned_start": START,
        "planned_end": END,
        "began_at": START,
        "last_inx": 1,
        "ended_at": None,
        "revision": 1,
        "reported": 0,
    }
    return RecordingRow(**{**about, **changes})  # type: ignore[arg-type]


def piece(since: float, until: float, inx: int = 1) -> SliceRow:
    return SliceRow(
        *("stem", 11, inx, 7, 5, Path("/x.mp4"), None, since, until - since, 0.0, 1000, "", "h264", ""),
        *(False, SliceState.UPLOADED, "", "", None),
    )


def outcome(kept: Kept | None, now: float, doing: Now | None = None) -> LessonOutcome:
    due = {KEY: doing} if doing else {}
    (found,) = outcomes(lessons(), [kept] if kept else [], due, {7: "Room 7"}, now)
    assert (found.camera_name, found.title, found.course_id) == ("Room 7", "Maths", 5)
    return found


def test_the_key_in_this_file_is_the_lesson_s() -> None:
    (lesson,) = lessons()
    assert (lesson.key, lesson.start, lesson.end) == (KEY, START, END)


@pytest.mark.parametrize(("now", "state"), [(START - 1, "coming"), (START + 1, "due"), (END + 1, "not_due")])
def test_a_lesson_that_the_journal_does_not_know(now: float, state: str) -> None:
    found = outcome(None, now)
    assert (found.state, found.coverage, found.slice_id) == (state, None, None)


def test_a_lesson_that_is_on_and_gets_packets() -> None:
    found = outcome(Kept(row(), (piece(START - 1, START + 600),)), START + 900, ARRIVING)
    assert (found.state, found.coverage, found.gaps) == ("recording", 1.0, ())
    assert [(one.state, one.media_sec) for one in found.slices] == [("uploaded", 601.0)]


def test_a_lesson_that_is_on_and_gets_none_has_an_open_gap_with_the_camera_s_cause() -> None:
    away = Now(arriving=False, silent_sec=100.0, cause="unreachable", detail="port closed")
    found = outcome(Kept(row(), (piece(START, START + 200),)), START + 300, away)
    assert found.state == "due"
    assert [(gap.since, gap.until, gap.cause) for gap in found.gaps] == [(START + 200, START + 300, "unreachable")]
    assert found.coverage == pytest.approx(2 / 3)
    # The file that was being written has not been closed yet: the silence is as long as it is.
    found = outcome(Kept(row()), START + 300, away)
    assert found.missing_sec == pytest.approx(100.0)
    # Never began at all.
    found = outcome(Kept(row(began_at=None)), START + 300, Now(False, None, "unauthorized"))
    assert (found.state, found.coverage, found.gaps[0].cause) == ("due", 0.0, "unauthorized")


@pytest.mark.parametrize(
    ("slices", "state"),
    [
        ([piece(START - 2, END + 1)], "recorded"),
        ([piece(START - 2, START + 1300), piece(START + 1298, END, 2)], "recorded"),
        ([piece(START, END - 5)], "partly"),
        ([piece(START + 20, END)], "partly"),
        ([], "missed"),
        ([piece(START - 90, START - 1)], "missed"),
    ],
)
def test_a_lesson_that_is_over(slices: list[SliceRow], state: str) -> None:
    found = outcome(Kept(row(ended_at=END), tuple(slices)), END + 60)
    assert found.state == state
    assert found.coverage is not None
    assert (found.coverage == 1.0) == (state == "recorded")
    assert found.missing_sec == pytest.approx((1 - found.coverage) * 2700)


@pytest.mark.parametrize(("slices", "cause"), [((), "late"), ((piece(START, START + 300),), "restart")])
def test_nobody_knows_why_nothing_arrives(slices: tuple[SliceRow, ...], cause: str) -> None:
    found = outcome(Kept(row(), slices), START + 301, Now(arriving=False, silent_sec=None, cause="late"))
    assert [gap.cause for gap in found.gaps] == [cause]


def test_a_slice_that_was_given_up_is_missing_with_its_cause() -> None:
    gone = piece(START, END)._replace(state=SliceState.GIVEN_UP)
    why = Span(START, END, "disk", "deleted before it was uploaded")
    found = outcome(Kept(row(ended_at=END), (gone,), (why,)), END + 60)
    assert (found.state, found.coverage, found.slices[0].state) == ("missed", 0.0, "given_up")
    assert [(gap.cause, gap.detail) for gap in found.gaps] == [("disk", "deleted before it was uploaded")]


def test_a_lesson_called_off_before_it_began_was_not_due() -> None:
    found = outcome(Kept(row(planned_end=START, ended_at=START - 5)), END + 60)
    assert (found.state, found.coverage) == ("not_due", None)


def test_what_was_found_after_a_lost_journal_is_its_lesson_s() -> None:
    slices = (piece(START, START + 1000), piece(START + 1010, END))
    before, after = row(slice_id=12, key="found:12", ended_at=END), row(slice_id=13, ended_at=END)
    for kept in ([Kept(before, slices)], [Kept(before, slices), Kept(after, slices)]):
        (found,) = outcomes(lessons(), kept, {}, {}, END + 60)
        assert (found.state, found.missing_sec) == ("partly", 10.0)
    assert found.key == KEY


def test_a_recording_by_hand_stands_among_the_lessons_by_time() -> None:
    by_hand = Kept(row(slice_id=12, key="manual:7:1", course_id=0, planned_start=START - 100, planned_end=None))
    found = outcomes(lessons(), [by_hand], {"manual:7:1": ARRIVING}, {}, START - 50)
    assert [(one.course_id, one.state, one.planned_end) for one in found] == [
        (0, "recording", None),
        (5, "coming", END),
    ]


@given(st.lists(st.tuples(st.floats(-100, 2800), st.floats(1, 900)), max_size=6), st.booleans())
def test_coverage_is_full_only_without_a_gap(spans: list[tuple[float, float]], over: bool) -> None:
    slices = tuple(piece(START + since, START + since + length, inx) for inx, (since, length) in enumerate(spans, 1))
    kept = Kept(row(ended_at=END if over else None), slices, (Span(START + 10, START + 20, "packet_loss"),))
    found = outcome(kept, END + 60 if over else START + 1500, None if over else ARRIVING)
    assert found.coverage is not None
    assert 0.0 <= found.coverage <= 1.0
    assert (found.coverage == 1.0) == (found.missing_sec == 0.0)
    assert all(gap.cause and gap.since < gap.until for gap in found.gaps)


async def test_a_day_is_read_from_the_journal(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    journal: JournalThread = spool.journal
    try:
        slice_id = await spool.lesson(begin=int(START))
        await spool.add(slice_id=slice_id, at=START)
        other = Due("lesson:other", 8, 6, START + 86_400, START + 86_460)
        await journal.do(Journal.open_recording, other, START)
        (kept,) = await journal.do(read_between, START, START + 86_400)
        assert (kept.row.slice_id, len(kept.slices), kept.named) == (slice_id, 1, ())
        assert len(await journal.do(read_between, START, START + 86_401)) == 2
    finally:
        await journal.close()
