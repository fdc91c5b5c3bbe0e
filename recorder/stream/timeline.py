"""One place that makes time stamps usable: behind it they are complete, rise strictly and count in one media time.

Media time is seconds since the first packet of the channel.  Within a connection it follows the stamps of the camera,
never the arrival of packets; a new connection is placed by its arrival.  What is wrong is repaired and counted:

    missing     no dts, or no pts                     dts goes on at the usual step, pts = dts
    equal       dts of the packet before              one tick later
    backward    a little back                         one tick after the packet before
    wrapped     the counter of the camera ran over    goes on
    jumped      far forward or far back               goes on at the usual step, both tracks by the same amount
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from recorder.packets import Packet, Track

JUMP_SEC = 3.0
"""A step beyond the time that really passed that is taken for a jump of the camera's clock."""
BACKWARD_SEC = 0.5
"""A step back up to this is a disorder of single packets, beyond it a jump."""
AHEAD_SEC = 0.5
"""A longer step that lets a packet arrive this much before it was made is a jump too, however short: the clock of the
camera was set (libav follows its sender reports), and nothing is missing."""
REORDER_SEC = 10.0
"""How far a pts may lie after its dts before it is called nonsense."""
SETTLED_SEC = 1.0
"""After so long the delay of a connection is known."""
ANCHOR_SEC = 60.0
"""The window in which the least delayed packet is sought.  Pauses count as a second at most: while nothing comes,
because the recorder stood still or the camera is silent, what is known of the delay does not grow old.
"""
_PAUSE_SEC = 1.0

_SAME_JUMP_SEC = 0.5
_REMEMBERED = 16  # connections whose anchors are kept
_APART_SEC = 1.0
_WRAP_BITS = (24, 31, 32, 33)


@dataclass(frozen=True, slots=True, eq=False)
class Lineup:
    """The tracks in force: another connection or other parameter sets make another Lineup, compared by identity."""

    session: int
    tracks: tuple[Track, ...]

    @property
    def video(self) -> Track | None:
        """The video track, if there is one."""
        return next((track for track in self.tracks if track.kind == "video"), None)


@dataclass(slots=True, eq=False)
class Timed:
    """A packet with its place in the channel's media time; like a packet never changed.

    `at` is the media time of its dts in seconds, `end` that of its end; `seq` counts the packets of the channel from 0.
    `opens`: a recording may begin with it; `leads`: coverage is told by its track (video if there is one).
    """

    packet: Final[Packet]
    at: Final[float]
    end: Final[float]
    seq: Final[int]
    lineup: Final[Lineup]
    opens: Final[bool]
    leads: Final[bool]


@dataclass(slots=True)
class Repairs:
    """How many stamps were repaired, by kind."""

    missing: int = 0
    equal: int = 0
    backward: int = 0
    wrapped: int = 0
    jumped: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.missing + self.equal + self.backward + self.wrapped + self.jumped


class Anchor:
    """Which monotonic instant is media zero: told by the least delayed packet of the last `ANCHOR_SEC` seconds."""

    def __init__(self) -> None:
        self._lows: deque[tuple[float, float]] = deque()  # (seconds without pauses, delay), both rising
        self._lasted = 0.0  # seconds since the first packet, without pauses
        self._arrival = 0.0
        self._since: float | None = None  # when the first packet arrived
        self._zero: float | None = None  # apart, because other threads read it

    def age(self, arrival: float) -> float:
        """Seconds since the first packet."""
        return arrival - self._since if self._since is not None else 0.0

    def update(self, arrival: float, at: float) -> None:
        """A packet of media time `at` arrived."""
        if self._since is None:
            self._since = self._arrival = arrival
        passed, self._arrival = arrival - self._arrival, arrival
        lasted = self._lasted = self._lasted + (passed if passed < _PAUSE_SEC else _PAUSE_SEC)
        lows, delay = self._lows, arrival - at
        while lows and lows[-1][1] >= delay:
            lows.pop()
        # Larger delays within a second of a smaller one hardly ever become the minimum: 60 entries are enough.
        if not lows or lasted - lows[-1][0] >= 1.0:
            lows.append((lasted, delay))
        elif lows[-1][1] > delay:
            lows[-1] = (lasted, delay)
        while lows[0][0] < lasted - ANCHOR_SEC and len(lows) > 1:
            lows.popleft()
        self._zero = lows[0][1]

    @property
    def zero(self) -> float:
        """The monotonic instant of media zero, in seconds."""
        assert self._zero is not None
        return self._zero


