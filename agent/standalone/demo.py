"""What a first try needs: the agent's settings, one channel, and a lesson that is on. Over API v1, like any
integrator.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from agent.standalone.clocktime import DAY_SECONDS, Span, clock_seconds, clock_text, week_id

LESSON_SECONDS = 2 * 3600
LEAST_SECONDS = 600
"""Where lessons cover the next ten minutes, nothing is added."""
LEAD_SECONDS = 3
"""A new lesson begins so much later, so that the recorder is there from its first second on."""
AGENT_SECONDS = 30.0
"""How long the agent may take to register and to say hello."""
CAMERA_NAME = "示范教室"
SETTINGS = {"slice_val": 1, "inter_val": 1, "snap_val": 1}
_LAST_SECOND = DAY_SECONDS - 1
_STREAM = re.compile(r"[a-z]+://", re.IGNORECASE)


class DemoError(Exception):
    """The demonstration cannot be set up; the message says why."""


@dataclass(frozen=True, slots=True)
class DemoLesson:
    """A lesson of the demonstration, in the server's time zone; `made` where it was not there before."""

    course_id: int
    begin: datetime
    end: datetime
    made: bool


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What `seed` found or made. `lessons` are in order; the first one is on, or begins in a few seconds."""

    gather_id: int
    gather_name: str
    camera_id: int
    camera_name: str
    source: str
    lessons: tuple[DemoLesson, ...]


async def seed(base_url: str, credential: str, source: str, *, now: float) -> DemoPlan:
    """Make sure that `source` (the absolute path of an MP4 file, or an rtsp/rtmp URL) is a channel of the agent and
    has a lesson now.

    Waits until an agent is there. A second run finds what the first one made. `now` is in Unix seconds. Raises
    `DemoError`.
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
        api = _Api(http, base_url.rstrip("/"))
        try:
            zone = await api.sign_in(credential)
            gather = await _agent(api)
            await api.get("mod_gather", gather_id=gather["gather_id"], **SETTINGS)
            camera_id, name = await _channel(api, gather["gather_id"], source)
            lessons = await _lessons(api, camera_id, datetime.fromtimestamp(now, zone))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DemoError(f"{base_url} cannot be reached: {error or type(error).__name__}") from error
    label = gather["name_set"] or gather["name_pc"]
    return DemoPlan(gather["gather_id"], label, camera_id, name, source, tuple(lessons))


class _Api:
    """API v1 with a token."""

    def __init__(self, http: aiohttp.ClientSession, base_url: str) -> None:
        self._http = http
        self._base_url = base_url
        self._token = ""

    async def sign_in(self, credential: str) -> ZoneInfo:
        """Get a token; returns the server's time zone."""
        self._token = (await self.get("access_token", unionid=credential))["token"]
        return ZoneInfo((await self.get("version"))["TimeZone"])

    async def get(self, endpoint: str, **params: str | int) -> dict[str, Any]:
        """The answer of a call; `DemoError` when it failed."""
        url = f"{self._base_url}/api/v1/{endpoint}"
        async with self._http.get(url, params={**params, "token": self._token}) as response:
            body: dict[str, Any] = await response.json()
        if body.get("err_code", 0) != 0:
            raise DemoError(f"{endpoint}: {body['err_code']} {body['err_msg']}")
        return body

    async def rows(self, endpoint: str, **params: str | int) -> list[dict[str, Any]]:
        """The rows of a list, up to 1000."""
        data: list[dict[str, Any]] = (await self.get(endpoint, per=1000, **params))["data"]
        return data


async def _agent(api: _Api) -> dict[str, Any]:
    """The newest agent that is online, as soon as there is one."""
    wait = 0.05
    try:
        async with asyncio.timeout(AGENT_SECONDS):
            while True:
                online = [row for row in await api.rows("list_gather") if int(row["status"]) == 1]
                if online:
                    return online[0]
                await asyncio.sleep(wait)  # API v1 can only be asked again
                wait = min(wait * 1.5, 1.0)
    except TimeoutError as error:
        raise DemoError(f"no agent came online within {AGENT_SECONDS:.0f} s") from error


