"""The daemon: cold start, commands over the relay, what it costs when idle, and with a long journal and timetable."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from agent.journal import Journal
from agent.state import AgentState
from agent.wire.models import GatherSettings, Sync, WireCamera, WireCourse
from bench.measure import children, cpu_sec, machine, memory
from bench.stalls import TOLD_SEC
from recorder.sample import make_sample

STARTS = int(os.environ.get("BENCH_STARTS", "5"))
IDLE_SEC = float(os.environ.get("BENCH_IDLE", "30"))
COMMANDS = int(os.environ.get("BENCH_COMMANDS", "300"))
ROWS, COURSES, CAMERAS, SLICES_A_LESSON = 100_000, 10_000, 100, 10
_LIMIT_SEC = 60.0
_CPU_GOAL, _PSS_GOAL, _STALL_GOAL = 0.005, 60.0, 0.050


# -- a daemon as a process of its own


@dataclass
class Running:
    """A daemon that is ready."""

    process: subprocess.Popen[str]
    home: Path
    ready_sec: float
    lines: list[tuple[float, str]]
    began_at: float

    def ask(self, path: str) -> bytes:
        """An answer of the control socket."""
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(_LIMIT_SEC)
            door.connect(str(self.home / "run/control.sock"))
            door.sendall(f"GET {path} HTTP/1.0\r\nHost: local\r\n\r\n".encode())
            answer = b"".join(iter(lambda: door.recv(1 << 20), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b" 200 " in head.split(b"\r\n")[0], head
        return body

    def line_after(self, wanted: str) -> float:
        """Seconds from the start to the first log line with this in it."""
        end = time.monotonic() + _LIMIT_SEC
        while time.monotonic() < end:
            for at, line in list(self.lines):
                if wanted in line:
                    return at - self.began_at
            time.sleep(0.005)
        raise AssertionError(f"no line with {wanted!r}:\n" + "".join(line for _, line in self.lines))


@contextmanager
def daemon(home: Path, server: str = "", *, key: str = "benchmark", stalls: Path | None = None) -> Iterator[Running]:
    """Starts one, waits until it is ready, ends it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(home / "notify"))
        manager.settimeout(_LIMIT_SEC)
        env = {**os.environ, "NOTIFY_SOCKET": str(home / "notify"), "GATHER__LOCAL__PORT": str(_free_port())}
        env |= {"GATHER__TIME__ZONE": _zone(), "GATHER__SERVER__URL": server, "GATHER__SERVER__ENROL_KEY": key}
        wrapped = ["-m", "bench.stalls", str(stalls)] if stalls else ["-m", "agent.cli"]
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *wrapped, "run", "--home", str(home)], env=env, stderr=subprocess.PIPE, text=True
        )
        lines: list[tuple[float, str]] = []
        reading = threading.Thread(target=_read, args=(process, lines), daemon=True)
        reading.start()
        try:
            while b"READY=1" not in manager.recv(4096):
                pass
            yield Running(process, home, time.monotonic() - began, lines, began)
        finally:
            process.terminate()
            process.wait(_LIMIT_SEC)
            reading.join()
            (home / "notify").unlink()


