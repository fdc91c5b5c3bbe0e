"""What a live display shows, without the display: slices on their way, news in words, totals. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import get_args

from agent.status import ChannelView, DaemonView, Happening, RecordingView
from agent.wire.live_causes import live_cause
from agent.words import Words, clock, megabytes
from recorder.names import parse_stem
from recorder.specs import Cause

NEWS_KEPT = 8


class Stage(IntEnum):
    """How far a finished slice is."""

    ON_DISK = 0
    STORED = 1
    LISTED = 2


@dataclass(frozen=True, slots=True)
class SliceLine:
    """A finished slice: its channel, its number within the recording, start (Unix seconds), media length, bytes."""

    camera_id: int
    slice_inx: int
    started: float
    seconds: float
    size: int
    stage: Stage = Stage.ON_DISK


@dataclass(frozen=True, slots=True)
class Totals:
    """What was recorded since the start."""

    slices: int
    listed: int
    media_sec: float


class Board:
    """Collects happenings and the latest view; everything is said in the language of `say`."""

    def __init__(self, say: Words) -> None:
        self.say = say
        self.view: DaemonView | None = None
        self.slices: dict[str, SliceLine] = {}
        self.news: deque[tuple[float, str]] = deque(maxlen=NEWS_KEPT)
        self._announced: set[int] = set()

    def take(self, happening: Happening, at: float) -> str:
        """Take in a piece of news; the sentence to show for it, empty where it is not worth one."""
        sentence = self._sentence(happening)
        if sentence:
            self.news.append((at, sentence))
        return sentence

    def show(self, view: DaemonView) -> list[str]:
        """Take in the latest view; a sentence for each recording that has begun since the last one."""
        self.view = view
        begun = [
            (channel, recording)
            for channel in view.channels
            for recording in channel.recordings
            if recording.began_at is not None and recording.slice_id not in self._announced
        ]
        self._announced |= {recording.slice_id for _, recording in begun}
        return [self.now_recording(channel, recording) for channel, recording in begun]

    def totals(self) -> Totals:
        """What was recorded since the start."""
        lines = self.slices.values()
        listed = sum(line.stage is Stage.LISTED for line in lines)
        return Totals(len(lines), listed, sum(line.seconds for line in lines))

    def headline(self) -> list[str]:
        """What is being recorded right now, in whole sentences."""
        if self.view is None:
            return [self.say("starting_up")]
        running = [(channel, recording) for channel in self.view.channels for recording in channel.recordings]
        return [self.now_recording(*one) for one in running] or [self.say("nothing_recording")]

    def now_recording(self, channel: ChannelView, recording: RecordingView) -> str:
        """`Now recording Mathematics from Room 101, until 10:45:00.`"""
        return self.say(
            "now_recording",
            what=what_is(recording, self.say),
            channel=channel.name or channel.camera_id,
            until=until(recording, self.say),
        )

    def name_of(self, camera_id: int | None) -> str:
        """The channel's name, as far as it is known."""
        channels = self.view.channels if self.view else ()
        found = next((channel.name for channel in channels if channel.camera_id == camera_id), "")
        return found or f"{self.say('channel')} {camera_id}"

    def _sentence(self, happening: Happening) -> str:
        match happening.kind:
            case "slice" | "upload" | "report":
                return self._of_slice(happening, str(happening.data.get("stem", "")))
            case "channel" | "recording" | "gap":
                return self._of_channel(happening)
            case "live":
                return f"{self.name_of(happening.camera_id)}: {live_state(happening.data, self.say)}"
            case "link" if number := happening.data.get("gather_id"):
                return self.say("news_registered", number=number)
            case "snapshot":
                return ""
        return happening.text

    def _of_slice(self, happening: Happening, stem: str) -> str:
        if happening.kind == "slice":
            return self._slice_finished(happening, stem)
        if stem not in self.slices:  # of an earlier run: counted in the queue, not shown here
            return ""
        stage, key = (Stage.STORED, "news_stored") if happening.kind == "upload" else (Stage.LISTED, "news_listed")
        line = self.slices[stem] = replace(self.slices[stem], stage=stage)
        return self.say(key, channel=self.name_of(line.camera_id), number=line.slice_inx)

    def _of_channel(self, happening: Happening) -> str:
        name, data, cause = self.name_of(happening.camera_id), happening.data, self._cause(happening)
        if happening.kind == "recording":  # its beginning is announced with the view, which knows the lesson
            return self.say("news_ended", channel=name) if data.get("ended") else ""
        if happening.kind == "gap":
            seconds = float(data.get("until") or 0) - float(data.get("since") or 0)
            return self.say("news_gap", channel=name, seconds=f"{seconds:.1f}", cause=cause)
        if self.say.language == "en":  # the daemon's own text knows more: tracks, details
            return happening.text
        state = self.say(str(data["state"]))
        if data.get("stream") == "sub":
            name = self.say("sub_stream", channel=name)
        return self.say("news_cause" if cause else "news_state", channel=name, state=state, cause=cause)

    def _cause(self, happening: Happening) -> str:
        word = str(happening.data.get("cause") or "")
        return self.say(f"cause_{word}") if word in get_args(Cause) else word

    def _slice_finished(self, happening: Happening, stem: str) -> str:
        name = parse_stem(stem)
        if name is None:
            return happening.text
        seconds, size = float(happening.data.get("seconds") or 0), int(happening.data.get("size") or 0)
        self.slices[stem] = SliceLine(name.camera_id, name.slice_inx, name.start, seconds, size)
        return self.say(
            "news_slice",
            channel=self.name_of(name.camera_id),
            number=name.slice_inx,
            length=clock(seconds),
            size=megabytes(size),
        )


def what_is(recording: RecordingView, say: Words) -> str:
    """The lesson's title, else its number, else that it was started by hand."""
    lesson = say("lesson", course_id=recording.course_id) if recording.course_id else say("by_hand")
    return recording.title or lesson


def until(recording: RecordingView, say: Words) -> str:
    """When it ends."""
    return say("until", end=say.time(recording.planned_end)) if recording.planned_end else say("no_end")


def live_state(data: Mapping[str, object], say: Words) -> str:
    """The state of a push in words, from the fields of a `LiveView` or of its news."""
    cause = live_cause(str(data.get("cause") or ""), say.language)
    return say(f"live_{data['state']}", target=data["target"], cause=cause)


def queue_line(view: DaemonView, say: Words) -> str:
    """What of the recorded slices is with the server already."""
    queue = view.queue
    total = queue.recorded + queue.uploaded + queue.confirmed
    if not total:
        return say("queue_none")
    if total == queue.confirmed:
        return say("queue_empty", done=total)
    size = megabytes(queue.waiting_bytes)
    return say("queue", waiting=queue.recorded, total=total, size=size, unlisted=queue.uploaded)
