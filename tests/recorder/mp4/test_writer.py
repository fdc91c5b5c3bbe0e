"""Any sequence of packets comes out of the file as it went in: read by the standard alone, and by PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from pathlib import Path

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.mp4.index import MOVIE_TIMESCALE
from recorder.mp4.samples import timescale_of
from recorder.mp4.writer import Mp4Writer
from recorder.names import new_uid
from recorder.packets import Packet, Track, TrackKind
from recorder.synced_file import SyncedFile
from tests.media import MakeSample, boxes, camera_packets, tracks_of
from tests.recorder.mp4.reading import Sample, TrackRead, closed_tracks, fragment_samples

CREATED = 1_700_000_000.0


@dataclass(frozen=True)
class Drawn:
    """A packet to be: ms since the one before of its track, ms until it is shown, which packet of the film, ticks."""

    sound: bool
    step: int
    later: int
    key: bool
    which: int
    duration: int


class Film:
    """A picture and a sound, and packets of each; no record, because Hypothesis would print all of it."""

    def __init__(self, packets: Sequence[Packet]) -> None:
        self.tracks = sorted(tracks_of(list(packets)), key=lambda one: one.kind, reverse=True)
        self._data: dict[tuple[TrackKind, bool], list[bytes]] = {(one.track.kind, one.is_key): [] for one in packets}
        for one in packets:
            self._data[one.track.kind, one.is_key].append(one.data)

    def data(self, kind: TrackKind, key: bool, which: int) -> bytes:
        """The bytes of some packet, of a key frame or not: libav looks into them."""
        those = self._data[kind, key]
        return those[which % len(those)]


@dataclass(frozen=True)
class Stream:
    """Fragments of packets, the time base of each track, and where they begin."""

    fragments: list[list[Drawn]]
    bases: tuple[Fraction, Fraction]
    begin: int
    apart: int

    def packets(self, film: Film) -> tuple[list[Track], list[list[Packet]]]:
        """The two tracks, and the packets fragment by fragment."""
        tracks, stamps, made = [], [], []
        for track, base in zip(film.tracks, self.bases, strict=True):
            tracks.append(replace(track, time_base=base))
            stamps.append(floor(self.begin / base))
        stamps[1] = max(0, stamps[1] + self.apart)
        for drawn in self.fragments:
            some = []
            for one in drawn:
                n = int(one.sound)
                a_ms = Fraction(1, 1000) / self.bases[n]
                stamps[n] += max(1, round(one.step * a_ms))
                later = 0 if one.sound else round(one.later * a_ms)
                key = one.sound or one.key
                payload = film.data(tracks[n].kind, key, one.which)
                some.append(Packet(tracks[n], payload, stamps[n] + later, stamps[n], one.duration, key, 0.0))
            made.append(some)
        return tracks, made


packet = st.builds(
    Drawn,
    sound=st.booleans(),
    step=st.integers(10, 600),
    later=st.integers(0, 300),
    key=st.booleans(),
    which=st.integers(0, 1000),
    duration=st.integers(0, 3000),
)
streams = st.builds(
    Stream,
    st.lists(st.lists(packet, max_size=15), max_size=5),
    st.tuples(
        st.sampled_from([Fraction(1, 12800), Fraction(1, 90000), Fraction(1, 1000), Fraction(1001, 30000)]),
        st.sampled_from([Fraction(1, 48000), Fraction(1, 1000), Fraction(1, 90000)]),
    ),
    st.integers(0, 10**7),
    st.integers(-40_000, 40_000),
)


@pytest.fixture(scope="module")
def film(sample: MakeSample) -> Film:
    return Film(camera_packets(sample(seconds=4), 4.0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mp4")


def write(folder: Path, tracks: Sequence[Track], fragments: Sequence[Sequence[Packet]]) -> tuple[bytes, Path]:
    """The file while it grows, and where it is when it is closed."""
    path = folder / new_uid()
    file = SyncedFile(path, 60.0)
    writer = Mp4Writer(file, tracks, CREATED, {"title": "课"})
    for packets in fragments:
        for one in packets:
            writer.add(one)
        writer.flush()
    growing = path.read_bytes()
    writer.close()
    if writer.fragments:
        file.digest()
    file.close()
    return growing, path


def to_ticks(stamp: int | None, track: Track) -> int:
    """To the nearest tick of the file."""
    assert stamp is not None
    return floor(stamp * track.time_base * timescale_of(track) + Fraction(1, 2))


def stamps_of(packets: Sequence[Packet], zero: Fraction) -> list[tuple[int, int]]:
    """dts and pts in ticks from the file's zero, each dts behind the one before."""
    base = floor(zero * timescale_of(packets[0].track))
    out: list[tuple[int, int]] = []
    last = -1
    for one in packets:
        last = max(to_ticks(one.dts, one.track) - base, last + 1)
        out.append((last, max(to_ticks(one.pts, one.track) - base, last)))
    return out


