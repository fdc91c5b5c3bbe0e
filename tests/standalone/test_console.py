"""The console: the door, what the page shows, and what it does not let in."""

from __future__ import annotations

import re

import aiohttp
import pytest

from agent.standalone.console.access import ATTEMPTS, WINDOW_SECONDS, Attempts
from agent.standalone.keys import SESSION_SECONDS
from agent.standalone.server import EmbeddedServer
from agent.web.markup import Markup, html
from agent.web.parts import percent
from agent.web.words import preferred
from tests.standalone.helpers import JPEG, TUESDAY, Api, FakeClock, ScriptedAgent, record, stem
from tests.standalone.test_api_cameras import add
from tests.standalone.test_api_courses import course


async def sign_in(server: EmbeddedServer, http: aiohttp.ClientSession, credential: str = "") -> int:
    data = {"credential": credential or server.credential}
    async with http.post(f"{server.url}/console/sign-in", data=data, allow_redirects=False) as response:
        return response.status


async def page(server: EmbeddedServer, http: aiohttp.ClientSession, path: str = "/", **headers: str) -> str:
    async with http.get(server.url + path, headers=headers) as response:
        assert response.status == 200
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        return await response.text()


async def test_everything_is_behind_the_door(server: EmbeddedServer, http: aiohttp.ClientSession, api: Api) -> None:
    text = await page(server, http)
    assert "sign-in" in text and server.enrol_key not in text
    async with http.get(f"{server.url}/console/live") as response:
        assert response.status == 401
        assert await response.text() == ""


async def test_the_session_cookie(server: EmbeddedServer, http: aiohttp.ClientSession, clock: FakeClock) -> None:
    async with http.post(
        f"{server.url}/console/sign-in", data={"credential": f" {server.credential}\n"}, allow_redirects=False
    ) as response:
        assert (response.status, response.headers["Location"]) == (303, "/")
        cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
    assert server.credential not in cookie
    assert '<main id="live"' in await page(server, http)
    clock.now += SESSION_SECONDS + 1
    assert "sign-in" in await page(server, http)


async def test_a_replaced_credential_ends_sessions(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    await sign_in(server, http)
    server.replace_credential()
    assert "sign-in" in await page(server, http)


async def test_an_api_token_opens_no_console(api: Api) -> None:
    headers = {"Cookie": f"gather_console={api.token}"}
    assert "sign-in" in await page(api.server, api.http, **headers)


async def test_attempts_are_limited(server: EmbeddedServer, http: aiohttp.ClientSession, clock: FakeClock) -> None:
    for _ in range(ATTEMPTS):
        assert await sign_in(server, http, "0" * 32) == 403
    assert await sign_in(server, http) == 429
    clock.now += WINDOW_SECONDS
    assert await sign_in(server, http) == 303


def test_attempts_by_address() -> None:
    attempts = Attempts()
    for second in range(ATTEMPTS):
        attempts.fail("a", 1000.0 + second)
    assert attempts.wait("a", 1010.0) == 1000.0 + WINDOW_SECONDS - 1010.0
    assert attempts.wait("b", 1010.0) == 0
    assert attempts.wait("a", 1000.0 + WINDOW_SECONDS) == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({}, 303),
    ],
)
async def test_forms_of_other_sites(
    server: EmbeddedServer, http: aiohttp.ClientSession, headers: dict[str, str], status: int
) -> None:
    data = {"credential": server.credential}
    url = f"{server.url}/console/sign-in"
    async with http.post(url, data=data, headers=headers, allow_redirects=False) as response:
        assert response.status == status


async def test_sign_out_needs_the_forms_token(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    await sign_in(server, http)
    async with http.post(f"{server.url}/console/sign-out", data={"form_token": "x"}):
        pass
    text = await page(server, http)
    assert '<main id="live"' in text
    match = re.search(r'name="form_token" value="([0-9a-f]+)"', text)
    assert match
    async with http.post(f"{server.url}/console/sign-out", data={"form_token": match[1]}):
        pass
    assert "sign-in" in await page(server, http)


async def test_language(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    assert '<html lang="zh-CN">' in await page(server, http)
    assert "登录" in await page(server, http, **{"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"})
    assert "Sign in" in await page(server, http, **{"Accept-Language": "en-GB,en;q=0.9,zh;q=0.1"})
    assert "Sign in" in await page(server, http, "/?lang=en")
    assert "Sign in" in await page(server, http)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "zh"),
        ("en", "en"),
        ("de, en;q=0.2", "en"),
        ("zh-TW;q=0.5, en;q=0.4", "zh"),
        ("en;q=0", "zh"),
        (";;q=,", "zh"),
    ],
)
def test_accept_language(header: str, language: str) -> None:
    assert preferred(header) == language


