"""Power cuts: whatever part of the unsynced writes came through, what is repaired plays and is short by the cadence.

A recording runs against a simulated clock with every call to the disk noted; then the power goes after some of them.
`GATHER_CUTS` sets how many states are tried (default 300), `GATHER_SEED` which.
"""

from __future__ import annotations

import hashlib
import os
import queue
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import av
import pytest

from recorder.names import parse
from recorder.packets import Packet
from recorder.protocol import BeginRecording, Event, RepairDone, SliceClosed
from recorder.slices.finisher import Emit, Finisher
from recorder.slices.recording import Recording, Surroundings
from recorder.slices.repair import repair_folder
from recorder.specs import Limits, RecordingSpec, Tuning
from recorder.stream.channel_clock import ChannelClock
from recorder.stream.feed import Feed
from recorder.stream.ring import Ring
from recorder.stream.timeline import Timeline
from tests.faults.storage_shim import SHARES, Op, Share, StorageLog, after_cut, write_files
from tests.media import MakeSample, assert_plays, camera_packets, frame_numbers, packet_hashes, tracks_of

CUTS = int(os.environ.get("GATHER_CUTS", "300"))
SEED = int(os.environ.get("GATHER_SEED", "1"))
FPS, FILM_SEC = 25, 14.0
TICK_SEC = 0.1
LIMITS = Limits()
# The sync's cadence, the writer's tick, the fragment that is not whole yet.
MOST_LOST_SEC = LIMITS.sync_sec + TICK_SEC + LIMITS.fragment_sec + 2 / FPS
CORNERS: tuple[Share, ...] = ("none", "all", "first", "last", "not_first")
WALL_ZERO = 1_700_000_000.0


