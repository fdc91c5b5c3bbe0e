"""The writing thread: a frozen disk holds up nobody, and what it costs is named."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from recorder import disk_calls
from recorder.packets import Packet
from recorder.protocol import BeginRecording, GapFound, MoveEnd, RecordingEnded, SliceClosed, Trouble
from recorder.slices.recording import Recording
from recorder.slices.slice_file import SliceFile
from recorder.slices.writer import RECORDED_SEC
from recorder.specs import Limits, RecordingSpec, Tuning
from recorder.stream.timeline import Timed
from recorder.synced_file import locked
from tests.media import MakeSample, camera_packets, frame_numbers, tracks_of
from tests.recorder.slices.writer_stage import LIMIT_SEC, WALL_ZERO, Stage


@pytest.fixture
def packets(sample: MakeSample) -> list[Packet]:
    return camera_packets(sample(seconds=16, gop_sec=1, audio=False), 16.0)


class FrozenDisk:
    """A disk whose syncs hang from media time 2 s on until it thaws."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.frozen, self.thawed = threading.Event(), threading.Event()
        fdatasync = os.fdatasync

        def freezing(fd: int) -> None:
            if stage.now >= 2.0 and not self.thawed.is_set():
                self.frozen.set()
                assert self.thawed.wait(LIMIT_SEC)
            fdatasync(fd)

        monkeypatch.setattr("recorder.disk_calls.fdatasync", freezing)


def test_a_frozen_disk_costs_whole_groups_and_never_the_reader(
    tmp_path: Path, packets: list[Packet], monkeypatch: pytest.MonkeyPatch
) -> None:
    group_bytes = sum(len(packet.data) for packet in packets) // 16
    stage = Stage(tmp_path, Limits(sync_sec=0.0, queue_bytes=4 * group_bytes))
    stage.timeline.begin_session(tracks_of(packets))
    disk = FrozenDisk(stage, monkeypatch)
    stage.play(packets[:25])
    stage.writer.begin(BeginRecording(RecordingSpec(11, 5), WALL_ZERO))
    stage.done()
    stage.play(packets[25:100])
    assert disk.frozen.wait(LIMIT_SEC)
    stage.play(packets[100:300])  # returns at once, with the writer stuck
    assert stage.feed.queued_bytes <= 4 * group_bytes
    disk.thawed.set()
    stage.done()
    stage.play(packets[300:])
    stage.writer.end(11)
    stage.close()
    (closed,) = [event for event in stage.events if isinstance(event, SliceClosed)]
    (gap,) = [event for event in stage.events if isinstance(event, GapFound)]
    numbers = [number for number in frame_numbers(closed.facts.path) if number is not None]
    missing = sorted(set(range(400)) - set(numbers))
    assert numbers == sorted(numbers)
    assert missing == list(range(missing[0], missing[-1] + 1))
    assert (missing[-1] + 1) % 25 == 0  # it goes on with a key frame
    assert gap.cause == "overflow"
    assert (gap.since - WALL_ZERO) * 25 == pytest.approx(missing[0], abs=0.1)
    assert (gap.until - WALL_ZERO) * 25 == pytest.approx(missing[-1] + 1, abs=0.1)


def test_the_end_of_a_recording_waits_for_a_slow_disk(
    tmp_path: Path, packets: list[Packet], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, Limits(sync_sec=0.0))
    stage.timeline.begin_session(tracks_of(packets))
    disk = FrozenDisk(stage, monkeypatch)
    stage.writer.begin(BeginRecording(RecordingSpec(11, 5), WALL_ZERO, WALL_ZERO + 8))
    stage.play(packets[:100])
    assert disk.frozen.wait(LIMIT_SEC)
    stage.play(packets[100:195])
    stage.now = 20.0  # long past the end, with packets that belong to it still waiting for the disk
    disk.thawed.set()
    stage.done()
    stage.done()
    stage.close()
    (closed,) = [event for event in stage.events if isinstance(event, SliceClosed)]
    assert closed.reason == "end"
    assert frame_numbers(closed.facts.path) == list(range(195))


