"""`POST /gather/v1/records`, `/snapshots`, `/status`: durable, idempotent, and in any order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.standalone.server import EmbeddedServer
from agent.standalone.store.schema import Alarm, Camera, Gather, Lesson, Spool
from tests.standalone.databases import ON_EVERY_DATABASE
from tests.standalone.helpers import JPEG, TUESDAY, Api, ScriptedAgent, record, set_up, stem
from tests.standalone.test_api_cameras import add

pytestmark = ON_EVERY_DATABASE

GAP = {"since": TUESDAY + 60.5, "until": TUESDAY + 70.25, "cause": "unreachable", "detail": "no route"}


def lesson(camera_id: int, **changes: Any) -> dict[str, Any]:
    planned = {"planned_start": TUESDAY, "planned_end": TUESDAY + 3600}
    return {"slice_id": 5, "camera_id": camera_id, "course_id": 1} | planned | changes


def _lessons(session: Session) -> list[tuple[Any, ...]]:
    rows = session.scalars(select(Lesson).order_by(Lesson.slice_id))
    return [
        (row.slice_id, row.ended, row.coverage, [(gap.since, gap.until, gap.cause, gap.detail) for gap in row.gaps])
        for row in rows
    ]


async def lessons(server: EmbeddedServer) -> list[tuple[Any, ...]]:
    return await server._services.database.run(_lessons)


async def test_lessons_with_and_without_slices(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    _, stored = await agent.put(stem(camera_id) + ".mp4", b"media")
    await agent.post("records", record(stem(camera_id), stored, recording__gaps=[GAP]))
    told = (GAP["since"], GAP["until"], "unreachable", "no route")
    assert await lessons(api.server) == [(5, 0, None, [told])]
    lost = lesson(camera_id, slice_id=6, ended=True, coverage=0.0, gaps=[GAP | {"until": TUESDAY + 3600}])
    whole = lesson(camera_id, ended=True, coverage=0.9973, gaps=[GAP])
    for _ in range(2):
        assert (await agent.post("status", {"lessons": [whole, lost]}))[0] == 200
    assert await lessons(api.server) == [
        (5, 1, 0.9973, [told]),
        (6, 1, 0.0, [(GAP["since"], TUESDAY + 3600, "unreachable", "no route")]),
    ]


async def test_the_last_word_on_a_lesson_stands(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    await agent.post("status", {"lessons": [lesson(camera_id, ended=True, coverage=0.5, gaps=[GAP])]})
    await agent.post("status", {"lessons": [lesson(camera_id)]})
    ((_, ended, coverage, gaps),) = await lessons(api.server)
    assert (ended, coverage, len(gaps)) == (1, 0.5, 1)
    await agent.post("status", {"lessons": [lesson(camera_id, ended=True, coverage=1.0)]})
    assert (await lessons(api.server))[0][1:] == (1, 1.0, [])


async def test_the_same_lesson_twice_in_one_report(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    twice = [lesson(camera_id), lesson(camera_id, ended=True, coverage=1.0)]
    assert (await agent.post("status", {"lessons": twice}))[0] == 200
    assert await lessons(api.server) == [(5, 1, 1.0, [])]


async def test_status(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    camera = {"camera_id": camera_id, "status": 0, "recording": [5], "cause": "unauthorized", "detail": "401"}
    report = {"cameras": [camera], "queue_files": 3, "queue_bytes": 1 << 40, "disk_free": 5}
    assert (await agent.post("status", report)) == (200, {"err_code": 0, "err_msg": "OK"})

    def read(session: Session) -> tuple[Any, ...]:
        row, gather = session.get_one(Camera, camera_id), session.get_one(Gather, agent.gather_id)
        return row.recording, row.cause, row.detail, gather.queue_files, gather.queue_bytes, gather.disk_free

    assert await api.server._services.database.run(read) == ([5], "unauthorized", "401", 3, 1 << 40, 5)


async def test_what_an_agent_says_of_its_spool_is_what_it_said_last(api: Api, agent: ScriptedAgent) -> None:
    def read(session: Session) -> tuple[Any, ...]:
        spool = session.get_one(Spool, agent.gather_id)
        return spool.oldest, spool.error, spool.paused, spool.disk_total, spool.disk_state

    await agent.post("status", {"queue_oldest": TUESDAY - 5, "queue_error": "storage: 507", "queue_paused": True})
    assert await api.server._services.database.run(read) == (TUESDAY - 5, "storage: 507", 1, 0, "well")
    await agent.post("status", {"disk_total": 1 << 40, "disk_state": "read_only"})
    assert await api.server._services.database.run(read) == (None, "", 0, 1 << 40, "read_only")


async def test_channels_of_others_are_left_alone(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    other = ScriptedAgent(agent.server, agent.http, uid="agent-2", mac="AA")
    await other.register()
    foreign = {"cameras": [{"camera_id": camera_id, "status": 1}], "lessons": [lesson(camera_id)]}
    assert (await other.post("status", foreign))[0] == 200
    await agent.online()
    assert (await api.ok("list_camera"))["data"][0]["status"] == -1
    assert await lessons(api.server) == []
    elsewhere = {"file": "/bucket/x.mp4", "size": 5, "sha256": "0" * 64}
    assert (await other.post("records", record(stem(camera_id), elsewhere)))[0] == 409
    picture = {
        "file_src": f"live_{camera_id}",
        "camera_id": camera_id,
        "image_fdfs": "/x.jpg",
        "file_size": 1,
        "taken": 1,
    }
    assert (await other.post("snapshots", picture))[0] == 409


async def test_recordings_survive_their_channel(api: Api, agent: ScriptedAgent) -> None:
    _, stored = await agent.put(stem(77) + ".mp4", b"media")
    assert (await agent.post("records", record(stem(77), stored)))[0] == 200
    row = (await api.ok("list_record"))["data"][0]
    assert (row["camera_id"], row["camera_name"], row["grade_id"]) == (77, "", 0)


async def test_registration_resets_the_channels(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    await agent.post("status", {"cameras": [{"camera_id": camera_id, "status": 1}]})
    await agent.register(agent.token)
    assert (await api.ok("list_camera"))["data"][0]["status"] == -1


@pytest.mark.parametrize("what", ["records", "snapshots", "status"])
async def test_bodies_that_are_none(agent: ScriptedAgent, what: str) -> None:
    for body in (b"", b"[]", b"nonsense", b"\xff\xfe", b'{"cameras": 5, "file_src": []}', b"[" * 100_000):
        status, answer = await agent.post(what, body)
        assert (status, answer["err_code"]) == (400, 400), body[:20]


HOSTILE: list[dict[str, Any]] = [
    {"started": 1e300, "duration": 1e300},
    {"started": -1e300, "duration": -5.0},
    {"started": "NaN"},
    {"duration": "Infinity"},
    {"file_size": 10**30},
    {"recording__planned_start": 1e300, "recording__coverage": -1e300, "recording__gaps": [{**GAP, "until": 1e300}]},
    {"video": "<script>alert(1)</script>" * 1000, "recording__gaps": [{**GAP, "cause": "<b>\"'"}]},
]


@pytest.mark.parametrize("changes", HOSTILE)
async def test_no_report_spoils_the_lists(api: Api, agent: ScriptedAgent, changes: dict[str, Any]) -> None:
    camera_id = await add(api, agent)
    elsewhere = {"file": "/bucket/x.mp4", "size": 5, "sha256": "0" * 64}
    status, _ = await agent.post("records", record(stem(camera_id), elsewhere, **changes))
    assert status in (200, 400)
    await api.ok("list_record")
    await set_up(api.server, agent.http)
    async with agent.http.get(api.server.url + "/") as page:
        text = await page.text()
        assert page.status == 200
    assert '<main id="live"' in text
    assert "<script>alert" not in text


async def test_an_agent_cannot_make_the_server_hand_out_another_file(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    _, stored = await agent.put(stem(camera_id) + ".mp4", b"media")
    (api.server._services.settings.data_dir / "kept.mp4").write_bytes(b"what nobody may see")
    _, other = await agent.put(stem(camera_id, inx=2) + ".mp4", b"another slice")
    addresses = ["/storage/kept.mp4", "/storage/recordings/../kept.mp4", other["file"], "//evil.example/x.mp4"]
    addresses += ["http://evil.example/x.mp4", "@evil.example/x.mp4", "/\\evil.example/x.mp4", "/a/../b.mp4"]
    for address in [*addresses, "/x.mp4?y", "/x\r\n"]:
        status, _ = await agent.post("records", record(stem(camera_id), stored, file_fdfs=address))
        assert status == 400, address
        status, _ = await agent.post("records", record(stem(camera_id), stored, image_fdfs=address))
        assert status == 400, address
    assert (await api.ok("list_record"))["total_num"] == 0
    assert (await agent.post("records", record(stem(camera_id), stored)))[0] == 200


async def test_nor_another_picture(api: Api, agent: ScriptedAgent) -> None:
    mine, others = await add(api, agent), await add(api, agent)
    name = f"live_{others}"
    _, stored = await agent.put(name + ".jpg", JPEG)
    report = {"file_src": f"live_{mine}", "camera_id": mine, "file_size": len(JPEG), "taken": TUESDAY}
    for address in (stored["file"], "/storage/../secrets.jpg", "//evil.example/x.jpg", "javascript:alert(1)", ""):
        assert (await agent.post("snapshots", report | {"image_fdfs": address}))[0] == 400, address
    assert {row["image_fdfs"] for row in (await api.ok("list_camera"))["data"]} == {""}


async def test_events_that_are_none_spoil_nothing(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    alarm = {"camera_id": camera_id, "alarm": "black", "state": "raised", "since": "HERE"}
    text = json.dumps({"event": "alarm", "seq": 1, "data": alarm})
    moments = ("NaN", "Infinity", "-Infinity", "1e400", "1" + "0" * 400, "[]")
    hostile = [text.replace('"HERE"', since) for since in moments]
    hostile += [
        f'{{"event": "recording", "seq": 1, "data": {{"camera_id": {camera_id}, "slice_id": {slice_id}}}}}'
        for slice_id in range(100)
    ]
    async with agent.relay() as socket:
        for text in hostile:
            await socket.send(text)
        await api.ok("start_camera", camera_id=camera_id)  # answered after all of them

    def read(session: Session) -> tuple[list[int], list[float]]:
        return session.get_one(Camera, camera_id).recording, list(session.scalars(select(Alarm.since)))

    recording, since = await api.server._services.database.run(read)
    assert recording == list(range(92, 100))
    assert since == []
    await set_up(api.server, agent.http)
    for path in ("/", "/console/recorders", "/console/day", f"/console/channel?camera_id={camera_id}"):
        async with agent.http.get(api.server.url + path) as page:
            assert page.status == 200, path


async def test_why_an_alarm_stands_is_kept_however_an_agent_says_it(api: Api, agent: ScriptedAgent) -> None:
    """In the report and as an event; an older agent says a sentence only, and one that says nonsense is heard, too."""
    camera_id = await add(api, agent)
    whole = {"since": TUESDAY, "detail": "the level is -64 dBFS", "why": "quiet", "figures": {"dbfs": -64.0}}
    old = {"since": TUESDAY, "detail": "the level is -64 dBFS"}
    alarms = [{"kind": "silent", **whole}, {"kind": "black", **old}]
    await agent.post("status", {"cameras": [{"camera_id": camera_id, "status": 1, "alarms": alarms}]})
    hostile = {"since": TUESDAY, "detail": "so", "why": ["x"], "figures": "y"}
    async with agent.relay() as socket:
        for kind, told in (("frozen", whole), ("no_audio", old), ("not_recording", hostile)):
            data = {"camera_id": camera_id, "alarm": kind, "state": "raised", **told}
            await socket.send(json.dumps({"event": "alarm", "seq": 1, "data": data}))
        await api.ok("start_camera", camera_id=camera_id)  # answered after all of them

    def read(session: Session) -> dict[str, tuple[str, str, dict[str, float]]]:
        return {one.kind: (one.detail, one.why, one.figures) for one in session.scalars(select(Alarm))}

    assert await api.server._services.database.run(read) == {
        "silent": ("the level is -64 dBFS", "quiet", {"dbfs": -64.0}),
        "black": ("the level is -64 dBFS", "", {}),
        "frozen": ("the level is -64 dBFS", "quiet", {"dbfs": -64.0}),
        "no_audio": ("the level is -64 dBFS", "", {}),
        "not_recording": ("so", "", {}),
    }


async def test_numeric_strings_are_numbers(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    assert (await agent.post("status", {"cameras": [{"camera_id": str(camera_id), "status": "1"}]}))[0] == 200
    assert (await api.ok("get_camera_status", camera_id=camera_id))["status"] == 1