class PatientFinisher(Finisher):
    """The last steps of slices, done in the test's own thread when it says so."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._jobs = queue.SimpleQueue()

    def work(self) -> None:
        self._jobs.put(None)
        self._run()

    @property
    def waiting(self) -> bool:
        return not self._jobs.empty()


@dataclass
class Lesson:
    """What was recorded: the calls to the disk, and what they should amount to."""

    ops: list[Op]
    digests: dict[int, tuple[list[str], list[str]]] = field(default_factory=dict)
    frames: dict[int, list[int]] = field(default_factory=dict)


def record(
    root: Path, packets: list[Packet], monkeypatch: pytest.MonkeyPatch, tuning: Tuning, patience_sec: float
) -> Lesson:
    """A lesson of two connections, its slices finished `patience_sec` after they are closed."""
    now = 0.0
    log = StorageLog(root, lambda: now)
    folder = root / "slices"
    folder.mkdir(parents=True)
    timeline = Timeline()
    clock = ChannelClock(timeline, lambda: WALL_ZERO + now, lambda: now)
    feed = Feed(Ring(LIMITS.ring_sec, LIMITS.ring_bytes), LIMITS.queue_bytes)
    finisher = PatientFinisher(log.told)
    around = Surroundings(7, folder, LIMITS, clock, finisher, log.told, feed.since)
    with monkeypatch.context() as patched:
        log.install(patched)
        recording = Recording(BeginRecording(RecordingSpec(11, 5), WALL_ZERO), tuning, around)
        timeline.begin_session(tracks_of(packets))
        due, finish_at = TICK_SEC, None
        for packet in packets:
            while due <= packet.arrival:
                now, due = due, due + TICK_SEC
                recording.tick()
                if finisher.waiting and finish_at is None:
                    finish_at = now + patience_sec
                if finish_at is not None and now >= finish_at:
                    finisher.work()
                    finish_at = None
            now = packet.arrival
            timed = timeline.repair(packet)
            feed.put(timed)
            recording.take(timed)
        recording.finish("end")
        finisher.work()
    lesson = Lesson(log.ops)
    for op in log.ops:
        if isinstance(op.event, SliceClosed):
            facts = op.event.facts
            lesson.digests[facts.slice_inx] = packet_hashes(facts.path, "video"), packet_hashes(facts.path, "audio")
            lesson.frames[facts.slice_inx] = [n for n in frame_numbers(facts.path) if n is not None]
    return lesson


@dataclass
class Tally:
    """What came of the states that were tried."""

    tried: int = 0
    most_lost: float = 0.0
    failures: list[str] = field(default_factory=list)
    _played: set[str] = field(default_factory=set)

    def table(self, title: str) -> str:
        survived = self.tried - len(self.failures)
        return f"{title}: tried {self.tried}, survived {survived}, which lost {self.most_lost:.2f} s at most"

    def check(self, lesson: Lesson, ops: Sequence[Op], folder: Path, what: str) -> None:
        """Repair what stands in `folder` and hold it against what was recorded when the power went."""
        self.tried += 1
        try:
            lost = self._check(lesson, ops, folder)
        except (AssertionError, av.FFmpegError) as error:
            self.failures.append(f"{what}: {error}")
        else:
            self.most_lost = max(self.most_lost, lost)

    def _check(self, lesson: Lesson, ops: Sequence[Op], folder: Path) -> float:
        before = {path.name for path in (folder / "slices").iterdir() if parse(path.name)}
        events: list[Event] = []
        repair_folder(folder / "slices", [], events.append)
        done = events[-1]
        assert isinstance(done, RepairDone)
        slices = {path.name: path for path in (folder / "slices").glob("*.mp4")}
        _nothing_dropped(before, slices, done)
        saved: set[int] = set()
        seen: set[int] = set()
        for name, path in slices.items():
            found = parse(name)
            assert found is not None
            assert found.slice_inx not in seen, f"slice {found.slice_inx} stands twice"
            seen.add(found.slice_inx)
            saved.update(self._prefix(lesson, found.slice_inx, path))
        for told in (op.event.facts for op in ops if isinstance(op.event, SliceClosed)):
            path = folder / "slices" / Path(told.path).name
            assert path.exists(), f"{path.name} was told and is gone"
            assert hashlib.sha256(path.read_bytes()).hexdigest() == told.sha256, f"{path.name} was told and is another"
        received = int(ops[-1].at * FPS + 1e-6) if ops else 0
        lost = max(0, received - len(saved)) / FPS
        assert lost <= MOST_LOST_SEC, f"{lost:.2f} s are lost of {ops[-1].at:.2f} s: {sorted(slices)}, {done}"
        return lost

    def _prefix(self, lesson: Lesson, inx: int, path: Path) -> list[int]:
        """The frames of a slice, which plays and holds the first of what was recorded, packet for packet."""
        video, audio = packet_hashes(path, "video"), packet_hashes(path, "audio")
        whole_video, whole_audio = lesson.digests[inx]
        assert video == whole_video[: len(video)], f"slice {inx} holds other pictures than were recorded"
        assert audio == whole_audio[: len(audio)], f"slice {inx} holds other sound than was recorded"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest not in self._played:
            assert_plays(path)
            self._played.add(digest)
        return lesson.frames[inx][: len(video)]


def _nothing_dropped(before: set[str], slices: dict[str, Path], done: RepairDone) -> None:
    for name in before - slices.keys():
        part = parse(name)
        assert part is not None
        kept = [one for one in map(parse, slices) if one is not None and one.uid == part.uid]
        assert kept or any(reason.startswith(name) for reason in done.unusable), f"{name} is gone without a word"


@pytest.fixture
def packets(sample: MakeSample) -> list[Packet]:
    packets = camera_packets(sample(seconds=16, width=320, height=180, gop_sec=1), FILM_SEC)
    begin = next(n for n, one in enumerate(packets) if one.track.kind == "video")
    return [replace(one, arrival=one.arrival - packets[begin].arrival) for one in packets[begin:]]


@pytest.fixture
def lessons(tmp_path: Path, packets: list[Packet], monkeypatch: pytest.MonkeyPatch) -> list[Lesson]:
    return [
        record(tmp_path / "at-once", packets, monkeypatch, Tuning(slice_sec=5), 0.0),
        record(tmp_path / "overlapping", packets, monkeypatch, Tuning(slice_sec=4, inter_val=1), 2.5),
        record(tmp_path / "one-file", packets, monkeypatch, Tuning(), 0.0),
    ]


def cuts(lesson: Lesson, dice: random.Random) -> Iterator[tuple[int, Share, Share]]:
    """Moments and what came through: around every sync and change of a name, and anywhere, by turns."""
    turning = [n for n, op in enumerate(lesson.ops, 1) if op.kind not in ("write", "told")]
    backward = [n for n, op in enumerate(lesson.ops, 1) if _is_last_write(op)]
    systematic = [(n, share) for near in (*backward, *turning) for n in (near - 1, near) for share in CORNERS]
    dice.shuffle(systematic)
    for moment, share in systematic:
        yield moment, share, dice.choice(SHARES)
        yield dice.randint(1, len(lesson.ops)), dice.choice(SHARES), dice.choice(SHARES)
    while True:
        yield dice.randint(1, len(lesson.ops)), dice.choice(SHARES), dice.choice(SHARES)


def try_cuts(lessons: Sequence[Lesson], count: int, folder: Path, tally: Tally) -> None:
    """States of these lessons in turn, repaired and checked."""
    streams = [cuts(lesson, random.Random(f"{SEED} {number}")) for number, lesson in enumerate(lessons)]
    for number in range(count):
        lesson = lessons[number % len(lessons)]
        moment, data, names = next(streams[number % len(lessons)])
        ops = lesson.ops[:moment]
        state = folder / f"cut-{number}"
        (state / "slices").mkdir(parents=True)
        write_files(state, after_cut(ops, data, names, random.Random(f"{SEED} {number}")))
        tally.check(lesson, ops, state, f"cut {number} after call {moment}, blocks {data}, names {names}")
        shutil.rmtree(state)


def test_a_few_power_cuts(tmp_path: Path, lessons: list[Lesson]) -> None:
    tally = Tally()
    try_cuts(lessons, 24, tmp_path / "cuts", tally)
    assert not tally.failures, "\n".join(tally.failures)


@pytest.mark.faults
def test_power_cuts(tmp_path: Path, lessons: list[Lesson]) -> None:
    tally = Tally()
    try_cuts(lessons, CUTS, tmp_path / "cuts", tally)
    print(f"\n{tally.table('power cuts while recording')}")
    assert not tally.failures, "\n".join(tally.failures[:20])


@pytest.mark.faults
@pytest.mark.parametrize("without", ["any sync", "syncs of the folder", "the sync in front of the last write", "sums"])
def test_what_is_missing_would_be_found_out(
    tmp_path: Path, lessons: list[Lesson], monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    """The same cuts, as if the recorder left out one of its precautions: the test above is no formality."""
    if without == "sums":
        monkeypatch.setattr("recorder.mp4.survey.read_sum", lambda _: None)
    else:
        lessons = [replace(lesson, ops=_left_out(lesson.ops, without)) for lesson in lessons]
    tally = Tally()
    try_cuts(lessons, min(CUTS, 300), tmp_path / "cuts", tally)
    print(f"\n{tally.table(f'power cuts, {without} left out')}")
    assert tally.failures


def _left_out(ops: Sequence[Op], what: str) -> list[Op]:
    if what == "any sync":
        return [op for op in ops if op.kind != "sync"]
    if what == "syncs of the folder":
        return [op for op in ops if op.kind != "sync_folder"]
    return [op for op, then in pairwise([*ops, ops[-1]]) if not (op.kind == "sync" and _is_last_write(then))]


def _is_last_write(op: Op) -> bool:
    """The head of a closed file, by which its fragments become an ordinary `mdat`."""
    return op.kind == "write" and op.offset == 0 and op.data[36:44] == b"\0\0\0\1mdat"


@pytest.mark.faults
def test_power_cuts_within_repairs(tmp_path: Path, lessons: list[Lesson], monkeypatch: pytest.MonkeyPatch) -> None:
    """The power goes while recording, and again while the repair is at work."""
    tally = Tally()
    dice = random.Random(SEED)
    first = cuts(lessons[1], dice)
    while tally.tried < CUTS:
        moment, data, names = next(first)
        ops = lessons[1].ops[:moment]
        files = after_cut(ops, data, names, dice)
        state = tmp_path / "state"
        (state / "slices").mkdir(parents=True)
        write_files(state, files)
        log = StorageLog(state)
        log.adopt(files)
        with monkeypatch.context() as patched:
            log.install(patched)
            begun = len(log.ops)
            repair_folder(state / "slices", [], lambda _: None)
        shutil.rmtree(state)
        for again in sorted({dice.randint(begun, len(log.ops)) for _ in range(3)}):
            (state / "slices").mkdir(parents=True)
            write_files(state, after_cut(log.ops[:again], dice.choice(SHARES), dice.choice(SHARES), dice))
            tally.check(lessons[1], ops, state, f"cut after call {moment} ({data}, {names}), repair after {again}")
            shutil.rmtree(state)
    print(f"\n{tally.table('power cuts while repairing')}")
    assert not tally.failures, "\n".join(tally.failures[:20])
