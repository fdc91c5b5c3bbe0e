"""The zone of the timetable, whatever this machine and the server call it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import tzlocal

from agent.config.model import Config
from agent.settings import Settings
from agent.state import AgentState
from tests.agent.spool.filled import FakeClock


@pytest.fixture
def zone_of_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()
    tzlocal.reload_localzone()


def settings(tmp_path: Path) -> tuple[Settings, AgentState, FakeClock]:
    state, clock = AgentState(tmp_path), FakeClock()
    return Settings(Config(), state, clock), state, clock


@pytest.mark.parametrize(("tz", "hours"), [("CST-8", 8), ("Nonsense/Zone", 0)])
def test_a_machine_whose_zone_has_no_name_records_by_its_offset(
    tmp_path: Path, zone_of_machine: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tz: str, hours: int
) -> None:
    zone_of_machine.setenv("TZ", tz)
    time.tzset()
    zone_of_machine.setattr("tzlocal.unix._cache_tz", None)
    found, state, _clock = settings(tmp_path)
    assert found.zone().utcoffset(None) == timedelta(hours=hours)
    assert state.timetable(found.zone()) is state.timetable(found.zone()), "the same zone each time"
    assert len(caplog.records) == 1
    assert "set time.zone" in caplog.text


def test_a_zone_of_the_server_that_nobody_knows_is_told_once_an_hour(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found, state, clock = settings(tmp_path)
    state.known.timezone = "Asia/Peking-on-the-Rhine"
    for _ in range(100):
        found.zone()
    assert len(caplog.records) == 1
    clock.ahead = 3601.0
    found.zone()
    assert len(caplog.records) == 2
