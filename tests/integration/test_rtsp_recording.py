"""Minutes of an RTSP camera, recorded by real recorder processes: nothing is missing, nothing twice that should not be.

`GATHER_RTSP_MINUTES` sets the length (default 3).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from recorder.packets import TrackKind
from recorder.protocol import (
    BeginRecording,
    CloseChannel,
    GapFound,
    LinkChanged,
    OpenChannel,
    Pulse,
    RecordingEnded,
    SliceClosed,
    Trouble,
)
from recorder.specs import RecordingSpec, SliceFacts, SourceSpec, Tuning
from tests.media import MakeSample, PacketFacts, ffprobe, frame_numbers, packets_in
from tests.recorder.processes import Forks, Recorder
from tests.servers.rtsp_gst import file_and_g711_stream, file_stream, rtsp_server

pytestmark = pytest.mark.integration

MINUTES = int(os.environ.get("GATHER_RTSP_MINUTES", "3"))
SLICE_SEC = 60
TAIL_SEC = 5
FPS, GOP_FRAMES = 25, 50
AAC_SEC = 1024 / 48000
USER, PASSWORD = "viewer", "of the lesson"


@dataclass(frozen=True)
class Slice:
    """What stands in a finished slice."""

    facts: SliceFacts
    video: list[PacketFacts]
    audio: list[PacketFacts]


def test_minutes_in_slices_with_and_without_overlap(sample: MakeSample, tmp_path: Path) -> None:
    length_sec = MINUTES * 60 + TAIL_SEC
    source = sample(seconds=length_sec + 25)
    forks = Forks()
    try:
        with rtsp_server({"/camera": file_stream(source)}, auth="digest", user=USER, password=PASSWORD) as server:
            recorders = {
                inter_val: _begin(forks, server.url(), tmp_path, inter_val, length_sec) for inter_val in (0, 2)
            }
            slices = {inter_val: _end(recorder) for inter_val, recorder in recorders.items()}
    finally:
        forks.close()
    for inter_val, recorded in slices.items():
        assert len(recorded) == MINUTES + 1
        for part in recorded:
            _check_file(part)
            assert [index for index, packet in enumerate(part.video) if packet.is_key] == list(
                range(0, len(part.video), GOP_FRAMES)
            )
            assert frame_numbers(part.facts.path) == _numbers(part, source)
        _check_overlaps(recorded, inter_val)
        first_frame = _check_whole([part.video for part in recorded], recorded, source, "video")
        first_sound = _check_whole([part.audio for part in recorded], recorded, source, "audio")
        assert abs(first_frame / FPS - first_sound * AAC_SEC) < 0.1, "sound and picture begin together"
        assert sum(part.facts.media_sec - part.facts.overlap_sec for part in recorded) == pytest.approx(
            length_sec, abs=GOP_FRAMES / FPS + 0.2
        )


def test_g711_is_recorded_as_aac(sample: MakeSample, tmp_path: Path) -> None:
    forks = Forks()
    try:
        with rtsp_server({"/camera": file_and_g711_stream(sample(seconds=40))}) as server:
            (part,) = _end(_begin(forks, server.url(), tmp_path, 0, 6))
    finally:
        forks.close()
    _check_file(part)
    assert part.facts.audio.startswith("aac 8000 Hz")
    streams = {stream["codec_type"]: stream for stream in ffprobe(part.facts.path)["streams"]}
    assert streams["audio"]["codec_name"] == "aac"
    numbers = frame_numbers(part.facts.path)
    assert numbers == list(range(numbers[0] or 0, (numbers[0] or 0) + len(numbers)))
    sound_sec = float(part.audio[-1].dts + part.audio[-1].duration - part.audio[0].dts)
    assert sound_sec == pytest.approx(part.facts.media_sec, abs=0.3)


def _begin(forks: Forks, url: str, folder: Path, inter_val: int, length_sec: float) -> Recorder:
    """A recorder that is online and told to record from now on."""
    slices = folder / f"slices-{inter_val}"
    slices.mkdir()
    recorder = forks.spawn()
    recorder.order(
        OpenChannel(
            camera_id=inter_val,
            name="lecture hall",
            main=SourceSpec("stream", url, USER, PASSWORD),
            folder=str(slices),
            snapshot_path=str(folder / f"live_{inter_val}.jpg"),
            tuning=Tuning(slice_sec=SLICE_SEC, inter_val=inter_val),
        )
    )
    state = recorder.until(LinkChanged)
    while state.state == "connecting":
        state = recorder.until(LinkChanged)
    assert state.state == "online", state
    begin = time.time()
    recorder.order(BeginRecording(RecordingSpec(1, 1), begin, begin + length_sec))
    return recorder


def _end(recorder: Recorder) -> list[Slice]:
    """The slices of the recording, which ends by itself, without gap or trouble."""
    recorder.until(RecordingEnded)
    recorder.order(CloseChannel())
    recorder.drain()
    assert not recorder.of(GapFound)
    assert not recorder.of(Trouble)
    assert recorder.of(Pulse)[-1].repaired_stamps == 0
    facts = [closed.facts for closed in recorder.of(SliceClosed)]
    assert [part.slice_inx for part in facts] == list(range(1, len(facts) + 1))
    return [Slice(part, packets_in(part.path, "video"), packets_in(part.path, "audio")) for part in facts]


def _check_file(part: Slice) -> None:
    path = Path(part.facts.path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == part.facts.sha256
    assert path.stat().st_size == part.facts.size
    probed = ffprobe(path)
    assert {stream["codec_type"] for stream in probed["streams"]} == {"video", "audio"}
    assert float(probed["format"]["duration"]) == pytest.approx(part.facts.media_sec, abs=0.1)
    assert part.facts.thumbnail is not None
    assert Path(part.facts.thumbnail).read_bytes().startswith(b"\xff\xd8")


def _numbers(part: Slice, source: Path) -> list[int]:
    digests = [packet.digest for packet in packets_in(source, "video")]
    first = digests.index(part.video[0].digest)
    return list(range(first, first + len(part.video)))


def _check_overlaps(recorded: Sequence[Slice], inter_val: int) -> None:
    """Each slice repeats the last `inter_val` key-frame groups of the one before, picture and sound, as it states."""
    assert recorded[0].facts.overlap_sec == 0
    for before, after in pairwise(recorded):
        frames = inter_val * GOP_FRAMES
        assert after.facts.overlap_sec == pytest.approx(frames / FPS, abs=0.001)
        sounds = _repeated(before.audio, after.audio)
        assert [packet.digest for packet in after.video[:frames]] == [
            packet.digest for packet in before.video[len(before.video) - frames :]
        ]
        assert sounds * AAC_SEC == pytest.approx(frames / FPS, abs=2 * AAC_SEC)


def _repeated(before: Sequence[PacketFacts], after: Sequence[PacketFacts]) -> int:
    """How many packets at the beginning of `after` are those at the end of `before`."""
    old, new = [packet.digest for packet in before], [packet.digest for packet in after]
    return max(count for count in range(min(len(old), len(new)) + 1) if old[len(old) - count :] == new[:count])


def _check_whole(tracks: list[list[PacketFacts]], recorded: Sequence[Slice], source: Path, kind: TrackKind) -> int:
    """The slices without their overlaps are one unbroken piece of the source; where in it that begins."""
    joined: list[str] = []
    for index, packets in enumerate(tracks):
        repeated = _repeated(tracks[index - 1], packets) if index and recorded[index].facts.overlap_sec else 0
        joined += [packet.digest for packet in packets[repeated:]]
    digests = [packet.digest for packet in packets_in(source, kind)]
    begins = [first for first, digest in enumerate(digests) if digest == joined[0]]
    whole = [first for first in begins if digests[first : first + len(joined)] == joined]
    assert whole, f"{kind}: {len(joined)} packets are not one piece of the source"
    return whole[0]
