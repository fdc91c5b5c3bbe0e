"""The pages of every day as HTML, CSV and JSON, in both languages."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import aiohttp
import pytest

from agent.standalone.server import EmbeddedServer
from agent.web.words import LANGUAGES
from tests.standalone.console.school import NINE, NOW, School, lesson
from tests.standalone.helpers import Api, FakeClock, do

OWN = ("/", *(f"/console/{name}" for name in ("week", "day", "ledger", "recordings", "wall", "storage")))


async def get(server: EmbeddedServer, http: aiohttp.ClientSession, path: str, **headers: str) -> str:
    async with http.get(server.url + path, headers={"Accept-Language": "zh", **headers}) as response:
        assert response.status == 200, path
        return await response.text()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_in_both_languages(
    school: School, server: EmbeddedServer, http: aiohttp.ClientSession, language: str
) -> None:
    for path in OWN:
        text = await get(server, http, path, **{"Accept-Language": language})
        assert f'<html lang="{LANGUAGES[language]}"' in text
        assert ' style="' not in text and "<script>" not in text and " onclick" not in text
        if language == "en":
            shown = re.sub(r"<option.*?</option>|data-words=\"[^\"]*\"", "", text)
            words = set(re.findall(r"[\u4e00-\u9fff]+", shown))
            names = {"三号楼", "四号楼", "王老师", "李老师", "未指定教师", "本校", "中文", "云录播"}
            subjects = {"语文", "数学", "英语", "物理", "化学", "生物", "政治", "历史", "地理"}
            assert words <= names | subjects, (path, words)


async def test_the_overview_answers_first(school: School, server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    text = await get(server, http, "/")
    assert "现在应录而未录：302。" in text
    assert "照现状录不上。今天 14:00：生物（303）。" in text
    assert "303：摄像机不可用 (无法连接摄像头)" in text
    assert "302: 应录未录 · 自 10:00:06 · 画面中断" in text
    assert "no packet for 6 s" not in text
    assert "四号楼：采集端离线" in text
    assert "同时开始的另外 2 节没有问题" in text
    assert text.index("现在应录而未录") < text.index("下一节课能录上吗") < text.index('<ul class="channels">')
    assert "2 个切片待上传，81.0 MB · 最早的是 今天 09:00（已 1:20:00）" in text


async def test_opening_a_recording_is_a_click_on_the_slice_where_it_begins(
    school: School, server: EmbeddedServer, http: aiohttp.ClientSession, api: Api
) -> None:
    about = lesson(school, "301", 8)
    film = f"/console/recordings/film?key={about['camera_id']}-{about['slice_id']}"
    async with http.head(server.url + film) as response:  # nobody has opened it
        assert response.status == 200
    await get(server, http, film)
    await get(server, http, f"{film}&at={int(about['planned_start']) + 7}")
    await get(server, http, f"{film}&at={int(about['planned_start']) + 8}")
    rows = (await api.ok("list_record", course_id=about["course_id"]))["data"]
    assert {row["slice_inx"]: row["clicks"] for row in rows} == {1: 1, 2: 0, 3: 2}
    assert "播放 3 次" in await get(server, http, "/console/recordings")


async def test_the_day_draws_gaps_with_cause_and_times(
    school: School, server: EmbeddedServer, http: aiohttp.ClientSession
) -> None:
    text = await get(server, http, "/console/day")
    assert "10 节课中有 6 节不完整" in text
    assert "2 节课结果未知：采集端离线。" in text
    assert 'aria-label="缺失: 历史 · 09:10:00 – 09:10:12 · 12.5 秒 · 无法连接摄像头"' in text
    assert "09:25:00 – 09:28:00 · 3:00 · 录制进程重启" in text
    assert "采集端没有这节课的记录" in text
    assert text.count('<line class="now"') == 4
    assert f'href="/console/recordings?show={school.rooms["301"]}-{900 + school.rooms["301"]}"' in text
    other = await get(server, http, f"/console/day?day=2026-11-23&gather_id={school.other.gather_id}")
    assert '<line class="now"' not in other and other.count('class="dayrow"') == 1


async def test_the_ledger_filters(school: School, server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    today = "first=2026-11-24&last=2026-11-24"
    text = await get(server, http, f"/console/ledger?{today}")
    assert "12 节课，3 节完整, 6 节不完整（共缺 " in text
    assert "未开始" not in text
    one = await get(server, http, f"/console/ledger?{today}&camera_id={school.rooms['301']}")
    assert one.count('<li class="lesson">') == 3
    assert "09:10:00 – 09:10:12 · 12.5 秒 · 无法连接摄像头" in one
    bad = await get(server, http, f"/console/ledger?{today}&incomplete=1")
    assert bad.count('<li class="lesson">') == 9 - 1
    nobody = await get(server, http, f"/console/ledger?{today}&teacher_id=999")
    assert "没有符合条件的课程" in nobody
    await get(server, http, "/console/ledger?first=x&last=9999-99-99&camera_id=%00&page=-1")


async def test_the_ledger_as_csv(school: School, api: Api, server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    room = school.rooms["301"]
    await api.ok("mod_camera", camera_id=room, camera_name="=cmd|'/c calc'!A1")
    async with http.get(f"{server.url}/console/ledger/lessons.csv?first=2026-11-24&camera_id={room}") as response:
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert "lessons-2026-11-24-2026-11-24.csv" in response.headers["Content-Disposition"]
        content = await response.read()
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert [row["计划开始"] for row in rows] == ["10:00:00", "09:00:00", "08:00:00"]
    assert rows[1]["教室"] == "'=cmd|'/c calc'!A1"
    assert (rows[1]["完整度（%）"], rows[1]["缺失次数"], rows[1]["缺失秒数"]) == ("92.8", "2", "192.5")
    assert rows[1]["缺失明细"].startswith("09:10:00–09:10:12 12.5 秒 无法连接摄像头; ")


async def film_of(server: EmbeddedServer, http: aiohttp.ClientSession, school: School, hour: int) -> dict[str, Any]:
    key = f"{school.rooms['301']}-{lesson(school, '301', hour)['slice_id']}"
    async with http.get(f"{server.url}/console/recordings/film?key={key}") as response:
        found: dict[str, Any] = await response.json()
    return found


async def test_recordings_are_one_film_a_lesson(
    school: School, server: EmbeddedServer, http: aiohttp.ClientSession
) -> None:
    text = await get(server, http, "/console/recordings")
    assert text.count('class="film"') == 2
    assert "3 个片段" in text
    film = await film_of(server, http, school, 8)
    assert [(clip["at"], clip["skip"], clip["length"]) for clip in film["clips"]] == [(0, 0, 4), (4, 1, 3), (7, 1, 3)]
    assert film["length"] == 10
    assert film["caption"] == "政治 · 301 · 李老师 · 2026-11-24 08:00"
    gaps = (await film_of(server, http, school, 9))["gaps"]
    assert (gaps[0]["since"], gaps[0]["until"]) == (NINE + 600, NINE + 612.5)
    async with http.get(f"{server.url}/console/recordings/film?key=1-1") as response:
        assert response.status == 404
    assert "没有符合条件的录像" in await get(server, http, "/console/recordings?incomplete=1&last=2026-11-01")


async def test_downloads_have_a_name(school: School, server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    second = (await film_of(server, http, school, 8))["slices"][1]
    assert second["text"].startswith("片段 2 · 08:00:03 · 00:04")
    async with http.get(server.url + second["address"]) as response:
        said = response.content_disposition
        assert said is not None and said.filename == "301 政治 2026-11-24 08-00 (2).mp4"
        assert (await response.read())[4:8] == b"ftyp"
    async with http.get(f"{server.url}/console/recordings/file/999999") as response:
        assert response.status == 404


async def test_deleting_a_recording(school: School, server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    film = await film_of(server, http, school, 8)
    answer = await do(server, http, "del_record", record_id=film["records"])
    assert answer["err_code"] == 0
    assert (await get(server, http, "/console/recordings")).count('class="film"') == 1


async def test_the_timetable_says_304_to_who_knows_it(
    school: School, server: EmbeddedServer, http: aiohttp.ClientSession, clock: FakeClock, api: Api
) -> None:
    async def ask(mark: str) -> tuple[int, str, str]:
        async with http.get(f"{server.url}/console/week/data", headers={"If-None-Match": mark}) as response:
            return response.status, response.headers["ETag"], response.headers["X-Clock"]

    status, mark, told = await ask("")
    assert (status, told) == (200, str(10 * 3600 + 20 * 60))
    clock.now = NOW + 5
    assert await ask(mark) == (304, mark, str(10 * 3600 + 20 * 60 + 5))
    await api.ok("del_course", course_id=school.courses["301", 1, 8])
    assert (await ask(mark))[0] == 200


async def test_the_wall_says_why_there_is_no_picture(
    school: School, server: EmbeddedServer, http: aiohttp.ClientSession
) -> None:
    text = await get(server, http, "/console/wall?part=1")
    assert text.count('<li class="tile') == 4
    assert '<span class="none">采集端离线</span>' in text
    assert "无法连接摄像头 · 10.0.0.7: no route to host" in text
    assert re.search(r'class="look" href="/play/camera/[^"]+"', text)


async def test_storage_and_queue(school: School, server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    text = await get(server, http, "/console/storage")
    assert "storage: HTTP 507" in text and "最后联系 今天 09:30" in text
    assert "10 个文件" in text
