"""The journal's operations: what they mean for recordings, slices, gaps and snapshots."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from agent.journal.file import JournalFile
from agent.journal.rows import (
    RECORDING_COLUMNS,
    SLICE_COLUMNS,
    RecordingRow,
    SliceRow,
    SliceState,
    SnapshotRow,
    slice_row,
)
from agent.schedule.ledger import Span
from agent.schedule.reconciler import Due
from recorder.protocol import GapFound
from recorder.specs import SliceFacts

ALIVE_SEC = 10.0
ASKED_AT_ONCE = 1000
_OF_SLICE = (
    *("stem", "slice_id", "slice_inx", "camera_id", "course_id", "path", "thumbnail", "started_at", "media_sec"),
    *("overlap_sec", "size", "sha256", "video", "audio"),
)


class Journal(JournalFile):
    """The operations, each one transaction."""

    # -- the time that is accounted for

    def watched_until(self) -> float | None:
        """Every lesson before this instant is in the journal (`agent.schedule.absence`); None the first time."""
        row = self._db.execute("SELECT alive_at FROM life").fetchone()
        return None if row is None else float(row["alive_at"])

    def watched(self, until: float, *, exactly: bool = False) -> None:
        """Move that instant. Kept to ten seconds, to spare the disk, or `exactly`."""
        before = self.watched_until()
        if exactly or before is None or not before <= until < before + ALIVE_SEC:
            self._write("INSERT OR REPLACE INTO life (only_row, alive_at) VALUES (1, ?)", until)

    def account_missed(self, missed: Iterable[tuple[Due, Span]], now: float) -> None:
        """Lessons that nobody watched, each with its gap; those that are over have ended."""
        with self._transaction():
            for due, gap in missed:
                slice_id = self._stands_for(due, now)
                self._add_gap(GapFound(slice_id, gap.since, gap.until, gap.cause, gap.detail))
                if due.end is not None and due.end <= now:
                    self._end(slice_id, due.end)

    # -- recordings

    def open_recording(self, due: Due, now: float) -> RecordingRow:
        """The recording that stands for `due`, made when there is none yet. What the timetable says of it is brought
        up to date.
        """
        with self._transaction():
            slice_id = self._stands_for(due, now)
        found = self.recording(slice_id)
        assert found is not None
        return found

    def open_all(self, due: Iterable[Due], now: float) -> None:
        """`open_recording` of several in one go."""
        with self._transaction():
            for item in due:
                self._stands_for(item, now)

    def _stands_for(self, due: Due, now: float) -> int:
        planned = (due.subject_id, due.teacher_id, due.title, due.begin, due.end)
        row = self._db.execute(
            "SELECT slice_id, subject_id, teacher_id, title, planned_start, planned_end, ended_at FROM recording"
            " WHERE key = ?",
            (due.key,),
        ).fetchone()
        if row is None:
            # Milliseconds since 1970, one more when two channels begin in the same: unique here, rising with time.
            (last,) = self._db.execute("SELECT coalesce(max(slice_id), 0) FROM recording").fetchone()
            slice_id = max(int(now * 1000), int(last) + 1)
            self._db.execute(
                "INSERT INTO recording (slice_id, key, camera_id, course_id, subject_id, teacher_id, title,"
                " planned_start, planned_end) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (slice_id, due.key, due.camera_id, due.course_id, *planned),
            )
            return slice_id
        slice_id, *known, ended_at = row
        if tuple(known) != planned or ended_at is not None:
            self._plan(slice_id, due)
            self._db.execute("UPDATE recording SET ended_at = NULL WHERE slice_id = ?", (slice_id,))
        return int(slice_id)

    def _plan(self, slice_id: int, due: Due) -> None:
        self._write(
            "UPDATE recording SET subject_id = ?, teacher_id = ?, title = ?, planned_start = ?, planned_end = ?,"
            " revision = revision + 1 WHERE slice_id = ?",
            *(due.subject_id, due.teacher_id, due.title, due.begin, due.end, slice_id),
        )

    def plan_recording(self, slice_id: int, due: Due) -> None:
        """The timetable of a running recording was edited."""
        self._plan(slice_id, due)

    def recording_began(self, slice_id: int, at: float) -> RecordingRow | None:
        """Its first packet was taken."""
        self._write("UPDATE recording SET began_at = coalesce(began_at, ?) WHERE slice_id = ?", at, slice_id)
        return self.recording(slice_id)

    def slice_opened(self, slice_id: int, slice_inx: int) -> None:
        """A file with this index exists; the next one is higher."""
        self._write("UPDATE recording SET last_inx = max(last_inx, ?) WHERE slice_id = ?", slice_inx, slice_id)

    def end_recording(self, slice_id: int, at: float) -> None:
        """Nothing more will come for it. Ending at another time than planned becomes the plan: what was not wanted is
        not missing.

        An end before the beginning is a clock that was set back: nothing is unwanted, an open end is its last slice's.
        """
        self._end(slice_id, at)

    def _end(self, slice_id: int, at: float) -> None:
        self._write(
            "UPDATE recording SET ended_at = ?, planned_end = CASE WHEN ? < planned_start THEN coalesce(planned_end,"
            " (SELECT max(started_at + media_sec) FROM slice WHERE slice.slice_id = recording.slice_id), planned_start)"
            " ELSE min(coalesce(planned_end, ?), ?) END, revision = revision + 1"
            " WHERE slice_id = ? AND ended_at IS NULL",
            *(at, at, at, at, slice_id),
        )

    def recording(self, slice_id: int) -> RecordingRow | None:
        """One recording."""
        rows = self._recordings("slice_id = ?", slice_id)
        return rows[0] if rows else None

    def open_recordings(self) -> list[RecordingRow]:
        """Those that may still grow."""
        return self._recordings("ended_at IS NULL")

    def recordings_between(self, since: float, until: float) -> list[RecordingRow]:
        """Those planned to begin in `[since, until)`."""
        return self._recordings("planned_start >= ? AND planned_start < ?", since, until, limit=-1)

    def unreported_recordings(self, limit: int = 100) -> list[RecordingRow]:
        """Those whose ledger the server has not confirmed since it last changed, oldest first."""
        return self._recordings("reported < revision", limit=limit)

    def recording_reported(self, slice_id: int, revision: int) -> None:
        """The server has confirmed the ledger as of `revision`."""
        self._reported(slice_id, revision)

    def _reported(self, slice_id: int, revision: int) -> None:
        self._write("UPDATE recording SET reported = max(reported, ?) WHERE slice_id = ?", revision, slice_id)

    def _recordings(self, where: str, *values: object, limit: int = 1000) -> list[RecordingRow]:
        found = self._select(f"{RECORDING_COLUMNS} FROM recording", f"{where} ORDER BY slice_id LIMIT {limit}", *values)
        return [RecordingRow._make(row) for row in found]

    # -- slices and gaps

    def add_slice(self, facts: SliceFacts) -> bool:
        """A finished slice. False when the journal knew it already."""
        with self._transaction() as db:
            added = db.execute(
                f"INSERT OR IGNORE INTO slice ({', '.join(_OF_SLICE)}, repaired, state)"  # noqa: S608
                f" VALUES ({'?, ' * len(_OF_SLICE)}?, ?)",
                (*(getattr(facts, name) for name in _OF_SLICE), int(facts.repaired), SliceState.RECORDED),
            ).rowcount
            self._found(db, facts)
            db.execute(
                "UPDATE recording SET last_inx = max(last_inx, ?), revision = revision + 1 WHERE slice_id = ?",
                (facts.slice_inx, facts.slice_id),
            )
            db.execute(  # what it covers is missing from no other recording of the lesson (`lesson_of`)
                "UPDATE recording SET revision = revision + 1 WHERE slice_id <> ? AND"
                " (camera_id, course_id, planned_start) ="
                " (SELECT camera_id, course_id, planned_start FROM recording WHERE slice_id = ?)",
                (facts.slice_id, facts.slice_id),
            )
        return added == 1

    def _found(self, db: sqlite3.Connection, facts: SliceFacts) -> None:
        """A recording that a lost journal knew: when it was due stands in its slices, in the latest the latest plan.

        It is open until somebody sees that nothing records it (`Fleet.reconcile`), and ends it.
        """
        db.execute(
            "INSERT INTO recording (slice_id, key, camera_id, course_id, subject_id, teacher_id, title,"
            " planned_start, planned_end) VALUES (?, ?, ?, ?, 0, 0, '', ?, ?)"
            " ON CONFLICT DO UPDATE SET ended_at = NULL, planned_start = min(planned_start, excluded.planned_start),"
            " planned_end = CASE WHEN ? > last_inx THEN excluded.planned_end ELSE planned_end END"
            " WHERE key = excluded.key",
            (
                *(facts.slice_id, f"found:{facts.slice_id}", facts.camera_id, facts.course_id),
                facts.started_at if facts.planned_start is None else facts.planned_start,
                facts.started_at + facts.media_sec if facts.planned_end is None else facts.planned_end,
                facts.slice_inx,
            ),
        )

    def unknown_stems(self, stems: Sequence[str]) -> set[str]:
        """Those of these that are the stem of no slice that is, or was, on disk."""
        unknown = "value FROM json_each(?)", "NOT EXISTS (SELECT 1 FROM slice WHERE stem = value)"
        asked = (json.dumps(stems[at : at + ASKED_AT_ONCE]) for at in range(0, len(stems), ASKED_AT_ONCE))
        return {stem for some in asked for (stem,) in self._select(*unknown, some)}

    def every_slice(self) -> Iterator[SliceRow]:
        """All slices, by stem, read a thousand at a time."""
        last = ""
        while rows := self._slices("stem > ? ORDER BY stem LIMIT 1000", last):
            yield from rows
            last = rows[-1].stem

    def damage(self) -> list[str]:
        """What SQLite's own check finds wrong with the file; empty when nothing."""
        try:
            said = [str(row[0]) for row in self._db.execute("PRAGMA quick_check(20)")]
        except sqlite3.DatabaseError as error:  # too damaged to be checked
            return [str(error)]
        return [] if said == ["ok"] else said

    def slices_in(self, state: SliceState, limit: int = 100) -> list[SliceRow]:
        """Slices of one state, oldest first."""
        return self._slices("state = ? ORDER BY started_at LIMIT ?", int(state), limit)

    def lesson_of(self, row: RecordingRow) -> tuple[list[Span], list[Span]]:
        """What all slices cover and all named gaps of what this recording recorded, by time: after the loss of a
        journal in a lesson, its remainder is another recording.
        """
        kin = "slice_id IN (SELECT slice_id FROM recording WHERE camera_id = ? AND course_id = ? AND planned_start = ?)"
        return self._spans(kin, row.camera_id, row.course_id, row.planned_start)

    def spans_of(self, slice_id: int) -> tuple[list[Span], list[Span]]:
        """What a recording's slices cover and its named gaps, by time."""
        return self._spans("slice_id = ?", slice_id)

    def _spans(self, whose: str, *values: object) -> tuple[list[Span], list[Span]]:
        there = f"{whose} AND state < {SliceState.GIVEN_UP:d} ORDER BY started_at"
        covered = self._select("started_at, started_at + media_sec FROM slice", there, *values)
        named = self._select("since, until, cause, detail FROM gap", f"{whose} ORDER BY since, cause", *values)
        return [Span(*row) for row in covered], [Span(*row) for row in named]

    def lessons_between(self, since: float, until: float) -> list[tuple[RecordingRow, list[SliceRow], list[Span]]]:
        """Every recording planned to begin in `[since, until)`, with all slices and named gaps of its lesson (see
        `lesson_of`).
        """
        rows = self.recordings_between(since, until)
        lessons: dict[object, tuple[list[SliceRow], list[Span]]] = {}
        whose = {
            row.slice_id: lessons.setdefault((row.camera_id, row.course_id, row.planned_start), ([], []))
            for row in rows
        }
        among = "slice_id IN (SELECT slice_id FROM recording WHERE planned_start >= ? AND planned_start < ?)"
        for piece in self._slices(f"{among} AND state < ? ORDER BY started_at", since, until, int(SliceState.GIVEN_UP)):
            whose[piece.slice_id][0].append(piece)
        gaps = "slice_id, since, until, cause, detail FROM gap"
        for slice_id, *gap in self._select(gaps, f"{among} ORDER BY since, cause", since, until):
            whose[slice_id][1].append(Span(*gap))
        return [(row, *whose[row.slice_id]) for row in rows]

    def slices_of(self, slice_id: int) -> list[SliceRow]:
        """A recording's slices by index, without those that were given up."""
        return self._slices("slice_id = ? AND state < ? ORDER BY slice_inx", slice_id, int(SliceState.GIVEN_UP))

    def advance(
        self, stem: str, state: SliceState, *, file_fdfs: str = "", image_fdfs: str = "", at: float | None = None
    ) -> None:
        """Move a slice forward. One that is there already stays as it is."""
        self._advance(stem, state, file_fdfs, image_fdfs, at)

    def confirmed(self, stem: str, at: float, told: RecordingRow) -> None:
        """The server lists a slice, and with it has taken its recording's ledger as of this row."""
        with self._transaction():
            self._advance(stem, SliceState.CONFIRMED, at=at)
            self._reported(told.slice_id, told.revision)

    def _advance(
        self, stem: str, state: SliceState, file_fdfs: str = "", image_fdfs: str = "", at: float | None = None
    ) -> None:
        self._write(
            "UPDATE slice SET state = ?, file_fdfs = CASE WHEN ? <> '' THEN ? ELSE file_fdfs END,"
            " image_fdfs = CASE WHEN ? <> '' THEN ? ELSE image_fdfs END, confirmed_at = coalesce(?, confirmed_at)"
            " WHERE stem = ? AND state < ?",
            *(int(state), file_fdfs, file_fdfs, image_fdfs, image_fdfs, at, stem, int(state)),
        )

    def upload_again(self, stem: str) -> None:
        """The server has lost what was uploaded: the one step back that there is, before it is confirmed."""
        self._write(
            "UPDATE slice SET state = ?, file_fdfs = '', image_fdfs = '' WHERE stem = ? AND state = ?",
            *(int(SliceState.RECORDED), stem, int(SliceState.UPLOADED)),
        )

    def counts(self) -> dict[SliceState, int]:
        """How many slices are how far."""
        found = self._db.execute("SELECT state, count(*) AS n FROM slice GROUP BY state")
        return {SliceState(row["state"]): row["n"] for row in found}

    def recent_sizes(self) -> list[tuple[int, int, float]]:
        """Channel, bytes and seconds of the slices that were finished last."""
        found = self._db.execute(
            "SELECT camera_id, size, media_sec FROM slice WHERE media_sec >= 1 ORDER BY rowid DESC LIMIT 500"
        )
        return [(row["camera_id"], row["size"], row["media_sec"]) for row in found]

    def give_up(self, stem: str, why: str) -> None:
        """A slice that was never uploaded is given up: from now on it is a gap of its recording."""
        with self._transaction() as db:
            row = db.execute(
                "SELECT slice_id, started_at, media_sec FROM slice WHERE stem = ? AND state = ?",
                (stem, int(SliceState.RECORDED)),
            ).fetchone()
            if row is None:
                return
            db.execute("UPDATE slice SET state = ? WHERE stem = ?", (int(SliceState.GIVEN_UP), stem))
            db.execute(
                "INSERT OR IGNORE INTO gap (slice_id, since, until, cause, detail) VALUES (?, ?, ?, 'disk', ?)",
                (row["slice_id"], row["started_at"], row["started_at"] + row["media_sec"], why),
            )
            db.execute("UPDATE recording SET revision = revision + 1 WHERE slice_id = ?", (row["slice_id"],))

    def waiting(self) -> tuple[int, float | None]:
        """Bytes that are not confirmed yet, and the start of the oldest of them."""
        found = "SELECT coalesce(sum(size), 0) AS bytes, min(started_at) AS oldest FROM slice WHERE state < ?"
        row = self._db.execute(found, (SliceState.CONFIRMED,)).fetchone()
        return row["bytes"], row["oldest"]

    def on_disk(self) -> tuple[int, list[SliceRow]]:
        """Bytes of all slices that are still on the local disk, and the confirmed ones among them, oldest first."""
        (used,) = self._db.execute(
            "SELECT coalesce(sum(size), 0) FROM slice WHERE state < ?", (SliceState.REMOVED,)
        ).fetchone()
        return used, self._slices("state = ? ORDER BY started_at LIMIT 1000", int(SliceState.CONFIRMED))

    def _slices(self, where: str, *values: object) -> list[SliceRow]:
        return [slice_row(row) for row in self._select(f"{SLICE_COLUMNS} FROM slice", where, *values)]

    def add_gap(self, gap: GapFound) -> bool:
        """What a recorder could not record, and why. The same beginning again only extends it; False when it says
        nothing new.
        """
        with self._transaction():
            return self._add_gap(gap)

    def _add_gap(self, gap: GapFound) -> bool:
        known = self._db.execute(
            "SELECT 1 FROM gap WHERE slice_id = ? AND since = ? AND cause = ? AND until >= ?",
            (gap.slice_id, gap.since, gap.cause, gap.until),
        ).fetchone()
        if known is not None:
            return False
        self._db.execute(
            "INSERT INTO gap (slice_id, since, until, cause, detail) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET until = max(until, excluded.until), detail = excluded.detail",
            (gap.slice_id, gap.since, gap.until, gap.cause, gap.detail),
        )
        self._db.execute("UPDATE recording SET revision = revision + 1 WHERE slice_id = ?", (gap.slice_id,))
        return True

    def named_gaps(self, slice_id: int) -> list[Span]:
        """The gaps that were reported of a recording."""
        return self.spans_of(slice_id)[1]

    # -- snapshots

    def snapshot_taken(self, camera_id: int, path: Path, taken_at: float) -> None:
        """The channel's picture was replaced."""
        self._write(
            "INSERT INTO snapshot (camera_id, path, taken_at) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET path = excluded.path, taken_at = excluded.taken_at",
            *(camera_id, str(path), taken_at),
        )

    def snapshot_reported(self, camera_id: int, taken_at: float) -> None:
        """The server has confirmed the picture taken then."""
        self._write("UPDATE snapshot SET reported = max(reported, ?) WHERE camera_id = ?", taken_at, camera_id)

    def unreported_snapshots(self) -> list[SnapshotRow]:
        """Pictures that the server does not have."""
        found = self._db.execute("SELECT * FROM snapshot WHERE reported < taken_at ORDER BY taken_at")
        return [SnapshotRow(row["camera_id"], Path(row["path"]), row["taken_at"], row["reported"]) for row in found]
