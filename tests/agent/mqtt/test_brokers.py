"""Brokers that are difficult: silent, old, strict, small, slow; and a second agent of the same name."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from agent.mqtt import client, session
from agent.status import Happening
from tests.agent.mqtt.bridged import BASE, LIMIT_SEC, Daemon, bridged, said, until
from tests.agent.views import channel, view
from tests.servers.mosquitto import USER, Broker, broker
from tests.servers.proxy import Line, Proxy
from tests.servers.tls_front import tls_front

pytestmark = pytest.mark.integration


@contextlib.asynccontextmanager
async def changed(
    behind: Broker,
    answer: Callable[[bytes], bytes] = lambda piece: piece,
    first: Callable[[int], bytes | None] = lambda _: None,
) -> AsyncIterator[Broker]:
    """The broker as if it answered otherwise. `first(level)`: what a client of this version of MQTT is told instead of
    anything else.
    """

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.read(4096)
        instead = first(head[head.index(b"MQTT") + 4])
        if instead is not None:
            writer.write(instead)
            writer.close()
            return
        back, forth = await asyncio.open_connection("127.0.0.1", behind.port)
        forth.write(head)
        await asyncio.gather(_pass_on(reader, forth), _pass_on(back, writer, answer))

    server = await asyncio.start_server(taken, "127.0.0.1")
    try:
        yield Broker(behind.folder, server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def _pass_on(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, change: Callable[[bytes], bytes] = lambda piece: piece
) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(65536):
            sink.write(change(piece))
            await sink.drain()
    sink.close()


def older(behind: Broker, *, says_so: bool) -> contextlib.AbstractAsyncContextManager[Broker]:
    """The broker as if it knew MQTT 3.1.1 only: others are refused, or hung up on."""
    no = b"\x20\x02\x00\x01" if says_so else b""
    return changed(behind, first=lambda level: no if level == 5 else None)


@pytest.mark.parametrize("says_so", [True, False])
async def test_a_broker_that_knows_the_older_protocol_only(daemon: Daemon, says_so: bool) -> None:
    with broker() as found:
        async with older(found, says_so=says_so) as front, bridged(front, daemon, commands={"*": ["record"]}):
            await until(found, "channel/1/state", bool)
            found.publish(f"{BASE}/channel/1/record/set", "ON")
            async with asyncio.timeout(LIMIT_SEC):
                while not daemon.carried:  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0.02)
        assert (await until(found, "status", lambda text: text == "offline"))[f"{BASE}/status"] == "offline"


async def test_a_broker_that_takes_the_connection_and_says_nothing(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(client, "ANSWER_SEC", 0.3)
    ended = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until it is closed
        writer.close()
        ended.set()

    server = await asyncio.start_server(silent, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    with broker() as found:
        async with bridged(Broker(found.folder, port), daemon):
            await said(caplog, "no answer within 0 s; next try")
            async with asyncio.timeout(LIMIT_SEC):
                await ended.wait()
    server.close()


async def test_a_broker_that_falls_silent_is_left_and_found_again(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session, "SETTLE_SEC", 0.0)
    monkeypatch.setattr(client, "ANSWER_SEC", 0.5)
    with broker() as found:
        line = Proxy(("127.0.0.1", found.port))
        async with line.serve(), bridged(Broker(found.folder, line.port), daemon) as made:
            await until(found, "channel/1/state", bool)
            line.freeze()
            daemon.shown = view(channels=(channel(name="renamed"),))
            made.take(Happening(kind="channel", text="renamed"))
            await said(caplog, "no answer within 0 s; next try")
            line.cut()
            line.thaw()
            await until(found, "channel/1/state", lambda text: "renamed" in text)


async def test_what_an_access_list_forbids_is_named(daemon: Daemon, caplog: pytest.LogCaptureFixture) -> None:
    access = f"user {USER}\ntopic write {BASE}/#\ntopic read {BASE}/channel/+/state"
    with broker(access=access) as found:
        async with bridged(found, daemon) as made:
            await said(caplog, "publish homeassistant/")
            daemon.shown = view(channels=(channel(name="renamed"),))
            made.take(Happening(kind="channel", text="renamed"))
            await until(found, "channel/1/state", lambda text: "renamed" in text)
    assert caplog.text.count("does not let us publish") == 1, "one line for all of them"
    assert "(Not authorized): see its access list" in caplog.text


async def test_what_may_not_be_read_is_named(daemon: Daemon, caplog: pytest.LogCaptureFixture) -> None:
    """mosquitto grants every subscription and then delivers nothing; others say so."""

    def refuse(piece: bytes) -> bytes:
        return re.sub(rb"\x90\x04(..)\x00\x01", lambda m: b"\x90\x04" + m[1] + b"\x00\x87", piece, flags=re.DOTALL)

    with broker() as found:
        async with changed(found, refuse) as front, bridged(front, daemon) as made:
            await said(caplog, f"read {BASE}/channel/+/+/set (Not authorized): see its access list")
            await until(found, "channel/1/state", bool)
            assert made.connected, "states are told all the same"


async def test_another_agent_of_the_same_identity_is_named(daemon: Daemon, caplog: pytest.LogCaptureFixture) -> None:
    """Newer brokers say so."""

    def take_over(piece: bytes) -> bytes:
        return piece + b"\xe0\x02\x8e\x00" if piece.startswith(b"\x90") else piece

    with broker() as found:
        async with changed(found, take_over) as front, bridged(front, daemon):
            await said(caplog, "Session taken over: another client is gather-0123456789ab, too")


async def test_another_agent_of_the_same_identity_is_suspected(
    daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    """mosquitto 2.0 just ends the older connection."""
    with broker() as found:
        async with bridged(found, daemon), bridged(found, daemon):
            await said(caplog, "the connection was lost, soon after each connection: is another client gather-0123")
    assert "Exception" not in caplog.text and "never retrieved" not in caplog.text


async def test_a_picture_that_the_broker_does_not_take_costs_only_itself(
    daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    (daemon.folder / "live_1.jpg").write_bytes(bytes(60_000))
    (daemon.folder / "live_2.jpg").write_bytes(b"small")
    daemon.shown = view(channels=(channel(snapshot_at=1000.0), channel(camera_id=2, snapshot_at=1000.0)))
    with broker(more=("max_packet_size 50000",)) as found:
        async with bridged(found, daemon, pictures=True) as made:
            await said(caplog, "channel 1: its picture of 0.1 MB is not published: the MQTT broker takes 0.0 MB")
            retained = await until(found, "channel/2/picture", bool)
            assert f"{BASE}/channel/1/picture" not in retained and made.connected
    assert "next try" not in caplog.text


async def test_a_picture_that_ends_the_connection_is_not_sent_again_at_once(
    daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    """MQTT 3.1.1 has no way to say how much is too much."""
    (daemon.folder / "live_1.jpg").write_bytes(bytes(60_000))
    daemon.shown = view(channels=(channel(snapshot_at=1000.0),))
    with broker(more=("max_packet_size 50000",)) as found:
        async with older(found, says_so=True) as front, bridged(front, daemon, pictures=True):
            await said(caplog, "no pictures for")
            daemon.shown = view(channels=(channel(snapshot_at=1000.0, name="renamed"),))
            await until(found, "channel/1/state", lambda text: "renamed" in text)
            await until(found, "status", lambda text: text == "online")
    assert caplog.text.count("no pictures for") == 1


async def test_a_slow_line_holds_up_nobody_but_itself(daemon: Daemon) -> None:
    """Pictures of channels come as fast as they are taken; what waits is one of them."""
    (daemon.folder / "live_1.jpg").write_bytes(b"x" * 100_000)
    daemon.shown = view(channels=(channel(snapshot_at=1000.0),))
    with broker() as found:
        async with Proxy(("127.0.0.1", found.port)).serve() as line:
            line.line = Line(rate=50_000.0)
            async with bridged(Broker(found.folder, line.port), daemon, pictures=True) as made:
                await until(found, "channel/1/state", bool)
                for taken_at in range(1001, 1500):
                    daemon.shown = view(channels=(channel(snapshot_at=float(taken_at)),))
                    made.take(Happening(kind="snapshot", text="a picture", camera_id=1))
                    assert made._session is not None
                    waiting = made._session._client._client._out_packet
                    assert sum(len(packet["packet"]) for packet in waiting) < 300_000
                await until(found, "channel/1/picture", bool)


@pytest.mark.parametrize(
    ("name", "until", "words"),
    [
        ("other.school", None, "mqtt.host has to be a name that its certificate is for"),
        ("localhost", datetime(2026, 1, 1, tzinfo=UTC), "its certificate has to be renewed"),
    ],
)
@pytest.mark.usefixtures("collected")
async def test_a_certificate_that_is_no_good_is_named(
    daemon: Daemon, caplog: pytest.LogCaptureFixture, name: str, until: datetime | None, words: str
) -> None:
    with broker() as found, tls_front(daemon.folder, found.port, name, until=until) as front:
        behind = Broker(found.folder, front.port)
        async with bridged(behind, daemon, host="localhost", tls=True, ca_file=front.ca_file) as made:
            await said(caplog, words)
            assert not made.connected


@pytest.mark.usefixtures("collected")
async def test_a_broker_that_never_ends_its_handshake_holds_up_no_stop(
    daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    taken, writers = asyncio.Event(), []

    def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        taken.set()

    server = await asyncio.start_server(take, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    with broker() as found:
        async with bridged(Broker(found.folder, port), daemon, tls=True), asyncio.timeout(LIMIT_SEC):
            await taken.wait()
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "mqtt connects"]
    assert thread.daemon, "which a stop does not wait for"
    server.close()
    for writer in writers:
        writer.transport.abort()
    await asyncio.to_thread(thread.join)
