"""Every page: in both languages, for both roles, without secrets for those who may not see them."""

from __future__ import annotations

import re
from html import escape

import aiohttp
import pytest

from agent.standalone.console import words as console_words
from agent.standalone.console.pages import PAGES
from agent.standalone.console.site import Page
from agent.standalone.server import EmbeddedServer
from agent.web.words import COMMON
from tests.standalone.console.test_do import CHANNEL, as_viewer
from tests.standalone.helpers import Api, ScriptedAgent, do, set_up

QUERIES = {"/console/recorder": "?gather_id=1", "/console/channel": "?camera_id=1"}
SECRETS = ("c2VjcmV0", "secret", "camera-password")


async def furnished(api: Api, agent: ScriptedAgent) -> None:
    for camera in (CHANNEL, {**CHANNEL, "stream_prop": 2, "stream_url": "rtsp://admin:camera-password@10.0.0.7/1"}):
        await api.ok("add_camera", gather_id=agent.gather_id, **camera)
    await api.ok(
        "mod_camera", camera_id=1, camera_name="x", stream_prop=0, device_ip="10.0.0.9", device_pass="c2VjcmV0"
    )


async def shown(server: EmbeddedServer, http: aiohttp.ClientSession, page: Page, language: str) -> tuple[int, str]:
    headers = {"Accept-Language": language}
    async with http.get(server.url + page.path + QUERIES.get(page.path, ""), headers=headers) as response:
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
        return response.status, await response.text()


async def test_pages_in_both_languages(api: Api, agent: ScriptedAgent) -> None:
    await furnished(api, agent)
    await set_up(api.server, api.http)
    assets: set[str] = set()
    for page in PAGES:
        for language, title in zip(("zh", "en"), page.title, strict=True):
            status, text = await shown(api.server, api.http, page, language)
            assert status == 200, page.path
            assert f"<h1>{escape(title)}</h1>" in text
            assert not re.search(r"<script(?![^>]* src=)|\son\w+=|\sstyle=", text), (
                f"{page.path}: the policy forbids it"
            )
            for form in re.findall(r"<form[^>]*data-do[^>]*>", text):
                assert 'method="post"' in form, "what is typed must not come into an address"
            assets.update(re.findall(r'(?:src|href)="(/console/assets/[^"]+)"', text))
    for asset in assets:
        async with api.http.get(api.server.url + asset) as response:
            assert response.status == 200, asset


async def test_viewers_see_no_secret(api: Api, agent: ScriptedAgent) -> None:
    await furnished(api, agent)
    await as_viewer(api.server, api.http)
    for page in PAGES:
        status, text = await shown(api.server, api.http, page, "en")
        assert status == (403 if page.administrators_only else 200), page.path
        for secret in (*SECRETS, api.server.credential, api.server.enrol_key):
            assert secret not in text, page.path
        offered = re.findall(r'data-do="(\w+)"', text)
        assert set(offered) <= {"change_password", "end_session"}, "nothing is offered that would be refused"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_all_words_are_there_in_both_languages(page: Page) -> None:
    for key, (chinese, english) in {**page.words, **console_words._WORDS}.items():
        assert chinese and english, key
        assert not re.search("[\u4e00-\u9fff]", english), key
        assert key not in COMMON or page.words.get(key) is None or page.words[key] != COMMON[key], "said twice"


def test_paths_and_names_are_each_pages_own() -> None:
    paths = [page.path for page in PAGES]
    assert len(set(paths)) == len(paths)
    names = [action.name for page in PAGES for action in page.actions]
    names += [change.name for page in PAGES for change in page.changes]
    assert len(set(names)) == len(names)
    assert all(page.under in paths for page in PAGES if page.under)


async def test_administrators_see_what_they_need(api: Api, agent: ScriptedAgent) -> None:
    await furnished(api, agent)
    await set_up(api.server, api.http)
    texts = {page.path: (await shown(api.server, api.http, page, "en"))[1] for page in PAGES}
    assert api.server.enrol_key in texts["/console/recorders"]
    assert api.server.credential in texts["/console/api"]
    assert 'value="secret"' in texts["/console/channel"], "the device's password, as people type it"


async def test_a_replaced_credential_locks_programs_out_and_nobody_else(api: Api) -> None:
    await set_up(api.server, api.http)
    former = api.server.credential
    assert (await do(api.server, api.http, "replace_credential"))["err_code"] == 0
    assert api.server.credential != former
    assert (await api.get("list_school"))["err_code"] == 1007
    assert (await api.call("access_token", unionid=former))["err_code"] == 1003
    assert (await do(api.server, api.http, "add_subject", subject_name="x"))["err_code"] == 0


async def test_the_way_back_to_the_page_one_wanted(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    await set_up(server, http)
    http.cookie_jar.clear()
    async with http.get(f"{server.url}/console/recorder?gather_id=7") as response:
        assert 'name="next" value="/console/recorder?gather_id=7"' in await response.text()
