"""What a player gets from a real RTMP server that we push to: from a key frame on, in step, through B-frames and
changes.
"""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from agent.schedule.reconciler import Desired
from agent.wire.models import WireCamera
from recorder.packets import TrackKind
from recorder.protocol import LiveChanged, LivePulse
from recorder.specs import Tuning
from tests.agent.commanded import Agent
from tests.agent.rooms import rooms_in
from tests.camera.camera import Camera
from tests.camera.film import FilmSpec, make_film, splice
from tests.faults.school import until
from tests.media import MakeSample, PacketFacts, frame_numbers, packet_hashes, packets_in
from tests.recorder.processes import Forks, channel, close, online, pushed, until_state
from tests.servers.ports import free_port
from tests.servers.proxy import Line, Proxy, threaded
from tests.servers.rtmp_nginx import RtmpServer, rtmp_server

pytestmark = pytest.mark.integration

FRAMES = 200


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtmpServer]:
    with rtmp_server(tmp_path_factory.mktemp("nginx")) as server:
        yield server


def play(url: str, path: Path, seconds: float) -> Path:
    """What ffmpeg has of a stream that is on."""
    command = ["ffmpeg", "-v", "error", "-i", url, "-t", str(seconds), "-c", "copy", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return path


_LISTEN = """
import sys, av
with av.open(sys.argv[1], options={"listen": "1"}) as source, av.open(sys.argv[2], "w", format="flv") as kept:
    streams = {stream: kept.add_stream_from_template(stream, opaque=True) for stream in source.streams}
    for packet in source.demux():
        if packet.size:
            packet.stream = streams[packet.stream]
            kept.mux(packet)
"""


@contextlib.contextmanager
def knowing_server(kept: Path) -> Iterator[str]:
    """libavformat as a server: an address for one publisher; what it got is in `kept` then.

    It takes one connection in its life, and a push looks first whether anybody is there.
    """
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", _LISTEN, f"rtmp://127.0.0.1:{port}/live/known", str(kept)])
    proxy = Proxy(("127.0.0.1", port), plan=lambda number: Line(swallow=number == 1))
    try:
        until("a server that listens", lambda: f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text())
        with threaded(proxy):
            yield f"rtmp://127.0.0.1:{proxy.port}/live/known"
            process.wait(30)  # 1 where the publisher goes without a word, as it may
    finally:
        process.kill()
        process.wait()


def early(got: list[PacketFacts], source: list[PacketFacts], loop_sec: float) -> float:
    """By how much a track runs ahead of the film, in seconds."""
    times = {one.digest: float(one.pts) for one in source}
    return min(float(one.pts) - times[one.digest] for one in got[:25]) % loop_sec


def test_a_player_that_comes_later_sees_every_frame_in_order_and_in_step(
    forks: Forks, tmp_path: Path, sample: MakeSample, nginx: RtmpServer
) -> None:
    film = sample(seconds=8, gop_sec=1, b_frames=2)
    (tmp_path / "slices").mkdir()
    recorder = online(forks, channel(tmp_path / "slices", film, tuning=Tuning(snap_sec=0)))
    live = pushed(forks, recorder, nginx.url("late"))
    until_state(live, "live")
    while live.until(LivePulse).packets < 150:
        pass
    played = play(nginx.url("late"), tmp_path / "played.mp4", 4)
    close(forks, live, recorder)
    video, audio = packets_in(played, "video"), packets_in(played, "audio")
    assert video[0].is_key
    for packets in (video, audio):
        assert all(before.dts < after.dts for before, after in itertools.pairwise(packets))
    assert any(one.pts > one.dts for one in video), "no B-frame"
    numbers = frame_numbers(played)[:-3]  # where it was cut off, frames that lean on later ones are missing
    print(f"{len(numbers)} frames, {numbers.count(None)} not recognised")
    assert len(numbers) > 60
    assert numbers[0] is not None
    assert numbers == [(numbers[0] + n) % FRAMES for n in range(len(numbers))]
    kinds: tuple[TrackKind, ...] = ("video", "audio")
    ahead = [early(packets_in(played, kind), packets_in(film, kind), 8.0) for kind in kinds]
    print(f"picture and sound are {(ahead[0] - ahead[1]) * 1000:.0f} ms apart")
    assert abs(ahead[0] - ahead[1]) < 0.025


async def test_other_parameter_sets_in_mid_push_are_another_stream_at_once(tmp_path: Path, nginx: RtmpServer) -> None:
    before, after = FilmSpec(seconds=6, gop=25), FilmSpec(seconds=30, gop=25, width=320, height=192)
    with Camera(splice(make_film(before), make_film(after))) as camera:
        async with rooms_in(tmp_path) as rooms:
            agent = Agent(rooms, tmp_path)
            wanted = WireCamera(camera_id=7, camera_name="Room", stream_prop=2, stream_url=camera.url())
            rooms.state.put_camera(wanted)
            rooms.fleet.channels[7] = rooms.channel(wanted)
            rooms.fleet.channels[7].want(Desired(connect=True, reconnect=True), Tuning(snap_sec=0))
            await rooms.until(lambda: rooms.fleet.channels[7].online)
            url = nginx.url("changing")
            assert (await agent.ok("start_live", camera_id=7, push_url=url, lease_sec=60))["state"] == "live"
            await agent.until(lambda: [one["state"] for one in agent.relayed].count("live") == 2)
            played = play(url, tmp_path / "played.mp4", 3)
            await agent.lives.close()
    told = [(one["state"], one["cause"]) for one in agent.relayed]
    assert told[:5] == [
        ("connecting", None),
        ("live", None),
        ("waiting", "changed"),
        ("connecting", None),
        ("live", None),
    ]
    print(f"live again {agent.relayed[4]['at'] - agent.relayed[2]['at']:.1f} s after the change")
    with av.open(str(played)) as container:
        assert {(frame.width, frame.height) for frame in container.decode(video=0)} == {(320, 192)}


def test_h265_goes_as_it_is_and_is_said_to_need_a_server_that_knows_it(
    forks: Forks, tmp_path: Path, sample: MakeSample, nginx: RtmpServer
) -> None:
    """One server knows enhanced RTMP; nginx-rtmp does not, lets the picture fall, and does not say so."""
    film = sample(seconds=8, gop_sec=1, codec="hevc")
    (tmp_path / "slices").mkdir()
    recorder = online(forks, channel(tmp_path / "slices", film, tuning=Tuning(snap_sec=0)))
    with knowing_server(tmp_path / "known.flv") as knowing:
        for url in (knowing, nginx.url("h265")):
            live = pushed(forks, recorder, url)
            told = until_state(live, "live")
            assert (told.cause, "H.265" in told.detail) == ("enhanced", True)
            while live.until(LivePulse).packets < 200:
                pass
            close(forks, live)
            assert live.of(LiveChanged)[-1].cause == "stopped"
    close(forks, recorder)
    sent, source = packet_hashes(tmp_path / "known.flv", "video"), packet_hashes(film, "video")
    assert len(sent) > 60
    begin = source.index(sent[0])
    assert sent == [source[(begin + n) % len(source)] for n in range(len(sent))]
    assert packet_hashes(nginx.kept("h265"), "audio")
    assert not packet_hashes(nginx.kept("h265"), "video"), "nginx-rtmp has learnt it: say less"
