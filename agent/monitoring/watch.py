"""Looks twice a second whether what should be is: due recordings grow, the event loop turns, the wall clock stands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, get_args

from agent.channels.fleet import Fleet
from agent.clock import Clock, read_both
from agent.monitoring.alarms import NOT_RECORDING, SILENT_SEC, Alarm, AlarmChange, Alarms, DueNow
from agent.status import AlarmView, Happening
from agent.vitals import ClockSteps, LoopLag
from recorder.protocol import AlarmCleared, AlarmRaised, Event
from recorder.specs import AlarmKind

log = logging.getLogger(__name__)

LOOK_SEC = 0.5


class Watch:
    """`tell` gets each change once, `relay` the server's copy of it."""

    def __init__(
        self,
        fleet: Fleet,
        clock: Clock,
        *,
        tell: Callable[[Happening], None],
        relay: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self.lag = LoopLag()
        self.steps = ClockSteps()
        self._alarms = Alarms()
        self._fleet, self._clock, self._tell, self._relay = fleet, clock, tell, relay

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            asked = loop.time()
            await asyncio.sleep(LOOK_SEC)
            now = loop.time()
            self.lag.woke(now, now - asked - LOOK_SEC)
            self.look()

    def look(self) -> None:
        """One look."""
        wall, now = read_both(self._clock)
        self.steps.look(wall, now)
        for change in self._alarms.look(self._due_now(), now, wall):
            self._tell_change(change)
        # Nothing is wrong with a channel that nobody wants to see, and nobody is there to say that it is over.
        seen = [camera_id for camera_id, channel in self._fleet.channels.items() if channel.desired.connect]
        for change in self._alarms.kept(seen, wall):
            self._tell_change(change)

    def standing(self, camera_id: int) -> dict[str, float]:
        """The alarms that stand about what this channel sends: kind → Unix seconds of its beginning."""
        return {
            alarm.kind: alarm.since
            for alarm in self._alarms.standing
            if alarm.camera_id == camera_id and alarm.kind in get_args(AlarmKind)
        }

    async def take(self, camera_id: int, event: Event) -> None:
        """Alarms about what a camera sends, as its recorder sees them."""
        if isinstance(event, AlarmRaised):
            alarm = Alarm(event.kind, camera_id, event.since, event.detail, why=event.why, figures=event.figures)
            self._tell_change(self._alarms.began(str(camera_id), alarm))
        elif isinstance(event, AlarmCleared):
            self._tell_change(self._alarms.over(str(camera_id), event.kind, event.until))

    def views(self) -> tuple[AlarmView, ...]:
        """What stands, for people."""
        return tuple(
            AlarmView(
                kind=alarm.kind,
                camera_id=alarm.camera_id,
                name=self._fleet.name_of(alarm.camera_id),
                title=alarm.title,
                since=alarm.since,
                detail=alarm.detail,
                why=alarm.why,
                figures=dict(alarm.figures),
                times=alarm.times,
            )
            for alarm in self._alarms.standing
        )

    def _due_now(self) -> list[DueNow]:
        found = []
        for camera_id, desired in self._fleet.desired.items():
            channel = self._fleet.channels.get(camera_id)
            for item in desired.due:
                running = channel.running(item.key) if channel else None
                begun = channel is not None and running is not None and running.began_at is not None
                link = channel.link if channel else None
                away = link is None or link.state != "online"
                why = "no_recorder" if link is None else link.cause or (link.state if away else "")
                detail = "no recorder" if link is None else link.detail or why
                recorded = channel.recorded_sec if begun and channel else None
                patience_sec = max(SILENT_SEC, channel.heap_sec if channel else 0.0)
                found.append(DueNow(item.key, camera_id, item.title, recorded, detail, patience_sec, why))
        return found

    def _tell_change(self, change: AlarmChange | None) -> None:
        if change is None:
            return
        alarm = change.alarm
        name = f"channel {alarm.camera_id} {self._fleet.name_of(alarm.camera_id)}".rstrip()
        data: dict[str, str | int | float | None] = {
            "alarm": alarm.kind,
            "state": "raised" if change.until is None else "cleared",
            "since": alarm.since,
            "until": change.until,
            "detail": alarm.detail,
            "times": alarm.times,
        }
        text = f"{name}: {_sentence(change)}"
        self._tell(Happening(kind="alarm", text=text, camera_id=alarm.camera_id, data=data))
        more = {"why": alarm.why, "figures": dict(alarm.figures)}
        self._relay("alarm", {"camera_id": alarm.camera_id, "text": text, **data, **more})


def _sentence(change: AlarmChange) -> str:
    alarm = change.alarm
    what = "should be recording and is not" if alarm.kind == NOT_RECORDING else alarm.kind.replace("_", " ")
    if change.until is not None:
        return f"over after {max(0.0, change.until - alarm.since):.0f} s: {what}"
    why = f" ({alarm.detail})" if alarm.detail else ""
    return f"{what}{why}" + (f", time {alarm.times}" if alarm.times > 1 else "")
