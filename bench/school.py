"""Agents that exist only on the wire: they register, hold their relay, say how they are, and obey at once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Iterable
from typing import Any

import aiohttp

from bench.serving import Serving

REPORT_SEC = 30.0
_LIMIT_SEC = 120.0
_AT_A_TIME = 20


class School:
    """A number of agents with a channel each. `dropped` counts links that ended, `refused` commands not done."""

    def __init__(self, server: Serving, number: int) -> None:
        self.server, self.number = server, number
        self.dropped = self.refused = 0
        self._tokens: list[str] = []
        self._cameras: list[int] = []
        self._links: list[asyncio.Task[None]] = []
        self._connected = asyncio.Semaphore(0)
        self._token = ""

    async def __aenter__(self) -> School:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=None, connect=_LIMIT_SEC)
        self._http = aiohttp.ClientSession(connector=connector, timeout=timeout)
        self._token = await self.server.token(self._http)
        return self

    async def __aexit__(self, *_: object) -> None:
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)
        await self._http.close()

    async def enrol(self) -> None:
        """Register all of them, and give each a channel."""
        for number in range(1, self.number + 1):
            about = {"agent_uid": f"uid-{number}", "mac_addr": f"mac-{number}", "name_pc": f"pc-{number}"}
            answer = await self._post("register", about, self.server.enrol_key)
            self._tokens.append(answer["token"])
            camera = {"camera_name": f"room {number}", "gather_id": answer["gather_id"], "grade_id": 4}
            source = {"stream_prop": 2, "stream_url": f"rtsp://10.0.0.1/{number}"}
            added = await self.server.get(self._http, "add_camera", token=self._token, **camera, **source)
            self._cameras.append(added["camera_id"])

    async def connect(self) -> None:
        """Open every relay; until all have their state."""
        self._links = [asyncio.create_task(self._link(token)) for token in self._tokens]
        async with asyncio.timeout(_LIMIT_SEC):
            for _ in self._tokens:
                await self._connected.acquire()

    async def report(self, seconds: float) -> list[float]:
        """Each says how it is every 30 s, spread evenly; how long each report took."""
        began = time.perf_counter()
        took: list[float] = []
        tasks: set[asyncio.Task[None]] = set()
        number = 0
        while (now := time.perf_counter()) < began + seconds:
            due = int((now - began) * self.number / REPORT_SEC)
            while number < due:
                place = number % self.number
                tasks.add(asyncio.create_task(self._report(place, took)))
                number += 1
            await asyncio.sleep(0.01)
        await asyncio.gather(*tasks)
        return took

    async def command(self, at_a_time: int) -> list[float]:
        """A command to each over API v1, so many under way at a time; how long each call took until it was done."""
        gate = asyncio.Semaphore(at_a_time)
        return await _all(self._command(camera_id, gate) for camera_id in self._cameras)

    async def _command(self, camera_id: int, gate: asyncio.Semaphore) -> float:
        async with gate:
            began = time.perf_counter()
            answer = await self.server.get(self._http, "start_camera", token=self._token, camera_id=camera_id)
            self.refused += json.loads(answer["transmit"])["err_code"] != 0
            return time.perf_counter() - began

    async def _report(self, place: int, took: list[float]) -> None:
        began = time.perf_counter()
        cameras = [{"camera_id": self._cameras[place], "status": 1, "video": "h264 1920x1080"}]
        await self._post("status", {"cameras": cameras, "disk_free": 1}, self._tokens[place])
        took.append(time.perf_counter() - began)

    async def _post(self, what: str, body: dict[str, Any], key: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {key}"}
        async with self._http.post(f"{self.server.url}/gather/v1/{what}", json=body, headers=headers) as response:
            answer: dict[str, Any] = await response.json()
        assert answer["err_code"] == 0, answer
        return answer

    async def _link(self, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        relay = f"{self.server.url}/gather/v1/relay"
        async with self._http.ws_connect(relay, headers=headers, heartbeat=20.0) as socket:
            await socket.send_str(json.dumps({"hello": {"gather_id": 0, "rev": 0, "version": "1"}}))
            async for message in socket:
                frame = json.loads(message.data)
                if "sync" in frame:
                    self._connected.release()
                else:
                    await socket.send_str(json.dumps({"id": frame["id"], "err_code": 0, "err_msg": "OK"}))
        self.dropped += 1


async def _all(calls: Iterable[Awaitable[float]]) -> list[float]:
    return list(await asyncio.gather(*calls))
