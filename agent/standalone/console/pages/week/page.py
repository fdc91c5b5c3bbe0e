"""The page around the timetable."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from agent.standalone.api.envelope import ApiError, Err
from agent.standalone.console import sentences
from agent.standalone.console.pages.week.data import read_week
from agent.standalone.console.site import Page
from agent.standalone.console.visit import Visit
from agent.web.markup import Markup, asset, html
from agent.web.serving import HEADERS
from agent.web.words import Table, Words

_WORDS: Table = {
    "room": ("教室", "Room"),
    "gather": ("采集端", "Recorder"),
    "days": ("日期", "Days"),
    "all_rooms": ("全部教室", "All rooms"),
    "all_gathers": ("全部采集端", "All recorders"),
    "whole_week": ("整周", "Whole week"),
    "add_lesson": ("新增课程", "Add a lesson"),
    "undo": ("撤销", "Undo"),
    "how": (
        "拖动课程可改时间和日期，拖下边缘改时长，在空白处拖动新增；Ctrl 拖动复制。"
        "键盘：方向键移动，Shift+方向键改时长，回车填写，Delete 删除，Ctrl+Z 撤销。手机上先长按再拖动。",
        "Drag a lesson to another time or day, its lower edge to change its end, and over empty time to add one; with "
        "Ctrl you drag a copy. Keys: arrows move, Shift+arrows lengthen, Enter opens, Delete deletes, Ctrl+Z takes "
        "back. On a phone, hold first, then drag.",
    ),
    "read_only": ("只读：仅管理员可以修改课表。", "Read-only: administrators change the timetable."),
    "no_rooms": ("还没有通道，请先添加通道。", "There is no channel yet: please add one first."),
    "needs_scripts": ("课表需要启用 JavaScript。", "The timetable needs JavaScript."),
    "new_lesson": ("新增课程", "A new lesson"),
    "edit_lesson": ("修改课程", "The lesson"),
    "day": ("星期", "Day"),
    "start": ("开始", "From"),
    "until": ("结束", "Until"),
    "subject": ("科目", "Subject"),
    "teacher": ("教师", "Teacher"),
    "as_copy": ("存为副本", "Save as a copy"),
    "on_air": ("这节课正在录像。", "This lesson is being recorded."),
    "bad_time": ("输入日期格式不正确", "This is no valid time."),
    "ends_before": ("结束时间必须晚于开始时间。", "It ends before it begins."),
    "overlap": ("输入时间与已有时间发生重叠，重叠区间：{times}", "It overlaps another lesson of this channel. {times}"),
    "being_recorded": ("「{lesson}」正在录像。", "“{lesson}” is being recorded."),
    "goes_on": (
        "修改后录像继续，至 {until} 结束。确定修改吗？",
        "The recording goes on, until {until}. Change it?",
    ),
    "ends_now": (
        "修改后录像立即结束，已录部分保留。确定修改吗？",
        "The recording ends now; what has been recorded is kept. Go on?",
    ),
    "on_mark": ("录像中", "on"),
    "added": ("已新增：{lesson}。", "Added: {lesson}."),
    "changed": ("已修改：{lesson}。", "Changed: {lesson}."),
    "deleted": ("已删除：{lesson}。", "Deleted: {lesson}."),
    "undone": ("已撤销：{lesson}。", "Taken back: {lesson}."),
    "changed_elsewhere": (
        "这节课刚被其他人修改，已显示最新内容。",
        "Somebody else has just changed this lesson; here is how it is now.",
    ),
}
_DAYS = (
    ("星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"),
    ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
)
_FOR_SCRIPT = (
    *("new_lesson", "edit_lesson", "whole_week", "bad_time", "ends_before", "overlap", "being_recorded", "goes_on"),
    *("ends_now", "added", "changed", "deleted", "undone", "changed_elsewhere", "recording", "on_mark"),
)


def day_names(words: Words) -> tuple[str, ...]:
    """The names of the days by `week_id`."""
    return _DAYS[words.language == "en"]


async def view(visit: Visit) -> Markup:
    """The page without its lessons, which the script draws."""
    words = visit.words
    said: dict[str, Any] = {key: words[key] for key in _FOR_SCRIPT}
    said |= {
        "days": day_names(words),
        "all_channels": words["all_rooms"],
        "all_gathers": words["all_gathers"],
        "past_midnight": sentences.of_error(ApiError(Err.CROSS_DAY), words.language),
    }
    edit = asset("edit.html", __package__) if visit.is_administrator else '<p class="hint">{read_only}</p>'
    keys = ("room", "gather", "days", "no_rooms", "needs_scripts")
    return html(
        asset("week.html", __package__),
        said=json.dumps(said, ensure_ascii=False),
        edit=Markup(" data-edit") if visit.is_administrator else Markup(),
        editing=html(edit, **{key: words[key] for key in ("add_lesson", "undo", "how", "read_only")}),
        **{key: words[key] for key in keys},
    )


async def beside(visit: Visit) -> Markup:
    """The form of a lesson."""
    keys = ("room", "day", "start", "until", "subject", "teacher", "save", "as_copy", "delete", "cancel", "on_air")
    return html(asset("form.html", __package__), **{key: visit.words[key] for key in keys})


async def data(visit: Visit) -> web.StreamResponse:
    """The timetable; 304 and the clock alone to who has it already."""
    found = await visit.read(read_week, visit.now, visit.services.zone)
    headers = {**HEADERS, "ETag": f'"{found["mark"]}"', "X-Clock": str(found["clock"])}
    if visit.request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers)
    text = json.dumps(found, ensure_ascii=False)
    return web.Response(text=text, content_type="application/json", headers=headers)


PAGE = Page(
    "/console/week",
    ("课表", "Timetable"),
    view,
    words=_WORDS,
    beside=beside,
    data={"data": data},
    script="week.js",
    style="week.css",
    assets=("week_grid.js", "week_pull.js", "week_dialog.js"),
    room=__package__,
)
