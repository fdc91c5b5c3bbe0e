"""Network sources against a server on loopback: packets as sent, failures by cause, limits kept, no secrets told."""

from __future__ import annotations

import base64
import io
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from recorder.errors import SourceError
from recorder.packets import Packet, Track
from recorder.source.libav import LibavSource
from recorder.source.opening import open_source
from recorder.specs import Limits, SourceSpec
from tests.camera.film import FilmSpec, make_film
from tests.camera.mux import digests, muxed, part
from tests.media import MakeSample, digest, frame_numbers, packet_hashes, write_mp4
from tests.servers.http_media import MediaServer, Reply, live_playlist, remuxed, serving

LIMITS = Limits(connect_sec=1.5, stall_sec=1.0)


def _source(url: str, user: str = "", password: str = "") -> LibavSource:
    source = open_source(SourceSpec("stream", url, user, password, reader="libav"), LIMITS)
    assert isinstance(source, LibavSource)
    return source


def _read_all(
    source: LibavSource, opened: threading.Event | None = None
) -> tuple[tuple[Track, ...], list[Packet], SourceError]:
    packets: list[Packet] = []
    tracks = source.open()
    if opened is not None:
        opened.set()
    try:
        while True:
            packets.append(source.read())
    except SourceError as error:
        return tracks, packets, error
    finally:
        source.close()


def _failure(source: LibavSource) -> tuple[SourceError, float]:
    began = time.monotonic()
    with pytest.raises(SourceError) as failed:
        source.open()
    source.close()
    return failed.value, time.monotonic() - began


def _video(packets: list[Packet]) -> list[Packet]:
    return [packet for packet in packets if packet.track.kind == "video"]


