"""`kill -9` of recorders at random moments: what is on disk afterwards is everything but the last fragment.

`GATHER_KILLS` sets how many (default 10), `GATHER_SEED` when.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import time
from pathlib import Path

import pytest

from recorder.names import parse
from recorder.protocol import BeginRecording, LinkChanged, RecordingBegan, RepairDone, RepairFolder, SliceClosed
from recorder.specs import RecordingSpec, SliceFacts, Tuning
from tests.media import MakeSample, ffprobe, frame_numbers
from tests.recorder.processes import Forks, Recorder, channel

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("GATHER_KILLS", "10"))
SEED = int(os.environ.get("GATHER_SEED", "1"))
AT_ONCE = 5
SLICE_SEC = 5
FPS, FILM_FRAMES = 25, 200
# A fragment of a second, a batch of packets on its way to the writer, and a few frames.
MOST_LOST_SEC = 1.0 + 0.25 + 0.15
BUSY_SEC = 2.0
"""Room for a machine that has no time for the recorder just then."""


def test_killed_at_any_moment(forks: Forks, tmp_path: Path, sample: MakeSample) -> None:
    film = sample(seconds=FILM_FRAMES // FPS, gop_sec=1)
    moments = [_moment(random.Random(f"{SEED} {number}")) for number in range(KILLS)]
    lost: list[float] = []
    repaired: list[SliceFacts] = []
    unusable: list[str] = []
    for begin in range(0, KILLS, AT_ONCE):
        folders = [tmp_path / f"kill-{begin + n}" / "slices" for n in range(len(moments[begin : begin + AT_ONCE]))]
        killed = _record_and_kill(forks, film, dict(zip(folders, moments[begin:], strict=False)))
        for folder, (recorder, lived_sec) in killed.items():
            told, found, done = _repaired(forks, folder, recorder)
            repaired += [facts for facts in found if facts.repaired]
            unusable += done.unusable
            lost.append(lived_sec - _saved_sec(folder, sorted([*told, *found], key=lambda facts: facts.slice_inx)))
    survived = sum(seconds <= MOST_LOST_SEC + BUSY_SEC for seconds in lost)
    within = sum(seconds <= MOST_LOST_SEC for seconds in lost)
    print(
        f"\nkills tried {len(lost)}, survived {survived}, {within} of them within {MOST_LOST_SEC:.1f} s;"
        f" lost {sum(lost) / len(lost):.2f} s in the mean,"
        f" {max(lost):.2f} s at most; {len(repaired)} slices repaired, {sum(facts.size for facts in repaired)} bytes;"
        f" {len(unusable)} files without a whole fragment"
    )
    assert survived == KILLS


def _moment(dice: random.Random) -> float:
    """Seconds of media after which a recorder dies: anywhere, or where a slice is being cut and the next one begun."""
    if dice.random() < 0.4:
        return SLICE_SEC + dice.uniform(-0.05, 0.4)
    return dice.uniform(0.5, 2.2 * SLICE_SEC)


def _record_and_kill(forks: Forks, film: Path, moments: dict[Path, float]) -> dict[Path, tuple[Recorder, float]]:
    """Each recorder with the seconds from its first recorded packet to its death."""
    recorders: dict[Path, tuple[Recorder, float]] = {}
    for folder in moments:
        folder.mkdir(parents=True)
        recorder = forks.spawn()
        recorder.order(channel(folder, film, tuning=Tuning(slice_sec=SLICE_SEC)))
        while recorder.until(LinkChanged).state != "online":
            pass
        recorder.order(BeginRecording(RecordingSpec(11, 5), time.time()))
        recorders[folder] = recorder, recorder.until(RecordingBegan).first_at
    killed: dict[Path, tuple[Recorder, float]] = {}
    for folder in sorted(recorders, key=lambda folder: recorders[folder][1] + moments[folder]):
        recorder, first_at = recorders[folder]
        time.sleep(max(0.0, first_at + moments[folder] - time.time()))  # the moment is what is tried
        killed[folder] = recorder, time.time() - first_at
        os.kill(recorder.pid, signal.SIGKILL)
    for recorder, _ in killed.values():
        recorder.drain()
        assert forks.said()["status"] == -signal.SIGKILL
    return killed


def _repaired(forks: Forks, folder: Path, recorder: Recorder) -> tuple[list[SliceFacts], list[SliceFacts], RepairDone]:
    """What the recorder told, what a repair finds besides, as the daemon does it, and what that says at its end."""
    told = [closed.facts for closed in recorder.of(SliceClosed)]
    finished = [name.stem for path in folder.glob("*.mp4") if (name := parse(path.name))]
    repairer = forks.spawn()
    repairer.order(RepairFolder(str(folder), adopt=sorted(set(finished) - {facts.stem for facts in told})))
    done = repairer.until(RepairDone)
    repairer.drain()
    assert forks.said() == {"exited": repairer.pid, "status": 0}
    assert not list(folder.glob("*.part"))
    found = [closed.facts for closed in repairer.of(SliceClosed)]
    assert sorted(one.path for one in (*told, *found)) == sorted(map(str, folder.glob("*.mp4")))
    return told, found, done


def _saved_sec(folder: Path, slices: list[SliceFacts]) -> float:
    """Seconds of picture in the slices, which are one unbroken piece of the film."""
    numbers: list[int | None] = []
    for inx, facts in enumerate(slices, 1):
        assert facts.slice_inx == inx, f"{folder}: {[one.stem for one in slices]}"
        assert hashlib.sha256(Path(facts.path).read_bytes()).hexdigest() == facts.sha256
        ffprobe(facts.path)
        numbers += frame_numbers(facts.path)
    if not numbers:
        return 0.0
    assert numbers[0] is not None
    assert numbers == [(numbers[0] + n) % FILM_FRAMES for n in range(len(numbers))]
    return len(numbers) / FPS
