"""The timetable in Chromium: dragged by real mouse events, edited by keys and in its form, stored, told to agents."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from agent.standalone.clocktime import DAY_SECONDS, Span, crosses_midnight, first_overlap
from agent.standalone.server import EmbeddedServer
from tests.servers.chromium import Tab
from tests.standalone.console.school import LESSON_SEC, School
from tests.standalone.helpers import Api

pytestmark = pytest.mark.browser

READY = "document.querySelectorAll('.block').length > 0"
SAID = "document.querySelector('.said').textContent"
CASES = 400


async def open_week(browser: Tab, server: EmbeddedServer, query: str = "", language: str = "zh-CN") -> None:
    await browser.open(f"{server.url}/console/week{query}", width=1280, height=900, language=language)
    await browser.until(READY)


async def courses(api: Api, camera_id: int) -> dict[int, tuple[int, str, int]]:
    """Day, time of day and length of a channel's courses."""
    rows = (await api.ok("list_course", camera_id=camera_id, per=100))["data"]
    return {row["course_id"]: (row["week_id"], row["start_time"][-8:], row["elapse_sec"]) for row in rows}


def block(course_id: int) -> str:
    return f'.block[data-id="{course_id}"]'


async def pixels(browser: Tab) -> tuple[float, float]:
    """How much a day is across, and an hour down."""
    _, _, width, height = await browser.box(".column")
    return width, height / 24


