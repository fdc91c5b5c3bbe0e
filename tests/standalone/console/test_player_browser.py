"""Recordings in Chromium: one film out of three slices, played across their joints, sought, at another speed."""

from __future__ import annotations

import pytest

from agent.standalone.server import EmbeddedServer
from tests.servers.chromium import Tab, shown_number
from tests.standalone.console.school import EIGHT, School

pytestmark = pytest.mark.browser

SHOWN = "[...document.querySelectorAll('#film video')].find((video) => !video.hidden)"
NUMBER = shown_number(SHOWN)
WALL = "document.querySelector('#film .wall').textContent"
AT = "Number(document.querySelector('#film .position').value)"
FILE = f"{SHOWN}.currentSrc.split('_').at(-2)"


async def seek(browser: Tab, second: float) -> None:
    """Drag the position there, paused, and wait for the picture."""
    await browser.evaluate(
        "(() => { const one = document.querySelector('#film .position');"
        f" one.value = '{second}'; one.dispatchEvent(new Event('input')); one.dispatchEvent(new Event('change')); }})()"
    )
    await browser.until(f"{SHOWN}.readyState >= 2 && !{SHOWN}.seeking && Math.abs({AT} - {second}) < 0.11")


async def test_three_slices_are_one_film(browser: Tab, server: EmbeddedServer, school: School) -> None:
    key = f"{school.rooms['301']}-{800 + school.rooms['301']}"
    await browser.open(f"{server.url}/console/recordings", width=1280, height=900, language="zh-CN")
    await browser.click(f'a.film[data-key="{key}"]')
    await browser.until("document.getElementById('film').open")
    await browser.until(f"{AT} > 0.2")
    assert await browser.evaluate("document.querySelector('#film .of').textContent") == "0:10"
    assert await browser.evaluate("document.querySelectorAll('#film .joint').length") == 2

    # Over both joints by itself, a little faster: each slice plays, and the film ends where it ends.
    await browser.evaluate(
        "Object.assign(document.querySelector('#film .speed'), {value: '2'}).dispatchEvent(new Event('change'))"
    )
    for slice_inx in ("1", "2", "3"):
        await browser.until(f"{FILE} === '{slice_inx}'")
    await browser.until("document.querySelector('#film .play').textContent === '▶'")
    assert await browser.evaluate(AT) > 9.5

    # A second that stands in two slices is shown once: 4.0 of the film is second 1.0 of the second slice.
    await seek(browser, 4.4)
    assert await browser.evaluate(FILE) == "2"
    assert abs(await browser.evaluate(NUMBER) - 1.4 * 25) <= 1
    assert await browser.evaluate(WALL) == "08:00:04"
    await seek(browser, 0.4)
    assert await browser.evaluate(FILE) == "1"
    assert abs(await browser.evaluate(NUMBER) - 0.4 * 25) <= 1
    await browser.press("ArrowRight")
    await browser.until(f"Math.abs({AT} - 5.4) < 0.11")

    await browser.click("#film .close")
    await browser.until("!document.getElementById('film').open")
    await browser.until("document.querySelectorAll('#film video[src]').length === 0")


async def test_the_ledger_leads_to_the_film_and_its_gaps(browser: Tab, server: EmbeddedServer, school: School) -> None:
    await browser.open(f"{server.url}/console/ledger?incomplete=1", width=390, height=844, language="en", mobile=True)
    await browser.click(f'.lesson a[href$="-{900 + school.rooms["301"]}"]')
    await browser.until("document.getElementById('film')?.open")
    await browser.until("document.querySelectorAll('#film .gap').length === 2")
    assert "camera unreachable" in await browser.evaluate("document.querySelector('#film .gaps').textContent")


async def test_a_click_on_the_days_bar_plays_from_there(browser: Tab, server: EmbeddedServer, school: School) -> None:
    await browser.open(f"{server.url}/console/day", width=1280, height=900, language="en")
    lesson = f'a.piece[href$="={school.rooms["301"]}-{800 + school.rooms["301"]}"]'
    left, top, width, height = await browser.box(f"{lesson} .frame")
    at = left + width / 2, top + height / 2  # of 45 minutes, of which the first ten seconds are here
    await browser.mouse("Moved", *at, button="none", buttons=0)
    hair = "document.getElementById('hair')"
    await browser.until(f"!{hair}.hidden && {hair}.dataset.time.startsWith('08:22:')")
    assert "08:00 – 08:45" in await browser.evaluate("document.getElementById('tip').textContent")
    for kind in ("Pressed", "Released"):
        await browser.mouse(kind, *at)
    await browser.until("document.getElementById('film')?.open")
    assert 1300 < await browser.evaluate("Number(new URL(location).searchParams.get('at')) % 3600") < 1400
    await browser.until(f"{AT} > 9.5 && {FILE} === '3'")

    await browser.open(
        f"{server.url}/console/recordings?show={school.rooms['301']}-{800 + school.rooms['301']}&at={int(EIGHT) + 4}",
        width=1280,
        height=900,
        language="en",
    )
    await browser.until(f"document.getElementById('film')?.open && {AT} >= 4 && {WALL} >= '08:00:04'")


async def test_a_recording_that_cannot_be_had_says_so(browser: Tab, server: EmbeddedServer, school: School) -> None:
    await browser.open(f"{server.url}/console/recordings", width=1280, height=900, language="en")
    await browser.call(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )
    await browser.click("a.film")
    await browser.until("document.getElementById('notice').textContent.startsWith('The server cannot be reached')")
    browser.complaints.clear()  # of the network
    await browser.call(
        "Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )
    await browser.click("a.film")
    await browser.until("document.getElementById('film').open")


async def test_a_gap_says_what_it_is_to_pointer_and_keyboard(
    browser: Tab, server: EmbeddedServer, school: School
) -> None:
    await browser.open(f"{server.url}/console/day", width=1280, height=900, language="en")
    tip = "document.getElementById('tip')"
    left, top, width, height = await browser.box(".hole")
    await browser.mouse("Moved", left + width / 2, top + height / 2, button="none", buttons=0)
    await browser.until(f"!{tip}.hidden && {tip}.textContent.includes('12.5 s · camera unreachable')")
    await browser.mouse("Moved", 5, 5, button="none", buttons=0)
    await browser.until(f"{tip}.hidden")
    await browser.evaluate("document.querySelectorAll('.hole')[1].focus()")
    await browser.until(f"{tip}.textContent.includes('recorder restarted')")
