"""Black, frozen, silent, no audio: the judgement, by numbers; `test_alarms.py` holds it against real pictures."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.pictures.watching import FRESH_SEC, OVERLAY_SHARE, Finding, Look, Watch, changed_share
from recorder.specs import AlarmKind, Watching

LIMITS = Watching(look_sec=10, black_sec=30, frozen_sec=120, silent_sec=120, no_audio_sec=15)
CELLS = 64 * 36


def look(luma: int = 90, *, noise: int = 40, overlay: float = 0.0, seed: int = 1, between: float | None = 0.02) -> Look:
    """A picture of this brightness; `overlay` of it is as bright as a clock's digits; another seed, other noise."""
    dice = random.Random(seed)
    cells = [min(255, luma + dice.randrange(noise + 1)) for _ in range(CELLS)]
    cells[: round(overlay * CELLS)] = [220] * round(overlay * CELLS)
    pixels = [min(255, luma + dice.randrange(noise + 1)) for _ in range(4000)]
    return Look(bytes(cells), bytes(pixels), between)


def after(watch: Watch, looks: list[Look], every: float = 10.0) -> list[tuple[AlarmKind, bool]]:
    found: list[Finding] = []
    for n, one in enumerate(looks):
        found += watch.picture(n * every, one)
    return [(one.kind, one.raised) for one in found]


def test_a_covered_lens_is_black_also_with_the_time_on_it() -> None:
    dark = [look(0, noise=3, overlay=OVERLAY_SHARE - 0.01, seed=n) for n in range(5)]
    assert after(Watch(LIMITS, {}), dark) == [("black", True)]
    assert after(Watch(LIMITS, {}), [*dark, look(), look(seed=2)]) == [("black", True), ("black", False)]


def test_a_room_at_night_is_not_black() -> None:
    assert after(Watch(LIMITS, {}), [look(4, noise=20, seed=n) for n in range(20)]) == []


def test_the_same_picture_for_two_minutes_is_frozen_once() -> None:
    assert after(Watch(LIMITS, {}), [look()] * 30) == [("frozen", True)]


def test_a_room_in_which_nobody_moves_is_not_frozen() -> None:
    assert after(Watch(LIMITS, {}), [look(noise=2, seed=n) for n in range(30)]) == []


def test_packets_with_motion_between_equal_key_frames_are_no_frozen_picture() -> None:
    """A film that loops, or a pan that returns: the key frames are the same, what lies between is not nothing."""
    assert after(Watch(LIMITS, {}), [look(between=0.4)] * 30) == []


def test_a_black_picture_is_not_called_frozen_too() -> None:
    assert after(Watch(LIMITS, {}), [look(0, noise=0)] * 30) == [("black", True)]


def test_pictures_of_another_size_are_not_compared() -> None:
    small = Look(look().cells, look().pixels[:500], 0.02)
    assert after(Watch(LIMITS, {}), [look(), small] * 15) == []


def findings() -> list[Finding]:
    """One for each word that says why."""
    loud, mute, empty = Watch(LIMITS, {}), Watch(LIMITS, {}), Watch(LIMITS, {})
    found = [one for at in range(0, 200, 10) for one in loud.sound(at, -61.4)]
    found += [one for at in range(0, 200, 10) for one in empty.sound(at, -math.inf)]
    dark, still = Watch(LIMITS, {}), Watch(LIMITS, {})
    found += [one for at in range(0, 60, 10) for one in dark.picture(at, look(0, noise=3))]
    found += [one for at in range(0, 200, 10) for one in still.picture(at, look())]
    for n in range(30):
        found += mute.flow(n, 0.1, 0.1 if n < 5 else n - 4.9)
    gone = Watch(replace(LIMITS, sound="required"), {})
    found += [one for at in range(30) for one in gone.flow(at, 0.1, None)]
    return found


