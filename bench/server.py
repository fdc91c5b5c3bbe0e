"""The embedded server: a million recordings, a thousand agents, fifty viewers of one channel."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bench.daemon import Running, daemon
from bench.measure import children, cpu_sec, machine, memory
from bench.school import School
from bench.serving import Serving, fill, serving
from recorder.sample import make_sample
from tests.servers.postgres import postgres

RECORDS = int(os.environ.get("BENCH_RECORDS", "1000000"))
CALLS = int(os.environ.get("BENCH_CALLS", "100"))
AGENTS = int(os.environ.get("BENCH_AGENTS", "1000"))
AGENTS_SEC = float(os.environ.get("BENCH_AGENTS_SEC", "60"))
VIEWERS = int(os.environ.get("BENCH_VIEWERS", "50"))
VIEWERS_SEC = float(os.environ.get("BENCH_VIEWERS_SEC", "20"))
_AT_A_TIME = 16
_WAIT_SEC = 60.0
_PAGES: dict[str, dict[str, Any]] = {
    "first page": {},
    "last page": {"cur": 10**9},
    "the page in the middle": {"cur": RECORDS // 20},
    "one channel, first page": {"camera_id": 7},
    "one channel, last page": {"camera_id": 7, "cur": 10**9},
    "one agent": {"gather_id": 7},
    "one course": {"course_id": 77},
    "a day of all": {"begin": "2024-12-02", "end": "2024-12-03"},
    "a month of one channel": {"begin": "2024-12-01", "end": "2025-01-01", "camera_id": 7},
    "100 rows": {"per": 100},
}


def run() -> None:
    """All three."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 16_384)), hard))
    wanted = os.environ.get("BENCH_SERVER", "records,postgres,agents,viewers").split(",")
    if "records" in wanted:
        with _home() as home:
            (home / "server").mkdir(mode=0o700)
            records(home, f"sqlite:///{home / 'server/server.sqlite'}", "SQLite")
    if "postgres" in wanted:
        with _home() as home, postgres() as database:
            records(home, database.database(), "PostgreSQL")
    if "agents" in wanted:
        with _home() as home, serving(home) as server:
            asyncio.run(agents(server))
    if "viewers" in wanted:
        with _home() as home:
            viewers(home)


# -- records


def records(home: Path, url: str, name: str) -> None:
    """Pages of `list_record` over HTTP."""
    seconds = fill(url, RECORDS)
    print(f"\n### list_record, {RECORDS:,} recordings, {name} (filled in {seconds:.0f} s)\n")
    with serving(home, "" if url.startswith("sqlite") else url) as server, machine() as busy:
        lines = asyncio.run(_pages(server))
    print("| | the server's CPU, ms | p50 ms | p95 ms | slowest ms | rows of |\n|---|--:|--:|--:|--:|--:|")
    print("\n".join(lines))
    print(f"\n{CALLS} calls of each, one after the other, after a first one; machine busy {busy.share:.0%}")


async def _pages(server: Serving) -> list[str]:
    lines = []
    async with aiohttp.ClientSession() as http:
        token = await server.token(http)
        for name, params in _PAGES.items():
            took = []
            await server.get(http, "list_record", token=token, **params)
            cpu = cpu_sec(server.pid)
            for _ in range(CALLS):
                began = time.perf_counter()
                answer = await server.get(http, "list_record", token=token, **params)
                took.append(time.perf_counter() - began)
            spent = (cpu_sec(server.pid) - cpu) / CALLS * 1000
            lines.append(f"| {name} | {spent:.1f} | {_ms(took)} | {answer['total_num']:,} |")
    return lines


# -- agents


async def agents(server: Serving) -> None:
    """A thousand of them, connected, telling how they are, and a command to each."""
    async with School(server, AGENTS) as school:
        began = time.perf_counter()
        await school.enrol()
        enrolled = time.perf_counter() - began
        print(f"\n### {AGENTS} agents on one server\n")
        began = time.perf_counter()
        await school.connect()
        print("| | |\n|---|--:|")
        print(f"| registered, a channel each | {enrolled:.1f} s |")
        print(f"| all connected and synced | {time.perf_counter() - began:.1f} s |")
        with machine() as busy:
            cpu, since = cpu_sec(server.pid), time.perf_counter()
            reports = await school.report(AGENTS_SEC)
            idle = (cpu_sec(server.pid) - cpu) / (time.perf_counter() - since)
            one_by_one = await school.command(_AT_A_TIME)
            at_once = await school.command(AGENTS)
        print(_line(f"reports, each agent one in 30 s, {len(reports)} of them", reports))
        print(_line(f"a command to each, {_AT_A_TIME} at a time", one_by_one))
        print(_line("a command to each, all at once", at_once))
        print(f"| the server's CPU while they report, of a core | {idle:.1%} |")
        print(f"| the server's memory, PSS | {memory([server.pid])[0]:.0f} MiB |")
        print(f"| commands that were not done, links that dropped | {school.refused}, {school.dropped} |")
        print(f"\nmachine busy {busy.share:.0%}; the simulated agents take as much of it as the server")


