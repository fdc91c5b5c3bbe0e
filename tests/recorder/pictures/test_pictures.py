"""Pictures from packets: at source size, recognisable, never a damaged one, replaced only by a whole one."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from recorder.errors import FileError
from recorder.packets import Packet, Track
from recorder.pictures.pictures import Picture, jpeg_of, write_picture
from recorder.sample import read_frame_number
from tests.media import MakeSample, camera_packets


def _video(path: Path, seconds: float = 1.0) -> list[Packet]:
    return [packet for packet in camera_packets(path, seconds) if packet.track.kind == "video"]


def _number(jpeg: bytes) -> int | None:
    with av.open(io.BytesIO(jpeg), "r", format="jpeg_pipe") as container:
        return read_frame_number(next(container.decode(video=0)))


@pytest.mark.parametrize("codec", ["h264", "hevc", "mjpeg"])
def test_one_key_frame_is_enough_for_a_picture(sample: MakeSample, codec: str) -> None:
    key_frame = _video(sample(codec=codec))[0]
    picture = jpeg_of([key_frame])
    assert (picture.width, picture.height) == (320, 180)
    assert picture.jpeg.startswith(b"\xff\xd8")
    assert picture.jpeg.rstrip(b"\0").endswith(b"\xff\xd9")
    assert _number(picture.jpeg) == 0
    assert 30 < picture.luma_mean < 200


def test_the_picture_is_that_of_the_key_frame_also_with_b_frames(sample: MakeSample) -> None:
    packets = _video(sample(b_frames=2), 3.0)
    second = next(index for index, packet in enumerate(packets) if packet.is_key and index)
    assert _number(jpeg_of([packets[second]]).jpeg) == second
    assert _number(jpeg_of(packets[second:]).jpeg) == second


def test_a_codec_without_a_decoder_gives_no_picture() -> None:
    track = Track(0, "video", "nosuch", Fraction(1, 90_000), width=320, height=180)
    with pytest.raises(FileError, match="nosuch"):
        jpeg_of([Packet(track, b"x", 0, 0, 1, True, 0.0)])


def test_mjpeg_passes_through(sample: MakeSample) -> None:
    packet = _video(sample(codec="mjpeg"))[0]
    assert jpeg_of([packet]).jpeg == packet.data


@pytest.mark.parametrize("codec", ["h264", "hevc", "mjpeg"])
def test_damaged_pictures_do_not_count(sample: MakeSample, codec: str) -> None:
    packets = _video(sample(codec=codec))
    torn = replace(packets[0], data=packets[0].data[: len(packets[0].data) // 2])
    for bad in (torn, replace(torn, data=b"\x00\x00\x00\x10 this is no slice")):
        with pytest.raises(FileError, match="no picture"):
            jpeg_of([bad])
    if codec == "mjpeg":
        assert jpeg_of([torn, packets[1]]).jpeg == packets[1].data


def test_no_packets_no_picture() -> None:
    with pytest.raises(FileError):
        jpeg_of([])


def test_darkness_is_measured() -> None:
    def picture_of(level: int) -> Picture:
        frame = av.VideoFrame(64, 64, "yuvj420p")
        for plane, value in zip(frame.planes, (level, 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        encoder = av.CodecContext.create("mjpeg", "w")
        assert isinstance(encoder, av.VideoCodecContext)
        encoder.width = encoder.height = 64
        encoder.pix_fmt, encoder.framerate = "yuvj420p", Fraction(25)
        data = bytes(encoder.encode(frame)[0])
        return jpeg_of([_mjpeg_packet(data)])

    assert picture_of(0).luma_mean < 3
    assert picture_of(255).luma_mean > 252


def _mjpeg_packet(data: bytes) -> Packet:
    track = Track(0, "video", "mjpeg", Fraction(1, 25), width=64, height=64)
    return Packet(track, data, 0, 0, 1, is_key=True, arrival=0.0)


def test_a_written_picture_replaces_the_old_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "live_1.jpg"
    for jpeg in (b"first", b"second"):
        write_picture(path, Picture(jpeg, 1, 1, 0.0))
        assert path.read_bytes() == jpeg
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_picture_stands_when_the_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "live_1.jpg"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("recorder.disk_calls.fdatasync", full)
    with pytest.raises(FileError, match="No space left"):
        write_picture(path, Picture(b"new", 1, 1, 0.0))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be written"):
        write_picture(tmp_path / "none" / "x.jpg", Picture(b"x", 1, 1, 0.0))
