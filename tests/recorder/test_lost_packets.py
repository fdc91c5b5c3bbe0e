"""Frames that the network lost: the recording goes on, and the ledger has their times."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from recorder.protocol import GapFound
from recorder.specs import Tuning
from tests.media import MakeSample, camera_packets
from tests.recorder.slices.recording_stage import Stage


def test_lost_packets_are_a_gap_of_exactly_the_missing_frames(sample: MakeSample, tmp_path: Path) -> None:
    packets = camera_packets(sample(seconds=16, gop_sec=1), 16.0)
    packets = packets[next(n for n, one in enumerate(packets) if one.track.kind == "video") :]
    stage = Stage(tmp_path)
    stage.connect(packets)
    recording = stage.begin(Tuning(), 0.0)
    video = [packet for packet in packets if packet.track.kind == "video"]
    # Two frames close together make one gap, a third one further on another.
    missing = (video[60], video[62], video[150])
    behind = (video[61], video[63], video[151])
    stage.play([replace(one, lost=int(one in behind)) for one in packets if one not in missing])
    recording.finish("end")
    stage.finish()
    base = video[0].track.time_base
    at = [float((one.dts or 0) * base) + recording.begin_at - float((video[0].dts or 0) * base) for one in missing]
    gaps = [event for event in stage.events if isinstance(event, GapFound)]
    assert [gap.cause for gap in gaps] == ["packet_loss", "packet_loss"]
    assert [gap.since for gap in gaps] == pytest.approx([at[0], at[2]], abs=0.03)
    assert [gap.until - gap.since for gap in gaps] == pytest.approx([0.12, 0.04], abs=0.002)


@pytest.mark.parametrize("slice_sec", [0.0, 4.0])
def test_lost_sound_is_named_and_costs_the_picture_nothing(
    sample: MakeSample, tmp_path: Path, slice_sec: float
) -> None:
    packets = camera_packets(sample(seconds=16, gop_sec=1), 16.0)
    packets = packets[next(n for n, one in enumerate(packets) if one.track.kind == "video") :]
    stage = Stage(tmp_path)
    stage.connect(packets)
    recording = stage.begin(Tuning(slice_sec, 1), 0.0)
    sound = [packet for packet in packets if packet.track.kind == "audio"]
    missing = (*sound[100:110], sound[112], sound[400])
    behind = (sound[110], sound[113], sound[401])
    stage.play([replace(one, lost=int(one in behind)) for one in packets if one not in missing])
    recording.finish("end")
    stage.finish()
    gaps = [event for event in stage.events if isinstance(event, GapFound)]
    frame = 1024 / 48_000
    assert [gap.cause for gap in gaps] == ["sound_lost", "sound_lost"]
    assert [gap.until - gap.since for gap in gaps] == pytest.approx([13 * frame, frame], abs=0.002)
    assert gaps[1].since - gaps[0].since == pytest.approx(300 * frame, abs=0.01)
    assert recording.media_sec == pytest.approx(16.0, abs=0.1)
