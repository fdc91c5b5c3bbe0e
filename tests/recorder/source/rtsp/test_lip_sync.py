"""Sound beside its picture: brought there by the first sender reports, and kept there for hours."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recorder.source.rtsp.lip_sync import DRIFT_SEC, LipSync
from recorder.source.rtsp.stamps import SLEW, StampClock

NTP = 1_700_000_000.0
PICTURE_HZ, SOUND_HZ = 90_000, 16_000
SOUND_STEP = 1024


@pytest.mark.parametrize("skew", [-0.5, 0.05, 0.4, 20.0])
def test_the_first_reports_bring_sound_and_picture_together(skew: float) -> None:
    picture, sound = StampClock(PICTURE_HZ, None), StampClock(8000, None)
    lips = LipSync(picture, sound)
    picture.place(5000, 0.0)
    sound.place(9000, 0.0)
    lips.follow()
    picture.reported(NTP, 5000)
    lips.follow()
    sound.reported(NTP + skew, 9000)
    lips.follow()
    moved = sound.place(9000 + 8000, 1.0) / 8000 - 1.0
    assert moved == pytest.approx(skew if 0.1 < abs(skew) < 10 else 0.0, abs=1e-3)
    assert picture.place(5000 + PICTURE_HZ, 1.0) == PICTURE_HZ


class Camera:
    """A picture by the camera's clock and a sound by a quartz of its own; `at` is the true time of both."""

    def __init__(self, ppm: float, jitter: float, seed: int) -> None:
        self.ppm = ppm
        self.chance = random.Random(seed)
        self.jitter = jitter
        self.set_by = 0.0  # what somebody did to its clock
        self.picture, self.sound = StampClock(PICTURE_HZ, None), StampClock(SOUND_HZ, None)
        self.lips = LipSync(self.picture, self.sound)
        self.first = [self.chance.getrandbits(32), self.chance.getrandbits(32)]
        self.samples = 0
        self.apart: list[float] = []  # how far from its picture each frame of sound was placed
        self.places: list[int] = []

    def report(self, track: int, at: float, nonsense: float = 0.0) -> None:
        wrong = self.chance.uniform(-self.jitter, self.jitter) + nonsense
        clock = (self.picture, self.sound)[track]
        clock.reported(NTP + at + self.set_by + wrong, self.stamp(track, at))
        self.lips.follow()

    def stamp(self, track: int, at: float) -> int:
        ticks = at * PICTURE_HZ if track == 0 else at * SOUND_HZ * (1 + self.ppm * 1e-6)
        return self.first[track] + round(ticks) & 0xFFFFFFFF

    def play(self, since: float, until: float) -> None:
        """A picture every second is enough here; sound as it comes."""
        second = since
        while (at := self.samples / (SOUND_HZ * (1 + self.ppm * 1e-6))) < until:
            if at >= second:
                self.picture.place(self.stamp(0, at), at)
                second += 1.0
            place = self.sound.place(self.first[1] + self.samples & 0xFFFFFFFF, at)
            self.places.append(place)
            self.apart.append(place / SOUND_HZ - at)
            self.samples += SOUND_STEP


@settings(max_examples=4)
@example(100.0, 0.03, {7}, [(20, 3.0)], 1)
@given(
    st.floats(-150, 150),
    st.floats(0, 0.04),
    st.sets(st.integers(2, 120), max_size=20),
    st.lists(st.tuples(st.integers(2, 120), st.sampled_from([-3600.0, -0.7, 3.0])), max_size=2),
    st.integers(0, 99),
)
def test_three_hours_of_two_quartzes_are_heard_beside_their_picture(
    ppm: float, jitter: float, nonsense: set[int], sets: list[tuple[int, float]], seed: int
) -> None:
    """Also where single reports are wrong, and where somebody sets the camera's clock."""
    camera = Camera(ppm, jitter, seed)
    camera.play(0.0, 0.1)
    every = 5.0
    for turn in range(round(3 * 3600 / every)):
        at = turn * every
        camera.report(0, at, camera.chance.uniform(-5, 5) if turn in nonsense else 0.0)
        camera.set_by += sum(by for when, by in sets if when == turn)  # between the reports of the two tracks
        camera.report(1, at)
        camera.play(at, at + every)
    lag = 60 * abs(ppm) * 1e-6
    assert max(map(abs, camera.apart)) < DRIFT_SEC + 2 * jitter + lag + 0.01
    steps = {later - earlier for earlier, later in pairwise(camera.places)}
    moved = 2 * jitter > 0.1  # by the first reports, at once
    assert moved or max(abs(step - SOUND_STEP) for step in steps) <= SOUND_STEP * SLEW + 1


@pytest.mark.parametrize("jump", [-3.0, 3.0])
def test_a_track_whose_reports_jump_for_good_is_followed_from_where_they_are(jump: float) -> None:
    """As where a camera's sound process takes its time anew: what it says later counts as before."""
    camera = Camera(100.0, 0.0, 1)
    camera.play(0.0, 0.1)
    for turn in range(1440):
        at = turn * 5.0
        camera.report(0, at)
        camera.report(1, at, jump if turn >= 20 else 0.0)
        camera.play(at, at + 5.0)
    assert max(map(abs, camera.apart)) < DRIFT_SEC + 0.02


@settings(max_examples=10)
@given(st.integers(1, 100))
def test_reports_in_a_wrong_unit_move_nothing(seed: int) -> None:
    """A sound whose reports count in the picture's ticks."""
    camera = Camera(0.0, 0.0, seed)
    camera.play(0.0, 1.0)
    camera.report(0, 0.0)
    camera.report(1, 0.0)
    for turn in range(1, 60):
        at = turn * 5.0
        camera.report(0, at)
        camera.sound.reported(NTP + at, camera.first[1] + round(at * PICTURE_HZ) & 0xFFFFFFFF)
        camera.lips.follow()
        camera.play(at, at + 5.0)
    assert max(map(abs, camera.apart)) < 0.01
