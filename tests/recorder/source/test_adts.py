"""AAC behind ADTS headers becomes what a file can hold."""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest

from recorder.packets import Packet
from recorder.source import adts
from recorder.source.libav import LibavSource
from recorder.source.mp4_camera import Mp4Camera
from recorder.specs import Limits, SourceSpec
from tests.media import MakeSample, assert_plays, digest, packet_hashes, write_mp4
from tests.servers.http_media import Reply, remuxed, serving


def test_the_header_says_what_the_config_says(sample: MakeSample) -> None:
    with av.open(str(sample())) as file:
        config = file.streams.audio[0].codec_context.extradata
    with av.open(io.BytesIO(remuxed(sample(), "mpegts")), "r") as stream:
        frame = next(bytes(packet) for packet in stream.demux(audio=0) if packet.size)
    assert adts.header_bytes(frame) == 7
    rate_and_channels = frame[2] >> 2 & 15, (frame[2] & 1) << 2 | frame[3] >> 6
    assert rate_and_channels == (3, 1)
    assert config is not None
    assert config[:2] == ((2 << 11) | (3 << 7) | (1 << 3)).to_bytes(2, "big")


@pytest.mark.parametrize("frame", [b"", b"\xff\xf1", b"\xff\xf1\x3c\x80\x00\x00\x00\x00\x00\x00", b"\x21\x00" * 9])
def test_what_is_no_such_frame_is_left_alone(frame: bytes) -> None:
    assert adts.bare(frame) in (frame, frame[7:])
    if not adts.header_bytes(frame):
        assert adts.bare(frame) == frame


def test_sound_out_of_mpeg_ts_can_be_recorded(sample: MakeSample, tmp_path: Path) -> None:
    stream = remuxed(sample(), "mpegts")
    film = tmp_path / "film.ts"
    film.write_bytes(stream)
    now = 0.0

    def wait(seconds: float) -> bool:
        nonlocal now
        now += seconds
        return False

    camera = Mp4Camera(SourceSpec("file", str(film)), monotonic=lambda: now, wait=wait)
    camera.open()
    from_file = [camera.read() for _ in range(200)]
    camera.close()
    with serving({"/live.ts": Reply(stream)}) as server:
        source = LibavSource(SourceSpec("stream", server.url("/live.ts")), Limits())
        source.open()
        from_network = [source.read() for _ in range(200)]
        source.close()
    for name, packets in (("file", from_file), ("network", from_network)):
        sound = [digest(packet) for packet in packets if packet.track.kind == "audio"]
        assert sound == packet_hashes(sample(), "audio")[: len(sound)]
        assert {packet.track.label for packet in packets} == {"h264 320x180", "aac 48000 Hz 1 ch"}
        assert sorted(assert_plays(write_mp4(tmp_path / f"{name}.mp4", _ordered(packets)))) == ["audio", "video"]


def _ordered(packets: list[Packet]) -> list[Packet]:
    return sorted(packets, key=lambda packet: float((packet.dts or 0) * packet.track.time_base))
