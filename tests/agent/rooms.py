"""The daemon's rooms around real recorder processes: host, journal, intake, repairs, fleet."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.channels.channel import Channel, ChannelSetup
from agent.channels.fleet import Fleet
from agent.channels.intake import Intake
from agent.channels.recorders import RecorderHost
from agent.channels.repairs import Repairs
from agent.channels.session import Hooks
from agent.journal import Journal, JournalThread, RecordingRow, SliceRow
from agent.state import AgentState
from agent.status import Happening
from agent.wire.models import WireCamera
from recorder.protocol import Event, Pulse
from recorder.specs import Limits
from tests.agent.spool.filled import FakeClock

LIMIT_SEC = 60.0


class Rooms:
    """Everything that a channel needs, for real; `until` waits for what an event brings."""

    def __init__(self, folder: Path) -> None:
        self.slices, self.snapshots = folder / "slices", folder / "snapshots"
        for made in (self.slices, self.snapshots):
            made.mkdir(parents=True, exist_ok=True)
        self.clock = FakeClock()
        self.state = AgentState(folder / "state")
        self.journal = JournalThread(folder / "journal.sqlite")
        self.host = RecorderHost()
        self.events: list[Event] = []
        self.told: list[Happening] = []
        self.crashes = 0
        self._new = asyncio.Event()
        self.intake = Intake(
            self.journal,
            self.slices,
            clock=self.clock,
            tell=self.told.append,
            relay=lambda name, data: None,
            on_slice=lambda: None,
            on_report=lambda: None,
            on_link=lambda: None,
            on_left_open=lambda: self.repairs.ask(),  # noqa: PLW0108 - made below
        )
        self.repairs = Repairs(self.host, self.slices, self.journal, self.take)
        self.setup = ChannelSetup(
            self.host,
            self.clock,
            Limits(sync_sec=0.5),
            "tcp",
            self.slices,
            self.snapshots,
            Hooks(self.take, self.intake.open_recording, self.intake.plan_recording, self.intake.end_recording),
            on_crash=self._crashed,
        )
        self.fleet = Fleet(
            self.state,
            self.journal,
            self.clock,
            make_channel=self.channel,
            zone=lambda: ZoneInfo("UTC"),
            wake_at=lambda at: None,
            names=self.intake.names,
        )

    def channel(self, camera: WireCamera) -> Channel:
        """A channel in these rooms."""
        return Channel(camera, self.setup)

    def _crashed(self, _: int) -> None:
        self.crashes += 1
        self.repairs.ask()

    async def take(self, camera_id: int, event: Event) -> None:
        """As the daemon takes an event in, noted."""
        await self.intake.take(camera_id, event)
        if not isinstance(event, Pulse):
            self.events.append(event)
        self._new.set()

    async def until(self, condition: Callable[[], bool | Awaitable[bool]]) -> None:
        """Wait for what an event brings (a pulse comes every second, if nothing else does)."""
        async with asyncio.timeout(LIMIT_SEC):
            while True:
                self._new.clear()
                found = condition()
                if found if isinstance(found, bool) else await found:
                    return
                await self._new.wait()

    async def slices_of(self, slice_id: int) -> list[SliceRow]:
        """A recording's slices in the journal."""
        return await self.journal.do(Journal.slices_of, slice_id)

    async def recordings(self) -> list[RecordingRow]:
        """All recordings that may still grow."""
        return await self.journal.do(Journal.open_recordings)


def recorded_sec(channel: Channel) -> float:
    """What the channel's recorder process has written, as of its last pulse."""
    pulse = channel._session.pulse if channel._session else None
    return pulse.recorded_sec if pulse else 0.0


@contextlib.asynccontextmanager
async def rooms_in(folder: Path) -> AsyncIterator[Rooms]:
    """The rooms, with repairs running; everything is closed at the end."""
    rooms = Rooms(folder)
    repairing = asyncio.create_task(rooms.repairs.run())
    try:
        yield rooms
    finally:
        await rooms.fleet.close()
        repairing.cancel()
        await asyncio.gather(repairing, return_exceptions=True)
        await rooms.host.close()
        await rooms.journal.close()
