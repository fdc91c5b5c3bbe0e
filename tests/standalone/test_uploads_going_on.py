"""Uploads that break off and go on: what is kept, for whom, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import io
import os
from pathlib import Path

import pytest

from agent.standalone.gather.uploads import KEPT_FROM
from tests.servers.proxy import Line, Proxy, target_of
from tests.standalone.helpers import ScriptedAgent, stem, until

DATA = os.urandom(KEPT_FROM + 2_000_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "server"


def digest(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


async def break_off(agent: ScriptedAgent, name: str, data: bytes, after: int) -> None:
    """Send so much of an upload and vanish."""
    proxy = Proxy(target_of(agent.server.url), lambda _: Line(cut_up=after))
    async with proxy.serve():
        with contextlib.suppress(OSError):
            await agent.http.put(
                f"{proxy.url}/gather/v1/files/{name}",
                data=io.BytesIO(data),
                headers={**agent.auth, "Content-Digest": digest(data)},
            )

    await until(lambda: not agent.server._services.files.busy(name))


async def held(agent: ScriptedAgent, name: str, data: bytes) -> int:
    headers = {**agent.auth, "Repr-Digest": digest(data)}
    async with agent.http.head(f"{agent.server.url}/gather/v1/files/{name}", headers=headers) as answer:
        assert answer.status == 404
        return int(answer.headers["Upload-Offset"])


async def held_of_it(agent: ScriptedAgent, name: str, data: bytes) -> int:
    """What is held of an upload that broke off, once the server has seen that it did: it may not even have begun."""
    for _ in range(200):
        offset = await held(agent, name, data)
        if offset and not agent.server._services.files.busy(name):
            return offset
        await asyncio.sleep(0.05)
    raise AssertionError("nothing is held")


async def go_on(agent: ScriptedAgent, name: str, data: bytes, offset: int, **headers: str) -> int:
    for _ in range(100):  # 503 while the server has not yet noticed that the first sender is gone
        async with agent.http.patch(
            f"{agent.server.url}/gather/v1/files/{name}",
            data=io.BytesIO(data[offset:]),
            headers={
                **agent.auth,
                "Repr-Digest": digest(data),
                "Upload-Offset": str(offset),
                "Upload-Length": str(len(data)),
                **headers,
            },
        ) as answer:
            if answer.status != 503:
                return answer.status
        await asyncio.sleep(0.05)
    raise AssertionError("still busy")


async def test_what_broke_off_goes_on_where_it_stopped(agent: ScriptedAgent, folder: Path) -> None:
    name = stem() + ".mp4"
    await break_off(agent, name, DATA, KEPT_FROM)
    offset = await held_of_it(agent, name, DATA)
    assert 0 < offset <= KEPT_FROM
    assert await held(agent, name, DATA[1:]) == 0, "of another content nothing is there"
    assert await go_on(agent, name, DATA, offset - 1) == 409
    assert await held(agent, name, DATA) == offset
    assert await go_on(agent, name, DATA, offset) == 200
    assert (folder / "recordings/2026-11-24" / name).read_bytes() == DATA
    assert list((folder / "incoming").iterdir()) == []
    assert await go_on(agent, name, DATA, offset) == 200, "again is the same"


async def test_a_part_that_is_damaged_is_thrown_away(agent: ScriptedAgent, folder: Path) -> None:
    name = stem() + ".mp4"
    await break_off(agent, name, DATA, KEPT_FROM)
    offset = await held_of_it(agent, name, DATA)
    (part,) = (folder / "incoming").iterdir()
    with part.open("r+b") as file:
        file.write(b"\x00" * 4096)
    assert await go_on(agent, name, DATA, offset) == 422
    assert await held(agent, name, DATA) == 0
    assert (await agent.put(name, DATA))[0] == 200


async def test_a_part_outlives_the_server_and_a_small_one_is_not_kept(agent: ScriptedAgent, folder: Path) -> None:
    name, small = stem() + ".mp4", stem(inx=2) + ".mp4"
    await break_off(agent, name, DATA, KEPT_FROM)
    await break_off(agent, small, DATA[:1_000_000], 500_000)
    offset = await held_of_it(agent, name, DATA)
    await until(lambda: len(list((folder / "incoming").iterdir())) == 1)
    agent.server._services.files.open()  # as at a start
    assert await held(agent, name, DATA) == offset
    (part,) = (folder / "incoming").iterdir()
    os.utime(part, (1, 1))
    agent.server._services.files.open()
    assert await held(agent, name, DATA) == 0, "after a week nobody wants it"


@pytest.mark.parametrize(
    "headers",
    [
        {"Upload-Offset": "-1"},
        {"Upload-Offset": "9" * 30},
        {"Upload-Offset": ""},
        {"Upload-Length": "5"},
        {"Repr-Digest": "none"},
        {"Repr-Digest": "sha-256=:AAAA:"},
    ],
)
async def test_nonsense_is_refused(agent: ScriptedAgent, headers: dict[str, str]) -> None:
    assert await go_on(agent, stem() + ".mp4", DATA, 4_000_000, **headers) == 400
