"""The link, uploads and reports of an agent against the embedded server, and a line between that does its worst."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.journal import Journal, SliceState
from agent.link import relay as relay_module
from agent.link import server as link_module
from agent.standalone.hub import Order
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.storage.base import Storage, StorageError
from agent.storage.choice import storage_for
from agent.storage.http import HttpStorage
from agent.storage.pace import Pace
from agent.wire.models import WireModel
from tests.agent.link.linked import Linked, Waits
from tests.agent.outward import Outward
from tests.agent.spool.filled import LESSON, Spool
from tests.servers.proxy import CLEAN, Line, Proxy, target_of

SEED = int(os.environ.get("GATHER_SEED", "1"))
SLICES = int(os.environ.get("GATHER_LINE_SLICES", "12"))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    waits = Waits()
    monkeypatch.setattr(link_module, "Backoff", lambda: waits)
    return waits


@dataclass
class Between:
    """The server, and the proxy by which alone it is reached."""

    server: EmbeddedServer
    proxy: Proxy


@pytest.fixture
async def between(tmp_path: Path) -> AsyncIterator[Between]:
    proxy = Proxy(("127.0.0.1", 0))
    async with proxy.serve():
        settings = ServerSettings(data_dir=tmp_path / "server", timezone="Asia/Shanghai", public_url=proxy.url)
        server = EmbeddedServer(settings)
        await server.start()
        proxy.target = target_of(server._services.url)
        yield Between(server, proxy)
        await server.stop()


async def test_a_registration_heals(tmp_path: Path, between: Between, waits: Waits) -> None:
    lines = [Line(refuse=True), Line(swallow=True), Line(cut_up=40), Line(cut_down=60), Line(half_up=300)]
    lines += [Line(flip_down=9), Line(rate=20_000, delay_sec=0.01)]
    between.proxy.plan = lambda number: lines[number - 1] if number <= len(lines) else CLEAN
    agent = Linked(tmp_path / "agent", between.proxy.url, between.server.enrol_key, timeout_sec=1.0)
    async with agent.running():
        await agent.until(lambda: agent.link.state == "connected")
    assert len(waits.seen) >= 5
    gathers = await between.server._services.database.run(_gathers)
    assert gathers == [agent.state.known.agent_uid], "one machine, however often it had to ask"


def _gathers(session: object) -> list[str]:
    from sqlalchemy import select

    from agent.standalone.store.schema import Gather

    return list(session.scalars(select(Gather.agent_uid)))  # type: ignore[attr-defined]


async def test_a_half_open_relay_is_noticed(
    tmp_path: Path, between: Between, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "PING_SEC", 0.2)
    monkeypatch.setattr(relay_module, "SILENCE_SEC", 0.6)
    agent = Linked(tmp_path / "agent", between.proxy.url, between.server.enrol_key)
    async with agent.running():
        await agent.until(lambda: agent.link.state == "connected")
        between.proxy.freeze()
        await agent.until(lambda: bool(agent.link.cause))
        assert agent.link.state == "registered"
        assert agent.link.cause in ("relay", "timeout")
        between.proxy.thaw()
        await agent.until(lambda: agent.link.state == "connected")
    assert agent.syncs >= 2


async def test_a_relay_that_is_cut_gets_the_state_anew_and_does_nothing_twice(
    tmp_path: Path, between: Between, waits: Waits
) -> None:
    hub = between.server._services.hub
    agent = Linked(tmp_path / "agent", between.proxy.url, between.server.enrol_key)
    async with agent.running():
        for _ in range(5):
            syncs = agent.syncs
            await agent.until(lambda syncs=syncs: agent.syncs > syncs)  # type: ignore[misc]
            gather_id = agent.state.known.gather_id
            await agent.polled(lambda gather_id=gather_id: hub.connected(gather_id))  # type: ignore[misc]
            _, answer = await hub.change(lambda _: (None, [Order(gather_id, "status", 1, WireModel())]))  # noqa: B023
            assert answer.err_code == 0
            between.proxy.cut()
    assert len(agent.done) == len(set(agent.done)) == 5


def outward_of(spool: Spool, agent: Linked) -> Outward:
    """What leaves this agent, to the storage that the server names."""
    pace = Pace(0, SystemClock())

    def storage() -> Storage | None:
        return storage_for(agent.state.known.storage, None, agent.client.http, lambda: agent.state.token, pace)

    outward = Outward(spool, agent.client, storage, SystemClock(), parallel=3, retry_max_sec=5.0)

    def registered() -> None:
        outward.uploads.wake()
        outward.reports.status_now()

    agent.on_registered = registered
    return outward


def worst(random_: random.Random) -> Line:
    """One of the ways in which a line can be bad. None lasts: a connection that is kept would carry everything."""
    lasts = random_.randrange(1, 600_000)
    return random_.choice(
        [
            Line(cut_up=lasts),
            Line(refuse=True),
            Line(cut_up=lasts // 3),
            Line(cut_down=random_.randrange(1, 2_000)),
            Line(flip_up=lasts // 3, cut_up=lasts),
            Line(half_up=lasts // 6),
            Line(delay_sec=0.01, rate=2_000_000, cut_up=lasts),
        ]
    )


async def test_everything_arrives_once_over_the_worst_line(
    tmp_path: Path, between: Between, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    random_ = random.Random(SEED)
    for module in ("agent.spool.uploads", "agent.reports", "agent.storage.outage"):
        monkeypatch.setattr(f"{module}.Backoff", lambda *_: Waits())
    # A report in which a bit was turned is no JSON: it waits for five minutes, as one that the server will never take.
    monkeypatch.setattr("agent.reports.REJECTED_SEC", 0.1)
    # A line that is half closed takes so long to be given up.
    monkeypatch.setattr("agent.storage.choice.HttpStorage", partial(HttpStorage, silence_sec=0.5))
    between.proxy.plan = lambda number: worst(random_) if number <= 240 + 5 * (SLICES - 12) else CLEAN
    spool = Spool(tmp_path / "spool")
    agent = Linked(tmp_path / "agent", between.proxy.url, between.server.enrol_key, timeout_sec=1.0)
    outward = outward_of(spool, agent)
    slice_id = await spool.lesson(length=60.0 * SLICES)
    stems = [
        await spool.add(
            inx=n, slice_id=slice_id, at=LESSON + 60 * n, size=random_.randrange(1, 400_000), thumb=n % 2 == 0
        )
        for n in range(1, SLICES + 1)
    ]
    async with asyncio.timeout(60 + 5 * SLICES), agent.running(), outward.running():
        confirmed = 0
        while confirmed < SLICES:
            await asyncio.sleep(0.05)
            confirmed = (await spool.journal.do(Journal.counts)).get(SliceState.CONFIRMED, 0)
    stored = sorted((tmp_path / "server/recordings").rglob("*.mp4"))
    assert [path.stem for path in stored] == sorted(stems)
    assert all(path.read_bytes() == (spool.slices / path.name).read_bytes() for path in stored)
    assert len(list((tmp_path / "server/recordings").rglob("*.jpg"))) == SLICES // 2
    assert list((tmp_path / "server/incoming").glob("*.mp4")) == []
    listed = await between.server._services.database.run(_records)
    assert sorted(listed) == sorted(stems), "each listed, once"
    assert between.proxy.connections > SLICES // 2, "the line was bad"
    await spool.journal.close()


async def test_a_large_file_arrives_through_a_link_that_drops_all_the_time(
    tmp_path: Path, between: Between, waits: Waits
) -> None:
    size = int(float(os.environ.get("GATHER_LINE_MB", "24")) * 1e6)
    random_ = random.Random(SEED)
    spool, agent = Spool(tmp_path / "spool"), Linked(tmp_path / "agent", between.proxy.url, between.server.enrol_key)
    async with agent.running():
        await agent.until(lambda: agent.link.state == "connected")
    agent = Linked(tmp_path / "agent", between.proxy.url, "")
    between.proxy.plan = lambda _: Line(cut_up=random_.randrange(size // 40, size // 8))
    stem = await spool.add(size=1)
    path = (await spool.row(stem)).path
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(0, size, 1 << 20):
            piece = random_.randbytes(1 << 20)
            digest.update(piece)
            file.write(piece)
    known = agent.state.known
    storage = storage_for(known.storage, None, agent.client.http, lambda: agent.state.token, Pace(0, SystemClock()))
    assert storage is not None
    breaks, sent, stored = 0, between.proxy.up, None
    while stored is None:
        try:
            stored = await storage.put(path, path.name, digest.hexdigest())
        except StorageError:
            breaks += 1
            assert breaks < 100, "it never gets any further"
    sent = between.proxy.up - sent
    await agent.client.close()
    (there,) = (tmp_path / "server/recordings").rglob("*.mp4")
    assert _sha256(there) == digest.hexdigest() == stored.sha256
    assert breaks >= 5
    assert sent < 1.6 * path.stat().st_size, "what was taken is not sent again"
    print(f"{path.stat().st_size / 1e6:.0f} MB, seed {SEED}: {breaks} breaks, {sent / 1e6:.0f} MB sent")
    await spool.journal.close()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _records(session: object) -> list[str]:
    from sqlalchemy import select

    from agent.standalone.store.schema import Record

    return list(session.scalars(select(Record.file_src)))  # type: ignore[attr-defined]
