"""What the benchmark's camera sends: 1080p25 at 4 Mbit/s with AAC, made once by FFmpeg and kept."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

FILM_SEC = 64
"""A whole number of video frames, key-frame groups and AAC frames: the film repeats without a seam."""
FPS = 25
GOP = 50
HOME = Path(os.environ.get("BENCH_HOME") or Path(tempfile.gettempdir()) / f"gather-bench-{os.getuid()}")


def film() -> Path:
    """The film; noise keeps the coder at its rate."""
    path = HOME / "film.mp4"
    if not path.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.mp4")
        picture = f"testsrc2=size=1920x1080:rate={FPS}:duration={FILM_SEC},noise=alls=12:allf=t"
        tone = f"aevalsrc=0.2*sin(440*2*PI*t)+0.05*random(0)|0.2*sin(880*2*PI*t):s=48000:d={FILM_SEC}"
        video = f"-c:v libx264 -preset ultrafast -tune zerolatency -g {GOP} -sc_threshold 0 -pix_fmt yuv420p"
        rate = "-b:v 4M -maxrate 4M -bufsize 4M -c:a aac -b:a 128k"
        _ffmpeg(f"-f lavfi -i {picture} -f lavfi -i {tone} {video} {rate} {part}")
        part.rename(path)
    return path


def plain_film() -> Path:
    """Three seconds without noise, as sharp as a lecture's slides."""
    path = HOME / "plain.mp4"
    if not path.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.mp4")
        picture = f"testsrc2=size=1920x1080:rate={FPS}:duration=3"
        _ffmpeg(f"-f lavfi -i {picture} -c:v libx264 -preset veryfast -crf 20 -g {GOP} -pix_fmt yuv420p {part}")
        part.rename(path)
    return path


def long_film(minutes: int) -> Path:
    """The film again and again."""
    path = HOME / f"film-{minutes}-min.mp4"
    if not path.exists():
        part = path.with_suffix(".part.mp4")
        _ffmpeg(f"-stream_loop -1 -i {film()} -c copy -t {minutes * 60} {part}")
        part.rename(path)
    return path


def _ffmpeg(arguments: str) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *arguments.split()], check=True)
