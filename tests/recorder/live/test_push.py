"""Live processes beside a recorder process: what a server gets, and what a recording notices of it."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

from recorder.protocol import (
    BeginRecording,
    CloseChannel,
    EndRecording,
    LinkChanged,
    LiveChanged,
    LivePulse,
    PushLive,
    RecordingBegan,
    SliceClosed,
    Trouble,
)
from recorder.specs import RecordingSpec, Tuning
from tests.media import MakeSample, packet_hashes
from tests.recorder.processes import Forks, channel, close, online, pushed, until_state
from tests.servers.flv_targets import flv_target, header


def test_a_server_gets_flv_from_the_last_key_frame_on(
    forks: Forks, folder: Path, sample: MakeSample, tmp_path: Path
) -> None:
    film = sample(seconds=8, gop_sec=2)
    recorder = online(forks, channel(folder, film, tuning=Tuning(snap_sec=0)))
    with flv_target() as target:
        live = pushed(forks, recorder, target.url("gather/v1/live/7"), "agent-token")
        until_state(live, "live")
        assert Path(f"/proc/{live.pid}/comm").read_text().strip() == "gather-live"
        while live.until(LivePulse).packets < 100:
            pass
        live.order(CloseChannel())
        live.drain()
        forks.said()
        told = [event for event in live.of(LiveChanged) if event.state != "waiting"]
        assert told == [LiveChanged("connecting"), LiveChanged("live"), LiveChanged("ended", "stopped")]
        (request,) = target.requests
        got = tmp_path / "got.flv"
        got.write_bytes(target.body(0))
    assert request.startswith("POST /gather/v1/live/7 HTTP/1.1")
    assert header(request, "Authorization") == "Bearer agent-token"
    assert header(request, "Content-Type") == "video/x-flv"
    for kind in ("video", "audio"):
        sent, source = packet_hashes(got, kind), packet_hashes(film, kind)
        assert len(sent) > 30
        begin = source.index(sent[0])
        assert sent == [source[(begin + n) % len(source)] for n in range(len(sent))]
    # A key frame of the film: one of every two seconds.
    assert packet_hashes(film, "video").index(packet_hashes(got, "video")[0]) % 50 == 0
    close(forks, recorder)


def test_what_a_live_process_suffers_no_recording_feels(forks: Forks, folder: Path, sample: MakeSample) -> None:
    """A server refuses, one is not there, one stays silent, one stops to read, one hangs up; a process is killed."""
    film = sample(seconds=8, gop_sec=1)
    recorder = online(forks, channel(folder, film, tuning=Tuning(snap_sec=0)))
    recorder.order(BeginRecording(RecordingSpec(11, 5), time.time()))
    recorder.until(RecordingBegan)
    with (
        flv_target("refuse") as refusing,
        flv_target("silent") as silent,
        flv_target("stop_reading") as stopping,
        flv_target("hang_up") as hanging,
    ):
        nobody = f"http://127.0.0.1:{_unused_port()}/live/x"
        refused = pushed(forks, recorder, refusing.url())
        alone = pushed(forks, recorder, nobody)
        hung = pushed(forks, recorder, hanging.url())
        stuck = pushed(forks, recorder, stopping.url())
        mute = pushed(forks, recorder, silent.url(scheme="rtmp"))
        killed = pushed(forks, recorder, stopping.url())
        until_state(killed, "live")
        os.kill(killed.pid, signal.SIGKILL)
        for live, cause in ((refused, "refused"), (alone, "unreachable"), (hung, "ended")):
            live.drain()
            last = live.of(LiveChanged)[-1]
            assert (last.state, last.cause) == ("ended", cause), last
            assert "127.0.0.1" in last.detail
            assert "live/x" not in last.detail
        until_state(stuck, "live")
        until_state(mute, "connecting")
        for live in (stuck, mute):
            os.kill(live.pid, signal.SIGKILL)
        for live in (stuck, mute, killed):
            live.drain()
        for _ in range(6):
            forks.said()
    recorder.order(EndRecording(11))
    facts = recorder.until(SliceClosed).facts
    close(forks, recorder)
    assert not recorder.of(Trouble)
    for kind in ("video", "audio"):
        recorded, source = packet_hashes(facts.path, kind), packet_hashes(film, kind)
        begin = source.index(recorded[0])
        assert recorded == [source[(begin + n) % len(source)] for n in range(len(recorded))]


def test_without_a_picture_a_push_waits_and_ends_with_its_recorder(forks: Forks, folder: Path, tmp_path: Path) -> None:
    recorder = forks.spawn()
    recorder.order(channel(folder, tmp_path / "nothing.mp4"))
    recorder.until(LinkChanged)
    with flv_target() as target:
        live = pushed(forks, recorder, target.url())
        assert live.until(LiveChanged) == LiveChanged("waiting", "no_picture")
        live.until(LivePulse)
        os.kill(recorder.pid, signal.SIGKILL)
        recorder.drain()
        live.drain()
        assert live.of(LiveChanged)[-1].cause == "no_picture"
        assert target.connections == 0
    forks.said()
    forks.said()


def test_an_address_of_another_scheme_is_refused_by_the_process_itself(forks: Forks) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        live = forks.spawn()
        live.order(PushLive("file:///tmp/x.flv"), theirs.fileno())
        live.drain()
    forks.said()
    assert live.of(LiveChanged)[-1].cause == "refused_url"


def _unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
