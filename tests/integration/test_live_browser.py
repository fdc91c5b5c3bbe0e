"""A channel in a browser: a server and an agent as in a school, `play_camera`, and moving pictures in Chromium."""

from __future__ import annotations

import os
import statistics
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.school import School, until
from tests.media import MakeSample
from tests.servers.chromium import shown_number
from tests.servers.devtools import Tab, browser_tab

pytestmark = pytest.mark.browser

NUMBER = shown_number("document.getElementById('video')")
FRAMES = "document.getElementById('video').getVideoPlaybackQuality().totalVideoFrames"
OPENINGS = int(os.environ.get("GATHER_LIVE_OPENINGS", "1"))
PLAYING = "document.getElementById('live')?.dataset.playing"


def live_of(school: School) -> dict[str, Any] | None:
    status = school.status()
    return status["channels"][0]["live"] if status and status["channels"] else None


def seconds_to_the_picture(tab: Tab, url: str) -> float:
    began = time.monotonic()
    tab.open(url)
    tab.until(f"location.href === {url!r} && {PLAYING}")
    return time.monotonic() - began


def test_live_in_chromium(tmp_path: Path, sample: MakeSample) -> None:
    with closing(School(tmp_path)) as school, browser_tab() as tab:
        camera_id, _ = school.lesson_now(sample(seconds=60, gop_sec=2))
        until("the recording", school.recording)
        url = school.api("play_camera", camera_id=camera_id)["play_url"]
        assert live_of(school) is None
        first = seconds_to_the_picture(tab, url)
        live = until("the push, as status tells it", lambda: live_of(school))
        assert live["state"] == "live"
        assert live["target"] == f"{school.url}/gather/***"
        seen = tab.ask(FRAMES)
        number = tab.ask(NUMBER)
        tab.until(f"{FRAMES} >= {seen + 50}")
        later = tab.ask(NUMBER)
        assert (later - number) % 1500 >= 40, (number, later)
        assert tab.ask("document.getElementById('state').hidden")
        (tmp_path / "live.png").write_bytes(tab.screenshot())
        again = seconds_to_the_picture(tab, url + "&again")
        print(f"first picture after {first:.2f} s, for the next viewer after {again:.2f} s")

        # The recorder process dies under the viewer: the picture comes back by itself.
        school.kill_recorder()
        seen = tab.ask(FRAMES)
        tab.until(f"{FRAMES} >= 25 && {FRAMES} !== {seen}")
        tab.until(PLAYING)

        tab.open("about:blank")
        until("the end of the push", lambda: live_of(school) is None)
        assert school.recording()


def test_how_long_it_takes_to_the_first_picture(tmp_path: Path, sample: MakeSample) -> None:
    """Each round once where nobody has looked for 20 s, so that the agent has to begin to push, and once again."""
    took: dict[str, list[float]] = {"first": [], "next": []}
    with closing(School(tmp_path)) as school, browser_tab() as tab:
        camera_id, _ = school.lesson_now(sample(seconds=60, gop_sec=2))
        until("the recording", school.recording)
        for number in range(OPENINGS):
            for which, times in took.items():
                url = school.api("play_camera", camera_id=camera_id)["play_url"]
                times.append(seconds_to_the_picture(tab, f"{url}&{which}{number}"))
                tab.open("about:blank")
            until("the end of the push", lambda: live_of(school) is None)
    for which, times in took.items():
        shown = f"p50 {statistics.median(times):.2f} s, slowest {max(times):.2f} s"
        print(f"{which} viewer, {len(times)} openings: {shown}")
    assert min(map(len, took.values())) == OPENINGS


def test_h265_plays_or_says_why_not(tmp_path: Path, sample: MakeSample) -> None:
    with closing(School(tmp_path)) as school, browser_tab() as tab:
        camera_id, _ = school.lesson_now(sample(seconds=60, gop_sec=2, codec="hevc"))
        until("the recording", school.recording)
        playable = tab.ask("MediaSource.isTypeSupported('video/mp4; codecs=\"hvc1.1.6.L93.B0\"')")
        tab.open(school.api("play_camera", camera_id=camera_id)["play_url"])
        if playable:
            tab.until(PLAYING)
        else:
            state = "document.getElementById('state')"
            tab.until(f"{state} && !{state}.hidden && /H\\.265/.test({state}.textContent)")
            until("the end of the push", lambda: live_of(school) is None)
            assert tab.ask(f"!{state}.hidden")
        (tmp_path / "h265.png").write_bytes(tab.screenshot())
        print(f"H.265 playable: {playable}; {tmp_path / 'h265.png'}")
