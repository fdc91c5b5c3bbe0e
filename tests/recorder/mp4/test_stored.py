"""The index of a plain MP4 says what libavformat says; of everything else it says nothing."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.mp4.stored import stored_tracks
from tests.media import MakeSample, boxes
from tests.recorder.mp4.test_survey import reader

Facts = tuple[bytes, int | None, int | None, int, bool]


def by_index(data: bytes) -> list[list[Facts] | None] | None:
    found = stored_tracks(reader(data), len(data))
    if found is None:
        return None
    return [
        None
        if track is None
        else [
            (data[place : place + size], pts, dts, duration, key == 1)
            for place, size, pts, dts, duration, key in (
                zip(track.places, track.sizes, track.pts, track.dts, track.durations, track.keys, strict=True)
            )
        ]
        for track in found
    ]


def by_libavformat(path: Path) -> list[list[Facts]]:
    found: dict[int, list[Facts]] = defaultdict(list)
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size:
                facts = (bytes(packet), packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe)
                found[packet.stream_index].append(facts)
        return [found[stream.index] for stream in container.streams]


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"b_frames": 2},
        {"codec": "hevc"},
        {"codec": "mjpeg"},
        {"audio": False},
        {"video": False},
        {"fps": 30, "gop_sec": 0.5},
    ],
)
def test_it_says_what_libavformat_says(sample: MakeSample, wanted: dict[str, object]) -> None:
    path = sample(**wanted)
    assert by_index(path.read_bytes()) == by_libavformat(path)


def test_of_our_own_slices_too(written: tuple[bytes, bytes], tmp_path: Path) -> None:
    growing, closed = written
    (tmp_path / "closed.mp4").write_bytes(closed)
    assert by_index(closed) == by_libavformat(tmp_path / "closed.mp4")
    assert by_index(growing) is None


@pytest.mark.parametrize("suffix", ["mkv", "ts", "mov"])
def test_other_files_are_not_plain_or_read_alike(sample: MakeSample, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"film.{suffix}"
    with av.open(str(sample(b_frames=2))) as old, av.open(str(path), "w") as new:
        copies = {stream.index: new.add_stream_from_template(stream, opaque=True) for stream in old.streams}
        for packet in old.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                new.mux(packet)
    found = by_index(path.read_bytes())
    assert found == (by_libavformat(path) if suffix == "mov" else None)


def test_a_part_of_a_film_is_left_to_libavformat(sample: MakeSample) -> None:
    """An edit that ends before the film does hides samples."""
    data = bytearray(sample().read_bytes())
    at = data.index(b"elst") + 12
    entries = int.from_bytes(data[at - 4 : at], "big")
    data[at + 12 * (entries - 1) : at + 12 * (entries - 1) + 4] = (1000).to_bytes(4, "big")
    found = by_index(bytes(data))
    assert found is not None
    assert None in found


spoilt = st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\7", b"\x7f\xff\0\0"])


@given(data=st.data())
def test_a_damaged_index_does_no_harm(sample: MakeSample, data: st.DataObject) -> None:
    whole = bytearray(sample(seconds=1, audio=False).read_bytes())
    moov = next(box for box in boxes(bytes(whole)) if box.kind == "moov")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(moov.offset + 8, moov.offset + moov.size - 4))
        whole[at : at + 4] = data.draw(spoilt)
    found = stored_tracks(reader(bytes(whole)), len(whole))
    for track in found or []:
        if track is not None:
            assert all(place + size <= len(whole) for place, size in zip(track.places, track.sizes, strict=True))
