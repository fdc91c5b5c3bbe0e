"""What a slice says about itself in the `comment` of its header, so that a journal can be rebuilt from files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from recorder.names import SliceName


@dataclass(frozen=True, slots=True)
class SliceMeta:
    """`started_at`: wall clock (Unix seconds) of the first packet; `overlap_sec`: repeated from the slice before.

    `planned_start`, `planned_end`: when the whole recording was due, as known when the slice was opened; None: not
    known, or without an end.
    """

    camera_id: int
    course_id: int
    slice_id: int
    slice_inx: int
    started_at: float
    overlap_sec: float = 0.0
    title: str = ""
    planned_start: float | None = None
    planned_end: float | None = None

    def comment(self) -> str:
        """As it stands in the file."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))


def read_comment(comment: str, name: SliceName) -> SliceMeta:
    """What the comment of a slice says; where it says nothing (of the right shape), its name does."""
    fallback = SliceMeta(name.camera_id, name.course_id, name.slice_id, name.slice_inx, float(name.start))
    try:
        values = json.loads(comment)
        return SliceMeta(
            name.camera_id,
            name.course_id,
            name.slice_id,
            name.slice_inx,
            float(values["started_at"]),
            float(values["overlap_sec"]),
            str(values["title"]),
            _instant(values.get("planned_start")),
            _instant(values.get("planned_end")),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return fallback


def _instant(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
