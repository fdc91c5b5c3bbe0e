"""A channel in a browser: a server and an agent as in a school, `play_camera`, and moving pictures in Chromium."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.school import School, until
from tests.media import MakeSample
from tests.servers.chromium import Tab, shown_number, tab

pytestmark = pytest.mark.browser

NUMBER = shown_number("document.getElementById('video')")
FRAMES = "document.getElementById('video').getVideoPlaybackQuality().totalVideoFrames"
OPENINGS = int(os.environ.get("GATHER_LIVE_OPENINGS", "1"))
PLAYING = "document.getElementById('live')?.dataset.playing"


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    with closing(School(tmp_path)) as school:
        yield school


@pytest.fixture
async def page() -> AsyncIterator[Tab]:
    async with tab() as page:
        await page.open("about:blank")
        yield page


def live_of(school: School) -> dict[str, Any] | None:
    status = school.status()
    return status["channels"][0]["live"] if status and status["channels"] else None


async def seconds_to_the_picture(page: Tab, url: str) -> float:
    began = time.monotonic()
    await page.go(url)
    await page.until(f"location.href === {url!r} && {PLAYING}")
    return time.monotonic() - began


async def test_live_in_chromium(tmp_path: Path, sample: MakeSample, school: School, page: Tab) -> None:
    camera_id, _ = school.lesson_now(sample(seconds=60, gop_sec=2))
    until("the recording", school.recording)
    url = school.api("play_camera", camera_id=camera_id)["play_url"]
    assert live_of(school) is None
    first = await seconds_to_the_picture(page, url)
    live = until("the push, as status tells it", lambda: live_of(school))
    assert live["state"] == "live"
    assert live["target"] == f"{school.url}/gather/***"
    seen = await page.evaluate(FRAMES)
    number = await page.evaluate(NUMBER)
    await page.until(f"{FRAMES} >= {seen + 50}")
    later = await page.evaluate(NUMBER)
    assert (later - number) % 1500 >= 40, (number, later)
    assert await page.evaluate("document.getElementById('state').hidden")
    await page.picture(tmp_path / "live.png")
    again = await seconds_to_the_picture(page, url + "&again")
    print(f"first picture after {first:.2f} s, for the next viewer after {again:.2f} s")

    # The recorder process dies under the viewer: the picture comes back by itself.
    school.kill_recorder()
    seen = await page.evaluate(FRAMES)
    await page.until(f"{FRAMES} >= 25 && {FRAMES} !== {seen}")
    await page.until(PLAYING)

    await page.go("about:blank")
    until("the end of the push", lambda: live_of(school) is None)
    until("the recording beside it", school.recording)


async def test_how_long_it_takes_to_the_first_picture(sample: MakeSample, school: School, page: Tab) -> None:
    """Each round once where nobody has looked for 20 s, so that the agent has to begin to push, and once again."""
    took: dict[str, list[float]] = {"first": [], "next": []}
    camera_id, _ = school.lesson_now(sample(seconds=60, gop_sec=2))
    until("the recording", school.recording)
    for number in range(OPENINGS):
        for which, times in took.items():
            url = school.api("play_camera", camera_id=camera_id)["play_url"]
            times.append(await seconds_to_the_picture(page, f"{url}&{which}{number}"))
            await page.go("about:blank")
        until("the end of the push", lambda: live_of(school) is None)
    for which, times in took.items():
        shown = f"p50 {statistics.median(times):.2f} s, slowest {max(times):.2f} s"
        print(f"{which} viewer, {len(times)} openings: {shown}")
    assert min(map(len, took.values())) == OPENINGS


async def test_h265_plays_or_says_why_not(tmp_path: Path, sample: MakeSample, school: School, page: Tab) -> None:
    camera_id, _ = school.lesson_now(sample(seconds=60, gop_sec=2, codec="hevc"))
    until("the recording", school.recording)
    playable = await page.evaluate("MediaSource.isTypeSupported('video/mp4; codecs=\"hvc1.1.6.L93.B0\"')")
    await page.go(school.api("play_camera", camera_id=camera_id)["play_url"])
    if playable:
        await page.until(PLAYING)
    else:
        state = "document.getElementById('state')"
        await page.until(f"{state} && !{state}.hidden && /H\\.265/.test({state}.textContent)")
        until("the end of the push", lambda: live_of(school) is None)
        assert await page.evaluate(f"!{state}.hidden")
    await page.picture(tmp_path / "h265.png")
    print(f"H.265 playable: {playable}; {tmp_path / 'h265.png'}")
