"""What stands wrong: told once when it begins, once when it is over. No I/O; time comes in.

The alarm that outranks all others is a recording that should be on and is not. It is seen by its effect, media that
does not grow, and so whatever the reason: camera, network, disk, recorder process, a defect of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

NOT_RECORDING = "not_recording"

SILENT_SEC = 6.0
"""A due recording that has not grown for this long is an alarm. With a pulse a second, a look twice a second and a page
that asks every two, everybody knows within ten seconds of the last packet.
"""


@dataclass(frozen=True, slots=True)
class Alarm:
    """`kind` is one word, `why` another with its `figures` (`agent.web.words`), `detail` the same as an English
    sentence; all may be empty. `since` Unix seconds.

    `times` counts how often it was raised about this recording or channel.
    """

    kind: str
    camera_id: int
    since: float
    detail: str = ""
    title: str = ""
    times: int = 1
    why: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """An alarm has been raised, or (`until`, Unix seconds) is over."""

    alarm: Alarm
    until: float | None = None


@dataclass(frozen=True, slots=True)
class DueNow:
    """A recording that should be on. `recorded_sec`: media that its recorder has taken so far over all its recordings,
    None while this one has not begun. `detail`, and `why` in one word: what is known about the reason. `patience_sec`:
    how long it may stand still, longer than usual where the camera sends in heaps.
    """

    key: str
    camera_id: int
    title: str
    recorded_sec: float | None
    detail: str = ""
    patience_sec: float = SILENT_SEC
    why: str = ""


@dataclass(slots=True)
class _Seen:
    grew_at: float
    recorded_sec: float = 0.0


@dataclass(slots=True)
class Alarms:
    """All alarms that stand, by what they are about."""

    _standing: dict[tuple[str, str], Alarm] = field(default_factory=dict)
    _times: dict[tuple[str, str], int] = field(default_factory=dict)
    _due: dict[str, _Seen] = field(default_factory=dict)

    @property
    def standing(self) -> tuple[Alarm, ...]:
        """Those that are not over, the oldest first."""
        return tuple(sorted(self._standing.values(), key=lambda alarm: alarm.since))

    def began(self, about: str, alarm: Alarm) -> AlarmChange | None:
        """It is so; None when that is known. `about` tells equal kinds apart: a channel's stream, a recording."""
        key = (alarm.kind, about)
        if key in self._standing:
            return None
        times = self._times[key] = self._times.get(key, 0) + 1
        raised = replace(alarm, times=times)
        self._standing[key] = raised
        return AlarmChange(raised)

    def over(self, about: str, kind: str, until: float) -> AlarmChange | None:
        """It is so no more; None when it was not known to be."""
        alarm = self._standing.pop((kind, about), None)
        return None if alarm is None else AlarmChange(alarm, until)

    def kept(self, camera_ids: Iterable[int], until: float) -> list[AlarmChange]:
        """Nothing stands about channels that are gone."""
        known = {0, *camera_ids}
        gone = [key for key, alarm in self._standing.items() if alarm.camera_id not in known]
        return [AlarmChange(self._standing.pop(key), until) for key in gone]

    def look(self, due: Iterable[DueNow], now: float, wall: float) -> list[AlarmChange]:
        """Hold what should be recorded against what grows. `now` is monotonic, `wall` that moment in Unix seconds."""
        changes: list[AlarmChange | None] = []
        here = {item.key: item for item in due}
        for key in self._due.keys() - here.keys():
            del self._due[key]
            changes.append(self.over(key, NOT_RECORDING, wall))
            self._times.pop((NOT_RECORDING, key), None)
        for key, item in here.items():
            seen = self._due.setdefault(key, _Seen(now))
            # A recorder that was started anew counts from zero.
            grew = item.recorded_sec is not None and item.recorded_sec > seen.recorded_sec
            seen.recorded_sec = item.recorded_sec or 0.0
            if grew:
                seen.grew_at = now
                changes.append(self.over(key, NOT_RECORDING, wall))
            elif now - seen.grew_at >= item.patience_sec:
                since = wall - (now - seen.grew_at)
                alarm = Alarm(NOT_RECORDING, item.camera_id, since, item.detail, item.title, why=item.why)
                changes.append(self.began(key, alarm))
        return [change for change in changes if change is not None]
