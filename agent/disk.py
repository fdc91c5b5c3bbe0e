"""Which confirmed recordings leave the local disk, and when. Plain functions over sizes; `clear` at the end does it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.journal.rows import SliceRow, SliceState


@dataclass(frozen=True, slots=True)
class DiskPolicy:
    """Bytes: `reserve` stays free on the disk, `quota` bounds what recordings take."""

    reserve: int
    quota: int


def to_remove(policy: DiskPolicy, free: int, used: int, confirmed: Sequence[SliceRow]) -> list[SliceRow]:
    """The confirmed slices that must go, oldest first, so that `free` is at least the reserve and `used` at most the
    quota.

    Only what the server has confirmed is ever named; what is not uploaded stays, whatever the disk says.
    """
    excess = max(policy.reserve - free, used - policy.quota)
    chosen: list[SliceRow] = []
    for row in confirmed:
        if excess <= 0:
            break
        if row.state is SliceState.CONFIRMED:
            chosen.append(row)
            excess -= row.size
    return chosen


def remove_files(rows: Iterable[SliceRow]) -> list[str]:
    """Unlink slices with their thumbnails; the stems that are gone (also those that were gone before)."""
    gone = []
    for row in rows:
        for path in (row.path, row.thumbnail):
            if path is not None:
                path.unlink(missing_ok=True)
        gone.append(row.stem)
    return gone