async def _channel(api: _Api, gather_id: int, source: str) -> tuple[int, str]:
    """The channel that plays the source: the one that is there, or a new one."""
    field, prop = ("stream_url", 2) if _STREAM.match(source) else ("stream_mp4", 1)
    for row in await api.rows("list_camera", gather_id=gather_id):
        if int(row["stream_prop"]) == prop and row[field] == source:
            await api.get("start_camera", camera_id=row["camera_id"])
            return int(row["camera_id"]), row["camera_name"]
    grades = await api.rows("list_grade")
    grade_id = grades[-1]["grade_id"]
    new: dict[str, str | int] = {
        "camera_name": CAMERA_NAME,
        "gather_id": gather_id,
        "grade_id": grade_id,
        "stream_prop": prop,
        field: source,
    }
    return int((await api.get("add_camera", **new))["camera_id"]), CAMERA_NAME


async def _lessons(api: _Api, camera_id: int, now: datetime) -> list[DemoLesson]:
    """The lessons that are on from now, made where there are none."""
    week: Week = {}
    for row in await api.rows("list_course", camera_id=camera_id):
        start = clock_seconds(row["start_time"].split(" ")[-1]) or 0
        week.setdefault(int(row["week_id"]), {})[int(row["course_id"])] = Span(start, int(row["elapse_sec"]))
    planned = plan_lessons(week, now.replace(tzinfo=None))
    subject_id = (await api.rows("list_subject"))[-1]["subject_id"]
    teacher_id = (await api.rows("list_teacher"))[-1]["teacher_id"]
    lessons = []
    for lesson in planned:
        course_id = lesson.course_id
        if course_id is None:
            course: dict[str, str | int] = {
                "subject_id": subject_id,
                "teacher_id": teacher_id,
                "week_id": week_id(lesson.day),
            }
            times: dict[str, str | int] = {
                "start_time": clock_text(lesson.span.start),
                "elapse_sec": lesson.span.length,
            }
            course_id = int((await api.get("add_course", camera_id=camera_id, **course, **times))["course_id"])
        begin = lesson.day.replace(tzinfo=now.tzinfo) + timedelta(seconds=lesson.span.start)
        end = begin + timedelta(seconds=lesson.span.length)
        lessons.append(DemoLesson(course_id, begin, end, lesson.course_id is None))
    return lessons


Week = dict[int, dict[int, Span]]
"""The courses of a channel: weekday, course, time of day."""


@dataclass(frozen=True, slots=True)
class PlannedLesson:
    """A lesson on a day (its midnight); `course_id` None where a course has to be added for it."""

    day: datetime
    span: Span
    course_id: int | None = None


def plan_lessons(week: Week, now: datetime) -> list[PlannedLesson]:
    """The lessons from `now` (local, naive) on: those that are there where they cover ten minutes, else filled up for
    two hours.
    """
    there = list(_cover(week, now, now + timedelta(seconds=LEAST_SECONDS)))
    if all(lesson.course_id is not None for lesson in there):
        return there
    begin = now.replace(microsecond=0) + timedelta(seconds=LEAD_SECONDS)
    return list(_cover(week, begin, now.replace(second=0, microsecond=0) + timedelta(seconds=LESSON_SECONDS)))


def _cover(week: Week, now: datetime, until: datetime) -> Iterator[PlannedLesson]:
    """Courses from `now` to `until`, without a hole but the last second of a day, which no course may have."""
    cursor = now
    while cursor < until:
        day = cursor.replace(hour=0, minute=0, second=0, microsecond=0)
        second = int((cursor - day).total_seconds())
        if second >= _LAST_SECOND:
            cursor = day + timedelta(days=1)
            continue
        courses = week.get(week_id(day), {})
        limit = min(_LAST_SECOND, int((until - day).total_seconds()))
        lesson = _at(day, courses, second) or PlannedLesson(day, _free(list(courses.values()), second, limit))
        yield lesson
        cursor = day + timedelta(seconds=lesson.span.end)


def _at(day: datetime, courses: dict[int, Span], second: int) -> PlannedLesson | None:
    on = ((course_id, span) for course_id, span in courses.items() if span.start <= second < span.end)
    return next((PlannedLesson(day, span, course_id) for course_id, span in on), None)


def _free(taken: list[Span], second: int, limit: int) -> Span:
    """The free time from a second on, at most to `limit`."""
    end = min([max(limit, second + 1), *(span.start for span in taken if span.start > second)])
    return Span(second, end - second)
