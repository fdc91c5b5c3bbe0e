"""Cameras that give an alarm, and cameras that look like it and must not: played to real recorder processes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from recorder.protocol import (
    AlarmCleared,
    AlarmRaised,
    BeginRecording,
    CloseChannel,
    LinkChanged,
    Pulse,
    RecordingBegan,
    SliceClosed,
)
from recorder.specs import AlarmKind, RecordingSpec, Tuning, Watching
from tests.recorder.processes import Forks, Recorder, channel
from tests.scenes import Phase, film

QUICK = Watching(look_sec=0.5, cpu_share=1.0, black_sec=1.5, frozen_sec=2.0, silent_sec=1.5, no_audio_sec=1.0)
"""The default rules, with times that a test can wait for."""


@dataclass(frozen=True, slots=True)
class Case:
    """A film, and the one alarm that it is to give, with the seconds of the film in which it is the case."""

    name: str
    phases: tuple[Phase, ...]
    alarm: AlarmKind | None = None
    since: float = 0.0
    until: float = 0.0
    audio: bool = True


def _bad(kind: AlarmKind, name: str, bad: Phase) -> Case:
    return Case(name, (Phase(3.0), bad, Phase(7.0)), kind, 3.0, 3.0 + bad.seconds)


CASES = (
    _bad("black", "the lens is covered, the clock runs on", Phase(8.0, "cap")),
    Case("a room at night, dim but alive", (Phase(8.0, "night"),)),
    _bad("frozen", "the picture stands still, the clock runs on", Phase(8.0, "still")),
    Case("nobody moves, the sensor's noise is all there is", (Phase(8.0, "lit"),)),
    _bad("silent", "the microphone is muted", Phase(8.0, sound="muted")),
    Case("nobody speaks, the room hums at -53 dBFS", (Phase(8.0, sound="room"),)),
    _bad("no_audio", "the sound's packets stay away", Phase(8.0, sound="none")),
    Case("a camera that never had a sound track", (Phase(8.0),), audio=False),
)


@dataclass(slots=True)
class Run:
    """What became of a case. Wall clock: the film began at `film_at`, its recording at `first_at`."""

    case: Case
    recorder: Recorder
    film_at: float = 0.0
    first_at: float = 0.0

    @property
    def raised(self) -> list[AlarmRaised]:
        return self.recorder.of(AlarmRaised)

    @property
    def cleared(self) -> list[AlarmCleared]:
        return self.recorder.of(AlarmCleared)

    @property
    def slice_path(self) -> Path:
        (closed,) = self.recorder.of(SliceClosed)
        return Path(closed.facts.path)


def run_all(forks: Forks, folder: Path, watching: Watching = QUICK) -> list[Run]:
    """Play all cases at once, each until its alarm has come and gone, or its film has been seen once."""
    films = [film(folder / f"film_{number}.mp4", case.phases, audio=case.audio) for number, case in enumerate(CASES)]
    runs = []
    for number, (case, path) in enumerate(zip(CASES, films, strict=True)):
        slices = folder / str(number) / "slices"
        slices.mkdir(parents=True)
        run = Run(case, forks.spawn())
        run.recorder.order(replace(channel(slices, path, tuning=Tuning(snap_sec=0)), watching=watching))
        runs.append(run)
    # Each is followed by itself: a film that loops would raise its alarm once a loop.
    with ThreadPoolExecutor(len(runs)) as pool:
        list(pool.map(_follow, runs))
    return runs


def _follow(run: Run) -> None:
    recorder, length = run.recorder, sum(phase.seconds for phase in run.case.phases)
    while recorder.until(LinkChanged).state != "online":
        pass
    run.film_at = time.time()
    recorder.until(Pulse)  # the ring holds the film's first pictures
    recorder.order(BeginRecording(RecordingSpec(11, 5), time.time()))
    run.first_at = recorder.until(RecordingBegan).first_at
    if run.case.alarm is not None:
        recorder.until(AlarmCleared)
    else:
        while recorder.until(Pulse).recorded_sec < length:
            pass
    recorder.order(CloseChannel())
    recorder.drain()
