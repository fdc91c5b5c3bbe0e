"""Depacketisers against FFmpeg's and GStreamer's senders: what comes out is what those coded."""

from __future__ import annotations

import select
import socket
import subprocess
import time
from pathlib import Path

import av
import pytest

from recorder.source.rtsp.jpeg import Jpeg
from recorder.source.rtsp.mpeg_audio import MpegAudio
from recorder.source.rtsp.plain_audio import CODECS, PlainAudio
from recorder.source.rtsp.source import RtspSource
from recorder.source.rtsp.units import Depacketiser, Unit
from recorder.specs import Limits, SourceSpec
from tests.media import coded_digest
from tests.servers.rtsp_gst import rtsp_server

pytestmark = pytest.mark.integration

LIMIT_SEC = 60.0
_PICTURE = "-f lavfi -i testsrc2=size=320x240:rate=25:duration=2"
_SOUND = "-f lavfi -i sine=frequency=440:sample_rate={rate}:duration=2"


def sent_by_ffmpeg(folder: Path, arguments: str, depacketiser: Depacketiser) -> tuple[list[Unit], bytes]:
    """What FFmpeg sent by RTP, as our depacketiser has it, and the same in a file without a container."""
    kept = folder / "kept"
    units: list[Unit] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        ours.bind(("127.0.0.1", 0))
        outputs = f"[f=rtp]rtp://127.0.0.1:{ours.getsockname()[1]}?pkt_size=1200|[f=data]{kept}"
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", *arguments.split(), "-map", "0", "-f", "tee"]
        with subprocess.Popen([*command, outputs], stdout=subprocess.DEVNULL) as process:
            deadline, expected = time.monotonic() + LIMIT_SEC, -1
            while True:
                ended = process.poll() is not None
                if not select.select([ours], [], [], 0.1)[0]:
                    if ended:
                        break
                    assert time.monotonic() < deadline
                    continue
                packet = ours.recv(65_536)
                sequence = int.from_bytes(packet[2:4], "big")
                assert expected in (-1, sequence), "the system's buffer was too small"
                expected = (sequence + 1) & 0xFFFF
                units += depacketiser.push(packet[12:], int.from_bytes(packet[4:8], "big"), packet[1] & 0x80, 0)
            assert process.returncode == 0
    assert all(unit.lost == 0 for unit in units)
    return units, kept.read_bytes()


def test_pictures_of_ffmpeg(tmp_path: Path) -> None:
    coding = "-c:v mjpeg -huffman default -q:v 4 -pix_fmt yuvj420p"
    units, kept = sent_by_ffmpeg(tmp_path, f"{_PICTURE} {coding}", Jpeg())
    pictures = [b"\xff\xd8" + one for one in kept.split(b"\xff\xd8")[1:]]
    assert len(pictures) == 50
    assert [coded_digest("mjpeg", b"", unit.data) for unit in units] == [
        coded_digest("mjpeg", b"", picture) for picture in pictures
    ]
    assert looks(units[0].data) == looks(pictures[0])


def looks(jpeg: bytes) -> list[bytes]:
    """The decoded planes."""
    decoder = av.CodecContext.create("mjpeg", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    (frame,) = decoder.decode(av.Packet(jpeg)) or decoder.decode(None)
    assert not frame.is_corrupt
    return [bytes(plane) for plane in frame.planes]


@pytest.mark.parametrize(
    ("coding", "rate", "depacketiser"),
    [
        ("-c:a mp2 -b:a 128k", 48_000, MpegAudio()),
        ("-c:a libmp3lame -b:a 64k -write_xing 0", 32_000, MpegAudio()),
        ("-c:a g726le -b:a 24k", 8_000, PlainAudio(CODECS["G726-24"], 1)),
        ("-c:a g726 -b:a 32k", 8_000, PlainAudio(CODECS["AAL2-G726-32"], 1)),
    ],
    ids=lambda value: value.split()[1] if isinstance(value, str) else "",
)
def test_sounds_of_ffmpeg(tmp_path: Path, coding: str, rate: int, depacketiser: Depacketiser) -> None:
    units, kept = sent_by_ffmpeg(tmp_path, f"{_SOUND.format(rate=rate)} {coding}", depacketiser)
    sent = b"".join(unit.data for unit in units)
    assert kept.startswith(sent)
    assert len(sent) > 0.9 * len(kept)  # the last packet, which is not full, is not sent


@pytest.mark.parametrize(("size", "chroma"), [((320, 240), "I420"), ((320, 240), "Y42B"), ((2592, 1944), "I420")])
def test_pictures_and_sound_of_gstreamer(size: tuple[int, int], chroma: str) -> None:
    """The large one is more than the payload's header can say."""
    caps = f"video/x-raw,format={chroma},width={size[0]},height={size[1]},framerate=5/1"
    launch = (
        f"( videotestsrc is-live=true ! {caps} ! jpegenc ! rtpjpegpay name=pay0 pt=26"
        " audiotestsrc is-live=true ! audio/x-raw,rate=44100 ! lamemp3enc ! mpegaudioparse ! rtpmpapay name=pay1 )"
    )
    with rtsp_server({"/camera": launch}) as server:
        source = RtspSource(SourceSpec("stream", server.url()), Limits())
        try:
            video, audio = source.open()
            packets = [source.read() for _ in range(60)]
        finally:
            source.close()
    assert (video.codec, video.width, video.height) == ("mjpeg", *size)
    assert (audio.codec, audio.sample_rate) == ("mp3", 44_100)
    assert not any(packet.lost for packet in packets)
    pictures = [packet.data for packet in packets if packet.track is video]
    assert len(pictures) > 3
    assert all(looks(picture) for picture in pictures)
