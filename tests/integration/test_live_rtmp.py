"""Live against a real RTMP server: what it gets and plays on is what the camera sent, packet for packet."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from recorder.packets import TrackKind
from recorder.protocol import LiveChanged, LivePulse
from recorder.specs import Tuning
from tests.media import MakeSample, packet_hashes
from tests.recorder.processes import Forks, Recorder, channel, close, online, pushed, until_state
from tests.servers.rtmp_nginx import RtmpServer, rtmp_server
from tests.servers.tls_front import tls_front

pytestmark = pytest.mark.integration

KINDS: tuple[TrackKind, ...] = ("video", "audio")


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtmpServer]:
    with rtmp_server(tmp_path_factory.mktemp("nginx")) as server:
        yield server


@pytest.fixture
def film(sample: MakeSample) -> Path:
    return sample(seconds=8, gop_sec=2)


@pytest.fixture
def recorder(forks: Forks, tmp_path: Path, film: Path) -> Recorder:
    (tmp_path / "slices").mkdir()
    return online(forks, channel(tmp_path / "slices", film, tuning=Tuning(snap_sec=0)))


def assert_runs_through(film: Path, got: Path, least: int) -> None:
    """Every packet of the film from some place on, looped, none missing, none twice."""
    for kind in KINDS:
        source, sent = packet_hashes(film, kind) * 4, packet_hashes(got, kind)
        begin = source.index(sent[0])
        assert len(sent) >= least
        assert sent == source[begin : begin + len(sent)]


def test_published_and_played_packet_for_packet(
    forks: Forks, recorder: Recorder, nginx: RtmpServer, film: Path, tmp_path: Path
) -> None:
    asked = time.monotonic()
    live = pushed(forks, recorder, nginx.url("room"))
    until_state(live, "live")
    print(f"live after {time.monotonic() - asked:.2f} s")
    played = tmp_path / "played.flv"
    with av.open(nginx.url("room")) as source, av.open(str(played), "w", format="flv") as copy:
        streams = {stream: copy.add_stream_from_template(stream, opaque=True) for stream in source.streams}
        for packet in itertools.islice(source.demux(), 250):
            packet.stream = streams[packet.stream]
            copy.mux(packet)
    while live.until(LivePulse).packets < 300:
        pass
    close(forks, live, recorder)
    assert live.of(LiveChanged)[-1].cause == "stopped"
    assert_runs_through(film, played, 50)
    assert_runs_through(film, nginx.kept("room"), 100)
    # The picture began with a key frame of the film, and with that of the group that was on.
    assert packet_hashes(film, "video").index(packet_hashes(nginx.kept("room"), "video")[0]) % 50 == 0


def test_a_server_that_does_not_let_us_publish(forks: Forks, recorder: Recorder, nginx: RtmpServer) -> None:
    live = pushed(forks, recorder, nginx.url("room", "closed"))
    live.drain()
    last = live.of(LiveChanged)[-1]
    assert (last.state, last.cause) in (("ended", "refused"), ("ended", "ended"))
    assert "room" not in last.detail
    forks.said()
    close(forks, recorder)


def test_encrypted_to_a_server_that_shows_its_certificate(
    forks: Forks, recorder: Recorder, nginx: RtmpServer, film: Path, tmp_path: Path
) -> None:
    with tls_front(tmp_path, nginx.port, "127.0.0.1") as front:
        live = pushed(forks, recorder, f"rtmps://127.0.0.1:{front.port}/live/secure?a='b|c", ca_file=str(front.ca_file))
        until_state(live, "live")
        while live.until(LivePulse).packets < 100:
            pass
        close(forks, live, recorder)
    assert live.of(LiveChanged)[-1].cause == "stopped"
    assert_runs_through(film, nginx.kept("secure"), 40)


@pytest.mark.parametrize(
    ("names", "believed"),
    [
        pytest.param(("127.0.0.1",), False, id="of an authority that nobody knows"),
        pytest.param(("other.example",), True, id="of somebody else"),
        pytest.param(("127.0.0.1", "other.example"), True, id="of somebody else who came in between"),
    ],
)
def test_a_certificate_that_proves_nothing_gets_no_picture(
    forks: Forks, recorder: Recorder, nginx: RtmpServer, tmp_path: Path, names: tuple[str, ...], believed: bool
) -> None:
    with tls_front(tmp_path, nginx.port, *names) as front:
        ca_file = str(front.ca_file) if believed else ""
        live = pushed(forks, recorder, f"rtmps://127.0.0.1:{front.port}/live/nobody", ca_file=ca_file)
        while (last := live.until(LiveChanged)).state != "ended":
            assert last.state != "live", "it was believed"
        live.drain()
        forks.said()
    assert last.cause == ("tls" if len(names) == 1 else "refused")
    assert "nobody" not in last.detail
    assert not nginx.kept("nobody").exists()
    close(forks, recorder)
