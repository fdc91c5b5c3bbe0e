"""A media file that plays as a camera: for ever, in real time, with joints that nothing can tell from the middle.

**Joint.** The n-th turn is the file's packets with n times the period added to their stamps.  The period is the length
of the longest track, first stamp to end of last packet, kept as an exact fraction: stamps never overlap, each track's
joint is exact where the tracks are equally long (and else a pause of the difference), and sound and picture stay
together however long it runs.

**Pace.** A packet is due when its decode time has come, counted from the first packet on the monotonic clock, so that
the pace never drifts and a late packet does not delay the next ones.  Tracks are merged by decode time, because many
files store a second of picture and then a second of sound.

**File.** Read through one descriptor: a file replaced on disk plays on as it was until the camera is opened again.
A plain MP4 is read by its index (`stored_film`), everything else by libavformat.
"""

from __future__ import annotations

import math
import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from io import FileIO
from pathlib import Path

import av
from av.container import InputContainer

from recorder import clocks
from recorder.errors import SourceError
from recorder.packets import Packet, Track
from recorder.source import adts
from recorder.source.stored_film import Due, Raw, StoredFilm, stored_film
from recorder.source.tracks import choose, track_of
from recorder.specs import SourceSpec

# Only containers with stamps of their own, and nothing that names other files.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts"
_READ_BYTES = 256 << 10
# How far the merge looks ahead for a track that has no packet yet; a track may end long before the other.
_LOOKAHEAD_PACKETS = 512

BEHIND_SEC = 10.0


