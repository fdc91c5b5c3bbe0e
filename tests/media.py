"""What tests ask of media files: which packets and which numbered frames are in them, and how they are built."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, cast

import av
import av.logging
from av.container import InputContainer
from av.stream import Stream

from recorder import parameter_sets
from recorder.packets import Packet, Track, TrackKind
from recorder.sample import read_frame_number
from recorder.source.mp4_camera import Mp4Camera
from recorder.specs import SourceSpec

MakeSample = Callable[..., Path]
_CODED_OBUS = (3, 4, 6)  # frame header, tile group, frame (AV1 6.2.2)


@dataclass(frozen=True, slots=True)
class PacketFacts:
    """A packet in a file: stamps in seconds, and a digest of what is coded in it (see `packet_hashes`)."""

    pts: Fraction
    dts: Fraction
    duration: Fraction
    is_key: bool
    digest: str


@dataclass(frozen=True, slots=True)
class Box:
    """A box of an ISO base media file: its four letters, where it begins, how long it is, header included."""

    kind: str
    offset: int
    size: int


def packets_in(path: str | Path, kind: TrackKind) -> list[PacketFacts]:
    """The packets of the first track of this kind, in decode order."""
    with av.open(str(path)) as container:
        stream = _first(container, kind)
        if stream is None:
            return []
        base = stream.time_base or Fraction(1)
        digest_of = _digester(stream)
        return [
            PacketFacts(
                pts=(packet.pts or 0) * base,
                dts=(packet.dts or 0) * base,
                duration=(packet.duration or 0) * base,
                is_key=packet.is_keyframe,
                digest=digest_of(bytes(packet)),
            )
            for packet in container.demux(stream)
            if packet.size
        ]


def packet_hashes(path: str | Path, kind: TrackKind) -> list[str]:
    """Digests of the coded pictures or sounds of a file, in decode order.

    For H.264 and H.265 the digest is over the slices alone: parameter sets, delimiters and SEI may come and go, and
    start codes may become lengths, on the way from one container to another.  MJPEG and AV1: see `coded_digest`.
    """
    return [packet.digest for packet in packets_in(path, kind)]


def digest(packet: Packet) -> str:
    """The digest of one of the recorder's packets, comparable with those of `packet_hashes`."""
    return coded_digest(packet.track.codec, packet.track.extradata, packet.data)


def coded_digest(codec: str, extradata: bytes, data: bytes) -> str:
    """The digest of what is coded in a packet: of the picture alone, whatever headers a container or RTP puts to it."""
    if codec == "h264":
        length_bytes = parameter_sets.length_bytes("h264", extradata)
        units = parameter_sets.nal_units(data, length_bytes)
        data = _coded(unit for unit in units if parameter_sets.nal_type("h264", unit) <= 5)
    elif codec == "hevc":
        length_bytes = parameter_sets.length_bytes("hevc", extradata)
        units = parameter_sets.nal_units(data, length_bytes)
        data = _coded(unit for unit in units if parameter_sets.nal_type("hevc", unit) < 32)
    elif codec == "mjpeg":
        # RTP (RFC 2435) carries the scan; the headers before it are made anew by who receives it.
        data = data[data.rfind(b"\xff\xda") :].partition(b"\xff\xd9")[0]
    elif codec == "av1":
        data = b"".join(payload for kind, payload in obus(data) if kind in _CODED_OBUS)
    return hashlib.sha256(data).hexdigest()[:16]


def _coded(units: Iterable[bytes]) -> bytes:
    # A zero behind a unit belongs to the start code of the next one; a length takes it in with the unit.
    return b"".join(unit.rstrip(b"\0") for unit in units)


