"""A file as a camera: exact joints, steady pace, and what happens to the file meanwhile."""

from __future__ import annotations

import os
import threading
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from recorder.errors import SourceError
from recorder.packets import Packet, TrackKind
from recorder.source.mp4_camera import Mp4Camera
from recorder.source.opening import open_source
from recorder.specs import Limits, SourceSpec
from tests.media import MakeSample, camera_packets, digest, packet_hashes, packets_in

KINDS: tuple[TrackKind, ...] = ("video", "audio")


def _of(packets: list[Packet], kind: TrackKind) -> list[Packet]:
    return [packet for packet in packets if packet.track.kind == kind]


def unpaced(path: Path) -> Mp4Camera:
    """An open camera whose time passes by waiting."""
    now = 0.0

    def wait(seconds: float) -> bool:
        nonlocal now
        now += seconds
        return False

    camera = Mp4Camera(SourceSpec("file", str(path)), monotonic=lambda: now, wait=wait)
    camera.open()
    return camera


def _remuxed(source: Path, target: Path) -> Path:
    """The same packets in another container."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        copies = {stream.index: new.add_stream_from_template(stream, opaque=True) for stream in old.streams}
        for packet in old.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                new.mux(packet)
    return target


@pytest.mark.parametrize("codec", ["h264", "hevc", "mjpeg"])
@pytest.mark.parametrize("kind", ["video", "audio"])
def test_the_packets_are_those_of_the_file_again_and_again(sample: MakeSample, codec: str, kind: TrackKind) -> None:
    path = sample(seconds=8, codec=codec)
    packets = _of(camera_packets(path, 25.0), kind)
    once = packet_hashes(path, kind)
    assert len(packets) > 3 * len(once)
    assert [digest(packet) for packet in packets] == [once[index % len(once)] for index in range(len(packets))]


@pytest.mark.parametrize("b_frames", [0, 2])
def test_joints_have_neither_gap_nor_overlap(sample: MakeSample, b_frames: int) -> None:
    packets = camera_packets(sample(seconds=8, b_frames=b_frames), 100.0)
    for kind in KINDS:
        track = _of(packets, kind)
        steps = {(later.dts or 0) - (earlier.dts or 0) for earlier, later in pairwise(track)}
        assert steps == {track[0].duration}
    video = _of(packets, "video")
    shown = sorted(packet.pts for packet in video if packet.pts is not None)[:-4]
    assert {later - earlier for earlier, later in pairwise(shown)} == {video[0].duration}


def test_sound_and_picture_stay_together_where_the_tracks_are_not_equally_long(sample: MakeSample) -> None:
    path = sample(seconds=2)
    packets = camera_packets(path, 300.0)
    beginnings = {kind: packet_hashes(path, kind)[0] for kind in KINDS}
    turns = [
        [_start(packet) for packet in _of(packets, kind) if digest(packet) == beginning]
        for kind, beginning in beginnings.items()
    ]
    offsets = [float(picture - sound) for picture, sound in zip(*turns, strict=True)]
    assert len(offsets) > 100
    assert max(offsets) - min(offsets) <= 1 / 12800, "one tick of the picture's clock, however many turns"
    for kind in KINDS:
        track = _of(camera_packets(path, 60.0), kind)
        steps = [_start(later) - _start(earlier) for earlier, later in pairwise(track)]
        assert min(steps) == steps[0]
        assert max(steps) < steps[0] + Fraction(1024, 48000)


def _start(packet: Packet) -> Fraction:
    assert packet.dts is not None
    return packet.dts * packet.track.time_base


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mov"])
def test_other_containers_loop_too(sample: MakeSample, tmp_path: Path, suffix: str) -> None:
    path = _remuxed(sample(seconds=2), tmp_path / f"lesson{suffix}")
    packets = camera_packets(path, 10.0)
    for kind in KINDS:
        track = _of(packets, kind)
        starts = [_start(packet) for packet in track]
        assert starts == sorted(set(starts))
        assert max(later - earlier for earlier, later in pairwise(starts)) < Fraction(1, 10)
        per_turn = len(packets_in(path, kind))
        assert len(track) > 4 * per_turn
        assert digest(track[0]) == digest(track[per_turn])


def test_packets_of_all_tracks_come_in_the_order_of_their_time(sample: MakeSample, tmp_path: Path) -> None:
    whole = _remuxed(sample(seconds=4), tmp_path / "coarse.mkv")
    due = [_start(packet) for packet in camera_packets(whole, 9.0)]
    assert due == sorted(due)


def test_every_packet_is_given_out_when_it_is_due(sample: MakeSample) -> None:
    packets = camera_packets(sample(seconds=2), 20.0)
    first = _start(packets[0])
    for packet in packets:
        assert packet.arrival == pytest.approx(max(0.0, float(_start(packet) - first)), abs=1 / 12800)


def test_a_late_reader_catches_up_and_the_pace_does_not_drift(sample: MakeSample) -> None:
    now = 0.0

    def wait(seconds: float) -> bool:
        nonlocal now
        now += seconds + 0.003  # every sleep lasts too long
        return False

    camera = Mp4Camera(SourceSpec("file", str(sample())), monotonic=lambda: now, wait=wait)
    camera.open()
    first = camera.read()
    now += 1.5
    late = [camera.read() for _ in range(300)]
    camera.close()
    lateness = [packet.arrival - float(_start(packet) - _start(first)) for packet in late]
    assert lateness[0] > 1.4
    assert max(lateness[150:]) < 0.01


def test_what_came_while_the_machine_slept_is_gone(sample: MakeSample) -> None:
    """The clock goes on in suspend: no hour of film is played at once, the connection is lost and made anew."""
    now = 100.0
    camera = Mp4Camera(SourceSpec("file", str(sample())), monotonic=lambda: now, wait=lambda _: False)
    camera.open()
    camera.read()
    now += 3600.0
    with pytest.raises(SourceError, match="3600 s") as lost:
        camera.read()
    camera.close()
    assert lost.value.cause == "stalled"


def test_real_time_on_the_real_clock(sample: MakeSample) -> None:
    camera = open_source(SourceSpec("file", str(sample())), Limits())
    began = time.monotonic()
    camera.open()
    packets = [camera.read() for _ in range(40)]
    camera.close()
    media = float(_start(packets[-1]) - _start(packets[0]))
    assert packets[-1].arrival - packets[0].arrival == pytest.approx(media, abs=0.05)
    assert time.monotonic() - began >= media


def test_interrupt_wakes_a_waiting_reader(sample: MakeSample) -> None:
    camera = Mp4Camera(SourceSpec("file", str(sample(fps=1, gop_sec=3, audio=False))))
    camera.open()
    camera.read()
    threading.Timer(0.1, camera.interrupt).start()
    began = time.monotonic()
    with pytest.raises(SourceError) as stopped:
        camera.read()
    camera.close()
    assert stopped.value.cause == "stopped"
    assert time.monotonic() - began < 0.6


def test_a_file_replaced_on_disk_plays_on_until_reopened(sample: MakeSample, tmp_path: Path) -> None:
    path = tmp_path / "camera.mp4"
    path.write_bytes(sample(seconds=1).read_bytes())
    old, new = packet_hashes(path, "video"), packet_hashes(sample(seconds=1, fps=10), "video")
    camera = unpaced(path)
    camera.read()
    replacement = tmp_path / "new.mp4"
    replacement.write_bytes(sample(seconds=1, fps=10).read_bytes())
    replacement.replace(path)
    packets = _of([camera.read() for _ in range(300)], "video")
    camera.close()
    assert {digest(packet) for packet in packets} <= set(old)
    reopened = _of(camera_packets(path, 0.9), "video")
    assert [digest(packet) for packet in reopened] == new[: len(reopened)]


@pytest.mark.parametrize(
    ("make", "cause", "words"),
    [
        (lambda path: None, "not_found", "no such file"),
        (lambda path: path.mkdir(), "unusable", "not a regular file"),
        (os.mkfifo, "unusable", "not a regular file"),
        (lambda path: path.write_bytes(b""), "unusable", "no MP4"),
        (lambda path: path.write_bytes(b"\x00\x01" * 5000), "unusable", "no MP4"),
        (lambda path: path.write_text("ffconcat version 1.0\nfile /etc/hostname\n"), "unusable", "no MP4"),
        (lambda path: path.write_text("#EXTM3U\n#EXTINF:1,\n/etc/hostname\n"), "unusable", "no MP4"),
        (lambda path: path.write_text("v=0\r\nm=video 5000 RTP/AVP 96\r\n"), "unusable", "no MP4"),
        (lambda path: path.symlink_to("/dev/zero"), "unusable", "not a regular file"),
    ],
)
def test_what_is_no_playable_file_is_named(tmp_path: Path, make, cause: str, words: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "camera.mp4"
    make(path)
    camera = Mp4Camera(SourceSpec("file", str(path)))
    with pytest.raises(SourceError, match=words) as failed:
        camera.open()
    camera.close()
    assert failed.value.cause == cause


def test_a_file_with_sound_only_is_a_camera_too(sample: MakeSample) -> None:
    packets = camera_packets(sample(video=False), 10.0)
    assert {packet.track.label for packet in packets} == {"aac 48000 Hz 1 ch"}


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_nothing_stays_open(sample: MakeSample) -> None:
    before = _open_files()
    for _ in range(3):
        camera_packets(sample(seconds=1), 3.0)
    assert _open_files() == before


def test_a_film_that_is_written_over_plays_on_as_it_is_now(sample: MakeSample, tmp_path: Path) -> None:
    """Its index is no longer believed behind the joint."""
    path = tmp_path / "film.mp4"
    path.write_bytes(sample(seconds=2).read_bytes())
    other = sample(seconds=2, gop_sec=1)
    camera = unpaced(path)
    video = []
    while (packet := camera.read()).arrival < 3.9:
        if packet.track.kind == "video":
            video.append(digest(packet))
        if len(video) == 50:
            path.write_bytes(other.read_bytes())
    camera.close()
    assert video[:50] == packet_hashes(sample(seconds=2), "video")
    assert len(video) > 90
    assert video[50:] == packet_hashes(other, "video")[: len(video) - 50]


def test_a_film_that_is_cut_off_is_named(sample: MakeSample, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(sample().read_bytes())
    camera = unpaced(path)
    camera.read()
    os.truncate(path, 20_000)
    with pytest.raises(SourceError, match="shorter than its index"):
        for _ in range(1000):
            camera.read()
    camera.close()
