"""Runs a command of gather-agent and watches its event loop from a thread: how long it stood still, and where.

    python -m bench.stalls REPORT run --home DIR

The thread asks the loop every five milliseconds to say that it turns; while it does not, the stacks of all threads are
looked at.  Stalls of more than `TOLD_SEC` are written to REPORT as JSON: the longest of each place in agent/, with what
the other threads did and how long the garbage collector ran meanwhile, which holds the interpreter's lock in whatever
thread it is.  Time in which the main thread only waits for a core, because others have them all (proc(5), schedstat),
is left out.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from agent.cli.entry import main
from agent.files import replace_file

ASK_SEC = 0.005
LOOK_SEC = 0.02
"""A stall shorter than this is not looked at."""
TOLD_SEC = 0.03


@dataclass
class Stall:
    """One: where the main thread was, what the others did, the collections that ran."""

    place: str
    lasted: float
    others: str
    collected: float


class Collections:
    """Adds up what the garbage collector takes."""

    def __init__(self) -> None:
        self.spent = 0.0
        self._began = 0.0
        gc.callbacks.append(self._told)

    def _told(self, phase: str, _: dict[str, Any]) -> None:
        now = time.monotonic()
        if phase == "start":
            self._began = now
        else:
            self.spent += now - self._began


class Stalls(threading.Thread):
    """Watches one loop."""

    def __init__(self, report: Path) -> None:
        super().__init__(daemon=True, name="stalls")
        self._report = report
        self._main = threading.main_thread().ident or 0
        self._turned = threading.Event()
        self._found: dict[str, Stall] = {}
        self._collections = Collections()

    def run(self) -> None:
        while True:
            loop = _Policy.loop
            if loop is None or not loop.is_running():
                time.sleep(ASK_SEC)
                continue
            self._turned.clear()
            asked, delayed, collected = time.monotonic(), self._delayed_sec(), self._collections.spent
            try:
                loop.call_soon_threadsafe(self._turned.set)
            except RuntimeError:
                return  # the loop is closed
            place = others = ""
            while not self._turned.wait(LOOK_SEC):
                if not place:
                    frames = sys._current_frames()
                    place, others = _place(frames.pop(self._main, None)), self._of_others(frames)
                if not loop.is_running():
                    return
            lasted = time.monotonic() - asked - (self._delayed_sec() - delayed)
            # Without a place the loop had turned before this thread came to look: then it was this one that was late.
            if place and lasted > TOLD_SEC and (place not in self._found or lasted > self._found[place].lasted):
                self._found[place] = Stall(place, lasted, others, self._collections.spent - collected)
                replace_file(self._report, json.dumps([asdict(one) for one in self._found.values()]).encode())
            time.sleep(ASK_SEC)

    @staticmethod
    def _delayed_sec() -> float:
        """How long the main thread has been ready to run and without a core, since its start."""
        return int(Path(f"/proc/self/task/{os.getpid()}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9

    def _of_others(self, frames: dict[int, FrameType]) -> str:
        """What the other threads do, without those that wait for something to do."""
        places = [_place(frame) for ident, frame in frames.items() if ident != self.ident]
        return "; ".join(one for one in places if "_worker" not in one and "_waiting" not in one)


def _place(frame: FrameType | None) -> str:
    """Where a thread is, as far as it is in our code, and what that called."""
    summary = traceback.extract_stack(frame)
    ours = [at for at, entry in enumerate(summary) if "/agent/" in entry.filename and "/cli/" not in entry.filename]
    shown = summary[ours[-1] :][:2] if ours else summary[-3:]
    return " → ".join(f"{Path(*Path(e.filename).parts[-2:])}:{e.lineno} {e.name}" for e in shown)


class _Policy(asyncio.DefaultEventLoopPolicy):
    loop: asyncio.AbstractEventLoop | None = None

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        loop = super().new_event_loop()
        _Policy.loop = loop
        return loop


if __name__ == "__main__":
    asyncio.set_event_loop_policy(_Policy())
    Stalls(Path(sys.argv[1])).start()
    sys.exit(main(sys.argv[2:]))
