"""Alarms through real recorder processes: what must be named, what must not, and that neither costs the recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.protocol import GapFound, Trouble
from tests.media import assert_plays
from tests.recorder.alarm_cases import run_all
from tests.recorder.processes import Forks

EARLY_SEC, LATE_SEC = 1.0, 5.0
"""How far what is told may lie from what was: a key-frame group, and two looks that a slow machine makes rare."""
pytestmark = pytest.mark.integration


def test_what_is_the_matter_is_named_once_and_what_only_looks_like_it_never(tmp_path: Path) -> None:
    forks = Forks()
    try:
        runs = run_all(forks, tmp_path)
    finally:
        for recorder in forks.recorders:
            recorder.close()
        forks.process.kill()
        forks.process.wait()
        forks.sock.close()
    for run in runs:
        case = run.case
        raised, cleared = run.raised, run.cleared
        assert [alarm.kind for alarm in raised] == ([case.alarm] if case.alarm else []), (case.name, raised)
        assert [alarm.kind for alarm in cleared] == ([case.alarm] if case.alarm else []), case.name
        assert not run.recorder.of(GapFound)
        assert not run.recorder.of(Trouble)
        assert_plays(run.slice_path)
        if case.alarm:
            assert raised[0].stream == cleared[0].stream == "main"
            since, until = raised[0].since - run.film_at, cleared[0].until - run.film_at
            assert -EARLY_SEC < since - case.since < LATE_SEC, case.name
            assert -EARLY_SEC < until - case.until < LATE_SEC, case.name
            assert cleared[0].since == raised[0].since
