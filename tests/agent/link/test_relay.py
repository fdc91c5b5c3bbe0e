"""The relay and the link as a whole, against a websocket server that does as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from agent.link.client import tls_context
from agent.link.failure import ServerError
from agent.link.relay import AnswerMemory, Relay, answer
from agent.state import AgentState
from agent.wire.codes import Code
from agent.wire.frames import MAX_FRAME
from agent.wire.models import Answer, Command, Hello, Sync, WireCamera

LIMIT_SEC = 5.0


class Agent:
    """A relay with rooms behind it that note what comes; commands are done when `done` says so."""

    def __init__(self) -> None:
        self.syncs: list[Sync] = []
        self.commands: list[Command] = []
        self.begun, self.done = asyncio.Event(), asyncio.Event()
        self.done.set()
        self.relay = Relay(
            tls_context(None),
            hello=lambda: Hello(gather_id=7, rev=3),
            on_sync=self._sync,
            on_command=self._command,
        )

    async def _sync(self, sync: Sync) -> None:
        self.syncs.append(sync)

    async def _command(self, command: Command) -> Answer:
        self.commands.append(command)
        self.begun.set()
        await self.done.wait()
        if command.cmd == "dance":
            return answer(command.id, Code.UNKNOWN_COMMAND)
        return answer(command.id, Code.OK, {"times": len(self.commands)})


class Talk:
    """The server's end of one connection."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket

    async def say(self, frame: object) -> None:
        await self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(LIMIT_SEC):
            heard: dict[str, Any] = json.loads(await self.socket.recv())
            return heard

    async def command(self, command_id: object, cmd: str = "status") -> dict[str, Any]:
        await self.say({"id": command_id, "cmd": cmd, "data": {}})
        return await self.hear()


@contextlib.asynccontextmanager
async def server(*talks: Callable[[Talk], Awaitable[None]], refuse: int = 0) -> AsyncIterator[str]:
    """One talk a connection, in order; what goes wrong in one is raised at the end."""
    left, errors = list(talks), []

    async def handle(socket: ServerConnection) -> None:
        try:
            await left.pop(0)(Talk(socket))
        except (AssertionError, TimeoutError) as error:
            errors.append(error)

    def gate(connection: ServerConnection, request: Request) -> Response | None:
        if request.headers["Authorization"] != "Bearer own":
            errors.append(AssertionError(str(request.headers)))
        return connection.respond(HTTPStatus(refuse), "no\n") if refuse else None

    async with serve(handle, "127.0.0.1", 0, process_request=gate, max_size=None) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/relay"
    if errors:
        raise errors[0]
    assert not left


async def ended(agent: Agent, url: str) -> ServerError:
    """Serve one connection to its end."""
    with pytest.raises(ServerError) as caught:
        await asyncio.wait_for(agent.relay.serve(url, "own"), LIMIT_SEC)
    assert not agent.relay.connected
    return caught.value


async def test_hello_sync_command_answer_event() -> None:
    agent = Agent()

    async def talk(server: Talk) -> None:
        assert (await server.hear())["hello"] == {"gather_id": 7, "rev": 3, "version": "", "cameras": []}
        assert not agent.relay.connected
        camera = {"camera_id": "5", "stream_prop": 1, "stream_mp4": "/f.mp4", "unknown": 1}
        await server.say({"sync": {"rev": "9", "gather": {"auto_fdfs": "0", "slice_val": "99"}, "cameras": [camera]}})
        assert await server.command("a") == {"id": "a", "err_code": 0, "err_msg": "OK", "data": {"times": 1}}
        assert agent.relay.connected
        agent.relay.event("camera", {"text": "课"})
        assert await server.hear() == {"event": "camera", "seq": 1, "data": {"text": "课"}}

    async with server(talk) as url:
        await ended(agent, url)
    (sync,) = agent.syncs
    assert (sync.rev, sync.gather.auto_fds, sync.gather.slice_val) == (9, 0, 30)
    assert sync.cameras[0].camera_id == 5


async def test_a_repeated_id_is_answered_from_memory_also_over_another_link() -> None:
    agent = Agent()

    async def talk(server: Talk) -> None:
        await server.hear()
        assert (await server.command("a"))["data"] == {"times": 1}
        assert (await server.command("a"))["data"] == {"times": 1}
        assert (await server.command(17))["data"] == {"times": 2}

    async def again(server: Talk) -> None:
        await server.hear()
        assert (await server.command("a"))["data"] == {"times": 1}
        assert (await server.command("17"))["data"] == {"times": 2}

    async with server(talk, again) as url:
        await ended(agent, url)
        await ended(agent, url)
    assert [command.id for command in agent.commands] == ["a", "17"]


async def test_a_command_goes_on_when_its_link_drops_and_is_answered_over_the_next() -> None:
    agent = Agent()
    agent.done.clear()

    async def talk(server: Talk) -> None:
        await server.hear()
        await server.say({"id": "a", "cmd": "start_record", "data": {}})
        await asyncio.wait_for(agent.begun.wait(), LIMIT_SEC)

    async def again(server: Talk) -> None:
        await server.hear()
        await server.say({"id": "a", "cmd": "start_record", "data": {}})
        agent.done.set()
        assert await server.hear() == {"id": "a", "err_code": 0, "err_msg": "OK", "data": {"times": 1}}

    async with server(talk, again) as url:
        await ended(agent, url)
        await ended(agent, url)


