"""Whatever a crash or a disk made of a file: its whole fragments are saved, packet for packet, and nothing is dropped.

`GATHER_FILES` sets how many damaged files are repaired (default 30), `GATHER_SEED` which.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from recorder.mp4.survey import Survey, survey
from recorder.names import SliceName
from recorder.packets import Packet
from recorder.protocol import Event, RepairDone, SliceClosed
from recorder.slices.repair import UNUSABLE, repair_folder
from tests import media
from tests.media import MakeSample, camera_packets, packet_hashes
from tests.recorder.mp4.test_survey import reader
from tests.recorder.slices.opened import open_slice

FILES = int(os.environ.get("GATHER_FILES", "30"))
SEED = int(os.environ.get("GATHER_SEED", "1"))


@dataclass
class Written:
    """An open slice as it grew, what a repair of all of it gives, and where its fragments end."""

    data: bytes
    video: list[str]
    audio: list[str]
    ends: list[int]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, sample: MakeSample) -> Written:
    folder = tmp_path_factory.mktemp("any-file")
    packets = camera_packets(sample(seconds=8, gop_sec=2), 6.0)
    packets = packets[next(n for n, one in enumerate(packets) if one.track.kind == "video") :]
    data = _open_slice(folder, packets)
    _, saved = _repaired(folder / "whole", data)
    assert saved is not None
    found = media.boxes(data)
    ends = [after.offset + after.size for before, after in pairwise(found) if before.kind == "moof"]
    return Written(data, packet_hashes(saved, "video"), packet_hashes(saved, "audio"), ends)


def _open_slice(folder: Path, packets: list[Packet]) -> bytes:
    file = open_slice(folder, packets)
    data = file.path.read_bytes()
    file.abandon()
    return data


def _repaired(place: Path, data: bytes) -> tuple[RepairDone, Path | None]:
    """What a repair says of a folder with this one open slice, and the slice that it made."""
    folder = place / "slices"
    folder.mkdir(parents=True)
    name = SliceName("a" * 32, 7, 1_700_000_000, 5, 11, 1)
    (folder / name.filename).write_bytes(data)
    events: list[Event] = []
    repair_folder(folder, [], events.append)
    done = events[-1]
    assert isinstance(done, RepairDone)
    saved = [Path(event.facts.path) for event in events if isinstance(event, SliceClosed)]
    assert len(saved) + len(done.unusable) == 1, events
    if done.unusable:
        assert (place / UNUSABLE / name.filename).read_bytes() == data
    return done, saved[0] if saved else None


def test_every_length_of_a_file_ends_with_its_last_whole_fragment(written: Written) -> None:
    """Every byte of the header and around each fragment's rims; in between every 97th."""
    size = len(written.data)
    near = {at for end in (0, *written.ends, size) for at in range(end - 300, end + 300)}
    lengths = sorted(at for at in {*range(0, size, 97), *near, *range(min(3000, size))} if 0 <= at <= size)
    for length in lengths:
        found = survey(reader(written.data[:length]), length)
        assert found == Survey(closed=False, usable=max((end for end in written.ends if end <= length), default=0))


def _damaged(data: bytes, dice: random.Random) -> tuple[str, bytes]:
    """A file cut off, with bits turned, blocks missing, zeroed or exchanged, or with rubbish in it."""
    how = dice.choice(["cut", "bit", "zeros", "noise", "lost", "swapped", "behind", "header"])
    at = dice.randrange(len(data))
    length = min(dice.choice([1, 7, 512, 4096, 20_000]), len(data) - at)
    other = dice.randrange(max(1, len(data) - length))
    if how == "cut":
        return how, data[:at]
    if how == "bit":
        return how, data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]
    if how == "zeros":
        return how, data[:at] + bytes(length) + data[at + length :]
    if how == "noise":
        return how, data[:at] + dice.randbytes(length) + data[at + length :]
    if how == "lost":
        return how, data[:at] + data[at + length :]
    if how == "swapped":
        return how, data[:at] + data[other : other + length] + data[at + length :]
    if how == "behind":
        return how, data + dice.randbytes(length)
    head = dice.randrange(2500)
    return how, data[:head] + dice.randbytes(8) + data[head + 8 :]


def _examples(data: bytes, count: int) -> Iterator[tuple[str, bytes]]:
    for number in range(count):
        yield _damaged(data, random.Random(f"{SEED} {number}"))


def _check(written: Written, place: Path, count: int) -> str:
    saved_count, most, reasons = 0, 0.0, set()
    for number, (how, data) in enumerate(_examples(written.data, count)):
        done, saved = _repaired(place / str(number), data)
        if saved is not None:
            saved_count += 1
            video, audio = packet_hashes(saved, "video"), packet_hashes(saved, "audio")
            first = next((n for n, (a, b) in enumerate(zip(data, written.data, strict=False)) if a != b), len(data))
            whole = max((end for end in written.ends if end <= first), default=0)
            if first > written.ends[0]:  # the header is what it was: all in front of the damage is saved
                assert video == written.video[: len(video)], f"{number}: {how} at {first}"
                assert audio == written.audio[: len(audio)], f"{number}: {how} at {first}"
                assert len(video) >= (written.ends.index(whole) + 1) * 25 - 30, f"{number}: {how} at {first}"
                most = max(most, len(video) / 25)
        else:
            reasons.add(done.unusable[0].partition(": ")[2].split(" in ")[0])
        shutil.rmtree(place / str(number))
    return f"damaged files: tried {count}, saved {saved_count}, set aside {count - saved_count} ({', '.join(reasons)})"


def test_any_damage_costs_what_stands_behind_it_at_most(written: Written, tmp_path: Path) -> None:
    _check(written, tmp_path, 12)


@pytest.mark.faults
def test_many_damaged_files(written: Written, tmp_path: Path) -> None:
    print(f"\n{_check(written, tmp_path, FILES)}")


@pytest.mark.faults
def test_every_single_length(written: Written) -> None:
    usable, expected = 0, 0
    for length in range(0, len(written.data) + 1, 1 if FILES > 100 else 11):
        found = survey(reader(written.data[:length]), length)
        expected = max((end for end in written.ends if end <= length), default=0)
        assert found == Survey(closed=False, usable=expected)
        usable += 1
    print(f"\nlengths tried {usable}, of {len(written.data)} bytes")
