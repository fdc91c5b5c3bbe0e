"""N streams recorded: CPU and memory against one FFmpeg a stream, and every packet accounted for."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.film import film
from bench.measure import children, cpu_sec, machine, memory, reaped_sec
from bench.recorders import LIMIT_SEC, SLICE_SEC, Recorders, camera, folder
from recorder.packets import TrackKind
from recorder.specs import Limits
from tests.media import packet_hashes

COUNTS = tuple(int(one) for one in os.environ.get("BENCH_N", "1,8,32").split(","))
WINDOW_SEC = float(os.environ.get("BENCH_WINDOW", "20"))
_SETTLE_SEC = 6.0


@dataclass(slots=True)
class Figures:
    """Of one program recording `count` streams. `lost`: packets missing, and things that went wrong."""

    count: int
    share: float  # of one core, for each stream
    pss: float  # MiB, for each stream
    whole: float  # CPU from start to end, for each stream and second
    busy: float
    lost: int


async def ours(url: str, count: int, reader: str) -> Figures:
    """The recorder, a process a stream and the fork server."""
    with folder() as place:
        recorders = Recorders(url, place, reader)
        began_at = time.monotonic()
        for number in range(1, count + 1):
            await recorders.start(number)
        for _ in range(count):
            await asyncio.wait_for(recorders.began.acquire(), LIMIT_SEC)
        await asyncio.sleep(max(_SETTLE_SEC, Limits().ring_sec + 2.0 - WINDOW_SEC))
        server = recorders.server_pid
        pids = [server, *children(server)]
        share, pss, busy = await asyncio.to_thread(_window, pids, count)
        lived_sec = time.monotonic() - began_at
        await recorders.end()
        whole_cpu = cpu_sec(server) + reaped_sec(server)
        await recorders.host.close()
        said = recorders.complaints
        for event in said:
            print(f"  said: {event}")
        folders = [place / str(number) for number in range(1, count + 1)]
        lost = _check(folders, lived_sec - _SETTLE_SEC)
        return Figures(count, share, pss, whole_cpu / count / lived_sec, busy, lost + len(said))


def ffmpeg(url: str, count: int) -> Figures:
    """`ffmpeg -c copy -f segment`, a process a stream."""
    with folder() as place:
        began_at = time.monotonic()
        folders = [place / str(number) for number in range(1, count + 1)]
        pids = []
        for one in folders:
            one.mkdir()
            pids.append(subprocess.Popen(ffmpeg_command(url, one)).pid)
        deadline = began_at + LIMIT_SEC
        while not all(any(path.stat().st_size > 100_000 for path in one.iterdir()) for one in folders):
            assert time.monotonic() < deadline, "ffmpeg does not begin"
            time.sleep(0.05)
        time.sleep(_SETTLE_SEC)
        share, pss, busy = _window(pids, count)
        lived_sec = time.monotonic() - began_at
        for pid in pids:
            os.kill(pid, signal.SIGINT)
        used = [os.wait4(pid, 0)[2] for pid in pids]
        whole_cpu = sum(one.ru_utime + one.ru_stime for one in used)
        lost = _check(folders, lived_sec - _SETTLE_SEC)
        return Figures(count, share, pss, whole_cpu / count / lived_sec, busy, lost)


def ffmpeg_command(url: str, folder: Path) -> list[str]:
    """A stream into MP4 files, copied."""
    arguments = f"-nostdin -loglevel error -rtsp_transport tcp -i {url} -c copy -f segment -segment_time {SLICE_SEC}"
    return ["ffmpeg", *arguments.split(), "-reset_timestamps", "1", str(folder / "%03d.mp4")]


def _window(pids: Sequence[int], count: int) -> tuple[float, float, float]:
    """CPU as a share of one core, and memory in MiB, of each stream; how busy the machine was."""
    with machine() as busy:
        before, began = [cpu_sec(pid) for pid in pids], time.monotonic()
        time.sleep(WINDOW_SEC)
        after, ended = [cpu_sec(pid) for pid in pids], time.monotonic()
    share = sum(after[i] - before[i] for i in range(len(pids))) / (ended - began) / count
    return share, memory(pids)[0] / count, busy.share


def _check(folders: Sequence[Path], at_least_sec: float) -> int:
    """Packets of the film that are missing in what was recorded, over all streams."""
    lost = 0
    kinds: tuple[tuple[TrackKind, float], ...] = (("video", 25.0), ("audio", 48_000 / 1024))
    for kind, rate in kinds:
        sent = packet_hashes(film(), kind)
        for place in folders:
            slices = sorted((path for path in place.iterdir() if path.suffix == ".mp4"), key=_order)
            recorded = [digest for path in slices for digest in packet_hashes(path, kind)]
            lost += missing(sent, recorded, int(at_least_sec * rate))
    return lost


def missing(sent: Sequence[str], recorded: Sequence[str], at_least: int) -> int:
    """How many packets of the film, which repeats, are not where they belong in a recording of at least so many."""
    if not recorded or recorded[0] not in sent[:200]:
        return at_least
    first = sent.index(recorded[0])
    wrong = sum(digest != sent[(first + position) % len(sent)] for position, digest in enumerate(recorded))
    return wrong + max(0, at_least - len(recorded))


def _order(path: Path) -> float:
    return path.stat().st_mtime


def run() -> None:
    """The table."""
    _table(os.environ.get("READER", "auto"))


def _table(reader: str) -> None:
    print(f"\n## Streams (reader: {reader})\n")
    columns = ("CPU of a core a stream", "PSS a stream, MiB", "CPU with start and end")
    head = " | ".join(f"{name}: ours | ffmpeg | ratio" for name in columns)
    print(f"| streams | {head} | packets missing: ours | ffmpeg | machine busy |")
    print("|--:" * 13 + "|")
    for count in COUNTS:
        with camera() as url:
            mine = asyncio.run(ours(url, count, reader))
            theirs = ffmpeg(url, count)
        cells = [
            *(f"{mine.share:.2%}", f"{theirs.share:.2%}", f"**{mine.share / theirs.share:.2f}**"),
            *(f"{mine.pss:.1f}", f"{theirs.pss:.1f}", f"**{mine.pss / theirs.pss:.2f}**"),
            *(f"{mine.whole:.2%}", f"{theirs.whole:.2%}", f"**{mine.whole / theirs.whole:.2f}**"),
            *(str(mine.lost), str(theirs.lost), f"{mine.busy:.0%}, {theirs.busy:.0%}"),
        ]
        print(f"| {count} | {' | '.join(cells)} |", flush=True)
