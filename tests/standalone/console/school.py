"""A school on a Tuesday at 10:20: two agents, four rooms, lessons of every fate. All of it comes over the wire."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.standalone.helpers import JPEG, TUESDAY, Api, FakeClock, ScriptedAgent, record, stem
from tests.standalone.test_api_cameras import add
from tests.standalone.test_api_courses import course

NOW = TUESDAY + 1200
EIGHT, NINE, TEN = TUESDAY - 7200, TUESDAY - 3600, TUESDAY
LESSON_SEC = 2700
MONDAY_TO_FRIDAY = range(1, 6)


@dataclass
class School:
    """The ids of channels by room, of courses by room, day and hour (301 alone has a whole week); and the agents."""

    rooms: dict[str, int]
    courses: dict[tuple[str, int, int], int]
    agent: ScriptedAgent
    other: ScriptedAgent


async def furnish(api: Api, agent: ScriptedAgent, clock: FakeClock, film: Path | None = None) -> School:
    """Rooms 301 (all is well, but one gap), 302 (a lesson nobody told of, one that should be on), 303 (no camera), and
    401, whose agent went at half past nine. `film` is what slices are made of, where they are to be looked at.
    """
    clock.now = TUESDAY - 86_400
    await api.sign_in()
    other = ScriptedAgent(agent.server, agent.http, uid="agent-2", mac="AA-BB")
    await other.register()
    await api.ok("mod_gather", gather_id=agent.gather_id, name_set="三号楼")
    await api.ok("mod_gather", gather_id=other.gather_id, name_set="四号楼")
    for name in ("王老师", "李老师"):
        await api.ok("add_teacher", teacher_name=name, sex_name="女", title_name="一级教师", title_id=2)
    rooms = {name: await add(api, agent, camera_name=name) for name in ("301", "302", "303")}
    rooms["401"] = await add(api, other, camera_name="401")
    courses = {}
    for room, camera_id in rooms.items():
        for day in MONDAY_TO_FRIDAY if room == "301" else (2,):
            for hour in (8, 9, 10, 14, 15):
                subject = (day * 3 + hour + camera_id) % 9 + 1
                when = {"week_id": day, "start_time": f"{hour:02}:00:00", "elapse_sec": LESSON_SEC}
                who = {"subject_id": subject, "teacher_id": 2 + (hour + camera_id) % 2}
                answer = await api.ok("add_course", **course(camera_id, **when, **who))
                courses[room, day, hour] = int(answer["course_id"])
    school = School(rooms, courses, agent, other)
    await _report(school, clock, film)
    await api.sign_in()
    return school


def lesson(school: School, room: str, hour: int, **changes: Any) -> dict[str, Any]:
    """What an agent tells of Tuesday's lesson at an hour."""
    start = TUESDAY + (hour - 10) * 3600
    return {
        "slice_id": hour * 100 + school.rooms[room],
        "camera_id": school.rooms[room],
        "course_id": school.courses[room, 2, hour],
        "planned_start": start,
        "planned_end": start + LESSON_SEC,
        "ended": True,
        "coverage": 1.0,
    } | changes


async def _report(school: School, clock: FakeClock, film: Path | None) -> None:
    clock.now = NINE + 1800
    whole = lesson(school, "401", 8)
    state = {"camera_id": school.rooms["401"], "status": 1, "recording": [lesson(school, "401", 9)["slice_id"]]}
    half = lesson(school, "401", 9, ended=False, coverage=None)
    await school.other.post("status", {"cameras": [state], "lessons": [whole, half], "queue_files": 3})
    clock.now = NOW
    gaps = [
        {"since": NINE + 600, "until": NINE + 612.5, "cause": "unreachable"},
        {"since": NINE + 1500, "until": NINE + 1680, "cause": "restart"},
    ]
    on = lesson(school, "301", 10, ended=False, coverage=None)
    silent = lesson(school, "302", 10, ended=False, coverage=None)
    told = [
        lesson(school, "301", 8),
        lesson(school, "301", 9, coverage=1 - 192.5 / LESSON_SEC, gaps=gaps),
        on,
        lesson(school, "302", 8),
        silent,
        lesson(
            school, "303", 8, coverage=0.0, gaps=[{"since": EIGHT, "until": EIGHT + LESSON_SEC, "cause": "unreachable"}]
        ),
    ]
    alarm = {"kind": "not_recording", "since": TEN + 6, "detail": "no packet for 6 s", "why": "stalled"}
    cameras = [
        {"camera_id": school.rooms["301"], "status": 1, "recording": [on["slice_id"]], "video": "h264 1280x720"},
        {"camera_id": school.rooms["302"], "status": 1, "recording": [], "alarms": [alarm]},
        {"camera_id": school.rooms["303"], "status": 0, "cause": "unreachable", "detail": "10.0.0.7: no route to host"},
    ]
    queue = {"queue_files": 2, "queue_bytes": 81_000_000, "queue_oldest": NINE, "queue_error": "storage: HTTP 507"}
    disk = {"disk_free": 20 << 30, "disk_total": 100 << 30}
    await school.agent.post("status", {"cameras": cameras, "lessons": told, **queue, **disk})
    await store(school, told[0], film, slices=3)
    await store(school, told[1], film, slices=1)


async def store(school: School, about: dict[str, Any], film: Path | None, slices: int) -> list[str]:
    """Upload and report the slices of a lesson, each with the last second of the one before; their stems."""
    media = film.read_bytes() if film else b"media"  # noqa: ASYNC240 - a small one
    length = 4.0
    picture = film.with_suffix(".jpg").read_bytes() if film and film.with_suffix(".jpg").is_file() else JPEG
    stems = []
    for inx in range(1, slices + 1):
        begin = int(about["planned_start"]) + (inx - 1) * 3
        name = stem(
            about["camera_id"], start=begin, slice_id=about["slice_id"], inx=inx, uid=about["slice_id"] * 10 + inx
        )
        name = name.replace(f"_{begin}_1_", f"_{begin}_{about['course_id']}_")
        _, stored = await school.agent.put(f"{name}.mp4", media)
        _, thumbnail = await school.agent.put(f"{name}.jpg", picture)
        report = record(
            name, stored, duration=length, overlap_sec=1.0 if inx > 1 else 0.0, image_fdfs=thumbnail["file"]
        )
        status, _ = await school.agent.post("records", report | {"recording": about})
        assert status == 200
        stems.append(name)
    for each in ("301", "302"):
        if film:
            _, shot = await school.agent.put(f"live_{school.rooms[each]}.jpg", picture)
            taken = {"file_src": f"live_{school.rooms[each]}", "camera_id": school.rooms[each], "taken": NOW - 30}
            await school.agent.post("snapshots", taken | {"image_fdfs": shot["file"], "file_size": len(picture)})
    return stems
