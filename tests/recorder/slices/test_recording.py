"""A recording without threads and without waiting: packets of a sample against a clock that the test turns."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import pytest

from recorder.names import parse_stem
from recorder.packets import Packet
from recorder.protocol import BeginRecording, GapFound, RecordingBegan, RecordingEnded, Trouble
from recorder.slices.recording import Recording
from recorder.slices.slice_meta import read_comment
from recorder.specs import Limits, RecordingSpec, SliceFacts, Tuning
from tests.media import (
    MakeSample,
    assert_plays,
    camera_packets,
    frame_numbers,
    packet_hashes,
    packets_in,
)
from tests.recorder.slices.recording_stage import WALL_ZERO, Stage, hashes


@pytest.fixture
def packets(sample: MakeSample) -> list[Packet]:
    packets = camera_packets(sample(seconds=16, gop_sec=1), 16.0)
    # A recording begins with a key frame: the sound in front of the very first one belongs to no picture.
    begin = next(n for n, one in enumerate(packets) if one.track.kind == "video")
    return [replace(one, arrival=one.arrival - packets[begin].arrival) for one in packets[begin:]]


def joined(slices: list[SliceFacts], kind: str, overlaps: list[int]) -> list[str]:
    """The digests of all slices in their order, each without its first packets that stand in the one before."""
    return [
        one
        for facts, repeated in zip(slices, overlaps, strict=True)
        for one in packet_hashes(facts.path, kind)[repeated:]  # type: ignore[arg-type]
    ]


def test_slices_without_overlap_are_the_stream(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path)
    stage.connect(packets)
    recording = stage.begin(Tuning(slice_sec=4), 0.0)
    stage.play(packets)
    recording.finish("end")
    slices = stage.finish()
    assert [facts.slice_inx for facts in slices] == [1, 2, 3, 4]
    assert [facts.overlap_sec for facts in slices] == [0, 0, 0, 0]
    assert joined(slices, "video", [0] * 4) == hashes(packets, "video")
    assert joined(slices, "audio", [0] * 4) == hashes(packets, "audio")
    assert [frame_numbers(facts.path) for facts in slices] == [list(range(n, n + 100)) for n in (0, 100, 200, 300)]
    assert not stage.of(GapFound)
    assert not stage.of(Trouble)
    for facts in slices:
        assert Path(facts.path).stat().st_size == facts.size
        assert facts.thumbnail is not None
        assert Path(facts.thumbnail).stat().st_size > 1000
        assert_plays(facts.path)
    ended = stage.of(RecordingEnded)[0]
    assert isinstance(ended, RecordingEnded)
    assert ended.last_at == pytest.approx(WALL_ZERO + 16.0, abs=0.1)


@pytest.mark.parametrize("inter_val", [1, 3])
def test_overlap_is_the_last_key_frame_groups_packet_for_packet(
    tmp_path: Path, packets: list[Packet], inter_val: int
) -> None:
    stage = Stage(tmp_path)
    stage.connect(packets)
    recording = stage.begin(Tuning(slice_sec=4, inter_val=inter_val), 0.0)
    stage.play(packets)
    recording.finish("end")
    slices = stage.finish()
    assert len(slices) == 4
    assert [facts.overlap_sec for facts in slices] == [0, *[pytest.approx(inter_val, abs=1e-3)] * 3]
    repeated = 25 * inter_val
    assert joined(slices, "video", [0, *[repeated] * 3]) == hashes(packets, "video")
    for before, after in pairwise(slices):
        assert frame_numbers(before.path)[-repeated:] == frame_numbers(after.path)[:repeated]
        sound_before, sound_after = (packet_hashes(facts.path, "audio") for facts in (before, after))
        common = next(n for n in range(len(sound_after), 0, -1) if sound_before[-n:] == sound_after[:n])
        assert common == pytest.approx(inter_val * 48_000 / 1024, abs=1.5)


def test_sound_and_picture_keep_their_distance_in_every_slice(tmp_path: Path, packets: list[Packet]) -> None:
    late = [
        Packet(p.track, p.data, (p.pts or 0) + 14_400, (p.dts or 0) + 14_400, p.duration, p.is_key, p.arrival)
        if p.track.kind == "audio"
        else p
        for p in packets
    ]  # sound 0.3 s behind, as cheap cameras send it
    stage = Stage(tmp_path)
    stage.connect(late)
    recording = stage.begin(Tuning(slice_sec=4), 0.0)
    stage.play(late)
    recording.finish("end")
    stamps = {
        kind: iter([float((p.pts or 0) * p.track.time_base) for p in late if p.track.kind == kind])
        for kind in ("video", "audio")
    }
    for facts in stage.finish():
        shifts = [next(stamps["video"]) - float(one.pts) for one in packets_in(facts.path, "video")]
        shifts += [next(stamps["audio"]) - float(one.pts) for one in packets_in(facts.path, "audio")]
        assert max(shifts) - min(shifts) < 0.001


def test_the_ring_gives_the_beginning(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path)
    stage.connect(packets)
    half = [p for p in packets if p.arrival < 6.5]
    stage.play(half)
    recording = stage.begin(Tuning(), 4.2, 9.0)
    stage.play(packets[len(half) :])
    (facts,) = stage.finish()
    # From the last key frame at or before 4.2 s to the last frame before 9 s.
    assert frame_numbers(facts.path) == list(range(100, 225))
    assert facts.started_at == pytest.approx(WALL_ZERO + 4.0, abs=0.01)
    assert recording.finished
    assert not stage.of(GapFound)


def test_a_slice_says_when_its_recording_was_due(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path)
    stage.connect(packets)
    recording = stage.begin(Tuning(slice_sec=4), 0.0, 60.0)
    stage.play([p for p in packets if p.arrival < 3.0])
    recording.move_end(WALL_ZERO + 90.0)
    stage.play([p for p in packets if 3.0 <= p.arrival < 6.0])
    recording.finish("end")
    for facts, planned_end in zip(stage.finish(), (60.0, 90.0), strict=True):
        assert (facts.planned_start, facts.planned_end) == (WALL_ZERO, WALL_ZERO + planned_end)
        name = parse_stem(facts.stem)
        assert name is not None
        with av.open(facts.path) as file:
            meta = read_comment(file.metadata["comment"], name)
        assert (meta.planned_start, meta.planned_end) == (facts.planned_start, facts.planned_end)


def test_touching_recordings_lose_nothing(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path)
    stage.connect(packets)
    first = stage.begin(Tuning(), 0.0, 7.5)
    stage.play([p for p in packets if p.arrival < 7.5])
    second = stage.begin(Tuning(), 7.5, slice_id=12)
    stage.play([p for p in packets if p.arrival >= 7.5])
    assert first.finished
    second.finish("end")
    by_id = {facts.slice_id: facts for facts in stage.finish()}
    assert frame_numbers(by_id[11].path) == list(range(188))
    assert frame_numbers(by_id[12].path) == list(range(175, 400))


def test_a_lost_source_is_a_gap_and_a_new_slice(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path)
    stage.connect(packets)
    recording = stage.begin(Tuning(), 0.0)
    stage.play([p for p in packets if p.arrival < 3.0])
    stage.lose("stalled")
    stage.connect(packets)
    stage.play([p for p in packets if p.arrival < 4.0], shift=8.0)
    recording.finish("end")
    first, second = stage.finish()
    assert frame_numbers(first.path) == list(range(75))
    assert frame_numbers(second.path) == list(range(100))
    assert second.slice_inx == 2
    (gap,) = stage.of(GapFound)
    assert isinstance(gap, GapFound)
    assert gap.cause == "stalled"
    assert (gap.since, gap.until) == pytest.approx((WALL_ZERO + 3.0, WALL_ZERO + 8.0), abs=0.05)


def test_a_lesson_does_not_begin_with_what_came_before_the_camera_was_lost(
    tmp_path: Path, packets: list[Packet]
) -> None:
    stage = Stage(tmp_path)
    stage.connect(packets)
    stage.play([p for p in packets if p.arrival < 2.5])
    stage.lose("unreachable")
    stage.now = 7200.0
    recording = stage.begin(Tuning(), 7200.0)
    recording.broke("unreachable")
    stage.connect(packets)
    stage.play([p for p in packets if 3.5 <= p.arrival < 6.0], shift=7210.0)
    recording.finish("end")
    (facts,) = stage.finish()
    assert facts.started_at == pytest.approx(WALL_ZERO + 7214.0, abs=0.1)
    assert frame_numbers(facts.path) == list(range(100, 150))
    (gap,) = stage.of(GapFound)
    assert isinstance(gap, GapFound)
    assert (gap.since, gap.until) == pytest.approx((WALL_ZERO + 7200.0, facts.started_at), abs=0.05)


def test_sound_that_ends_within_a_group_costs_no_picture(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path)
    stage.connect(packets)
    recording = stage.begin(Tuning(), 0.0)
    stage.play([p for p in packets if p.arrival < 3.5])
    stage.timeline.drop_track(next(p.track for p in packets if p.track.kind == "audio"))
    stage.play([p for p in packets if p.arrival >= 3.5 and p.track.kind == "video"])
    recording.finish("end")
    first, second = stage.finish()
    assert frame_numbers(first.path) == list(range(88))
    assert frame_numbers(second.path) == list(range(75, 400))  # again from the key frame on
    assert second.overlap_sec == pytest.approx(0.52, abs=0.001)
    assert (first.audio, second.audio) == ("aac 48000 Hz 1 ch", "")
    assert assert_plays(second.path) == ["video"]


def test_other_sound_within_a_group_begins_a_slice_that_has_it(tmp_path: Path, packets: list[Packet]) -> None:
    """A transcoder's track comes new with the first sound of another codec, between two key frames."""
    sound = next(p.track for p in packets if p.track.kind == "audio")
    other = replace(sound)
    changed = [replace(p, track=other) if p.track is sound and p.arrival >= 3.5 else p for p in packets]
    stage = Stage(tmp_path)
    stage.connect(packets)
    recording = stage.begin(Tuning(), 0.0)
    stage.play(changed)
    recording.finish("end")
    assert not stage.of(Trouble)
    first, second = stage.finish()
    assert frame_numbers(second.path) == list(range(75, 400))
    assert packet_hashes(first.path, "audio") + packet_hashes(second.path, "audio") == hashes(packets, "audio")


