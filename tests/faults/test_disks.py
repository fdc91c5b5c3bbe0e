"""Disks that fill, fail, freeze, turn read-only and go away under a recording: what survives, and what is named.

Real recorder processes on real file systems (tmpfs, ext4 on a loop device: as root) and with calls that fail on
demand.  `GATHER_FREEZE_SEC` sets how long a disk is frozen (default 8; design, part 7: 30).
"""

from __future__ import annotations

import hashlib
import math
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from recorder.names import parse
from recorder.protocol import (
    BeginRecording,
    CloseChannel,
    EndRecording,
    Event,
    GapFound,
    LinkChanged,
    Pulse,
    RecordingBegan,
    RecordingEnded,
    SliceClosed,
    SnapshotTaken,
    TakeSnapshot,
    Trouble,
)
from recorder.slices.repair import repair_folder
from recorder.specs import Limits, RecordingSpec, SliceFacts, Tuning
from tests.faults import disks
from tests.media import MakeSample, ffprobe, frame_numbers, packets_in
from tests.recorder.processes import Recorder, channel

pytestmark = pytest.mark.faults

FREEZE_SEC = int(os.environ.get("GATHER_FREEZE_SEC", "8"))
FPS, GOP, FILM_FRAMES = 25, 25, 200
SMALL_RING = Limits(ring_sec=2.0, ring_bytes=60_000)
SMALL_QUEUE = Limits(queue_bytes=60_000)
SLACK_SEC = 0.3
"""A gap is told with the clock of arrival, frames are counted by their stamps."""
UNSURE_SEC = Limits().sync_sec + 1.0 + 0.5 + 1.0 + SLACK_SEC
"""What is not known to be durable is called missing, and may be found by the repair: a sync's cadence, a fragment,
what sound may be late by, the rest of a key-frame group; and the whole of a slice of which nothing is durable yet.
"""
# What was not yet durable, the oldest group of the ring, the pause after a second failure, one more group.
RING_LOSS_SEC = SMALL_RING.sync_sec + 1.0 + 2.0 + 1.0 + 1.5


@dataclass(frozen=True)
class Trial:
    """A fault that stands for `hold_sec`, and how many seconds of picture it may cost, every one of them named."""

    fault: str
    kind: type[disks.Disk]
    hold_sec: int = 5
    limits: Limits = field(default_factory=Limits)
    slice_sec: float = 3.0
    bound_sec: float = 0.0
    loses: bool = False
    """Whether it must cost something: a trial that was none would be noticed."""


TRIALS = (
    Trial("one sync fails", disks.SyncFailsOnce),
    Trial("every sync fails for 5 s", disks.SyncsFail),
    Trial(
        "every sync fails for 9 s, memory for 4 s", disks.SyncsFail, 9, SMALL_RING, 0.0, 9 + RING_LOSS_SEC, loses=True
    ),
    Trial("every write fails for 5 s", disks.WritesFail),
    Trial("no file can be made or renamed for 5 s", disks.RenamesFail),
    # What was durable is in memory for three seconds more.
    Trial("the folder is deleted, made again after 5 s", disks.FolderGone, slice_sec=0.0, bound_sec=4.0, loses=True),
    Trial("full for 5 s (tmpfs)", disks.Small),
    Trial("full for 9 s, memory for 4 s (tmpfs)", disks.Small, 9, SMALL_RING, 3.0, 9 + RING_LOSS_SEC, loses=True),
    Trial("read-only, mounted again after 5 s (ext4)", disks.ReadOnly),
    Trial("unmounted for 5 s (ext4)", disks.Away),
    Trial(f"frozen for {FREEZE_SEC} s (ext4)", disks.Frozen, FREEZE_SEC),
    Trial(
        f"frozen for {FREEZE_SEC} s, memory for 4 s (ext4)",
        disks.Frozen,
        FREEZE_SEC,
        SMALL_QUEUE,
        bound_sec=FREEZE_SEC,
        loses=True,
    ),
)


class Victim(Recorder):
    """A recorder whose calls to the disk can be made to fail."""

    def __init__(self, orders: Path) -> None:
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.faulty_recorder", str(theirs.fileno()), str(orders)],
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        super().__init__(ours, self.process.pid)
        ours.settimeout(60.0)

    def grow_by(self, seconds: float) -> None:
        """Wait until so much more is recorded."""
        least = self.until(Pulse).recorded_sec + seconds
        while self.until(Pulse).recorded_sec < least:
            pass


