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
    "recorders": "/console/recorders",
    "channel": "/console/channel?camera_id=1",
    "catalogue": "/console/catalogue",
    "users": "/console/users",
    "api": "/console/api",
    "changes": "/console/changes",
}
SCREENS = {
    "phone": (390, 844, "zh-CN", "dark"),
    "desk": (1280, 860, "en", "light"),
    "wall": (1920, 1080, "zh-CN", "light"),
    "4k": (3840, 2160, "zh-CN", "dark"),
}
ON_DISPLAYS = ("overview", "day", "ledger", "recordings", "wall")
"""What somebody hangs on a wall."""
FAINT = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
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
    width, height, language, scheme = SCREENS[screen]
    folder = Path(os.environ.get("GATHER_PICTURES", tmp_path))
    scheme = "light" if "GATHER_PICTURES" in os.environ else scheme
    await browser.scheme(scheme)
    shown = ON_DISPLAYS if screen in ("wall", "4k") else PAGES
    for name, path in ((name, PAGES[name]) for name in shown):
        await browser.open(server.url + path, width=width, height=height, language=language, mobile=screen == "phone")
        await browser.until(READY)
        assert await browser.evaluate(FITS), f"{name} on a {screen}: something sticks out"
        assert await browser.evaluate(NAMELESS) == []
        assert await browser.evaluate(FAINT) == [], f"{name}, {scheme}: too faint"
        if "GATHER_PICTURES" not in os.environ or (screen, name) in KEPT:
            await browser.picture(folder / f"console-{name}-{screen}.png", whole=False)


async def test_what_is_too_faint_is_found(browser: Tab, server: EmbeddedServer) -> None:
    await browser.open(f"{server.url}/console/storage", width=1280, height=860, language="en")
    faint = "Object.assign(document.createElement('p'), {textContent: 'hardly there', style: 'color: #999'})"
    await browser.evaluate(f"document.querySelector('main').append({faint})")
    (found,) = await browser.evaluate(FAINT)
    assert found.startswith("2.6") and found.endswith("hardly there")
