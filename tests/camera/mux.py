"""A film in a container: as a file, or as what a server sends piece by piece."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av

from recorder.packets import TrackKind
from tests.camera.film import Film, FilmTrack, Unit


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that a server sends `at` seconds after the beginning."""

    at: float
    data: bytes


class CannotCarry(Exception):
    """The container has no place for this codec."""


def muxed(film: Film, container: str) -> bytes:
    """The whole film in one file; raises `CannotCarry`."""
    target = io.BytesIO()
    try:
        with av.open(target, "w", format=container) as muxer:
            for _ in _written(film, muxer, target):
                pass
    except (av.FFmpegError, ValueError) as error:
        raise CannotCarry(f"{container}: {error}") from error
    return target.getvalue()


def pieces(film: Film, container: str) -> list[Piece]:
    """What a muxer writes, packet by packet, where nothing can be rewritten; raises `CannotCarry`."""
    target = io.BytesIO()
    target.seekable = lambda: False  # type: ignore[method-assign]
    try:
        with av.open(target, "w", format=container) as muxer:
            written = list(_written(film, muxer, target))
            done = target.tell()
    except (av.FFmpegError, ValueError) as error:
        raise CannotCarry(f"{container}: {error}") from error
    return [*written, Piece(film.seconds, target.getvalue()[done:])]


def part(film: Film, since: float, until: float) -> Film:
    """The units due between these seconds, with their stamps: a segment."""
    tracks = (
        replace(track, units=tuple(unit for unit in track.units if since <= unit.dts / track.clock < until))
        for track in film.tracks
    )
    return Film(until - since, tuple(tracks))


def _written(film: Film, muxer: Any, target: io.BytesIO) -> Iterator[Piece]:
    streams = [muxer.add_stream_from_template(track.template, opaque=True) for track in film.tracks]
    done = 0
    for at, index, unit in in_order(film):
        muxer.mux(raw_packet(film.tracks[index], unit, streams[index]))
        if target.tell() > done:
            yield Piece(at, target.getvalue()[done:])
            done = target.tell()


def in_order(film: Film) -> list[tuple[float, int, Unit]]:
    """All units by the instant they are due, with the index of their track."""
    units = [(unit.dts / track.clock, index, unit) for index, track in enumerate(film.tracks) for unit in track.units]
    return sorted(units, key=lambda one: one[:2])


def raw_packet(track: FilmTrack, unit: Unit, stream: Any) -> av.Packet[Any]:
    """A fresh packet for a muxer, parameter sets in front of key frames."""
    sets = b"".join(b"\x00\x00\x00\x01" + one for one in unit.sets)
    packet: av.Packet[Any] = av.Packet(sets + unit.data)
    packet.pts, packet.dts, packet.time_base = unit.pts, unit.dts, Fraction(1, track.clock)
    packet.duration = track.units[1].dts - track.units[0].dts
    packet.is_keyframe, packet.stream = unit.is_key, stream
    return packet


def digests(film: Film, kind: TrackKind) -> list[str]:
    """What its packets are recognised by, in decode order."""
    track = film.track(kind)
    return [unit.digest for unit in track.units] if track else []
