"""The local page in a browser: what is on it, that it follows the daemon without a reload, and that it fits screens."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agent.status import GapView
from tests.agent.page.test_server import Visitor, outcome, visited
from tests.agent.views import NOW, alarm, channel, view
from tests.media import MakeSample
from tests.servers.chromium import tab

pytestmark = pytest.mark.browser

TEXT = "document.body.innerText"


def with_a_bad_morning(visitor: Visitor) -> None:
    """Three channels with names of any length, four lessons, one of them with gaps."""
    visitor.sights.shown = view(
        name="高一（3）班教室 · Room 301",
        channels=(
            channel(snapshot_at=NOW - 5, due=1),
            channel(camera_id=2, name="A lecture hall with a rather long name, Building 7", state="off", recordings=()),
            channel(camera_id=3, name="物理实验室", state="waiting", cause="unauthorized", recordings=(), video=""),
        ),
    )
    lost = (GapView(since=NOW - 7000, until=NOW - 6950, cause="stalled"),)
    visitor.sights.outcomes = (
        outcome("recorded", NOW - 14_400, title="语文", coverage=1.0),
        outcome("partly", NOW - 7200, title="数学", coverage=0.981, gaps=lost),
        outcome("recording", NOW - 1800, title="英语", coverage=1.0),
        outcome("coming", NOW + 3600, title="物理"),
    )


@pytest.mark.parametrize(("width", "height", "mobile"), [(390, 844, True), (1280, 800, False), (1920, 1080, False)])
async def test_it_fits_the_screen_in_both_languages(
    tmp_path: Path, picture: bytes, width: int, height: int, mobile: bool
) -> None:
    async with visited(tmp_path) as visitor, tab() as page:
        (visitor.folder / "live_1.jpg").write_bytes(picture)
        with_a_bad_morning(visitor)
        for language, wanted in {"zh-CN": "下一节课能录上吗？", "en": "Will the next lesson be recorded?"}.items():
            await page.open(visitor.url, width=width, height=height, language=language, mobile=mobile)
            text = await page.evaluate(TEXT)
            assert wanted in text and "语文" in text and "98.1 %" in text and "Room 101" in text
            assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
                "nothing sticks out"
            )
            await page.until("[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
            top = await page.evaluate("document.querySelector('.sentence').getBoundingClientRect().bottom")
            assert top < height, "the answer is seen without scrolling"
        assert page.complaints == []


async def test_it_follows_the_daemon_without_a_reload(tmp_path: Path) -> None:
    async with visited(tmp_path) as visitor, tab() as page:
        await page.open(visitor.url, width=1280, height=800, language="en")
        await page.evaluate("window.stillHere = true")
        assert await page.evaluate("document.querySelector('.answer').className") == "answer good"
        visitor.sights.shown = view(channels=(channel(state="waiting", due=1),), alarms=(alarm(),))
        await page.until(f"{TEXT}.includes('Right now Room 101 should be recorded and is not.')")
        assert await page.evaluate("document.querySelector('.answer').className") == "answer bad"
        assert await page.evaluate("document.querySelector('.alarms').innerText.includes('no packet for 5 s')")
        visitor.sights.shown = view()
        await page.until("document.querySelector('.alarms') === null")
        assert await page.evaluate("window.stillHere"), "the page was not loaded anew"
        assert page.complaints == []
        await visitor.stop()
        await page.until("!document.getElementById('disconnected').hidden")
        assert "Room 101" in await page.evaluate(TEXT), "what was known last stays"


@pytest.fixture
def picture(sample: MakeSample) -> bytes:
    """A picture of the sample film."""
    command = ["ffmpeg", "-loglevel", "error", "-i", str(sample()), "-frames:v", "1", "-f", "mjpeg", "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout
