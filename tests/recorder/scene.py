"""A recorder process on a camera of our own: what it recorded, held against what the camera sent."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Literal, TypeVar, cast

from recorder.packets import TrackKind
from recorder.protocol import (
    BeginRecording,
    CloseChannel,
    EndRecording,
    Event,
    GapFound,
    LinkChanged,
    OpenChannel,
    Order,
    Pulse,
    RecordingBegan,
    RecordingEnded,
    SliceClosed,
    Trouble,
)
from recorder.specs import Limits, RecordingSpec, SliceFacts, SourceSpec, Tuning
from tests.camera.boot import Sent
from tests.camera.camera import Camera
from tests.faults.school import until
from tests.media import PacketFacts, assert_plays, packets_in
from tests.recorder.processes import Forks

E = TypeVar("E")
T = TypeVar("T")
K = TypeVar("K")
_forking = threading.Lock()  # a fork server answers one question at a time

LIMITS = Limits(connect_sec=4.0, stall_sec=2.0, retry_min_sec=0.3, retry_max_sec=2.0, refused_sec=1.0)
"""Short enough for a test, long enough for a machine that has other things to do."""
READERS = ("own", "libav")
"""Who reads RTSP (`SourceSpec.reader`)."""
PLAYED_WITH = tuple(os.environ.get("GATHER_READERS", "own").split())
"""The reader with which every scene is played; `GATHER_READERS="own libav"` for both (`make soak`)."""
CLOCK_SEC = 0.7
"""How far a time that the recorder tells may lie from what the camera's log says, on a machine that is busy."""


@dataclass(frozen=True)
class Recorded:
    """Everything that came of a channel."""

    events: list[Event]
    slices: list[SliceFacts]
    due_at: float = 0.0  # when the recording was to begin; what the ring had before that is more than was asked for

    def of(self, kind: type[E]) -> list[E]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def packets(self, kind: TrackKind) -> list[PacketFacts]:
        """Those of all slices one after the other; without overlaps only where there are none."""
        return [packet for facts in self.slices for packet in packets_in(facts.path, kind)]

    @property
    def gaps(self) -> list[GapFound]:
        """What was named as missing."""
        return self.of(GapFound)

    @property
    def causes(self) -> list[str]:
        """Why the link was lost, time after time."""
        return [event.cause for event in self.of(LinkChanged) if event.state in ("waiting", "down")]


class Scene:
    """The daemon's end of one recorder process; events are taken in all the time."""

    def __init__(self, forks: Forks, folder: Path, spec: SourceSpec, tuning: Tuning, limits: Limits) -> None:
        self.folder = folder / "slices"
        self.folder.mkdir(parents=True)
        self.recorder = forks.spawn()
        self._due_at = 0.0
        self._ear = threading.Thread(target=self.recorder.drain, name="ear")
        self._ear.start()
        self.order(OpenChannel(7, "room 7", spec, str(self.folder), str(folder / "live.jpg"), None, tuning, limits))

    @property
    def open(self) -> bool:
        """Whether the recorder still says something."""
        return self._ear.is_alive()

    @property
    def events(self) -> list[Event]:
        """All that were said so far."""
        return list(self.recorder.events)

    def order(self, order: Order) -> None:
        """Tell the recorder something."""
        self.recorder.order(order)

    def until(self, what: str, ask: Callable[[list[Event]], bool], limit_sec: float = 60.0) -> None:
        """Wait for what was said to fulfil a condition."""
        try:
            until(what, lambda: ask(self.events), limit_sec)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.events[-8:]}") from None

    def online(self, times: int = 1) -> None:
        """Until the camera has come online so often."""
        self.until(
            f"{times} times online",
            lambda events: sum(isinstance(one, LinkChanged) and one.state == "online" for one in events) >= times,
        )

    def lost(self, times: int = 1) -> None:
        """Until the camera was lost, or could not be had, so often."""
        self.until(
            f"{times} times lost",
            lambda events: sum(isinstance(one, LinkChanged) and one.state == "waiting" for one in events) >= times,
        )

    def begin(self, slice_id: int = 1, begin_at: float | None = None, end_at: float | None = None) -> None:
        """Record from now on."""
        self._due_at = begin_at or time.time()
        self.order(BeginRecording(RecordingSpec(slice_id, 1), self._due_at, end_at))

    def began(self, slice_id: int = 1) -> None:
        """Until the first packet of a recording was taken."""
        self.until(
            "the recording",
            lambda events: any(isinstance(one, RecordingBegan) and one.slice_id == slice_id for one in events),
        )

    def recorded(self, seconds: float) -> None:
        """Until so much more was recorded."""
        have = self._recorded_sec()
        self.until(f"{seconds} s more", lambda _: self._recorded_sec() >= have + seconds)

    def ended(self, slice_id: int = 1) -> None:
        """Until a recording has ended."""
        self.until(
            "the end",
            lambda events: any(isinstance(one, RecordingEnded) and one.slice_id == slice_id for one in events),
        )

    def census(self) -> tuple[int, int]:
        """Threads and descriptors of the process."""
        proc = Path(f"/proc/{self.recorder.pid}")
        return len(list((proc / "task").iterdir())), len(list((proc / "fd").iterdir()))

    def end(self, slice_id: int = 1) -> None:
        """End a recording with what has come."""
        self.order(EndRecording(slice_id))
        self.ended(slice_id)

    def close(self) -> Recorded:
        """Close the channel; what came of it."""
        self.order(CloseChannel())
        self._ear.join()
        events = self.events
        closed = [event.facts for event in events if isinstance(event, SliceClosed)]
        slices = sorted(closed, key=lambda facts: (facts.slice_id, facts.slice_inx))
        return Recorded(events, slices, self._due_at)

    def _recorded_sec(self) -> float:
        pulses = [event for event in self.events if isinstance(event, Pulse)]
        return pulses[-1].recorded_sec if pulses else 0.0


