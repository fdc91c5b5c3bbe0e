"""Packets that come late, in heaps (HLS) or over a slow line: a lesson's end waits for what belongs to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from recorder.packets import Packet
from recorder.protocol import BeginRecording, GapFound, MoveEnd, RecordingEnded, SliceClosed
from recorder.slices.recording import LATENESS_SEC, LATEST_SEC
from recorder.specs import Limits, RecordingSpec
from tests.media import MakeSample, camera_packets, frame_numbers, tracks_of
from tests.recorder.slices.writer_stage import WALL_ZERO, Stage

SECONDS = 60
FRAMES = 400
"""So many has the film; then it begins anew."""


@pytest.fixture
def packets(sample: MakeSample) -> list[Packet]:
    return camera_packets(sample(seconds=16, gop_sec=1, audio=False), float(SECONDS))


def in_heaps(packets: list[Packet], heap_sec: float) -> list[Packet]:
    """Each packet comes when the segment that it belongs to is finished."""
    return [replace(one, arrival=(one.arrival + 1e-6) // heap_sec * heap_sec + heap_sec) for one in packets]


def play_until(stage: Stage, packets: list[Packet], until: float) -> list[Packet]:
    """Time passes and packets come as they do, the writer looks once a second; those that come later."""
    while packets and packets[0].arrival <= until:
        due = [one for one in packets if one.arrival <= min(until, stage.now + 1.0)]
        packets = packets[len(due) :]
        stage.play(due)
        stage.now = max(stage.now, min(until, stage.now + 1.0) if not due else stage.now)
        stage.done()
    while stage.now < until:
        stage.now = min(until, stage.now + 1.0)
        stage.done()
    return packets


def wait(stage: Stage, seconds: float) -> None:
    """Time passes, and nothing comes."""
    play_until(stage, [], stage.now + seconds)


def recorded(stage: Stage, slice_id: int = 11) -> list[int | None]:
    return [
        number
        for event in stage.events
        if isinstance(event, SliceClosed) and event.facts.slice_id == slice_id
        for number in frame_numbers(event.facts.path)
    ]


def last_before(seconds: float) -> set[int]:
    """The numbers of the last frame that came before a moment: a heap's last one comes up to a frame late."""
    return {(round(seconds * 25) - n) % FRAMES for n in (1, 2)}


def gaps(stage: Stage) -> list[GapFound]:
    return [event for event in stage.events if isinstance(event, GapFound)]


@pytest.mark.parametrize("heap_sec", [9.0, 14.0, 24.0])
def test_the_last_heap_of_a_lesson_is_waited_for(tmp_path: Path, packets: list[Packet], heap_sec: float) -> None:
    """The lesson ends directly behind a heap: the next one comes almost a heap's length later."""
    stage = Stage(tmp_path, Limits(), heap_sec=30.0)
    stage.timeline.begin_session(tracks_of(packets))
    end = 2 * heap_sec + 0.5
    stage.writer.begin(BeginRecording(RecordingSpec(11, 5), WALL_ZERO + heap_sec, WALL_ZERO + end))
    play_until(stage, in_heaps(packets, heap_sec), 3 * heap_sec + 1.0)
    assert not stage.writer.busy
    stage.close()
    assert recorded(stage)[-1] in last_before(end)
    assert gaps(stage) == []
    (ended,) = [event for event in stage.events if isinstance(event, RecordingEnded)]
    assert ended.last_at == pytest.approx(WALL_ZERO + end, abs=0.1)


def test_touching_lessons_share_the_heap_that_their_border_lies_in(tmp_path: Path, packets: list[Packet]) -> None:
    """Neither loses a frame, and none has more of the other than the group in which it begins."""
    stage = Stage(tmp_path, Limits(), heap_sec=30.0)
    stage.timeline.begin_session(tracks_of(packets))
    border = 33.5
    for slice_id, begin, end in ((11, 12.0, border), (12, border, 46.5)):
        stage.writer.begin(BeginRecording(RecordingSpec(slice_id, 5), WALL_ZERO + begin, WALL_ZERO + end))
    play_until(stage, in_heaps(packets, 12.0), 60.0)
    assert not stage.writer.busy
    stage.close()
    assert gaps(stage) == []
    first, second = recorded(stage), recorded(stage, 12)
    assert first[-1] in last_before(border)
    assert second[0] == 33 * 25 % FRAMES
    assert second[-1] in last_before(46.5)


def test_the_order_for_the_next_lesson_may_come_after_the_heap_that_it_begins_in(
    tmp_path: Path, packets: list[Packet]
) -> None:
    stage = Stage(tmp_path, Limits(ring_sec=2.0), heap_sec=30.0)
    stage.timeline.begin_session(tracks_of(packets))
    stage.writer.begin(BeginRecording(RecordingSpec(11, 5), WALL_ZERO + 12.0, WALL_ZERO + 50.0))
    later = play_until(stage, in_heaps(packets, 12.0), 37.0)
    stage.writer.begin(BeginRecording(RecordingSpec(12, 5), WALL_ZERO + 25.5, WALL_ZERO + 40.0))
    play_until(stage, later, 60.0)
    stage.close()
    assert gaps(stage) == []
    assert recorded(stage, 12)[0] == 25 * 25 % FRAMES