def zero_of(packets: Sequence[Packet]) -> Fraction:
    """The file's zero: its first fragment's earliest first stamp."""
    firsts = {one.track: one for one in reversed(packets)}.values()
    return min((one.dts or 0) * one.track.time_base for one in firsts)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(streams)
def test_what_goes_in_comes_out(folder: Path, film: Film, stream: Stream) -> None:
    tracks, fragments = stream.packets(film)
    growing, path = write(folder, tracks, fragments)
    data = path.read_bytes()
    path.unlink()
    whole = [one for some in fragments for one in some]
    if not whole:
        assert data == growing == b""
        return
    assert [box.kind for box in boxes(data)] == ["ftyp", "mdat", "moov"]
    read = {one.number: one for one in closed_tracks(data)}
    first = next(some for some in fragments if some)
    for number, track in enumerate(tracks, 1):
        packets = [one for one in whole if one.track is track]
        if not packets:
            assert number not in read
            continue
        stamps = stamps_of(packets, zero_of(first))
        begin = stamps[0][0]
        check_index(read[number], packets, stamps)
        # The header of an open file tells where a track begins; of one that comes later its fragments do.
        told = begin if any(one.track is track for one in first) else 0
        check_samples(fragment_samples(growing, number), packets, stamps, told)


def check_samples(
    found: Sequence[Sample], packets: Sequence[Packet], stamps: Sequence[tuple[int, int]], begin: int
) -> None:
    assert [one.data for one in found] == [one.data for one in packets]
    assert [one.is_key for one in found] == [one.is_key for one in packets]
    assert [(one.dts + begin, one.pts + begin) for one in found] == list(stamps)


def check_index(found: TrackRead, packets: Sequence[Packet], stamps: Sequence[tuple[int, int]]) -> None:
    track, (begin, shown) = packets[0].track, stamps[0]
    assert (found.timescale, found.movie_timescale) == (timescale_of(track), MOVIE_TIMESCALE)
    check_samples(found.samples, packets, stamps, begin)
    durations = [one.duration for one in found.samples]
    assert durations[:-1] == [after[0] - before[0] for before, after in pairwise(stamps)]
    if packets[-1].duration:
        assert durations[-1] == max(1, to_ticks(packets[-1].duration, track))
    assert found.duration == sum(durations)
    *empty, (length, lead) = found.edits
    assert lead == shown - begin
    assert [media for _, media in empty] == ([-1] if shown else [])
    assert abs(sum(one for one, _ in empty) - Fraction(shown * MOVIE_TIMESCALE, found.timescale)) <= Fraction(1, 2)
    end = max(pts + duration for (_, pts), duration in zip(stamps, durations, strict=True)) + (track.kind == "video")
    assert length == ceil(Fraction((end - shown) * MOVIE_TIMESCALE, found.timescale))


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(streams)
def test_pyav_reads_the_same(folder: Path, film: Film, stream: Stream) -> None:
    opening = [Drawn(sound, 100, 0, True, 0, 100) for sound in (False, True)]
    fragments = [opening + (stream.fragments or [[]])[0], *stream.fragments[1:]]
    tracks, parts = replace(stream, fragments=fragments).packets(film)
    growing, path = write(folder, tracks, parts)
    whole = [one for some in parts for one in some]
    for content in (path.read_bytes(), growing):
        path.write_bytes(content)
        for number, track in enumerate(tracks):
            packets = [one for one in whole if one.track is track]
            stamps = stamps_of(packets, zero_of(parts[0]))
            with av.open(str(path)) as container:
                found = [one for one in container.demux(container.streams[number]) if one.size]
                assert container.streams[number].time_base == Fraction(1, timescale_of(track))
            assert [bytes(one) for one in found] == [one.data for one in packets]
            assert [one.is_keyframe for one in found] == [one.is_key for one in packets]
            assert [(one.dts, one.pts) for one in found] == stamps
    path.unlink()


