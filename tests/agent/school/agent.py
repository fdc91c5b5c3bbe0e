"""The agent's real rooms around simulated recorders and server, started, stopped, killed as a test likes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from agent import reports
from agent.backoff import Backoff
from agent.channels import channel, fleet, session
from agent.channels.channel import Channel, ChannelSetup
from agent.channels.fleet import Fleet
from agent.channels.intake import Intake
from agent.channels.repairs import Repairs
from agent.channels.session import Hooks
from agent.commands import Commands
from agent.journal import Journal, JournalThread
from agent.reports import Reports
from agent.schedule.wakeups import Wakeups
from agent.spool import uploads
from agent.spool.uploads import Uploads
from agent.state import AgentState, Known
from agent.status import Happening
from agent.storage import outage
from agent.wire.codes import Code
from agent.wire.models import Command, StatusReport
from recorder.specs import Limits
from tests.agent.school.recorders import Cameras, Host
from tests.agent.school.server import Client, Server, Store
from tests.agent.simulated import SimulatedClock

LOOK_SEC = 1800
End = Literal["stop", "kill", "power cut"]


class InlineJournal(JournalThread):
    """The journal without its thread, and committed when it is closed: on simulated time nothing takes real time."""

    def __init__(self, path: Path) -> None:
        self.inline = Journal(path)
        self.inline._db.execute("PRAGMA synchronous=OFF")
        self.inline._db.execute("PRAGMA cache_size=-100000")
        self._together = self.inline.together()
        self._together.__enter__()
        self._dead = False

    async def do(self, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._dead:
            await asyncio.Event().wait()
        return operation(self.inline, *args, **kwargs)

    def die(self) -> None:
        """Whoever asks from now on gets no answer."""
        self._dead = True
        self._together.__exit__(None, None, None)
        self.inline.close()

    async def close(self) -> None:
        self.die()


@contextmanager
def rare_looks(every_sec: float = 6 * 3600.0) -> Iterator[None]:
    """What looks every few seconds, in case that an event was lost, does so every few hours; nothing depends on it."""
    with pytest.MonkeyPatch.context() as patch:
        rare = ((uploads, "IDLE_SEC"), (reports, "LOOK_SEC"), (reports, "STATUS_SEC"), (fleet, "SWEEP_SEC"))
        for module, name in rare:
            patch.setattr(module, name, every_sec)
        patch.setattr(reports, "RETRY_MAX_SEC", 3600.0)
        patch.setattr(outage, "Backoff", partial(Backoff, most=600.0))
        # A simulated recorder has no pulse.
        patch.setattr(session, "HANG_SEC", float("inf"))
        patch.setattr(channel, "RESTART_SEC", (1.0,))
        yield


class SchoolState(AgentState):
    """A state that has been durable all the time, and is written when somebody may look."""

    def _write(self, known: Known, token: str) -> None:
        pass

    def write(self) -> None:
        """The agent that had it is gone."""
        super()._write(self.known, self.token)


class SchoolAgent:
    """One agent: what is on its disk stays, its rooms come and go."""

    def __init__(self, folder: Path, clock: SimulatedClock, cameras: Cameras, server: Server, zone: Any) -> None:
        self.clock, self.folder, self.cameras, self.server, self.zone = clock, folder, cameras, server, zone
        self.state = SchoolState(folder)
        self.turns = self.slices = 0
        self.running = False
        self._ids = iter(range(1 << 40))
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """As `Daemon.run` does."""
        self.state.write()
        self.state = SchoolState(self.folder)
        self.journal = InlineJournal(self.folder / "journal.sqlite")
        self.intake = Intake(
            self.journal,
            self.cameras.folder,
            clock=self.clock,
            tell=self._tell,
            relay=lambda name, data: None,
            on_slice=self._slice_added,
            on_report=lambda: self.reports.wake(),  # noqa: PLW0108 - made below
            on_link=lambda: None,
            on_left_open=lambda: self.repairs.ask(),  # noqa: PLW0108 - made below
        )
        host = Host(self.cameras)
        self.repairs = Repairs(host, self.cameras.folder, self.journal, self.intake.take)
        hooks = Hooks(
            self.intake.take, self.intake.open_recording, self.intake.plan_recording, self.intake.end_recording
        )
        setup = ChannelSetup(
            host,
            self.clock,
            Limits(),
            "tcp",
            self.cameras.folder,
            self.folder,
            hooks,
            on_crash=lambda _: self.repairs.ask(),
        )
        self.wakeups = Wakeups(AsyncIOScheduler(timezone="UTC"), self._wake, LOOK_SEC)
        self.fleet = Fleet(
            self.state,
            self.journal,
            self.clock,
            make_channel=lambda camera: Channel(camera, setup),
            zone=lambda: self.zone,
            wake_at=self.wakeups.at,
            names=self.intake.names,
            look_sec=LOOK_SEC,
        )
        self.uploads = Uploads(
            self.journal,
            lambda: Store(self.server),
            self.clock,
            parallel=4,
            retry_max_sec=600.0,
            keep_trying=lambda: True,
            gave_up=lambda: "",
            give_up=lambda why: None,
            on_uploaded=lambda: self.reports.wake(),  # noqa: PLW0108 - made below
            tell=self._tell,
        )
        self.reports = Reports(
            self.journal,
            Client(self.server),
            lambda: None,
            self.clock,
            status=StatusReport,
            on_confirmed=lambda: None,
            tell=self._tell,
        )
        self.commands = Commands(
            self.state,
            self.fleet.channels,
            self.uploads,
            self.clock,
            reconcile=self.fleet.reconcile,
            view=lambda: pytest.fail("nobody asks for the status here"),
            lives=cast("Any", None),
            devices=cast("Any", None),
        )
        self.wakeups.start()
        self.repairs.ask()
        await self.fleet.reconcile()
        jobs = (self.fleet.run, self.repairs.run, self.uploads.run, self.reports.run)
        self._tasks = [asyncio.create_task(job()) for job in jobs]
        self.running = True

    async def end(self, how: End) -> None:
        """A stop finishes files; a kill or a power cut ends everything between two steps."""
        self.check()
        self.running = False
        self.wakeups.stop()
        if how == "stop":
            await self.fleet.close()
            await self._cancel(self._tasks)
        finished = [facts.stem for facts in self.cameras.finished.values()]
        known = set(finished) - self.journal.inline.unknown_stems(finished)
        self.journal.die()
        if how != "stop":
            await self._cancel([task for task in asyncio.all_tasks() if task is not asyncio.current_task()])
        self.cameras.daemon_is_gone(known, power_cut=how == "power cut")

    async def command(self, cmd: str, **data: Any) -> None:
        """What the server orders; it must be done."""
        answer = await self.commands.carry_out(Command(id=str(next(self._ids)), cmd=cmd, data=data))
        assert answer.err_code in (Code.OK, Code.NOT_RECORDING), answer

    def check(self) -> None:
        """No room has ended with a defect."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def _cancel(self, tasks: list[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _wake(self) -> None:
        self.turns += 1
        self.fleet.wake()

    def _slice_added(self) -> None:
        self.slices += 1
        self.uploads.wake()

    def _tell(self, happening: Happening) -> None:
        pass


@contextmanager
def no_error_in_the_log() -> Iterator[None]:
    """A defect that a room survives is still a defect."""
    errors: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info:
                errors.append(self.format(record))

    root, handler = logging.getLogger("agent"), Handler(logging.ERROR)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
    assert not errors, errors[0]
