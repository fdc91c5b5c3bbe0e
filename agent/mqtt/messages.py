"""The daemon's view as retained messages. Plain functions: view in, texts out.

A message says only what is worth one: nothing in it changes with every second, so that a quiet day is a quiet broker.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from agent.monitoring.alarms import NOT_RECORDING
from agent.mqtt.topics import Topics
from agent.status import ChannelView, DaemonView, RecordingView
from agent.view.outlook import lost_now, outlook
from agent.view.verdict import Health, judge

_STEP = 100_000_000
"""Sizes are told in tenths of a gigabyte."""


def state_messages(view: DaemonView, topics: Topics) -> dict[str, str]:
    """Topic → retained text, for the agent and each of its channels."""
    found = {topics.state: as_text(_agent(view))}
    for channel in view.channels:
        found[topics.channel(channel.camera_id)] = as_text(_channel(view, channel))
    return found


def _agent(view: DaemonView) -> dict[str, Any]:
    verdict, coming = judge(view), outlook(view)
    lesson = coming.lesson
    return {
        "name": view.name,
        "version": view.version,
        "health": verdict.health.name.lower(),
        "problem": _switch(verdict.health is not Health.WELL),
        "not_recording": _switch(bool(lost_now(view))),
        "reasons": list(verdict.reasons),
        "recording": sum(_is_on(view, channel) for channel in view.channels),
        "next_lesson": moment(lesson.start) if lesson else None,
        "next_lesson_title": lesson.title if lesson else "",
        "next_lesson_channel": (lesson.camera_name or str(lesson.camera_id)) if lesson else "",
        "next_lesson_will_be_recorded": coming.answer,
        "next_lesson_at_risk": _switch(coming.answer in ("no", "doubtful")),
        "server": view.link if view.server else "none",
        "server_connected": _switch(view.link == "connected") if view.server else None,
        "upload_files": view.queue.recorded + view.queue.uploaded,
        "upload_gigabytes": _gigabytes(view.queue.waiting_bytes),
        "upload_paused": _switch(view.queue.paused),
        "upload_error": view.queue.error,
        "disk_free_gigabytes": _gigabytes(view.disk_free),
        "alarms": [
            {
                "alarm": alarm.kind,
                "camera_id": alarm.camera_id,
                "since": moment(alarm.since),
                "detail": alarm.detail,
                "why": alarm.why,
                "figures": alarm.figures,
            }
            for alarm in view.alarms
        ],
    }


def _channel(view: DaemonView, channel: ChannelView) -> dict[str, Any]:
    kinds = {one.kind for one in view.alarms if one.camera_id == channel.camera_id}
    lesson = next((one for one in channel.recordings if one.course_id), None)
    return {
        "name": channel.name or str(channel.camera_id),
        "state": channel.state,
        "online": _switch(channel.state == "online"),
        "wanted": _switch(channel.wanted),
        "cause": channel.cause,
        "detail": channel.detail,
        "due": _switch(channel.due > 0),
        "recording": _switch(_is_on(view, channel)),
        "not_recording": _switch(NOT_RECORDING in kinds),
        "picture_problem": _switch(bool(kinds - {NOT_RECORDING})),
        "by_hand": _switch(any(not one.course_id for one in channel.recordings)),
        "live": _switch(channel.live is not None and channel.live.state == "live"),
        "live_target": channel.live.target if channel.live else "",
        "live_since": moment(channel.live.since) if channel.live else None,
        "live_cause": channel.live.cause if channel.live else "",
        "title": lesson.title if lesson else "",
        "until": _until(lesson),
        "video": channel.video,
        "audio": channel.audio,
        "alarms": sorted(kinds),
        "picture_at": moment(channel.snapshot_at) if channel.snapshot_at else None,
    }


def _is_on(view: DaemonView, channel: ChannelView) -> bool:
    missing = any(one.kind == NOT_RECORDING and one.camera_id == channel.camera_id for one in view.alarms)
    return not missing and any(one.began_at is not None for one in channel.recordings)


def _until(recording: RecordingView | None) -> str | None:
    return moment(recording.planned_end) if recording and recording.planned_end else None


def _switch(is_on: bool) -> str:
    return "ON" if is_on else "OFF"


def moment(unix: float) -> str:
    """Unix seconds as ISO 8601, UTC."""
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="seconds")


def _gigabytes(size: int) -> float:
    return round(size / _STEP) * _STEP / 1e9


def as_text(body: Mapping[str, Any]) -> str:
    """JSON, as short as it goes."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
