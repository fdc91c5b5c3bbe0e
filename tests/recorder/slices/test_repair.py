"""What a crash leaves, and what repair makes of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from recorder.names import SliceName, new_uid, parse
from recorder.packets import Packet
from recorder.protocol import Event, RepairBegan, RepairDone, SliceClosed, Trouble
from recorder.slices import repair
from recorder.slices.repair import repair_folder
from recorder.slices.slice_file import SliceFile
from recorder.slices.slice_meta import SliceMeta
from recorder.specs import SliceFacts
from tests.media import MakeSample, assert_plays, camera_packets, frame_numbers
from tests.recorder.slices.opened import open_slice


@pytest.fixture
def packets(sample: MakeSample) -> list[Packet]:
    packets = camera_packets(sample(seconds=8, gop_sec=1), 8.0)
    return packets[next(n for n, one in enumerate(packets) if one.track.kind == "video") :]


def write_slice(folder: Path, packets: list[Packet], *, seal: bool = False) -> Path:
    """An open slice as a process that was killed leaves it: all of it written, or up to its last fragment."""
    file = open_slice(folder, packets, SliceMeta(7, 5, 11, 3, 1_700_000_000.25, 2.5, "课"))
    if seal:
        file.seal()
    file.abandon()
    return file.path


def run(folder: Path, adopt: tuple[str, ...] = ()) -> list[Event]:
    events: list[Event] = []
    repair_folder(folder, adopt, events.append)
    return [event for event in events if not isinstance(event, RepairBegan)]


def check(facts: SliceFacts) -> None:
    path = Path(facts.path)
    assert path.stem == facts.stem
    assert path.stat().st_size == facts.size
    assert hashlib.sha256(path.read_bytes()).hexdigest() == facts.sha256
    assert facts.thumbnail is not None
    assert Path(facts.thumbnail) == path.with_suffix(".jpg")
    assert Path(facts.thumbnail).exists()
    assert facts.repaired
    assert (facts.started_at, facts.overlap_sec) == (1_700_000_000.25, 2.5)
    assert_plays(path)


def left(folder: Path) -> list[str]:
    return sorted({path.suffix for path in folder.iterdir()})


@pytest.mark.parametrize("cut", [0, 1, 1000, 30_000])
def test_a_torn_slice_is_whole_up_to_its_last_fragment(folder: Path, packets: list[Packet], cut: int) -> None:
    path = write_slice(folder, packets)
    os.truncate(path, path.stat().st_size - cut)
    closed, done = run(folder)
    assert done == RepairDone(1)
    assert isinstance(closed, SliceClosed)
    assert closed.reason == "repair"
    check(closed.facts)
    numbers = frame_numbers(closed.facts.path)
    assert numbers == list(range(len(numbers)))
    # The fragment that was begun, and with a cut the one in front of it.
    least = 8 - 2.1 if cut < 1000 else 4
    assert len(numbers) >= least * 25
    assert closed.facts.media_sec == pytest.approx(len(numbers) / 25, abs=0.6)
    assert left(folder) == [".jpg", ".mp4"]
    assert run(folder) == [RepairDone(0)]


def test_a_whole_slice_only_gets_its_name(folder: Path, packets: list[Packet]) -> None:
    path = write_slice(folder, packets, seal=True)
    before = path.read_bytes()
    closed, _ = run(folder)
    assert isinstance(closed, SliceClosed)
    check(closed.facts)
    assert Path(closed.facts.path).read_bytes() == before
    assert frame_numbers(closed.facts.path) == list(range(200))
    assert closed.facts.packets == len(packets)


def test_an_interrupted_last_write_loses_nothing(folder: Path, packets: list[Packet]) -> None:
    """The index is appended, the bytes that make it count are not yet written."""
    path = write_slice(folder, packets, seal=True)
    data = bytearray(path.read_bytes())
    assert data[40:44] == b"mdat"
    data[36:52] = (16).to_bytes(4, "big") + b"free" + bytes(8)
    path.write_bytes(data)
    closed, _ = run(folder)
    assert isinstance(closed, SliceClosed)
    check(closed.facts)
    assert frame_numbers(closed.facts.path) == list(range(200))


def test_what_a_living_recorder_holds_is_not_touched(folder: Path, packets: list[Packet]) -> None:
    file = open_slice(folder, packets, SliceMeta(7, 5, 11, 3, 1_700_000_000.25))
    assert run(folder) == [RepairDone(0)]
    file.seal()
    assert run(folder) == [RepairDone(0)]
    facts = file.finish(None)
    assert [path.name for path in folder.iterdir()] == [Path(facts.path).name]


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, os.urandom(5000), b"\0\0\0\x24ftypisom"])
def test_nothing_playable_is_set_aside_and_named(folder: Path, content: bytes) -> None:
    path = folder / SliceName(new_uid(), 7, 1_700_000_000, 5, 11, 3).filename
    path.write_bytes(content)
    (done,) = run(folder)
    assert isinstance(done, RepairDone)
    assert done.repaired == 0
    assert done.unusable[0].startswith(path.name)
    assert (folder.parent / "unusable" / path.name).read_bytes() == content
    assert not list(folder.iterdir())


class Killed(BaseException):
    """Stands for a SIGKILL at a certain step."""


def _steps() -> list[tuple[object, str]]:
    return [
        (SliceFile, "seal"),
        (SliceFile, "finish"),
        (repair, "make_thumbnail"),
        (repair, "sync_folder"),
        (Path, "unlink"),
        (Path, "rename"),
    ]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(6))
@pytest.mark.parametrize("sealed", [False, True])
def test_a_repair_killed_at_any_step_is_repeated(
    folder: Path, packets: list[Packet], monkeypatch: pytest.MonkeyPatch, step: int, after: bool, sealed: bool
) -> None:
    write_slice(folder, [one for one in packets if one.arrival < 3.0], seal=sealed)
    owner, name = _steps()[step]
    real: Callable[..., object] = getattr(owner, name)

    def dying(*arguments: object, **named: object) -> object:
        if after:
            real(*arguments, **named)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, dying)
        with suppress(Killed):
            run(folder)
    events = run(folder)
    finished = [path for path in folder.iterdir() if parse(path.name)]
    assert len(finished) == 1
    numbers = frame_numbers(finished[0])
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 25
    assert left(folder) == [".jpg", ".mp4"]
    if any(isinstance(event, SliceClosed) for event in events):
        (facts,) = [event.facts for event in events if isinstance(event, SliceClosed)]
        check(facts)
    else:
        # Renamed and nothing left to do: the journal asks for what it does not know.
        (adopted, _) = run(folder, (finished[0].name,))
        assert isinstance(adopted, SliceClosed)
        assert adopted.reason == "found"
        assert adopted.facts.sha256 == hashlib.sha256(finished[0].read_bytes()).hexdigest()


def test_adopting_what_is_no_slice_is_told(folder: Path) -> None:
    trouble, other, _ = run(folder, ("../../etc/passwd", f"{new_uid()}_7_1700000000_5_11_3_8"))
    assert isinstance(trouble, Trouble)
    assert isinstance(other, Trouble)


def test_each_file_is_told_before_it_is_touched_and_some_are_left_alone(folder: Path, packets: list[Packet]) -> None:
    torn = write_slice(folder, packets[:200])
    whole = write_slice(folder, packets[:200], seal=True)
    events: list[Event] = []
    size = torn.stat().st_size
    repair_folder(folder, [], events.append, skip=[whole.name])
    assert [type(event) for event in events] == [RepairBegan, SliceClosed, RepairDone]
    assert events[0] == RepairBegan(torn.name, size)
    assert whole.exists()
