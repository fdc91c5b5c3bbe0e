"""Will the next lesson be recorded? An answer from the daemon's view, with what speaks against it. Plain functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent.monitoring.alarms import NOT_RECORDING
from agent.status import ChannelView, DaemonView, LessonView

Answer = Literal["yes", "doubtful", "no", "none"]
Doubt = Literal[
    "not_recording",
    "no_channel",
    "camera_away",
    "camera_starting",
    "disk_full",
    "disk_missing",
    "disk_read_only",
    "disk_failing",
]
_NO_DISK: dict[str, Doubt] = {
    "missing": "disk_missing",
    "read_only": "disk_read_only",
    "failing": "disk_failing",
}

RESERVE_BYTES = 256 << 20
"""A disk with less than this left beyond what the lesson needs is full."""
BIT_RATE = 4e6
"""What a camera that has sent nothing yet is taken for, bits per second."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What speaks against it: where, and the cause as far as the camera's recorder knows it."""

    doubt: Doubt
    channel: str
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """`lesson` is the next one, None where none is planned. "no" = as things stand it is lost."""

    answer: Answer
    lesson: LessonView | None = None
    reasons: tuple[Reason, ...] = ()


def outlook(view: DaemonView) -> Outlook:
    """The answer for the next lesson; several that begin together are one, and the worst of them counts.

    A camera that is switched off counts as good: a lesson switches it on.
    """
    if not view.next_lessons:
        return Outlook("none")
    first = min(view.next_lessons, key=lambda lesson: lesson.start)
    together = [lesson for lesson in view.next_lessons if lesson.start == first.start]
    channels = {channel.camera_id: channel for channel in view.channels}
    reasons = [reason for lesson in together for reason in _against(lesson, channels.get(lesson.camera_id))]
    needed = sum(_bytes(lesson, channels.get(lesson.camera_id)) for lesson in together)
    if view.disk.state in _NO_DISK:
        reasons.append(Reason(_NO_DISK[view.disk.state], ""))
    elif view.disk_free < needed + RESERVE_BYTES:
        reasons.append(Reason("disk_full", ""))
    sure = any(reason.doubt not in ("not_recording", "camera_starting") for reason in reasons)
    troubled = next((one for one in together if any(r.channel == _name(one) for r in reasons)), first)
    return Outlook("no" if sure else "doubtful" if reasons else "yes", troubled, tuple(reasons))


def lost_now(view: DaemonView) -> tuple[Reason, ...]:
    """The recordings that should be on at this moment and are not."""
    channels = {channel.camera_id: channel for channel in view.channels}
    return tuple(
        Reason("not_recording", alarm.name or str(alarm.camera_id), _cause(channels.get(alarm.camera_id)))
        for alarm in view.alarms
        if alarm.kind == NOT_RECORDING
    )


def _against(lesson: LessonView, channel: ChannelView | None) -> list[Reason]:
    name = _name(lesson)
    if channel is None:
        return [Reason("no_channel", name)]
    if channel.state in ("waiting", "down"):
        return [Reason("camera_away", name, channel.cause)]
    if channel.state in ("starting", "connecting"):
        return [Reason("camera_starting", name)]
    return []


def _name(lesson: LessonView) -> str:
    return lesson.camera_name or str(lesson.camera_id)


def _cause(channel: ChannelView | None) -> str:
    return channel.cause if channel else ""


def _bytes(lesson: LessonView, channel: ChannelView | None) -> float:
    rate = (channel.bit_rate if channel else None) or BIT_RATE
    return rate / 8 * (lesson.end - lesson.start)
