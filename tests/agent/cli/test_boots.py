"""The real daemon started inside a lesson: no network, no name service, no server; a clock that is set later."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.state import AgentState
from agent.wire.models import WireCamera, WireCourse
from tests.agent.cli.test_processes import read_until, started
from tests.media import MakeSample

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
THIRTY_YEARS = 30 * 365 * 86_400


def installed_once(home: Path, film: Path) -> None:
    """What an earlier run left on disk: one channel, and a course every day that is on for the next hour and more."""
    (home / "state").mkdir(parents=True)
    state = AgentState(home / "state")
    state.known.timezone = "UTC"
    begin = max(0, int(time.time()) % 86_400 - 60)
    days = (datetime.now(UTC).isoweekday() % 7, (datetime.now(UTC).isoweekday() + 6) % 7)
    courses = tuple(
        WireCourse(
            course_id=number,
            week_id=week_id,
            start_time=f"{begin // 3600:02d}:{begin // 60 % 60:02d}:{begin % 60:02d}",
            elapse_sec=7200,
        )
        for number, week_id in enumerate(days, 1)
    )
    state.put_camera(WireCamera(camera_id=1, camera_name="room", stream_prop=1, stream_mp4=str(film), courses=courses))
    state.set_token("known-to-a-server-that-is-away")
    (home / "config.toml").write_text('[server]\nurl = "http://no-such-host.invalid"\n[time]\nzone = "UTC"\n')


def test_a_lesson_is_recorded_before_any_network(tmp_path: Path, sample: MakeSample) -> None:
    installed_once(tmp_path, sample())
    with started("run", "--config", tmp_path / "config.toml", "--home", tmp_path) as process:
        read_until(process, "records")
    assert any(tmp_path.rglob("*_1_*.mp4*"))


@pytest.mark.integration
@pytest.mark.skipif(not FAKETIME.exists(), reason="needs Debian's faketime")
def test_a_clock_that_is_set_after_the_boot_is_told_and_the_lesson_begins(tmp_path: Path, sample: MakeSample) -> None:
    installed_once(tmp_path, sample())
    clock = tmp_path / "clock"
    clock.write_text(f"-{THIRTY_YEARS}\n")
    env = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    with started("run", "--config", tmp_path / "config.toml", "--home", tmp_path, **env) as process:
        before = read_until(process, "online")
        clock.write_text("+0\n")
        told = read_until(process, "the clock was set")
        read_until(process, "records")
    assert "records" not in before + told
