"""A file, and a queue of them, into each kind of storage, against its usual client: same server, same run, in turns."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import multiprocessing
import multiprocessing.queues
import os
import resource
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import aiohttp
import boto3
from botocore.config import Config

from agent.clock import SystemClock
from agent.config.model import UploadSection
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.storage.base import Storage
from agent.storage.fastdfs.storage import FastDfsStorage
from agent.storage.folder import FolderStorage
from agent.storage.http import HttpStorage
from agent.storage.pace import Pace
from agent.storage.s3.storage import S3Storage
from agent.storage.webdav import DavStorage
from bench.line import on_a_line
from bench.recorders import folder
from tests.servers import dav_nginx
from tests.servers.dav_nginx import dav_server
from tests.servers.fastdfs import FastDfs
from tests.servers.s3_moto import BUCKET, S3Server, s3_server
from tests.servers.s3_weed import weed_server
from tests.standalone.helpers import ScriptedAgent

MB = int(os.environ.get("BENCH_MB", "128"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
LINE = os.environ.get("BENCH_LINE", "")
QUEUE = 16
"""Files of a queue, each a quarter as large as the single one."""
START_SEC = 60.0

Put = Callable[[Sequence[Path]], None]
"""Brings files to a storage under their names."""


@dataclass(frozen=True)
class Race:
    """Two ways into one storage."""

    kind: str
    usual: str
    ours: Put
    theirs: Put
    forget: Callable[[str], object] = str
    """Called with each name after a round, not measured: what keeps files in memory need not keep them, and new memory
    costs a virtual machine more than memory that was used before.
    """
    files: tuple[int, ...] = (1, QUEUE)
    """How many at a time, one table row each."""


def run() -> None:
    """The table."""
    if LINE:
        on_a_line(LINE)
    print(f"\n## Uploads\n\nNoise over {f'a line of {LINE}' if LINE else 'loopback'}; medians of {ROUNDS}, in turns.\n")
    print("| storage | usual client | files | ours | usual | ours / usual, half of the rounds | CPU of ours | usual |")
    print("|---|---|---|--:|--:|--:|--:|--:|")
    with folder() as place:
        films = {1: _noise(place / "film", MB), QUEUE: _noise(place / "part", MB // 4)}
        for kind in os.environ.get("BENCH_STORAGE", ",".join(RACES)).split(","):
            with contextlib.ExitStack() as stack:
                for race in RACES[kind](place, stack):
                    for count in race.files:
                        _run(race, films[count], count)


def _noise(file: Path, megabytes: int) -> Path:
    with file.open("wb") as out:
        for _ in range(megabytes):
            out.write(os.urandom(1_000_000))
    return file


def _run(race: Race, film: Path, count: int) -> None:
    sent = film.stat().st_size / 1e6 * count
    mine: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        for put, times in ((race.ours, mine), (race.theirs, theirs)):
            with _named(film, count) as files:
                times.append(_timed(put, files))
                for file in files:
                    race.forget(file.name)
    ratios = sorted(usual / ours for (ours, _), (usual, _) in zip(mine, theirs, strict=True))
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    speeds = [sent / median(wall for wall, _ in rounds) for rounds in (mine, theirs)]
    cpu = [median(cpu for _, cpu in rounds) for rounds in (mine, theirs)]
    print(
        f"| {race.kind} | {race.usual} | {count} × {sent / count:.0f} MB | {speeds[0]:.0f} MB/s | {speeds[1]:.0f} MB/s "
        f"| **{median(ratios):.2f}**, {low:.2f} to {high:.2f} | {cpu[0]:.2f} s | {cpu[1]:.2f} s |",
        flush=True,
    )


@contextlib.contextmanager
def _named(film: Path, count: int) -> Iterator[list[Path]]:
    """The same content under new names, in a folder where nothing else is."""
    folder = film.with_suffix(".queue")
    folder.mkdir()
    files = [folder / f"{os.urandom(16).hex()}_7_1800000000_5_11_{number}_60.mp4" for number in range(count)]
    for file in files:
        file.hardlink_to(film)
        _checksum(file)
    yield files
    shutil.rmtree(folder)


def _timed(put: Put, files: Sequence[Path]) -> tuple[float, float]:
    cpu, began = _cpu(), time.monotonic()
    put(files)
    return time.monotonic() - began, _cpu() - cpu


def _cpu() -> float:
    """Of this process and of the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _folder(place: Path, _: contextlib.ExitStack) -> Iterator[Race]:
    share = place / "share"
    share.mkdir()

    def copied(files: Sequence[Path]) -> None:
        subprocess.run(["cp", *files, share], check=True)
        subprocess.run(["sync", *(share / file.name for file in files), share], check=True)

    yield Race(
        "folder", "`cp`, `sync`", _ours(lambda: FolderStorage(share)), copied, lambda name: (share / name).unlink()
    )
    shutil.rmtree(share)


