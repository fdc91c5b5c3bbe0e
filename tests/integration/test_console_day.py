"""A day at the console: a server and an agent as in a school, and one who draws a lesson, watches and plays it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest

from tests.faults.school import School, noon_zone, until
from tests.media import MakeSample
from tests.servers.chromium import Tab, shown_number, tab
from tests.standalone.helpers import OWNER

pytestmark = pytest.mark.browser

T = TypeVar("T")
SHOWN = "[...document.querySelectorAll('#film video')].find((video) => !video.hidden)"
LIVE = "document.querySelector('.tile iframe')?.contentDocument?.getElementById('video')"
SIZE: dict[str, Any] = {"width": 1280, "height": 900, "language": "zh-CN"}


async def waited(what: str, ask: Callable[[], T | None]) -> T:
    return await asyncio.to_thread(until, what, ask)


def add_channel(school: School, film: Path) -> int:
    (gather,) = until("the agent's registration", lambda: school.api("list_gather")["data"])
    school.api("mod_gather", gather_id=gather["gather_id"], slice_val=1, inter_val=1, snap_val=1)
    source = {"stream_prop": 1, "stream_mp4": film}
    about = {"camera_name": "101", "gather_id": gather["gather_id"], "grade_id": 1}
    return int(school.api("add_camera", **about, **source)["camera_id"])


async def first_run(browser: Tab, url: str) -> None:
    await browser.open(url, **SIZE)
    values = OWNER | {"again": OWNER["password"]}
    for name, value in values.items():
        await browser.evaluate(f"document.querySelector('input[name={name}]').value = {value!r}")
    await browser.click("form button")
    await browser.until("document.getElementById('menu') !== null && document.readyState === 'complete'")


async def fill_times(browser: Tab, start: str, end: str) -> None:
    await browser.until("document.getElementById('lesson-form').open")
    for name, value in (("start", start), ("until", end)):
        await browser.evaluate(f"document.querySelector('#lesson-form [name={name}]').value = '{value}'")
    await browser.click("#lesson-form .strong")


def clock(ahead: float) -> str:
    return f"{datetime.now(ZoneInfo(noon_zone())) + timedelta(seconds=ahead):%H:%M:%S}"


async def test_a_lesson_is_drawn_recorded_watched_and_played(tmp_path: Path, sample: MakeSample) -> None:
    with closing(School(tmp_path)) as school:
        camera_id = add_channel(school, sample(seconds=60, gop_sec=2))
        async with tab() as browser:
            await first_run(browser, school.url)
            await browser.open(f"{school.url}/console/week?channel={camera_id}", **SIZE)
            await browser.until("document.querySelector('.nowline') !== null")
            await browser.evaluate("document.querySelector('.nowline').scrollIntoView({block: 'center'})")
            left, top, width, _ = await browser.box(".nowline")
            await browser.drag((left + width / 2, top), (left + width / 2, top + 60))
            await fill_times(browser, clock(6), clock(1800))
            await browser.until("document.querySelector('.said').textContent.includes('采集端已执行')")
            await waited("the recording", school.recording)
            await browser.until("document.querySelector('.block.on') !== null")

            await browser.open(f"{school.url}/console/wall", **SIZE)
            await browser.click(".tile .look")
            await browser.until(f"{LIVE}?.getVideoPlaybackQuality().totalVideoFrames > 25")
            number = await browser.evaluate(shown_number(LIVE))
            await browser.until(f"{LIVE}.getVideoPlaybackQuality().totalVideoFrames > 75")
            assert (await browser.evaluate(shown_number(LIVE)) - number) % 1500 > 25
            await browser.click(".tile .stop")
            await browser.until("document.querySelector('.tile iframe') === null")

            # The lesson is made shorter while it is on: the page says what that means, and it ends as told.
            await browser.open(f"{school.url}/console/week?channel={camera_id}", **SIZE)
            await browser.until("document.querySelector('.block.on') !== null")
            start = await browser.evaluate("document.querySelector('.block.on .times').textContent.split('–')[0]")
            await browser.click(".block.on")
            await fill_times(browser, start, clock(8))
            await browser.until("document.getElementById('sure').open")
            assert "修改后录像继续，至" in await browser.evaluate("document.querySelector('#sure p').textContent")
            await browser.click("#sure [value=yes]")
            await waited("the ledger", lambda: school.all_listed() and school.ledger_confirmed())

            await browser.open(f"{school.url}/console/ledger", **SIZE)
            line = await browser.evaluate("document.querySelector('.lesson').textContent")
            assert "已完成" in line and "100.0 %" in line, line
            await browser.open(f"{school.url}/console/day", **SIZE)
            assert await browser.evaluate("document.querySelectorAll('.daybar .recorded').length") >= 1
            assert await browser.evaluate("document.querySelectorAll('.daybar .missing').length") == 0
            await browser.open(f"{school.url}/console/recordings", **SIZE)
            await browser.click("a.film")
            await browser.until(f"document.getElementById('film').open && {SHOWN}.currentTime > 0.5")
            length = await browser.evaluate("Number(document.querySelector('#film .position').max)")
            await browser.evaluate("document.querySelector('#film .play').click()")
            before = await browser.evaluate(shown_number(SHOWN))
            await browser.evaluate(
                f"Object.assign(document.querySelector('#film .position'), {{value: '{length - 1}'}})"
                ".dispatchEvent(new Event('input'))"
            )
            await browser.until(f"!{SHOWN}.seeking && {SHOWN}.readyState >= 2 && {SHOWN}.currentTime > {length - 1.5}")
            assert (await browser.evaluate(shown_number(SHOWN)) - before) % 1500 > 25 * (length - 4)
            assert browser.complaints == []