def test_a_recording_that_goes_on_after_another_process_was_not_late(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path)
    order = BeginRecording(RecordingSpec(11, 5, next_inx=2), WALL_ZERO)
    recording = Recording(order, Tuning(), stage.around)
    stage.recordings.append(recording)
    recording.start()
    stage.connect(packets)
    stage.play([p for p in packets if p.arrival < 3.0], shift=1.0)
    recording.finish("end")
    stage.finish()
    assert [gap.cause for gap in stage.events if isinstance(gap, GapFound)] == ["restart"]


def test_late_beginning_and_missing_end_are_named(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path)
    recording = stage.begin(Tuning(), 0.0, 20.0)
    recording.broke("unreachable")
    stage.connect(packets)
    stage.play([p for p in packets if p.arrival < 5.0], shift=5.0)
    stage.now = 21.0
    assert not recording.is_overdue(online=False)
    stage.now = 22.1
    assert recording.is_overdue(online=False)
    assert not recording.is_overdue(online=True)
    recording.finish("end", "stalled")
    stage.finish()
    gaps = [g for g in stage.events if isinstance(g, GapFound)]
    assert [g.cause for g in gaps] == ["unreachable", "stalled"]
    assert [g.since - WALL_ZERO for g in gaps] == pytest.approx([0.0, 10.0], abs=0.1)
    assert [g.until - WALL_ZERO for g in gaps] == pytest.approx([5.0, 20.0], abs=0.01)


