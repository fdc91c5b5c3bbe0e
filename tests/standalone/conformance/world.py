"""A server with something in it: an agent that is online and obeys, two channels, two courses, two recordings."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import aiohttp

from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.standalone.store.tokens import TOKEN_SECONDS
from tests.standalone.conformance.cases import URL, Case, Given
from tests.standalone.helpers import JPEG, TUESDAY, Api, FakeClock, ScriptedAgent, record, stem

Form = Literal["query", "path"]
FORMS: tuple[Form, ...] = ("query", "path")


@dataclass
class Template:
    """A world's folder to be copied, the agent's token, and the credential that is not good any more."""

    folder: Path
    agent_token: str
    former: str


@dataclass
class World:
    """A running server that begins as the template was left."""

    api: Api
    clock: FakeClock
    former: str

    async def answer(self, name: str, case: Case) -> dict[str, Any]:
        """What a call is answered with."""
        params = {key: text.format(**self._words) if "{" in text else text for key, text in case.params.items()}
        return await self.api.call(name, **self._token(case.token), **params)

    async def rows(self, name: str, params: Given) -> list[dict[str, Any]]:
        """The rows of a list."""
        found: list[dict[str, Any]] = (await self.api.ok(name, **params))["data"]
        return found

    @property
    def _words(self) -> Given:
        return {"credential": self.api.server.credential, "former": self.former}

    def _token(self, wanted: str) -> Given:
        if wanted == "none":
            return {}
        self.clock.now = TUESDAY + (TOKEN_SECONDS + 1 if wanted == "expired" else 0)
        good = self.api.token
        forged = good[:-2] + ("AA" if good[-2:] != "AA" else "BB")
        return {"token": {"empty": "", "rubbish": "x", "forged": forged}.get(wanted, good)}


async def make_template(folder: Path, database_url: str = "") -> Template:
    """Fill a server of its own through its API, like an integrator and an agent would."""
    settings = ServerSettings(data_dir=folder, timezone="Asia/Shanghai", database_url=database_url)
    async with aiohttp.ClientSession() as http:
        server = EmbeddedServer(settings, FakeClock())
        await server.start()
        former = server.credential
        server.replace_credential()
        api, agent = Api(http, server), ScriptedAgent(server, http)
        await api.sign_in()
        await agent.register()
        for number, name in enumerate(("一班", "二班"), start=1):
            new = {"camera_name": name, "gather_id": 1, "grade_id": 4, "stream_prop": 2, "stream_url": URL}
            await api.ok("add_camera", **new)
            course = {"camera_id": 1, "subject_id": 1, "teacher_id": 1, "week_id": 1 + number}
            await api.ok("add_course", **course, start_time="15:00:00", elapse_sec=3600)
            key = stem(number, uid=number)
            _, stored = await agent.put(key + ".mp4", b"media")
            _, picture = await agent.put(key + ".jpg", JPEG)
            await agent.post("records", record(key, stored, image_fdfs=picture["file"]))
        _, picture = await agent.put("live_1.jpg", JPEG)
        seen = {"file_src": "live_1", "camera_id": 1, "image_fdfs": picture["file"], "file_size": 1, "taken": TUESDAY}
        await agent.post("snapshots", seen)
        await agent.post("status", {"cameras": [{"camera_id": 1, "status": 1}]})
        await server.stop()
    return Template(folder, agent.token, former)


@asynccontextmanager
async def world(template: Template, settings: ServerSettings, form: Form) -> AsyncIterator[World]:
    """A copy of the template's folder that runs, its agent connected; a database elsewhere is a copy already."""
    shutil.copytree(template.folder, settings.data_dir)
    clock = FakeClock()
    async with aiohttp.ClientSession() as http:
        server = EmbeddedServer(settings, clock)
        await server.start()
        agent = ScriptedAgent(server, http, token=template.agent_token)
        await agent.register(template.agent_token)
        api = Api(http, server, form)
        await api.sign_in()
        try:
            async with agent.relay():
                yield World(api, clock, template.former)
        finally:
            await server.stop()
