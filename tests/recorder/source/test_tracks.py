"""Tracks: which streams are used, templates that outlive their container, new parameter sets."""

from __future__ import annotations

import gc
import io
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.video.stream import VideoStream

from recorder import parameter_sets
from recorder.packets import Packet, Track
from recorder.source.tracks import ParameterWatch, choose, track_of
from tests.media import MakeSample, av_packet, camera_packets, frame_numbers, write_mp4


def _tracks(path: Path) -> tuple[Track, ...]:
    with av.open(str(path)) as container:
        streams, _ = choose(list(container.streams))
        return tuple(map(track_of, streams))


def test_a_template_outlives_the_container_it_came_from(sample: MakeSample, tmp_path: Path) -> None:
    path = sample(codec="h264")
    packets = camera_packets(path, 2.0)  # its camera is closed now
    gc.collect()
    written = write_mp4(tmp_path / "copy.mp4", packets)
    assert frame_numbers(written) == list(range(50))


def test_templates_do_not_leak(sample: MakeSample) -> None:
    video, audio = _tracks(sample())

    def resident_kib() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4

    def make(count: int) -> None:
        for _ in range(count):
            track_of(video.template)
            track_of(audio.template)
        gc.collect()

    make(300)
    before = resident_kib()
    make(1500)
    assert resident_kib() - before < 4096


def test_the_largest_picture_is_chosen_and_the_rest_named(tmp_path: Path) -> None:
    path = tmp_path / "many.mkv"
    with av.open(str(path), "w") as container:
        for codec, size in (("libx264", 64), ("libx264", 128), ("mpeg4", 256)):
            stream = container.add_stream(codec, rate=25, options={"x264-params": "log=-1"} if size < 256 else {})
            assert isinstance(stream, VideoStream)
            stream.width = stream.height = size
            stream.pix_fmt = "yuv420p"
        for stream in container.streams.video:
            frame = av.VideoFrame(stream.width, stream.height, "yuv420p")
            frame.pts, frame.time_base = 0, Fraction(1, 25)
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        streams, dropped = choose(list(container.streams))
        assert [stream.index for stream in streams] == [1]
    assert len(dropped) == 2
    assert any("mpeg4" in reason and "cannot be recorded" in reason for reason in dropped)


def _annex_b_key_frame(packet: Packet) -> tuple[bytes, bytes]:
    """A key frame as RTSP cameras send it, parameter sets in front, and its sets as extradata."""
    sets = parameter_sets.annex_b(parameter_sets.sets_in_extradata("h264", packet.track.extradata))
    units = parameter_sets.nal_units(packet.data, 4)
    return sets + b"".join(b"\x00\x00\x00\x01" + unit for unit in units), sets


def _first_video(path: Path) -> Packet:
    return next(packet for packet in camera_packets(path, 0.5) if packet.track.kind == "video")


@pytest.fixture
def two_sizes(sample: MakeSample) -> tuple[Packet, Packet]:
    return _first_video(sample()), _first_video(sample(width=640, height=352, audio=False, seconds=1))


def test_repeated_sets_keep_the_track(two_sizes: tuple[Packet, Packet]) -> None:
    small, _ = two_sizes
    data, sets = _annex_b_key_frame(small)
    track = Track(0, "video", "h264", small.track.time_base, sets, 320, 180, template=small.track.template)
    watch = ParameterWatch(track)
    assert watch.key_frame(data) is track
    assert watch.key_frame(data.removeprefix(sets)) is track


def test_new_sets_in_band_make_a_new_track_that_a_muxer_can_copy(
    two_sizes: tuple[Packet, Packet], tmp_path: Path
) -> None:
    small, large = two_sizes
    data, sets = _annex_b_key_frame(small)
    old = Track(0, "video", "h264", small.track.time_base, sets, 320, 180, template=small.track.template)
    watch = ParameterWatch(old)
    new_data, new_sets = _annex_b_key_frame(large)
    new = watch.key_frame(new_data)
    assert new is not old
    assert (new.index, new.extradata, new.width, new.height) == (0, new_sets, 640, 352)
    assert watch.key_frame(new_data) is new
    packet = Packet(new, new_data, 0, 0, 512, is_key=True, arrival=0.0)
    written = write_mp4(tmp_path / "new.mp4", [packet])
    with av.open(str(written)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (640, 352)
        assert parameter_sets.length_bytes("h264", stream.codec_context.extradata or b"") == 4
    assert frame_numbers(written) == [0]
    assert watch.key_frame(data) is not new, "and back again"
    assert watch.track.width == 320


def test_new_extradata_beside_a_packet_makes_a_new_track(two_sizes: tuple[Packet, Packet], tmp_path: Path) -> None:
    small, large = two_sizes
    watch = ParameterWatch(small.track)
    assert watch.key_frame(small.data, small.track.extradata) is small.track
    new = watch.key_frame(large.data, large.track.extradata)
    assert (new.extradata, new.width, new.height) == (large.track.extradata, 640, 352)
    written = write_mp4(tmp_path / "new.mp4", [Packet(new, large.data, 0, 0, 512, is_key=True, arrival=0.0)])
    assert frame_numbers(written) == [0]


def test_sets_that_libav_cannot_read_keep_the_old_size(two_sizes: tuple[Packet, Packet]) -> None:
    small, _ = two_sizes
    data, sets = _annex_b_key_frame(small)
    track = Track(0, "video", "h264", small.track.time_base, sets, 320, 180, template=small.track.template)
    watch = ParameterWatch(track)
    changed = watch.key_frame(b"\x00\x00\x00\x01\x67\xff\xff" + data)
    assert (changed.width, changed.height) == (320, 180)


def test_mjpeg_has_no_parameter_sets(sample: MakeSample) -> None:
    packet = _first_video(sample(codec="mjpeg", audio=False, seconds=1))
    watch = ParameterWatch(packet.track)
    assert watch.key_frame(packet.data) is packet.track
    with av.open(io.BytesIO(), "w", format="mp4") as container:
        stream = container.add_stream_from_template(packet.track.template, opaque=True)
        container.mux(av_packet(packet, stream))
