"""Who is connected, and the way from a change in the database to the agent that must carry it out.

A change is committed and its commands are queued under one lock, and so is a full sync: an agent sees changes in the
order of their revisions, and none twice or never.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy.orm import Session

from agent.standalone.store.database import Database
from agent.wire.codes import MESSAGES, Code
from agent.wire.frames import to_text
from agent.wire.models import Answer, Command, Sync, WireModel

ANSWER_SECONDS = 10.0
TOGETHER = 100
"""Changes that share a commit at most."""
_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Order:
    """A command that a change brings: `rev` is the revision after the change."""

    gather_id: int
    cmd: str
    rev: int
    data: WireModel


class Connection:
    """One agent's open relay: frames to send, and commands that wait for their answers. It does no I/O itself."""

    def __init__(self, gather_id: int) -> None:
        self.gather_id = gather_id
        self.outbox: asyncio.Queue[str] = asyncio.Queue()
        self.ending = asyncio.Event()
        self.reason = ""
        self._waiting: dict[str, asyncio.Future[Answer]] = {}

    def sync(self, sync: Sync) -> None:
        """Queue the whole state."""
        self.outbox.put_nowait(to_text(sync))

    def command(self, order: Order) -> asyncio.Future[Answer]:
        """Queue a command; its answer will come."""
        command = Command(
            id=secrets.token_hex(8), cmd=order.cmd, rev=order.rev, data=order.data.model_dump(mode="json")
        )
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[command.id] = future
        future.add_done_callback(lambda _: self._waiting.pop(command.id, None))
        self.outbox.put_nowait(to_text(command))
        return future

    def answered(self, answer: Answer) -> None:
        """Give an answer to whom it is for; one that nobody waits for any more is dropped."""
        future = self._waiting.get(answer.id)
        if future is not None and not future.done():
            future.set_result(answer)

    def end(self, reason: str) -> None:
        """Ask the rim to close the socket."""
        self.reason = reason
        self.ending.set()

    def closed(self) -> None:
        """Tell all who wait that no answer will come."""
        for future in list(self._waiting.values()):
            if not future.done():
                future.set_result(failure(Code.SEND_FAILED))


@dataclass(slots=True)
class _Change:
    """A change that waits for its commit; `posted` becomes what it returned, and what its agents were told."""

    work: Callable[[Session], tuple[Any, list[Order]]]
    posted: asyncio.Future[tuple[Any, list[asyncio.Future[Answer] | Answer]]]


@dataclass(slots=True)
class Hub:
    """All connected agents. `answer_seconds` bounds how long a command may take."""

    database: Database
    answer_seconds: float = ANSWER_SECONDS
    _open: set[Connection] = field(default_factory=set)
    _connections: dict[int, Connection] = field(default_factory=dict)
    _order: asyncio.Lock = field(default_factory=asyncio.Lock)
    _changes: list[_Change] = field(default_factory=list)
    _committing: asyncio.Task[None] | None = None

    def connected(self, gather_id: int) -> bool:
        """Whether this agent's relay is open."""
        return gather_id in self._connections

    def open(self, gather_id: int) -> Connection:
        """A relay that was opened just now; it gets commands once it has said hello (`attach`)."""
        connection = Connection(gather_id)
        self._open.add(connection)
        return connection

    def end_all(self, reason: str) -> None:
        """Ask the rim to close every socket."""
        for connection in self._open:
            connection.end(reason)

    def end(self, gather_id: int, reason: str) -> None:
        """Ask the rim to close every socket of one agent."""
        for connection in self._open:
            if connection.gather_id == gather_id:
                connection.end(reason)

    async def attach(
        self,
        connection: Connection,
        load: Callable[Concatenate[Session, _P], Sync],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> None:
        """Send the state that `load` reads, and every change after it; an older connection of the same agent is told
        to end.
        """
        async with self._order:
            connection.sync(await self.database.run(load, *args, **kwargs))
            former = self._connections.get(connection.gather_id)
            self._connections[connection.gather_id] = connection
        if former is not None and former is not connection:
            former.end("the same agent connected again")

    def detach(self, connection: Connection) -> None:
        """The connection is closed."""
        self._open.discard(connection)
        if self._connections.get(connection.gather_id) is connection:
            del self._connections[connection.gather_id]
        connection.closed()

    async def change(
        self,
        work: Callable[Concatenate[Session, _P], tuple[_T, list[Order]]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> tuple[_T, Answer]:
        """Commit a change, have it carried out, and return its value with the agents' answer (the worst, when there
        are several).

        What is asked for while others are being committed shares the next commit.
        """
        mine = _Change(lambda session: work(session, *args, **kwargs), asyncio.get_running_loop().create_future())
        self._changes.append(mine)
        if self._committing is None or self._committing.done():
            # A task of its own: whoever asked may go away, the change of somebody else is not to go with him.
            self._committing = asyncio.create_task(self._commit(), name="changes")
        value, waiting = await mine.posted
        answers = await asyncio.gather(*map(self._wait, waiting))
        worst = next((answer for answer in answers if answer.err_code), None)
        return value, worst or (answers[0] if answers else Answer(id=""))

    async def _commit(self) -> None:
        while self._changes:
            async with self._order:
                together, self._changes = self._changes[:TOGETHER], self._changes[TOGETHER:]
                try:
                    outcomes = await self.database.run_each([change.work for change in together])
                except Exception as error:  # noqa: BLE001 - a task's boundary: it belongs to whoever asked
                    outcomes = [error for _ in together]
                for change, outcome in zip(together, outcomes, strict=True):
                    self._committed(change, outcome)

    def _committed(self, change: _Change, outcome: tuple[Any, list[Order]] | Exception) -> None:
        if isinstance(outcome, Exception):
            if not change.posted.done():
                change.posted.set_exception(outcome)
            return
        value, orders = outcome
        waiting = [self._post(order) for order in orders]
        if not change.posted.done():
            change.posted.set_result((value, waiting))

    async def ask(self, gather_id: int, cmd: str, data: WireModel) -> Answer:
        """Have an agent do something that changes nothing in the database."""
        return await self._wait(self._post(Order(gather_id, cmd, 0, data)))

    def _post(self, order: Order) -> asyncio.Future[Answer] | Answer:
        connection = self._connections.get(order.gather_id)
        return failure(Code.AGENT_OFFLINE) if connection is None else connection.command(order)

    async def _wait(self, waiting: asyncio.Future[Answer] | Answer) -> Answer:
        if isinstance(waiting, Answer):
            return waiting
        try:
            async with asyncio.timeout(self.answer_seconds):
                return await waiting
        except TimeoutError:
            return failure(Code.TIMED_OUT)


def failure(code: Code) -> Answer:
    """An answer in place of one that does not come."""
    return Answer(id="", err_code=code, err_msg=MESSAGES[code])


def transmit(answer: Answer) -> dict[str, Any]:
    """What API v1 prints in `transmit`, before it becomes text."""
    return {"err_code": answer.err_code, "err_msg": answer.err_msg, "data": answer.data}