def _http(place: Path, stack: contextlib.ExitStack) -> Iterator[Race]:
    url, token = stack.enter_context(_process(_serve_http, place / "server"))
    to_server = _ours(lambda: HttpStorage(aiohttp.ClientSession(), url, lambda: token, _pace()))
    curl = partial(_curl, url, [f"Authorization: Bearer {token}"], digest=True)

    def forget(name: str) -> None:
        for file in (place / "server/recordings").glob(f"*/{name}"):
            file.unlink()

    yield Race("server (HTTP)", "`curl -T`", to_server, curl, forget)
    at_once = partial(curl, at_once=True)
    yield Race("server (HTTP)", "`curl -Z -T`, all at once", to_server, at_once, forget, (QUEUE,))


def _webdav(place: Path, stack: contextlib.ExitStack) -> Iterator[Race]:
    (place / "dav").mkdir()
    dav = stack.enter_context(dav_server(place / "dav"))
    user = (dav_nginx.USER, dav_nginx.PASSWORD)
    header = f"Authorization: Basic {base64.b64encode(':'.join(user).encode()).decode()}"
    curl = partial(_curl, dav.url, [header])

    def there_and_back(files: Sequence[Path]) -> None:
        for file in files:
            curl([file])
            with subprocess.Popen(["curl", "-sfH", header, f"{dav.url}/{file.name}"], stdout=subprocess.PIPE) as back:
                assert subprocess.run(["cmp", "-", file], stdin=back.stdout, check=False).returncode == 0

    def forget(name: str) -> None:
        (dav.root / "dav" / name).unlink()

    to_dav = _ours(lambda: DavStorage(aiohttp.ClientSession(), dav.url, _pace(), user=user[0], password=user[1]))
    yield Race("WebDAV (nginx)", "`curl -T`, `curl` back into `cmp`", to_dav, there_and_back, forget)
    yield Race("WebDAV (nginx)", "`curl -T`, nothing compared", to_dav, curl, forget)
    at_once = partial(curl, at_once=True)
    yield Race("WebDAV (nginx)", "`curl -Z -T`, all at once, nothing compared", to_dav, at_once, forget, (QUEUE,))


def _s3(place: Path, stack: contextlib.ExitStack) -> Iterator[Race]:
    servers = {"moto": s3_server, "SeaweedFS": weed_server}
    for kind, serve in servers.items():
        (place / kind).mkdir()
        server = stack.enter_context(serve(place / kind))
        client = boto3.client(
            "s3",
            endpoint_url=server.url,
            aws_access_key_id=server.who.access_key,
            aws_secret_access_key=server.who.secret_key,
            region_name="us-east-1",
            # As S3-compatible storages want it, and as ours does it: both then ask the same of the server.
            config=Config(request_checksum_calculation="when_required"),
        )
        ours = _ours(partial(_s3_storage, server))
        forget = partial(_delete, server)
        boto = partial(_upload_files, client)
        yield Race(f"S3 ({kind})", "boto3 `upload_file`", ours, boto, forget, (1,))
        if shutil.which("rclone"):
            # moto answers 500 now and then where two files arrive at once.
            files = (1,) if kind == "moto" else (1, QUEUE)
            yield Race(f"S3 ({kind})", "`rclone copy`", ours, partial(_rclone, server), forget, files)


def _s3_storage(server: S3Server) -> Storage:
    return S3Storage(aiohttp.ClientSession(), server.url, server.who, _pace(), bucket=BUCKET)


def _upload_files(client: Any, files: Sequence[Path]) -> None:
    for file in files:
        client.upload_file(str(file), BUCKET, file.name)


def _delete(server: S3Server, name: str) -> None:
    server.ask("DELETE", f"/{BUCKET}/{name}")


def _rclone(server: S3Server, files: Sequence[Path]) -> None:
    said = {
        "RCLONE_CONFIG": os.devnull,
        "RCLONE_S3_PROVIDER": "Other",
        "RCLONE_S3_NO_CHECK_BUCKET": "true",
        "RCLONE_S3_ENDPOINT": server.url,
        "RCLONE_S3_ACCESS_KEY_ID": server.who.access_key,
        "RCLONE_S3_SECRET_ACCESS_KEY": server.who.secret_key,
    }
    env = {"PATH": os.defpath, "HOME": str(Path.home()), **said}
    subprocess.run(["rclone", "copy", files[0].parent, f":s3:{BUCKET}"], check=True, env=env)


