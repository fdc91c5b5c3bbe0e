"""The spool file by file, for people. Plain functions over the journal's rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from agent.journal import Journal, SliceRow, SliceState
from agent.spool.uploads import Try
from agent.status import UploadState, UploadView

LISTED = 200
"""So many files are listed; a queue of a week's outage has thousands."""

Waiting = tuple[SliceRow, str]
"""A slice, and the title of its lesson."""


def waiting_rows(journal: Journal) -> list[Waiting]:
    """The slices that the server has not confirmed: those to be sent first, oldest lesson first."""
    rows = [row for state in (SliceState.RECORDED, SliceState.UPLOADED) for row in journal.slices_in(state, LISTED)][
        :LISTED
    ]
    titles = {slice_id: journal.recording(slice_id) for slice_id in {row.slice_id for row in rows}}
    return [(row, found.title if (found := titles[row.slice_id]) else "") for row in rows]


def upload_views(
    rows: Sequence[Waiting],
    names: Mapping[int, str],
    now: float,
    *,
    tries: Mapping[str, Try],
    busy: Collection[str],
    paused: bool,
) -> tuple[UploadView, ...]:
    """How each of these slices fares. `tries` are those that have failed, `busy` those on their way, by stem."""
    found = []
    for row, title in rows:
        failed = tries.get(row.stem)
        state = _state(row, failed, busy=row.stem in busy, paused=paused)
        found.append(
            UploadView(
                stem=row.stem,
                camera_id=row.camera_id,
                camera_name=names.get(row.camera_id, ""),
                course_id=row.course_id,
                title=title,
                slice_inx=row.slice_inx,
                started_at=row.started_at,
                media_sec=row.media_sec,
                size=row.size,
                state=state,
                attempts=failed.attempts if failed else 0,
                error=failed.error if failed else "",
                next_try=now + failed.wait_sec if failed and state == "retrying" else None,
            )
        )
    return tuple(found)


def _state(row: SliceRow, failed: Try | None, *, busy: bool, paused: bool) -> UploadState:
    if row.state is not SliceState.RECORDED:
        return "stored"
    if busy:
        return "uploading"
    if paused:
        return "paused"
    return "retrying" if failed else "waiting"
