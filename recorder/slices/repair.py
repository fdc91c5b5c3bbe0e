"""What a crash left open becomes what it should have been: finished slices, and nothing silently kept or dropped.

Every step leaves a state from which the next run goes on:

    <open>.mp4.part                        torn, or whole and only not yet renamed
    <open>.mp4.part + <open>.repair        a repair was interrupted: the second is thrown away, the first repaired again
    <open>.mp4.part + <open>_<sec>.mp4     repaired, the torn one not yet removed: it goes
    <open>_<sec>.mp4                       finished
"""

from __future__ import annotations

import glob
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import av

from recorder import disk_calls
from recorder.av_errors import AV_ERRORS
from recorder.errors import FileError, NotRepairable
from recorder.mp4.survey import survey
from recorder.names import CLOSED_SUFFIX, OPEN_SUFFIX, SliceName, parse, parse_stem
from recorder.packets import Packet, Track
from recorder.protocol import Event, RepairBegan, RepairDone, SliceClosed, Trouble
from recorder.slices.finisher import make_thumbnail
from recorder.slices.slice_file import Candidates, SliceFile, make_facts
from recorder.slices.slice_meta import SliceMeta, read_comment
from recorder.source.tracks import choose, track_of
from recorder.specs import SliceFacts
from recorder.stream.timeline import Lineup, Timed
from recorder.synced_file import UNBORN_SUFFIX, file_digest, locked, sync_folder

TEMPORARY_SUFFIX = ".repair"
UNUSABLE = "unusable"
"""The folder beside the slices' into which files without a playable packet are moved."""

_SYNC_SEC = 30.0  # the torn file stays until its repair is whole: nothing is at stake in between


def repair_folder(folder: Path, adopt: Sequence[str], emit: Callable[[Event], None], skip: Sequence[str] = ()) -> None:
    """Repair every open slice that nobody holds, telling each as `SliceClosed`, and then `RepairDone`.

    `adopt`: stems or file names of finished slices that are to be told as well.  `skip`: file names to be passed over.
    Each file that is turned to is told first, as `RepairBegan`.
    """
    _clean(folder)
    for stem in adopt:
        if stem not in skip:
            _adopt(folder, stem, emit)
    repaired = 0
    unusable: list[str] = []
    for path in sorted(folder.glob(f"*{OPEN_SUFFIX}")):
        name = parse(path.name)
        if name is None or path.name in skip:
            continue
        try:
            emit(_begun(path))
            with locked(path) as torn:
                if torn is None:
                    continue
                facts = _repair(path, name, torn, emit)
        except NotRepairable as error:
            unusable.append(f"{path.name}: {error}")
            _set_aside(path, emit)
        except (FileError, OSError) as error:
            emit(Trouble("repair", f"{path.name}: {error}; it stays as it is for the next repair"))
        else:
            repaired += 1
            emit(SliceClosed(facts, "repair"))
    emit(RepairDone(repaired, unusable))


def _repair(path: Path, name: SliceName, torn: BinaryIO, emit: Callable[[Event], None]) -> SliceFacts:
    """Make the open slice at `path` a finished one; `NotRepairable` when nothing in it can be played."""
    done = _finished_sibling(path, name)
    if done is not None:
        with done.open("rb") as file:
            facts = _describe(done, file, name)
    else:
        size = os.fstat(torn.fileno()).st_size
        found = survey(lambda offset, count: os.pread(torn.fileno(), count, offset), size)
        if not found.closed and not found.usable:
            raise NotRepairable(f"no whole fragment in {size} bytes")
        if found.closed:
            facts = _describe(path, torn, name)
            disk_calls.rename(path, facts.path)
            sync_folder(path.parent)
            return facts
        facts = _remux(path, name, torn, found.usable)
        if found.behind:
            emit(Trouble("repair", f"{path.name}: {found.behind} bytes behind a damaged place are in {UNUSABLE} only"))
            _set_aside(path, emit)
            return facts
    disk_calls.unlink(path)
    sync_folder(path.parent)
    return facts


def _begun(path: Path) -> RepairBegan:
    """Before it is opened: even that may hang."""
    try:
        return RepairBegan(path.name, path.stat().st_size)
    except OSError:
        return RepairBegan(path.name, 0)


def _adopt(folder: Path, stem: str, emit: Callable[[Event], None]) -> None:
    """Tell a finished slice that the journal lacks."""
    name = parse_stem(stem.removesuffix(CLOSED_SUFFIX))
    if name is None:
        emit(Trouble("repair", f"{stem[:80]!r} is no slice"))
        return
    path = folder / name.filename
    try:
        emit(_begun(path))
        with path.open("rb") as file:
            emit(SliceClosed(replace(_describe(path, file, name), repaired=False), "found"))
    except (FileError, OSError) as error:
        emit(Trouble("repair", f"{path.name}: {error}"))


def _finished_sibling(path: Path, name: SliceName) -> Path | None:
    for other in path.parent.glob(f"{glob.escape(name.stem)}_*.mp4"):
        found = parse(other.name)
        if found is not None and found.seconds is not None:
            return other
    return None


