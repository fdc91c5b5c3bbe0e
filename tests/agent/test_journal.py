"""The journal: states that only move forward, steps that may be done twice, a file that survives."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.journal import Journal, JournalError, JournalThread, SliceState
from agent.schedule.ledger import Span
from agent.schedule.reconciler import Due
from recorder.protocol import GapFound
from recorder.specs import SliceFacts

LESSON = Due("lesson:1:7:2026-11-23", 1, 7, 1000.0, 3700.0, 3, 4, "语文")


def facts(slice_id: int, inx: int = 1, started_at: float = 1000.0, **changed: Any) -> SliceFacts:
    values: dict[str, Any] = {
        "stem": f"{inx:032x}_1_{int(started_at)}_7_{slice_id}_{inx}_60",
        "path": f"/media/slices/{slice_id}_{inx}.mp4",
        "thumbnail": None,
        "camera_id": 1,
        "course_id": 7,
        "slice_id": slice_id,
        "slice_inx": inx,
        "started_at": started_at,
        "media_sec": 60.0,
        "overlap_sec": 0.0,
        "size": 1000,
        "sha256": "00" * 32,
    }
    return SliceFacts(**(values | changed))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal(tmp_path / "journal.sqlite")
    yield found
    found.close()


def test_a_lesson_is_one_recording_however_often_it_is_opened(journal: Journal) -> None:
    first = journal.open_recording(LESSON, 1000.0)
    again = journal.open_recording(LESSON, 1500.0)
    assert again.slice_id == first.slice_id == 1_000_000
    assert (again.title, again.subject_id, again.planned_end) == ("语文", 3, 3700.0)


def test_recordings_that_begin_in_the_same_millisecond_have_different_ids(journal: Journal) -> None:
    ids = {journal.open_recording(Due(f"lesson:{n}", n, 7, 1000.0, 3700.0), 1000.0).slice_id for n in range(40)}
    assert len(ids) == 40


def test_a_slice_is_known_once(journal: Journal) -> None:
    row = journal.open_recording(LESSON, 1000.0)
    assert journal.add_slice(facts(row.slice_id))
    assert not journal.add_slice(facts(row.slice_id))
    assert len(journal.slices_of(row.slice_id)) == 1
    assert journal.unknown_stems([facts(row.slice_id).stem, *map(str, range(2000))]) == set(map(str, range(2000)))


def test_the_next_index_is_above_every_one_that_was_opened(journal: Journal) -> None:
    row = journal.open_recording(LESSON, 1000.0)
    journal.slice_opened(row.slice_id, 3)
    journal.slice_opened(row.slice_id, 2)
    journal.add_slice(facts(row.slice_id, 1))
    found = journal.recording(row.slice_id)
    assert found is not None
    assert found.last_inx == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(steps=st.lists(st.sampled_from([state for state in SliceState if state is not SliceState.GIVEN_UP]), max_size=8))
def test_states_only_move_forward(journal: Journal, steps: list[SliceState]) -> None:
    row = journal.open_recording(LESSON, 1000.0)
    stem = facts(row.slice_id).stem
    journal.add_slice(facts(row.slice_id))
    reached = journal.slices_of(row.slice_id)[0].state
    for step in steps:
        journal.advance(stem, step, file_fdfs="/a" if step is SliceState.UPLOADED else "")
        reached = max(reached, step)
        assert journal.slices_of(row.slice_id)[0].state == reached


def test_only_what_is_uploaded_and_not_confirmed_is_sent_again(journal: Journal) -> None:
    row = journal.open_recording(LESSON, 1000.0)
    slices = [facts(row.slice_id, inx) for inx in (1, 2, 3)]
    for one, reached in zip(slices, (SliceState.RECORDED, SliceState.UPLOADED, SliceState.CONFIRMED), strict=True):
        journal.add_slice(one)
        journal.advance(one.stem, reached, file_fdfs="/a")
        journal.upload_again(one.stem)
    found = [(one.state, one.file_fdfs) for one in journal.slices_of(row.slice_id)]
    assert found == [(SliceState.RECORDED, ""), (SliceState.RECORDED, ""), (SliceState.CONFIRMED, "/a")]


@pytest.mark.parametrize("reached", [SliceState.UPLOADED, SliceState.CONFIRMED, SliceState.REMOVED])
def test_what_is_in_the_storage_is_never_given_up(journal: Journal, reached: SliceState) -> None:
    row = journal.open_recording(LESSON, 1000.0)
    journal.add_slice(facts(row.slice_id))
    journal.advance(facts(row.slice_id).stem, reached, file_fdfs="/a")
    journal.give_up(facts(row.slice_id).stem, "the disk was full")
    covered, named = journal.spans_of(row.slice_id)
    assert (journal.counts(), covered, named) == ({reached: 1}, [Span(1000.0, 1060.0)], [])


def test_what_is_given_up_covers_nothing_and_what_is_confirmed_waits_for_nothing(journal: Journal) -> None:
    row = journal.open_recording(LESSON, 1000.0)
    for inx in (1, 2, 3):
        journal.add_slice(facts(row.slice_id, inx, 1000.0 + 60 * inx))
    journal.give_up(facts(row.slice_id, 1, 1060.0).stem, "the disk was full")
    journal.advance(facts(row.slice_id, 2, 1120.0).stem, SliceState.CONFIRMED)
    covered, named = journal.spans_of(row.slice_id)
    assert covered == [Span(1120.0, 1180.0), Span(1180.0, 1240.0)]
    assert [(gap.since, gap.until, gap.cause) for gap in named] == [(1060.0, 1120.0, "disk")]
    assert journal.waiting() == (1000, 1180.0)


def test_the_oldest_lesson_goes_first(journal: Journal) -> None:
    row = journal.open_recording(LESSON, 1000.0)
    for inx, started in ((1, 3000.0), (2, 1000.0), (3, 2000.0)):
        journal.add_slice(facts(row.slice_id, inx, started))
    assert [item.started_at for item in journal.slices_in(SliceState.RECORDED)] == [1000.0, 2000.0, 3000.0]
    assert journal.waiting() == (3000, 1000.0)


def test_ending_early_becomes_the_plan_ending_in_time_does_not_shorten_it(journal: Journal) -> None:
    early = journal.open_recording(LESSON, 1000.0)
    journal.end_recording(early.slice_id, 2000.0)
    other = journal.open_recording(Due("lesson:2", 2, 8, 1000.0, 3700.0), 1000.0)
    journal.end_recording(other.slice_id, 3700.0)
    rows = [journal.recording(row.slice_id) for row in (early, other)]
    assert [row.planned_end for row in rows if row] == [2000.0, 3700.0]
    assert journal.open_recordings() == []


def test_whatever_changes_a_ledger_has_it_reported_again(journal: Journal) -> None:
    row = journal.open_recording(LESSON, 1000.0)

    def report() -> bool:
        waiting = journal.unreported_recordings()
        for item in waiting:
            journal.recording_reported(item.slice_id, item.revision)
        return bool(waiting)

    assert report()
    assert not report()
    for change in (
        lambda: journal.add_slice(facts(row.slice_id)),
        lambda: journal.add_gap(GapFound(row.slice_id, 1.0, 2.0, "stalled")),
        lambda: journal.plan_recording(row.slice_id, LESSON),
        lambda: journal.end_recording(row.slice_id, 3700.0),
    ):
        change()
        assert report()


def test_a_report_that_was_overtaken_does_not_confirm_what_it_did_not_say(journal: Journal) -> None:
    row = journal.open_recording(LESSON, 1000.0)
    (sent,) = journal.unreported_recordings()
    journal.add_gap(GapFound(row.slice_id, 1.0, 2.0, "stalled"))
    journal.recording_reported(sent.slice_id, sent.revision)
    assert len(journal.unreported_recordings()) == 1


def test_a_gap_that_is_told_again_only_grows(journal: Journal) -> None:
    row = journal.open_recording(LESSON, 1000.0)
    for until in (1010.0, 1030.0, 1020.0):
        grew = journal.add_gap(GapFound(row.slice_id, 1000.0, until, "unreachable", "no route"))
        assert grew == (until != 1020.0)
    assert not journal.add_gap(GapFound(row.slice_id, 1000.0, 1030.0, "unreachable", "no route")), "told already"
    assert [(gap.since, gap.until) for gap in journal.named_gaps(row.slice_id)] == [(1000.0, 1030.0)]


def test_a_slice_found_on_disk_brings_its_recording(journal: Journal) -> None:
    journal.add_slice(facts(5_000_000, started_at=5000.0))
    row = journal.recording(5_000_000)
    assert row is not None
    assert (row.planned_start, row.planned_end) == (5000.0, 5060.0)


def test_slices_found_on_disk_say_when_their_recording_was_due(journal: Journal) -> None:
    """In any order; the plan was changed before the second slice began."""
    journal.add_slice(facts(5_000_000, 2, 5060.0, planned_start=4990.0, planned_end=5300.0))
    journal.add_slice(facts(5_000_000, 1, 5000.0, planned_start=4990.0, planned_end=5120.0))
    row = journal.recording(5_000_000)
    assert row is not None
    assert (row.planned_start, row.planned_end, row.ended_at) == (4990.0, 5300.0, None)


def test_the_rest_of_a_lesson_whose_journal_was_lost_is_of_the_same_lesson(journal: Journal) -> None:
    rest = journal.open_recording(LESSON, 2000.0)
    journal.add_slice(facts(rest.slice_id, 1, 2000.0, planned_start=1000.0, planned_end=3700.0))
    journal.recording_reported(rest.slice_id, 99)
    journal.add_slice(facts(1_000_000, 1, 1000.0, planned_start=1000.0, planned_end=3700.0))
    journal.add_gap(GapFound(1_000_000, 1060.0, 2000.0, "restart"))
    journal.add_slice(facts(7_000_000, 1, 900.0))
    for slice_id in (rest.slice_id, 1_000_000):
        row = journal.recording(slice_id)
        assert row is not None
        slices, gaps = journal.lesson_of(row)
        assert [piece.since for piece in slices] == [1000.0, 2000.0]
        assert [gap.cause for gap in gaps] == ["restart"]


def test_a_newer_journal_is_refused_politely(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(JournalError, match="newer gather-agent"):
        Journal(path)


def test_a_file_that_is_no_journal_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database, whatever else it is" * 100)
    with pytest.raises(JournalError, match="Move it away"):
        Journal(path)


async def test_a_cancelled_caller_tears_nothing(tmp_path: Path) -> None:
    journal = JournalThread(tmp_path / "journal.sqlite")
    asking = asyncio.create_task(journal.do(Journal.open_recording, LESSON, 1000.0))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert len(await journal.do(Journal.open_recordings)) == 1
    await journal.close()


def test_what_is_written_together_is_durable_together_and_fails_alone(journal: Journal, tmp_path: Path) -> None:
    with journal.together():
        row = journal.open_recording(LESSON, 1000.0)
        with pytest.raises(sqlite3.IntegrityError):
            journal.add_slice(facts(row.slice_id, slice_inx="x"))
        assert journal.add_slice(facts(row.slice_id, inx=2))
        other = Journal(tmp_path / "journal.sqlite")
        assert other.open_recordings() == []
    assert [item.slice_inx for item in other.slices_of(row.slice_id)] == [2]
    other.close()


def test_a_full_disk_in_the_midst_of_it_takes_everything_back(tmp_path: Path) -> None:
    async def fill() -> list[Any]:
        thread = JournalThread(tmp_path / "journal.sqlite")
        database = thread._journal._db
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count={pages + 2}")
        long = Due("lesson:2:7:2026-11-23", 2, 7, 1000.0, 3700.0, title="x" * 40_000)
        answers = await asyncio.gather(
            thread.do(Journal.open_recording, LESSON, 1000.0),
            thread.do(Journal.open_recording, long, 1000.0),
            thread.do(Journal.open_recording, LESSON, 1000.0),
            return_exceptions=True,
        )
        database.execute("PRAGMA max_page_count=1000000")
        stands = await thread.do(Journal.open_recordings)
        await thread.close()
        return [*answers, stands]

    *answers, stands = asyncio.run(fill())
    told = [row for row in answers if not isinstance(row, BaseException)]
    assert isinstance(answers[1], sqlite3.OperationalError)
    assert {row.key for row in told} == {row.key for row in stands}, "what was told as written is there, and only that"


def test_forty_lessons_that_begin_together_share_commits(tmp_path: Path) -> None:
    async def begin() -> tuple[int, int]:
        thread = JournalThread(tmp_path / "journal.sqlite")
        commits = 0

        def count(statement: str) -> None:
            nonlocal commits
            commits += statement == "COMMIT"

        thread._journal._db.set_trace_callback(count)
        lessons = [Due(f"lesson:{n}", n, 7, 1000.0, 3700.0) for n in range(40)]
        rows = await asyncio.gather(*(thread.do(Journal.open_recording, due, 1000.0) for due in lessons))
        await thread.close()
        return commits, len({row.slice_id for row in rows})

    assert asyncio.run(begin()) <= (8, 40)


def test_missed_lessons_have_ended_with_their_gap(journal: Journal) -> None:
    over, still_on = LESSON, Due("lesson:1:8:2026-11-23", 1, 8, 3000.0, 9000.0)
    gap = Span(1000.0, 3700.0, "restart", "the agent was not running")
    journal.account_missed([(over, gap), (still_on, Span(3000.0, 5000.0, "restart"))], 5000.0)
    journal.account_missed([(over, gap)], 5000.0)
    (row,) = journal.open_recordings()
    assert row.key == still_on.key
    (ended,) = (one for one in journal.unreported_recordings() if one.key == over.key)
    assert (ended.ended_at, ended.planned_end, ended.last_inx) == (3700.0, 3700.0, 0)
    assert journal.named_gaps(ended.slice_id) == [gap]


def test_a_clock_set_back_before_the_beginning_makes_nothing_unwanted(journal: Journal) -> None:
    row = journal.open_recording(LESSON, 1500.0)
    journal.end_recording(row.slice_id, 400.0)
    ended = journal.recording(row.slice_id)
    assert ended is not None
    assert (ended.planned_start, ended.planned_end, ended.ended_at) == (1000.0, 3700.0, 400.0)


def test_an_open_end_before_the_beginning_is_that_of_the_last_slice(journal: Journal) -> None:
    recorded = journal.open_recording(Due("manual:1:1000.000", 1, 0, 1000.0, None), 1000.0)
    never = journal.open_recording(Due("manual:2:1000.000", 2, 0, 1000.0, None), 1000.0)
    journal.add_slice(facts(recorded.slice_id, 1, 1000.0))
    (piece,) = journal.slices_of(recorded.slice_id)
    for row in (recorded, never):
        journal.end_recording(row.slice_id, 60.0)
    rows = [journal.recording(row.slice_id) for row in (recorded, never)]
    assert [row.planned_end for row in rows if row] == [1000.0 + piece.media_sec, 1000.0]


def test_a_day_and_a_lesson_are_found_without_reading_everything(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    with sqlite3.connect(path) as older:
        older.execute("DROP INDEX recording_by_start")
    older.close()
    journal = Journal(path)  # which makes it where an older one had none
    asked: list[str] = []
    row = journal.open_recording(LESSON, 1500.0)
    journal._db.set_trace_callback(asked.append)
    journal.lessons_between(1000.0, 2000.0)
    journal.lesson_of(row)
    journal._db.set_trace_callback(None)
    plans = [str(tuple(step)) for query in asked for step in journal._db.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert len(asked) == 5
    assert not [step for step in plans if "SCAN" in step], plans
    journal.close()
