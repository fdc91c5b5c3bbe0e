"""What comes out as FLV of the streams that cameras send, when a channel changes under a push, and on a slow line."""

from __future__ import annotations

import itertools
import shutil
import socket
import threading
from dataclasses import replace
from pathlib import Path

import av
import pytest

from recorder.protocol import LinkChanged, LiveChanged, LivePulse, Trouble
from recorder.specs import SourceSpec, Tuning
from tests.camera.camera import Camera
from tests.camera.film import AudioName, FilmSpec, VideoName, make_film
from tests.media import MakeSample, packet_hashes, packets_in
from tests.recorder.processes import Forks, channel, close, online, pushed, until_state
from tests.recorder.scene import spec_of
from tests.servers.flv_targets import FlvTarget, flv_target

pytestmark = pytest.mark.faults


def taken(target: FlvTarget, path: Path, request: int = -1) -> Path:
    path.write_bytes(target.body(request))
    return path


def tracks_in(path: Path) -> dict[str, str]:
    with av.open(str(path)) as container:
        return {stream.type: stream.codec_context.name for stream in container.streams}


def assert_plays_without_holes(path: Path, frame_sec: float = 0.04) -> None:
    """Every packet decodes; stamps begin at 0, rise, and no step is longer than a few frames."""
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 10
    stamps = [float(packet.dts) for packet in packets_in(path, "video")]
    assert stamps[0] < 2 * frame_sec
    assert all(0 < after - before <= 3 * frame_sec for before, after in itertools.pairwise(stamps))


@pytest.mark.parametrize(
    ("video", "audio", "b_frames", "tracks"),
    [
        ("hevc", "pcm_alaw", 0, {"video": "hevc", "audio": "aac"}),
        ("h264", "opus", 2, {"video": "h264", "audio": "aac"}),
        ("h264", "", 0, {"video": "h264"}),
        ("", "aac", 0, {"audio": "aac"}),
    ],
)
def test_streams_of_cameras(
    forks: Forks,
    folder: Path,
    tmp_path: Path,
    video: VideoName,
    audio: AudioName,
    b_frames: int,
    tracks: dict[str, str],
) -> None:
    """H.265 goes as it is, any sound as AAC, B-frames keep their order, a track that is not there is not waited for."""
    film = make_film(FilmSpec(video=video, audio=audio, b_frames=b_frames, gop=25))
    with Camera(film) as camera, flv_target() as target:
        order = replace(channel(folder, Path("/")), main=spec_of(camera, "own"), tuning=Tuning(snap_sec=0))
        recorder = online(forks, order)
        live = pushed(forks, recorder, target.url())
        until_state(live, "live")
        while live.until(LivePulse).packets < 60:
            pass
        close(forks, live, recorder)
        got = taken(target, tmp_path / "got.flv")
    assert {kind: codec.removeprefix("libopen") for kind, codec in tracks_in(got).items()} == tracks
    if video:
        assert_plays_without_holes(got)
        track = film.track("video")
        assert track is not None
        assert set(packet_hashes(got, "video")) <= {unit.digest for unit in track.units}
    assert not live.of(Trouble)


def test_the_sub_stream_is_shown_and_the_main_stream_stands_in(
    forks: Forks, folder: Path, tmp_path: Path, sample: MakeSample
) -> None:
    main, small = sample(seconds=8, gop_sec=1), sample(seconds=2, gop_sec=1, width=160, height=96)
    sub = tmp_path / "sub.mp4"
    shutil.copy(small, sub)
    order = replace(channel(folder, main, tuning=Tuning(snap_sec=0)), sub=SourceSpec("file", str(sub)))
    recorder = forks.spawn()
    recorder.order(order)
    for _ in range(2):
        while recorder.until(LinkChanged).state != "online":
            pass
    with flv_target() as target:
        live = pushed(forks, recorder, target.url())
        until_state(live, "live")
        target.wait_for(lambda: len(target.bodies[0]) > 5000)
        got = taken(target, tmp_path / "sub.flv")
        assert [stream.width for stream in av.open(str(got)).streams.video] == [160]
        # The sub stream goes: the push ends as "changed", and the next one shows the main stream.
        sub.write_bytes(b"")
        live.drain()
        last = live.of(LiveChanged)[-1]
        forks.said()
        assert last.cause == "changed", last
        again = pushed(forks, recorder, target.url())
        until_state(again, "live")
        target.wait_for(lambda: len(target.bodies) == 2 and len(target.bodies[1]) > 20_000)
        got = taken(target, tmp_path / "main.flv")
        assert [stream.width for stream in av.open(str(got)).streams.video] == [320]
        close(forks, again, recorder)


def test_a_camera_that_goes_lets_the_server_go(forks: Forks, folder: Path, tmp_path: Path, sample: MakeSample) -> None:
    film = tmp_path / "film.mp4"
    shutil.copy(sample(seconds=2, gop_sec=1), film)
    recorder = online(forks, channel(folder, film, tuning=Tuning(snap_sec=0)))
    with flv_target() as target:
        live = pushed(forks, recorder, target.url())
        until_state(live, "live")
        film.write_bytes(b"")
        live.drain()
        assert live.of(LiveChanged)[-1].cause == "no_picture"
        forks.said()
        # The next push has nothing old to show: it waits for the camera.
        waiting = pushed(forks, recorder, target.url())
        assert until_state(waiting, "waiting").cause == "no_picture"
        shutil.copy(sample(seconds=2, gop_sec=1), film)
        until_state(waiting, "live")
        close(forks, waiting, recorder)


def test_on_a_slow_line_pictures_are_left_out_and_none_is_late_or_torn(
    forks: Forks, folder: Path, tmp_path: Path, sample: MakeSample
) -> None:
    """A server reads a quarter of what comes, and later everything: what was too old by then is not sent any more."""
    film = sample(seconds=8, gop_sec=0.08, width=1280, height=720)  # eighty kilobytes a second
    recorder = online(forks, channel(folder, film, tuning=Tuning(snap_sec=0)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
        live = pushed(forks, recorder, f"http://127.0.0.1:{listener.getsockname()[1]}/live/x")
        connection, _ = listener.accept()
    with connection:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        until_state(live, "live")
        at_full_speed, body = threading.Event(), bytearray()
        reader = threading.Thread(target=_read, args=(connection, at_full_speed, body))
        reader.start()
        while (slow := live.until(LivePulse)).skipped == 0:
            pass
        at_full_speed.set()
        while live.until(LivePulse).packets < slow.packets + 150:
            pass
        close(forks, live, recorder)
        reader.join()
    got = tmp_path / "got.flv"
    got.write_bytes(_unchunked(bytes(body)))
    assert_plays_without_holes(got)
    sent, source = packet_hashes(got, "video"), packet_hashes(film, "video")
    places = [source.index(one) for one in sent]
    cuts = [after for before, after in itertools.pairwise(places) if after != (before + 1) % len(source)]
    assert cuts
    assert all(place % 2 == 0 for place in cuts)  # each goes on with a key frame


def _read(connection: socket.socket, at_full_speed: threading.Event, body: bytearray) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(1)
    while data := connection.recv(2048 if not at_full_speed.is_set() else 1 << 16):
        body += data
        at_full_speed.wait(0.1)  # twenty kilobytes a second


def _unchunked(data: bytes) -> bytes:
    out, at = b"", 0
    while at < len(data):
        end = data.index(b"\r\n", at)
        size = int(data[at:end], 16)
        out += data[end + 2 : end + 2 + size]
        at = end + 4 + size
    return out
