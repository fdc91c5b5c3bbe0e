"""What comes out of the journal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple


class SliceState(IntEnum):
    """How far a slice is. It only moves forward, but where the server has lost what is not confirmed yet.

    REMOVED: the server has it, this disk not; GIVEN_UP: nobody has.
    """

    RECORDED = 1
    UPLOADED = 2
    CONFIRMED = 3
    REMOVED = 4
    GIVEN_UP = 5


class RecordingRow(NamedTuple):
    """A recording: a lesson's occurrence, or one by hand (`course_id` 0). `ended_at` None while it may still grow."""

    slice_id: int
    key: str
    camera_id: int
    course_id: int
    subject_id: int
    teacher_id: int
    title: str
    planned_start: float
    planned_end: float | None
    began_at: float | None
    last_inx: int
    ended_at: float | None
    revision: int
    reported: int


class SliceRow(NamedTuple):
    """A finished slice."""

    stem: str
    slice_id: int
    slice_inx: int
    camera_id: int
    course_id: int
    path: Path
    thumbnail: Path | None
    started_at: float
    media_sec: float
    overlap_sec: float
    size: int
    sha256: str
    video: str
    audio: str
    repaired: bool
    state: SliceState
    file_fdfs: str
    image_fdfs: str
    confirmed_at: float | None


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """A channel's current picture; `reported` is the `taken_at` that the server has confirmed."""

    camera_id: int
    path: Path
    taken_at: float
    reported: float


RECORDING_COLUMNS = ", ".join(RecordingRow._fields)
SLICE_COLUMNS = ", ".join(SliceRow._fields)
_PATH, _THUMBNAIL, _REPAIRED, _STATE = (
    SliceRow._fields.index(name) for name in ("path", "thumbnail", "repaired", "state")
)
_STATES = {int(state): state for state in SliceState}


def slice_row(row: tuple[Any, ...]) -> SliceRow:
    """The row that `SLICE_COLUMNS` give."""
    values = list(row)
    values[_PATH], values[_THUMBNAIL] = Path(row[_PATH]), Path(row[_THUMBNAIL]) if row[_THUMBNAIL] else None
    values[_REPAIRED], values[_STATE] = bool(row[_REPAIRED]), _STATES[row[_STATE]]
    return SliceRow._make(values)
