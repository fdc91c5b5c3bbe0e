"""What servers do to a push, and what the recording beside it notices: nothing.

The largest pause between two packets is told as a tap on the same recorder sees it; `-s` shows it.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from recorder.live.framing import LivePacket, Unframer
from recorder.packets import TrackKind
from recorder.protocol import (
    BeginRecording,
    EndRecording,
    FeedLive,
    LiveChanged,
    LivePulse,
    RecordingBegan,
    SliceClosed,
    Trouble,
)
from recorder.specs import RecordingSpec, Tuning
from tests.media import MakeSample, packet_hashes
from tests.recorder.processes import Forks, Recorder, channel, close, online, pushed, until_state
from tests.servers.flv_targets import Behaviour, flv_target

pytestmark = pytest.mark.faults

KINDS: tuple[TrackKind, ...] = ("video", "audio")


class Stopwatch:
    """A tap of the test's own: when packets leave the recorder's feed."""

    def __init__(self, recorder: Recorder) -> None:
        self.largest = 0.0
        self.packets = 0
        self._sock, theirs = socket.socketpair()
        with theirs:
            recorder.order(FeedLive(), theirs.fileno())
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._sock.close()

    def _run(self) -> None:
        messages, last = Unframer(), 0.0
        while data := self._sock.recv(1 << 20):
            packets = sum(isinstance(message, LivePacket) for message in messages.feed(data))
            now = time.monotonic()
            if packets and last:
                self.largest = max(self.largest, now - last)
            if packets:
                last = now
            self.packets += packets


@pytest.mark.parametrize(
    ("behaviour", "scheme", "cause", "status"),
    [
        ("refuse", "http", "refused", 0),
        ("silent", "rtmp", None, -14),
        ("silent", "http", "timeout", 0),
        ("stop_reading", "http", "stalled", 0),
        ("hang_up", "http", "ended", 0),
    ],
)
def test_no_server_holds_up_a_recording(
    forks: Forks,
    tmp_path: Path,
    sample: MakeSample,
    behaviour: Behaviour,
    scheme: str,
    cause: str | None,
    status: int,
) -> None:
    film = sample(seconds=8, gop_sec=1, width=1280, height=720)
    (tmp_path / "slices").mkdir()
    recorder = online(forks, channel(tmp_path / "slices", film, tuning=Tuning(snap_sec=0)))
    recorder.order(BeginRecording(RecordingSpec(11, 5), time.time()))
    recorder.until(RecordingBegan)
    with flv_target(behaviour) as target, closing(Stopwatch(recorder)) as stopwatch:
        began = time.monotonic()
        live = pushed(forks, recorder, target.url(scheme=scheme), "agent-token")
        until_state(live, "connecting")
        live.drain()  # its own limits end it
        took = time.monotonic() - began
        said = forks.said()
    recorder.order(EndRecording(11))
    facts = recorder.until(SliceClosed).facts
    close(forks, recorder)
    print(
        f"{behaviour} ({scheme}): over after {took:.1f} s; largest pause of {stopwatch.packets} packets"
        f" {stopwatch.largest * 1000:.0f} ms"
    )
    assert said == {"exited": live.pid, "status": status}
    changes = live.of(LiveChanged)
    assert changes[-1].cause == cause if cause else changes[-1].state == "connecting"
    assert live.of(LivePulse) or cause is None
    assert not recorder.of(Trouble)
    for kind in KINDS:
        recorded, source = packet_hashes(facts.path, kind), packet_hashes(film, kind)
        begin = source.index(recorded[0])
        assert recorded == [source[(begin + n) % len(source)] for n in range(len(recorded))]
