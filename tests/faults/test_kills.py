"""`kill -9` in a lesson, recorder, daemon, both, server in turn: what was recorded is listed, once, and plays."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.schedule.ledger import TOLERANCE_SEC
from tests.faults.pieces import piece_of
from tests.faults.school import School, until
from tests.media import MakeSample

KILLS = int(os.environ.get("GATHER_KILLS", "8"))
SEED = int(os.environ.get("GATHER_SEED", "1"))
BOUND_SEC = 2.5
"""What a kill may cost beyond the time until somebody records again, which a busy machine decides: a fragment not yet
on disk (1 s), the connect, and how long it takes to be seen.
"""


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    found = School(tmp_path)
    yield found
    found.close()


@pytest.mark.faults
def test_kills_in_a_lesson(school: School, sample: MakeSample, tmp_path: Path) -> None:
    film = sample()
    _, course_id = school.lesson_now(film)
    until("the recording", school.recording)
    lesson_began = time.time()
    random_ = random.Random(SEED)
    victims = {
        "recorder": school.kill_recorder,
        "daemon": school.kill_daemon,
        "everything": school.kill_everything,
        "server": school.kill_server,
    }
    kills: list[tuple[str, float, float]] = []
    for number in range(KILLS):
        time.sleep(random_.uniform(1.0, 6.0))  # the moment of the kill, drawn by the seed
        victim, kill = list(victims.items())[number % len(victims)]
        moment = time.time()
        kill()
        until(f"the recording after the {victim} was killed", school.recording)
        kills.append((victim, moment, time.time()))
    time.sleep(2.0)
    lesson_ended = time.time()
    school.api("del_course", course_id=course_id)
    until("everything being listed", school.all_listed)
    until("the ledger's confirmation", school.ledger_confirmed)
    stopped_in = school.stop()

    records = school.records()
    on_disk = {path.stem for path in school.slices.glob("*.mp4")}
    listed = [Path(str(record["file_fdfs"])).stem for record in records]
    assert len(listed) == len(set(listed)), "a slice stands twice"
    assert set(listed) == on_disk, "a slice is on disk and not in the list, or the other way round"
    assert len(records) > sum(victim != "server" for victim, *_ in kills)

    pieces = sorted((piece_of(school, record, tmp_path) for record in records), key=lambda piece: piece.began)
    assert all(piece.packets > 0 for piece in pieces)
    lost, beyond, named = [], [], school.gaps()
    for victim, moment, back_at in kills:
        if victim == "server":
            continue  # costs nothing, which the coverage below holds it to
        before = max((p.ended for p in pieces if p.began < moment), default=lesson_began)
        after = min((p.began for p in pieces if p.began > moment), default=lesson_ended)
        lost.append((victim, after - before))
        beyond.append((after - before) - (back_at - moment))
        if after - before > TOLERANCE_SEC:
            holds = [gap for gap in named if abs(gap[0] - before) < 0.1 and abs(gap[1] - after) < 0.1]
            assert [gap[2] for gap in holds] == ["restart"], (victim, before, after, named)
    report = ", ".join(f"{victim} {seconds:.2f} s" for victim, seconds in lost)
    print(f"\n{len(kills)} kills, seed {SEED}; lost: {report}; a stop took {stopped_in:.1f} s")
    assert max(beyond) < BOUND_SEC, report
    covered = sum(p.ended - p.began for p in pieces)
    assert covered > (lesson_ended - lesson_began) - sum(seconds for _, seconds in lost) - 2.0
    assert stopped_in < 10.0


@pytest.mark.faults
def test_a_lost_journal_is_rebuilt_from_the_files(school: School, sample: MakeSample) -> None:
    _, course_id = school.lesson_now(sample())
    until("the recording", school.recording)
    until("a fragment on disk", lambda: any(part.stat().st_size > 1000 for part in school.slices.glob("*.part")))
    school.kill_recorder()
    until("the recording after the kill", school.recording)
    school.api("del_course", course_id=course_id)
    until("everything being listed", school.all_listed)
    school.stop()
    before = {record["file_fdfs"]: record["duration"] for record in school.records()}
    assert len(before) >= 2
    for path in (school.folder / "agent/state").glob("journal.sqlite*"):
        path.unlink()
    school.start_daemon()

    def confirmed() -> int:
        status = school.status()
        return status["queue"]["confirmed"] if status else 0

    until("every slice being known and confirmed again", lambda: confirmed() == len(before))
    assert {record["file_fdfs"]: record["duration"] for record in school.records()} == before
