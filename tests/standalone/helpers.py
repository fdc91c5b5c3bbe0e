"""A caller of API v1 and a scripted agent, both over real sockets."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import io
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from yarl import URL

from agent.standalone.server import EmbeddedServer

ZONE = ZoneInfo("Asia/Shanghai")
TUESDAY = datetime(2026, 11, 24, 10, 0, tzinfo=ZONE).timestamp()
JPEG = b"\xff\xd8\xff\xe0 a picture"


class FakeClock:
    """Unix seconds that stand until they are moved."""

    def __init__(self, now: float = TUESDAY) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass
class Api:
    """Calls API v1 in one of its two forms, with a token unless told otherwise."""

    http: aiohttp.ClientSession
    server: EmbeddedServer
    form: Literal["query", "path"] = "query"
    token: str = ""

    async def sign_in(self) -> None:
        """Get a token."""
        answer = await self.call("access_token", unionid=self.server.credential)
        assert answer["err_code"] == 0, answer
        self.token = answer["token"]

    async def get(self, endpoint: str, **params: Any) -> dict[str, Any]:
        """The answer to a call with the token."""
        return await self.call(endpoint, token=self.token, **params)

    async def ok(self, endpoint: str, **params: Any) -> dict[str, Any]:
        """The answer to a call that must succeed."""
        answer = await self.get(endpoint, **params)
        assert answer["err_code"] == 0, answer
        return answer

    async def code(self, endpoint: str, **params: Any) -> int:
        """The code of a call."""
        return int((await self.get(endpoint, **params))["err_code"])

    async def call(self, endpoint: str, **params: Any) -> dict[str, Any]:
        """The answer to a call with just these parameters."""
        async with self.http.get(self.url(endpoint, params)) as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == "application/json; charset=utf-8"
            body: dict[str, Any] = json.loads(await response.text())
            return body

    def url(self, endpoint: str, params: dict[str, Any]) -> URL:
        """The address of a call."""
        address = f"{self.server.url}/api/v1/{endpoint}"
        if self.form == "query":
            return URL(f"{address}?{urlencode(params)}", encoded=True)
        pairs = "".join(f"/{name}/{quote(str(value), safe='')}" for name, value in params.items())
        return URL(address + pairs, encoded=True)


OWNER = {"name": "Owner", "password": "correct horse battery"}


async def set_up(server: EmbeddedServer, http: aiohttp.ClientSession) -> int:
    """The console's first run: an owner, who is signed in afterwards. The status of the answer."""
    data = OWNER | {"again": OWNER["password"]}
    async with http.post(f"{server.url}/console/set-up", data=data, allow_redirects=False) as response:
        return response.status


async def sign_in(
    server: EmbeddedServer, http: aiohttp.ClientSession, *, name: str = OWNER["name"], password: str = OWNER["password"]
) -> int:
    """Sign in to the console. The status of the answer; 303 when it went well."""
    data = {"name": name, "password": password}
    async with http.post(f"{server.url}/console/sign-in", data=data, allow_redirects=False) as response:
        return response.status


async def form_token(server: EmbeddedServer, http: aiohttp.ClientSession) -> str:
    """The token that this session's forms carry."""
    async with http.get(f"{server.url}/") as response:
        match = re.search(r'name="form-token" content="([0-9a-f]+)"', await response.text())
    assert match, "nobody is signed in"
    return match[1]


async def do(server: EmbeddedServer, http: aiohttp.ClientSession, what: str, /, **values: Any) -> dict[str, Any]:
    """Ask the console for a change, as its pages do."""
    headers = {"X-Form-Token": await form_token(server, http)}
    async with http.post(f"{server.url}/console/do/{what}", json=values, headers=headers) as response:
        body: dict[str, Any] = await response.json()
        return body


