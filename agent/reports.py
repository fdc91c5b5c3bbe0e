"""What the server is told, until it confirms: uploaded slices, pictures, the ledger of every recording, and that we
live.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable

from agent.backoff import Backoff
from agent.clock import Clock
from agent.journal import Journal, JournalThread, RecordingRow, SliceRow, SliceState, SnapshotRow
from agent.ledger import Span, account
from agent.link.client import ServerClient, ServerError
from agent.status import Happening
from agent.storage.base import Storage, StorageError
from agent.wire.models import (
    GapReport,
    RecordingReport,
    RecordReport,
    Reply,
    SnapshotReport,
    StatusReport,
)

log = logging.getLogger(__name__)

STATUS_SEC = 30.0
"""The status report renews the lease by which the server calls us online; three may be lost before it runs out."""


class Reports:
    """Brings slices from UPLOADED to CONFIRMED, and everything else that must arrive once."""

    def __init__(
        self,
        journal: JournalThread,
        client: ServerClient,
        storage: Callable[[], Storage | None],
        clock: Clock,
        *,
        status: Callable[[], StatusReport],
        on_confirmed: Callable[[], None],
        tell: Callable[[Happening], None],
    ) -> None:
        self._journal, self._client, self._storage, self._clock = journal, client, storage, clock
        self._status, self._on_confirmed, self._tell = status, on_confirmed, tell
        self._new = asyncio.Event()
        self._status_due = 0.0

    def wake(self) -> None:
        """There is something new to report."""
        self._new.set()

    def status_now(self) -> None:
        """A channel's state changed: do not wait for the next status report."""
        self._status_due = 0.0
        self._new.set()

    async def run(self) -> None:
        """Until cancelled, or until the server refuses this agent (`ServerError.refused`)."""
        backoff = Backoff(1.0, 60.0)
        while True:
            self._new.clear()
            try:
                await self._report_slices()
                await self._report_pictures()
                await self._report_status()
                backoff.reset()
                wait = max(0.05, self._status_due - self._clock.monotonic())
            except (ServerError, StorageError) as error:
                if isinstance(error, ServerError) and error.refused:
                    raise
                wait = backoff.next()
                log.warning("report failed, next try in %.0f s: %s", wait, error)
                await asyncio.sleep(wait)
                continue
            try:
                await asyncio.wait_for(self._new.wait(), wait)
            except TimeoutError:
                continue

    async def _report_slices(self) -> None:
        while rows := await self._journal.do(Journal.slices_in, SliceState.UPLOADED, 50):
            for row in rows:
                await self._report_slice(row)

    async def _report_slice(self, row: SliceRow) -> None:
        recording = await self._journal.do(Journal.recording, row.slice_id)
        assert recording is not None, f"slice {row.stem} without a recording"
        report = RecordReport(
            file_src=row.stem,
            file_fdfs=row.file_fdfs,
            image_fdfs=row.image_fdfs,
            file_size=row.size,
            sha256=row.sha256,
            duration=row.media_sec,
            overlap_sec=row.overlap_sec,
            started=row.started_at,
            camera_id=row.camera_id,
            course_id=row.course_id,
            slice_id=row.slice_id,
            slice_inx=row.slice_inx,
            repaired=row.repaired,
            video=row.video,
            audio=row.audio,
            recording=await self.ledger(recording),
        )
        await self._client.post("/gather/v1/records", report, Reply)
        await self._journal.do(Journal.advance, row.stem, SliceState.CONFIRMED, at=self._clock.wall())
        self._tell(
            Happening(
                kind="report",
                text=f"{row.path.name} is listed on the server",
                camera_id=row.camera_id,
                data={"stem": row.stem, "seconds": row.media_sec},
            )
        )
        self._on_confirmed()

    async def ledger(self, row: RecordingRow) -> RecordingReport:
        """What of a recording stands in slices and what is missing, as far as it is known now."""
        slices = await self._journal.do(Journal.slices_of, row.slice_id)
        named = await self._journal.do(Journal.named_gaps, row.slice_id)
        gaps: tuple[Span, ...] = tuple(named)
        coverage = None
        if row.ended_at is not None:
            due = Span(row.planned_start, row.planned_end if row.planned_end is not None else row.ended_at)
            outcome = account(due, [Span(s.started_at, s.started_at + s.media_sec) for s in slices], named)
            gaps, coverage = outcome.gaps, outcome.coverage
        return RecordingReport(
            slice_id=row.slice_id,
            camera_id=row.camera_id,
            course_id=row.course_id,
            subject_id=row.subject_id,
            teacher_id=row.teacher_id,
            planned_start=row.planned_start,
            planned_end=row.planned_end,
            ended=row.ended_at is not None,
            coverage=coverage,
            gaps=tuple(GapReport(since=g.since, until=g.until, cause=g.cause, detail=g.detail) for g in gaps),
        )

    async def _report_pictures(self) -> None:
        storage = self._storage()
        if storage is None:
            return
        for row in await self._journal.do(Journal.unreported_snapshots):
            await self._report_picture(row, storage)

    async def _report_picture(self, row: SnapshotRow, storage: Storage) -> None:
        try:
            content = await asyncio.to_thread(row.path.read_bytes)
        except OSError:
            # Replaced on the next occasion; a picture that is not there cannot be shown.
            await self._journal.do(Journal.snapshot_reported, row.camera_id, row.taken_at)
            return
        digest = hashlib.sha256(content).hexdigest()
        try:
            stored = await storage.put(row.path, row.path.name, digest)
        except StorageError as error:
            if error.retry:
                raise
            return  # replaced while it was being read: the new one has its own turn
        report = SnapshotReport(
            file_src=row.path.stem,
            camera_id=row.camera_id,
            image_fdfs=stored.file,
            file_size=len(content),
            taken=row.taken_at,
        )
        await self._client.post("/gather/v1/snapshots", report, Reply)
        await self._journal.do(Journal.snapshot_reported, row.camera_id, row.taken_at)

    async def _report_status(self) -> None:
        rows = await self._journal.do(Journal.unreported_recordings)
        if not rows and self._clock.monotonic() < self._status_due:
            return
        lessons = tuple([await self.ledger(row) for row in rows])
        await self._client.post("/gather/v1/status", self._status().model_copy(update={"lessons": lessons}), Reply)
        for row in rows:
            await self._journal.do(Journal.recording_reported, row.slice_id, row.revision)
        self._status_due = self._clock.monotonic() + STATUS_SEC
