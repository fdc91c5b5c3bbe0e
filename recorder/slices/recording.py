"""One recording: from packets to finished slices, with everything that it misses named."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from recorder import disk_calls
from recorder.errors import FileError
from recorder.names import SliceName, new_uid
from recorder.protocol import BeginRecording, Event, GapFound, RecordingBegan, RecordingEnded, SliceOpened, Trouble
from recorder.slices.coverage import Coverage, Gap, HeldGap, SoundCoverage
from recorder.slices.finisher import Finisher
from recorder.slices.slice_file import SliceFile
from recorder.slices.slice_meta import SliceMeta
from recorder.slices.slicer import Cut, Fate, Slicer
from recorder.specs import Cause, Limits, Tuning
from recorder.stream.channel_clock import ChannelClock
from recorder.stream.timeline import ANCHOR_SEC, Lineup, Timed

SILENCE_SEC = 2.0
"""So long after its end a recording waits for packets of a track that fell silent, or of a camera that is away."""
LATENESS_SEC = 8.0
"""So long for the next packet of a camera that is there, beside the time that lies between its heaps (HLS)."""
LATEST_SEC = ANCHOR_SEC + LATENESS_SEC
"""But no longer than this, and a heap, after the end: what comes later than `ANCHOR_SEC` counts as made later."""
DISK_RETRY_SEC = 2.0
"""So long after a second failure in a row the disk is left alone."""
DISK_TOLD_SEC = 60.0
"""A disk that goes on failing is told this often."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all recordings of a channel share. `since` gives packets out of the ring."""

    camera_id: int
    folder: Path
    limits: Limits
    clock: ChannelClock
    finisher: Finisher
    emit: Callable[[Event], None]
    since: Callable[[float], list[Timed]]