async def test_what_the_page_shows(api: Api, agent: ScriptedAgent, clock: FakeClock) -> None:
    camera_id = await add(api, agent, camera_name='<b>一班</b> & "x"')
    await api.ok("add_course", **course(camera_id, week_id=2, start_time="10:00:00", elapse_sec=3600))
    await api.ok("add_course", **course(camera_id, week_id=2, start_time="14:00:00", subject_id=2))
    await api.ok("add_course", **course(camera_id, week_id=3, start_time="15:00:00", subject_id=3))
    _, picture = await agent.put(f"live_{camera_id}.jpg", JPEG)
    await agent.post(
        "snapshots",
        {
            "file_src": f"live_{camera_id}",
            "camera_id": camera_id,
            "image_fdfs": picture["file"],
            "file_size": 9,
            "taken": TUESDAY,
        },
    )
    _, stored = await agent.put(stem(camera_id) + ".mp4", b"media")
    gap = {"since": TUESDAY + 5, "until": TUESDAY + 17.5, "cause": "unreachable"}
    await agent.post("records", record(stem(camera_id), stored, recording__gaps=[gap]))
    await agent.post("status", {"cameras": [{"camera_id": camera_id, "status": 1, "recording": [5], "video": "h264"}]})
    clock.now += 60
    await sign_in(api.server, api.http)
    text = await page(api.server, api.http)
    assert "&lt;b&gt;一班&lt;/b&gt; &amp; &quot;x&quot;" in text
    assert "<b>一班" not in text
    assert f'src="{picture["file"]}?{TUESDAY:.0f}"' in text
    assert "正在录像: 语文" in text
    assert "10:00:05 – 10:00:17 · 12.5 秒 · 无法连接摄像头" in text
    assert text.count('<li class="lesson">') == 2
    assert '<span class="pill upcoming">未开始</span>' in text
    assert f'href="{stored["file"]}"' in text
    assert api.server.credential in text
    live = await page(api.server, api.http, "/console/live")
    assert live in text or 'class="lesson"' in live
    clock.now += 90
    text = await page(api.server, api.http, **{"Accept-Language": "en"})
    assert "agent offline" in text and "should be recording" in text


async def test_lessons_after_their_end(api: Api, agent: ScriptedAgent, clock: FakeClock) -> None:
    camera_id = await add(api, agent)
    await api.ok("add_course", **course(camera_id, week_id=2, start_time="10:05:00", elapse_sec=60))
    clock.now += 1800
    ended = {
        "slice_id": 9,
        "camera_id": camera_id,
        "course_id": 0,
        "planned_start": TUESDAY,
        "planned_end": TUESDAY + 600,
    }
    await agent.post("status", {"lessons": [ended | {"ended": True, "coverage": 0.99999}]})
    await sign_in(api.server, api.http)
    text = await page(api.server, api.http)
    assert "无录像" in text
    assert "完整度 99.9 %" in text
    assert "手动录像" in text


async def test_assets(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    for name, kind in (("console.css", "text/css"), ("console.js", "text/javascript")):
        async with http.get(f"{server.url}/console/{name}") as response:
            assert response.status == 200
            assert response.headers["Content-Type"].startswith(kind)
            assert "://" not in await response.text()


def test_markup_escapes_once() -> None:
    assert html("<p>{x}</p>", x="<&'\">") == "<p>&lt;&amp;&#x27;&quot;&gt;</p>"
    assert html("<p>{x}</p>", x=Markup("<b>")) == "<p><b></p>"
    assert html("{x}{n:.1f}", x=html("{y}", y="<"), n=1.25) == "&lt;1.2"


@pytest.mark.parametrize(("share", "text"), [(1.0, "100.0 %"), (0.99999, "99.9 %"), (0.5, "50.0 %"), (0.0, "0.0 %")])
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text
