"""The daemon's view as retained messages, and Home Assistant's discovery of them. Plain functions: view in, texts out.

A message says only what is worth one: nothing in it changes with every second, so that a quiet day is a quiet broker.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent.monitoring.alarms import NOT_RECORDING
from agent.mqtt.topics import ORDERS, Topics
from agent.status import ChannelView, DaemonView, RecordingView
from agent.view.outlook import lost_now, outlook
from agent.view.verdict import Health, judge

Allowed = Callable[[int], Collection[str]]
"""The orders that may be given to a channel."""

_STEP = 100_000_000
"""Sizes are told in tenths of a gigabyte."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """How Home Assistant is told. `prefix` is the topic it listens below; `pictures` whether there are any."""

    prefix: str
    pictures: bool
    allowed: Allowed


def state_messages(view: DaemonView, topics: Topics) -> dict[str, str]:
    """Topic → retained text, for the agent and each of its channels."""
    found = {topics.state: _text(_agent(view))}
    for channel in view.channels:
        found[topics.channel(channel.camera_id)] = _text(_channel(view, channel))
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
        "next_lesson": _moment(lesson.start) if lesson else None,
        "next_lesson_title": lesson.title if lesson else "",
        "next_lesson_channel": (lesson.camera_name or str(lesson.camera_id)) if lesson else "",
        "next_lesson_will_be_recorded": coming.answer,
        "server": view.link if view.server else "none",
        "upload_files": view.queue.recorded + view.queue.uploaded,
        "upload_gigabytes": _gigabytes(view.queue.waiting_bytes),
        "upload_paused": _switch(view.queue.paused),
        "upload_error": view.queue.error,
        "disk_free_gigabytes": _gigabytes(view.disk_free),
        "alarms": [
            {"alarm": alarm.kind, "camera_id": alarm.camera_id, "since": _moment(alarm.since), "detail": alarm.detail}
            for alarm in view.alarms
        ],
    }


def _channel(view: DaemonView, channel: ChannelView) -> dict[str, Any]:
    missing = any(one.kind == NOT_RECORDING and one.camera_id == channel.camera_id for one in view.alarms)
    lesson = next((one for one in channel.recordings if one.course_id), None)
    return {
        "name": channel.name or str(channel.camera_id),
        "state": channel.state,
        "online": _switch(channel.state == "online"),
        "cause": channel.cause,
        "detail": channel.detail,
        "due": _switch(channel.due > 0),
        "recording": _switch(_is_on(view, channel)),
        "not_recording": _switch(missing),
        "by_hand": _switch(any(not one.course_id for one in channel.recordings)),
        "live": _switch(channel.live is not None and channel.live.state == "live"),
        "live_target": channel.live.target if channel.live else "",
        "live_since": _moment(channel.live.since) if channel.live else None,
        "live_cause": channel.live.cause if channel.live else "",
        "title": lesson.title if lesson else "",
        "until": _until(lesson),
        "video": channel.video,
        "audio": channel.audio,
        "alarms": sorted({one.kind for one in view.alarms if one.camera_id == channel.camera_id}),
        "picture_at": _moment(channel.snapshot_at) if channel.snapshot_at else None,
    }


def _is_on(view: DaemonView, channel: ChannelView) -> bool:
    missing = any(one.kind == NOT_RECORDING and one.camera_id == channel.camera_id for one in view.alarms)
    return not missing and any(one.began_at is not None for one in channel.recordings)


def _until(recording: RecordingView | None) -> str | None:
    return _moment(recording.planned_end) if recording and recording.planned_end else None


# -- Home Assistant: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery


def discovery_messages(view: DaemonView, topics: Topics, how: Discovery) -> dict[str, str]:
    """Topic → retained configuration: the agent is a device, and each channel is one behind it."""
    if not how.prefix:
        return {}
    node = topics.base.replace("/", "_")
    found: dict[str, str] = {}
    model = {"model": "gather-agent", "sw_version": view.version}
    device = _Device(how.prefix, topics.status, node, {"name": view.name or "gather-agent", **model})
    for kind, key, name, about in _AGENT_ENTITIES:
        found |= device.entity(
            kind, key, name, {"state_topic": topics.state, "value_template": _template(key), **about}
        )
    for channel in view.channels:
        found |= _of_channel(channel.camera_id, channel.name, topics, how)
    return found


def topics_of_channel(camera_id: int, topics: Topics, prefix: str) -> set[str]:
    """Every topic that may be retained about a channel: what must go when it is no more."""
    everything = Discovery(prefix, True, lambda _: ORDERS)
    told = _of_channel(camera_id, "", topics, everything).keys() if prefix else ()
    return {topics.channel(camera_id), topics.picture(camera_id), *told}


def _of_channel(camera_id: int, name: str, topics: Topics, how: Discovery) -> dict[str, str]:
    node = topics.base.replace("/", "_")
    behind = {"name": name or str(camera_id), "via_device": node}
    device = _Device(how.prefix, topics.status, f"{node}_{camera_id}", behind)
    state = {"state_topic": topics.channel(camera_id)}
    found: dict[str, str] = {}
    for kind, key, label, about in _CHANNEL_ENTITIES:
        found |= device.entity(kind, key, label, {**state, "value_template": _template(key), **about})
    allowed = how.allowed(camera_id)
    if "record" in allowed:
        order = {"command_topic": topics.order(camera_id, "record"), "value_template": _template("by_hand")}
        found |= device.entity("switch", "record", "Record by hand", {**state, **order})
    if "snapshot" in allowed:
        order = {"command_topic": topics.order(camera_id, "snapshot")}
        found |= device.entity("button", "snapshot", "Take a picture", order)
    if how.pictures:
        found |= device.entity("camera", "picture", "Picture", {"topic": topics.picture(camera_id)})
    return found


@dataclass(frozen=True, slots=True)
class _Device:
    """A device of Home Assistant and how its entities are told."""

    prefix: str
    availability: str
    node: str
    about: Mapping[str, str]

    def entity(self, kind: str, key: str, name: str, about: Mapping[str, str]) -> dict[str, str]:
        unique = f"{self.node}_{key}"
        config = {
            "unique_id": unique,
            "default_entity_id": f"{kind}.{unique}",
            "object_id": unique,  # what that was called before Home Assistant 2025.10
            "name": name,
            "device": {"identifiers": [self.node], **self.about},
            "origin": {"name": "gather-agent"},
            "availability_topic": self.availability,
            **about,
        }
        return {f"{self.prefix}/{kind}/{unique}/config": _text(config)}


_Entity = tuple[str, str, str, dict[str, str]]
_AGENT_ENTITIES: tuple[_Entity, ...] = (
    ("binary_sensor", "problem", "Problem", {"device_class": "problem"}),
    ("binary_sensor", "not_recording", "A lesson is not recorded", {"device_class": "problem"}),
    ("sensor", "next_lesson", "Next lesson", {"device_class": "timestamp"}),
    ("sensor", "next_lesson_will_be_recorded", "Next lesson will be recorded", {}),
    ("sensor", "server", "Server", {"entity_category": "diagnostic"}),
    ("sensor", "upload_files", "Files to upload", {"entity_category": "diagnostic"}),
    (
        "sensor",
        "disk_free_gigabytes",
        "Free disk",
        {"device_class": "data_size", "unit_of_measurement": "GB", "entity_category": "diagnostic"},
    ),
)
_CHANNEL_ENTITIES: tuple[_Entity, ...] = (
    ("binary_sensor", "online", "Camera", {"device_class": "connectivity"}),
    ("binary_sensor", "recording", "Recording", {"device_class": "running"}),
    ("binary_sensor", "live", "Watched live", {"device_class": "running"}),
    ("binary_sensor", "not_recording", "Not recorded though due", {"device_class": "problem"}),
)


def _template(key: str) -> str:
    return "{{ value_json." + key + " }}"


def _switch(is_on: bool) -> str:
    return "ON" if is_on else "OFF"


def _moment(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="seconds")


def _gigabytes(size: int) -> float:
    return round(size / _STEP) * _STEP / 1e9


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
