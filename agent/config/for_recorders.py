"""What the configuration says of recorder processes, as they take it."""

from __future__ import annotations

from agent.config.model import AlarmsSection, RecordSection
from recorder.specs import Limits, Watching


def limits(record: RecordSection) -> Limits:
    """Their bounds."""
    return Limits(
        connect_sec=record.connect_sec,
        stall_sec=record.stall_sec,
        ring_sec=record.ring_sec,
        ring_bytes=record.ring_mb << 20,
        queue_bytes=record.queue_mb << 20,
        fragment_sec=record.fragment_sec,
        sync_sec=record.sync_sec,
        preroll_sec=record.preroll_sec,
    )


def watching(alarms: AlarmsSection) -> Watching:
    """What they call black, frozen, silent and without audio."""
    return Watching(
        black_sec=alarms.black_sec,
        frozen_sec=alarms.frozen_sec,
        silent_sec=alarms.silent_sec,
        silent_dbfs=alarms.silent_dbfs,
        no_audio_sec=alarms.no_audio_sec,
        sound=alarms.sound,
    )