@dataclass
class Outcome:
    """What became of a trial."""

    trial: Trial
    victim: Victim
    due_at: float = 0.0
    began_at: float = 0.0
    status: int = 0
    found: list[SliceFacts] = field(default_factory=list)
    syncs: list[tuple[int, str]] = field(default_factory=list)
    slices: Path = Path()
    missing: list[tuple[float, float]] = field(default_factory=list)

    @property
    def gaps(self) -> list[GapFound]:
        return self.victim.of(GapFound)


def run(trial: Trial, place: Path, film: Path) -> Outcome:
    """Record, strike, hold, heal, record on; then what a repair finds."""
    with disks.disk(trial.kind, place) as disk:
        victim = Victim(disk.orders)
        outcome = Outcome(trial, victim, slices=disk.slices)
        opened = channel(disk.slices, film, tuning=Tuning(trial.slice_sec, snap_sec=0))
        victim.order(replace(opened, limits=trial.limits, snapshot_path=str(place / "live_7.jpg")))
        while victim.until(LinkChanged).state != "online":
            pass
        victim.until(Pulse)  # the ring holds its first pictures
        outcome.due_at = time.time()
        victim.order(BeginRecording(RecordingSpec(11, 5), outcome.due_at))
        outcome.began_at = victim.until(RecordingBegan).first_at
        victim.grow_by(4.0)
        disk.strike()
        victim.order(TakeSnapshot("while it fails"))
        healed_at = time.monotonic() + trial.hold_sec  # how long it stands is what is tried
        while time.monotonic() < healed_at:
            victim.until(Pulse)  # one a second, whatever the disk does
        disk.heal()
        victim.grow_by(5.0)
        victim.order(EndRecording(11))
        victim.until(RecordingEnded)
        victim.order(CloseChannel())
        victim.drain()
        outcome.status = victim.process.wait(60)
        told = {event.facts.stem for event in victim.of(SliceClosed)}
        lost = [path.stem for path in disk.slices.glob("*.mp4") if path.stem not in told]
        events: list[Event] = []
        repair_folder(disk.slices, lost, events.append)
        outcome.found = [event.facts for event in (*victim.events, *events) if isinstance(event, SliceClosed)]
        log = disk.orders.with_suffix(".log")
        outcome.syncs = [(int(line.split()[0]), line.split()[1]) for line in log.read_text().splitlines()]
        outcome.missing = missing(outcome)
    return outcome


def missing(outcome: Outcome) -> list[tuple[float, float]]:
    """Which due frames are in no slice: `[since, until)` in wall clock, told by the numbers in the pictures."""
    saved: set[int] = set()
    zero: int | None = None
    for facts in sorted(outcome.found, key=lambda one: one.started_at):
        path = outcome.slices / Path(facts.path).name
        assert hashlib.sha256(path.read_bytes()).hexdigest() == facts.sha256
        if facts.repaired:
            ffprobe(path)
        pictures = zip(frame_numbers(path), sorted(packet.pts for packet in packets_in(path, "video")), strict=True)
        for number, pts in pictures:
            assert number is not None
            near = (facts.started_at + float(pts) - outcome.began_at) * FPS
            zero = number - round(near) if zero is None else zero
            turn = round((near - (number - zero)) / FILM_FRAMES)
            index = number - zero + turn * FILM_FRAMES
            assert abs(index - near) < SLACK_SEC * FPS, f"{path.name}: frame {number} stands at {near / FPS:.2f} s"
            saved.add(index)
    holes: list[tuple[float, float]] = []
    for index in sorted(
        set(range(max(0, math.ceil((outcome.due_at - outcome.began_at) * FPS)), max(saved) + 1)) - saved
    ):
        at = outcome.began_at + index / FPS
        if holes and abs(holes[-1][1] - at) < 0.5 / FPS:
            holes[-1] = holes[-1][0], at + 1 / FPS
        else:
            holes.append((at, at + 1 / FPS))
    return holes


