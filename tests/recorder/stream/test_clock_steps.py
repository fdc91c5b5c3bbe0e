"""A wall clock that is set while a lesson is recorded moves its end, never its media."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.packets import Packet
from recorder.protocol import BeginRecording, GapFound, RecordingEnded, SliceClosed, Trouble
from recorder.specs import Limits, RecordingSpec
from tests.media import MakeSample, camera_packets, frame_numbers, tracks_of
from tests.recorder.slices.writer_stage import WALL_ZERO, Stage


@pytest.fixture
def packets(sample: MakeSample) -> list[Packet]:
    return camera_packets(sample(seconds=16, gop_sec=1, audio=False), 16.0)


@pytest.mark.parametrize(
    ("step", "last_frame"),
    [
        (4.0, 200),  # set forward by 4 s at 5 s: the end at 12 comes when 8 s of media have passed
        (-2.5, 363),  # set back: it comes later
        (3600.0, 126),  # far beyond the end: it is over with the next frame
    ],
)
def test_a_stepped_clock_moves_the_end(tmp_path: Path, packets: list[Packet], step: float, last_frame: int) -> None:
    stage = Stage(tmp_path, Limits())
    stage.timeline.begin_session(tracks_of(packets))
    stage.writer.begin(BeginRecording(RecordingSpec(11, 5), WALL_ZERO, WALL_ZERO + 12))
    stage.play(packets[:1])
    stage.done()
    stage.done()
    stage.play(packets[1:126])
    stage.done()
    stage.step_wall(step)
    for begin in range(126, 400, 10):
        stage.play(packets[begin : begin + 10])
        stage.done()
    assert not stage.writer.busy
    stage.close()
    (closed,) = [event for event in stage.events if isinstance(event, SliceClosed)]
    assert frame_numbers(closed.facts.path) == list(range(last_frame))
    assert not [event for event in stage.events if isinstance(event, GapFound | Trouble)]
    (ended,) = [event for event in stage.events if isinstance(event, RecordingEnded)]
    assert ended.media_sec == pytest.approx(last_frame / 25, abs=0.05)
