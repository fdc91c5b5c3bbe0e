"""What the server is told, until it confirms: that we live, uploaded slices, the ledger of every recording, pictures.

Each of these has a lane of its own with its own back-off, and what the server will not take waits by itself: a storage
that is down, or one slice that is rejected, silences nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable

from agent.background import within
from agent.backoff import Backoff
from agent.clock import Clock
from agent.journal import Journal, JournalThread, RecordingRow, SliceRow, SliceState, SnapshotRow
from agent.link.client import ServerClient
from agent.link.failure import ServerError
from agent.reminders import Reminders
from agent.schedule.ledger import Span, account, account_so_far
from agent.status import Happening
from agent.storage.base import Storage, StorageError
from agent.wire.models import (
    GapReport,
    RecordingReport,
    RecordReport,
    Reply,
    SnapshotReport,
    StatusReport,
    WireModel,
)

log = logging.getLogger(__name__)

STATUS_PATH = "/gather/v1/status"
STATUS_SEC = 30.0
"""The status report renews the lease by which the server calls us online; three may be lost before it runs out."""
LOOK_SEC = 30.0
"""The journal is looked at this often even when nobody says that there is something new."""
BATCH = 50
RETRY_MAX_SEC = 60.0
REJECTED_SEC = 300.0
"""How long something waits that the server says no to."""
LEDGERS = 200
LOST_MAX_SEC = 6 * 3600.0
"""The longest wait between two uploads of a file that the server does not find."""


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
        on_lost: Callable[[], None] = lambda: None,
        tell: Callable[[Happening], None],
    ) -> None:
        self._journal, self._client, self._storage, self._clock = journal, client, storage, clock
        self._status, self._on_confirmed, self._tell = status, on_confirmed, tell
        lanes = (self._report_status, self._report_slices, self._report_ledgers, self._report_pictures)
        self._lanes = {lane: asyncio.Event() for lane in lanes}
        self._reminders = Reminders(clock.monotonic)
        self._status_due = 0.0
        self._on_lost = on_lost
        self._rejected: dict[str, float] = {}
        self._conflicts: dict[str, int] = {}
        self._ledgers: dict[int, tuple[int, RecordingReport]] = {}
        """By `slice_id`, the newest ledgers and the revisions whose they are: a lesson's is told once more with its
        last slice, and again and again to a server that is away.
        """

    def wake(self) -> None:
        """There is something new to report."""
        for new in self._lanes.values():
            new.set()

    def status_now(self) -> None:
        """A channel's state changed: do not wait for the next status report."""
        self._status_due = 0.0
        self.wake()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as lanes:
            for report, new in self._lanes.items():
                lanes.create_task(self._lane(report, new))

    async def _lane(self, report: Callable[[], Awaitable[float]], new: asyncio.Event) -> None:
        """`report` tells everything there is to tell and returns after how many seconds to look again at the latest."""
        backoff = Backoff(1.0, RETRY_MAX_SEC)
        while True:
            new.clear()
            try:
                wait = await report() if self._client.has_token else LOOK_SEC
            except (ServerError, StorageError, sqlite3.Error) as error:
                wait = max(backoff.next(), 0.0 if isinstance(error, sqlite3.Error) else error.rest_sec)
                level = logging.WARNING if self._reminders.is_news(report, str(error)) else logging.DEBUG
                log.log(level, "report failed, next try in %.0f s: %s", wait, error)
                await asyncio.sleep(wait)
                continue
            except Exception:  # a task's boundary: an error of ours in one lane silences no other
                wait = backoff.next()
                log.exception("%s failed unexpectedly, next try in %.0f s", report.__name__.strip("_"), wait)
                await asyncio.sleep(wait)
                continue
            backoff.reset()
            if self._reminders.over(report):
                log.info("reports are taken again")
            await within(wait, new)

    # -- what the server says no to

    def _may_go(self, key: str) -> bool:
        return self._rejected.get(key, 0.0) <= self._clock.monotonic()

    async def _post(self, key: str, path: str, body: WireModel) -> bool:
        """Whether the server has taken it; if not, it waits. Raises `ServerError` that says nothing about this body."""
        try:
            await self._client.post(path, body, Reply)
        except ServerError as error:
            if not error.rejected:
                raise
            (log.info if key in self._rejected else log.error)(
                "%s is not taken, tried again every %.0f s: %s", key, REJECTED_SEC, error
            )
            self._rejected[key] = self._clock.monotonic() + REJECTED_SEC
            if error.conflict:
                self._conflicts[key] = self._conflicts.get(key, 0) + 1
            return False
        self._rejected.pop(key, None)
        self._conflicts.pop(key, None)
        return True

    # -- slices

    async def _report_slices(self) -> float:
        while True:
            rows = await self._journal.do(Journal.slices_in, SliceState.UPLOADED, BATCH + len(self._rejected))
            rows = [row for row in rows if self._may_go(row.stem)]
            if not rows:
                return LOOK_SEC
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
        conflicts = self._conflicts.get(row.stem, 0)
        if not await self._post(row.stem, "/gather/v1/records", report):
            if self._conflicts.get(row.stem, 0) > conflicts:
                await self._conflict(row)
            return
        await self._journal.do(Journal.confirmed, row.stem, self._clock.wall(), recording)
        self._tell(
            Happening(
                kind="report",
                text=f"{row.path.name} is listed on the server",
                camera_id=row.camera_id,
                data={"stem": row.stem, "seconds": row.media_sec},
            )
        )
        self._on_confirmed()

    async def _conflict(self, row: SliceRow) -> None:
        """The server says that it has not got the file. Every other time it is sent once more; in between, and longer
        each time, the server is given time to find it.
        """
        times = self._conflicts[row.stem]
        if times % 2 == 0:
            wait = min(LOST_MAX_SEC, REJECTED_SEC * 2.0 ** (times // 2))
            self._rejected[row.stem] = self._clock.monotonic() + wait
            return
        log.warning("%s is uploaded again: the server does not find it in its storage", row.path.name)
        await self._journal.do(Journal.upload_again, row.stem)
        self._rejected.pop(row.stem, None)
        self._on_lost()

    async def ledger(self, row: RecordingRow) -> RecordingReport:
        """What of a recording stands in slices and what is missing, as far as it is known now."""
        told = self._ledgers.get(row.slice_id)
        if told is not None and told[0] == row.revision:
            return told[1]
        report = await self._worked_out(row)
        self._ledgers[row.slice_id] = row.revision, report
        if len(self._ledgers) > LEDGERS:
            del self._ledgers[next(iter(self._ledgers))]
        return report

    async def _worked_out(self, row: RecordingRow) -> RecordingReport:
        slices, named = await self._journal.do(Journal.lesson_of, row)
        if row.ended_at is None:
            gaps, coverage = account_so_far(row.planned_start, slices, named), None
        else:
            due = Span(row.planned_start, row.planned_end if row.planned_end is not None else row.ended_at)
            outcome = account(due, slices, named)
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

    async def _report_ledgers(self) -> float:
        while True:
            rows = await self._journal.do(Journal.unreported_recordings, BATCH + len(self._rejected))
            rows = [row for row in rows if self._may_go(_ledger_key(row))][:BATCH]
            if not rows:
                return LOOK_SEC
            try:
                await self._client.post(STATUS_PATH, await self._status_with(rows), Reply)
            except ServerError as error:
                if not error.rejected:
                    raise
                rows = [row for row in rows if await self._report_lesson(row)]
            for row in rows:
                await self._journal.do(Journal.recording_reported, row.slice_id, row.revision)

    async def _report_lesson(self, row: RecordingRow) -> bool:
        return await self._post(_ledger_key(row), STATUS_PATH, await self._status_with([row]))

    async def _status_with(self, rows: list[RecordingRow]) -> StatusReport:
        return self._status().model_copy(update={"lessons": tuple([await self.ledger(row) for row in rows])})

    # -- pictures

    async def _report_pictures(self) -> float:
        storage, failure = self._storage(), None
        if storage is None:
            return LOOK_SEC
        for row in await self._journal.do(Journal.unreported_snapshots):
            if self._may_go(_picture_key(row)):
                try:
                    await self._report_picture(row, storage)
                except StorageError as error:
                    failure = error
        if failure is not None:
            raise failure
        return LOOK_SEC

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
        if await self._post(_picture_key(row), "/gather/v1/snapshots", report):
            await self._journal.do(Journal.snapshot_reported, row.camera_id, row.taken_at)

    # -- the lease

    async def _report_status(self) -> float:
        if self._clock.monotonic() >= self._status_due:
            self._status_due = self._clock.monotonic() + STATUS_SEC
            try:
                await self._client.post(STATUS_PATH, self._status(), Reply)
            except ServerError:
                self._status_due = 0.0
                raise
        return max(0.05, self._status_due - self._clock.monotonic())


def _ledger_key(row: RecordingRow) -> str:
    return f"lesson {row.slice_id} of channel {row.camera_id}"


def _picture_key(row: SnapshotRow) -> str:
    return f"picture of channel {row.camera_id}"
