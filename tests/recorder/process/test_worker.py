"""The recorder process from outside: orders and events over a socket pair, and what stands on disk."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recorder.protocol import (
    BeginRecording,
    CloseChannel,
    EndRecording,
    GapFound,
    LinkChanged,
    Pulse,
    RecordingBegan,
    RecordingEnded,
    RepairDone,
    RepairFolder,
    SliceClosed,
    SliceOpened,
    SnapshotTaken,
    TakeSnapshot,
    Trouble,
)
from recorder.specs import RecordingSpec, Tuning
from tests.media import MakeSample, assert_plays, frame_numbers, packet_hashes
from tests.recorder.processes import LIMIT_SEC, Forks, Recorder, channel


def test_a_lesson_from_camera_to_slices(forks: Forks, folder: Path, sample: MakeSample) -> None:
    camera = sample(seconds=8, gop_sec=1)
    recorder = forks.spawn()
    recorder.order(channel(folder, camera))
    assert recorder.until(LinkChanged).state == "connecting"
    online = recorder.until(LinkChanged)
    assert (online.state, online.video, online.audio) == ("online", "h264 320x180", "aac 48000 Hz 1 ch")
    first_picture = recorder.until(SnapshotTaken)
    assert (first_picture.width, first_picture.height, first_picture.error) == (320, 180, "")
    assert (folder.parent / "live_7.jpg").read_bytes().startswith(b"\xff\xd8")

    begin = time.time()
    recorder.order(BeginRecording(RecordingSpec(11, 5, title="课"), begin, begin + 3.2))
    recorder.order(TakeSnapshot("now"))
    began = recorder.until(RecordingBegan)
    assert began.first_at <= begin + 0.05
    ended = recorder.until(RecordingEnded)
    recorder.order(CloseChannel())
    recorder.drain()
    assert forks.said() == {"exited": recorder.pid, "status": 0}

    assert ended.last_at == pytest.approx(begin + 3.2, abs=0.1)
    assert not recorder.of(GapFound)
    assert not recorder.of(Trouble)
    assert "now" in [taken.request for taken in recorder.of(SnapshotTaken)]
    closed = [event.facts for event in recorder.of(SliceClosed)]
    assert [facts.slice_inx for facts in closed] == list(range(1, len(closed) + 1))
    assert len(closed) in (2, 3)  # by where in a key-frame group the lesson fell
    assert [Path(opened.path).stem.removesuffix(".mp4") for opened in recorder.of(SliceOpened)] == [
        facts.stem.rpartition("_")[0] for facts in closed
    ]
    frames: list[int | None] = []
    source = packet_hashes(camera, "video")
    for facts in closed:
        path = Path(facts.path)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == facts.sha256
        assert path.stat().st_size == facts.size
        assert_plays(path)
        repeated = round(facts.overlap_sec * 25)
        assert repeated == (0 if facts.slice_inx == 1 else 25)
        numbers = frame_numbers(path)
        if repeated:
            assert numbers[:repeated] == frames[-repeated:]
        frames += numbers[repeated:]
        assert packet_hashes(path, "video") == [source[number] for number in numbers if number is not None]
    assert frames[0] is not None
    assert frames == [(frames[0] + n) % 200 for n in range(len(frames))]
    pulses = recorder.of(Pulse)
    assert pulses[-1].packets > 200
    assert pulses[-1].repaired_stamps == 0
    assert any(pulse.recording == [11] for pulse in pulses)


def test_killed_in_mid_slice_and_repaired(forks: Forks, folder: Path, sample: MakeSample) -> None:
    recorder = forks.spawn()
    recorder.order(channel(folder, sample(seconds=8, gop_sec=1), tuning=Tuning()))
    recorder.order(BeginRecording(RecordingSpec(11, 5, next_inx=4), time.time()))
    recorder.until(RecordingBegan)
    began = time.monotonic()
    while recorder.until(Pulse).recorded_sec < 2.0:
        assert time.monotonic() - began < LIMIT_SEC
    os.kill(recorder.pid, signal.SIGKILL)
    recorder.drain()
    assert forks.said() == {"exited": recorder.pid, "status": -signal.SIGKILL}

    repairer = forks.spawn()
    repairer.order(RepairFolder(str(folder)))
    closed = repairer.until(SliceClosed)
    assert repairer.until(RepairDone) == RepairDone(1)
    repairer.drain()
    forks.said()
    facts = closed.facts
    assert (closed.reason, facts.repaired, facts.slice_inx, facts.slice_id) == ("repair", True, 4, 11)
    numbers = frame_numbers(facts.path)
    assert numbers[0] is not None
    assert numbers == [(numbers[0] + n) % 200 for n in range(len(numbers))]
    assert len(numbers) >= 25
    assert hashlib.sha256(Path(facts.path).read_bytes()).hexdigest() == facts.sha256
    assert_plays(facts.path)


def test_the_end_of_the_socket_finishes_the_files(forks: Forks, folder: Path, sample: MakeSample) -> None:
    recorder = forks.spawn()
    recorder.order(channel(folder, sample(seconds=8, gop_sec=1), tuning=Tuning()))
    recorder.order(BeginRecording(RecordingSpec(11, 5), time.time()))
    recorder.until(RecordingBegan)
    os.kill(recorder.pid, signal.SIGTERM)  # the daemon decides, nobody else
    os.kill(recorder.pid, signal.SIGINT)
    recorder.until(Pulse)
    recorder.close()
    forks.recorders.remove(recorder)
    assert forks.said() == {"exited": recorder.pid, "status": 0}
    (path,) = folder.glob("*.mp4")
    assert_plays(path)
    assert not list(folder.glob("*.part"))


def test_a_camera_that_is_not_there(forks: Forks, folder: Path, tmp_path: Path, sample: MakeSample) -> None:
    """Down without a recording, tried again for one, and recorded once it is there; what is missing is named."""
    location = tmp_path / "camera.mp4"
    recorder = forks.spawn()
    recorder.order(channel(folder, location, reconnect=False))
    recorder.until(LinkChanged)
    down = recorder.until(LinkChanged)
    assert (down.state, down.cause) == ("down", "not_found")
    recorder.order(TakeSnapshot("none"))
    refused = recorder.until(SnapshotTaken)
    assert refused.request == "none"
    assert refused.error

    begin = time.time()
    recorder.order(BeginRecording(RecordingSpec(11, 5), begin))
    waiting = recorder.until(LinkChanged)
    while waiting.state != "waiting":
        waiting = recorder.until(LinkChanged)
    assert waiting.retry_sec > 0
    location.symlink_to(sample(seconds=8, gop_sec=1))
    began = recorder.until(RecordingBegan)
    gap = recorder.until(GapFound)
    assert (gap.slice_id, gap.cause) == (11, "not_found")
    assert gap.since == pytest.approx(begin, abs=0.05)
    assert gap.until == pytest.approx(began.first_at, abs=0.05)
    recorder.order(EndRecording(11))
    assert recorder.until(SliceClosed).reason == "end"
    recorder.until(RecordingEnded)
    recorder.order(CloseChannel())
    recorder.drain()
    forks.said()


def test_recorders_outlive_the_fork_server(folder: Path, sample: MakeSample) -> None:
    forks = Forks()
    recorder = forks.spawn()
    recorder.order(channel(folder, sample(seconds=8, gop_sec=1), tuning=Tuning()))
    recorder.order(BeginRecording(RecordingSpec(11, 5), time.time()))
    recorder.until(RecordingBegan)
    forks.process.kill()
    forks.process.wait(LIMIT_SEC)
    recorder.until(Pulse)
    recorder.order(CloseChannel())
    assert recorder.until(SliceClosed).reason == "close"
    recorder.drain()
    recorder.close()
    forks.sock.close()


def test_nonsense_ends_the_process_with_a_word(forks: Forks) -> None:
    recorder = forks.spawn()
    recorder.sock.sendall(b"{nonsense}\n")
    assert recorder.until(Trouble).kind == "protocol"
    recorder.drain()
    assert forks.said() == {"exited": recorder.pid, "status": 0}


@pytest.mark.parametrize("thread", ["stream.reader.Reader", "slices.writer.Writer", "slices.finisher.Finisher"])
def test_a_thread_that_dies_takes_the_process_with_it(folder: Path, sample: MakeSample, thread: str) -> None:
    """The daemon starts another then; a recorder that lives on without one of its threads would record nothing."""
    module, name = thread.rsplit(".", 1)
    dying = f"""
import recorder.{module}, recorder.process.worker
def die(self): raise RuntimeError("a defect")
recorder.{module}.{name}._run = die
recorder.process.worker.main()
"""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", dying, str(theirs.fileno())], pass_fds=[theirs.fileno()], stderr=subprocess.PIPE
        )
    recorder = Recorder(ours, process.pid)
    recorder.order(channel(folder, sample(seconds=8, gop_sec=1)))
    _, stderr = process.communicate(timeout=LIMIT_SEC)
    recorder.close()
    assert process.returncode == 70
    assert b"RuntimeError: a defect" in stderr