class Mp4Camera:
    """`Source` over a file. `wait(seconds)` sleeps and says whether it was interrupted; tests give their own time."""

    def __init__(
        self,
        spec: SourceSpec,
        *,
        monotonic: Callable[[], float] = clocks.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """`spec` must be of kind "file"; its `location` is a path."""
        self.stall_sec = math.inf  # a pause is the film's own
        self._path = Path(spec.location)
        self._monotonic = monotonic
        self._interrupted = threading.Event()
        self._wait = wait or self._interrupted.wait
        self._file: FileIO | None = None
        self._container: InputContainer | None = None
        self._tracks: dict[int, Track] = {}
        self._wrapped: set[int] = set()  # tracks whose frames bear ADTS headers
        self._dropped: tuple[str, ...] = ()
        self._film: StoredFilm | None = None  # None where libavformat reads the packets
        self._packets: Iterator[Due] = iter(())
        self._began_at: float | None = None
        self._first_due = 0.0

    @property
    def dropped(self) -> tuple[str, ...]:
        """Tracks that were left out, each with the reason."""
        return self._dropped

    def open(self) -> tuple[Track, ...]:
        """Open the file and find its tracks; see `Source.open`."""
        self._check_interrupt()
        self._file = self._regular_file()
        self._container = self._demuxer()
        streams, self._dropped = choose(list(self._container.streams))
        if not streams:
            reasons = "; ".join(self._dropped) or "it holds no track"
            raise SourceError("unusable", f"{self._path}: nothing that can be played as a camera ({reasons})")
        self._tracks = {stream.index: self._bare(track_of(stream)) for stream in streams}
        if not self._wrapped:
            self._film = stored_film(self._file.fileno(), self._tracks, self._container)
            self._close_container()  # it has read some packets
        self._packets = self._endless()
        return tuple(self._tracks.values())

    def read(self) -> Packet:
        """The next packet when its time has come; see `Source.read`."""
        self._check_interrupt()
        due, raw = next(self._packets)
        now = self._monotonic()
        if self._began_at is None:
            self._began_at, self._first_due = now, due
        due_at = self._began_at + due - self._first_due
        while due_at > now:
            self._wait(due_at - now)
            self._check_interrupt()
            now = self._monotonic()
        if now - due_at > BEHIND_SEC:
            raise SourceError("stalled", f"{self._path}: could not be played for {now - due_at:.0f} s")
        return Packet(*raw, now)

    def interrupt(self) -> None:
        """End a `read` that waits for its packet's time, at once."""
        self._interrupted.set()

    def close(self) -> None:
        """Close the file; tracks and packets stay valid."""
        self._packets = iter(())
        self._close_container()
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _bare(self, track: Track) -> Track:
        """The track as it is recorded: without the headers that MPEG-TS puts before each frame of AAC."""
        if not adts.may_be_wrapped(track):
            return track
        with self._demuxer() as container:
            first = next((packet for packet in container.demux(container.streams[track.index]) if packet.size), None)
            found = adts.bare_track(track, bytes(first)) if first is not None else None
        if found is not None:
            self._wrapped.add(track.index)
        self._close_container()  # it shared the file's position
        self._container = self._demuxer()
        return found or track

    def _endless(self) -> Iterator[Due]:
        shift = Fraction(0)
        while self._film is not None and self._film.unchanged:
            try:
                yield from self._film.turn(shift)
            except OSError as error:
                raise SourceError("unusable", f"{self._path}: damaged ({error.strerror})") from error
            shift += self._film.period
        self._container = self._container or self._demuxer()
        while True:
            turn = _Turn()
            merged = _merged(self._turn(turn), len(self._tracks))
            if shift:
                seconds = float(shift)
                for due, raw in merged:
                    yield due + seconds, _shifted(raw, shift)
            else:
                yield from merged
            if not turn.period:
                raise SourceError("unusable", f"{self._path}: holds no packet with a time stamp")
            shift += turn.period
            self._close_container()
            self._container = self._demuxer()

    def _turn(self, turn: _Turn) -> Iterator[Due]:
        """The file's packets once, in its own order, measured by `turn`."""
        assert self._container is not None
        tracks, wrapped = self._tracks, self._wrapped
        try:
            for packet in self._container.demux(*(self._container.streams[index] for index in tracks)):
                data = bytes(packet)
                if not data:
                    continue
                index = packet.stream_index
                if index in wrapped:
                    data = adts.bare(data)
                track, pts, dts, duration = tracks[index], packet.pts, packet.dts, packet.duration or 0
                yield turn.add(track, pts, dts, duration), (track, data, pts, dts, duration, packet.is_keyframe)
        except (av.FFmpegError, OSError) as error:
            raise SourceError("unusable", f"{self._path}: damaged ({error.strerror})") from error

    def _regular_file(self) -> FileIO:
        """Only a regular file: reading a device or a pipe could block for ever or mean something."""
        try:
            # O_NONBLOCK, because opening a pipe without a writer blocks.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise SourceError("not_found", f"{self._path}: there is no such file") from error
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise SourceError("unusable", f"{self._path}: cannot be read ({reason})") from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise SourceError("unusable", f"{self._path}: is not a regular file")
        return FileIO(descriptor)

    def _demuxer(self) -> InputContainer:
        assert self._file is not None
        self._file.seek(0)
        try:
            return av.open(
                self._file,
                "r",
                container_options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"},
                metadata_errors="replace",
                buffer_size=_READ_BYTES,
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise SourceError("unusable", f"{self._path}: no MP4, Matroska or MPEG-TS file that can be read") from error

    def _close_container(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def _check_interrupt(self) -> None:
        if self._interrupted.is_set():
            raise SourceError("stopped", f"{self._path}: stopped")


class _Turn:
    """Measures one turn of the file: `period` is the length of its longest track in seconds."""

    def __init__(self) -> None:
        self._lengths: dict[Track, _Length] = {}

    def add(self, track: Track, pts: int | None, dts: int | None, duration: int) -> float:
        """Count this packet; when it is to be decoded, in seconds."""
        length = self._lengths.get(track)
        if length is None:
            length = self._lengths[track] = _Length(track.time_base)
        return length.add(pts if dts is None else dts, duration) * length.tick

    @property
    def period(self) -> Fraction:
        return max((length.ticks * track.time_base for track, length in self._lengths.items()), default=Fraction(0))


class _Length:
    """From the first decode stamp of a track to the end of its last packet, in ticks."""

    def __init__(self, time_base: Fraction) -> None:
        self.tick = float(time_base)
        self._first: int | None = None
        self._last = 0
        self._step = 0
        self._end = 0

    @property
    def ticks(self) -> int:
        return self._end - (self._first or 0)

    def add(self, stamp: int | None, duration: int) -> int:
        if stamp is None:  # Matroska and MPEG-TS may leave out stamps and durations: the step before stands in
            stamp = self._last + self._step
        if self._first is None:
            self._first = stamp
        else:
            self._step = stamp - self._last if stamp > self._last else 0
        self._last = stamp
        end = stamp + (duration or self._step)
        self._end = max(self._end, end)
        return stamp


def _merged(packets: Iterator[Due], tracks: int) -> Iterator[Due]:
    """The packets of all tracks in the order of their decode times, each track in its own order."""
    queues: dict[Track, deque[Due]] = {}
    held = filled = 0
    for item in packets:
        queue = queues.get(item[1][0])
        if queue is None:
            queue = queues[item[1][0]] = deque()
        filled += not queue
        queue.append(item)
        held += 1
        while filled == tracks or held > _LOOKAHEAD_PACKETS:
            queue = _earliest(queues)
            yield queue.popleft()
            held -= 1
            filled -= not queue
    for _ in range(held):
        yield _earliest(queues).popleft()


def _earliest(queues: dict[Track, deque[Due]]) -> deque[Due]:
    first: deque[Due] | None = None
    for queue in queues.values():
        if queue and (first is None or queue[0][0] < first[0][0]):
            first = queue
    assert first is not None
    return first


def _shifted(raw: Raw, shift: Fraction) -> Raw:
    track, data, pts, dts, duration, is_key = raw
    ticks = round(shift / track.time_base)
    return (
        track,
        data,
        None if pts is None else pts + ticks,
        None if dts is None else dts + ticks,
        duration,
        is_key,
    )
