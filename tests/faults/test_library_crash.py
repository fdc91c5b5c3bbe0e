"""A crash inside a library: the channel that met it is back at once, the others never hear of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.school import School, until
from tests.media import MakeSample

pytestmark = pytest.mark.faults


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    found = School(tmp_path)
    yield found
    found.close()


def _all_recording(school: School, channels: int) -> bool:
    status = school.status()
    return status is not None and channels == sum(
        any(recording["began_at"] is not None for recording in channel["recordings"])
        and (channel["packet_age_sec"] or 9.0) < 2.0
        for channel in status["channels"]
    )


def test_a_segmentation_fault_costs_one_channel_one_restart(school: School, sample: MakeSample) -> None:
    film = sample()
    courses = [school.lesson_now(film)[1] for _ in range(2)]
    until("both recordings", lambda: _all_recording(school, 2))
    before = set(school.recorders())
    assert len(before) == 2
    victim = min(before)
    os.kill(victim, signal.SIGSEGV)
    until("another recorder", lambda: len(set(school.recorders()) - before) == 1 and len(school.recorders()) == 2)
    until("both recordings again", lambda: _all_recording(school, 2))
    assert set(school.recorders()) & before == before - {victim}, "the other channel had to be started again"
    for course_id in courses:
        school.api("del_course", course_id=course_id)
    until("everything being listed", school.all_listed)
    until("the ledger's confirmation", school.ledger_confirmed)
    # What a restart cost may stand as one gap or, below the tolerance, as none; the other lesson has none at all.
    broken = [gap for gap in school.gaps() if gap[2] != "late"]
    assert len(broken) <= 1, broken
    assert all(until_ - since < 6.0 for since, until_, _ in broken)
