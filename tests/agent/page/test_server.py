"""The local page over HTTP: what it shows in both languages, whom it answers, and that its port never matters."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.config.model import LocalSection
from agent.journal import JournalThread
from agent.monitoring.readiness import Readiness
from agent.monitoring.tally import Tally
from agent.monitoring.watch import Watch
from agent.page import server
from agent.page.server import PageServer, Rooms
from agent.status import (
    CamerasView,
    DaemonView,
    GapView,
    LessonOutcome,
    LessonsView,
    QueueView,
    UploadsView,
    UploadView,
)
from tests.agent.rooms import rooms_in
from tests.agent.simulated import SimulatedClock
from tests.agent.views import NOW, STEM, alarm, channel, push, view
from tests.servers.ports import free_port

JPEG = b"\xff\xd8\xff\xe0 a picture"


def outcome(state: Any, start: float, **changes: Any) -> LessonOutcome:
    about = {"key": str(start), "camera_id": 1, "camera_name": "Room 101", "course_id": 7, "planned_start": start}
    return LessonOutcome(**{**about, "state": state, "planned_end": start + 2700, **changes})


class Sights:
    """What the page shows."""

    def __init__(self) -> None:
        self.shown = view()
        self.outcomes: tuple[LessonOutcome, ...] = ()
        self.files: tuple[UploadView, ...] = ()

    async def look(self) -> DaemonView:
        return self.shown

    async def lessons(self) -> LessonsView:
        day = "2027-01-15"
        return LessonsView(now=NOW, first_day=day, last_day=day, timezone="Asia/Shanghai", lessons=self.outcomes)

    def camera_views(self) -> CamerasView:
        return CamerasView(now=NOW)

    async def uploads_view(self) -> UploadsView:
        return UploadsView(now=NOW, queue=self.shown.queue, files=self.files, more=3)


class Visitor:
    """Somebody who asks."""

    def __init__(
        self, http: aiohttp.ClientSession, url: str, sights: Sights, folder: Path, running: asyncio.Task[None]
    ) -> None:
        self.http, self.url, self.sights, self.folder, self._running = http, url, sights, folder, running

    async def get(self, path: str, status: int = 200, headers: dict[str, str] | None = None) -> str:
        async with self.http.get(self.url + path, headers=headers, allow_redirects=False) as got:
            assert got.status == status, await got.text()
            assert "default-src 'none'" in got.headers["Content-Security-Policy"]
            assert "unsafe" not in got.headers["Content-Security-Policy"]
            return (await got.read()).decode(errors="replace")

    async def stop(self) -> None:
        """The daemon ends."""
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def page(self, language: str, path: str = "/") -> str:
        return await self.get(path, headers={"Accept-Language": language})


@contextlib.asynccontextmanager
async def visited(tmp_path: Path, **settings: Any) -> AsyncIterator[Visitor]:
    """The page server with these settings, and a visitor."""
    section = LocalSection(port=free_port(), **settings)
    sights = Sights()
    async with rooms_in(tmp_path / "rooms") as rooms, aiohttp.ClientSession() as http:
        watch = Watch(rooms.fleet, rooms.clock, tell=lambda _: None, relay=lambda name, data: None)
        ready = Readiness(rooms.journal, rooms.slices, SimulatedClock(0), lambda: 0.0)
        behind = Rooms(sights, ready, Tally(), watch, rooms.snapshots)
        running = asyncio.create_task(PageServer(section, behind).run())
        try:
            await listening(section.port)
            yield Visitor(http, f"http://127.0.0.1:{section.port}", sights, rooms.snapshots, running)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def listening(port: int) -> None:
    """Wait until somebody answers there."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)


@pytest.fixture
async def visitor(tmp_path: Path) -> AsyncIterator[Visitor]:
    async with visited(tmp_path) as found:
        yield found