def joined(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans that touch or overlap as one."""
    whole: list[tuple[float, float]] = []
    for since, until in sorted(spans):
        if whole and since <= whole[-1][1] + 0.01:
            whole[-1] = whole[-1][0], max(whole[-1][1], until)
        else:
            whole.append((since, until))
    return whole


def length(spans: list[tuple[float, float]]) -> float:
    """Seconds."""
    return sum(until - since for since, until in spans)


def complaints(outcome: Outcome) -> list[str]:
    """What is not as the design says."""
    trial, said = outcome.trial, []
    lost_sec = length(outcome.missing)
    if outcome.status != 0:
        said.append(f"the recorder ended with {outcome.status}")
    if lost_sec > trial.bound_sec:
        said.append(f"{lost_sec:.2f} s are missing, {trial.bound_sec:.1f} at most may be")
    if trial.loses and not outcome.missing:
        said.append("nothing is missing: that was no trial")
    named = joined([(gap.since, gap.until) for gap in outcome.gaps])
    for since, until in outcome.missing:
        if not any(begin - SLACK_SEC <= since and until <= end + SLACK_SEC for begin, end in named):
            said.append(f"missing since {since:.2f} until {until:.2f}, named are {named}")
    if length(named) > lost_sec + (UNSURE_SEC + trial.slice_sec) * len(named):
        said.append(f"{length(named):.2f} s are called missing, {lost_sec:.2f} s are: {named}")
    if not {gap.cause for gap in outcome.gaps} <= {"disk", "overflow"}:
        said.append(f"other causes: {outcome.gaps}")
    failed: set[str] = set()
    for number, path in outcome.syncs:
        if path in failed:
            said.append(f"synced again after a failed sync: {path}")
        if number:
            failed.add(path)
    shots = outcome.victim.of(SnapshotTaken)
    if [(shot.request, shot.error) for shot in shots] != [("while it fails", "")]:
        said.append(f"pictures: {shots}")
    if any(trouble.kind == "internal" for trouble in outcome.victim.of(Trouble)):
        said.append(f"{outcome.victim.of(Trouble)}")
    seen = [facts.slice_inx for facts in outcome.found]
    if len(seen) != len(set(seen)):
        said.append(f"slices twice: {seen}")
    return said


def test_disks_that_fail(tmp_path: Path, sample: MakeSample) -> None:
    film = sample(seconds=FILM_FRAMES // FPS, gop_sec=1)
    trials = [trial for trial in TRIALS if disks.can_mount() or not trial.kind.mounts]
    untouched = Victim(tmp_path / "no-orders")
    (tmp_path / "other" / "slices").mkdir(parents=True)
    untouched.order(channel(tmp_path / "other" / "slices", film, tuning=Tuning(snap_sec=0)))
    while untouched.until(LinkChanged).state != "online":
        pass
    untouched.until(Pulse)  # as below
    untouched.order(BeginRecording(RecordingSpec(12, 5), time.time()))
    with ThreadPoolExecutor(len(trials)) as pool:
        running = [pool.submit(run, trial, tmp_path / f"trial-{n}", film) for n, trial in enumerate(trials)]
        outcomes = [one.result() for one in running]
    untouched.order(CloseChannel())
    untouched.drain()
    assert untouched.process.wait(60) == 0
    for victim in (untouched, *(outcome.victim for outcome in outcomes)):
        victim.close()

    print("\n| fault | slices | missing | named | bound |\n|---|---|---|---|---|")
    for outcome in outcomes:
        lost_sec = length(outcome.missing)
        named_sec = length(joined([(gap.since, gap.until) for gap in outcome.gaps]))
        print(
            f"| {outcome.trial.fault} | {len(outcome.found)} | {lost_sec:.2f} s | {named_sec:.2f} s |"
            f" {outcome.trial.bound_sec:.1f} s |"
        )
    skipped = [trial.fault for trial in TRIALS if trial not in trials]
    if skipped:
        print(f"not tried without root: {', '.join(skipped)}")
    wrong = {outcome.trial.fault: said for outcome in outcomes if (said := complaints(outcome))}
    assert not wrong, "\n".join(f"{fault}: {'; '.join(said)}" for fault, said in wrong.items())
    # Another channel on a disk that is well felt nothing of all this.
    (whole,) = [closed.facts for closed in untouched.of(SliceClosed)]
    numbers = frame_numbers(whole.path)
    assert numbers[0] is not None
    assert numbers == [(numbers[0] + n) % FILM_FRAMES for n in range(len(numbers))]
    assert not untouched.of(GapFound)
    assert parse(Path(whole.path).name) is not None
