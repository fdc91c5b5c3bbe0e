"""The sample classroom: every frame is recognisable, key frames are where they belong, the file loops."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import pytest

from recorder.sample import SAMPLE_RATE, make_sample, read_frame_number
from tests.media import MakeSample, duration_sec, frame_numbers, packets_in


@pytest.mark.parametrize("codec", ["h264", "hevc", "mjpeg"])
def test_every_frame_shows_its_number(sample: MakeSample, codec: str) -> None:
    assert frame_numbers(sample(codec=codec, audio=False, seconds=2)) == list(range(50))


def test_numbers_are_readable_at_another_size(sample: MakeSample) -> None:
    with av.open(str(sample(width=640, height=360))) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 20 == 0:
                small = frame.reformat(width=256, height=144, format="rgb24")
                assert read_frame_number(small) == number


def test_a_picture_without_a_strip_has_no_number() -> None:
    for level in (0, 16, 128, 235, 255):
        frame = av.VideoFrame(320, 180, "gray")
        frame.planes[0].update(bytes([level]) * frame.planes[0].buffer_size)
        assert read_frame_number(frame) is None


def test_key_frames_stand_exactly_a_group_apart(sample: MakeSample) -> None:
    packets = packets_in(sample(gop_sec=0.4, fps=25), "video")
    assert [index for index, packet in enumerate(packets) if packet.is_key] == list(range(0, 100, 10))
    assert all(packet.pts == packet.dts for packet in packets)


def test_b_frames_by_option(sample: MakeSample) -> None:
    path = sample(b_frames=2)
    assert any(packet.pts != packet.dts for packet in packets_in(path, "video"))
    assert frame_numbers(path) == list(range(100))


def test_picture_and_sound_are_equally_long_when_the_length_allows(sample: MakeSample) -> None:
    path = sample(seconds=8)
    assert duration_sec(path, "video") == duration_sec(path, "audio") == 8.0


def test_the_tone_changes_every_second(sample: MakeSample) -> None:
    crossings = _zero_crossings_a_second(sample(seconds=5))
    assert [round(rate / 2 / 10) for rate in crossings] == [33, 35, 37, 39]


def _zero_crossings_a_second(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        samples = b"".join(bytes(frame.planes[0])[: frame.samples * 4] for frame in container.decode(audio=0))
    signs = [value > 0 for value in memoryview(samples).cast("f")]
    seconds = [signs[start : start + SAMPLE_RATE] for start in range(0, len(signs), SAMPLE_RATE)]
    return [sum(a != b for a, b in pairwise(part)) for part in seconds if len(part) == SAMPLE_RATE]


def test_only_whole_files_appear(tmp_path: Path) -> None:
    with pytest.raises(av.FFmpegError):
        make_sample(tmp_path / "odd.mp4", width=321, height=181, seconds=1)
    assert list(tmp_path.iterdir()) == []
    make_sample(tmp_path / "good.mp4", width=320, height=180, seconds=1)
    assert [path.name for path in tmp_path.iterdir()] == ["good.mp4"]
