"""Every page on a phone, at a desk and on a wall, in both languages: nothing sticks out, nothing complains.

`GATHER_PICTURES=docs/images pytest -m browser tests/standalone/console/test_looks_browser.py` takes the pictures of
docs/console.md.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.standalone.server import EmbeddedServer
from tests.servers.chromium import Tab
from tests.standalone.console.school import School

pytestmark = pytest.mark.browser

PAGES = {
    "overview": "/",
    "week": "/console/week",
    "day": "/console/day",
    "ledger": "/console/ledger",
    "recordings": "/console/recordings",
    "wall": "/console/wall",
    "storage": "/console/storage",
}
SCREENS = {"phone": (390, 844, "zh-CN"), "desk": (1280, 860, "en"), "wall": (1920, 1080, "zh-CN")}
KEPT = {("desk", "overview"), ("desk", "week"), ("desk", "day"), ("desk", "ledger"), ("phone", "week")}
"""The pictures of the documentation."""
FITS = "document.documentElement.scrollWidth <= window.innerWidth"
READY = "document.querySelector('#week') === null || document.querySelectorAll('.block').length > 0"
NAMELESS = """[...document.querySelectorAll('button, a, select, input:not([type=hidden]), [tabindex="0"]')].filter(
  (one) => one.checkVisibility() && !one.closest('dialog') && !(one.getAttribute('aria-label') || one.textContent.trim()
  || one.labels?.length)).map((one) => one.outerHTML.slice(0, 200))"""
"""What can be used and has no name to be read out."""


@pytest.mark.parametrize("screen", SCREENS)
async def test_everything_fits(
    browser: Tab, server: EmbeddedServer, school: School, screen: str, tmp_path: Path
) -> None:
    width, height, language = SCREENS[screen]
    folder = Path(os.environ.get("GATHER_PICTURES", tmp_path))
    for name, path in PAGES.items():
        await browser.open(server.url + path, width=width, height=height, language=language, mobile=screen == "phone")
        await browser.until(READY)
        assert await browser.evaluate(FITS), f"{name} on a {screen}: something sticks out"
        assert await browser.evaluate(NAMELESS) == []
        if "GATHER_PICTURES" not in os.environ or (screen, name) in KEPT:
            await browser.picture(folder / f"console-{name}-{screen}.png", whole=False)
