"""What a stopped agent's disk says."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from agent.cli import main
from agent.config import Config, load_config
from agent.journal import Journal, JournalThread
from agent.schedule.reconciler import due_lesson
from agent.state import AgentState
from agent.view.offline import NothingThere, lessons_on_disk
from agent.wire.models import WireCamera, WireCourse


def config_in(folder: Path) -> Config:
    places = {"paths.state": folder / "state", "paths.media": folder / "media", "time.zone": "UTC"}
    return load_config(overrides=places, search=()).config


def course(number: int, at: datetime, length: int) -> WireCourse:
    return WireCourse(
        course_id=number,
        week_id=(at.weekday() + 1) % 7,
        start_time=f"{at:%H:%M:%S}",
        elapse_sec=length,
        title=f"Lesson {number}",
    )


async def test_a_day_from_journal_and_timetable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A lesson that began at midnight and is still on; what is recorded of it was recorded yesterday, so to speak.
    config = config_in(tmp_path)
    today = datetime.now(UTC).date()
    midnight = datetime(today.year, today.month, today.day, tzinfo=UTC)
    state = AgentState(config.paths.state)
    courses = (course(1, midnight, 86_399), course(2, midnight + timedelta(days=1), 60))
    state.put_camera(WireCamera(camera_id=7, camera_name="Room 7", stream_prop=1, stream_mp4="/x", courses=courses))
    journal = JournalThread(config.paths.state / "journal.sqlite")
    lessons = state.timetable(UTC).lessons_between(midnight.timestamp(), time.time())
    (on_now,) = [lesson for lesson in lessons if lesson.start >= midnight.timestamp()]
    await journal.do(Journal.open_recording, due_lesson(on_now), time.time())
    await journal.close()

    (found,) = lessons_on_disk(config, today, 1).lessons
    assert (found.camera_name, found.title, found.state) == ("Room 7", "Lesson 1", "due")
    assert [gap.cause for gap in found.gaps] == ["not_running"]
    assert [one.state for one in lessons_on_disk(config, today, 2).lessons] == ["due", "coming"]
    (tmp_path / "config.toml").write_text('[time]\nzone = "UTC"\n')
    for lang, words in (("en", "the agent is not running"), ("zh", "采集端未运行")):
        assert main(["lessons", "--home", str(tmp_path), "--lang", lang]) == 69
        said = capsys.readouterr()
        assert "Lesson 1" in said.out
        assert words in said.out


def test_nothing_is_there(tmp_path: Path) -> None:
    with pytest.raises(NothingThere):
        lessons_on_disk(config_in(tmp_path), date(2026, 1, 1), 1)
    AgentState(tmp_path / "state")
    with pytest.raises(NothingThere):
        lessons_on_disk(config_in(tmp_path), date(2026, 1, 1), 1)
