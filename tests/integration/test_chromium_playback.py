"""Finished slices in a browser: they play from the first frame to the last, and seek to the frame asked for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from recorder.protocol import BeginRecording, CloseChannel, OpenChannel, RecordingEnded, SliceClosed
from recorder.specs import RecordingSpec, SourceSpec, Tuning
from tests.media import MakeSample, frame_numbers
from tests.recorder.processes import Forks
from tests.servers.chromium import shown_number, tab
from tests.servers.page_files import serving

pytestmark = pytest.mark.browser

FPS = 25
SEEK_SEC = 2.5

NUMBER = shown_number("player")
# Plays a file to its end, then seeks.
PLAYED = f"""(async () => {{
  const player = document.querySelector("video");
  const once = name => new Promise((resolve, reject) => {{
    player.addEventListener(name, resolve, {{once: true}});
    player.addEventListener("error", () => reject(new Error(player.error.message || player.error.code)));
  }});
  const loaded = once("loadeddata");
  const painted = new Promise(resolve => player.requestVideoFrameCallback(resolve));
  player.src = "/slice.mp4";
  await loaded;
  await painted;
  const first = {NUMBER};
  player.playbackRate = 2;
  const ended = once("ended");
  await player.play();
  await ended;
  const last = {NUMBER}, quality = player.getVideoPlaybackQuality(), played = player.currentTime;
  const shown = new Promise(resolve => player.requestVideoFrameCallback(resolve));
  player.currentTime = {SEEK_SEC};
  await shown;
  return {{duration: player.duration, played, first, last, sought: {NUMBER}, frames: quality.totalVideoFrames,
          width: player.videoWidth, audio: player.webkitAudioDecodedByteCount}};
}})()"""


async def test_a_slice_plays_and_seeks(sample: MakeSample, tmp_path: Path) -> None:
    path, media_sec = _slice(sample(seconds=16, gop_sec=1), tmp_path)
    numbers = [number for number in frame_numbers(path) if number is not None]
    with serving("<!doctype html><video muted playsinline></video>", {"/slice.mp4": path}) as url:
        async with tab() as page:
            await page.open(url)
            seen = await page.evaluate(PLAYED)
    assert numbers[0] > 0
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
        begin = time.time() + 3  # not with the film's first picture: a page that shows none reads 0, too
        recorder.order(BeginRecording(RecordingSpec(1, 1), begin, begin + 5))
        recorder.until(RecordingEnded)
        recorder.order(CloseChannel())
        recorder.drain()
        (closed,) = recorder.of(SliceClosed)
        return Path(closed.facts.path), closed.facts.media_sec
    finally:
        forks.close()
