"""What a recorder tells its live process over their socket: which tracks, then packets, each behind a head of its own.

head     kind (1 byte), flags (1), track (2), size (4), pts (8), dts (8), duration (8), big endian
tracks   JSON: a list of `LiveTrack`; packets name a track by its place in it
packet   the coded frame
skipped  nothing; `pts` counts the packets that were thrown away so far
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, fields
from fractions import Fraction

from recorder.errors import ProtocolError
from recorder.packets import Packet, Track, TrackKind

MAX_PACKET_BYTES = 64 << 20
_HEAD = struct.Struct("!BBHIqqq")
_TRACKS, _PACKET, _SKIPPED = b"TPS"
_IS_KEY = 1


@dataclass(frozen=True, slots=True)
class LiveTrack:
    """A track as a muxer needs it; the fields are those of `Track`."""

    kind: TrackKind
    codec: str
    time_base: Fraction
    extradata: bytes = b""
    width: int = 0
    height: int = 0
    sample_rate: int = 0
    channels: int = 0

    @classmethod
    def of(cls, track: Track) -> LiveTrack:
        """The same track without its template, which stays in the recorder process."""
        return cls(**{one.name: getattr(track, one.name) for one in fields(cls)})


@dataclass(frozen=True, slots=True)
class LivePacket:
    """A packet of track number `track`; `pts`, `dts` and `duration` count in its time base."""

    track: int
    data: bytes
    pts: int
    dts: int
    duration: int
    is_key: bool


@dataclass(frozen=True, slots=True)
class Skipped:
    """So many packets were thrown away since the beginning, because the line is slow."""

    packets: int


Message = tuple[LiveTrack, ...] | LivePacket | Skipped


def tracks_frame(tracks: tuple[LiveTrack, ...]) -> bytes:
    """The tracks of the packets that follow."""
    body = json.dumps(
        [
            {
                "kind": track.kind,
                "codec": track.codec,
                "time_base": [track.time_base.numerator, track.time_base.denominator],
                "extradata": base64.b64encode(track.extradata).decode(),
                "size": [track.width, track.height],
                "sound": [track.sample_rate, track.channels],
            }
            for track in tracks
        ]
    ).encode()
    return _HEAD.pack(_TRACKS, 0, 0, len(body), 0, 0, 0) + body


def packet_head(packet: Packet, track: int) -> bytes:
    """The head of a packet of track number `track`; its data follows as it is."""
    assert packet.pts is not None
    assert packet.dts is not None
    flags = _IS_KEY if packet.is_key else 0
    return _HEAD.pack(_PACKET, flags, track, len(packet.data), packet.pts, packet.dts, packet.duration)


def skipped_frame(packets: int) -> bytes:
    """How many packets were thrown away."""
    return _HEAD.pack(_SKIPPED, 0, 0, 0, packets, 0, 0)


class Unframer:
    """Bytes in, messages out; `ProtocolError` for what cannot have come from this module."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are whole now."""
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            kind, flags, track, size, pts, dts, duration = _HEAD.unpack_from(self._buffer)
            if size > MAX_PACKET_BYTES:
                raise ProtocolError(f"a live packet of {size} bytes")
            end = _HEAD.size + size
            if len(self._buffer) < end:
                return
            body = bytes(memoryview(self._buffer)[_HEAD.size : end])
            del self._buffer[:end]
            if kind == _PACKET:
                yield LivePacket(track, body, pts, dts, duration, bool(flags & _IS_KEY))
            elif kind == _TRACKS:
                yield _tracks(body)
            elif kind == _SKIPPED:
                yield Skipped(pts)
            else:
                raise ProtocolError(f"a live message of kind {kind}")


def _tracks(body: bytes) -> tuple[LiveTrack, ...]:
    try:
        return tuple(
            LiveTrack(
                one["kind"],
                one["codec"],
                Fraction(*one["time_base"]),
                base64.b64decode(one["extradata"]),
                *one["size"],
                *one["sound"],
            )
            for one in json.loads(body)
        )
    except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise ProtocolError(f"the tracks of a live stream cannot be read: {error}") from error
