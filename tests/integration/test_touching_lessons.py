"""Two lessons that touch, from the timetable to the list: the old one ends and the new one begins without losing a
frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from recorder.names import parse_stem
from tests.faults.school import School, noon_zone, until
from tests.media import MakeSample, frame_numbers

LESSON_SEC = 12


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    found = School(tmp_path)
    yield found
    found.close()


@pytest.mark.integration
def test_touching_lessons_lose_no_frame(school: School, sample: MakeSample, tmp_path: Path) -> None:
    camera_id, course_id = school.lesson_now(sample(seconds=160))
    until("the channel", school.recording)
    school.api("del_course", course_id=course_id)
    until("its end", school.all_listed)
    before = {record["record_id"] for record in school.records()}

    zone = ZoneInfo(noon_zone())
    start = datetime.now(zone).replace(microsecond=0) + timedelta(seconds=4)
    courses = [
        school.api(
            "add_course",
            camera_id=camera_id,
            subject_id=number,
            teacher_id=1,
            week_id=start.isoweekday() % 7,
            elapse_sec=LESSON_SEC,
            start_time=f"{start + timedelta(seconds=LESSON_SEC * (number - 1)):%H:%M:%S}",
        )["course_id"]
        for number in (1, 2)
    ]
    until("the second lesson", lambda: _course_now(school) == courses[1])
    until("its end", lambda: _course_now(school) is None and school.all_listed())
    until("the ledger", school.ledger_confirmed)

    files = {}
    for record in school.records():
        if record["record_id"] not in before:
            (path,) = (school.folder / "server").rglob(Path(record["file_fdfs"]).name)
            name = parse_stem(path.stem)
            assert name is not None
            files[name.course_id] = path
    first, second = (_numbers(files[course]) for course in courses)
    for frames in (first, second):
        assert frames == list(range(frames[0], frames[0] + len(frames)))
        assert len(frames) >= LESSON_SEC * 25 - 1
    # The second begins with the key frame at or before its start, the first ends with the last frame before it.
    assert second[0] <= first[-1] + 1
    assert second[0] > first[-1] - 2 * 25 - 1
    assert abs((first[-1] + 1) - (second[-1] + 1 - LESSON_SEC * 25)) <= 1
    assert [gap for gap in school.gaps() if gap[0] > start.timestamp() - 1] == []


def _numbers(path: Path) -> list[int]:
    numbers = frame_numbers(path)
    assert None not in numbers
    return [number for number in numbers if number is not None]


def _course_now(school: School) -> int | None:
    status = school.status()
    assert status is not None
    found = [recording["course_id"] for channel in status["channels"] for recording in channel["recordings"]]
    return max(found, default=None)