def _line(what: str, took: list[float]) -> str:
    median, late, slowest = _ms(took, 0.99).split(" | ")
    return f"| {what} | p50 {median}, p99 {late}, slowest {slowest} ms |"


# -- viewers


def viewers(home: Path) -> None:
    """What those who look at a channel cost its agent."""
    film = make_sample(home / "film.mp4", seconds=20, width=1280, height=720)
    (home / "agent").mkdir()
    with serving(home / "serve") as server, daemon(home / "agent", server.url, key=server.enrol_key) as running:
        lines = asyncio.run(_watched(server, running, film))
    print(f"\n### {VIEWERS} viewers of one channel\n")
    print("| viewers | the agent's CPU, of a core | pushes | the server's CPU | bytes a viewer a second |")
    print("|--:|--:|--:|--:|--:|")
    print("\n".join(lines))


async def _watched(server: Serving, running: Running, film: Path) -> list[str]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        token = await server.token(http)
        gather_id = await _registered(server, http, token)
        new = {"camera_name": "room", "gather_id": gather_id, "grade_id": 4, "stream_prop": 1, "stream_mp4": str(film)}
        camera_id = (await server.get(http, "add_camera", token=token, **new))["camera_id"]
        await _until_online(server, http, token, camera_id)
        page = (await server.get(http, "play_camera", token=token, camera_id=camera_id))["play_url"]
        stream = page.partition("?")[0].replace("/play/camera/", "/live/") + ".flv"
        quiet = set(_family(running.process.pid))
        numbers = (0, 1, VIEWERS, 1, VIEWERS)
        return [await _with_viewers(number, server, running, http, stream, quiet) for number in numbers]


async def _registered(server: Serving, http: aiohttp.ClientSession, token: str) -> int:
    """The agent, which is ready to record before it has asked any server."""
    async with asyncio.timeout(_WAIT_SEC):
        while not (found := (await server.get(http, "list_gather", token=token))["data"]):  # noqa: ASYNC110 - as below
            await asyncio.sleep(0.2)
    return int(found[0]["gather_id"])


async def _until_online(server: Serving, http: aiohttp.ClientSession, token: str, camera_id: int) -> None:
    status = 0
    while status != 1:
        await asyncio.sleep(0.2)  # API v1 can only be asked again
        status = (await server.get(http, "get_camera_status", token=token, camera_id=camera_id))["status"]


async def _with_viewers(
    number: int, server: Serving, running: Running, http: aiohttp.ClientSession, stream: str, quiet: set[int]
) -> str:
    seen = [0] * number
    tasks = [asyncio.create_task(_watch(http, stream, seen, place)) for place in range(number)]
    async with asyncio.timeout(_WAIT_SEC):
        while not all(seen):  # noqa: ASYNC110 - fifty readers, and one who looks at them
            await asyncio.sleep(0.1)
    await asyncio.sleep(2)
    pids = _family(running.process.pid)
    before, served = {pid: cpu_sec(pid) for pid in pids}, cpu_sec(server.pid)
    bytes_before = sum(seen)
    await asyncio.sleep(VIEWERS_SEC)
    spent = sum(cpu_sec(pid) - before[pid] for pid in pids) / VIEWERS_SEC
    served = (cpu_sec(server.pid) - served) / VIEWERS_SEC
    rate = (sum(seen) - bytes_before) / max(1, number) / VIEWERS_SEC
    pushes = len([pid for pid in pids if pid not in quiet])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return f"| {number} | {spent:.1%} | {pushes} | {served:.1%} | {rate:,.0f} |"


async def _watch(http: aiohttp.ClientSession, stream: str, seen: list[int], place: int) -> None:
    async with http.get(stream, timeout=aiohttp.ClientTimeout(total=None)) as response:
        async for data in response.content.iter_any():
            seen[place] += len(data)


def _family(pid: int) -> list[int]:
    found = [pid]
    for child in children(pid):
        found += _family(child)
    return found


def _ms(took: list[float], tail: float = 0.95) -> str:
    ordered = sorted(took)
    late = ordered[min(len(ordered) - 1, int(len(ordered) * tail))]
    return f"{statistics.median(took) * 1000:.1f} | {late * 1000:.1f} | {ordered[-1] * 1000:.1f}"


@contextmanager
def _home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="gather-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
