"""Packets out of nothing, for tests of the parts that never look into them."""

from __future__ import annotations

from fractions import Fraction

from recorder.packets import Packet, Track
from recorder.stream.timeline import Lineup, Timed

VIDEO = Track(0, "video", "h264", Fraction(1, 90_000), width=640, height=360)
AUDIO = Track(1, "audio", "aac", Fraction(1, 48_000), sample_rate=48_000, channels=1)


def packet(
    track: Track,
    dts: int | None,
    pts: int | None = None,
    *,
    key: bool = False,
    arrival: float = 0.0,
    duration: int = 0,
    size: int = 10,
) -> Packet:
    """A packet whose stamps are all that matters; pts = dts where only one is given."""
    return Packet(track, bytes(size), dts if pts is None else pts, dts, duration, key, arrival)


def timed(
    seq: int,
    at: float,
    *,
    lineup: Lineup,
    track: Track = VIDEO,
    key: bool = False,
    duration: float = 0.04,
    size: int = 10,
) -> Timed:
    """A packet as the timeline gives it."""
    ticks = round(at / track.time_base)
    leads = track is (lineup.video or lineup.tracks[0])
    opens = leads and (key or track.kind == "audio")
    return Timed(packet(track, ticks, key=key, size=size), at, at + duration, seq, lineup, opens, leads)