def test_a_recording_waits_for_its_time(tmp_path: Path, packets: list[Packet]) -> None:
    stage = Stage(tmp_path, Limits())
    stage.timeline.begin_session(tracks_of(packets))
    stage.writer.begin(BeginRecording(RecordingSpec(11, 5), WALL_ZERO + 3.5, WALL_ZERO + 60))
    assert stage.writer.busy
    stage.play(packets[:80])
    stage.done()
    assert stage.writer.running == []
    stage.play(packets[80:150])
    stage.done()
    stage.done()
    assert stage.writer.running == [11]
    stage.writer.move_end(MoveEnd(11, WALL_ZERO + 7.0))
    stage.done()
    stage.play(packets[150:200])
    stage.done()
    assert not stage.writer.busy
    stage.close()
    (closed,) = [event for event in stage.events if isinstance(event, SliceClosed)]
    assert frame_numbers(closed.facts.path) == list(range(75, 175))
    assert [type(event) for event in stage.events[-2:]] == [SliceClosed, RecordingEnded]


@pytest.mark.parametrize("again", [False, True], ids=["moved", "ordered again"])
@pytest.mark.parametrize("begins", [False, True], ids=["coming", "on"])
def test_another_end_counts_before_and_after_the_beginning(
    tmp_path: Path, packets: list[Packet], begins: bool, again: bool
) -> None:
    stage = Stage(tmp_path, Limits())
    stage.timeline.begin_session(tracks_of(packets))
    spec = RecordingSpec(11, 5)
    stage.writer.begin(BeginRecording(spec, WALL_ZERO + 3.5, WALL_ZERO + 60))
    if begins:
        play_in_steps(stage, packets[:120])
    if again:
        stage.writer.begin(BeginRecording(spec, WALL_ZERO + 3.5, WALL_ZERO + 7.0))
    else:
        stage.writer.move_end(MoveEnd(11, WALL_ZERO + 7.0))
    play_in_steps(stage, packets[120 if begins else 0 : 200])
    assert not stage.writer.busy
    stage.close()
    (closed,) = [event for event in stage.events if isinstance(event, SliceClosed)]
    assert frame_numbers(closed.facts.path) == list(range(75, 175))


def test_what_is_told_of_the_channel_reaches_every_recording(tmp_path: Path, packets: list[Packet]) -> None:
    """A lost source those that are on, other slicing those that come, too; and ended ones stay counted."""
    stage = Stage(tmp_path, Limits())
    stage.timeline.begin_session(tracks_of(packets))
    for slice_id, begin, end in ((11, 0.0, 5.0), (12, 0.0, 60.0), (13, 8.0, 60.0)):
        stage.writer.begin(BeginRecording(RecordingSpec(slice_id, 5), WALL_ZERO + begin, WALL_ZERO + end))
    play_in_steps(stage, packets[:100])
    stage.feed.source_lost()
    stage.writer.source_lost("stalled")
    stage.writer.retune(Tuning(slice_sec=2.0))
    play_in_steps(stage, packets[100:330])
    assert stage.writer.running == [12, 13]
    assert stage.writer.recorded_sec == pytest.approx(5.0 + 13.2 + 5.2, abs=0.5)
    stage.close()
    closed = [event for event in stage.events if isinstance(event, SliceClosed)]
    assert {event.facts.slice_id for event in closed if event.reason == "lost"} == {11, 12}
    assert [event.facts.slice_inx for event in closed if event.facts.slice_id == 13] == [1, 2, 3]


