"""What the server is told: the embedded one for the truth, a scripted one for everything that goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agent.clock import SystemClock
from agent.journal import Journal, JournalThread, SliceState
from agent.link.client import ServerClient, tls_context
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.storage.base import Storage
from agent.storage.folder import FolderStorage
from agent.storage.http import HttpStorage
from agent.storage.pace import Pace
from agent.wire.models import CameraStatus, StatusReport
from recorder.protocol import GapFound
from tests.agent.outward import Outward
from tests.agent.spool.filled import LESSON, FakeClock, Spool, eventually
from tests.agent.storage_double import LIMIT_SEC, http_server
from tests.standalone.helpers import Api, ScriptedAgent


class Agent(Outward):
    """With its own client and storage, on a clock that a test moves."""

    def __init__(self, spool: Spool, url: str, token: str, storage: Callable[[aiohttp.ClientSession], Storage]) -> None:
        self.clock: FakeClock = FakeClock()
        client = ServerClient(url, lambda: token, tls_context(None), 2.0)
        back_end = storage(client.http)
        status = StatusReport(cameras=(CameraStatus(camera_id=1, status=1),), queue_files=3)
        super().__init__(spool, client, lambda: back_end, self.clock, status=lambda: status)

    @contextlib.asynccontextmanager
    async def running(self, *, uploads: bool = True) -> AsyncIterator[None]:
        try:
            async with super().running(uploads=uploads):
                yield
        finally:
            await self.client.close()

    async def confirmed(self, *stems: str) -> None:
        async def all_confirmed() -> bool:
            return all([await self.spool.state(stem) is SliceState.CONFIRMED for stem in stems])

        await self.news.until(all_confirmed)


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    spool = Spool(tmp_path / "agent")
    yield spool
    await spool.journal.close()


@dataclass
class ServerDouble:
    """Answers every report with what `script[what]` says next (the last stays in force), and keeps what it got."""

    script: dict[str, list[Any]] = field(default_factory=dict)
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, request: web.Request) -> web.Response:
        what, body = request.path.rpartition("/")[2], await request.json()
        if what == "status" and body["lessons"]:
            what = "lessons"
        async with self.changed:
            self.got.append((what, body))
            self.changed.notify_all()
        key = body.get("file_src", what)
        steps = self.script.get(key) or self.script.get(what) or [200]
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if callable(step):
            step = step(body)
        if isinstance(step, str):
            return web.Response(text=step)
        return web.json_response({"err_code": 0 if step == 200 else step, "err_msg": "no"}, status=step)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_SEC), self.changed:
            await self.changed.wait_for(condition)

    def of(self, what: str) -> list[dict[str, Any]]:
        return [body for kind, body in self.got if kind == what]


@pytest.fixture
async def double() -> ServerDouble:
    return ServerDouble()


@pytest.fixture
async def scripted(spool: Spool, double: ServerDouble, tmp_path: Path) -> AsyncIterator[Agent]:
    share = tmp_path / "share"
    await asyncio.to_thread(share.mkdir)
    async with http_server(double.handle) as url:
        yield Agent(spool, url, "own", lambda _: FolderStorage(share))


# -- against a server that does as it is told


@pytest.mark.parametrize("wrong", [500, 401, 422, "{}", "<html>", '{"err_code": 7}', '{"err_code": 0'])
async def test_a_slice_is_confirmed_by_err_code_0_and_nothing_else(
    spool: Spool, double: ServerDouble, scripted: Agent, wrong: object
) -> None:
    stem = await spool.add()
    double.script["records"] = [wrong]
    async with scripted.running():
        await double.until(lambda: len(double.of("records")) == 1 and len(double.of("status")) >= 1)
        await double.until(lambda: len(double.of("lessons")) >= 1)
        assert await spool.state(stem) is SliceState.UPLOADED
        double.script["records"] = [200]
        scripted.clock.ahead += 3600.0
        scripted.reports.wake()
        await scripted.confirmed(stem)


async def test_an_error_of_ours_in_one_lane_silences_no_other(
    spool: Spool, double: ServerDouble, scripted: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> StatusReport:
        raise KeyError("a defect")

    scripted.reports._status = broken
    stem = await spool.add()
    async with scripted.running():
        await scripted.confirmed(stem)
    assert double.of("status") == []
    assert "report_status failed unexpectedly" in caplog.text


async def test_one_slice_that_the_server_rejects_silences_nothing(
    spool: Spool, double: ServerDouble, scripted: Agent
) -> None:
    bad = await spool.add(inx=1, at=LESSON)
    good = [await spool.add(inx=inx, at=LESSON + inx) for inx in range(2, 60)]
    double.script[bad] = [400]
    async with scripted.running():
        await scripted.confirmed(*good)
        assert await spool.state(bad) is SliceState.UPLOADED
        assert sum(body["file_src"] == bad for body in double.of("records")) == 1
        scripted.clock.ahead += 3600.0
        double.script[bad] = [200]
        scripted.reports.wake()
        await scripted.confirmed(bad)


async def test_a_record_whose_file_the_server_has_lost_is_uploaded_again(
    spool: Spool, double: ServerDouble, scripted: Agent
) -> None:
    stem = await spool.add()
    double.script[stem] = [409, 200]
    async with scripted.running():
        await scripted.confirmed(stem)
        assert sum(body["file_src"] == stem for body in double.of("records")) == 2


async def test_one_lesson_that_the_server_rejects_silences_no_other(
    spool: Spool, double: ServerDouble, scripted: Agent
) -> None:
    bad, *_ = [await spool.lesson(camera_id=n, begin=LESSON + n) for n in range(1, 5)]
    double.script["lessons"] = [lambda body: 400 if any(x["slice_id"] == bad for x in body["lessons"]) else 200]

    async def only_that_is_left() -> bool:
        return [row.slice_id for row in await spool.journal.do(Journal.unreported_recordings)] == [bad]

    async with scripted.running():
        await eventually(only_that_is_left)
        asked = len(double.of("lessons"))
        assert asked == 5  # all at once, then each by itself
        scripted.clock.ahead += 3600.0
        double.script["lessons"] = [200]
        scripted.reports.wake()
        await double.until(lambda: len(double.of("lessons")) > asked)


async def test_the_lease_is_renewed_while_reports_and_storage_fail(
    spool: Spool, double: ServerDouble, scripted: Agent, tmp_path: Path
) -> None:
    await spool.add()
    picture = tmp_path / "live_7.jpg"
    await asyncio.to_thread(picture.write_bytes, b"picture")
    await spool.journal.do(Journal.snapshot_taken, 7, picture, 1000.0)
    await asyncio.to_thread((tmp_path / "share").rmdir)
    double.script["records"] = double.script["lessons"] = [500]
    async with scripted.running():
        for times in range(1, 4):
            await double.until(lambda: len(double.of("status")) == times)  # noqa: B023 - waited for at once
            scripted.clock.ahead += 30.0
            scripted.reports.wake()
    status = double.of("status")[0]
    assert (status["queue_files"], status["cameras"][0]["camera_id"]) == (3, 1)


async def test_a_changed_channel_is_told_at_once(double: ServerDouble, scripted: Agent) -> None:
    async with scripted.running():
        await double.until(lambda: len(double.of("status")) == 1)
        scripted.reports.wake()
        scripted.reports.status_now()
        await double.until(lambda: len(double.of("status")) == 2)


async def test_the_ledger_names_gaps_and_coverage(spool: Spool, double: ServerDouble, scripted: Agent) -> None:
    slice_id = await spool.lesson(begin=LESSON, length=180.0)
    await spool.add(inx=1, slice_id=slice_id, at=LESSON)
    await spool.add(inx=2, slice_id=slice_id, at=LESSON + 90)
    await spool.journal.do(Journal.add_gap, GapFound(slice_id, LESSON + 59.0, LESSON + 91.0, "stalled", "no packet"))
    await spool.journal.do(Journal.end_recording, slice_id, LESSON + 180.0)
    async with scripted.running(uploads=False):
        await double.until(lambda: len(double.of("lessons")) == 1)
    (lesson,) = double.of("lessons")[0]["lessons"]
    assert (lesson["slice_id"], lesson["camera_id"], lesson["course_id"], lesson["ended"]) == (slice_id, 7, 5, True)
    assert (lesson["planned_start"], lesson["planned_end"]) == (LESSON, LESSON + 180.0)
    assert lesson["coverage"] == pytest.approx(120 / 180)
    assert [(gap["since"] - LESSON, gap["until"] - LESSON, gap["cause"]) for gap in lesson["gaps"]] == [
        (60.0, 90.0, "stalled"),
        (150.0, 180.0, "restart"),
    ]


async def test_a_lesson_that_is_on_has_no_coverage_yet(spool: Spool, double: ServerDouble, scripted: Agent) -> None:
    await spool.lesson()
    async with scripted.running():
        await double.until(lambda: len(double.of("lessons")) == 1)
    (lesson,) = double.of("lessons")[0]["lessons"]
    assert (lesson["coverage"], lesson["ended"]) == (None, False)


async def test_pictures_are_stored_then_told_and_one_that_is_gone_is_passed_over(
    spool: Spool, double: ServerDouble, scripted: Agent, tmp_path: Path
) -> None:
    for camera_id in (7, 8):
        await spool.journal.do(Journal.snapshot_taken, camera_id, tmp_path / f"live_{camera_id}.jpg", 1000.0)
    await asyncio.to_thread((tmp_path / "live_7.jpg").write_bytes, b"picture")

    async def all_told() -> bool:
        return await spool.journal.do(Journal.unreported_snapshots) == []

    async with scripted.running():
        await eventually(all_told)
    (report,) = double.of("snapshots")
    assert report == {
        "file_src": "live_7",
        "camera_id": 7,
        "image_fdfs": "/live_7.jpg",
        "file_size": 7,
        "taken": 1000.0,
    }
    assert (tmp_path / "share" / "live_7.jpg").read_bytes() == b"picture"


async def test_a_picture_that_cannot_be_stored_holds_up_no_other(
    spool: Spool, double: ServerDouble, scripted: Agent, tmp_path: Path
) -> None:
    for camera_id in (7, 8):
        picture = tmp_path / f"live_{camera_id}.jpg"
        await asyncio.to_thread(picture.write_bytes, b"picture")
        await spool.journal.do(Journal.snapshot_taken, camera_id, picture, 1000.0 + camera_id)
    await asyncio.to_thread((tmp_path / "share" / "live_7.jpg").mkdir)
    async with scripted.running():
        await double.until(lambda: [body["camera_id"] for body in double.of("snapshots")] == [8])
        await asyncio.to_thread((tmp_path / "share" / "live_7.jpg").rmdir)
        await double.until(lambda: [body["camera_id"] for body in double.of("snapshots")] == [8, 7])


# -- against the real server, with crashes in between


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    server = EmbeddedServer(ServerSettings(data_dir=tmp_path / "server", timezone="Asia/Shanghai"))
    await server.start()
    yield server
    await server.stop()


STEPS: list[tuple[type, str, Callable[..., bool]]] = [
    (HttpStorage, "put", lambda _, path, *rest: path.suffix == ".mp4"),
    (JournalThread, "do", lambda _, *args, **kwargs: SliceState.UPLOADED in args and Journal.advance in args),
    (ServerClient, "post", lambda _, path, *rest: path.endswith("records")),
    (JournalThread, "do", lambda _, *args, **kwargs: Journal.confirmed in args),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(4), ids=["upload", "uploaded", "report", "confirmed"])
async def test_a_crash_at_any_step_leads_to_exactly_one_record(
    tmp_path: Path,
    spool: Spool,
    server: EmbeddedServer,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    after: bool,
) -> None:
    async with aiohttp.ClientSession() as http:
        api = Api(http, server)
        await api.sign_in()
        who = ScriptedAgent(server, http)
        registered = await who.register()
        new = {
            "camera_name": "C",
            "gather_id": who.gather_id,
            "grade_id": 4,
            "stream_prop": 1,
            "stream_mp4": "/srv/film.mp4",
        }
        added = await api.ok("add_camera", **new)
        camera_id = int(added["camera_id"])
        slice_id = await spool.lesson(camera_id=camera_id)
        stem = await spool.add(slice_id=slice_id, camera_id=camera_id, size=200_000, thumb=True)

        def storage(session: aiohttp.ClientSession) -> Storage:
            return HttpStorage(session, registered["storage"]["url"], lambda: who.token, Pace(0, SystemClock()))

        crashed = asyncio.Event()
        with monkeypatch.context() as patch:
            owner, name, is_it = STEPS[step]
            real = getattr(owner, name)

            async def dying(*args: Any, **kwargs: Any) -> Any:
                here = is_it(*args, **kwargs)
                result = await real(*args, **kwargs) if not here or after else None
                if here:
                    crashed.set()
                    await asyncio.Event().wait()  # until the process is killed
                return result

            patch.setattr(owner, name, dying)
            async with Agent(spool, server.url, who.token, storage).running():
                await asyncio.wait_for(crashed.wait(), LIMIT_SEC)
        again = Agent(spool, server.url, who.token, storage)
        async with again.running():
            await again.confirmed(stem)
        (record,) = (await api.ok("list_record"))["data"]
        assert record["file_src"] == stem
        async with http.get(server.url + record["file_fdfs"]) as played:
            assert await played.read() == (await spool.row(stem)).path.read_bytes()