class _Clock:
    """The stamps of one track."""

    __slots__ = ("arrival", "last_in", "last_out", "offset", "step", "tick", "time_base")

    def __init__(self, time_base: Fraction) -> None:
        self.time_base = time_base
        self.tick = float(time_base)
        self.last_in: int | None = None
        self.last_out: int | None = None
        self.offset: int | None = None
        self.step = 0  # the usual distance of packets in ticks, 0 while unknown
        self.arrival = 0.0

    def ticks(self, seconds: float) -> int:
        return round(seconds / self.tick)

    def rescale(self, time_base: Fraction) -> None:
        """Another unit, same instants."""
        factor = self.time_base / time_base
        self.time_base, self.tick = time_base, float(time_base)
        self.last_out = None if self.last_out is None else -int(-self.last_out * factor // 1)
        self.step = int(self.step * factor)
        self.last_in = self.offset = None


class Timeline:
    """Repairs the stamps of one channel. Used by the reading thread; its times and `repairs` may be asked by any.

    Each connection has an anchor of its own: a camera, or libav, hands out the first second or two of a connection in
    one heap, so that its true delay is known only a moment later; what was before it must not move by that.
    """

    def __init__(self) -> None:
        # Per connection: the media time it begins after, and its anchor. A tuple, because other threads read it.
        self._anchors: tuple[tuple[float, Anchor], ...] = ()
        self.repairs = Repairs()
        self._lineup = Lineup(0, ())
        self._leader = -1
        self._clocks: dict[int, _Clock] = {}
        self._in_force: dict[Track, _Clock] = {}  # those of the lineup's tracks that were asked for
        self._seq = 0
        self._end = 0.0
        self._shift: float | None = None  # media time minus the camera's time, of this session
        self._jump: tuple[float, float] | None = None  # (shift, arrival) of the last jump
        self._anchored = False

    def begin_session(self, tracks: Sequence[Track]) -> Lineup:
        """A new connection with these tracks: their clocks start anew, media time goes on."""
        self._set_tracks(self._lineup.session + 1, tuple(tracks))
        self._shift = self._jump = None
        self._anchored = False
        for clock in self._clocks.values():
            clock.offset = clock.last_in = None
        return self._lineup

    def drop_track(self, track: Track) -> None:
        """No more packets will come of this track."""
        left = [one for one in self._lineup.tracks if one is not track]
        self._set_tracks(self._lineup.session, tuple(left))

    @property
    def known(self) -> bool:
        """Whether any packet came yet."""
        return bool(self._anchors)

    def media_at(self, instant: float) -> float:
        """The media time of a monotonic instant; 0 before the first packet."""
        following = math.inf
        at = 0.0
        for start, anchor in reversed(self._anchors):
            at = min(instant - anchor.zero, following)
            if at > start:
                break
            following = start
        return at

    def instant_of(self, at: float) -> float:
        """The monotonic instant of a media time; only after the first packet."""
        anchors = self._anchors
        anchor = next((anchor for start, anchor in reversed(anchors) if at > start), anchors[0][1])
        return at + anchor.zero

    def repair(self, packet: Packet) -> Timed:
        """The packet with repaired stamps, counted from the channel's media zero in the time base of its track."""
        clock = self._in_force.get(packet.track) or self._clock_of(packet.track)
        dts, pts, arrival, tick = packet.dts, packet.pts, packet.arrival, clock.tick
        if dts is None or pts is None:
            dts, pts = self._complete(clock, packet)
        if clock.offset is None or clock.last_in is None:
            clock.offset = self._place(clock, dts, arrival)
        elif not 0 < (dts - clock.last_in) * tick <= AHEAD_SEC:
            self._mend(clock, dts, arrival)
        out_dts = dts + clock.offset
        if clock.last_out is not None and out_dts <= clock.last_out:
            out_dts = clock.last_out + 1
        if not 0 <= (pts - dts) * tick <= REORDER_SEC:
            pts = self._near(clock, pts, dts)
        out_pts = pts + clock.offset
        if packet.duration > 0:
            clock.step = packet.duration
        else:
            self._learn_step(clock, dts)
        clock.last_in, clock.last_out, clock.arrival = dts, out_dts, arrival
        return self._timed(clock, packet, out_pts if out_pts > out_dts else out_dts, out_dts)

    def _timed(self, clock: _Clock, packet: Packet, pts: int, dts: int) -> Timed:
        at = dts * clock.tick
        duration = packet.duration if packet.duration > 0 else clock.step
        end = at + duration * clock.tick
        track, is_key, arrival, seq = packet.track, packet.is_key, packet.arrival, self._seq
        (self._anchors[-1][1] if self._anchored else self._new_anchor(at, arrival)).update(arrival, at)
        self._end = max(self._end, end)
        leads = track.index == self._leader
        opens = leads and (is_key or track.kind == "audio")
        repaired = packet
        if dts != packet.dts or pts != packet.pts or duration != packet.duration:
            repaired = Packet(track, packet.data, pts, dts, duration, is_key, arrival, packet.lost)
        self._seq = seq + 1
        return Timed(repaired, at, end, seq, self._lineup, opens, leads)

    def _new_anchor(self, at: float, arrival: float) -> Anchor:
        """That of this connection, with its first packet; the other track may begin a little before it."""
        anchor = Anchor()
        anchor.update(arrival, at)
        since = max(self._end, at - _APART_SEC)
        self._anchors = (*self._anchors[1 - _REMEMBERED :], (since, anchor))
        self._anchored = True
        return anchor

    def _clock_of(self, track: Track) -> _Clock:
        if track not in self._lineup.tracks:
            others = [old for old in self._lineup.tracks if old.index != track.index]
            self._set_tracks(self._lineup.session, tuple(sorted([*others, track], key=lambda one: one.index)))
        clock = self._clocks.get(track.index)
        if clock is None:
            clock = self._clocks[track.index] = _Clock(track.time_base)
        elif clock.time_base is not track.time_base and clock.time_base != track.time_base:
            clock.rescale(track.time_base)
        self._in_force[track] = clock
        return clock

    def _set_tracks(self, session: int, tracks: tuple[Track, ...]) -> None:
        self._lineup = Lineup(session, tracks)
        self._in_force = {}
        leader = self._lineup.video or (tracks[0] if tracks else None)
        self._leader = leader.index if leader else -1

    def _complete(self, clock: _Clock, packet: Packet) -> tuple[int, int]:
        """dts and pts as the camera means them, guessed where it says nothing of one or both."""
        dts, pts = packet.dts, packet.pts
        self.repairs.missing += 1
        if dts is None:
            if clock.last_in is None:
                dts = 0 if pts is None else pts
            else:
                step = clock.step or max(1, clock.ticks(packet.arrival - clock.arrival))
                dts = clock.last_in + step if pts is None else min(pts, clock.last_in + step)
        return dts, dts if pts is None else pts

    def _place(self, clock: _Clock, dts: int, arrival: float) -> int:
        """The offset of a track's first packet in this session."""
        own = dts * clock.tick
        if self._shift is None:
            start = max(self._end, arrival - self._anchors[-1][1].zero) if self._anchors else 0.0
            self._shift = start - own
        elif abs(own + self._shift - self._end) > JUMP_SEC:
            # The tracks of this camera count from different zeros: the packet that arrived last is the best neighbour.
            self.repairs.jumped += 1
            return clock.ticks(self._end - own)
        return clock.ticks(self._shift)

    def _mend(self, clock: _Clock, dts: int, arrival: float) -> None:
        """Find the offset behind a step that is not a plain step forward."""
        assert clock.last_in is not None
        assert clock.last_out is not None
        assert clock.offset is not None
        step = (dts - clock.last_in) * clock.tick
        passed = max(0.0, arrival - clock.arrival)
        if 0 < step <= passed + JUMP_SEC and not self._is_ahead((dts + clock.offset) * clock.tick, arrival):
            return
        for bits in _WRAP_BITS:
            if 0 < step + (1 << bits) * clock.tick <= passed + JUMP_SEC:
                self.repairs.wrapped += 1
                clock.offset += 1 << bits
                return
        if step == 0:
            self.repairs.equal += 1
        elif -BACKWARD_SEC <= step < 0:
            self.repairs.backward += 1
        else:
            self.repairs.jumped += 1
            self._follow_jump(clock, dts, arrival, passed)

    def _is_ahead(self, at: float, arrival: float) -> bool:
        """Whether a packet of this media time could not be here yet; while a connection begins nobody can tell."""
        anchor = self._anchors[-1][1]
        return self._anchored and anchor.age(arrival) > SETTLED_SEC and at + anchor.zero - arrival > AHEAD_SEC

    def _follow_jump(self, clock: _Clock, dts: int, arrival: float, passed: float) -> None:
        assert clock.last_out is not None
        assert clock.offset is not None
        usual = max(1, clock.step)
        wanted = clock.last_out + (max(usual, clock.ticks(passed)) if passed > 1.0 else usual) - dts
        shift = (wanted - clock.offset) * clock.tick
        if self._jump and abs(self._jump[0] - shift) < _SAME_JUMP_SEC and arrival - self._jump[1] < REORDER_SEC:
            # The other track jumped by the same amount: the very same shift keeps sound and picture together.
            clock.offset += clock.ticks(self._jump[0])
            self._jump = None
        else:
            self._jump = (shift, arrival)
            clock.offset = wanted

    def _near(self, clock: _Clock, pts: int, dts: int) -> int:
        """The pts near its dts, from which it is far: it wraps a few packets earlier than the dts does."""
        for bits in _WRAP_BITS:
            if 0 <= (pts + (1 << bits) - dts) * clock.tick <= REORDER_SEC:
                return pts + (1 << bits)
        return dts

    def _learn_step(self, clock: _Clock, dts: int) -> None:
        """From packets that do not say how long they last."""
        if clock.last_in is not None and 0 < (step := dts - clock.last_in) * clock.tick <= JUMP_SEC:
            clock.step = step if not clock.step else max(1, clock.step + (step - clock.step) // 8)