def _remux(path: Path, name: SliceName, torn: BinaryIO, usable: int) -> SliceFacts:
    """The whole fragments as a finished slice beside the torn one."""
    with _Demuxed(_Prefix(torn, usable), name) as source:
        file = SliceFile(
            path.parent,
            name,
            source.tracks,
            source.meta,
            fragment_sec=10.0,
            sync_sec=_SYNC_SEC,
            temporary=name.stem + TEMPORARY_SUFFIX,
        )
        try:
            for timed in source:
                file.write(timed)
            if not file.packets:
                raise NotRepairable("no packet in whole fragments")
            file.seal()
            thumbnail = make_thumbnail(file.key_frames(), file.closed_path)
            return file.finish(thumbnail, repaired=True)
        except (FileError, OSError):
            file.abandon()
            with suppress(OSError):
                disk_calls.unlink(file.path)
            raise


def _describe(path: Path, file: BinaryIO, name: SliceName) -> SliceFacts:
    """The facts of a whole file, and its thumbnail; `path` of the facts is its final one."""
    pictures, packets, begin, end = Candidates[Packet](), 0, 0.0, 0.0
    with _Demuxed(_Prefix(file, os.fstat(file.fileno()).st_size), name) as source:
        for timed in source:
            begin = timed.at if not packets else min(begin, timed.at)
            end = max(end, timed.end)
            packets += 1
            if timed.opens and timed.packet.track.kind == "video":
                pictures.offer(timed.packet)
        meta, tracks = source.meta, source.tracks
    if not packets:
        raise NotRepairable("no packet")
    sibling = parse(path.name)
    assert sibling is not None
    closed = sibling if sibling.seconds is not None else name.closed(int(end - begin))
    final = path.with_name(closed.filename)
    return make_facts(
        final,
        name=closed,
        meta=meta,
        tracks=tracks,
        media_sec=end - begin,
        size=os.fstat(file.fileno()).st_size,
        sha256=file_digest(file.fileno()),
        packets=packets,
        thumbnail=make_thumbnail(pictures.best_first(), final),
        repaired=True,
    )


class _Demuxed:
    """The packets of a slice as a recording writes them. Raises `NotRepairable` where there is nothing to play."""

    def __init__(self, file: _Prefix, name: SliceName) -> None:
        try:
            self._container = av.open(file, "r", format="mp4", metadata_errors="replace")
        except AV_ERRORS as error:
            raise NotRepairable(f"cannot be opened: {error}") from error
        streams, _ = choose(list(self._container.streams))
        if not streams:
            self._container.close()
            raise NotRepairable("no track")
        self._by_stream: dict[int, Track] = {stream.index: track_of(stream) for stream in streams}
        self.tracks = tuple(self._by_stream.values())
        self.meta: SliceMeta = read_comment(self._container.metadata.get("comment", ""), name)

    def __enter__(self) -> _Demuxed:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[Timed]:
        lineup = Lineup(1, self.tracks)
        leader = lineup.video or self.tracks[0]
        demuxed = self._container.demux()
        seq = 0
        while True:
            try:
                raw = next(demuxed, None)
            except AV_ERRORS:
                return  # what was read so far is what can be had
            if raw is None:
                return
            track = self._by_stream.get(raw.stream.index)
            if track is None or raw.dts is None or raw.size == 0:
                continue
            pts = raw.dts if raw.pts is None else raw.pts
            packet = Packet(track, bytes(raw), pts, raw.dts, raw.duration or 0, raw.is_keyframe, 0.0)
            at = float(raw.dts * track.time_base)
            leads = track is leader
            opens = leads and (raw.is_keyframe or track.kind == "audio")
            yield Timed(packet, at, at + float(packet.duration * track.time_base), seq, lineup, opens, leads)
            seq += 1


class _Prefix(io.RawIOBase):
    """The first bytes of a file as a file of their own, for PyAV."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__()
        self._fd = file.fileno()
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, count: int = -1) -> bytes:
        left = max(0, self._size - self._position)
        data = os.pread(self._fd, left if count < 0 else min(count, left), self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def tell(self) -> int:
        return self._position


def _set_aside(path: Path, emit: Callable[[Event], None]) -> None:
    folder = path.parent.parent / UNUSABLE
    try:
        if not folder.exists():
            disk_calls.mkdir(folder)
            sync_folder(folder.parent)
        disk_calls.rename(path, folder / path.name)
        sync_folder(folder)
        sync_folder(path.parent)
    except (OSError, FileError) as error:
        emit(Trouble("repair", f"{path.name} cannot be set aside: {error}"))


def _clean(folder: Path) -> None:
    """Throw away what interrupted repairs, pictures and creations left; never what a living process holds."""
    for pattern in (f"*{TEMPORARY_SUFFIX}", f".*{UNBORN_SUFFIX}", ".*.jpg.*.part"):
        for path in folder.glob(pattern):
            with locked(path) as file:
                if file is not None:
                    disk_calls.unlink(path)
