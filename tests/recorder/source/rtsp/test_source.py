"""The reader against the tests' own camera: every packet, by every way, and what it says when things go wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Literal

import pytest

from recorder.errors import SourceError
from recorder.packets import Packet, Track
from recorder.source.rtsp.problems import NotOurs
from recorder.source.rtsp.source import RtspSource
from recorder.specs import Limits, SourceSpec
from tests.camera.auth import Guard
from tests.camera.boot import Habits, Sent
from tests.camera.camera import Camera
from tests.camera.faults import (
    Answer,
    BrokenInterleaving,
    Dead,
    Described,
    Disorder,
    Drip,
    Fault,
    HalfOpen,
    TornPackets,
)
from tests.camera.film import FilmSpec, make_film
from tests.media import digest

USER, PASSWORD = "viewer", "p@ss:w/o rd?密"
LIMITS = Limits(connect_sec=20.0, stall_sec=15.0)
longer = pytest.mark.integration
"""Needs nothing but Python packages, but its time."""

SHORT = Limits(connect_sec=1.0, stall_sec=1.0)
BOTH = FilmSpec(seconds=6)


@contextmanager
def source_of(
    camera: Camera, limits: Limits = LIMITS, transport: Literal["tcp", "udp"] = "tcp"
) -> Iterator[RtspSource]:
    source = RtspSource(SourceSpec("stream", camera.url(), USER, PASSWORD, transport), limits)
    try:
        yield source
    finally:
        source.close()


def read(source: RtspSource, count: int) -> list[Packet]:
    source.open()
    return [source.read() for _ in range(count)]


def is_piece(packets: Sequence[Packet], sent: Sequence[Sent]) -> None:
    """What was received is an unbroken piece of what left the camera, stamps and key frames included."""
    for kind in ("video", "audio"):
        received = [packet for packet in packets if packet.track.kind == kind]
        left = [one for one in sent if one.kind == kind and one.whole]
        if not received:
            continue
        digests = [digest(packet) for packet in received]
        first = next(at for at, one in enumerate(left) if one.unit.digest == digests[0])
        same = left[first : first + len(received)]
        assert digests == [one.unit.digest for one in same]
        assert [packet.is_key for packet in received] == [one.unit.is_key for one in same]
        assert [packet.lost for packet in received] == [0] * len(received)
        shown = [(packet.pts or 0) - (received[0].pts or 0) for packet in received]
        assert [stamp & 0xFFFFFFFF for stamp in shown] == [(one.stamp - same[0].stamp) & 0xFFFFFFFF for one in same]
        assert max(map(abs, shown)) < 1 << 31
        assert all((packet.dts or 0) <= (packet.pts or 0) for packet in received)
        assert all((later.dts or 0) > (earlier.dts or 0) for earlier, later in pairwise(received))


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_camera_is_read(transport: Literal["tcp", "udp"]) -> None:
    with Camera(make_film(BOTH)) as camera, source_of(camera, transport=transport) as source:
        packets = read(source, 40)
    is_piece(packets, camera.sent)


@longer
@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(
    "wanted",
    [
        {"video": "h264", "audio": "aac"},
        {"video": "h264", "audio": "pcm_alaw", "b_frames": 2},
        {"video": "hevc", "audio": "pcm_mulaw"},
        {"video": "", "audio": "aac"},
        {"video": "h264", "audio": "opus", "open_gop": True, "b_frames": 3},
        {"video": "hevc", "audio": "pcm_s16be", "b_frames": 2},
        {"video": "mjpeg", "audio": "mp2"},
        {"video": "h264", "audio": "g726"},
    ],
    ids=lambda wanted: "-".join(str(one) for one in wanted.values()),
)
def test_what_the_camera_sent_is_read(wanted: dict[str, Any], transport: Literal["tcp", "udp"]) -> None:
    with Camera(make_film(FilmSpec(seconds=6, **wanted))) as camera, source_of(camera, transport=transport) as source:
        packets = read(source, 60)
    is_piece(packets, camera.sent)
    assert {packet.track.kind for packet in packets} == {track.kind for track in camera.boots[0].film.tracks}


@longer
@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("habits", [Habits("sdp"), Habits("band"), Habits(joins="any"), Habits(rtp_info=False)])
def test_habits_of_cameras(codec: Any, habits: Habits) -> None:
    with Camera(make_film(FilmSpec(seconds=6, video=codec)), habits) as camera, source_of(camera) as source:
        packets = read(source, 60)
    is_piece(packets, camera.sent)


@longer
def test_stamps_wrap() -> None:
    with Camera(make_film(BOTH), Habits(wraps_after_sec=0.5)) as camera, source_of(camera) as source:
        packets = read(source, 80)
    is_piece(packets, camera.sent)


@pytest.mark.parametrize(
    "guard",
    [
        Guard("basic", USER, PASSWORD),
        Guard("digest", USER, PASSWORD),
        Guard("digest-sha256", USER, PASSWORD),
        Guard("digest", USER, PASSWORD, nonce_uses=2),
    ],
)
def test_login(guard: Guard) -> None:
    with Camera(make_film(BOTH), guard=guard) as camera, source_of(camera) as source:
        assert len(read(source, 5)) == 5


def test_a_wrong_password_is_told_without_it() -> None:
    guard = Guard("digest", USER, "another")
    with (
        Camera(make_film(BOTH), guard=guard) as camera,
        source_of(camera) as source,
        pytest.raises(SourceError) as failed,
    ):
        source.open()
    assert failed.value.cause == "unauthorized"
    assert PASSWORD not in str(failed.value)
    assert len([one for one in camera.requests if one.method == "DESCRIBE"]) <= 2, "cameras lock out who tries often"


@longer
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_what_overtakes_is_put_in_order_and_what_comes_twice_comes_once(transport: Literal["tcp", "udp"]) -> None:
    with Camera(make_film(BOTH)) as camera, source_of(camera, transport=transport) as source:
        camera.inject(Disorder(twice=0.1, overtaken=0.1))
        packets = read(source, 120)
    is_piece(packets, camera.sent)


@longer
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_lost_packets_cost_whole_frames_and_are_told(codec: Any) -> None:
    film = make_film(FilmSpec(seconds=6, video=codec, width=320, height=192))
    with Camera(film, Habits(mtu=300)) as camera, source_of(camera) as source:
        camera.inject(Disorder(loss=0.02, seed=5))
        packets = read(source, 250)
    video = [packet for packet in packets if packet.track.kind == "video"]
    left = [one for one in camera.sent if one.kind == "video"]
    by_stamp = {one.stamp & 0xFFFFFFFF: one for one in left}
    first = next(one for one in left if one.unit.digest == digest(video[0]))
    base = (first.stamp - (video[0].pts or 0)) & 0xFFFFFFFF
    for packet in video:
        one = by_stamp[(base + (packet.pts or 0)) & 0xFFFFFFFF]
        assert digest(packet) == one.unit.digest, "what is passed on is what the camera coded, to the byte"
    steps = [round(((later.pts or 0) - (earlier.pts or 0)) / 3600) for earlier, later in pairwise(video)]
    for step, packet in zip(steps, video[1:], strict=True):
        assert (step > 1) <= bool(packet.lost), "a missing frame is told with the one behind it"
    assert sum(step - 1 for step in steps) > 3
    assert sum(packet.lost > 0 for packet in packets if packet.track.kind == "audio") > 0


@longer
@pytest.mark.parametrize("kind", ["garbage", "length", "channel", "cut"])
def test_broken_interleaving_is_survived(kind: Any) -> None:
    with Camera(make_film(BOTH)) as camera, source_of(camera) as source:
        source.open()
        camera.inject(BrokenInterleaving(kind, 17))
        packets = [source.read() for _ in range(150)]
    whole = {one.unit.digest for one in camera.sent}
    assert {digest(packet) for packet in packets} <= whole
    if kind in ("garbage", "channel"):
        assert not any(packet.lost for packet in packets)
    else:
        assert any(packet.lost for packet in packets)


@longer
def test_torn_packets_are_survived() -> None:
    with Camera(make_film(BOTH), Habits(mtu=400)) as camera, source_of(camera) as source:
        source.open()
        camera.inject(TornPackets(40))
        packets = [source.read() for _ in range(150)]
    assert len(packets) == 150


@pytest.mark.parametrize("fault", [HalfOpen(), Drip()], ids=["half-open", "drip"])
def test_silence_is_a_stall_at_the_limit(fault: Fault) -> None:
    with Camera(make_film(BOTH)) as camera, source_of(camera, SHORT) as source:
        source.open()
        camera.inject(fault)
        with pytest.raises(SourceError) as lost:
            while True:
                source.read()
    assert lost.value.cause == "stalled"


@pytest.mark.parametrize("method", ["", "DESCRIBE", "SETUP", "PLAY"])
def test_a_camera_that_does_not_answer_is_given_up_at_the_limit(method: str) -> None:
    with Camera(make_film(BOTH)) as camera, source_of(camera, SHORT) as source:
        camera.inject(Dead(*([method] if method else [])))
        with pytest.raises(SourceError) as failed:
            source.open()
    assert failed.value.cause == "timeout"


def test_hanging_up_is_an_end() -> None:
    with Camera(make_film(BOTH)) as camera, source_of(camera) as source:
        source.open()
        camera.hang_up()
        with pytest.raises(SourceError) as ended:
            while True:
                source.read()
    assert ended.value.cause == "ended"


@pytest.mark.parametrize("while_opening", [True, False])
def test_interrupt_from_another_thread(while_opening: bool) -> None:
    with Camera(make_film(BOTH)) as camera, source_of(camera, Limits(connect_sec=60.0, stall_sec=60.0)) as source:
        if while_opening:
            camera.inject(Dead())
        else:
            source.open()
            camera.inject(HalfOpen())
        threading.Timer(0.2, source.interrupt).start()
        began = time.monotonic()
        with pytest.raises(SourceError) as stopped:
            source.open() if while_opening else [source.read() for _ in range(10_000)]
    assert stopped.value.cause == "stopped"
    assert time.monotonic() - began < 30, "long before any limit"


def test_the_session_is_torn_down() -> None:
    with Camera(make_film(BOTH), Habits(sessions=1)) as camera:
        for _ in range(3):
            with source_of(camera) as source:
                read(source, 3)
    assert [one.method for one in camera.requests].count("TEARDOWN") == 3


@longer
def test_keep_alive_holds_a_short_session() -> None:
    with Camera(make_film(BOTH), Habits(session_sec=2.0)) as camera, source_of(camera) as source:
        source.open()
        while not any(one.method == "GET_PARAMETER" for one in camera.requests):
            source.read()
        assert source.read()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("H264/90000", "VP9/90000"), "VP9"),
        (lambda text: text.replace("mode=AAC-hbr", "mode=AAC-hbr;ctsdeltalength=4"), "AU headers"),
        (lambda text: text.replace("packetization-mode=1", "packetization-mode=2"), "interleaved"),
    ],
)
def test_what_is_not_ours_is_named(change: Any, words: str) -> None:
    with Camera(make_film(BOTH)) as camera, source_of(camera) as source:
        camera.inject(Described(change))
        with pytest.raises(NotOurs, match=words):
            source.open()


def test_nonsense_for_an_answer_is_not_ours() -> None:
    with Camera(make_film(BOTH)) as camera, source_of(camera) as source:
        camera.inject(Answer("DESCRIBE", b"\x00\xff" * 40 + b"\r\n\r\n"))
        with pytest.raises(NotOurs):
            source.open()


@pytest.mark.parametrize("target", ["file:///etc/passwd", "http://127.0.0.1/x", "rtspu://127.0.0.1/x"])
def test_a_redirection_to_another_kind_of_address_is_refused(target: str) -> None:
    answer = f"RTSP/1.0 302 Found\r\nCSeq: %cseq\r\nLocation: {target}\r\n\r\n".encode()
    with Camera(make_film(BOTH)) as camera, source_of(camera) as source:
        camera.inject(Answer("DESCRIBE", answer))
        with pytest.raises(SourceError) as refused:
            source.open()
    assert refused.value.cause == "refused_url"


@longer
def test_endless_redirections_end() -> None:
    with Camera(make_film(BOTH)) as camera, source_of(camera) as source:
        camera.inject(Answer("DESCRIBE", b"RTSP/1.0 302 Found\r\nCSeq: %cseq\r\nLocation: %url\r\n\r\n"))
        with pytest.raises(SourceError, match="redirected"):
            source.open()


def test_a_redirection_is_followed() -> None:
    with Camera(make_film(BOTH)) as there, Camera(make_film(BOTH)) as camera, source_of(camera) as source:
        location = f"RTSP/1.0 302 Found\r\nCSeq: %cseq\r\nLocation: {there.url()}\r\n\r\n".encode()
        camera.inject(Answer("DESCRIBE", location))
        packets = read(source, 30)
    is_piece(packets, there.sent)


@longer
def test_another_picture_in_mid_stream_is_another_track() -> None:
    """Parameter sets that change are a new Track with the key frame that brings them."""
    small, large = make_film(BOTH), make_film(FilmSpec(seconds=6, width=320, height=192))
    with Camera(small, Habits("band")) as camera, source_of(camera) as source:
        tracks = source.open()
        picture = swapped(camera, source, large)
    assert tracks[0].label == "h264 160x96"
    assert picture.label == "h264 320x192"


def swapped(camera: Camera, source: RtspSource, film: Any) -> Track:
    """The first other picture after the camera has begun to send this film's packets instead of its own."""

    class Swap(Fault):
        def packets(self, session: Any, packets: list[Any]) -> list[Any]:
            from dataclasses import replace

            from tests.camera.packetise import payloads

            track = film.track("video")
            if packets[0].payload_type != 96:
                return packets
            unit = track.units[(packets[0].stamp // 3600) % 10]
            pieces = payloads(track, unit, "band")
            base = self.sequence = getattr(self, "sequence", packets[0].sequence)
            self.sequence += len(pieces)
            return [
                replace(packets[0], sequence=base + n, payload=piece, marker=n == len(pieces) - 1)
                for n, piece in enumerate(pieces)
            ]

    camera.inject(Swap())
    while True:
        packet = source.read()
        if packet.track.kind == "video" and packet.track.width != 160:
            return packet.track


def test_sound_that_the_camera_does_not_give_costs_only_the_sound() -> None:
    refusal = b"RTSP/1.0 461 Unsupported Transport\r\nCSeq: %cseq\r\n\r\n"
    with Camera(make_film(BOTH)) as camera, source_of(camera) as source:
        camera.inject(Answer("SETUP", refusal, to="track1"))
        assert [track.kind for track in source.open()] == ["video"]
        packets = [source.read() for _ in range(30)]
        assert "461" in source.dropped[0]
    is_piece(packets, camera.sent)


@longer
def test_a_camera_that_denies_the_session_it_serves_is_read_on() -> None:
    """It ends in two seconds, so that there is a keep-alive every second."""
    denial = b"RTSP/1.0 454 Session Not Found\r\nCSeq: %cseq\r\n\r\n"
    with Camera(make_film(BOTH), Habits(session_sec=2.0)) as camera, source_of(camera) as source:
        source.open()
        for method in ("GET_PARAMETER", "OPTIONS"):
            camera.inject(Answer(method, denial))
        packets = [source.read()]
        while [one.method for one in camera.requests].count("OPTIONS") < 4:
            packets.append(source.read())
        assert [one.method for one in camera.requests].count("GET_PARAMETER") == 1
    is_piece(packets, camera.sent)
