"""Is all well? One judgement for `status`, the live display and systemd: a plain function of the daemon's view."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import get_args

from agent.monitoring.alarms import NOT_RECORDING
from agent.status import ChannelView, DaemonView, RecordingView
from agent.words import Words, megabytes
from recorder.specs import AlarmKind

SILENT_SEC = 10.0
"""A recording that is due and gets no packet for this long is not recording."""

TAKES_NOTHING = ("full", "read_only", "failing", "missing")
REASONS = 5
"""Channels that are named; a power cut in the cameras' rack takes forty of them at once."""
STUCK_SEC = 60.0
"""A recorder that calls its camera online while no packet came for this long is stuck, its supervisor too."""


class Health(IntEnum):
    """The worst that is the case; the numbers are the exit codes of `gather-agent status`."""

    WELL = 0
    DEGRADED = 1
    NOT_RECORDING = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it is, and why, in words for people."""

    health: Health
    reasons: tuple[str, ...] = ()


def judge(view: DaemonView, words: Words | None = None) -> Verdict:
    """The worst thing that is true of `view` at its own moment."""
    words = words or Words()
    # The alarm also sees recordings that no recorder has taken up.
    missing = {alarm.camera_id: alarm.name for alarm in view.alarms if alarm.kind == NOT_RECORDING}
    causes = {channel.camera_id: channel.cause for channel in view.channels if channel.state != "online"}
    for channel in view.channels:
        if any(not_recording(channel, recording, view.now) for recording in channel.recordings):
            missing[channel.camera_id] = channel.name
    if missing:
        silent = [
            words("why_missing", channel=name or camera_id) + _because(causes.get(camera_id, ""), words)
            for camera_id, name in sorted(missing.items())
        ]
        more = [words("more", count=len(silent) - REASONS)] if len(silent) > REASONS + 1 else []
        told = silent[:REASONS] + more if more else silent
        # The one reason that is none of the cameras'.
        disk = [disk_words(view, words)] if view.disk.state in TAKES_NOTHING else []
        return Verdict(Health.NOT_RECORDING, (*told, *disk))
    reasons = tuple(_lesser_troubles(view, words))
    return Verdict(Health.DEGRADED, reasons) if reasons else Verdict(Health.WELL)


def _because(cause: str, words: Words) -> str:
    return words("because", why=words.cause(cause)) if cause else ""


def not_recording(channel: ChannelView, recording: RecordingView, now: float) -> bool:
    """Whether this recording is due, had its time to begin, and gets nothing."""
    if now - recording.planned_start < SILENT_SEC:
        return False
    if recording.began_at is None or channel.state != "online":
        return True
    return channel.packet_age_sec is not None and channel.packet_age_sec > max(SILENT_SEC, channel.heap_sec)


def makes_progress(view: DaemonView) -> bool:
    """Whether what claims to record gets packets, or says that it does not: what systemd's watchdog is fed on.

    A camera that is away is no reason to restart the daemon; one that is "online" and silent for `STUCK_SEC` is.
    """
    return not any(
        channel.state == "online" and channel.recordings and (channel.packet_age_sec or 0.0) > STUCK_SEC
        for channel in view.channels
    )


def _lesser_troubles(view: DaemonView, words: Words) -> list[str]:
    troubles = [
        words("why_channel", channel=channel.name or channel.camera_id, state=words(channel.state))
        + _because(channel.cause, words)
        for channel in view.channels
        if channel.wanted and channel.state in ("waiting", "down")
    ]
    troubles += [
        words(f"why_{alarm.kind}", channel=alarm.name or alarm.camera_id)
        for alarm in view.alarms
        if alarm.kind in get_args(AlarmKind)
    ]
    if not view.server and not view.channels:
        troubles.append(words("why_unknown_here"))
    if view.server and view.link != "connected":
        cause = view.link_cause and words(f"link_cause_{view.link_cause}")
        troubles.append(words("why_link_cause", cause=cause) if cause else words("why_link"))
    if view.has_twin:
        troubles.append(words("link_cause_twin"))
    if view.clock_off_sec:
        direction = words("ahead" if view.clock_off_sec > 0 else "behind")
        troubles.append(words("why_clock", seconds=round(abs(view.clock_off_sec)), direction=direction))
    if view.journal_error:
        troubles.append(words("why_journal", error=view.journal_error))
    if view.disk.state != "well":
        troubles.append(disk_words(view, words))
    if view.queue.paused:
        troubles.append(words("why_paused"))
    elif view.queue.error:
        troubles.append(words("why_upload"))
    return troubles


def disk_words(view: DaemonView, words: Words) -> str:
    """What is wrong with the disk of the recordings, with numbers."""
    disk = view.disk
    if disk.state == "short" and disk.lesson_start is not None:
        return words(
            "disk_short",
            lesson=disk.lesson,
            when=words.time(disk.lesson_start),
            need=megabytes(disk.need),
            room=megabytes(disk.room),
            full=words.time(disk.full_at or disk.lesson_start),
        )
    return words(f"disk_{disk.state}", free=megabytes(disk.free))
