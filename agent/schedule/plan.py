"""The plan of all channels: what each should do, worked out once until its next edge or an edit. No I/O.

An agent with nothing to do compares two numbers each time it looks, however many channels and courses it has.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from agent.schedule.reconciler import Desired, ManualRecording, what_should_run
from agent.schedule.timetable import Timetable


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds until somebody edits it: what people want, lessons, recordings by hand, `auto_dvr`."""

    wanted: Mapping[int, bool]
    timetable: Timetable
    manual: tuple[ManualRecording, ...]
    auto_dvr: bool

    def changed_since(self, before: Standing) -> set[int]:
        """The channels of which something is another than it was before."""
        if self.auto_dvr != before.auto_dvr:
            return set(self.wanted)
        mine, theirs = self.timetable.channels, before.timetable.channels
        changed = {
            camera_id
            for camera_id, wanted in self.wanted.items()
            if before.wanted.get(camera_id) != wanted or mine.get(camera_id) is not theirs.get(camera_id)
        }
        by_hand = (*self.manual, *before.manual) if self.manual != before.manual else ()
        return changed | ({one.camera_id for one in by_hand} & self.wanted.keys())


class Plan:
    """`desired` by camera id, as of the last `look`; `next_edge`: when the answer may be another one, infinite when
    nothing is coming.
    """

    def __init__(self) -> None:
        self.desired: dict[int, Desired] = {}
        self.next_edge = -math.inf
        self._standing: Standing | None = None
        self._looked = -math.inf

    def look(self, standing: Standing, now: float) -> Collection[int]:
        """Bring it to `now` (Unix seconds); the channels that had to be asked for anew."""
        turned_back, self._looked = now < self._looked, now
        if standing is self._standing and now < self.next_edge and not turned_back:
            return ()
        ask: Iterable[int] = standing.wanted
        if self._standing is not None and not turned_back:
            passed = {camera_id for camera_id, one in self.desired.items() if one.until <= now}
            ask = standing.changed_since(self._standing) | (passed & standing.wanted.keys())
        self._standing = standing
        asked = what_should_run(
            {camera_id: standing.wanted[camera_id] for camera_id in ask},
            standing.timetable,
            standing.manual,
            now,
            auto_dvr=standing.auto_dvr,
        )
        self.desired = self.desired | asked
        if self.desired.keys() != standing.wanted.keys():
            self.desired = {camera_id: self.desired[camera_id] for camera_id in standing.wanted}
        self.next_edge = min((one.until for one in self.desired.values()), default=math.inf)
        return asked.keys()
