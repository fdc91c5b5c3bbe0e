"""`kill -9` in front of single calls to the disk: while a slice is created, written, sealed, pictured, renamed.

`GATHER_STEPS` sets how many (default 8), `GATHER_SEED` which.  Afterwards journal and files agree, byte for byte.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.journal import Journal
from agent.spool.checkup import check_up
from recorder.names import parse
from recorder.protocol import BeginRecording, Event, LinkChanged, RecordingBegan, SliceClosed
from recorder.slices.repair import repair_folder
from recorder.specs import RecordingSpec, Tuning
from tests.faults.test_disks import FILM_FRAMES, FPS, Victim
from tests.media import MakeSample, frame_numbers
from tests.recorder.processes import channel

pytestmark = pytest.mark.faults

STEPS = int(os.environ.get("GATHER_STEPS", "8"))
SEED = int(os.environ.get("GATHER_SEED", "1"))
AT_ONCE = 4
LAST_CALL = 75
"""With slices of a second, some five seconds."""
MOST_LOST_SEC = 1.4 + 2.0  # as in tests/recorder/test_kills.py, with room for a busy machine


@dataclass(frozen=True)
class Kill:
    """Where it died, and what that cost."""

    call: str
    lost_sec: float
    slices: int


def die(place: Path, film: Path, number: int) -> Kill:
    """A recorder that dies in front of its n-th call; what repair and journal make of it."""
    slices = place / "slices"
    slices.mkdir(parents=True)
    (place / "orders").write_text(f"kill {number}")
    victim = Victim(place / "orders")
    victim.order(channel(slices, film, tuning=Tuning(slice_sec=1, snap_sec=0)))
    while victim.until(LinkChanged).state != "online":
        pass
    victim.order(BeginRecording(RecordingSpec(11, 5), time.time()))
    victim.drain()
    died_at = time.time()
    began = victim.of(RecordingBegan)
    assert victim.process.wait(60) == -signal.SIGKILL
    victim.close()
    call, path = (place / "orders.log").read_text().splitlines()[-1].split()

    told = victim.of(SliceClosed)
    journal = Journal(place / "journal.sqlite")
    for closed in told:
        journal.add_slice(closed.facts)
    unknown = sorted(journal.unknown_stems([one.stem for one in slices.glob("*.mp4") if parse(one.name)]))
    events: list[Event] = []
    repair_folder(slices, unknown, events.append)
    for event in events:
        if isinstance(event, SliceClosed):
            journal.add_slice(event.facts)
    checkup = check_up(journal, slices, "hash")
    wrong = [finding for finding in checkup.findings if finding.kind != "unusable"]
    assert not wrong, f"killed in front of {call} {path}: {wrong}"
    rows = journal.slices_of(11)
    assert len({row.slice_inx for row in rows}) == len(rows)
    numbers = [n for row in rows for n in frame_numbers(row.path) if n is not None]
    journal.close()
    assert not numbers or numbers == [(numbers[0] + n) % FILM_FRAMES for n in range(len(numbers))], (
        f"{call} {path}: a hole"
    )
    lost_sec = died_at - began[0].first_at - len(numbers) / FPS if began else 0.0  # died before it told anything
    return Kill(f"{call} of {_kind(Path(path).name)}", lost_sec, len(rows))


def _kind(name: str) -> str:
    if ".jpg" in name:
        return "a thumbnail"
    if name.endswith(".new"):
        return "a new slice"
    return "a slice" if ".mp4" in name else "the folder"


def test_killed_in_front_of_any_call(tmp_path: Path, sample: MakeSample) -> None:
    film = sample(seconds=FILM_FRAMES // FPS, gop_sec=1)
    dice = random.Random(SEED)
    numbers = [dice.randint(1, LAST_CALL) if STEPS < LAST_CALL else 1 + n % LAST_CALL for n in range(STEPS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(die, tmp_path / str(n), film, number) for n, number in enumerate(numbers)]
        kills = [one.result() for one in running]
    print("\n| killed in front of | times | survived | lost at most |\n|---|---|---|---|")
    for call, times in sorted(Counter(kill.call for kill in kills).items()):
        lost = [kill.lost_sec for kill in kills if kill.call == call]
        survived = sum(seconds <= MOST_LOST_SEC for seconds in lost)
        print(f"| {call} | {times} | {survived} | {max(lost):.2f} s |")
    assert all(kill.lost_sec <= MOST_LOST_SEC for kill in kills), kills