class Recording:
    """Used by the writing thread alone. `finished` says that nothing more will come of it."""

    def __init__(self, order: BeginRecording, tuning: Tuning, around: Surroundings) -> None:
        self.spec = order.recording
        self.begin_at = order.begin_at
        self.end_at = order.end_at
        self.finished = False
        self.media_sec = 0.0
        self._around = around
        self._slicer = Slicer(tuning.slice_sec, tuning.inter_val)
        self._next_inx = order.recording.next_inx
        self._file: SliceFile | None = None
        self._coverage: Coverage | None = None
        self._cause: Cause | None = None  # why nothing comes, while coverage cannot be told yet
        self._taken = -1  # seq of the last packet that was looked at
        self._fed_at = 0.0  # when the last packet before the end was, by the monotonic clock
        self._early: list[Timed] = []  # the group in which it may begin, while that is not the last before `begin_at`
        self._last: Timed | None = None  # the last recorded packet of the leading track
        self._passed: set[int] = set()  # tracks whose packets have reached the end
        self._beyond: list[Timed] = []  # those packets, at most `SILENCE_SEC` of them
        self._lost_at: float | None = None  # what came after this media time is not on disk
        self._failures = 0
        self._retry_at = self._told_at = 0.0
        self._gap = HeldGap(self._tell_gap)
        self._sound = SoundCoverage()
        self._sound_gap = HeldGap(self._tell_gap)

    # -- what the writer says ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """The beginning is here or past: take from the ring what belongs to the recording."""
        due = self._around.clock.media_of(self.begin_at) if self._around.clock.known else 0.0
        for timed in self._around.since(due - self._around.limits.preroll_sec):
            self.take(timed)

    def take(self, timed: Timed) -> None:
        """The next packet of the channel; one that was taken out of the ring already is passed over."""
        if timed.seq <= self._taken or self.finished:
            return
        self._taken = timed.seq
        if self._coverage is None and self._is_early(timed):
            return
        if self.end_at is None and self._lost_at is None:
            self._feed(timed)
        else:
            self._place(timed)

    def move_end(self, end_at: float | None) -> None:
        """Another end: packets behind the old one may belong to the recording after all."""
        self.end_at = end_at
        beyond, self._beyond = self._beyond, []
        self._passed.clear()
        for timed in beyond:
            # With a disk that failed they come out of the ring again, like everything else since then.
            if self._lost_at is None and not self.finished:
                self._place(timed)

    def broke(self, cause: Cause) -> None:
        """Packets are missing from here on; the slice goes on with the next key frame."""
        if self._coverage is not None:
            self._coverage.broke(cause)
        elif self._cause is None:
            self._cause = cause

    def lost(self, cause: Cause) -> None:
        """The source is lost: what came is made a finished slice."""
        self._early.clear()
        self._close_slice("lost")
        self.broke(cause)
        self._sound.broke()

    def restart(self) -> None:
        """After an error that nobody foresaw: a new file, from the ring."""
        self._disk_failed(FileError("the open slice was given up"), self._last.at if self._last else None)

    def give_up(self) -> None:
        """After such an error at its end: what is not on disk now is a gap."""
        self._lost_at = None

    def retune(self, tuning: Tuning) -> None:
        """New slicing from the next packet on."""
        self._slicer.retune(tuning.slice_sec, tuning.inter_val)

    @property
    def unsafe_since(self) -> float | None:
        """What came at or after this media time may have to be recorded once more; None for nothing."""
        if self._lost_at is not None:
            return self._lost_at
        file = self._file
        if file is None or not file.packets:
            return None
        return file.durable_at if file.durable_at is not None else file.begin

    def is_overdue(self, online: bool, heap_sec: float = 0.0) -> bool:
        """Whether the end is long enough past that nothing more can come.

        While the camera is `online` that is told by its packets, which some (HLS) send in heaps, `heap_sec` apart at
        most. As long as they bring what lies before the end, more of it may follow.
        """
        if self.end_at is None:
            return False
        clock = self._around.clock
        passed = clock.wall() - self.end_at
        if not online:
            return passed >= SILENCE_SEC
        patience = LATENESS_SEC + heap_sec
        waited = min(passed, clock.monotonic() - self._fed_at)
        return waited >= patience or passed >= LATEST_SEC + heap_sec

    def tick(self) -> None:
        """Time passes, whether packets come or not."""
        if self._file is not None:
            try:
                self._file.sync_if_due()
            except FileError as error:
                self._disk_failed(error)

    def finish(self, reason: str, cause: Cause = "stopped") -> None:
        """Nothing more belongs to the recording; with "close" it may go on in another process: no end is told."""
        if self.finished:
            return
        if self._lost_at is not None:
            self._resume()
        self._close_slice(reason)
        if self._lost_at is not None:
            self._resume()  # the index did not reach the disk; once more from the ring, into another file
            self._close_slice(reason)
        self.finished = True
        self._sound_gap.tell()
        if reason == "close":
            self._gap.tell()
        else:
            self._tell_end(cause)

    # -- packets -----------------------------------------------------------------------------------------------------

    def _is_early(self, timed: Timed) -> bool:
        """Before anything is recorded: whether the beginning is still to come. Of what comes late, in a heap, only the
        last group before it is part of the recording, as of what lies in the ring.
        """
        around = self._around
        if timed.at >= around.clock.media_of(self.begin_at) - around.limits.preroll_sec:
            early, self._early = self._early, []
            for one in early:
                if self._lost_at is None:  # else the ring has them
                    self._feed(one)
            return False
        if timed.opens:
            self._early = [timed]
        elif self._early:
            self._early.append(timed)
        return True

    def _place(self, timed: Timed) -> None:
        if self._is_past_end(timed):
            self._pass_end(timed)
        elif self._lost_at is None:
            self._feed(timed)
        elif self._around.clock.monotonic() >= self._retry_at:
            self._resume()

    def _is_past_end(self, timed: Timed) -> bool:
        return self.end_at is not None and timed.at >= self._around.clock.media_of(self.end_at)

    def _pass_end(self, timed: Timed) -> None:
        """A track has reached the end; sound and picture do so one after the other, unless one of them is silent."""
        self._passed.add(timed.packet.track.index)
        self._beyond.append(timed)
        waited = timed.at - self._beyond[0].at >= SILENCE_SEC
        if waited or all(track.index in self._passed for track in timed.lineup.tracks):
            self.finish("end", "packet_loss")

    def _feed(self, timed: Timed) -> None:
        self._fed_at = timed.packet.arrival
        fate = self._slicer.feed(timed)
        if fate is Fate.WRITE:
            self._write(timed)
        elif isinstance(fate, Cut):
            self._cut(fate, timed)
        elif timed.leads:
            self.broke("no_key_frame")

    def _cut(self, cut: Cut, timed: Timed) -> None:
        if not self._seal(cut.reason):
            return
        if not cut.opens:
            self.broke("no_key_frame")
            return
        packets = (*cut.overlap, timed)
        try:
            self._open(packets[0], timed.lineup, cut.overlap_sec)
        except FileError as error:
            self._disk_failed(error, timed.at)
            return
        for one in packets:
            if self._file is not None:
                self._write(one)

    def _open(self, first: Timed, lineup: Lineup, overlap_sec: float) -> None:
        around, spec = self._around, self.spec
        started_at = around.clock.wall_of(first.at)
        inx = self._next_inx
        name = SliceName(new_uid(), around.camera_id, max(0, int(started_at)), spec.course_id, spec.slice_id, inx)
        meta = SliceMeta(
            around.camera_id,
            spec.course_id,
            spec.slice_id,
            inx,
            started_at,
            round(overlap_sec, 6),
            spec.title,
            self.begin_at if spec.planned_start is None else spec.planned_start,
            self.end_at,
        )
        limits = around.limits
        self._file = SliceFile(
            around.folder,
            name,
            lineup.tracks,
            meta,
            fragment_sec=limits.fragment_sec,
            sync_sec=limits.sync_sec,
            monotonic=around.clock.monotonic,
        )
        self._next_inx += 1
        if self._coverage is None:
            self._coverage = self._new_coverage()
            around.emit(RecordingBegan(spec.slice_id, started_at))
        around.emit(SliceOpened(spec.slice_id, inx, str(self._file.path.absolute()), started_at))

    def _write(self, timed: Timed) -> None:
        assert self._file is not None
        assert self._coverage is not None
        try:
            self._file.write(timed)
        except FileError as error:
            self._disk_failed(error)
            return
        if self._failures and self._file.durable_at is not None:
            self._failures = 0  # what was only taken into memory says nothing about the disk
        if timed.leads:
            self._last = timed
            if gap := self._coverage.took(timed.at, timed.end, timed.packet.lost):
                self._gap.hold(gap)
            if not self._file.empty:  # a disk that fails again and again makes one gap
                self._gap.settle(timed.at)
                self._sound_gap.settle(timed.at)
            self.media_sec = self._coverage.recorded
        elif timed.packet.track.kind == "audio" and (gap := self._sound.took(timed.at, timed.end, timed.packet.lost)):
            self._sound_gap.hold(gap)

    # -- slices ------------------------------------------------------------------------------------------------------

    def _close_slice(self, reason: str) -> None:
        self._seal(reason)
        self._slicer.close()

    def _seal(self, reason: str) -> bool:
        """End the open slice, if there is one, and have it finished; whether all of it is on disk."""
        if self._file is None:
            return True
        try:
            self._file.seal()
        except FileError as error:
            self._disk_failed(error)
            return False
        self._around.finisher.finish_slice(self._file, reason)
        self._file = None
        return True

    def _disk_failed(self, error: FileError, since: float | None = None) -> None:
        """The open file is left to a repair, and what may not be durable is recorded once more out of the ring.

        Only what the ring has no more when the disk works again is a gap.
        """
        file, self._file = self._file, None
        if file is not None:
            since = file.durable_at if file.durable_at is not None else file.begin
            file.abandon()
            if file.empty:
                with suppress(OSError):  # a disk that takes nothing may not give anything either
                    disk_calls.unlink(file.path)
                self._next_inx = file.name.slice_inx
        self._slicer.close()
        self._failures += 1
        now = self._around.clock.monotonic()
        if self._failures == 1 or now - self._told_at >= DISK_TOLD_SEC:
            self._told_at = now
            self._around.emit(Trouble("disk", f"{error}; recording goes on in a new file"))
        self._lost_at = since
        if self._failures > 1:
            self._retry_at = now + DISK_RETRY_SEC
        if self._coverage is not None:
            self._coverage.broke("disk", since)
        else:
            self.broke("disk")

    def _resume(self) -> None:
        """After a disk error: everything from the ring again that is not known to be on disk."""
        lost_at, self._lost_at = self._lost_at, None
        assert lost_at is not None
        for timed in self._around.since(lost_at):
            if timed.seq > self._taken or self._lost_at is not None:
                return
            if not self._is_past_end(timed):
                self._feed(timed)

    # -- the ledger --------------------------------------------------------------------------------------------------

    def _new_coverage(self) -> Coverage:
        coverage = Coverage(self._around.clock.media_of(self.begin_at))
        if self._cause is not None:
            coverage.broke(self._cause)
        elif self.spec.next_inx > 1:
            coverage.broke("restart")  # it goes on after another process, and was not late
        return coverage

    def _tell_gap(self, gap: Gap) -> None:
        wall_of = self._around.clock.wall_of
        self._around.emit(GapFound(self.spec.slice_id, wall_of(gap.since), wall_of(gap.until), gap.cause))

    def _tell_end(self, cause: Cause) -> None:
        around = self._around
        until = min(self.end_at if self.end_at is not None else around.clock.wall(), around.clock.wall())
        if around.clock.known:
            self._coverage = self._coverage or self._new_coverage()
            if gap := self._coverage.finish(around.clock.media_of(until), cause):
                self._gap.hold(gap)
            self._gap.tell()
        elif until > self.begin_at:
            around.emit(GapFound(self.spec.slice_id, self.begin_at, until, self._cause or cause))
        last_at = None if self._last is None else around.clock.wall_of(self._last.end)
        around.finisher.tell(RecordingEnded(self.spec.slice_id, last_at, self.media_sec))