def test_pyav_reads_what_comes_after_two_key_frames_that_are_shown_to_the_end(folder: Path, film: Film) -> None:
    coming = [(True, 0), (False, 0), (True, 11), (True, 1), (False, 0)]
    drawn = [Drawn(False, 10, later, key, 0, 0) for key, later in coming]
    tracks, parts = Stream([drawn], (Fraction(1, 12800), Fraction(1, 48000)), 0, 0).packets(film)
    _, path = write(folder, tracks, parts)
    with av.open(str(path)) as container:
        assert [bytes(one) for one in container.demux(video=0) if one.size] == [one.data for one in parts[0]]


def test_beyond_four_gibibytes_and_thirteen_hours(tmp_path: Path, film: Film) -> None:
    """A hole in the file stands for the bytes, a pause for the time."""
    tracks = [replace(film.tracks[0], time_base=Fraction(1, 12800))]
    key = film.data("video", True, 0)
    hours = 15 * 3600
    stamps = [0, 512, hours * 12800]
    packets = [Packet(tracks[0], key, stamp, stamp, 512, True, 0.0) for stamp in stamps]
    file = SyncedFile(tmp_path / "large", 60.0)
    writer = Mp4Writer(file, tracks, CREATED, {})
    for packet in packets:
        writer.add(packet)
        writer.flush()
        file.end += 3 << 30
    writer.close()
    file.close()
    with av.open(str(tmp_path / "large"), format="mp4") as container:
        found = [one for one in container.demux(video=0) if one.size]
        assert [(one.dts, bytes(one)) for one in found] == [(stamp, key) for stamp in stamps]
        assert container.duration == (hours + 0.04) * av.time_base


def test_an_open_file_begins_with_what_a_closed_one_needs(tmp_path: Path, film: Film) -> None:
    """Sound that comes later than the header is placed by its fragments, and later by the index."""
    video, audio = film.tracks
    packets = [Packet(video, film.data("video", True, 0), n * 512, n * 512, 512, True, 0.0) for n in range(50)]
    stamps = [48_000 + n * 1024 for n in range(47)]
    late = [Packet(audio, film.data("audio", True, at), at, at, 1024, True, 0.0) for at in stamps]
    growing, path = write(tmp_path, (video, audio), [packets[:25], [*packets[25:], *late]])
    for content in (growing, path.read_bytes()):
        path.write_bytes(content)
        with av.open(str(path)) as container:
            first = next(one for one in container.demux(audio=0) if one.size)
            assert first.pts == 48_000


def test_dates_and_tags_are_told(tmp_path: Path, film: Film) -> None:
    packets = [Packet(film.tracks[0], film.data("video", True, 0), 0, 0, 512, True, 0.0)]
    _, path = write(tmp_path, film.tracks[:1], [packets])
    with av.open(str(path)) as container:
        assert container.metadata["title"] == "课"
        assert container.metadata["creation_time"] == "2023-11-14T22:13:20.000000Z"
