"""Stamps that jump and wrap: nothing is lost, nothing is named as lost, sound and picture stay together."""

from __future__ import annotations

import itertools
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from recorder.packets import TrackKind
from tests.camera.boot import Habits
from tests.camera.camera import Camera
from tests.camera.faults import StampJump
from tests.camera.film import FilmSpec, make_film
from tests.media import frame_numbers, packets_in
from tests.recorder.processes import Forks
from tests.recorder.scene import PLAYED_WITH, Recorded, check_files, check_whole, scene, spec_of, together

pytestmark = [pytest.mark.faults, pytest.mark.parametrize("reader", PLAYED_WITH)]

FILM = FilmSpec(seconds=60)
BOTH: tuple[TrackKind, ...] = ("video", "audio")


def check_untouched(camera: Camera, recorded: Recorded) -> None:
    """One file with every packet, evenly spaced, sound beside its picture."""
    (facts,) = recorded.slices
    pictures = check_whole(camera, recorded, "video")[0]
    sounds = check_whole(camera, recorded, "audio")[0]
    assert not recorded.gaps
    assert not recorded.causes
    check_files(recorded)
    numbers = frame_numbers(facts.path)
    assert numbers == list(range(numbers[0] or 0, (numbers[0] or 0) + len(numbers)))
    for kind in BOTH:
        steps = [float(later.dts - earlier.dts) for earlier, later in pairwise(packets_in(facts.path, kind))]
        usual = 0.04 if kind == "video" else 0.064
        assert max(steps) < 2.5 * usual, f"{kind}: {sorted(steps)[-3:]}"
        assert sum(steps) == pytest.approx(len(steps) * usual, abs=0.3)
    # In the film and in the file: how far the last sound lies from the last picture.
    film = sounds[-1].unit.pts / 16_000 - pictures[-1].unit.pts / 90_000
    file = packets_in(facts.path, "audio")[-1].pts - packets_in(facts.path, "video")[-1].pts
    assert float(file) == pytest.approx(film, abs=0.15)


def test_a_clock_that_is_set(tmp_path: Path, reader: str) -> None:
    def act(forks: Forks, name: str, by_sec: float, kinds: tuple[TrackKind, ...]) -> tuple[Camera, Recorded]:
        habits = Habits(stamps_from=90_000 * 5000)
        spec = partial(spec_of, reader=reader)
        with Camera(make_film(FILM), habits) as camera, scene(tmp_path / name, spec(camera), forks=forks) as stage:
            stage.online()
            stage.begin()
            stage.recorded(2.0)
            camera.inject(StampJump(by_sec, kinds))
            stage.recorded(2.0)
            stage.end()
            return camera, stage.close()

    each: tuple[tuple[TrackKind, ...], ...] = (BOTH, ("video",), ("audio",))
    jumps = itertools.product((3600.0, -3600.0, 7.0, -2.0), each)
    acts = {}
    for by_sec, kinds in jumps:
        name = f"{'+'.join(kinds)} by {by_sec:g} s"
        acts[name] = partial(act, name=name, by_sec=by_sec, kinds=kinds)
    for name, (camera, recorded) in together(acts).items():
        print(name)
        check_untouched(camera, recorded)


def test_a_counter_that_runs_over(tmp_path: Path, reader: str) -> None:
    def act(forks: Forks, report_sec: float) -> tuple[Camera, Recorded]:
        habits = Habits(wraps_after_sec=4.0, sender_report_sec=report_sec)
        folder = tmp_path / str(report_sec)
        with Camera(make_film(FILM), habits) as camera, scene(folder, spec_of(camera, reader), forks=forks) as stage:
            stage.online()
            stage.begin()
            stage.recorded(5.0)
            stage.end()
            return camera, stage.close()

    for camera, recorded in together({str(sec): partial(act, report_sec=sec) for sec in (0.0, 0.5)}).values():
        assert camera.sent[0].stamp < 1 << 32 < camera.sent[-1].stamp
        check_untouched(camera, recorded)
