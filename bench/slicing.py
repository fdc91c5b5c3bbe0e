"""A file cut into finished slices as fast as it goes, against `ffmpeg -c copy -f segment`."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest

from bench.film import long_film
from bench.recorders import SLICE_SEC, folder
from recorder import disk_calls
from recorder.errors import SourceError
from recorder.mp4 import sums
from recorder.protocol import BeginRecording, Event
from recorder.slices.finisher import Finisher
from recorder.slices.recording import Recording, Surroundings
from recorder.slices.slice_file import SliceFile
from recorder.source.mp4_camera import Mp4Camera
from recorder.specs import Limits, RecordingSpec, SourceSpec, Tuning
from recorder.stream.channel_clock import ChannelClock
from recorder.stream.feed import Feed
from recorder.stream.ring import Ring
from recorder.stream.timeline import Timeline

MINUTES = 5
ROUNDS = 3


def run() -> None:
    """The table."""
    path = long_film(MINUTES)
    size = path.stat().st_size / 1e6
    path.read_bytes()  # into the page cache, for all
    copying, whole, theirs = [], [], []
    for _ in range(ROUNDS):
        with folder() as place, _as_ffmpeg_does_it():
            copying.append(ours(path, place, _Renamer))
        with folder() as place:
            theirs.append(ffmpeg(path, place))
        with folder() as place:
            whole.append(ours(path, place, Finisher))
    print("\n## Slicing at full speed\n")
    print(f"A film of {MINUTES} minutes, {size:.0f} MB, into slices of {SLICE_SEC} s; medians of {ROUNDS}.\n")
    print("| | real time | of the film's own | FFmpeg's speed | CPU | of FFmpeg's |")
    print("|---|--:|--:|--:|--:|--:|")
    ffmpegs = median(one[0] for one in theirs), median(one[1] for one in theirs)
    for name, rounds in (
        ("ours: cut and written, as FFmpeg does it (bound 0.8)", copying),
        ("ours: checksums, syncs, read back, SHA-256, thumbnails besides", whole),
        ("`ffmpeg -c copy -f segment`", theirs),
    ):
        wall, cpu = median(one[0] for one in rounds), median(one[1] for one in rounds)
        ratios = f"**{ffmpegs[0] / wall:.2f}** | {cpu:.2f} s | {cpu / ffmpegs[1]:.2f}"
        print(f"| {name} | {wall:.2f} s | {MINUTES * 60 / wall:.0f}x | {ratios} |")


def ours(path: Path, place: Path, finishing: type[Finisher]) -> tuple[float, float]:
    """Source, timeline, ring and recording in one thread, on a camera that has no pace; slices are finished in another.

    A recorder process reads and writes in two, which at this speed would only pass Python's lock to and fro.
    """
    now = 0.0

    def wait(seconds: float) -> bool:
        nonlocal now
        now += seconds
        return False

    began, cpu = time.monotonic(), _own_cpu_sec()
    events: list[Event] = []
    # The cadence of syncs counts real time, of which little passes: each slice is synced when it is closed.
    limits, timeline, finisher = Limits(sync_sec=3600.0, ring_bytes=8 << 20), Timeline(), finishing(events.append)
    source = Mp4Camera(SourceSpec("file", str(path)), monotonic=lambda: now, wait=wait)
    clock = ChannelClock(timeline, lambda: now + 1e9, lambda: now)
    feed = Feed(Ring(limits.ring_sec, limits.ring_bytes), limits.queue_bytes)
    around = Surroundings(1, place, limits, clock, finisher, events.append, feed.since)
    recording = Recording(BeginRecording(RecordingSpec(1, 1), 1e9), Tuning(SLICE_SEC), around)
    timeline.begin_session(source.open())
    end = MINUTES * 60.0
    while (packet := source.read()).arrival < end:
        timed = timeline.repair(packet)
        feed.put(timed)
        recording.take(timed)
    recording.finish("end")
    finisher.join()
    source.close()
    if len(list(place.glob("*.mp4"))) != MINUTES:
        raise SourceError("unusable", f"not {MINUTES} slices: {events}")
    return time.monotonic() - began, _own_cpu_sec() - cpu


class _Renamer(Finisher):
    """Gives slices their names, and that is all."""

    def finish_slice(self, file: SliceFile, reason: str) -> None:
        file.path.rename(file.closed_path)
        file.abandon()


@contextmanager
def _as_ffmpeg_does_it() -> Iterator[None]:
    """Without syncs and checksums: what a power cut leaves of it is lost, or damaged and not known to be."""
    with pytest.MonkeyPatch.context() as patched:
        for call in ("fdatasync", "fsync"):
            patched.setattr(disk_calls, call, lambda _: None)
        patched.setattr(sums, "checksum", lambda *_: 0)
        yield


def ffmpeg(path: Path, place: Path) -> tuple[float, float]:
    """Which syncs nothing and counts nothing."""
    options = f"-nostdin -loglevel error -i {path} -c copy -f segment -segment_time {SLICE_SEC} -reset_timestamps 1"
    began = time.monotonic()
    process = subprocess.Popen(["ffmpeg", *options.split(), str(place / "%03d.mp4")])
    used = os.wait4(process.pid, 0)[2]
    return time.monotonic() - began, used.ru_utime + used.ru_stime


def _own_cpu_sec() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
