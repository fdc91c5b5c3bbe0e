"""The disk of the state folder is full, that of the recordings is not: lessons are recorded all the same, the server
still hears of the agent, and when there is room again everything arrives, with its account.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.disks import Small, can_mount
from tests.faults.pieces import piece_of
from tests.faults.school import School, until
from tests.media import MakeSample

pytestmark = [pytest.mark.faults, pytest.mark.skipif(not can_mount(), reason="needs to mount file systems")]


def test_a_lesson_begins_while_the_state_folder_is_full(tmp_path: Path, sample: MakeSample) -> None:
    (tmp_path / "agent").mkdir()
    with Small(tmp_path / "small") as disk:
        (tmp_path / "agent/state").symlink_to(disk.root)
        school = School(tmp_path)
        try:
            camera_id, _ = school.lesson_now(sample(), minutes=600)
            until("the recording", school.recording)
            disk.strike()
            # What SQLite has of its write-ahead log takes some more: until that is full as well.
            until("the journal being full", lambda: "the journal cannot be written" in log_of(school))
            school.kill_recorder()
            until("the recording, begun anew", school.recording)
            began = time.time()
            until("ten seconds of it", lambda: school.recording() and time.time() > began + 10)
            status = school.status()
            assert status is not None
            assert status["link"] == "connected"
            assert "full" in status["journal_error"]
            disk.heal()
            until("the journal being written", lambda: "the journal can be written again" in log_of(school))
            ended = time.time()
            for course in school.api("list_course", camera_id=camera_id)["data"]:
                school.api("del_course", course_id=course["course_id"])
            until("everything being listed", school.all_listed, 120)
            until("the ledger's confirmation", school.ledger_confirmed, 120)
            school.stop()
            records = school.records()
            pieces = sorted((piece_of(school, record, tmp_path) for record in records), key=lambda piece: piece.began)
        finally:
            school.close()
    names = Counter(str(record["file_fdfs"]) for record in records)
    assert set(names.values()) == {1}
    while_full = sum(min(piece.ended, ended) - max(piece.began, began) for piece in pieces if piece.ended > began)
    assert while_full > ended - began - 2.0, "what was recorded while the journal could not be written"


def log_of(school: School) -> str:
    return (school.folder / "run.log").read_text()


def test_a_lesson_is_recorded_by_a_machine_that_starts_with_a_full_state_folder(
    tmp_path: Path, sample: MakeSample
) -> None:
    (tmp_path / "agent").mkdir()
    with Small(tmp_path / "small") as disk:
        (tmp_path / "agent/state").symlink_to(disk.root)
        school = School(tmp_path)
        try:
            _, course_id = school.lesson_now(sample(), minutes=600)
            until("the recording", school.recording)
            school.stop()
            disk.strike()
            school.start_daemon()
            until("the recording", school.recording)
            status = school.status()
            assert status is not None
            assert "full" in status["journal_error"]
            disk.heal()
            until("the journal being written", lambda: "the journal can be written again" in log_of(school))
            school.api("del_course", course_id=course_id)
            until("everything being listed", school.all_listed, 120)
            until("the link", lambda: (school.status() or {})["link"] == "connected")
            assert school.stop() < 10
        finally:
            school.close()
        assert "Traceback" not in log_of(school)