def test_begun_again_right_behind_its_end_it_is_wanted(tmp_path: Path, packets: list[Packet]) -> None:
    """A channel whose recordings alone keep it connected must not go down between the two."""
    stage = Stage(tmp_path, Limits())
    stage.timeline.begin_session(tracks_of(packets))
    stage.play(packets[:30])
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        assert let_go.wait(LIMIT_SEC)

    stage.feed.command(hold)
    assert held.wait(LIMIT_SEC)
    order = BeginRecording(RecordingSpec(11, 5), WALL_ZERO)
    stage.writer.begin(order)
    stage.writer.end(11)
    stage.writer.begin(order)
    between: list[bool] = []
    stage.writer.end(12)  # of nobody
    stage.feed.command(lambda: between.append(stage.writer.busy))
    let_go.set()
    stage.done()
    stage.done()
    assert between == [True]
    assert stage.writer.busy
    assert stage.writer.running == [11]
    stage.close()


@pytest.mark.parametrize("how", ["close", "end", "overdue"])
def test_a_defect_at_the_end_of_one_recording_keeps_nothing_open(
    tmp_path: Path, packets: list[Packet], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    stage = Stage(tmp_path, Limits())
    stage.timeline.begin_session(tracks_of(packets))
    seal = SliceFile.seal

    def defective(self: SliceFile) -> None:
        if self.name.slice_id == 10:
            raise RuntimeError("a defect")
        seal(self)

    monkeypatch.setattr(SliceFile, "seal", defective)
    stage.play(packets[:10])
    for slice_id in (10, 11):
        stage.writer.begin(BeginRecording(RecordingSpec(slice_id, 5), WALL_ZERO, WALL_ZERO + 10))
    stage.done()
    stage.done()
    stage.play(packets[10:200])
    stage.done()
    if how == "end":
        stage.writer.end(10)
        stage.writer.end(11)
    elif how == "overdue":
        stage.now = 20.0
    stage.done()
    stage.done()
    if how != "close":
        assert not stage.writer.busy
    closing = threading.Thread(target=stage.close)
    closing.start()
    closing.join(LIMIT_SEC)
    assert not closing.is_alive()
    (closed,) = [event for event in stage.events if isinstance(event, SliceClosed)]
    assert closed.facts.slice_id == 11
    assert frame_numbers(closed.facts.path) == list(range(200))
    assert [event.kind for event in stage.events if isinstance(event, Trouble)] == ["internal", "disk"]
    if how != "close":
        ended = {event.slice_id for event in stage.events if isinstance(event, RecordingEnded)}
        assert ended == {10, 11}
    (torn,) = tmp_path.glob("*.part")  # nobody holds it: a repair may have it at once
    with locked(torn) as file:
        assert file is not None


def test_a_defect_in_one_recording_does_not_touch_another(
    tmp_path: Path, packets: list[Packet], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, Limits())
    stage.timeline.begin_session(tracks_of(packets))
    take, defects = Recording.take, ["a defect"]

    def defective(self: Recording, timed: Timed) -> None:
        if defects and self.spec.slice_id == 12 and timed.at > 5.5:
            raise RuntimeError(defects.pop())
        take(self, timed)

    monkeypatch.setattr(Recording, "take", defective)
    stage.play(packets[:10])
    for slice_id in (11, 12):
        stage.writer.begin(BeginRecording(RecordingSpec(slice_id, 5), WALL_ZERO))
    stage.done()
    stage.done()
    for begin in range(10, 400, 10):
        stage.play(packets[begin : begin + 10])
        stage.done()
    stage.close()
    assert [event.kind for event in stage.events if isinstance(event, Trouble)] == ["internal", "disk"]
    slices = {event.facts.slice_id: event.facts for event in stage.events if isinstance(event, SliceClosed)}
    assert frame_numbers(slices[11].path) == list(range(400))
    # The other one goes on in a new file, from the key frame before what may be lost; the old one is for a repair.
    began = frame_numbers(slices[12].path)[0]
    assert began is not None
    assert began % 25 == 0
    assert began <= 138
    assert frame_numbers(slices[12].path) == list(range(began, 400))
    assert not [event for event in stage.events if isinstance(event, GapFound)]


def play_in_steps(stage: Stage, packets: list[Packet]) -> None:
    """As a camera does: the writer looks four times a second."""
    for begin in range(0, len(packets), 6):
        stage.play(packets[begin : begin + 6])
        stage.done()


@pytest.mark.parametrize("preroll_sec", [0.0, 4.0])
def test_while_recorded_the_ring_keeps_what_may_be_needed_and_no_more(
    tmp_path: Path, packets: list[Packet], preroll_sec: float
) -> None:
    stage = Stage(tmp_path, Limits(sync_sec=0.0, preroll_sec=preroll_sec))
    stage.timeline.begin_session(tracks_of(packets))
    play_in_steps(stage, packets[:300])
    assert stage.feed.tail(1000, lambda _: True)[0].at == 1.0  # ten seconds, and the group that they lie in
    stage.writer.begin(BeginRecording(RecordingSpec(11, 5), WALL_ZERO + 11.5))
    play_in_steps(stage, packets[300:400])
    kept_sec = stage.now - stage.feed.tail(1000, lambda _: True)[0].at
    reach = RECORDED_SEC + preroll_sec
    assert reach <= kept_sec <= reach + 1.5  # a group, and the time between two looks
    stage.writer.end(11)
    stage.close()


@pytest.mark.parametrize("preroll_sec", [0.0, 2.0])
def test_the_order_for_the_lesson_that_follows_may_come_late(
    tmp_path: Path, sample: MakeSample, preroll_sec: float
) -> None:
    """A journal on a slow disk gives it late: what came since the end of the lesson before is still in memory."""
    stage = Stage(tmp_path, Limits(sync_sec=0.0, preroll_sec=preroll_sec))
    packets = camera_packets(sample(seconds=16, gop_sec=1), 16.0)
    # Sound that falls silent before the end has it known two seconds late.
    packets = [one for one in packets if one.track.kind == "video" or one.arrival < 5.0]
    stage.timeline.begin_session(tracks_of(packets))
    stage.writer.begin(BeginRecording(RecordingSpec(11, 5), WALL_ZERO, WALL_ZERO + 6.5))
    play_in_steps(stage, [one for one in packets if one.arrival < 15.0])
    assert not stage.writer.busy
    stage.writer.begin(BeginRecording(RecordingSpec(12, 5), WALL_ZERO + 6.5))
    stage.done()
    play_in_steps(stage, [one for one in packets if one.arrival >= 15.0])
    stage.close()
    slices = {event.facts.slice_id: event.facts for event in stage.events if isinstance(event, SliceClosed)}
    assert frame_numbers(slices[12].path) == list(range(150 - round(25 * preroll_sec), 400))


def test_what_waits_for_a_disk_that_hangs_is_kept_in_the_ring(
    tmp_path: Path, packets: list[Packet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first file of a lesson hangs while it is opened, and cannot be had in the end."""
    stage = Stage(tmp_path, Limits(sync_sec=0.0))
    stage.timeline.begin_session(tracks_of(packets))
    opening, answered, failed = threading.Event(), threading.Event(), threading.Event()
    open_file = disk_calls.open_file

    def hanging(path: Path, flags: int, mode: int = 0o777) -> int:
        if not failed.is_set():
            opening.set()
            assert answered.wait(LIMIT_SEC)
            failed.set()
            raise OSError(errno.EIO, "broken by the test")
        return open_file(path, flags, mode)

    stage.writer.begin(BeginRecording(RecordingSpec(11, 5), WALL_ZERO))
    stage.done()
    stage.done()
    monkeypatch.setattr("recorder.disk_calls.open_file", hanging)
    stage.play(packets[:30])
    assert opening.wait(LIMIT_SEC)
    stage.play(packets[30:390])
    answered.set()
    stage.done()
    stage.play(packets[390:])
    stage.close()
    (closed,) = [event for event in stage.events if isinstance(event, SliceClosed)]
    assert frame_numbers(closed.facts.path) == list(range(400))
