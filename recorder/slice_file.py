"""One slice on disk: a fragmented MP4 while it grows, an ordinary MP4 when it is closed.

A fragment is written about every second, also between key frames, and whole: a reader of the open file, or of what a
crash left, finds everything up to the last fragment.  The header waits for the first fragment (`delay_moov`), since
only then both tracks' first stamps are known; otherwise libavformat moves both to zero and parts sound from picture.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import av

from recorder import clocks, disk_calls
from recorder.av_errors import AV_ERRORS
from recorder.errors import FileError
from recorder.fragments import WholeBoxes
from recorder.names import SliceName
from recorder.packets import Packet, Track
from recorder.slice_meta import SliceMeta
from recorder.specs import SliceFacts
from recorder.synced_file import SyncedFile, sync_folder
from recorder.timeline import Timed

START_WINDOW_SEC = 0.5
"""So much media is waited for until every track has shown where it begins."""
_BUFFER_BYTES = 128 << 10
_FLUSH_PACKETS = 0x0200  # AVFMT_FLAG_FLUSH_PACKETS
_CANDIDATES = 4
_PREAMBLE_BYTES = 88  # what libavformat writes before anything is known: ftyp and room for the header of the final mdat


class _Lane:
    """A track on its way into the file."""

    __slots__ = ("base", "last", "stream", "time_base")

    def __init__(self, stream: Any, time_base: Fraction) -> None:
        self.stream = stream
        self.time_base = time_base
        self.base = 0
        self.last = -1


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
        self.pictures = Candidates()
        self._begin = self._end = self._last_at = 0.0
        self._pending: list[Timed] | None = []
        self._durable_at: float | None = None
        self._written: deque[tuple[int, float]] = deque()  # where fragments end, and what is surely in front of there
        self._file = SyncedFile(folder / (temporary or name.filename), sync_sec, monotonic)
        self._boxes = WholeBoxes(self._file)
        try:
            self._output = _open_output(self._boxes, meta, fragment_sec)
            self._lanes = {track: _Lane(_add_stream(self._output, track), track.time_base) for track in tracks}
        except AV_ERRORS as error:
            self.abandon()
            raise FileError(f"cannot begin {name.filename}: {error}") from error

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
        return self._file.end <= _PREAMBLE_BYTES

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
        if self.packets == 0:
            self._begin = self._end = timed.at
        self.packets += 1
        self._begin = min(self._begin, timed.at)
        self._end = max(self._end, timed.end)
        if timed.opens and timed.packet.track.kind == "video":
            self.pictures.offer(timed)
        if self._pending is None:
            self._mux(timed)
        else:
            self._pending.append(timed)
            seen = {one.packet.track for one in self._pending}
            if len(seen) == len(self._lanes) or timed.at - self._pending[0].at > START_WINDOW_SEC:
                self._start()

    def sync_if_due(self) -> None:
        """To be called when no packets come: what was written becomes durable in time all the same."""
        self._file.sync_if_due()

    def seal(self) -> None:
        """Write the index and make the file durable. It stays locked and `.part` until `finish`."""
        if self._pending:
            self._start()
        try:
            self._output.close()
        except AV_ERRORS as error:
            raise self._file_error(error) from error
        if self._file.error is not None:
            raise self._file.error
        self._boxes.flush()
        self._file.sync()

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
        output = getattr(self, "_output", None)
        if output is not None:
            with suppress(*AV_ERRORS, FileError):  # the file takes no more writes, which is the point
                output.close()
        self._file.close()

    def _start(self) -> None:
        """Where the file's own time begins is known now: no packet may lie before it."""
        pending, self._pending = self._pending or [], None
        base = min((one.packet.dts or 0) * one.packet.track.time_base for one in pending)
        for lane in self._lanes.values():
            lane.base = floor(base / lane.time_base)
        for one in pending:
            self._mux(one)

    def _mux(self, timed: Timed) -> None:
        packet = timed.packet
        lane = self._lanes[packet.track]
        # mux() changes what it is given: each slice makes its own PyAV packet around the shared bytes.
        out = av.Packet(packet.data)
        assert packet.dts is not None
        assert packet.pts is not None
        lane.last = out.dts = max(packet.dts - lane.base, lane.last + 1)
        out.pts = max(packet.pts - lane.base, lane.last)
        out.duration = packet.duration
        out.time_base = lane.time_base
        out.is_keyframe = packet.is_key
        out.stream = lane.stream
        before = self._file.end
        try:
            self._output.mux_one(out)
        except AV_ERRORS as error:
            raise self._file_error(error) from error
        if self._file.error is not None:
            raise self._file.error
        if self._file.end != before:
            # Written was the fragment in front of this packet; what waits to be interleaved is not in it yet.
            self._written.append((self._file.end, self._last_at - START_WINDOW_SEC))
        self._last_at = timed.at

    def _file_error(self, error: Exception) -> FileError:
        return self._file.error or FileError(f"cannot write {self.name.filename}: {error}")


class Candidates:
    """A few key frames from all over a slice, for its thumbnail; memory does not grow with its length."""

    def __init__(self) -> None:
        self._kept: list[Packet] = []
        self._every = 1
        self._count = 0

    def offer(self, timed: Timed) -> None:
        """A key frame of the slice."""
        if self._count % self._every == 0:
            self._kept.append(timed.packet)
            if len(self._kept) > _CANDIDATES:
                self._kept = self._kept[::2]
                self._every *= 2
        self._count += 1

    def best_first(self) -> list[Packet]:
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


def _open_output(file: WholeBoxes, meta: SliceMeta, fragment_sec: float) -> av.container.OutputContainer:
    options = {
        "movflags": "hybrid_fragmented+delay_moov",
        "frag_duration": str(round(fragment_sec * 1e6)),
        "write_prft": "pts",  # room for each fragment's checksum
        # A track that falls silent holds the other back no longer than this (libavformat: 10 s).
        "max_interleave_delta": "500000",
    }
    output = av.open(file, "w", format="mp4", options=options, buffer_size=_BUFFER_BYTES)
    # Without it the end of each fragment stays in a buffer, and a crash tears it.
    output.flags |= _FLUSH_PACKETS
    output.metadata["title"] = meta.title
    output.metadata["comment"] = meta.comment()
    return output


def _add_stream(output: av.container.OutputContainer, track: Track) -> Any:
    # `opaque`: the parameters as they are; otherwise PyAV looks for an encoder of the decoder's name.
    stream = output.add_stream_from_template(track.template, opaque=True)
    if track.codec == "hevc":
        stream.codec_context.codec_tag = "hvc1"  # players of one large maker refuse hev1
    return stream
