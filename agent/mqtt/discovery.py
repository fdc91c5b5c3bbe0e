"""How Home Assistant is told what there is: the agent is a device, and each channel is one behind it. Plain functions.

https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery; fields and values were held against Home Assistant
2025.4 and 2026.2 (`tests/integration/test_home_assistant.py`). Names are in the reader's language; states are words of
Home Assistant's own (on and off of a device class), which it shows in that of each of its users.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.mqtt.messages import as_text
from agent.mqtt.news import EVENT_TYPES
from agent.mqtt.topics import ORDERS, Topics
from agent.status import DaemonView
from agent.words import Language

Allowed = Callable[[int], Collection[str]]
"""The orders that may be given to a channel."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """How Home Assistant is told. `prefix` is the topic it listens below; `pictures` whether there are any."""

    prefix: str
    pictures: bool
    allowed: Allowed
    language: Language = "en"


def discovery_messages(view: DaemonView, topics: Topics, how: Discovery) -> dict[str, str]:
    """Topic → retained configuration."""
    if not how.prefix:
        return {}
    about = {"name": view.name or "gather-agent", "sw_version": view.version}
    model = {"manufacturer": "gather-agent", "model": "采集端" if how.language == "zh" else "Lecture recorder"}
    device = _Device(how, topics.status, topics.node, about | model)
    found: dict[str, str] = {}
    for one in _AGENT_ENTITIES:
        found |= device.entity(one, {"state_topic": topics.state})
    found |= device.entity(_EVENT, {"state_topic": topics.events})
    for channel in view.channels:
        found |= _of_channel(channel.camera_id, channel.name, topics, how)
    return found


def topics_of_channel(camera_id: int, topics: Topics, prefix: str) -> tuple[str, ...]:
    """Every topic that may be retained about a channel, in the order in which they are taken back when it is no more:
    its state last, by which a later run would find what had been left.
    """
    everything = Discovery(prefix, True, lambda _: ORDERS)
    told = _of_channel(camera_id, "", topics, everything) if prefix else ()
    return (*told, topics.picture(camera_id), topics.channel(camera_id))


def _of_channel(camera_id: int, name: str, topics: Topics, how: Discovery) -> dict[str, str]:
    about = {"name": name or str(camera_id), "model": "通道" if how.language == "zh" else "Channel"}
    behind = about | {"via_device": topics.node}
    device = _Device(how, topics.status, f"{topics.node}_{camera_id}", behind)
    state = {"state_topic": topics.channel(camera_id)}
    found: dict[str, str] = {}
    for one in _CHANNEL_ENTITIES:
        found |= device.entity(one, state)
    for order in how.allowed(camera_id):
        if one_of := _ORDERED.get(order):
            asks = {"command_topic": topics.order(camera_id, order)}
            found |= device.entity(one_of, asks if one_of.kind == "button" else state | asks)
    if how.pictures:
        # Not an `image`, whose time would be that of Home Assistant's own start.
        found |= device.entity(_PICTURE, {"topic": topics.picture(camera_id), **_more(_PICTURE, state["state_topic"])})
    return found


@dataclass(frozen=True, slots=True)
class _Entity:
    """`key` is what it reads of the state, `names` are English and Chinese, `more` what else of the state it shows, by
    Home Assistant's name for it, `as_key` where its own name differs from what it reads.
    """

    kind: str
    key: str
    names: tuple[str, str]
    about: Mapping[str, Any] = field(default_factory=dict)
    more: tuple[str, ...] = ()
    as_key: str = ""


@dataclass(frozen=True, slots=True)
class _Device:
    """A device of Home Assistant and how its entities are told."""

    how: Discovery
    availability: str
    node: str
    about: Mapping[str, str]

    def entity(self, one: _Entity, where: Mapping[str, Any]) -> dict[str, str]:
        unique = f"{self.node}_{one.as_key or one.key}"
        config: dict[str, Any] = {
            "unique_id": unique,
            "default_entity_id": f"{one.kind}.{unique}",
            "object_id": unique,  # what that was called before Home Assistant 2025.10
            "name": one.names[self.how.language == "zh"],
            "device": {"identifiers": [self.node], **self.about},
            "origin": {"name": "gather-agent"},
            "availability_topic": self.availability,
            **where,
            **one.about,
        }
        if "state_topic" in where and one.kind != "event":
            config |= {"value_template": "{{ value_json." + one.key + " }}"} | _more(one, where["state_topic"])
        return {f"{self.how.prefix}/{one.kind}/{unique}/config": as_text(config)}


def _more(one: _Entity, state_topic: str) -> dict[str, str]:
    if not one.more:
        return {}
    picked = ", ".join(f"'{key}': value_json.{key}" for key in one.more)
    return {
        "json_attributes_topic": state_topic,
        "json_attributes_template": "{{ {" + picked + "} | tojson }}",
    }


_PROBLEM = {"device_class": "problem"}
_DIAGNOSTIC = {"entity_category": "diagnostic"}
_SIZE = {"device_class": "data_size", "unit_of_measurement": "GB", "state_class": "measurement"}
_AGENT_ENTITIES = (
    _Entity("binary_sensor", "problem", ("Overall state", "总体状态"), _PROBLEM, ("reasons", "alarms")),
    _Entity("binary_sensor", "not_recording", ("Lessons that are on", "正在上的课"), _PROBLEM),
    _Entity(
        "sensor",
        "next_lesson",
        ("Next lesson", "下一节课"),
        {"device_class": "timestamp"},
        ("next_lesson_title", "next_lesson_channel"),
    ),
    _Entity(
        "binary_sensor",
        "next_lesson_at_risk",
        ("Outlook for the next lesson", "下节课能否录制"),
        _PROBLEM,
        ("next_lesson_will_be_recorded",),
    ),
    _Entity(
        "binary_sensor",
        "server_connected",
        ("Server", "服务器"),
        {"device_class": "connectivity"} | _DIAGNOSTIC,
        ("server",),
    ),
    _Entity(
        "sensor",
        "upload_files",
        ("Files to upload", "待上传文件"),
        {"state_class": "measurement", "icon": "mdi:cloud-upload-outline"} | _DIAGNOSTIC,
        ("upload_paused", "upload_error"),
    ),
    _Entity("sensor", "upload_gigabytes", ("Data to upload", "待上传数据"), _SIZE | _DIAGNOSTIC),
    _Entity("sensor", "disk_free_gigabytes", ("Free disk", "磁盘剩余"), _SIZE | _DIAGNOSTIC),
)
_EVENT = _Entity("event", "event", ("Events", "事件"), {"event_types": EVENT_TYPES, "icon": "mdi:bell-outline"})
_CHANNEL_ENTITIES = (
    _Entity(
        "binary_sensor",
        "online",
        ("Camera", "摄像头"),
        {"device_class": "connectivity"},
        ("cause", "detail", "video", "audio"),
    ),
    _Entity("binary_sensor", "recording", ("Recording", "录像"), {"device_class": "running"}, ("title", "until")),
    _Entity("binary_sensor", "live", ("Watched live", "直播"), {"device_class": "running"}),
    _Entity("binary_sensor", "not_recording", ("Lesson that is on", "正在上的课"), _PROBLEM),
    _Entity("binary_sensor", "picture_problem", ("Picture and sound", "画面和声音"), _PROBLEM, ("alarms",)),
)
_ORDERED = {
    "record": _Entity("switch", "by_hand", ("Record by hand", "手动录像"), {"icon": "mdi:record-rec"}, as_key="record"),
    "snapshot": _Entity("button", "snapshot", ("Take a picture", "拍照"), {"icon": "mdi:camera-iris"}),
    "camera": _Entity("switch", "wanted", ("Camera in use", "启用摄像头"), {"icon": "mdi:cctv"}, as_key="camera"),
}
_PICTURE = _Entity("camera", "picture", ("Picture", "画面"), more=("picture_at",))