class Balance(HTMLParser):
    """Checks that every element is closed in its place, and collects what a page loads."""

    EMPTY = frozenset({"meta", "link", "img", "rect", "input", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href", "data-from")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_a_good_day_in_both_languages(visitor: Visitor) -> None:
    visitor.sights.outcomes = (
        outcome("recorded", NOW - 7200, title="物理", coverage=1.0),
        outcome("coming", NOW + 900),
    )
    english, chinese = await visitor.page("en"), await visitor.page("zh-CN")
    for page in (english, chinese):
        assert all(address.startswith(("/", "data:")) for address in Balance(page).loaded)
        assert "物理" in page and "音乐" in page and "100.0 %" in page
        assert 'class="answer good"' in page
    assert "Yes, today 16:15: 音乐, Room 101." in english
    assert "Recording now: 数学, Room 101, until 16:15." in english
    assert "能。今天 16:15，音乐，Room 101。" in chinese
    assert 'lang="zh-CN"' in chinese and 'lang="en"' in english


async def test_a_lesson_that_is_being_lost_stands_at_the_top(visitor: Visitor) -> None:
    away = channel(state="waiting", cause="unauthorized", detail="401 Unauthorized", due=1)
    visitor.sights.shown = view(channels=(away,), alarms=(alarm(times=2),))
    lost = (GapView(since=NOW - 30, until=NOW, cause="unauthorized"),)
    visitor.sights.outcomes = (outcome("due", NOW - 1800, title="数学", coverage=0.98, gaps=lost),)
    english, chinese = await visitor.page("en", "/live"), await visitor.page("zh", "/live")
    assert 'class="answer bad"' in english
    assert "Right now Room 101 should be recorded and is not." in english
    assert "Not as things stand: today 16:15" in english
    assert "Room 101: the camera is not available (camera refused user or password)" in english
    assert "since 15:59:30, for 0:30 · no packet for 5 s · time 2" in english
    assert "15:59:30 – 16:00:00 · 30.0 s · camera refused user or password" in english
    assert "现在应录而未录：Room 101。" in chinese and "应录未录" in chinese
    Balance(english)


async def test_why_an_alarm_stands_is_told_in_the_readers_language(visitor: Visitor) -> None:
    kinds = {
        "dark": ("black", {"luma": 1.0}),
        "still": ("frozen", {"percent": 3.6, "sec": 10.0}),
        "quiet": ("silent", {"dbfs": -64.0}),
        "digital_silence": ("silent", {}),
        "no_sound_track": ("no_audio", {}),
        "sound_stays_away": ("no_audio", {}),
        "no_recorder": ("not_recording", {}),
    }
    alarms = [alarm(kind=kind, why=why, figures=figures, detail="ENGLISH") for why, (kind, figures) in kinds.items()]
    refused = alarm(why="unauthorized", detail="rtsp://10.0.0.9: 401 Unauthorized")
    visitor.sights.shown = view(alarms=(*alarms, refused, alarm(why="of_a_newer_agent", detail="a new reason")))
    english, chinese = await visitor.page("en", "/live"), await visitor.page("zh", "/live")
    for said in (
        "亮度都低于 1",
        "10 秒内仅 3.6% 的像素有变化",
        "电平 -64 dBFS",
        "声音数据全为零",
        "摄像头没有送出音轨",
    ):
        assert said in chinese
    assert "ENGLISH" not in chinese and "401 Unauthorized" not in chinese
    assert "· 摄像头拒绝用户名或密码" in chinese
    assert "below luma 1" in english and "3.6% of the pixels changed in 10 s" in english
    assert "· camera refused user or password: rtsp://10.0.0.9: 401 Unauthorized" in english
    assert all("a new reason" in page for page in (english, chinese)), "what has no words here is told as it came"


async def test_who_watches(visitor: Visitor) -> None:
    away = push(state="waiting", cause="refused", detail="403 Forbidden", retry_at=NOW + 5)
    visitor.sights.shown = view(channels=(channel(live=push()), channel(camera_id=2, live=away)))
    english, chinese = await visitor.page("en", "/live"), await visitor.page("zh", "/live")
    assert "live at rtmp://school/live/*** since 15:58:30" in english
    assert "live at rtmp://school/live/*** waits: the media server does not take the stream — check" in english
    assert "直播到 rtmp://school/live/*** 等待中：直播服务器拒绝接收 — 检查推流地址中的应用名和推流密钥" in chinese
    assert all("403 Forbidden (" in page for page in (english, chinese))
    assert "正在直播到 rtmp://school/live/***，自 15:58:30 起" in chinese


async def test_every_state_has_its_words(visitor: Visitor) -> None:
    states = ("coming", "due", "recording", "recorded", "partly", "missed", "not_due")
    visitor.sights.outcomes = tuple(outcome(state, NOW + 60 * i, coverage=0.5) for i, state in enumerate(states))
    channels = ("off", "starting", "connecting", "online", "waiting", "down")
    visitor.sights.shown = view(
        channels=tuple(channel(camera_id=i, state=state, sub_state="online") for i, state in enumerate(channels)),
        alarms=tuple(alarm(kind=kind) for kind in ("not_recording", "black", "frozen", "silent", "no_audio")),
        queue=QueueView(recorded=9, waiting_bytes=10**10, oldest=NOW - 10 * 86_400, error="503 <b>", paused=True),
        link="registered",
    )
    files = ("uploading", "waiting", "retrying", "paused", "stored")
    about = {"stem": STEM, "camera_id": 1, "camera_name": "", "course_id": 0, "slice_inx": 1, "media_sec": 60.0}
    visitor.sights.files = tuple(
        UploadView.model_validate({**about, "started_at": NOW, "size": 10**7, "state": state}) for state in files
    )
    for language in ("en", "zh"):
        page = await visitor.page(language)
        Balance(page)
        assert "503 &lt;b&gt;" in page
        assert "10.0 GB" in page and "2027-01-05" in page


async def test_pictures_are_shown_unless_their_owner_says_otherwise(tmp_path: Path) -> None:
    async with visited(tmp_path / "shown") as visitor:
        (visitor.folder / "live_1.jpg").write_bytes(JPEG)
        visitor.sights.shown = view(channels=(channel(snapshot_at=NOW - 5),))
        assert f"/pictures/1?{NOW - 5:.0f}" in await visitor.page("en")
        assert (await visitor.get("/pictures/1")).endswith("a picture")
        await visitor.get("/pictures/2", 404)
    async with visited(tmp_path / "hidden", pictures=False) as visitor:
        (visitor.folder / "live_1.jpg").write_bytes(JPEG)
        visitor.sights.shown = view(channels=(channel(snapshot_at=NOW - 5),))
        assert "/pictures/" not in await visitor.page("en")
        await visitor.get("/pictures/1", 404)


async def test_the_chosen_language_is_kept(visitor: Visitor) -> None:
    async with visitor.http.get(f"{visitor.url}/?lang=en", allow_redirects=False) as got:
        assert (got.status, got.headers["Location"]) == (303, "/")
        cookie = got.cookies["gather_lang"].value
    assert "Channels" in await visitor.get("/", headers={"Accept-Language": "zh", "Cookie": f"gather_lang={cookie}"})


async def test_nothing_can_be_changed_and_nobody_else_is_answered(tmp_path: Path) -> None:
    async with visited(tmp_path, names=["recorder.example"]) as visitor:
        for path in ("/", "/live", "/metrics", "/readyz", "/pictures/1"):
            async with visitor.http.post(visitor.url + path) as got:
                assert got.status == 405
            assert "local.names" in await visitor.get(path, 421, {"Host": "evil.example"})
        assert await visitor.get("/healthz", headers={"Host": "recorder.example:8481"}) == "ok\n"


async def test_health_readiness_and_metrics(visitor: Visitor) -> None:
    assert await visitor.get("/healthz") == "ok\n"
    assert '"ready": true' in await visitor.get("/readyz")
    assert "gather_ready 1.0" in await visitor.get("/metrics")
    visitor.folder.with_name("slices").rename(visitor.folder.with_name("unmounted"))
    answer = await visitor.get("/readyz", 503)
    assert '"ready": false' in answer and "No such file or directory" in answer
    assert "gather_ready 0.0" in await visitor.get("/metrics")


async def test_a_port_that_is_taken_is_named_once_and_used_as_soon_as_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "RETRY_SEC", 0.05)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = int(other.getsockname()[1])
        journal = JournalThread(tmp_path / "journal.sqlite")
        ready = Readiness(journal, tmp_path, SimulatedClock(0), lambda: 0.0)
        async with rooms_in(tmp_path / "rooms") as rooms:
            watch = Watch(rooms.fleet, rooms.clock, tell=lambda _: None, relay=lambda name, data: None)
            page = PageServer(LocalSection(port=port), Rooms(Sights(), ready, Tally(), watch, tmp_path))
            running = asyncio.create_task(page.run())
            async with asyncio.timeout(20):
                while "is taken" not in caplog.text:  # noqa: ASYNC110 - the log has no event
                    await asyncio.sleep(0.02)
            other.close()
            await listening(port)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await journal.close()
    assert caplog.text.count("is taken by another program (local.port)") == 1