def test_each_finding_says_why_in_a_word_and_in_numbers_that_json_can_carry() -> None:
    found = findings()
    assert [one.why for one in found] == [
        "quiet",
        "digital_silence",
        "dark",
        "still",
        "sound_stays_away",
        "no_sound_track",
    ]
    assert all(math.isfinite(number) for one in found for number in one.figures.values())
    figures = {one.why: one.figures for one in found}
    assert figures["quiet"] == {"dbfs": -61.4}
    assert figures["still"] == {"percent": 0.0, "sec": 10}
    assert figures["dark"] == {"luma": 3.0}


def test_silence_is_a_level_and_a_digital_zero() -> None:
    for level in (-61.0, -math.inf):
        watch = Watch(LIMITS, {})
        told = [finding for at in range(0, 200, 10) for finding in watch.sound(at, level)]
        assert [(one.kind, one.raised, one.since) for one in told] == [("silent", True, 0)]
    watch = Watch(LIMITS, {})
    assert not [finding for at in range(0, 200, 10) for finding in watch.sound(at, -56.0)]


def test_sound_that_stays_away_is_missed_where_there_was_some() -> None:
    watch = Watch(LIMITS, {})
    assert watch.flow(0.0, 0.1, 0.1) == []
    told = [finding for at in range(1, 60) for finding in watch.flow(float(at), 0.1, float(at))]
    assert [(one.kind, one.raised, one.since) for one in told] == [("no_audio", True, 0.0)]
    told = [finding for at in range(60, 70) for finding in watch.flow(float(at), 0.1, 0.1)]
    assert [(one.kind, one.raised) for one in told] == [("no_audio", False)]


@pytest.mark.parametrize(("sound", "missed"), [("auto", False), ("required", True), ("ignored", False)])
def test_a_camera_that_never_had_sound_is_asked_for_it_only_where_it_is_required(sound: str, missed: bool) -> None:
    watch = Watch(Watching(no_audio_sec=15, sound=sound), {})  # type: ignore[arg-type]
    told = [finding for at in range(60) for finding in watch.flow(float(at), 0.1, None)]
    assert bool(told) == missed


def test_nothing_is_said_of_sound_while_no_picture_comes() -> None:
    """Then the camera is away, which has a name of its own."""
    watch = Watch(LIMITS, {})
    watch.flow(0.0, 0.1, 0.1)
    assert not [finding for at in range(1, 60) for finding in watch.flow(float(at), float(at) + FRESH_SEC, float(at))]


def test_what_is_not_watched_is_never_told() -> None:
    watch = Watch(Watching(black_sec=0, frozen_sec=0, silent_sec=0, no_audio_sec=0), {})
    assert after(watch, [look(0, noise=0)] * 50) == []
    assert not [finding for at in range(500) for finding in watch.sound(float(at), -90.0)]


looks = st.lists(
    st.builds(
        look,
        st.sampled_from([0, 3, 12, 16, 90]),
        noise=st.sampled_from([0, 2, 40]),
        overlay=st.sampled_from([0.0, 0.04, 0.2]),
        seed=st.integers(1, 4),
        between=st.sampled_from([None, 0.01, 0.3]),
    ),
    max_size=40,
)


@given(looks, st.lists(st.sampled_from([-math.inf, -70.0, -58.0, -30.0]), max_size=40))
def test_every_alarm_is_raised_and_cleared_by_turns(pictures: list[Look], levels: list[float]) -> None:
    watch = Watch(LIMITS, {"black": -100.0})
    found = [one for n, picture in enumerate(pictures) for one in watch.picture(n * 10.0, picture)]
    found += [one for n, level in enumerate(levels) for one in watch.sound(n * 10.0, level)]
    for kind in ("black", "frozen", "silent"):
        raised = [one.raised for one in found if one.kind == kind]
        assert raised == [(n + (kind == "black")) % 2 == 0 for n in range(len(raised))]


@given(st.binary(max_size=200), st.integers(0, 255))
def test_the_changed_share_counts_pixels(pixels: bytes, other: int) -> None:
    one, two = Look(b"", pixels), Look(b"", bytes([other] * len(pixels)))
    different = sum(value != other for value in pixels)
    assert changed_share(one, two) == pytest.approx(different / max(1, len(pixels)))
    assert changed_share(one, one) == 0.0
