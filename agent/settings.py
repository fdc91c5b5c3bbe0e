"""The configuration in force, and what it says of each room."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from tzlocal import get_localzone

from agent.channels.channel import ChannelSetup
from agent.clock import Clock
from agent.config import for_recorders
from agent.config.hours import parse_window
from agent.config.model import Config
from agent.reminders import Reminders
from agent.spool.disk import DiskPolicy
from agent.state import AgentState

log = logging.getLogger(__name__)

GIB = 1 << 30


class Settings:
    """`config` is in force; `take` puts another one in its place. The server's word comes in where it has one."""

    def __init__(self, config: Config, state: AgentState, clock: Clock) -> None:
        self.config = config
        self._state, self._clock = state, clock
        self._hours = parse_window(config.upload.window)
        self._reminders = Reminders(clock.monotonic)

    def take(self, config: Config) -> None:
        """From now on this one is in force."""
        self.config, self._hours = config, parse_window(config.upload.window)

    def zone(self) -> tzinfo:
        """The zone the timetable is meant in: the config's, else the server's, else this machine's, and where that has
        no IANA name (`TZ=CST-8`), its offset of this moment.
        """
        for name in (self.config.time.zone, self._state.known.timezone):
            if name:
                try:
                    return ZoneInfo(name)
                except (OSError, ValueError, KeyError):
                    self._complain(f"the time zone {name!r} is not known on this machine; the next source is asked")
        try:
            return get_localzone()
        except (OSError, ValueError, KeyError):
            here = datetime.fromtimestamp(self._clock.wall()).astimezone().tzinfo
            assert here is not None, "of a time with a zone"
            self._complain(f"the zone of this machine has no IANA name, {here} is taken: set time.zone")
            return here

    def _complain(self, text: str) -> None:
        if self._reminders.is_news(text, text):
            log.error("%s", text)

    def closed_until(self, *, tight: bool) -> float | None:
        """Until when uploads wait for their hours, None while they may go. A disk short of room waits for none."""
        local = datetime.fromtimestamp(self._clock.wall(), self.zone())
        if self._hours is None or self._hours.open_at(local) or tight:
            return None
        return self._hours.opens_after(local).timestamp()

    def of_channels(self, setup: ChannelSetup) -> ChannelSetup:
        """The setup with what the configuration says of it."""
        record = self.config.record
        return replace(
            setup,
            limits=for_recorders.limits(record),
            watching=for_recorders.watching(self.config.alarms),
            transport=record.transport,
            sub_streams={int(key): one.get_secret_value() for key, one in record.sub_streams.items()},
            presets={int(key): one for key, one in record.presets.items()},
            main_rests=record.main_stream == "lessons",
        )

    def disk_policy(self) -> DiskPolicy:
        """What may go from the disk, and when."""
        spool = self.config.spool
        return DiskPolicy(int(spool.reserve_gb * GIB), int(spool.quota_gb * GIB), spool.delete_unsent)

    def upload_rate(self) -> float:
        """Bytes a second; 0: as fast as it goes."""
        return self.config.upload.rate_kbit * 125.0

    def upload_rate_beside_live(self) -> float:
        """The same while somebody watches."""
        return self.config.upload.live_rate_kbit * 125.0
