"""Finished slices in a browser: they play from the first frame to the last, and seek to the frame asked for."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from recorder.protocol import BeginRecording, CloseChannel, OpenChannel, RecordingEnded, SliceClosed
from recorder.specs import RecordingSpec, SourceSpec, Tuning
from tests.media import MakeSample, frame_numbers
from tests.recorder.processes import Forks
from tests.servers.browser import ask

pytestmark = pytest.mark.browser

FPS = 25
SEEK_SEC = 2.5

# Plays a file to its end, then seeks; the frame number is read from the strip at the top as `read_frame_number` does.
PAGE = """<!doctype html><video id="video" muted playsinline src="/slice.mp4"></video><script>
const video = document.getElementById("video");
const answer = body => fetch("/answer", {method: "POST", body: JSON.stringify(body)});
function frameNumber() {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const row = context.getImageData(0, Math.floor(canvas.height / 32), canvas.width, 1).data;
  let number = 0;
  for (let bit = 0; bit < 24; bit++)
    number = number * 2 + (row[4 * Math.floor((bit + 0.5) * canvas.width / 32) + 1] > 128 ? 1 : 0);
  return number;
}
const once = (name) => new Promise(resolve => video.addEventListener(name, resolve, {once: true}));
async function play() {
  await once("loadeddata");
  const first = frameNumber();
  video.playbackRate = 2;
  const ended = once("ended");
  await video.play();
  await ended;
  const last = frameNumber();
  const quality = video.getVideoPlaybackQuality();
  const played = video.currentTime;
  const shown = new Promise(resolve => video.requestVideoFrameCallback(resolve));
  video.currentTime = SEEK_SEC;
  await shown;
  answer({duration: video.duration, played, first, last, sought: frameNumber(), frames: quality.totalVideoFrames,
          width: video.videoWidth, audio: video.webkitAudioDecodedByteCount, error: ""});
}
video.addEventListener("error", () => answer({error: video.error.message || String(video.error.code)}));
play().catch(error => answer({error: String(error)}));
</script>""".replace("SEEK_SEC", json.dumps(SEEK_SEC))


def test_a_slice_plays_and_seeks(sample: MakeSample, tmp_path: Path) -> None:
    path, media_sec = _slice(sample(seconds=16, gop_sec=1), tmp_path)
    numbers = [number for number in frame_numbers(path) if number is not None]
    seen = ask(PAGE, {"/slice.mp4": path})
    assert seen["error"] == ""
    assert seen["width"] == 320
    assert seen["duration"] == pytest.approx(media_sec, abs=0.1)
    assert seen["played"] == pytest.approx(media_sec, abs=0.1)
    assert seen["first"] == numbers[0]
    assert seen["last"] == numbers[-1]
    assert seen["sought"] in {numbers[0] + round(SEEK_SEC * FPS) - step for step in (0, 1)}
    assert seen["frames"] == pytest.approx(len(numbers), abs=2)
    assert seen["audio"] > 0


def _slice(camera: Path, folder: Path) -> tuple[Path, float]:
    """A few seconds of the file camera, recorded by a real recorder process."""
    forks = Forks()
    try:
        recorder = forks.spawn()
        recorder.order(
            OpenChannel(
                camera_id=1,
                name="lecture hall",
                main=SourceSpec("file", str(camera)),
                folder=str(folder),
                snapshot_path=str(folder / "live_1.jpg"),
                tuning=Tuning(),
            )
        )
        begin = time.time()
        recorder.order(BeginRecording(RecordingSpec(1, 1), begin, begin + 5))
        recorder.until(RecordingEnded)
        recorder.order(CloseChannel())
        recorder.drain()
        (closed,) = recorder.of(SliceClosed)
        return Path(closed.facts.path), closed.facts.media_sec
    finally:
        forks.close()
