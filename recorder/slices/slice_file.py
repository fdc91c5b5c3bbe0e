"""One slice on disk: a fragmented MP4 while it grows, an ordinary MP4 when it is closed.

A fragment is written about every second, also between key frames, and whole: a reader of the open file, or of what a
crash left, finds everything up to the last fragment.  The header goes with the first fragment, since only then both
tracks' first stamps are known; it says how far apart they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from recorder import clocks, disk_calls
from recorder.av_errors import AV_ERRORS
from recorder.errors import FileError
from recorder.mp4.payload import as_sent
from recorder.mp4.writer import Mp4Writer
from recorder.names import SliceName
from recorder.packets import Packet, Track
from recorder.slices.slice_meta import SliceMeta
from recorder.specs import SliceFacts
from recorder.stream.timeline import Timed
from recorder.synced_file import SyncedFile, sync_folder

START_WINDOW_SEC = 0.5
"""So much media is waited for until every track has shown where it begins; tracks are no farther apart, as a rule."""
_CANDIDATES = 4
T = TypeVar("T")


class SliceFile:
    """An open slice; everything raises `FileError`, after which only `abandon` may follow.

    Used by the writing thread; `finish` may run in another after `seal`.
    """

    def __init__(
        self,
        folder: Path,
        name: SliceName,
        tracks: Sequence[Track],
        meta: SliceMeta,
        *,
        fragment_sec: float,
        sync_sec: float,
        temporary: str = "",
        monotonic: Callable[[], float] = clocks.monotonic,
    ) -> None:
        self.name = name
        self.meta = meta
        self.tracks = tuple(tracks)
        self.packets = 0
        self._pictures = Candidates[int]()
        self._begin = self._end = self._last_at = 0.0
        self._fragment_sec = fragment_sec
        self._fragment_at = self._fragment_arrival = 0.0
        self._durable_at: float | None = None
        self._written: deque[tuple[int, float]] = deque()  # where fragments end, and what is surely in front of there
        self._file = SyncedFile(folder / (temporary or name.filename), sync_sec, monotonic)
        tags = {"title": meta.title, "comment": meta.comment()}
        self._mp4 = Mp4Writer(self._file, self.tracks, meta.started_at, tags)

    @property
    def path(self) -> Path:
        """Where the file is now."""
        return self._file.path

    @property
    def closed_path(self) -> Path:
        """Where the file will be when it is finished as it is now."""
        return self.path.with_name(self.name.closed(int(self.media_sec)).filename)

    @property
    def empty(self) -> bool:
        """Whether no fragment was written yet."""
        return self._mp4.fragments == 0

    @property
    def begin(self) -> float:
        """Media time of its first packet."""
        return self._begin

    @property
    def media_sec(self) -> float:
        """Media length so far."""
        return self._end - self._begin

    @property
    def durable_at(self) -> float | None:
        """What was written up to this media time survives a power cut; None while that cannot be told, and where the
        file is gone.
        """
        if self._file.gone:
            return None
        while self._written and self._written[0][0] <= self._file.synced_end:
            self._durable_at = self._written.popleft()[1]
        return self._durable_at

    def write(self, timed: Timed) -> None:
        """Append a packet; its track must be one of the slice's."""
        at, packet = timed.at, timed.packet
        if self.packets == 0:
            self._begin = self._end = self._fragment_at = at
            self._fragment_arrival = packet.arrival
        elif at < self._begin:
            self._begin = at
        self._end = max(self._end, timed.end)
        if timed.opens and packet.track.kind == "video":
            self._pictures.offer(self._mp4.number_of_next(packet.track))
        # By real time too: a camera whose clock stands has its packets a tick apart.
        waited = max(at - self._fragment_at, packet.arrival - self._fragment_arrival)
        if waited >= self._fragment_sec and (self._mp4.all_began or waited > START_WINDOW_SEC):
            self._flush()
            self._fragment_at, self._fragment_arrival = at, packet.arrival
        self._mp4.add(packet)
        self.packets += 1
        self._last_at = at

    def sync_if_due(self) -> None:
        """To be called when no packets come: what was written becomes durable in time all the same."""
        self._file.sync_if_due()

    def seal(self) -> None:
        """Write the index and make the file durable. It stays locked and `.part` until `finish`."""
        self._attempt(self._mp4.close)

    def key_frames(self) -> Iterator[Packet]:
        """A few from all over the sealed file, the best for a thumbnail first, read from the disk: while a slice grows,
        they would be half a megabyte of memory.
        """
        for track in self.tracks:
            for number in self._pictures.best_first() if track.kind == "video" else ():
                place, size = self._mp4.place_of(track, number)
                yield Packet(track, as_sent(track, self._file.read(place, size)), 0, 0, 0, True, 0.0)

    def finish(self, thumbnail: str | None, *, repaired: bool = False) -> SliceFacts:
        """Check what is on disk against what was written, give the file its final name."""
        sha256 = self._file.digest()
        size = self._file.end
        name = self.name.closed(int(self.media_sec))
        path = self.closed_path
        try:
            disk_calls.rename(self.path, path)
        except OSError as error:
            raise FileError(f"cannot rename {self.path.name}: {error.strerror}") from error
        sync_folder(path.parent)
        self._file.close()
        return make_facts(
            path,
            name=name,
            meta=self.meta,
            tracks=self.tracks,
            media_sec=self.media_sec,
            size=size,
            sha256=sha256,
            packets=self.packets,
            thumbnail=thumbnail,
            repaired=repaired,
        )

    def abandon(self) -> None:
        """Let go of the file as it is: a repair will make of it what can be made."""
        if self._file.error is None:
            self._file.error = FileError(f"{self.name.filename} was given up")
        self._file.close()

    def _flush(self) -> None:
        self._attempt(self._mp4.flush)
        # Sound that is a little late may follow what was written: that much is not taken for durable.
        self._written.append((self._file.end, self._last_at - START_WINDOW_SEC))

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except AV_ERRORS as error:
            raise FileError(f"cannot write {self.name.filename}: {error}") from error


