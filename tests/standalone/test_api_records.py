"""3.25, 3.26, 3.32 and what agents report for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.standalone.keys import ADMISSION_SECONDS
from tests.standalone.helpers import JPEG, TUESDAY, Api, FakeClock, ScriptedAgent, record, stem
from tests.standalone.test_api_cameras import add
from tests.standalone.test_api_courses import course


async def report(agent: ScriptedAgent, name: str, **changes: Any) -> dict[str, Any]:
    """Upload a slice with its thumbnail and report it."""
    status, stored = await agent.put(name + ".mp4", b"media of " + name.encode())
    assert status == 200, stored
    _, picture = await agent.put(name + ".jpg", JPEG)
    assert (await agent.post("records", record(name, stored, image_fdfs=picture["file"], **changes))) == (
        200,
        {"err_code": 0, "err_msg": "OK"},
    )
    return stored


async def test_a_reported_slice_is_listed_and_plays(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    await api.ok("add_course", **course(camera_id, subject_id=2))
    name = stem(camera_id)
    stored = await report(agent, name)
    answer = await api.ok("list_record")
    (row,) = answer["data"]
    assert row == {
        "record_id": 1,
        "gather_id": agent.gather_id,
        "camera_id": camera_id,
        "camera_name": "一班",
        "grade_id": 4,
        "grade_type": "小学",
        "grade_name": "一年级",
        "subject_id": 2,
        "subject_name": "数学",
        "teacher_id": 1,
        "teacher_name": "未指定教师",
        "title_name": "",
        "course_id": 1,
        "slice_id": 5,
        "slice_inx": 1,
        "file_src": name,
        "file_fdfs": stored["file"],
        "image_fdfs": stored["file"].replace(".mp4", ".jpg"),
        "file_size": stored["size"],
        "duration": 60,
        "disptime": "01:00",
        "clicks": 0,
        "created": "2026-11-24 10:00:00",
        "updated": "2026-11-24 10:00:00",
    }
    async with api.http.get(answer["storage_addr"] + row["file_fdfs"]) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "video/mp4"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert await response.read() == b"media of " + name.encode()
    async with api.http.get(answer["storage_addr"] + row["file_fdfs"], headers={"Range": "bytes=3-7"}) as response:
        assert (response.status, await response.read()) == (206, b"ia of")
    async with api.http.get(answer["storage_addr"] + row["image_fdfs"]) as response:
        assert response.headers["Content-Type"] == "image/jpeg"


async def test_the_same_report_again_changes_nothing(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    name = stem(camera_id)
    for _ in range(3):
        await report(agent, name)
    await report(agent, name, repaired=True, duration=3601.0)
    (row,) = (await api.ok("list_record"))["data"]
    assert (row["duration"], row["disptime"]) == (3601, "01:00:01")


async def test_filters_and_order(api: Api, agent: ScriptedAgent) -> None:
    one, two = await add(api, agent), await add(api, agent)
    for number, camera_id in enumerate((one, one, two), start=1):
        await report(agent, stem(camera_id, start=int(TUESDAY) + 600 * number, slice_id=number, uid=number))

    async def times(**filters: object) -> list[str]:
        return [row["created"][11:16] for row in (await api.ok("list_record", **filters))["data"]]

    assert await times() == ["10:30", "10:20", "10:10"]
    assert await times(camera_id=one) == ["10:20", "10:10"]
    assert await times(gather_id=agent.gather_id + 1) == []
    assert await times(course_id=1, camera_id=two) == ["10:30"]
    assert await times(begin="2026-11-24 10:20:00") == ["10:30", "10:20"]
    assert await times(begin="2026-11-24 10:15:00", end=str(int(TUESDAY) + 1800)) == ["10:20"]
    assert await times(end="2026-11-24") == []
    assert await api.code("list_record", begin="24.11.2026") == 1011
    assert await api.code("list_record", camera_id="x") == 1010


async def test_delete_removes_rows_and_files(api: Api, agent: ScriptedAgent, tmp_path: Path) -> None:
    camera_id = await add(api, agent)
    await report(agent, stem(camera_id, uid=1))
    await report(agent, stem(camera_id, uid=2))
    kept, gone = (row for row in (await api.ok("list_record"))["data"])
    assert set(await api.ok("del_record", record_id=f"{gone['record_id']},77")) == {"err_code", "err_msg"}
    assert [row["record_id"] for row in (await api.ok("list_record"))["data"]] == [kept["record_id"]]
    folder = tmp_path / "server" / "recordings" / "2026-11-24"
    await api.server._services.sweeper.idle()
    assert {path.stem for path in folder.iterdir()} == {kept["file_src"]}
    assert await api.code("del_record") == 1010
    assert await api.code("del_record", record_id="a") == 1010


async def test_play_record(api: Api, agent: ScriptedAgent, clock: FakeClock) -> None:
    camera_id = await add(api, agent)
    stored = await report(agent, stem(camera_id))
    url = (await api.ok("play_record", record_id=1, width=320, height=200))["play_url"]
    async with api.http.head(url) as response:  # nobody has seen anything
        assert response.status == 200
    assert (await api.ok("list_record"))["data"][0]["clicks"] == 0
    async with api.http.get(url) as response:
        page = await response.text()
        assert response.status == 200
        assert "frame-ancestors *" in response.headers["Content-Security-Policy"]
    assert f'src="{stored["file"]}"' in page
    assert 'width="320" height="200"' in page
    assert (await api.ok("list_record"))["data"][0]["clicks"] == 1
    async with api.http.get((await api.ok("play_record", record_id=1))["play_url"]) as response:
        assert 'width="850" height="550"' in await response.text()
    forged = url.replace("/play/record/", "/play/record/M")
    clock.now += ADMISSION_SECONDS + 1
    for gone in (forged, url, url.replace("?", "/download?")):
        async with api.http.get(gone) as response:
            assert response.status == 404


async def test_a_recording_is_downloaded_under_a_name_that_tells_what_it_is(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent, camera_name='高一(3)班 "阶梯/教室"')
    await api.ok("add_course", **course(camera_id, subject_id=2))
    await report(agent, stem(camera_id))
    url = (await api.ok("play_record", record_id=1))["play_url"].replace("?", "/download?")
    async with api.http.get(url, headers={"Range": "bytes=0-4"}) as response:
        assert (response.status, await response.read()) == (206, b"media")
        disposition = response.content_disposition
        assert disposition is not None
        assert (disposition.type, disposition.filename) == (
            "attachment",
            "高一(3)班 阶梯 教室 数学 2026-11-24 10-00.mp4",
        )
        assert 'filename="_(3)_ _ _ _ 2026-11-24 10-00.mp4"; filename*=' in response.headers["Content-Disposition"]
    async with api.http.get((await api.ok("play_record", record_id=1))["play_url"]) as response:
        assert url.split("?")[0].removeprefix(api.server.url) in await response.text()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"file_src": "live_1"}, 400),
        ({"file_src": "../../x"}, 400),
        ({"file_fdfs": "http://elsewhere/x.mp4"}, 400),
        ({"recording__slice_id": 77}, 400),
        ({"duration": "long"}, 400),
        ({"file_size": 1}, 409),
        ({"sha256": "0" * 64}, 409),
        ({"file_src": stem(uid=9)}, 409),
    ],
)
async def test_nothing_is_confirmed_that_is_not_stored(
    api: Api, agent: ScriptedAgent, changes: dict[str, object], status: int
) -> None:
    camera_id = await add(api, agent)
    _, stored = await agent.put(stem(camera_id) + ".mp4", b"media")
    found, answer = await agent.post("records", record(stem(camera_id), stored, **changes))
    assert (found, answer["err_code"]) == (status, status)
    assert (await api.ok("list_record"))["data"] == []


async def test_records_in_somebody_elses_storage_are_taken_as_told(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    elsewhere = {"file": "/bucket/x.mp4", "size": 5, "sha256": "0" * 64}
    assert (await agent.post("records", record(stem(camera_id), elsewhere)))[0] == 200
    assert (await api.ok("list_record"))["data"][0]["file_fdfs"] == "/bucket/x.mp4"


async def test_numbers_as_strings(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    await report(agent, stem(camera_id))
    services = api.server._services
    services.settings = type(services.settings)(services.settings.data_dir, numbers_as_strings=True)
    answer = await api.ok("list_record")
    row = answer["data"][0]
    assert (row["record_id"], row["duration"], row["file_size"]) == (
        "1",
        "60",
        str(len(b"media of " + stem(1).encode())),
    )
    assert (answer["total_num"], answer["err_code"]) == (1, 0)


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=0-0", 206, b"m"),
        ("bytes=3-", 206, b"ia of a slice"),
        ("bytes=-5", 206, b"slice"),
        ("bytes=3-99999", 206, b"ia of a slice"),
        ("bytes=99-", 416, b""),
        ("bytes=0-1,3-4", 200, b"media of a slice"),
        ("bytes=" + "0-1," * 5000, 200, b"media of a slice"),
        ("lessons=1-2", 200, b"media of a slice"),
        ("bytes=x", 200, b"media of a slice"),
        ("bytes=-0", 200, b"media of a slice"),
        ("bytes=" + "9" * 40 + "-", 200, b"media of a slice"),
    ],
)
async def test_ranges(api: Api, agent: ScriptedAgent, wanted: str, status: int, content: bytes) -> None:
    _, stored = await agent.put(stem(77) + ".mp4", b"media of a slice")
    async with api.http.get(api.server.url + stored["file"], headers={"Range": wanted}) as response:
        assert (response.status, await response.read()) == (status, content)