def _read(process: subprocess.Popen[str], lines: list[tuple[float, str]]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        lines.append((time.monotonic(), line))  # noqa: PERF401 - each at its own time
    process.stderr.close()


# -- a server that does nothing but answer


class Server:
    """Registers whoever comes, confirms every report, and gives orders over the relay."""

    def __init__(self) -> None:
        self.url = ""
        self.socket: asyncio.Future[web.WebSocketResponse] = asyncio.get_running_loop().create_future()
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0

    async def __aenter__(self) -> Server:
        app = web.Application()
        app.router.add_get("/relay", self._relay)
        app.router.add_post("/gather/v1/register", self._register)
        app.router.add_post("/{rest:.*}", self._confirm)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _register(self, _: web.Request) -> web.Response:
        relay = self.url.replace("http", "ws", 1) + "/relay"
        about = {"gather_id": 1, "token": "a-token-of-the-benchmark", "relay_url": relay, "server_time": time.time()}
        return web.json_response({"err_code": 0, "err_msg": "OK", **about, "timezone": _zone()})

    async def _confirm(self, _: web.Request) -> web.Response:
        return web.json_response({"err_code": 0, "err_msg": "OK"})

    async def _relay(self, request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse(max_msg_size=16 << 20)
        await connection.prepare(request)
        async for message in connection:
            frame = json.loads(message.data)
            if "hello" in frame:
                self.socket.set_result(connection)
            elif (waiting := self._answers.get(str(frame.get("id")))) is not None:
                waiting.set_result(frame)
        return connection

    async def sync(self, sync: Sync) -> None:
        """The whole state."""
        connection = await asyncio.wait_for(asyncio.shield(self.socket), _LIMIT_SEC)
        await connection.send_str(json.dumps({"sync": sync.model_dump(mode="json")}))

    async def order(self, cmd: str, data: dict[str, Any]) -> float:
        """Seconds until a command is done."""
        connection = await asyncio.wait_for(asyncio.shield(self.socket), _LIMIT_SEC)
        self._number += 1
        name = str(self._number)
        self._answers[name] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await connection.send_str(json.dumps({"id": name, "cmd": cmd, "rev": 0, "data": data}))
        frame = await asyncio.wait_for(self._answers[name], _LIMIT_SEC)
        assert frame["err_code"] == 0, frame
        return time.perf_counter() - began


# -- what it is fed with


def lesson_now(film: Path) -> Sync:
    """A channel that plays the film, and a lesson on it that has just begun and goes on for an hour."""
    now = datetime.now(ZoneInfo(_zone()))
    course = WireCourse(
        course_id=1,
        camera_id=1,
        week_id=now.isoweekday() % 7,
        elapse_sec=3600,
        start_time=f"{now:%H:%M:%S}",
        title="bench",
    )
    camera = WireCamera(
        camera_id=1,
        camera_name="room 1",
        stream_prop=1,
        stream_mp4=str(film),
        courses=(course,),
    )
    return Sync(rev=1, gather=GatherSettings(auto_dvr=1), cameras=(camera,))


def school() -> Sync:
    """Ten thousand courses on a hundred channels, all switched off: none has a lesson at noon."""
    a_camera = COURSES // CAMERAS
    cameras = []
    for camera_id in range(1, CAMERAS + 1):
        courses = tuple(
            WireCourse(
                course_id=camera_id * a_camera + number,
                camera_id=camera_id,
                week_id=number % 7,
                start_time=f"{1 + number // 7 % 8:02}:{number // 56 * 25:02}:00",
                elapse_sec=1200,
                title=f"course {number}",
            )
            for number in range(a_camera)
        )
        cameras.append(WireCamera(camera_id=camera_id, camera_name=f"room {camera_id}", stream_url="", courses=courses))
    return Sync(rev=1, gather=GatherSettings(), cameras=tuple(cameras))


def fill_journal(path: Path) -> None:
    """A hundred thousand slices of ten thousand lessons, all confirmed but the newest thousand."""
    Journal(path).close()
    now = time.time()
    lessons = ROWS // SLICES_A_LESSON
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        for lesson in range(lessons):
            start = now - (lessons - lesson) * 600.0
            slice_id = int(start * 1000)
            camera_id = 1 + lesson % CAMERAS
            db.execute(
                "INSERT INTO recording (slice_id, key, camera_id, course_id, subject_id, teacher_id, title,"
                " planned_start, planned_end, began_at, ended_at, last_inx, revision, reported)"
                " VALUES (?, ?, ?, ?, 0, 0, 'lesson', ?, ?, ?, ?, ?, 1, 1)",
                (slice_id, f"bench:{lesson}", camera_id, lesson, start, start + 500, start, start + 500, 10),
            )
            state = 3 if lesson < lessons - 100 else 1
            db.executemany(
                "INSERT INTO slice (stem, slice_id, slice_inx, camera_id, course_id, path, started_at, media_sec,"
                " overlap_sec, size, sha256, video, audio, repaired, state)"
                " VALUES (?, ?, ?, ?, ?, '/nowhere', ?, 50, 0, 25000000, '', 'h264', 'aac', 0, ?)",
                [
                    (f"{lesson}_{inx}", slice_id, inx, camera_id, lesson, start + inx * 50.0, state)
                    for inx in range(SLICES_A_LESSON)
                ],
            )


# -- the measurements


def cold_start(film: Path) -> None:
    """From exec to READY=1, and to the first packet of a lesson that is on already."""
    ready, cpu, first = [], [], []
    for _ in range(STARTS):
        with _home() as home:
            AgentState(home / "state").take_sync(lesson_now(film))
            with daemon(home) as running:
                ready.append(running.ready_sec)
                cpu.append(cpu_sec(running.process.pid))
                first.append(running.line_after("records bench"))
    _row("cold start to ready", _spread(ready), "")
    _row("the same, CPU time", _spread(cpu), "")
    _row("cold start to the first packet of a due lesson (film as camera)", _spread(first), "")


async def idle() -> None:
    """A registered daemon without channels: nothing to do."""
    async with Server() as server:
        with _home() as home, daemon(home, server.url) as running:
            await server.sync(Sync(rev=1, gather=GatherSettings()))
            await asyncio.sleep(5)
            pid = running.process.pid
            with machine() as busy:
                before, began = cpu_sec(pid), time.monotonic()
                await asyncio.sleep(IDLE_SEC)
                share = (cpu_sec(pid) - before) / (time.monotonic() - began)
            pss, private = memory([pid])
            rest = memory(children(pid))[0]
    _row("idle daemon, CPU of a core", f"{share:.2%} (machine busy {busy.share:.0%})", _goal(share, _CPU_GOAL, "0.5 %"))
    _row("idle daemon, PSS", f"{pss:.0f} MiB, private {private:.0f}", _goal(pss, _PSS_GOAL, "60 MiB"))
    _row("its fork server, PSS", f"{rest:.0f} MiB", "")


async def commands(film: Path) -> None:
    """Commands one after the other, while a lesson is being recorded."""
    async with Server() as server:
        with _home() as home, daemon(home, server.url) as running:
            await server.sync(lesson_now(film))
            await asyncio.to_thread(running.line_after, "records bench")
            course = {"course_id": 9, "camera_id": 1, "week_id": 0, "elapse_sec": 60, "start_time": "03:00:00"}
            orders: dict[str, dict[str, Any]] = {
                "start_camera": {"camera_id": 1},
                "set_course": {"camera_id": 1, "courses": [{**course, "is_delete": 2}]},
                "mod_gather": GatherSettings(auto_dvr=1).model_dump(),
            }
            for cmd, data in orders.items():
                took = [await server.order(cmd, data) for _ in range(COMMANDS)]
                _row(f"relay command `{cmd}` to done", _percentiles(took), "")
            took = [await server.order("snapshot", {"camera_id": 1}) for _ in range(COMMANDS // 10)]
            _row("relay command `snapshot` to done", _percentiles(took), "")


async def full(film: Path) -> None:
    """A long journal, a big timetable, a lesson on: what people and the server ask, the longest stall of the loop."""
    async with Server() as server:
        with _home() as home:
            fill_journal(home / "state/journal.sqlite")
            report = home / "stalls.json"
            with daemon(home, server.url, stalls=report) as running:
                ready = running.ready_sec
                everything = school()
                filmed = lesson_now(film).cameras[0]
                first = everything.cameras[0]
                first = filmed.model_copy(update={"courses": (*first.courses, *filmed.courses)})
                began = time.monotonic()
                await server.sync(everything.model_copy(update={"cameras": (first, *everything.cameras[1:])}))
                for camera in everything.cameras[1:]:
                    await server.order("stop_camera", {"camera_id": camera.camera_id})
                await asyncio.to_thread(running.line_after, "records bench")
                settled = time.monotonic() - began
                rows = {
                    path: [await _timed(lambda path=path: asyncio.to_thread(running.ask, path)) for _ in range(20)]  # type: ignore[misc]
                    for path in ("/status", "/lessons", "/lessons?days=31", "/cameras", "/uploads")
                }
                reconciles = [await server.order("start_camera", {"camera_id": 1}) for _ in range(50)]
                course = {"course_id": 1_000_000, "week_id": 1, "elapse_sec": 60, "start_time": "04:00:00"}
                for camera_id in range(1, 21):
                    data = {"camera_id": camera_id, "courses": [course]}
                    reconciles.append(await server.order("set_course", data))
                await asyncio.sleep(10)
            stalls: list[dict[str, Any]] = json.loads(report.read_text()) if report.exists() else []
    _row(f"start to ready with {ROWS} slices in the journal", f"{ready * 1000:.0f} ms", "")
    _row(f"sync with {COURSES} courses, 99 channels stopped, lesson begun", f"{settled:.1f} s", "")
    for path, took in rows.items():
        _row(f"`GET {path}`, that much in journal and timetable", _percentiles(took), "")
    _row("command that reconciles, the same", _percentiles(reconciles), "")
    stalls.sort(key=lambda one: -one["lasted"])
    longest = stalls[0]["lasted"] if stalls else TOLD_SEC
    figure = f"{'' if stalls else 'under '}{longest * 1000:.0f} ms"
    _row("longest stall of the event loop, the same", figure, _goal(longest, _STALL_GOAL, "50 ms"))
    for one in stalls[:10]:
        beside = f" (beside {one['others']})" if one["others"] else ""
        lasted = f"{one['lasted'] * 1000:.0f} ms, {one['collected'] * 1000:.0f} of it the collector's"
        _row(f"— stood still at {one['place']}{beside}", lasted, "")


async def _timed(call: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await call()
    return time.perf_counter() - began


def run() -> None:
    """The table."""
    print("\n## Daemon\n\n| what | figure | goal |\n|---|---|---|")
    wanted = os.environ.get("BENCH_DAEMON", "start,idle,commands,full").split(",")
    with _home() as folder:
        film = make_sample(folder / "film.mp4", seconds=20, width=640, height=360)
        if "start" in wanted:
            cold_start(film)
        if "idle" in wanted:
            asyncio.run(idle())
        if "commands" in wanted:
            asyncio.run(commands(film))
        if "full" in wanted:
            asyncio.run(full(film))


def _row(what: str, figure: str, goal: str) -> None:
    print(f"| {what} | {figure} | {goal} |", flush=True)


def _goal(value: float, goal: float, text: str) -> str:
    return f"{'met' if value <= goal else '**missed**'} ({text})"


def _spread(values: Sequence[float]) -> str:
    return f"median {statistics.median(values) * 1000:.0f} ms, worst {max(values) * 1000:.0f} ms of {len(values)}"


def _percentiles(values: Sequence[float]) -> str:
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"p50 {statistics.median(ordered) * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms of {len(ordered)}"


@functools.cache
def _zone() -> str:
    """A zone in which it is about noon, so that an hour's lesson ends today; the same for the whole run."""
    offset = 12 - datetime.now(ZoneInfo("UTC")).hour
    return f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"


@contextmanager
def _home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="gather-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    run()