def test_a_slow_line_that_still_brings_the_lesson_is_waited_for(tmp_path: Path, packets: list[Packet]) -> None:
    """What the camera held back comes at the pace of the line, and the last of it long after the end."""
    stage = Stage(tmp_path, Limits())
    stage.timeline.begin_session(tracks_of(packets))
    slow = [replace(one, arrival=max(one.arrival, 10.0 + (one.arrival - 10.0) * 1.5)) for one in packets]
    end = 35.0  # of which the last packet comes at 47.5
    stage.writer.begin(BeginRecording(RecordingSpec(11, 5), WALL_ZERO, WALL_ZERO + end))
    play_until(stage, slow, 50.0)
    assert not stage.writer.busy
    stage.close()
    assert gaps(stage) == []
    assert recorded(stage) == [n % FRAMES for n in range(round(end * 25))]


def test_a_stream_that_never_gets_there_is_not_waited_for_without_end(tmp_path: Path, packets: list[Packet]) -> None:
    """A frame every four seconds, and by its stamps a twenty-fifth of a second lies between two."""
    stage = Stage(tmp_path, Limits())
    stage.timeline.begin_session(tracks_of(packets))
    crawls = [one if n < 50 else replace(one, arrival=2.0 + (n - 49) * 4.0) for n, one in enumerate(packets[:100])]
    stage.writer.begin(BeginRecording(RecordingSpec(11, 5), WALL_ZERO, WALL_ZERO + 10.0))
    later = play_until(stage, crawls, 10.0 + LATEST_SEC - 1.0)
    assert stage.writer.busy
    play_until(stage, later, 10.0 + LATEST_SEC + 2.0)
    assert not stage.writer.busy
    stage.close()
    (gap,) = gaps(stage)
    assert gap.until == pytest.approx(WALL_ZERO + 10.0, abs=0.1)


@pytest.mark.parametrize("heap_sec", [0.0, 30.0])
def test_a_silence_at_the_end_is_waited_for_as_long_as_that_source_is_ever_silent(
    tmp_path: Path, packets: list[Packet], heap_sec: float
) -> None:
    stage = Stage(tmp_path, Limits(), heap_sec=heap_sec)
    stage.timeline.begin_session(tracks_of(packets))
    stage.writer.begin(BeginRecording(RecordingSpec(11, 5), WALL_ZERO, WALL_ZERO + 12.0))
    play_until(stage, [one for one in packets if one.arrival < 11.0], 11.0)
    wait(stage, 1.0 + LATENESS_SEC + heap_sec - 0.5)
    assert stage.writer.busy
    wait(stage, 2.0)
    assert not stage.writer.busy
    stage.close()
    (gap,) = gaps(stage)
    assert (gap.since - WALL_ZERO, gap.until - WALL_ZERO) == (pytest.approx(11.0, abs=0.1), pytest.approx(12.0))


def test_a_lost_source_has_no_heap_on_its_way(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path, Limits(), heap_sec=30.0)
    stage.timeline.begin_session(tracks_of(packets))
    stage.writer.begin(BeginRecording(RecordingSpec(11, 5), WALL_ZERO, WALL_ZERO + 12.0))
    play_until(stage, [one for one in packets if one.arrival < 11.0], 11.0)
    stage.cause = "stalled"
    stage.writer.source_lost("stalled")
    wait(stage, 4.0)
    assert not stage.writer.busy
    stage.close()
    assert [gap.cause for gap in gaps(stage)] == ["stalled"]


def test_a_heap_before_the_lesson_is_forgotten_with_its_connection(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path, Limits(), heap_sec=30.0)
    stage.timeline.begin_session(tracks_of(packets))
    stage.writer.begin(BeginRecording(RecordingSpec(11, 5), WALL_ZERO + 12.5, WALL_ZERO + 40.0))
    play_until(stage, in_heaps(packets, 12.0)[:300], 14.0)  # the lesson is on, and the next heap never comes
    stage.feed.source_lost()
    stage.writer.source_lost("stalled")
    stage.timeline.begin_session(tracks_of(packets))
    play_until(stage, [replace(one, arrival=one.arrival + 6.0) for one in packets[400:600]], 31.0)
    stage.writer.end(11)
    stage.close()
    assert recorded(stage)[0] == 0
    first = gaps(stage)[0]
    assert (first.cause, first.since) == ("stalled", WALL_ZERO + 12.5)


def test_an_end_that_moves_while_a_heap_is_waited_for(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path, Limits(), heap_sec=30.0)
    stage.timeline.begin_session(tracks_of(packets))
    stage.writer.begin(BeginRecording(RecordingSpec(11, 5), WALL_ZERO + 12.0, WALL_ZERO + 26.0))
    later = play_until(stage, in_heaps(packets, 12.0), 30.0)
    stage.writer.move_end(MoveEnd(11, WALL_ZERO + 40.0))
    play_until(stage, later, 50.0)
    assert not stage.writer.busy
    stage.close()
    assert gaps(stage) == []
    assert recorded(stage)[-1] in last_before(40.0)