class Candidates(Generic[T]):
    """A few key frames from all over a slice, for its thumbnail; memory does not grow with its length."""

    def __init__(self) -> None:
        self._kept: list[T] = []
        self._every = 1
        self._count = 0

    def offer(self, key_frame: T) -> None:
        """The next one."""
        if self._count % self._every == 0:
            self._kept.append(key_frame)
            if len(self._kept) > _CANDIDATES:
                self._kept = self._kept[::2]
                self._every *= 2
        self._count += 1

    def best_first(self) -> list[T]:
        """The middle one first: the first frames of a lesson are often black or empty."""
        middle = len(self._kept) // 2
        return self._kept[middle:] + self._kept[:middle][::-1]


def make_facts(
    path: Path,
    *,
    name: SliceName,
    meta: SliceMeta,
    tracks: Sequence[Track],
    media_sec: float,
    size: int,
    sha256: str,
    packets: int,
    thumbnail: str | None,
    repaired: bool,
) -> SliceFacts:
    """The facts of a finished slice."""
    labels = {track.kind: track.label for track in tracks}
    return SliceFacts(
        stem=name.stem,
        path=str(path.absolute()),
        thumbnail=thumbnail,
        camera_id=name.camera_id,
        course_id=name.course_id,
        slice_id=name.slice_id,
        slice_inx=name.slice_inx,
        started_at=meta.started_at,
        media_sec=media_sec,
        overlap_sec=meta.overlap_sec,
        size=size,
        sha256=sha256,
        video=labels.get("video", ""),
        audio=labels.get("audio", ""),
        packets=packets,
        repaired=repaired,
        planned_start=meta.planned_start,
        planned_end=meta.planned_end,
    )