def test_nothing_at_all_is_one_gap_and_has_the_first_cause(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    recording = stage.begin(Tuning(), 0.0, 20.0)
    recording.lost("unauthorized")
    recording.lost("stalled")
    stage.now = 22.1
    assert recording.is_overdue(online=False)
    recording.finish("end", "packet_loss")
    assert stage.finish() == []
    (gap,) = stage.of(GapFound)
    assert gap == GapFound(11, WALL_ZERO, WALL_ZERO + 20.0, "unauthorized")
    assert stage.of(RecordingEnded) == [RecordingEnded(11, None, 0.0)]
    assert not stage.of(RecordingBegan)


def test_retuned_while_recording(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path)
    stage.connect(packets)
    recording = stage.begin(Tuning(), 0.0)
    stage.play([p for p in packets if p.arrival < 7.0])
    recording.retune(Tuning(slice_sec=5, inter_val=1))
    stage.play([p for p in packets if p.arrival >= 7.0])
    recording.finish("end")
    # The grid counts from the beginning: the next limit after 7 s is 10 s.
    assert [frame_numbers(facts.path) for facts in stage.finish()] == [
        list(range(250)),
        list(range(225, 375)),
        list(range(350, 400)),
    ]


def test_an_end_moved_at_the_last_moment_loses_nothing(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path)
    stage.connect(packets)
    recording = stage.begin(Tuning(), 0.0, 4.0)
    picture = [p for p in packets if p.arrival < 4.2 and (p.track.kind == "video" or p.arrival < 3.9)]
    stage.play(picture)  # the sound is late: the picture has passed the end, the recording still waits
    assert not recording.finished
    recording.move_end(WALL_ZERO + 5.99)
    stage.play([p for p in packets if p.arrival >= 4.2])
    assert recording.finished
    (facts,) = stage.finish()
    assert frame_numbers(facts.path) == list(range(150))


def test_after_a_moved_end_both_tracks_are_waited_for_again(tmp_path: Path, packets: list[Packet]) -> None:
    """The picture had passed the first end; the second one it has yet to reach, when the sound is there already."""
    stage = Stage(tmp_path)
    stage.connect(packets)
    recording = stage.begin(Tuning(), 0.0, 4.0)
    stage.play([p for p in packets if p.arrival < 4.2 and (p.track.kind == "video" or p.arrival < 3.9)])
    recording.move_end(WALL_ZERO + 6.0)
    sound = [p for p in packets if 3.9 <= p.arrival < 6.5 and p.track.kind == "audio"]
    picture = [p for p in packets if 4.2 <= p.arrival < 7.0 and p.track.kind == "video"]
    stage.play([p for p in picture if p.arrival < 5.0])
    stage.play(sound)
    assert not recording.finished
    stage.play([p for p in picture if p.arrival >= 5.0])
    assert recording.finished
    (facts,) = stage.finish()
    assert frame_numbers(facts.path) == list(range(150))


def test_a_packet_that_comes_again_is_passed_over(tmp_path: Path, packets: list[Packet]) -> None:
    """What was in the ring when a recording began may lie in the writer's queue, too."""
    stage = Stage(tmp_path)
    stage.connect(packets)
    stage.play([p for p in packets if p.arrival < 2.0])
    queued = stage.feed.since(0.0)
    recording = stage.begin(Tuning(), 0.0)
    for timed in queued:
        recording.take(timed)
    stage.play([p for p in packets if 2.0 <= p.arrival < 3.0])
    recording.finish("end")
    (facts,) = stage.finish()
    assert frame_numbers(facts.path) == list(range(75))
    assert facts.packets == len([p for p in packets if p.arrival < 3.0])


def test_the_lesson_may_have_been_due_before_this_process_came(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path)
    stage.connect(packets)
    spec = RecordingSpec(11, 5, next_inx=2, planned_start=WALL_ZERO - 900.0)
    recording = Recording(BeginRecording(spec, WALL_ZERO), Tuning(), stage.around)
    stage.recordings.append(recording)
    recording.start()
    stage.play([p for p in packets if p.arrival < 2.0])
    recording.finish("end")
    assert [facts.planned_start for facts in stage.finish()] == [WALL_ZERO - 900.0]


def test_sound_lost_with_the_connection_is_no_gap_of_the_sound(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path)
    stage.connect(packets)
    recording = stage.begin(Tuning(), 0.0)
    stage.play([p for p in packets if p.arrival < 2.0])
    stage.lose("stalled")
    stage.connect(packets)
    again = [p for p in packets if 4.0 <= p.arrival < 6.0]
    first = next(n for n, p in enumerate(again) if p.track.kind == "audio")
    again[first] = replace(again[first], lost=3)
    stage.play(again)
    recording.finish("end")
    stage.finish()
    assert [gap.cause for gap in stage.events if isinstance(gap, GapFound)] == ["stalled"]


def test_what_is_not_yet_known_to_be_durable_may_be_needed_again(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path, Limits(sync_sec=60.0))
    stage.connect(packets)
    recording = stage.begin(Tuning(), 0.0)
    assert recording.unsafe_since is None
    stage.play([p for p in packets if p.arrival < 2.0])
    assert recording.unsafe_since == 0.0
    recording.finish("end")
    assert recording.unsafe_since is None
    stage.finish()


def test_sound_that_is_missing_at_the_end_holds_the_end_back_for_two_seconds(
    tmp_path: Path, packets: list[Packet]
) -> None:
    stage = Stage(tmp_path)
    stage.connect(packets)
    recording = stage.begin(Tuning(), 0.0, 4.0)
    stage.play([p for p in packets if p.arrival < 5.9 and (p.track.kind == "video" or p.arrival < 3.0)])
    assert not recording.finished
    stage.play([p for p in packets if 5.9 <= p.arrival < 6.1 and p.track.kind == "video"])
    assert recording.finished
    (facts,) = stage.finish()
    assert frame_numbers(facts.path) == list(range(100))


def test_the_preroll_reaches_back_into_the_ring(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path, Limits(preroll_sec=2.0))
    stage.connect(packets)
    stage.play([p for p in packets if p.arrival < 6.5])
    recording = stage.begin(Tuning(), 6.2)
    recording.finish("end")
    (facts,) = stage.finish()
    assert frame_numbers(facts.path) == list(range(100, 163))