async def test_a_slow_command_holds_up_no_other() -> None:
    agent = Agent()
    agent.done.clear()

    async def talk(server: Talk) -> None:
        await server.hear()
        await server.say({"id": "slow", "cmd": "snapshot", "data": {}})
        await asyncio.wait_for(agent.begun.wait(), LIMIT_SEC)
        await server.say({"cmd": "snapshot", "id": "wrong", "data": [1]})
        assert (await server.hear())["id"] == "wrong"
        agent.done.set()
        assert (await server.hear())["id"] == "slow"

    async with server(talk) as url:
        await ended(agent, url)


NONSENSE: list[Any] = [
    *("", "{", "null", "[]", '"text"', "[" * 100_000, '{"a": ' * 50_000, "1" * 5000, "\x00"),
    *(
        {},
        {"sync": None},
        {"sync": {}},
        {"sync": {"rev": "x", "gather": {}}},
        {"cmd": "status"},
        {"cmd": None, "id": {}},
    ),
    {"sync": {"rev": 1, "gather": {}, "cameras": [{"stream_prop": 9}]}},
    {"sync": {"rev": 1, "gather": [], "cameras": [{"camera_id": 1, "stream_prop": 9}]}},
    {"sync": {"rev": 1, "gather": {}, "cameras": {"camera_id": 1}}},
    {"cmd": "status", "id": "\ud800"},
    '{"cmd": "status", "id": NaN}',
    b"\xff\xfe binary frames are ignored",
    json.dumps({"id": "binary", "cmd": "status"}).encode(),
]


async def test_nonsense_leaves_the_link_up_and_nothing_changed(caplog: pytest.LogCaptureFixture) -> None:
    agent = Agent()

    async def talk(server: Talk) -> None:
        await server.hear()
        for frame in NONSENSE:
            await server.say(frame)
        assert (await server.command("b", "dance"))["err_code"] == Code.UNKNOWN_COMMAND
        assert (await server.command("c"))["err_code"] == 0
        await server.say({"id": "d", "cmd": "status", "data": "text"})
        assert (await server.hear())["err_code"] == Code.BAD_DATA

    async with server(talk) as url:
        await ended(agent, url)
    assert [command.id for command in agent.commands] == ["b", "c"]
    assert agent.syncs == []
    assert caplog.text.count("a frame that is none") >= len(NONSENSE) - 2


async def test_a_channel_that_is_not_understood_costs_the_others_nothing_and_stays_as_it_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agent, state = Agent(), AgentState(tmp_path)
    for number in (1, 2, 3):
        state.put_camera(WireCamera(camera_id=number, camera_name="as it was"))

    async def talk(server: Talk) -> None:
        await server.hear()
        cameras = [
            {"camera_id": 1, "stream_prop": 9},
            {"camera_id": 2, "camera_name": "new", "courses": [{"course_id": 1, "week_id": 1}]},
            {"camera_id": 4, "courses": [{"course_id": "none"}]},
        ]
        await server.say({"sync": {"rev": 8, "gather": {}, "cameras": cameras}})
        await server.command("a")

    async with server(talk) as url:
        await ended(agent, url)
    (sync,) = agent.syncs
    state.take_sync(sync)
    known = AgentState(tmp_path).known.cameras
    assert {number: camera.camera_name for number, camera in known.items()} == {1: "as it was", 2: "new"}
    assert "channels 1, 4 is not understood" in caplog.text


async def test_a_frame_beyond_all_measure_ends_the_link() -> None:
    agent = Agent()

    async def talk(server: Talk) -> None:
        await server.hear()
        await server.say(" " * (MAX_FRAME + 1))
        await server.socket.wait_closed()
        assert server.socket.close_code == 1009

    async with server(talk) as url:
        assert not (await ended(agent, url)).refused


async def test_a_frame_of_nearly_4_mib_is_taken() -> None:
    agent = Agent()

    async def talk(server: Talk) -> None:
        await server.hear()
        await server.say({"id": "a", "cmd": "status", "data": {"x": "y" * (MAX_FRAME - 100)}})
        assert (await server.hear())["err_code"] == 0

    async with server(talk) as url:
        await ended(agent, url)


@pytest.mark.parametrize(("status", "refused"), [(401, True), (403, True), (404, False), (503, False)])
async def test_a_relay_that_refuses(status: int, refused: bool) -> None:
    async with server(refuse=status) as url:
        error = await ended(Agent(), url)
    assert error.refused is refused
    assert str(status) in str(error)


async def test_no_relay_there() -> None:
    async with server() as url:
        pass
    assert not (await ended(Agent(), url)).refused


async def test_news_waits_for_the_link_and_the_oldest_is_forgotten() -> None:
    agent = Agent()
    for n in range(600):
        agent.relay.event("camera", {"n": n})
    heard: list[int] = []

    async def talk(server: Talk) -> None:
        await server.hear()
        heard.extend([(await server.hear())["data"]["n"] for _ in range(500)])

    async with server(talk) as url:
        await ended(agent, url)
    assert heard == list(range(100, 600))


async def test_the_memory_is_bounded_and_keeps_what_is_under_way() -> None:
    memory, gate, done = AnswerMemory(2), asyncio.Event(), []

    async def carry_out(command: Command) -> Answer:
        if command.id == "slow":
            await gate.wait()
        done.append(command.id)
        return answer(command.id, Code.OK)

    slow = asyncio.create_task(memory.once(Command(id="slow", cmd="x"), carry_out))
    await asyncio.sleep(0)
    for command_id in "abcb":
        await memory.once(Command(id=command_id, cmd="x"), carry_out)
    gate.set()
    assert (await slow).id == "slow"
    assert done == ["a", "b", "c", "slow"]
    await memory.once(Command(id="d", cmd="x"), carry_out)
    await memory.once(Command(id="a", cmd="x"), carry_out)
    assert done[-1] == "a"
