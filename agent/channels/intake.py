"""What recorders say, taken in: first into the journal, then as news for people and for the server."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.channels.indexes import SliceIndexes
from agent.clock import Clock
from agent.journal import Journal, JournalThread
from agent.reminders import Reminders
from agent.schedule.ledger import Span, account
from agent.schedule.reconciler import Due
from agent.status import Happening
from agent.wire.models import SOUND_LOST
from recorder.protocol import (
    Event,
    GapFound,
    LinkChanged,
    RecordingBegan,
    RecordingEnded,
    SliceClosed,
    SliceOpened,
    SnapshotTaken,
    Trouble,
)
from recorder.specs import SliceFacts

log = logging.getLogger(__name__)

News = dict[str, str | int | float | None]


class Intake:
    """The hooks that channels and repairs hand their events to. `tell` gets the news, `relay` the server's copy of
    it.
    """

    def __init__(
        self,
        journal: JournalThread,
        slices: Path,
        *,
        clock: Clock,
        tell: Callable[[Happening], None],
        relay: Callable[[str, dict[str, Any]], None],
        on_slice: Callable[[], None],
        on_report: Callable[[], None],
        on_link: Callable[[], None],
        on_left_open: Callable[[], None],
    ) -> None:
        self._journal, self._indexes, self._clock = journal, SliceIndexes(slices), clock
        self._reminders = Reminders(clock.monotonic)
        self._unwritten: dict[str, int] = {}
        self._tell, self._relay = tell, relay
        self._on_slice, self._on_report, self._on_link = on_slice, on_report, on_link
        self._on_left_open = on_left_open
        self.names: dict[int, str] = {}
        """Channel names for messages."""

    async def open_recording(self, due: Due) -> tuple[int, int]:
        """The recording that stands for `due`, and the index of its next slice.

        A journal that cannot be written (the disk of the state is full) costs no lesson: its slices say themselves
        when it was due, and are taken in when the journal can be written again, or anew (`repairs`).
        """
        with self._recorded_all_the_same(due.camera_id):
            row = await self._journal.do(Journal.open_recording, due, self._clock.wall())
            self._unwritten.pop(due.key, None)
            return row.slice_id, max(row.last_inx, await self._indexes.highest(row.slice_id)) + 1
        slice_id = self._unwritten.setdefault(due.key, int(self._clock.wall() * 1000))
        return slice_id, await self._indexes.highest(slice_id) + 1

    async def plan_recording(self, slice_id: int, due: Due) -> None:
        """The timetable of a running recording was edited."""
        with self._recorded_all_the_same(due.camera_id):  # the fleet enters it when the journal can be written
            await self._journal.do(Journal.plan_recording, slice_id, due)

    async def end_recording(self, slice_id: int, at: float) -> None:
        """Nothing more will come for it."""
        with self._recorded_all_the_same(0):  # the fleet's sweep ends it
            await self._journal.do(Journal.end_recording, slice_id, at)
        self._on_report()

    @contextlib.contextmanager
    def _recorded_all_the_same(self, camera_id: int) -> Iterator[None]:
        """An order to a recorder does not wait for a journal that cannot be written."""
        try:
            yield
        except sqlite3.Error as error:
            log.error("channel %d: recorded, but the journal does not take it in: %s", camera_id, error)

    async def take(self, camera_id: int, event: Event) -> None:
        """One event, in order."""
        match event:
            case SliceClosed():
                await self._slice_closed(event)
            case SliceOpened():
                await self._journal.do(Journal.slice_opened, event.slice_id, event.slice_inx)
            case RecordingBegan():
                await self._recording_began(camera_id, event)
            case RecordingEnded():
                text = f"recording has ended, {event.media_sec:.0f} s of media"
                self._news("recording", camera_id, text, {"slice_id": event.slice_id, "ended": 1})
            case GapFound():
                await self._gap_found(camera_id, event)
            case SnapshotTaken():
                await self._snapshot_taken(camera_id, event)
            case LinkChanged():
                self._link_changed(camera_id, event)
            case Trouble():
                self._news("alarm", camera_id, event.detail, {"alarm": event.kind})
                if event.kind == "disk":
                    self._on_left_open()  # the file that could not go on stands there torn
            case _:
                pass

    async def _recording_began(self, camera_id: int, event: RecordingBegan) -> None:
        row = await self._journal.do(Journal.recording_began, event.slice_id, event.first_at)
        if row is None:  # begun while the journal could not be written
            self._news("recording", camera_id, "records", {"slice_id": event.slice_id})
            return
        kind = f"course {row.course_id}" if row.course_id else "by hand"
        until = f", until {_clock_time(row.planned_end)}" if row.planned_end else ""
        self._news("recording", camera_id, f"records {row.title} ({kind}{until})", {"slice_id": event.slice_id})

    async def _slice_closed(self, event: SliceClosed) -> None:
        facts = event.facts
        if not await self._journal.do(Journal.add_slice, facts):
            return
        how = {"repair": "repaired after a crash", "found": "found on disk"}.get(event.reason, "finished")
        text = f"slice {facts.slice_inx} {how}: {facts.media_sec:.1f} s, {facts.size / 1e6:.1f} MB"
        data: News = {
            "stem": facts.stem,
            "slice_id": facts.slice_id,
            "slice_inx": facts.slice_inx,
            "seconds": facts.media_sec,
            "size": facts.size,
            "path": facts.path,
            "reason": event.reason,
        }
        self._news("slice", facts.camera_id, text, data)
        self._on_slice()
        if facts.slice_inx > 1 or event.reason in ("repair", "found"):
            await self._tell_break(facts)

    async def _tell_break(self, facts: SliceFacts) -> None:
        """Name what a restart cost. A recorder cannot: it was not there; both sides on disk give it to the fraction."""
        spans, named = await self._journal.do(Journal.spans_of, facts.slice_id)
        if len(spans) < 2:
            return
        whole = Span(min(span.since for span in spans), max(span.until for span in spans))
        for hole in account(whole, spans, named).gaps:
            if hole.cause == "restart":
                detail = hole.detail or "the recorder process was not running"
                gap = GapFound(facts.slice_id, hole.since, hole.until, "restart", detail)
                await self._gap_found(facts.camera_id, gap)

    async def _gap_found(self, camera_id: int, event: GapFound) -> None:
        if not await self._journal.do(Journal.add_gap, event):
            return
        span = f"{_clock_time(event.since)} to {_clock_time(event.until)}"
        why = f"{event.cause}: {event.detail}" if event.detail else event.cause
        what = "s of the sound" if event.cause == SOUND_LOST else "s"
        text = f"{event.until - event.since:.1f} {what} could not be recorded ({span}), {why}"
        data: News = {"slice_id": event.slice_id, "since": event.since, "until": event.until, "cause": event.cause}
        self._news("gap", camera_id, text, data)
        self._on_report()

    async def _snapshot_taken(self, camera_id: int, event: SnapshotTaken) -> None:
        if event.error:
            log.warning("channel %d: no picture: %s", camera_id, event.error)
            return
        await self._journal.do(Journal.snapshot_taken, camera_id, Path(event.path), event.taken_at)
        self._news("snapshot", camera_id, f"new picture, {event.width}x{event.height}", {})
        self._on_report()

    def _link_changed(self, camera_id: int, event: LinkChanged) -> None:
        about = (camera_id, event.stream)
        # Attempts are no news: one in vain after the other is told once, and then every hour.
        if event.state == "waiting" or (event.state == "connecting" and self._reminders.knows(about)):
            if event.state == "connecting" or not self._reminders.is_news(about, (event.cause, event.detail)):
                log.debug("channel %d: %s %s %s", camera_id, event.state, event.cause, event.detail)
                return
        else:
            self._reminders.over(about)
        text = {
            "connecting": "connecting",
            "online": f"online: {', '.join(filter(None, (event.video, event.audio)))}",
            "waiting": f"not available ({event.cause}): {event.detail}; tried until it is there",
            "idle": "rests until a recording is near",
            "down": f"off ({event.cause or 'not wanted'}): {event.detail}".removesuffix(": "),
        }[event.state]
        if event.stream == "sub":
            text = f"sub stream {text}"
        data: News = {"state": event.state, "cause": event.cause, "detail": event.detail, "stream": event.stream}
        self._news("channel", camera_id, text, data)
        self._on_link()

    def _news(self, kind: Any, camera_id: int, text: str, data: News) -> None:
        name = self.names.get(camera_id, "")
        label = f"channel {camera_id} {name}".rstrip() if camera_id else "repair"
        self._tell(Happening(kind=kind, text=f"{label}: {text}", camera_id=camera_id or None, data=data))
        event = {"channel": "camera", "gap": "alarm", "snapshot": "camera"}.get(kind, kind)
        self._relay(event, {"camera_id": camera_id, "text": text, **data})


def _clock_time(instant: float) -> str:
    """For the log, in this machine's zone, as the log's own times are read beside it."""
    return f"{datetime.fromtimestamp(instant).astimezone():%H:%M:%S}"
