"""Runs the parts that BENCH names (`BENCH=streams,slicing`), or all of them, and prints their tables."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time

from bench import daemon, server, slicing, snapshot, start, storage, streams

PARTS = {
    "streams": streams.run,
    "snapshot": snapshot.run,
    "start": start.run,
    "slicing": slicing.run,
    "daemon": daemon.run,
    "storage": storage.run,
    "server": server.run,
}


def main() -> None:
    wanted = [one.strip() for one in os.environ.get("BENCH", ",".join(PARTS)).split(",") if one.strip()]
    if unknown := [one for one in wanted if one not in PARTS]:
        sys.exit(f"BENCH knows no {', '.join(unknown)}; there is {', '.join(PARTS)}")
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, Python {platform.python_version()}, {_ffmpeg()}")
    for name in wanted:
        PARTS[name]()


def _ffmpeg() -> str:
    try:
        said = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        sys.exit("ffmpeg is not installed: apt-get install ffmpeg")
    return " ".join(said.split()[:3])


if __name__ == "__main__":
    main()
