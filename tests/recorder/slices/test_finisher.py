"""The last steps of a slice: whatever a picture or the disk does, a slice is told, or left to a repair."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.errors import FileError
from recorder.protocol import Event, RecordingEnded, SliceClosed, Trouble
from recorder.slices import finisher as module
from recorder.slices.finisher import Finisher
from recorder.slices.slice_file import SliceFile
from recorder.synced_file import locked
from tests.media import MakeSample, camera_packets, frame_numbers
from tests.recorder.slices.opened import open_slice


def sealed(folder: Path, film: Path) -> SliceFile:
    file = open_slice(folder, camera_packets(film, 2.0))
    file.seal()
    return file


def finished(file: SliceFile) -> list[Event]:
    events: list[Event] = []
    finisher = Finisher(events.append)
    finisher.finish_slice(file, "end")
    finisher.tell(RecordingEnded(11, None, 0.0))
    finisher.join()
    assert events.pop() == RecordingEnded(11, None, 0.0)
    return events


def test_a_defect_in_a_picture_costs_the_picture(
    tmp_path: Path, sample: MakeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(module, "jpeg_of", defective)
    trouble, closed = finished(sealed(tmp_path, sample()))
    assert isinstance(trouble, Trouble)
    assert trouble.kind == "internal"
    assert isinstance(closed, SliceClosed)
    assert closed.facts.thumbnail is None
    assert frame_numbers(closed.facts.path) == list(range(50))


@pytest.mark.parametrize("error", [FileError("the disk returned other bytes"), RuntimeError("a defect")])
def test_a_slice_that_cannot_be_finished_is_left_to_a_repair(
    tmp_path: Path, sample: MakeSample, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    file = sealed(tmp_path, sample())

    def failing(_: str | None) -> None:
        raise error

    monkeypatch.setattr(file, "finish", failing)
    (trouble,) = finished(file)
    assert isinstance(trouble, Trouble)
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    with locked(file.path) as left:
        assert left is not None