def obus(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and payload of each OBU of a temporal unit (AV1 5.3.1) in which every OBU but the last has a size."""
    position = 0
    while position < len(data):
        header = data[position]
        position += 2 if header & 4 else 1
        size, shift = len(data) - position, 0
        if header & 2:
            size = 0
            while True:
                byte = data[position]
                position += 1
                size |= (byte & 0x7F) << shift
                shift += 7
                if not byte & 0x80:
                    break
        yield header >> 3 & 0xF, data[position : position + size]
        position += size


def frame_numbers(path: str | Path) -> list[int | None]:
    """The numbers burnt into the frames of a sample, or of what was recorded from one, in display order."""
    with av.open(str(path)) as container:
        if not container.streams.video:
            return []
        return [read_frame_number(frame) for frame in container.decode(video=0)]


def duration_sec(path: str | Path, kind: TrackKind) -> float:
    """From the first decode stamp to the end of the last packet of the first track of this kind."""
    packets = packets_in(path, kind)
    return float(packets[-1].dts + packets[-1].duration - packets[0].dts) if packets else 0.0


def boxes(source: str | Path | bytes, *inside: str) -> list[Box]:
    """The boxes at the top of a file, or (`boxes(path, "moov", "trak")`) in the first box found on that way.

    A last box that is cut off counts, with the size that it claims.
    """
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    start, end = 0, len(data)
    for kind in inside:
        box = next(box for box in _boxes(data, start, end) if box.kind == kind)
        start, end = box.offset + 8, min(end, box.offset + box.size)
    return list(_boxes(data, start, end))


def camera_packets(path: str | Path, seconds: float) -> list[Packet]:
    """The first seconds of a file as the recorder's packets, looped if need be, each arriving when it is due."""
    now = 0.0

    def wait(length: float) -> bool:
        nonlocal now
        now += length
        return False

    camera = Mp4Camera(SourceSpec("file", str(path)), monotonic=lambda: now, wait=wait)
    try:
        camera.open()
        packets = []
        while (packet := camera.read()).arrival < seconds:
            packets.append(packet)
        return packets
    finally:
        camera.close()


def write_mp4(path: Path, packets: list[Packet]) -> Path:
    """A plain MP4 of packets, by the template of each track; a Track that was replaced keeps its first template."""
    with av.open(str(path), "w", format="mp4") as container:
        # Every stream before the first packet: adding one behind the header crashes libav.
        streams: dict[int, Stream] = {}
        for track in tracks_of(packets):
            if track.index not in streams:
                streams[track.index] = container.add_stream_from_template(track.template, opaque=True)
        for packet in packets:
            container.mux(av_packet(packet, streams[packet.track.index]))
    return path


def av_packet(packet: Packet, stream: Stream) -> av.Packet[Stream]:
    """A fresh PyAV packet for a muxer, which changes what it is given."""
    raw = av.Packet(packet.data)
    raw.pts, raw.dts, raw.time_base = packet.pts, packet.dts, packet.track.time_base
    raw.duration, raw.is_keyframe, raw.stream = packet.duration, packet.is_key, stream
    return raw


def assert_plays(path: str | Path) -> list[str]:
    """Decode a file from end to end; fails where FFmpeg complains about anything. The kinds of its tracks, in order.

    With PyAV's FFmpeg, and with Debian's older one as well where its ffprobe is installed.
    """
    before = av.logging.get_level()
    av.logging.set_level(av.logging.WARNING)
    try:
        # Not local: frame threads complain too.
        with av.logging.Capture(local=False) as complaints, av.open(str(path)) as container:
            kinds: list[str] = [stream.type for stream in container.streams]
            decoded = {frame.__class__ for frame in container.decode()}
    finally:
        av.logging.set_level(before)
    assert not complaints, f"{path}: {complaints}"
    assert len(decoded) == len(kinds), f"{path}: tracks {kinds}, decoded {decoded}"
    if shutil.which("ffprobe"):
        ffprobe(path)
    return kinds


def ffprobe(path: str | Path) -> dict[str, Any]:
    """What Debian's ffprobe (another, older FFmpeg than PyAV's) says about a file that it has decoded from end to end.

    Fails where it complains about anything.
    """
    command = ["ffprobe", "-v", "warning", "-of", "json", "-show_format", "-show_streams", "-count_frames", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    except FileNotFoundError:
        raise AssertionError("ffprobe is not installed: apt-get install ffmpeg") from None
    assert not done.stderr, f"{path}: {done.stderr}"
    return cast(dict[str, Any], json.loads(done.stdout))


def _first(container: InputContainer, kind: Literal["video", "audio"]) -> Stream | None:
    return next((stream for stream in container.streams if stream.type == kind), None)


def _digester(stream: Stream) -> Callable[[bytes], str]:
    codec = stream.codec_context.codec.canonical_name
    extradata = stream.codec_context.extradata or b""
    return lambda data: coded_digest(codec, extradata, data)


def _boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4], "big")
        kind = data[start + 4 : start + 8].decode("latin-1")
        if size == 1:
            size = int.from_bytes(data[start + 8 : start + 16], "big")
        elif size == 0:
            size = end - start
        if size < 8:
            return
        yield Box(kind, start, size)
        start += size


def tracks_of(packets: list[Packet]) -> list[Track]:
    """The tracks of packets, each once, in the order of their first packets."""
    return list(dict.fromkeys(packet.track for packet in packets))
