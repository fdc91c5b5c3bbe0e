"""Orders from the broker: which, for which channel, and whether they may be given. Plain functions.

Who may publish on these topics is the broker's affair (its access lists); what an order may do at all is this
configuration's.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from agent.mqtt.topics import ORDERS, Topics
from agent.wire.models import Command

ALL = "*"
_PAYLOAD_MAX = 4096
_TITLE_MAX = 200


@dataclass(frozen=True, slots=True)
class Refusal:
    """An order that is not carried out, and why."""

    camera_id: int
    why: str


def allowed_for(camera_id: int, commands: Mapping[str, Collection[str]]) -> Collection[str]:
    """What `mqtt.commands` allows for a channel: its own entry, else that of `*`, else nothing."""
    return commands.get(str(camera_id), commands.get(ALL, ()))


def order_of(
    topic: str, payload: bytes, topics: Topics, commands: Mapping[str, Collection[str]]
) -> Command | Refusal | None:
    """The relay's command that an order stands for; None for a topic that carries no order."""
    found = topics.order_in(topic)
    if found is None:
        return None
    camera_id, order = found
    assert order in ORDERS
    if order not in allowed_for(camera_id, commands):
        return Refusal(camera_id, f"{order} is not allowed for channel {camera_id} (mqtt.commands)")
    try:
        text = payload[: _PAYLOAD_MAX + 1].decode().strip()
    except UnicodeDecodeError:
        return Refusal(camera_id, "the payload is no text")
    if len(payload) > _PAYLOAD_MAX:
        return Refusal(camera_id, "the payload is too long")
    if order == "snapshot":
        return _command("snapshot", camera_id)
    return _record(text, camera_id)


def _record(text: str, camera_id: int) -> Command | Refusal:
    """`ON`, `OFF`, or `{"elapse_sec": 600, "title": "..."}` for a recording that ends by itself."""
    match text.upper():
        case "ON":
            return _command("start_record", camera_id)
        case "OFF":
            return _command("stop_record", camera_id)
    try:
        wish = json.loads(text)
    except (ValueError, RecursionError):
        wish = None
    if not isinstance(wish, dict) or wish.keys() - {"elapse_sec", "title"}:
        return Refusal(camera_id, 'ON, OFF or {"elapse_sec": seconds, "title": "..."} is understood')
    elapse_sec, title = wish.get("elapse_sec", 0), wish.get("title", "")
    if isinstance(elapse_sec, bool) or not isinstance(elapse_sec, int) or not 0 <= elapse_sec <= 86_400:
        return Refusal(camera_id, "elapse_sec is a whole number of seconds up to 86400")
    if not isinstance(title, str) or len(title) > _TITLE_MAX:
        return Refusal(camera_id, f"title is a text of at most {_TITLE_MAX} characters")
    return _command("start_record", camera_id, elapse_sec=elapse_sec, title=title)


def _command(cmd: str, camera_id: int, **more: Any) -> Command:
    return Command(id=f"mqtt-{uuid.uuid4().hex}", cmd=cmd, data={"camera_id": camera_id, **more})
