"""The console in Chromium as its owner meets it: first run, a channel that comes online, users who may and may not."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.faults.school import School
from tests.media import MakeSample
from tests.servers.chromium import Tab, tab

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"
TEXT = "document.body?.innerText"
FITS = "document.documentElement.scrollWidth <= window.innerWidth"


class Visitor:
    """A person with a browser."""

    def __init__(self, page: Tab, url: str, pictures: Path) -> None:
        self.page, self.url, self._pictures = page, url, pictures

    async def go(self, path: str, *, width: int = 1280, height: int = 900, language: str = "en") -> None:
        """Show a page."""
        await self.page.open(self.url + path, width=width, height=height, language=language, mobile=width < 500)

    async def fill(self, form: str, **values: str) -> None:
        """Type into the fields of a form, if any, and send it."""
        await self.page.until(f"document.querySelector({json.dumps(form)})")
        await self.page.until("!document.getElementById('menu') || document.documentElement?.matches('.scripted')")
        typed = "".join(f"form.elements[{json.dumps(k)}].value = {json.dumps(v)};" for k, v in values.items())
        sent = f"(() => {{ const form = document.querySelector({json.dumps(form)}); {typed} form.requestSubmit(); }})()"
        await self.page.evaluate(sent)

    async def arrives(self, path: str) -> None:
        """Wait until this page stands there."""
        there = f"location.pathname + location.search === {json.dumps(path)}"
        await self.page.until(f"{there} && document.readyState === 'complete' && document.getElementById('menu')")

    async def says(self, text: str) -> None:
        """Wait until the page says so."""
        await self.page.until(f"{TEXT}.includes({json.dumps(text)})")

    async def picture(self, name: str) -> None:
        """Keep what it looks like."""
        assert await self.page.evaluate(FITS), f"{name}: something sticks out"
        await self.page.picture(self._pictures / f"{name}.png")


@asynccontextmanager
async def at_school(folder: Path) -> AsyncIterator[tuple[School, Visitor]]:
    """A school, and somebody who opens its console."""
    pictures = Path(os.environ.get("GATHER_PICTURES", folder))
    with closing(await asyncio.to_thread(School, folder)) as school:
        async with tab() as page:
            yield school, Visitor(page, school.url, pictures)


async def set_up(owner: Visitor) -> None:
    await owner.go("/")
    await owner.fill("form", name="Owner", password=PASSWORD, again=PASSWORD)
    await owner.arrives("/")


async def test_first_run_and_a_channel_that_comes_online(tmp_path: Path, sample: MakeSample) -> None:
    film = sample(seconds=30, gop_sec=2)
    async with at_school(tmp_path) as (_, owner):
        page = owner.page
        await owner.go("/")
        await owner.picture("console-first-run")
        await owner.fill("form", name="Owner", password="short", again="short")
        await owner.says("A password has 10 to 200 characters")
        assert await page.evaluate("document.getElementById('name').value") == "Owner", "what was typed stays"
        page.complaints.clear()  # of the refusal
        await owner.fill("form", name="Owner", password=PASSWORD, again=PASSWORD)
        await owner.arrives("/")

        await owner.go("/console/recorders")
        await page.until("document.querySelector('.recorder .pill.online')")
        await page.evaluate("document.querySelector('a[href^=\"/console/channel?gather_id=\"]').click()")
        await owner.says("A new channel")
        await owner.fill("form[data-do]", camera_name="Room 301", stream_mp4=str(film))
        await owner.arrives("/console/recorders")
        await owner.says("The recorder has done it.")
        await page.until("document.querySelector('.card .pill.online')")
        await page.until("[...document.querySelectorAll('.card img')].some((one) => one.naturalWidth > 100)")
        await owner.picture("console-recorders")

        await page.evaluate("document.querySelector('.card h3 a').click()")
        await owner.says("Test: take a picture now")
        await owner.fill("form[data-do=test_camera]")
        await page.until("document.getElementById('notice')?.hidden === false")
        assert await page.evaluate("document.getElementById('notice').textContent") == "The recorder has done it."
        await owner.fill("form[data-do=stop_camera]")
        await page.until("document.getElementById('sure')?.open")
        await page.evaluate("document.querySelector('#sure [value=yes]').click()")
        await page.until(f"{TEXT}.includes('stopped')")

        for name, width, height, language in (
            ("console-recorders-phone", 390, 844, "zh-CN"),
            ("console-recorders-wall", 1920, 1080, "zh-CN"),
        ):
            await owner.go("/console/recorders", width=width, height=height, language=language)
            await owner.says("采集端与通道")
            await owner.picture(name)
        await page.evaluate("document.querySelector('#menu a[hreflang], #menu a[lang]').click()")
        await owner.arrives("/console/recorders")
        await owner.says("Recorders & channels")
        assert not page.complaints, page.complaints


async def test_forms_keep_what_was_typed_and_name_the_field(tmp_path: Path) -> None:
    async with at_school(tmp_path) as (_, owner):
        page = owner.page
        await set_up(owner)
        await owner.go("/console/catalogue")
        await owner.fill(".school .new form", name="南湖小学")
        await owner.says("Address: An address is missing.")
        await owner.says("1009 没有地址，请确认参数")
        new = "document.querySelector('.school .new form').elements"
        assert await page.evaluate(f"{new}.addr.getAttribute('aria-invalid')") == "true"
        assert await page.evaluate(f"document.activeElement === {new}.addr")
        assert await page.evaluate(f"{new}.name.value") == "南湖小学"
        await owner.picture("console-catalogue")
        await owner.fill(".school .new form", addr="南湖路 1 号")
        await page.until(
            "[...document.querySelectorAll('.school [name=name]')].some((one) => one.value === '南湖小学')"
        )
        await owner.go("/console/catalogue", language="zh-CN")
        await owner.fill(".subject .new form", subject_name="")
        await owner.says("没有名称，请确认参数")
        assert not page.complaints, page.complaints


async def test_who_may_not_cannot(tmp_path: Path) -> None:
    async with at_school(tmp_path) as (school, owner):
        page = owner.page
        await set_up(owner)
        await owner.go("/console/users")
        await owner.fill("form[data-do=add_user]", name="Li Lei", password="li lei looks", again="li lei looks")
        await page.until(f"document.readyState === 'complete' && {TEXT}.includes('never signed in')")
        await owner.picture("console-users")
        await owner.fill("form[action='/console/sign-out']")
        await page.until("document.querySelector('form[action=\"/console/sign-in\"]')")
        await owner.fill("form", name="Owner", password="wrong")
        await owner.says("Name or password is wrong.")
        await owner.fill("form", name="Li Lei", password="li lei looks")
        await owner.arrives("/")
        menu = json.loads(
            await page.evaluate("JSON.stringify([...document.querySelectorAll('#menu li a')].map((a) => a.pathname))")
        )
        assert "/console/recordings" in menu
        assert not {"/console/users", "/console/api", "/console/changes"} & set(menu)
        for path in menu:
            await owner.go(path)
            offered = "document.querySelectorAll('form[data-do], [data-do]').length"
            assert await page.evaluate(offered) == 0, path
        await owner.go("/console/users")
        await owner.says("This page is for administrators.")
        answer = await page.evaluate(
            "import('/console/assets/act.js').then(({ act }) => act('add_subject', { subject_name: 'x' }))"
        )
        assert (answer["err_code"], answer["sentence"]) == (1003, "Only an administrator may do this.")
        names = [row["subject_name"] for row in school.api("list_subject", per=100)["data"]]
        assert "x" not in names
