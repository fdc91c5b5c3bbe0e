"""What monitoring counts."""

from __future__ import annotations

from typing import Any

from agent.monitoring.tally import GAPS_REMEMBERED, Tally
from agent.status import Happening
from tests.agent.views import slice_news


def gap(until: float, since: float = 1000.0, slice_id: int = 42, cause: str = "stalled") -> Happening:
    data: dict[str, Any] = {"slice_id": slice_id, "since": since, "until": until, "cause": cause}
    return Happening(kind="gap", text="lost", camera_id=1, data=data)


def test_gaps_count_by_cause_and_a_longer_one_for_what_it_has_grown_by() -> None:
    tally = Tally()
    for happening in (gap(1005.0), gap(1008.0), gap(1008.0), gap(1001.0, slice_id=43), gap(1002.0, cause="disk")):
        tally.take(happening)
    assert dict(tally.gap_sec) == {"stalled": 9.0, "disk": 2.0}
    assert dict(tally.gaps) == {"stalled": 2, "disk": 1}


def test_old_gaps_are_forgotten_not_their_seconds() -> None:
    tally = Tally()
    for number in range(GAPS_REMEMBERED * 2):
        tally.take(gap(1001.0, slice_id=number))
    assert tally.gap_sec["stalled"] == GAPS_REMEMBERED * 2
    assert len(tally._told) == GAPS_REMEMBERED


def test_slices_uploads_alarms() -> None:
    tally = Tally()
    tally.take(slice_news("slice", seconds=60.0, size=1000))
    tally.take(slice_news("upload", size=1000))
    tally.take(slice_news("report"))
    for state in ("raised", "cleared"):
        tally.take(Happening(kind="alarm", text="", data={"alarm": "not_recording", "state": state}))
    tally.take(Happening(kind="alarm", text="", data={"alarm": "disk"}))
    tally.take(Happening(kind="channel", text=""))
    assert (tally.slices, tally.recorded_sec, tally.recorded_bytes) == (1, 60.0, 1000)
    assert (tally.uploads, tally.uploaded_bytes, tally.reports) == (1, 1000, 1)
    assert dict(tally.alarms) == {"not_recording": 1, "disk": 1}
