"""Black, frozen, silent, no audio: what is seen and heard now and then, judged.  No I/O, no clock.

    black     All but the brightest `OVERLAY_SHARE` of the picture is as dark as black and without contrast.  The
              brightest part does not count, because cameras write the time over a covered lens, too.
    frozen    Key frames differ in no more than `STILL_SHARE` of their pixels, and the packets between them are tiny.
              Measured with x264 and x265, constant quality 23 to 40 and 200 kbit/s: the key frames of a motionless
              scene differ in 33 % of the pixels and more when there is the least noise of a sensor (one step of 255),
              of a frozen picture in 4 % and less (up to 20 % in the first seconds, while rate control settles).  The
              sizes of the packets between tell nothing of noise, which coders leave out of them, but of motion.
    silent    The level lies below a threshold in dBFS; also a digital zero.
    no audio  The picture comes and the sound does not, or its track is gone.

A picture between two thresholds is taken for more of the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import ne
from typing import get_args

from recorder.pictures.latch import Latch
from recorder.specs import AlarmKind, Watching

OVERLAY_SHARE = 0.05
"""How much of a picture a camera may cover with the time and its name."""
STILL_SHARE = 0.08
MOVING_SHARE = 0.16
"""Share of pixels that differ between two key frames: a picture that stands still, and one that does not."""
IDLE_SHARE = 0.1
"""Packets between key frames larger than this share of a key frame carry motion."""
SETTLED_MARGIN_DB = 3.0
LUMA_MARGIN = 4.0
"""By how much a picture or a sound must pass its threshold the other way to be called good."""
CLEAR_SEC: Mapping[AlarmKind, float] = {"black": 0.0, "frozen": 1.0, "silent": 0.0, "no_audio": 3.0}
"""How long what is good must last.  One picture, or one sound, with something in it is enough; but a frozen picture may
differ once when its coder takes another quality.
"""
FRESH_SEC = 3.0
"""A track whose last packet is older than this does not come just now."""


@dataclass(frozen=True, slots=True)
class Look:
    """A key frame, made small.

    `cells` are mean lumas of a coarse grid above black (0 to 255), `pixels` lumas of single pixels at the same places
    of each picture of this size, `between` the median size of the packets in front of it as a share of its own (None
    where there are none: every picture is a key frame).
    """

    cells: bytes = field(repr=False)
    pixels: bytes = field(repr=False)
    between: float | None = None

    @property
    def dark(self) -> tuple[float, float]:
        """(luma that all but the overlay's share of the picture stays below, how much of contrast there is)."""
        rising = sorted(self.cells)
        top = rising[int(len(rising) * (1 - OVERLAY_SHARE))]
        return float(top), float(top - rising[int(len(rising) * OVERLAY_SHARE)])


@dataclass(frozen=True, slots=True)
class Finding:
    """An alarm that was raised, or cleared. `since`: when what led to it began, by the clock of whoever asked; `detail`
    is `why` with its `figures` as an English sentence.
    """

    kind: AlarmKind
    raised: bool
    since: float
    detail: str
    why: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Why:
    word: str
    detail: str
    figures: Mapping[str, float] = field(default_factory=dict)


class Watch:
    """What is the matter with one channel.  Each method gives what has changed.

    `standing` holds alarms that are on already, with their beginnings.
    """

    def __init__(self, limits: Watching, standing: Mapping[AlarmKind, float]) -> None:
        self._limits = limits
        waits = {
            "black": limits.black_sec,
            "frozen": limits.frozen_sec,
            "silent": limits.silent_sec,
            "no_audio": limits.no_audio_sec,
        }
        self._latches: dict[AlarmKind, Latch] = {
            kind: Latch(waits[kind], CLEAR_SEC[kind], standing.get(kind)) for kind in get_args(AlarmKind) if waits[kind]
        }
        self._before: tuple[float, Look] | None = None
        self._sound_expected = limits.sound == "required" or "no_audio" in standing

    def picture(self, at: float, look: Look) -> list[Finding]:
        """A key frame of `at`."""
        black = self._black(look)
        luma = look.dark[0]
        dark = _Why("dark", f"all but the brightest twentieth is below luma {luma:.0f}", {"luma": luma})
        found = self._see("black", at, black, dark)
        before, self._before = self._before, (at, look)
        # A black picture may hold no noise that could tell whether it is frozen.
        if black is not True and before is not None and len(before[1].pixels) == len(look.pixels):
            share = changed_share(before[1], look)
            sec = at - before[0]
            figures = {"percent": round(100 * share, 1), "sec": round(sec, 1)}
            still = _Why("still", f"{share:.1%} of the pixels changed in {sec:.0f} s", figures)
            frozen = _frozen(share, look)
            found += self._see("frozen", at, frozen, still, before[0] if frozen else None)
        return found

    def sound(self, at: float, level: float) -> list[Finding]:
        """The sound's level at `at`, dBFS; minus infinity for a digital zero."""
        least = self._limits.silent_dbfs
        silent = True if level < least else False if level > least + SETTLED_MARGIN_DB else None
        detail = f"the level is {level:.0f} dBFS"
        is_zero = level == -math.inf  # which JSON cannot say
        why = _Why("digital_silence", detail) if is_zero else _Why("quiet", detail, {"dbfs": round(level, 1)})
        return self._see("silent", at, silent, why)

    def flow(self, at: float, picture_age: float | None, sound_age: float | None) -> list[Finding]:
        """Seconds since the last packet of either track; None where the connection has no such track, or none yet."""
        comes = sound_age is not None and sound_age < FRESH_SEC
        if comes and self._limits.sound != "ignored":
            self._sound_expected = True
        if not self._sound_expected or picture_age is None or picture_age >= FRESH_SEC:
            return []
        if not comes:
            self._pause("silent")
        why = _Why("sound_stays_away", "sound comes" if comes else "the sound's packets stay away")
        if sound_age is None:
            why = _Why("no_sound_track", "the camera sends no sound track")
        began = at - sound_age if sound_age is not None and not comes else None
        return self._see("no_audio", at, not comes, why, began)

    def pause(self) -> None:
        """The stream is away."""
        self._before = None
        for latch in self._latches.values():
            latch.pause()

    def _pause(self, kind: AlarmKind) -> None:
        if kind in self._latches:
            self._latches[kind].pause()

    def _black(self, look: Look) -> bool | None:
        top, contrast = look.dark
        limit = self._limits.black_luma
        if top <= limit and contrast <= limit / 2:
            return True
        return False if top > limit + LUMA_MARGIN or contrast > limit / 2 + LUMA_MARGIN else None

    def _see(
        self, kind: AlarmKind, at: float, bad: bool | None, why: _Why, began: float | None = None
    ) -> list[Finding]:
        latch = self._latches.get(kind)
        turn = latch.see(at, bad, began) if latch is not None else None
        if turn is None:
            return []
        return [Finding(kind, turn.raised, turn.since, why.detail, why.word, why.figures)]


def changed_share(one: Look, other: Look) -> float:
    """The share of pixels that differ between two looks of the same size, 0 to 1."""
    changed: int = sum(map(ne, one.pixels, other.pixels))
    return changed / max(1, len(one.pixels))


def _frozen(share: float, look: Look) -> bool | None:
    if share > MOVING_SHARE or (look.between is not None and look.between > IDLE_SHARE):
        return False
    return True if share <= STILL_SHARE else None