@pytest.fixture
def server(sample: MakeSample) -> Iterator[MediaServer]:
    flv = remuxed(sample(), "flv")
    replies = {
        "/live.flv": Reply(flv),
        "/silent.flv": Reply(flv[: len(flv) // 2], then="silence"),
        "/trickle.flv": Reply(flv[: len(flv) // 2], then="trickle"),
        "/mute": Reply(then="silence"),
        "/locked": Reply(status=401, headers={"WWW-Authenticate": 'Basic realm="camera"'}),
        "/forbidden": Reply(status=403),
        "/broken": Reply(status=500),
        "/garbage": Reply(b"this is no stream " * 1000),
    }
    with serving(replies) as running:
        yield running


@pytest.mark.parametrize(("codec", "container"), [("h264", "flv"), ("h264", "mpegts"), ("hevc", "mpegts")])
def test_every_packet_arrives_as_it_was_sent(sample: MakeSample, tmp_path: Path, codec: str, container: str) -> None:
    path = sample(codec=codec)
    with serving({"/live": Reply(remuxed(path, container))}) as server:
        tracks, packets, end = _read_all(_source(server.url("/live")))
    assert [(track.kind, track.codec) for track in tracks] == [("video", codec), ("audio", "aac")]
    assert [digest(packet) for packet in _video(packets)] == packet_hashes(path, "video")
    assert [packet.is_key for packet in _video(packets)] == [number % 50 == 0 for number in range(100)]
    assert end.cause == "ended"
    assert (tracks[0].width, tracks[0].height) == (320, 180)
    # MPEG-TS has its parameter sets only in band: the track must have them before its first packet all the same.
    assert tracks[0].extradata
    assert {packet.track for packet in packets} == set(tracks)
    assert frame_numbers(write_mp4(tmp_path / "copy.mp4", _video(packets))) == list(range(100))


def test_sound_of_another_codec_is_a_track_like_any(sample: MakeSample) -> None:
    target = io.BytesIO()
    with av.open(target, "w", format="mpegts") as muxer, av.open(str(sample())) as source:
        video = muxer.add_stream_from_template(source.streams.video[0], opaque=True)
        sound = muxer.add_stream("mp2", rate=48000)
        frame = av.AudioFrame("s16", "stereo", 1152 * 50)
        frame.sample_rate, frame.pts = 48000, 0
        muxer.mux(sound.encode(frame))
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = video
                muxer.mux(packet)
        muxer.mux(sound.encode(None))
    with serving({"/live": Reply(target.getvalue())}) as server:
        tracks, packets, _ = _read_all(_source(server.url("/live")))
    assert tracks[1].label == "mp2 48000 Hz 2 ch"
    assert any(packet.track is tracks[1] for packet in packets)


def test_new_parameter_sets_in_band_change_the_track_at_their_key_frame(sample: MakeSample) -> None:
    small, large = sample(audio=False), sample(audio=False, width=640, height=352)
    with serving({"/live": Reply(remuxed(small, "mpegts") + remuxed(large, "mpegts"))}) as server:
        tracks, packets, _ = _read_all(_source(server.url("/live")))
    assert len(packets) == 200
    sizes = [(packet.track.width, packet.track.height) for packet in packets]
    assert sizes == [(320, 180)] * 100 + [(640, 352)] * 100
    assert len({packet.track for packet in packets}) == 2
    assert {packet.track.index for packet in packets} == {tracks[0].index}


def test_a_new_sequence_header_changes_the_track(sample: MakeSample, tmp_path: Path) -> None:
    first = remuxed(sample(audio=False, seconds=8), "flv")  # longer than libav's probing
    second = remuxed(sample(audio=False, width=640, height=352), "flv")
    header_bytes = 9 + 4  # of an FLV file; behind it tags follow one another
    gate = threading.Event()
    with serving({"/live": Reply(first, gate=gate, later=second[header_bytes:])}) as server:
        tracks, packets, _ = _read_all(_source(server.url("/live")), gate)
    assert tracks[0].width == 320
    later = [packet for packet in packets if packet.track.width == 640]
    assert len(later) == 100
    assert later[0].is_key
    assert frame_numbers(write_mp4(tmp_path / "later.mp4", later)) == list(range(100))


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("/locked", "unauthorized"),
        ("/forbidden", "unauthorized"),
        ("/nowhere", "not_found"),
        ("/broken", "unusable"),
        ("/garbage", "unusable"),
    ],
)
def test_a_refusal_is_named_by_its_cause(server: MediaServer, path: str, cause: str) -> None:
    failure, _ = _failure(_source(server.url(path)))
    assert failure.cause == cause
    assert server.url(path) in str(failure)


def test_user_and_password_reach_the_server_and_nobody_else(server: MediaServer) -> None:
    failure, _ = _failure(_source(server.url("/locked"), "admin", "geh:eim@"))
    assert failure.cause == "unauthorized"
    assert server.seen[-1].endswith("Basic " + base64.b64encode(b"admin:geh:eim@").decode())
    told = "".join(traceback.format_exception(failure))
    assert "eim@" not in told
    assert "eim%40" not in told


def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, but nobody listens
        port = bound.getsockname()[1]
        for scheme in ("rtsp", "rtmp", "http"):
            failure, _ = _failure(_source(f"{scheme}://127.0.0.1:{port}/live"))
            assert failure.cause == "unreachable"
            assert f"port {port}" in str(failure)


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp", "http"])
def test_a_camera_that_never_answers_is_given_up_at_the_connect_limit(scheme: str) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        failure, took = _failure(_source(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/live"))
    assert failure.cause == "timeout"
    assert LIMITS.connect_sec - 0.1 < took < LIMITS.connect_sec + 0.6


@pytest.mark.parametrize("path", ["/silent.flv", "/trickle.flv"])
def test_silence_is_a_stall_at_the_stall_limit(server: MediaServer, path: str) -> None:
    source = _source(server.url(path))
    source.open()
    began = time.monotonic()
    with pytest.raises(SourceError) as failed:
        while True:  # what came before the silence comes at once
            source.read()
    took = time.monotonic() - began
    source.close()
    assert failed.value.cause == "stalled"
    assert LIMITS.stall_sec - 0.1 < took < LIMITS.stall_sec + 0.6


def test_interrupt_ends_a_blocked_read_at_once(server: MediaServer) -> None:
    source = LibavSource(SourceSpec("stream", server.url("/silent.flv")), Limits(stall_sec=30.0))
    source.open()
    timer = threading.Timer(0.5, source.interrupt)
    timer.start()
    began = time.monotonic()
    with pytest.raises(SourceError) as failed:
        while True:
            source.read()
    took = time.monotonic() - began
    source.close()
    timer.join()
    assert failed.value.cause == "stopped"
    assert took < 1.5


def test_interrupt_ends_a_blocked_open_at_once(server: MediaServer) -> None:
    source = LibavSource(SourceSpec("stream", server.url("/mute")), Limits(connect_sec=30.0))
    timer = threading.Timer(0.3, source.interrupt)
    timer.start()
    failure, took = _failure(source)
    timer.join()
    assert failure.cause == "stopped"
    assert took < 1.5


def test_cutting_one_source_leaves_another_of_the_same_server_alone(server: MediaServer, sample: MakeSample) -> None:
    doomed, healthy = _source(server.url("/silent.flv")), _source(server.url("/live.flv"))
    doomed.open()
    healthy.open()
    doomed.interrupt()
    packets = []
    with pytest.raises(SourceError) as ended:
        while True:
            packets.append(healthy.read())
    assert ended.value.cause == "ended"
    assert [digest(packet) for packet in _video(packets)] == packet_hashes(sample(), "video")
    healthy.close()
    doomed.close()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://%s\n#EXT-X-ENDLIST\n"),
        Reply(b"ffconcat version 1.0\nfile 'file:%s'\n"),
        Reply(status=302, headers={"Location": "file://%s"}),
    ],
    ids=["playlist", "concat", "redirect"],
)
def test_a_server_cannot_point_at_a_local_file(sample: MakeSample, tmp_path: Path, reply: Reply) -> None:
    secret = tmp_path / "secret.ts"
    secret.write_bytes(remuxed(sample(), "mpegts"))
    aimed = Reply(
        reply.body.replace(b"%s", bytes(secret)),
        reply.status,
        headers={name: value.replace("%s", str(secret)) for name, value in reply.headers.items()},
    )
    with serving({"/live.m3u8": aimed}) as server:
        failure, _ = _failure(_source(server.url("/live.m3u8")))
    assert failure.cause != "stopped"


def test_hls_plays_over_http(sample: MakeSample) -> None:
    playlist = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n0.ts\n#EXT-X-ENDLIST\n"
    with serving({"/live.m3u8": Reply(playlist), "/0.ts": Reply(remuxed(sample(), "mpegts"))}) as server:
        _, packets, end = _read_all(_source(server.url("/live.m3u8")))
    assert end.cause == "ended"
    assert [digest(packet) for packet in _video(packets)] == packet_hashes(sample(), "video")


def test_how_long_segments_may_be_waited_for_is_learnt_from_those_that_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recorder.source.libav._HLS_STALL_SEC", LIMITS.stall_sec)
    film = make_film(FilmSpec(seconds=12, gop=25, audio=""))
    segments = [muxed(part(film, 4.0 * n, 4.0 * (n + 1)), "mpegts") for n in range(3)]
    with serving(live_playlist(segments, 4.0, window=3)) as server:
        source = _source(server.url("/live.m3u8"))
        source.open()
        try:
            assert source.stall_sec == LIMITS.stall_sec
            packets = [source.read() for _ in range(11 * 25)]
            assert source.stall_sec > 4.0 * 1.5 + 4.0  # the next segment, and the next look into the playlist
        finally:
            source.close()
    assert [digest(one) for one in packets] == digests(film, "video")[: 11 * 25]


def test_nothing_stays_behind(sample: MakeSample) -> None:
    def open_files() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    flv = remuxed(sample(), "flv")
    before = open_files()
    with serving({"/live.flv": Reply(flv)}) as server:
        _read_all(_source(server.url("/live.flv")))
        _failure(_source(server.url("/nowhere")))
    assert open_files() == before
    assert "source watchdog" not in {thread.name for thread in threading.enumerate()}