def _fastdfs(place: Path, stack: contextlib.ExitStack) -> Iterator[Race]:
    port, storage = stack.enter_context(_process(_serve_fastdfs, place))
    yield Race(
        "FastDFS (double)",
        "one upload command over a socket, nothing compared",
        _ours(lambda: FastDfsStorage([("127.0.0.1", int(port))], "", _pace(), place / "notes")),
        partial(_one_command_each, int(storage)),
    )


RACES = {"folder": _folder, "http": _http, "webdav": _webdav, "s3": _s3, "fastdfs": _fastdfs}


def _pace() -> Pace:
    return Pace(0, SystemClock())


def _ours(make: Callable[[], Storage]) -> Put:
    """As the daemon sends them: `upload.parallel` at a time."""

    def put(files: Sequence[Path]) -> None:
        async def work() -> None:
            storage, free = make(), asyncio.Semaphore(UploadSection().parallel)

            async def one(file: Path) -> None:
                async with free:
                    await storage.put(file, file.name, _checksum(file))

            await asyncio.gather(*map(one, files))
            await storage.close()
            if isinstance(storage, HttpStorage):
                await storage._session.close()

        asyncio.run(work())

    return put


_known: dict[int, str] = {}


def _checksum(file: Path) -> str:
    """As the recorder has told it, before anything is measured; names of the same content share it."""
    content = file.stat().st_ino
    if content not in _known:
        with file.open("rb") as film:
            _known[content] = hashlib.file_digest(film, "sha256").hexdigest()
    return _known[content]


def _digest_header(file: Path) -> str:
    return f"Content-Digest: sha-256=:{base64.b64encode(bytes.fromhex(_checksum(file))).decode()}:"


def _curl(url: str, headers: list[str], files: Sequence[Path], *, digest: bool = False, at_once: bool = False) -> None:
    """One program for all of them, over one connection where they go in turn."""
    given = [*headers, *([_digest_header(files[0])] if digest else [])]
    said = [argument for header in given for argument in ("-H", header)]
    sent = [argument for file in files for argument in ("-o", os.devnull, "-T", file, f"{url}/{file.name}")]
    way = ["-Z", "--no-progress-meter"] if at_once else []
    subprocess.run(["curl", "-sf", *way, *said, *sent], check=True)


def _one_command_each(port: int, files: Sequence[Path]) -> None:
    """Command 11, as the first implementation's desktop client sends a file."""
    for file in files:
        size = file.stat().st_size
        with socket.create_connection(("127.0.0.1", port)) as line, file.open("rb") as content:
            line.sendall(struct.pack(">qBB", 15 + size, 11, 0) + b"\0" + struct.pack(">q6s", size, b"mp4"))
            line.sendfile(content)
            assert line.recv(10, socket.MSG_WAITALL)[9] == 0


# -- servers in processes of their own: they share no interpreter with the client that is measured


Told: TypeAlias = "multiprocessing.queues.Queue[tuple[str, str]]"


@contextlib.contextmanager
def _process(serve: Callable[[Path, Told], None], place: Path) -> Iterator[tuple[str, str]]:
    spawn = multiprocessing.get_context("spawn")
    told: Told = spawn.Queue()
    process = spawn.Process(target=serve, args=(place, told), daemon=True)
    process.start()
    try:
        yield told.get(timeout=START_SEC)
    finally:
        process.kill()
        process.join()


def _serve_http(place: Path, told: Told) -> None:
    async def serve() -> None:
        server = EmbeddedServer(ServerSettings(data_dir=place))
        await server.start()
        async with aiohttp.ClientSession() as http:
            agent = ScriptedAgent(server, http)
            await agent.register()
        told.put((f"{server.url}/gather/v1/files", agent.token))
        await asyncio.Event().wait()

    asyncio.run(serve())


class _Forgetful(FastDfs):
    """Keeps the latest files, those that are still arriving among them."""

    async def _upload(self, reader: asyncio.StreamReader, length: int, *, appender: bool) -> bytes:
        while len(self.files) > 2 * UploadSection().parallel:
            del self.files[next(iter(self.files))]
        return await super()._upload(reader, length, appender=appender)


def _serve_fastdfs(_: Path, told: Told) -> None:
    async def serve() -> None:
        async with _Forgetful().serve() as server:
            told.put((str(server.tracker_port), str(server.storage_port)))
            await asyncio.Event().wait()

    asyncio.run(serve())