@dataclass
class ScriptedAgent:
    """An agent that does as it is told: answers every command with `reply(cmd, data)`, and remembers what it got."""

    server: EmbeddedServer
    http: aiohttp.ClientSession
    uid: str = "agent-1"
    mac: str = "00-11-22-33-44-55"
    gather_id: int = 0
    token: str = ""
    registered: dict[str, Any] = field(default_factory=dict)
    commands: list[dict[str, Any]] = field(default_factory=list)
    syncs: list[dict[str, Any]] = field(default_factory=list)
    reply: Callable[[str, dict[str, Any]], dict[str, Any] | None] = lambda _cmd, _data: {"err_code": 0, "err_msg": "OK"}
    synced: asyncio.Event = field(default_factory=asyncio.Event)

    async def register(self, key: str = "") -> dict[str, Any]:
        """Register with the enrol key, or the given one."""
        body = {"agent_uid": self.uid, "mac_addr": self.mac, "ip_addr": "10.0.0.9", "name_pc": "PC-301"}
        body |= {"os_name": "Linux", "version": "0.1.0"}
        _, answer = await self.post("register", body, key or self.server.enrol_key)
        self.registered = answer
        self.gather_id = answer.get("gather_id", 0)
        self.token = answer.get("token") or self.token
        return answer

    @property
    def auth(self) -> dict[str, str]:
        """The header with its token."""
        return {"Authorization": f"Bearer {self.token}"}

    async def post(self, what: str, body: Any, key: str = "") -> tuple[int, dict[str, Any]]:
        """Post a body of the gather protocol; HTTP status and answer."""
        headers = {"Authorization": f"Bearer {key or self.token}"}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.http.post(f"{self.server.url}/gather/v1/{what}", data=data, headers=headers) as response:
            return response.status, await response.json()

    @staticmethod
    def digest(data: bytes) -> str:
        """A content's checksum as its header has it (RFC 9530)."""
        return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"

    async def put(self, name: str, data: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
        """Upload a file; HTTP status and answer."""
        sent = self.auth | {"Content-Digest": self.digest(data)} | headers
        address = URL(f"{self.server.url}/gather/v1/files/{name}", encoded=True)
        async with self.http.put(address, data=io.BytesIO(data), headers=sent) as response:
            return response.status, await response.json()

    async def online(self) -> None:
        """Renew the lease."""
        assert (await self.post("status", {}))[0] == 200

    @contextlib.asynccontextmanager
    async def relay(self) -> AsyncIterator[ClientConnection]:
        """Hold the relay, with hello said and the first sync taken."""
        async with connect(self.registered["relay_url"], additional_headers=self.auth, proxy=None) as socket:
            await socket.send(json.dumps({"hello": {"gather_id": self.gather_id, "version": "0.1.0"}}))
            reading = asyncio.create_task(self._read(socket))
            try:
                await asyncio.wait_for(self.synced.wait(), 30)
                yield socket
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
                self.synced.clear()

    async def _read(self, socket: ClientConnection) -> None:
        async for text in socket:
            frame = json.loads(text)
            if "sync" in frame:
                self.syncs.append(frame["sync"])
                self.synced.set()
                continue
            self.commands.append(frame)
            answer = self.reply(frame["cmd"], frame["data"])
            if answer is not None:
                await socket.send(json.dumps({"id": frame["id"], **answer}))


def stem(camera_id: int = 1, *, start: int = int(TUESDAY), slice_id: int = 5, inx: int = 1, uid: int = 1) -> str:
    """The name of a finished slice."""
    return f"{uid:032x}_{camera_id}_{start}_1_{slice_id}_{inx}_60"


def record(name: str, stored: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The report of an uploaded slice; `recording__x` changes a field of its recording."""
    _, camera_id, start, course_id, slice_id, inx, _ = name.split("_")
    recording: dict[str, Any] = {
        "slice_id": int(slice_id),
        "camera_id": int(camera_id),
        "course_id": int(course_id),
        "planned_start": float(start),
        "planned_end": float(start) + 3600,
    }
    recording |= {key[11:]: value for key, value in changes.items() if key.startswith("recording__")}
    return {
        "file_src": name,
        "file_fdfs": stored["file"],
        "image_fdfs": "",
        "file_size": stored["size"],
        "sha256": stored["sha256"],
        "duration": 59.96,
        "started": float(start),
        "camera_id": int(camera_id),
        "course_id": int(course_id),
        "slice_id": int(slice_id),
        "slice_inx": int(inx),
        "recording": recording,
    } | {key: value for key, value in changes.items() if not key.startswith("recording__")}


async def until(condition: Callable[[], bool]) -> None:
    """Wait, at most 30 s, for something that only looking can tell (a file appears, a file goes)."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the file system has no event for us
            await asyncio.sleep(0.01)
