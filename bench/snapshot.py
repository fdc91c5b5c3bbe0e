"""What a picture costs: one key frame of the film decoded, coded as JPEG, written and synced."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.film import film, plain_film
from bench.recorders import folder
from recorder.pictures.pictures import jpeg_of, write_picture
from tests.media import camera_packets

ROUNDS = 20


def run() -> None:
    """The table."""
    print("\n## Snapshot\n")
    print("| picture at 1080p, decoded, coded, written, synced | JPEG | CPU, median | the first one |")
    print("|---|--:|--:|--:|")
    _row("a plain one (bound: 15 ms)", plain_film())
    _row("one full of noise", film())


def _row(name: str, path: Path) -> None:
    packets = [one for one in camera_packets(path, 3.0) if one.track.kind == "video"]
    key = next(n for n, one in enumerate(packets) if one.is_key)
    group = packets[key : key + 4]  # what the recorder gives its decoder
    with folder() as place:
        picture = place / "live.jpg"
        first = _cpu_sec(lambda: write_picture(picture, jpeg_of(group)))
        rounds = [_cpu_sec(lambda: write_picture(picture, jpeg_of(group))) for _ in range(ROUNDS)]
        size = picture.stat().st_size / 1000
    print(f"| {name} | {size:.0f} kB | **{median(rounds) * 1e3:.1f} ms** | {first * 1e3:.1f} ms |")


def _cpu_sec(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
