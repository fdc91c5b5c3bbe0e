"""What needs decoding or much reading, off the way of the packets: pictures, and the last steps of a slice.

One thread a channel, so that pictures never pile up; jobs are done in their order, and thus a recording's end is told
after its last slice.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from recorder.errors import FileError
from recorder.packets import Packet
from recorder.pictures.pictures import Picture, jpeg_of, write_picture
from recorder.protocol import Event, SliceClosed, SnapshotTaken, Trouble
from recorder.slices.slice_file import SliceFile

DARK_LUMA = 24.0
"""Mean luma (0-255) below which a picture is called black."""
Emit = Callable[[Event], None]


class Finisher:
    """The thread and its jobs. `emit` is called from it."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)
        self._thread.start()

    def finish_slice(self, file: SliceFile, reason: str) -> None:
        """A sealed slice gets its thumbnail, its checksum, its final name, and is told."""
        self._jobs.put(lambda: self._finish_slice(file, reason))

    def snapshot(self, packets: Sequence[Packet], path: Path, request: str, done: Callable[[bool], None]) -> None:
        """The channel's picture out of a key frame and what follows; `done` hears, in this thread, how it went."""
        self._jobs.put(lambda: self._snapshot(packets, path, request, done))

    def look(self, job: Callable[[], None]) -> None:
        """Something else that needs decoding; the job asks for no more than it can have in its turn."""
        self._jobs.put(job)

    def tell(self, event: Event) -> None:
        """An event that must not overtake the slices before it."""
        self._jobs.put(lambda: self._emit(event))

    def join(self) -> None:
        """Do what is waiting, then end."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as error:  # noqa: BLE001 - one bad picture or slice must not end the thread for all others
                self._emit(Trouble("internal", f"pictures thread: {error!r}"))

    def _finish_slice(self, file: SliceFile, reason: str) -> None:
        thumbnail: str | None = None
        try:
            thumbnail = make_thumbnail(file.key_frames(), file.closed_path)
        except Exception as error:  # noqa: BLE001 - whatever a decoder meets, a picture never costs a slice
            self._emit(Trouble("internal", f"thumbnail of {file.name.stem}: {error!r}"))
        try:
            facts = file.finish(thumbnail)
        except Exception as error:  # noqa: BLE001 - the file must be let go of, or no repair can have it
            file.abandon()
            if thumbnail is not None:
                Path(thumbnail).unlink(missing_ok=True)  # of a slice that does not exist under that name
            kind = "disk" if isinstance(error, FileError) else "internal"
            self._emit(Trouble(kind, f"{file.name.stem}: {error}; a repair will look after it"))
        else:
            self._emit(SliceClosed(facts, reason))

    def _snapshot(self, packets: Sequence[Packet], path: Path, request: str, done: Callable[[bool], None]) -> None:
        try:
            picture = jpeg_of(packets)
            write_picture(path, picture)
        except FileError as error:
            done(False)
            if request:
                self._emit(SnapshotTaken(str(path), request=request, error=str(error)))
        else:
            done(True)
            self._emit(SnapshotTaken(str(path), picture.width, picture.height, time.time(), request))


def make_thumbnail(candidates: Iterable[Packet], slice_path: Path) -> str | None:
    """Write `<stem>.jpg` beside the slice: the first candidate that is not black, or the brightest; None without."""
    best: Picture | None = None
    for packet in candidates:
        try:
            picture = jpeg_of([packet])
        except FileError:
            continue
        if best is None or picture.luma_mean > best.luma_mean:
            best = picture
        if picture.luma_mean >= DARK_LUMA:
            break
    if best is None:
        return None
    path = slice_path.with_suffix(".jpg")
    try:
        write_picture(path, best)
    except FileError:
        return None  # a recording without a picture is better than none
    return str(path.absolute())
