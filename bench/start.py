"""From the start of a channel to its first packet, against FFmpeg's first byte: time and CPU."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from statistics import median

from agent.channels.recorders import RecorderHost
from bench.measure import cpu_sec
from bench.recorders import camera, folder
from recorder.protocol import LinkChanged, OpenChannel
from recorder.specs import SourceSpec

ROUNDS = 7


def run() -> None:
    """The table."""
    with camera() as url:
        mine = asyncio.run(_ours(url))
        theirs = [_ffmpeg(url) for _ in range(ROUNDS)]
    print("\n## Start\n")
    print("| | time to the first packet, median | slowest | CPU, median |")
    print("|---|--:|--:|--:|")
    for name, rounds in (("a channel of ours, forked", mine), ("`ffmpeg -c copy`", theirs)):
        times, cpu = [one[0] for one in rounds], [one[1] for one in rounds]
        print(f"| {name} | **{median(times):.3f} s** | {max(times):.3f} s | {median(cpu) * 1e3:.0f} ms |")


async def _ours(url: str) -> list[tuple[float, float]]:
    """With a fork server that runs already, as it does in a daemon."""
    host = RecorderHost()
    rounds = []
    with folder() as place:
        await (await host.spawn()).close()
        for number in range(ROUNDS):
            began = time.monotonic()
            process = await host.spawn()
            picture = str(place / "live.jpg")
            await process.order(OpenChannel(number, "room", SourceSpec("stream", url), str(place), picture))
            while (event := await process.event()) is not None:
                if isinstance(event, LinkChanged) and event.state == "online":
                    break
            rounds.append((time.monotonic() - began, cpu_sec(process.pid)))
            await process.close()
            await process.ended(10)
        await host.close()
    return rounds


def _ffmpeg(url: str) -> tuple[float, float]:
    """The first packet leaves it as MPEG-TS."""
    options = f"-nostdin -loglevel error -rtsp_transport tcp -i {url} -c copy -flush_packets 1 -f mpegts pipe:1"
    began = time.monotonic()
    with subprocess.Popen(["ffmpeg", *options.split()], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert os.read(process.stdout.fileno(), 188)
        figures = time.monotonic() - began, cpu_sec(process.pid)
        process.kill()
    return figures
