"""A disk that takes nothing for a while: what the ring has is written once more, what it has not is a gap."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from recorder.packets import Packet
from recorder.protocol import GapFound, Trouble
from recorder.slices.recording import DISK_RETRY_SEC
from recorder.specs import Limits, Tuning
from tests.media import (
    MakeSample,
    camera_packets,
    frame_numbers,
    packet_hashes,
)
from tests.recorder.slices.recording_stage import WALL_ZERO, Stage, break_disk, hashes


@pytest.fixture
def packets(sample: MakeSample) -> list[Packet]:
    packets = camera_packets(sample(seconds=16, gop_sec=1), 16.0)
    # A recording begins with a key frame: the sound in front of the very first one belongs to no picture.
    begin = next(n for n, one in enumerate(packets) if one.track.kind == "video")
    return [replace(one, arrival=one.arrival - packets[begin].arrival) for one in packets[begin:]]


@pytest.mark.parametrize("call", ["pwritev", "fdatasync"])
def test_a_disk_that_fails_for_a_while_costs_nothing_that_the_ring_has(
    tmp_path: Path, packets: list[Packet], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    stage = Stage(tmp_path, Limits(sync_sec=0.0))
    stage.connect(packets)
    recording = stage.begin(Tuning(), 0.0)
    break_disk(monkeypatch, call, lambda: 5.0 < stage.now < 9.0)
    stage.play(packets)
    recording.finish("end")
    slices = stage.finish()
    troubles = stage.of(Trouble)
    assert troubles
    assert all(isinstance(t, Trouble) and t.kind == "disk" for t in troubles)
    assert not stage.of(GapFound)
    (facts,) = slices
    numbers = frame_numbers(facts.path)
    # The torn first file holds what was durable before the failure, the new one repeats from the key frame before it.
    assert numbers[-1] == 399
    assert numbers[0] is not None
    assert numbers[0] <= 100
    assert numbers == list(range(numbers[0], 400))
    assert len(list(tmp_path.glob("*.part"))) >= 1


def test_a_disk_that_fails_for_long_is_a_gap(
    tmp_path: Path, packets: list[Packet], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, Limits(sync_sec=0.0, ring_sec=2.0))
    stage.connect(packets)
    recording = stage.begin(Tuning(), 0.0)
    break_disk(monkeypatch, "pwritev", lambda: 3.0 < stage.now < 12.0)
    stage.play(packets)
    recording.finish("end")
    (facts,) = stage.finish()
    (gap,) = stage.of(GapFound)
    assert isinstance(gap, GapFound)
    assert gap.cause == "disk"
    numbers = frame_numbers(facts.path)
    assert numbers[0] is not None
    assert gap.until == pytest.approx(WALL_ZERO + numbers[0] / 25, abs=0.05)
    assert WALL_ZERO + 1.0 <= gap.since < WALL_ZERO + 3.0


def test_an_end_moved_while_the_disk_fails_doubles_nothing(
    tmp_path: Path, packets: list[Packet], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, Limits(sync_sec=0.0))
    stage.connect(packets)
    recording = stage.begin(Tuning(), 0.0, 4.0)
    break_disk(monkeypatch, "pwritev", lambda: 2.5 < stage.now < 4.5)
    stage.play([p for p in packets if p.arrival < 4.5 and (p.track.kind == "video" or p.arrival < 3.9)])
    assert not recording.finished
    stage.now = 20.0  # the disk works again, nothing was retried yet
    recording.move_end(None)
    stage.play([p for p in packets if p.arrival >= 4.5])
    recording.finish("end")
    (facts,) = stage.finish()
    numbers = frame_numbers(facts.path)
    assert numbers[0] is not None
    assert numbers == list(range(numbers[0], 400))
    video = packet_hashes(facts.path, "video")
    assert video == hashes(packets, "video")[-len(video) :]


def test_a_file_that_took_nothing_leaves_no_number_out(
    tmp_path: Path, packets: list[Packet], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path)
    stage.connect(packets)
    break_disk(monkeypatch, "pwritev", lambda: stage.now < 3.0)
    recording = stage.begin(Tuning(), 0.0)
    stage.play([p for p in packets if p.arrival < 7.99])
    recording.finish("end")
    slices = stage.finish()
    assert [facts.slice_inx for facts in slices] == [1]
    assert frame_numbers(slices[0].path) == list(range(200))
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".jpg", ".mp4"]


def test_an_index_that_does_not_reach_the_disk_costs_nothing(
    tmp_path: Path, packets: list[Packet], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, Limits(sync_sec=60.0))
    stage.connect(packets)
    recording = stage.begin(Tuning(), 0.0)
    stage.play([p for p in packets if p.arrival < 4.0])
    failures = iter([True])
    break_disk(monkeypatch, "fdatasync", lambda: next(failures, False))
    recording.finish("end")
    assert [frame_numbers(facts.path) for facts in stage.finish()] == [list(range(100))]


def test_a_disk_that_fails_again_is_left_alone_for_a_while(
    tmp_path: Path, packets: list[Packet], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path)
    stage.connect(packets)
    asked: list[float] = []

    def refused(*_: object) -> int:
        asked.append(stage.now)
        raise OSError(errno.ENOSPC, "broken by the test")

    monkeypatch.setattr("recorder.disk_calls.open_file", refused)
    recording = stage.begin(Tuning(), 0.0)
    stage.play([p for p in packets if p.arrival < 10.0])
    assert 3 <= len(asked) <= 10.0 / DISK_RETRY_SEC + 2
    recording.finish("end")
    stage.finish()
