"""The network source against a real RTSP server: login, transports, causes of failure, a lost camera."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Literal, cast

import pytest

from recorder.errors import SourceError
from recorder.packets import Packet, TrackKind
from recorder.source.choice import ReaderName
from recorder.source.opening import open_source
from recorder.specs import Limits, SourceSpec
from tests.media import MakeSample, digest, frame_numbers, packets_in, write_mp4
from tests.servers.rtsp_gst import RtspServer, file_and_g711_stream, file_stream, rtsp_server

pytestmark = pytest.mark.integration

USER, PASSWORD = "viewer", "p@ss:w/o rd?密"
KINDS: tuple[TrackKind, ...] = ("video", "audio")
LIMITS = Limits(connect_sec=5.0, stall_sec=2.0)


@pytest.fixture(params=["own", "libav"])
def reader(request: pytest.FixtureRequest) -> ReaderName:
    """Every test is run with both readers, whose packets are the same."""
    return cast(ReaderName, request.param)


@pytest.fixture
def server(sample: MakeSample) -> Iterator[RtspServer]:
    with rtsp_server({"/camera": file_stream(sample(seconds=16))}) as running:
        yield running


def _read(spec: SourceSpec, count: int) -> list[Packet]:
    source = open_source(spec, LIMITS)
    try:
        source.open()
        return [source.read() for _ in range(count)]
    finally:
        source.close()


def _failure(spec: SourceSpec) -> SourceError:
    source = open_source(spec, LIMITS)
    with pytest.raises(SourceError) as failed:
        source.open()
    source.close()
    return failed.value


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_packets_arrive_as_the_file_has_them(
    reader: ReaderName, server: RtspServer, sample: MakeSample, tmp_path: Path, transport: Literal["tcp", "udp"]
) -> None:
    spec = SourceSpec("stream", server.url(), transport=transport, reader=reader)
    packets = _read(spec, 300)
    _check_piece(packets, sample(seconds=16))
    video = [packet for packet in packets if packet.track.kind == "video"]
    stamped = [
        replace(packet, pts=3600 * number, dts=3600 * number, duration=3600) for number, packet in enumerate(video)
    ]
    numbers = frame_numbers(write_mp4(tmp_path / "copy.mp4", stamped))
    assert numbers == list(range(len(video)))


def test_h265_arrives_too(reader: ReaderName, sample: MakeSample, tmp_path: Path) -> None:
    path = sample(seconds=16, codec="hevc")
    with rtsp_server({"/camera": file_stream(path, codec="h265")}) as server:
        packets = _read(SourceSpec("stream", server.url(), reader=reader), 200)
    _check_piece(packets, path)
    video = [packet for packet in packets if packet.track.kind == "video"]
    stamped = [
        replace(packet, pts=3600 * number, dts=3600 * number, duration=3600) for number, packet in enumerate(video)
    ]
    assert frame_numbers(write_mp4(tmp_path / "copy.mp4", stamped)) == list(range(len(video)))


def _check_piece(packets: list[Packet], path: Path) -> None:
    """Picture and sound are one unbroken piece of the file, key frames and stamps included."""
    for kind in KINDS:
        received = [packet for packet in packets if packet.track.kind == kind]
        digests = [digest(packet) for packet in received]
        source = packets_in(path, kind)
        first = [packet.digest for packet in source].index(digests[0])
        sent = source[first : first + len(received)]
        assert digests == [packet.digest for packet in sent]
        assert [packet.is_key for packet in received] == [packet.is_key for packet in sent]
        base = received[0].track.time_base
        for earlier, later in pairwise(received):
            assert earlier.dts is not None
            assert later.dts is not None
            assert 0.015 < (later.dts - earlier.dts) * base < 0.045


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_login(reader: ReaderName, sample: MakeSample, auth: Literal["basic", "digest"]) -> None:
    mounts = {"/camera": file_stream(sample(seconds=16))}
    with rtsp_server(mounts, auth=auth, user=USER, password=PASSWORD) as server:
        assert _read(SourceSpec("stream", server.url(), USER, PASSWORD, reader=reader), 5)
        for user, password in ((USER, "wrong"), ("", "")):
            failure = _failure(SourceSpec("stream", server.url(), user, password, reader=reader))
            assert failure.cause == "unauthorized"
            assert "wrong" not in str(failure)


def test_an_unknown_stream_is_not_found(reader: ReaderName, server: RtspServer) -> None:
    assert _failure(SourceSpec("stream", server.url("/other"), reader=reader)).cause == "not_found"


def test_a_switched_off_camera_is_unreachable(reader: ReaderName, server: RtspServer) -> None:
    server.kill()
    assert _failure(SourceSpec("stream", server.url(), reader=reader)).cause == "unreachable"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_camera_that_loses_its_power_is_noticed_within_the_stall_limit(
    reader: ReaderName, server: RtspServer, transport: Literal["tcp", "udp"]
) -> None:
    source = open_source(SourceSpec("stream", server.url(), transport=transport, reader=reader), LIMITS)
    source.open()
    for _ in range(20):
        source.read()
    server.kill()
    began = time.monotonic()
    with pytest.raises(SourceError) as lost:
        while True:
            source.read()
    took = time.monotonic() - began
    source.close()
    assert lost.value.cause in ("ended", "stalled")
    assert took < LIMITS.stall_sec + 0.5


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_camera_that_freezes_is_a_stall_at_the_limit(
    reader: ReaderName, server: RtspServer, transport: Literal["tcp", "udp"]
) -> None:
    source = open_source(SourceSpec("stream", server.url(), transport=transport, reader=reader), LIMITS)
    source.open()
    source.read()
    server.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(SourceError) as lost:
        while True:
            source.read()
    took = time.monotonic() - began
    server.process.send_signal(signal.SIGCONT)
    source.close()
    assert lost.value.cause == "stalled"
    assert LIMITS.stall_sec - 0.1 < took < LIMITS.stall_sec + 1.0


def test_interrupt_stops_a_read_from_another_thread(reader: ReaderName, server: RtspServer) -> None:
    source = open_source(SourceSpec("stream", server.url(), reader=reader), LIMITS)
    source.open()
    source.read()
    timer = threading.Timer(0.2, source.interrupt)
    timer.start()
    began = time.monotonic()
    with pytest.raises(SourceError) as stopped:
        while True:
            source.read()
    source.close()
    timer.join()
    assert stopped.value.cause == "stopped"
    assert time.monotonic() - began < 1.0


def test_g711_comes_as_a_track_of_its_own(reader: ReaderName, sample: MakeSample) -> None:
    with rtsp_server({"/camera": file_and_g711_stream(sample(seconds=16))}) as server:
        source = open_source(SourceSpec("stream", server.url(), reader=reader), LIMITS)
        tracks = source.open()
        packets = [source.read() for _ in range(60)]
        source.close()
    assert [track.label for track in tracks] == ["h264 320x180", "pcm_alaw 8000 Hz 1 ch"]
    assert {packet.track.kind for packet in packets} == {"video", "audio"}
