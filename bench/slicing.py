"""A file cut into finished slices as fast as it goes, against `ffmpeg -c copy -f segment`."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from pathlib import Path
from statistics import median

from bench.film import long_film
from bench.recorders import SLICE_SEC, folder
from recorder.channel_clock import ChannelClock
from recorder.errors import SourceError
from recorder.feed import Feed
from recorder.finisher import Finisher
from recorder.protocol import BeginRecording, Event, SliceClosed
from recorder.recording import Recording, Surroundings
from recorder.ring import Ring
from recorder.source.mp4_camera import Mp4Camera
from recorder.specs import Limits, RecordingSpec, SourceSpec, Tuning
from recorder.timeline import Timeline

MINUTES = 5
ROUNDS = 3


def run() -> None:
    """The table."""
    path = long_film(MINUTES)
    size = path.stat().st_size / 1e6
    path.read_bytes()  # into the page cache, for both
    mine, theirs = [], []
    for _ in range(ROUNDS):
        with folder() as place:
            mine.append(ours(path, place))
        with folder() as place:
            theirs.append(ffmpeg(path, place))
    print("\n## Slicing at full speed\n")
    print(f"A film of {MINUTES} minutes, {size:.0f} MB, into slices of {SLICE_SEC} s; medians of {ROUNDS}.\n")
    print("| | real time | of the film's own | CPU |")
    print("|---|--:|--:|--:|")
    names = ("ours: cut, synced, checksums, thumbnails", "`ffmpeg -c copy -f segment`")
    for name, rounds in zip(names, (mine, theirs), strict=True):
        wall, cpu = median(one[0] for one in rounds), median(one[1] for one in rounds)
        print(f"| {name} | {wall:.2f} s | {MINUTES * 60 / wall:.0f}x | {cpu:.2f} s |")
    ratio = median(one[0] for one in theirs) / median(one[0] for one in mine)
    print(f"\nOurs runs at **{ratio:.2f}** times FFmpeg's speed (bound 0.8).")


def ours(path: Path, place: Path) -> tuple[float, float]:
    """Source, timeline, recording and finisher, on a camera that has no pace."""
    now = 0.0

    def wait(seconds: float) -> bool:
        nonlocal now
        now += seconds
        return False

    began, cpu = time.monotonic(), _own_cpu_sec()
    events: list[Event] = []
    # The cadence of syncs counts real time, of which none passes on this clock: each slice is synced when it is closed.
    limits, timeline, finisher = Limits(sync_sec=3600.0), Timeline(), Finisher(events.append)
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
    slices = [event for event in events if isinstance(event, SliceClosed)]
    if len(slices) != MINUTES:
        raise SourceError("unusable", f"{len(slices)} slices of {MINUTES}")
    return time.monotonic() - began, _own_cpu_sec() - cpu


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
