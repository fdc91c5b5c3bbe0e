"""The console: what the overview shows, and that nothing shows without a session."""

from __future__ import annotations

import aiohttp
import pytest

from agent.standalone.console.access import ATTEMPTS, MOST_KEPT, WINDOW_SECONDS, Attempts
from agent.standalone.console.pages import PAGES
from agent.standalone.server import EmbeddedServer
from agent.web.markup import Markup, html
from agent.web.parts import percent
from agent.web.words import preferred
from tests.standalone.helpers import JPEG, TUESDAY, Api, FakeClock, ScriptedAgent, record, set_up, stem
from tests.standalone.test_api_cameras import add
from tests.standalone.test_api_courses import course


async def page(server: EmbeddedServer, http: aiohttp.ClientSession, path: str = "/", **headers: str) -> str:
    async with http.get(server.url + path, headers=headers) as response:
        assert response.status == 200
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        return await response.text()


async def test_everything_is_behind_the_door(server: EmbeddedServer, http: aiohttp.ClientSession, api: Api) -> None:
    for path in (one.path for one in PAGES):
        text = await page(server, http, path)
        assert "set-up" in text and server.enrol_key not in text and "<main id=" not in text
        async with http.get(f"{server.url}{path}?part=1") as response:
            assert response.status == 401
            assert await response.text() == ""


def test_attempts_by_address() -> None:
    attempts = Attempts()
    for second in range(ATTEMPTS):
        attempts.fail("a", 1000.0 + second)
    assert attempts.wait("a", 1010.0) == 1000.0 + WINDOW_SECONDS - 1010.0
    assert attempts.wait("b", 1010.0) == 0
    assert attempts.wait("a", 1000.0 + WINDOW_SECONDS) == 0


def test_attempts_of_ever_new_addresses_take_no_more_memory() -> None:
    attempts = Attempts()
    for number in range(3 * MOST_KEPT):
        attempts.fail(str(number), 1000.0)
    assert len(attempts._failed) <= MOST_KEPT


async def test_language(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    assert '<html lang="zh-CN">' in await page(server, http)
    assert "欢迎" in await page(server, http, **{"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"})
    assert "Welcome" in await page(server, http, **{"Accept-Language": "en-GB,en;q=0.9,zh;q=0.1"})
    assert "Welcome" in await page(server, http, "/?lang=en")
    assert "Welcome" in await page(server, http)


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
    await set_up(api.server, api.http)
    text = await page(api.server, api.http)
    assert "&lt;b&gt;一班&lt;/b&gt; &amp; &quot;x&quot;" in text
    assert "<b>一班" not in text
    assert f'src="{picture["file"]}?{TUESDAY:.0f}"' in text
    assert "正在录像: 语文" in text
    assert "10:00:05 – 10:00:17 · 12.5 秒 · 无法连接摄像头" in text
    assert text.count('<li class="lesson">') == 2
    assert '<span class="pill upcoming">未开始</span>' in text
    assert f'href="/console/recordings?show={camera_id}-5"' in text
    live = await page(api.server, api.http, "/?part=1")
    assert live in text or 'class="lesson"' in live
    clock.now += 90
    text = await page(api.server, api.http, **{"Accept-Language": "en"})
    assert "recorder offline" in text and "not known yet" in text


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
    await set_up(api.server, api.http)
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