async def pull(browser: Tab, selector: str, days: float, hours: float, *, by: float = 0.5, **more: Any) -> None:
    """Drag an element by so many columns and hours, held at a share `by` of its height."""
    await browser.evaluate(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center'}})")
    left, top, width, height = await browser.box(selector)
    day, hour = await pixels(browser)
    begin = left + width / 2, top + height * by
    await browser.drag(begin, (begin[0] + days * day, begin[1] + hours * hour), **more)


async def test_drag_stretch_copy_and_take_back(browser: Tab, api: Api, server: EmbeddedServer, school: School) -> None:
    room = school.rooms["301"]
    moved, stretched = school.courses["301", 3, 8], school.courses["301", 4, 15]
    async with school.agent.relay():
        await open_week(browser, server, f"?channel={room}")
        await pull(browser, block(moved), 1, 3)
        await browser.until(f"{SAID}.includes('已修改')")
        assert (await courses(api, room))[moved] == (4, "11:00:00", LESSON_SEC)
        assert "采集端已执行" in await browser.evaluate(SAID)
        assert school.agent.commands[-1]["data"]["courses"][0]["start_time"] == "11:00:00"

        await pull(browser, block(stretched), 0, 0.5, by=0.98)
        await browser.until(f"{SAID}.startsWith('已修改') && {SAID}.includes('15:00–16:15')")
        assert (await courses(api, room))[stretched] == (4, "15:00:00", 4500)

        await pull(browser, block(stretched), 1, 2, modifiers=2)
        await browser.until(f"{SAID}.includes('已新增')")
        assert (5, "17:00:00", 4500) in (await courses(api, room)).values()
        await browser.press("z", modifiers=2)
        await browser.until(f"{SAID}.includes('已撤销')")
        assert (5, "17:00:00", 4500) not in (await courses(api, room)).values()


async def test_what_overlaps_is_refused_before_and_after_the_server(
    browser: Tab, api: Api, server: EmbeddedServer, school: School
) -> None:
    room = school.rooms["301"]
    course = school.courses["301", 3, 8]
    await open_week(browser, server, f"?channel={room}")
    await pull(browser, block(course), 0, 0.75)
    await browser.until(f"{SAID}.includes('重叠区间')")
    assert await browser.evaluate(SAID) == "输入时间与已有时间发生重叠，重叠区间：09:00:00 ~ 09:45:00"
    # Somebody else puts a lesson where there was none, and the page does not know of it yet.
    await browser.evaluate(
        "window.fetch = ((fetch) => (...a) => a[0].includes?.('/week/data') ? new Promise(() => {}) "
        ": fetch(...a))(window.fetch)"
    )
    other = {"camera_id": room, "subject_id": 1, "teacher_id": 1, "week_id": 6, "elapse_sec": 600}
    await api.ok("add_course", **other, start_time="08:30:00")
    await pull(browser, block(course), 3, 0)
    await browser.until(f"{SAID}.includes('08:40:00')")
    assert await browser.evaluate(SAID) == "输入时间与已有时间发生重叠，重叠区间：08:30:00 ~ 08:40:00"
    assert (await courses(api, room))[course] == (3, "08:00:00", LESSON_SEC)


async def test_draw_a_lesson_fill_its_form_and_stop_at_midnight(
    browser: Tab, api: Api, server: EmbeddedServer, school: School
) -> None:
    room = school.rooms["302"]
    await open_week(browser, server, f"?channel={room}", language="en")
    await browser.evaluate("document.querySelector('.weekgrid').scrollTop = 99999")
    left, top, width, height = await browser.box(f'.column[data-day="6"][data-channel="{room}"]')
    hour = height / 24
    begin = left + width / 2, top + 22 * hour + 2
    await browser.drag(begin, (begin[0], top + height + 40))
    await browser.until("document.getElementById('lesson-form').open")
    values = "[...document.querySelectorAll('#lesson-form input')].map((one) => one.value)"
    assert await browser.evaluate(values) == ["22:00:00", "23:59:59"]
    await browser.evaluate("document.querySelector('#lesson-form [name=until]').value = '21:00'")
    await browser.click("#lesson-form .strong")
    wrong = "document.querySelector('#lesson-form .wrong').textContent"
    assert await browser.evaluate(wrong) == "It ends before it begins."
    await browser.evaluate("document.querySelector('#lesson-form [name=until]').value = '23:59:59'")
    await browser.evaluate("document.querySelector('#lesson-form [name=subject]').value = '5'")
    await browser.press("Enter")
    await browser.click("#lesson-form .strong")
    await browser.until(f"{SAID}.includes('Added')")
    assert (6, "22:00:00", 7199) in (await courses(api, room)).values()


async def test_keys_alone_move_lengthen_and_delete(
    browser: Tab, api: Api, server: EmbeddedServer, school: School
) -> None:
    room, course = school.rooms["301"], school.courses["301", 5, 14]
    await open_week(browser, server, f"?channel={room}")
    await browser.evaluate(f"document.querySelector({block(course)!r}).focus()")
    for key, modifiers in (("ArrowDown", 0), ("ArrowDown", 0), ("ArrowRight", 0), ("ArrowDown", 8)):
        await browser.press(key, modifiers=modifiers)
    await browser.until(f"{SAID}.includes('已修改')")
    assert (await courses(api, room))[course] == (6, "14:10:00", LESSON_SEC + 300)
    assert await browser.evaluate("document.activeElement.dataset.id") == str(course)
    await browser.press("Delete")
    await browser.until(f"{SAID}.includes('已删除')")
    assert course not in await courses(api, room)
    await browser.click(".undo")
    await browser.until(f"{SAID}.includes('已撤销')")
    assert (6, "14:10:00", LESSON_SEC + 300) in (await courses(api, room)).values()


async def test_a_lesson_that_is_being_recorded_is_marked_and_asks_first(
    browser: Tab, api: Api, server: EmbeddedServer, school: School
) -> None:
    room, course = school.rooms["301"], school.courses["301", 2, 10]
    await open_week(browser, server, f"?channel={room}")
    assert "录像中" in await browser.evaluate(f"document.querySelector({block(course)!r}).textContent")
    question = "document.querySelector('#sure p').textContent"
    await pull(browser, block(course), 0, 0.25, by=0.98)
    await browser.until("document.getElementById('sure').open")
    assert await browser.evaluate(question) == "「地理」正在录像。 修改后录像继续，至 11:00 结束。确定修改吗？"
    await browser.click('#sure [value="no"]')
    await browser.until("!document.getElementById('sure').open")
    assert (await courses(api, room))[course] == (2, "10:00:00", LESSON_SEC)
    await pull(browser, block(course), 1, 3)
    await browser.until("document.getElementById('sure').open")
    assert "录像立即结束" in await browser.evaluate(question)
    await browser.click('#sure [value="yes"]')
    await browser.until(f"{SAID}.includes('已修改')")
    assert (await courses(api, room))[course] == (3, "13:00:00", LESSON_SEC)


async def test_changes_of_others_appear(browser: Tab, api: Api, server: EmbeddedServer, school: School) -> None:
    room = school.rooms["301"]
    await open_week(browser, server, f"?channel={room}")
    course = school.courses["301", 1, 8]
    await api.ok("del_course", course_id=course)
    await browser.until(f"document.querySelector({block(course)!r}) === null")


async def test_all_rooms_of_a_day_and_a_move_to_another_room(
    browser: Tab, api: Api, server: EmbeddedServer, school: School
) -> None:
    course = school.courses["301", 3, 8]
    await open_week(browser, server, "?day=3")
    assert await browser.evaluate("document.querySelectorAll('.column').length") == 4
    await pull(browser, block(course), 1, 4)
    await browser.until(f"{SAID}.includes('已修改')")
    assert (await courses(api, school.rooms["302"]))[course] == (3, "12:00:00", LESSON_SEC)
    assert course not in await courses(api, school.rooms["301"])


async def test_a_finger_that_rests_drags_and_one_that_moves_scrolls(
    browser: Tab, api: Api, server: EmbeddedServer, school: School
) -> None:
    room, course = school.rooms["301"], school.courses["301", 2, 15]
    url = f"{server.url}/console/week?channel={room}&day=2"
    await browser.open(url, width=390, height=844, language="en", mobile=True)
    await browser.until(READY)
    await browser.call("Emulation.setTouchEmulationEnabled", enabled=True)
    left, top, width, height = await browser.box(block(course))
    x, y = left + width / 2, top + height / 2
    hour = (await pixels(browser))[1]
    grid = "document.querySelector('.weekgrid')"
    await browser.evaluate(f"{grid}.addEventListener('scrollend', () => {{ window.rested = true; }})")
    await browser.touch("Start", (x, y))
    for step in range(1, 6):
        await browser.touch("Move", (x, y - 30 * step))
    await browser.touch("End")
    await browser.until(f"window.rested && {grid}.scrollTop > 450")
    assert (await courses(api, room))[course] == (2, "15:00:00", LESSON_SEC)

    left, top, width, height = await browser.box(block(course))
    x, y = left + width / 2, top + height / 2
    await browser.touch("Start", (x, y))
    await browser.until("document.documentElement.classList.contains('pulling')")
    for step in range(1, 5):
        await browser.touch("Move", (x, y + hour * step / 4))
    await browser.touch("End")
    await browser.until(f"{SAID}.startsWith('Changed')")
    assert (await courses(api, room))[course] == (2, "16:00:00", LESSON_SEC)


async def test_the_pages_arithmetic_is_the_servers(browser: Tab, server: EmbeddedServer, school: School) -> None:
    """Random moves, stretches and lessons, judged by the functions with which API v1 judges them."""
    await open_week(browser, server)
    dice = random.Random(20261124)
    lessons = [
        {"start": start, "length": dice.randint(60, min(20_000, DAY_SECONDS - 1 - start)), "id": number}
        for number, start in enumerate(dice.randint(0, 86_000) for _ in range(CASES))
    ]
    others = [{**one, "day": 1, "channel": 1, "id": 1000 + one["id"]} for one in lessons[:5]]
    asked: list[dict[str, Any]] = [
        {"lesson": {**lesson, "day": 1, "channel": 1}, "to": dice.randint(-90_000, 180_000)} for lesson in lessons
    ]
    found = await browser.evaluate(
        "import('/console/assets/week_grid.js').then((grid) => "
        f"{json.dumps(asked)}.map(({{lesson, to}}) => ({{moved: grid.moved(lesson, to),"
        " resized: grid.resized(lesson, to), drawn: grid.drawn(lesson.start, to),"
        f" clash: grid.clash(lesson, {json.dumps(others)})}})))"
    )
    assert len(found) == CASES
    taken = [Span(one["start"], one["length"]) for one in others]
    for question, answer in zip(asked, found, strict=True):
        lesson = question["lesson"]
        for kind in ("moved", "resized", "drawn"):
            span = Span(answer[kind]["start"], answer[kind]["length"])
            assert span.start >= 0 and span.length > 0 and not crosses_midnight(span), (question, answer)
            assert span.start % 300 == 0 or kind == "resized"
        assert answer["moved"]["length"] == lesson["length"]
        assert answer["resized"]["start"] == lesson["start"]
        expected = first_overlap(Span(lesson["start"], lesson["length"]), taken)
        assert (answer["clash"] and Span(answer["clash"]["start"], answer["clash"]["length"])) == expected