@contextmanager
def scene(
    folder: Path,
    spec: SourceSpec,
    *,
    tuning: Tuning | None = None,
    limits: Limits = LIMITS,
    forks: Forks | None = None,
) -> Iterator[Scene]:
    """One recorder until the block ends, with a fork server of its own where none is given."""
    own = None if forks is not None else Forks()
    made: Scene | None = None
    try:
        with _forking:
            made = Scene(forks or cast(Forks, own), folder, spec, tuning or Tuning(), limits)
        yield made
    finally:
        if made is not None and made.open:
            made.close()
        if own is not None:
            own.close()


def together(acts: Mapping[K, Callable[[Forks], T]]) -> dict[K, T]:
    """Play scenes side by side, most of which is waiting; what came of each. They share the fork server given them."""
    forks = Forks()
    try:
        with ThreadPoolExecutor(len(acts)) as pool:
            playing = {name: pool.submit(act, forks) for name, act in acts.items()}
            return {name: result.result() for name, result in playing.items()}
    finally:
        forks.close()


def matched(sent: Sequence[Sent], packets: Sequence[PacketFacts]) -> list[int]:
    """Where in the camera's log each recorded packet stands; fails where one was never sent, or not in that order."""
    found, position = [], 0
    for number, packet in enumerate(packets):
        while position < len(sent) and sent[position].unit.digest != packet.digest:
            position += 1
        assert position < len(sent), f"packet {number} of {len(packets)} was not sent, or not there"
        found.append(position)
        position += 1
    return found


def check_whole(camera: Camera, recorded: Recorded, kind: TrackKind, *, tail: int = 0) -> list[list[Sent]]:
    """The recorded packets of a track are, for each of the camera's sessions, the sent ones without a hole.

    From the session's first recorded one on, which for a picture is the first key frame that was sent whole since the
    recording began, to its last whole one, of which `tail` may be missing: what was still on its way when the power
    failed.  Returns what was recorded, by session.
    """
    sent = [one for one in list(camera.sent) if one.kind == kind]
    places = matched(sent, recorded.packets(kind))
    assert places, f"no {kind} was recorded"
    sessions = [list(group) for _, group in groupby(places, key=lambda place: sent[place].session)]
    last_session = sent[places[-1]].session
    for group in sessions:
        session = sent[group[0]].session
        between = [index for index in range(group[0], group[-1] + 1) if sent[index].session == session]
        assert group == between, f"{kind}: {len(between) - len(group)} of session {session} are missing in its middle"
        whole = [index for index, one in enumerate(sent) if one.session == session and one.whole]
        if session != last_session:
            left = [index for index in whole if index > group[-1]]
            assert len(left) <= tail, f"{kind}: the last {len(left)} of session {session} are missing"
        if kind == "video":
            assert sent[group[0]].unit.is_key
            earlier = [index for index in whole if index < group[0] and sent[index].unit.is_key]
            if session != sent[places[0]].session:
                # The reader sees a picture from a key frame on, also where the camera begins in the middle.
                assert not earlier, f"session {session} was recorded from its key frame {len(earlier) + 1} on"
    return [[sent[index] for index in group] for group in sessions]


def check_gaps(recorded: Recorded, sessions: Sequence[Sequence[Sent]], *causes: str) -> list[float]:
    """Each break between sessions is one gap, from the last recorded frame to the first one after it, with this cause,
    and there is no other; their lengths.
    """
    gaps = sorted(recorded.gaps, key=lambda gap: gap.since)
    assert [gap.cause for gap in gaps] == list(causes), gaps
    for gap, (before, after) in zip(gaps, pairwise(sessions), strict=True):
        assert abs(gap.since - before[-1].at) < CLOCK_SEC, (gap, before[-1].at)
        assert abs(gap.until - after[0].at) < CLOCK_SEC, (gap, after[0].at)
    return [gap.until - gap.since for gap in gaps]


def spec_of(camera: Camera, reader: str, user: str = "", password: str = "") -> SourceSpec:
    """The camera as a source, read by this reader."""
    return SourceSpec("stream", camera.url(), user, password, reader=cast(Literal["auto", "own", "libav"], reader))


def check_files(recorded: Recorded) -> None:
    """Every slice plays from end to end without a complaint, nothing is left open, and nobody was troubled."""
    assert recorded.slices
    for facts in recorded.slices:
        assert_plays(facts.path)
    assert not list(Path(recorded.slices[0].path).parent.glob("*.part"))
    assert not recorded.of(Trouble)
