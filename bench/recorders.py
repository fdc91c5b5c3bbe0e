"""Recorder processes as the daemon has them, and the camera that they are given."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, cast

from agent.channels.recorders import RecorderHost, RecorderProcess
from bench.film import HOME, film
from recorder.protocol import (
    BeginRecording,
    CloseChannel,
    EndRecording,
    Event,
    GapFound,
    LinkChanged,
    OpenChannel,
    RecordingBegan,
    RecordingEnded,
    Trouble,
)
from recorder.specs import RecordingSpec, SourceSpec, Tuning

SLICE_SEC = 60
LIMIT_SEC = 60.0
_SHOW_SEC = 110.0


@contextmanager
def camera() -> Iterator[str]:
    """The benchmark's camera; its address."""
    command = [sys.executable, "-m", "bench.camera", str(film()), str(_SHOW_SEC)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        port = int(process.stdout.readline().split()[1])
        yield f"rtsp://127.0.0.1:{port}/film"
        process.stdin.close()
        process.wait(10)


@contextmanager
def folder() -> Iterator[Path]:
    """One that is gone afterwards, on the disk of the benchmark."""
    HOME.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=HOME))
    try:
        yield made
    finally:
        shutil.rmtree(made)


class Recorders:
    """Recorder processes as the daemon has them."""

    def __init__(self, url: str, folder: Path, reader: str) -> None:
        self.host = RecorderHost()
        self.processes: list[RecorderProcess] = []
        self.events: list[Event] = []
        self.began = asyncio.Semaphore(0)
        self._ended = asyncio.Semaphore(0)
        self._source = SourceSpec("stream", url, reader=cast(Literal["auto", "own", "libav"], reader))
        self._folder = folder
        self._listening: list[asyncio.Task[None]] = []

    @property
    def server_pid(self) -> int:
        """The fork server's."""
        server = self.host._server
        assert server is not None
        return server.pid

    async def start(self, number: int) -> RecorderProcess:
        """A channel that records from its first packet on."""
        process = await self.host.spawn()
        folder = self._folder / str(number)
        folder.mkdir()
        await process.order(
            OpenChannel(
                number, f"room {number}", self._source, str(folder), str(folder / "live.jpg"), tuning=Tuning(SLICE_SEC)
            )
        )
        await process.order(BeginRecording(RecordingSpec(number, 1), time.time()))
        self.processes.append(process)
        self._listening.append(asyncio.create_task(self._listen(process)))
        return process

    async def end(self) -> None:
        """End the recordings and wait for their slices."""
        for number, process in enumerate(self.processes, 1):
            await process.order(EndRecording(number))
        for _ in self.processes:
            await asyncio.wait_for(self._ended.acquire(), LIMIT_SEC)
        for process in self.processes:
            await process.order(CloseChannel())
            await process.ended(10)
            await process.close()
        for task in self._listening:
            await task

    @property
    def complaints(self) -> list[Event]:
        """What went wrong while they recorded. That the camera had to be connected first did not."""
        return [event for event in self.events if _is_bad(event)]

    async def _listen(self, process: RecorderProcess) -> None:
        while (event := await process.event()) is not None:
            self.events.append(event)
            if isinstance(event, RecordingBegan):
                self.began.release()
            elif isinstance(event, RecordingEnded):
                self._ended.release()


def _is_bad(event: Event) -> bool:
    if isinstance(event, GapFound):
        return event.cause != "late"
    return isinstance(event, Trouble) or (isinstance(event, LinkChanged) and event.state in ("waiting", "down"))
