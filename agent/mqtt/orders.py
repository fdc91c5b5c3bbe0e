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

from agent.mqtt.topics import Topics
from agent.wire.models import Command

ALL = "*"
_PAYLOAD_MAX = 4096
_TITLE_MAX = 200
_PRESET_MAX = 200
_ID_MAX = 100


@dataclass(frozen=True, slots=True)
class Order:
    """The relay's command that an order stands for. `request`: the asker's own name for it, empty if it gave none; an
    order of the same channel and name is the same one, come again.
    """

    camera_id: int
    command: Command
    request: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An order that is not carried out, and why."""

    camera_id: int
    why: str
    request: str = ""


class _Misfit(Exception):
    """The payload says nothing that is understood; the message says what would be."""


def allowed_for(camera_id: int, commands: Mapping[str, Collection[str]]) -> Collection[str]:
    """What `mqtt.commands` allows for a channel: its own entry, else that of `*`, else nothing."""
    return commands.get(str(camera_id), commands.get(ALL, ()))


def order_of(
    topic: str, payload: bytes, topics: Topics, commands: Mapping[str, Collection[str]]
) -> Order | Refusal | None:
    """What is asked for; None for a topic that carries no order."""
    found = topics.order_in(topic)
    if found is None:
        return None
    camera_id, order = found
    request = ""
    try:
        wish = _wish(payload, anything=order == "snapshot")
        request = _request(wish)
        if order not in allowed_for(camera_id, commands):
            why = f"{order} is not allowed for channel {camera_id} (mqtt.commands)"
            return Refusal(camera_id, why, request)
        cmd, data = _meaning(order, wish)
    except _Misfit as misfit:
        return Refusal(camera_id, str(misfit), request)
    name = f"{camera_id}-{order}-{request}" if request else uuid.uuid4().hex
    return Order(camera_id, Command(id=f"mqtt-{name}", cmd=cmd, data={"camera_id": camera_id, **data}), request)


def _wish(payload: bytes, *, anything: bool) -> dict[str, Any]:
    """The payload's fields. `ON` is short for `{"value": "ON"}`; `anything`: what is no JSON is as good as nothing."""
    if len(payload) > _PAYLOAD_MAX:
        raise _Misfit(f"the payload is longer than {_PAYLOAD_MAX} bytes")
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError:
        if anything:
            return {}
        raise _Misfit("the payload is no text") from None
    if not text.startswith("{"):
        return {"value": text}
    try:
        found: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError):
        if anything:
            return {}
        raise _Misfit("the payload begins like JSON and is none") from None
    return found


def _request(wish: dict[str, Any]) -> str:
    request = wish.pop("id", "")
    if not isinstance(request, str) or len(request) > _ID_MAX:
        raise _Misfit(f"id is a text of at most {_ID_MAX} characters")
    return request


def _meaning(order: str, wish: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The relay's command and its data."""
    if order == "snapshot":
        return "snapshot", {}
    known = {"value", "elapse_sec", "title"} if order == "record" else {"value"}
    if unknown := wish.keys() - known:
        raise _Misfit(f"{', '.join(sorted(unknown))}: {order} understands {', '.join(sorted(known | {'id'}))}")
    value = wish.pop("value", "ON" if order == "record" else "")
    if order == "preset":
        if not isinstance(value, str) or not 0 < len(value) <= _PRESET_MAX:
            raise _Misfit(f"a preset's name of at most {_PRESET_MAX} characters is needed")
        return "go_to_preset", {"preset": value}
    match value.upper() if isinstance(value, str) else "":
        case "ON":
            return ("start_record", _length_and_title(wish)) if order == "record" else ("start_camera", {})
        case "OFF" if not wish:
            return ("stop_record" if order == "record" else "stop_camera"), {}
    if order == "record":
        raise _Misfit('ON, OFF or {"elapse_sec": seconds, "title": "..."} is understood')
    raise _Misfit("ON or OFF is understood")


def _length_and_title(wish: dict[str, Any]) -> dict[str, Any]:
    """Of a recording: one with a length ends by itself."""
    elapse_sec, title = wish.get("elapse_sec", 0), wish.get("title", "")
    if isinstance(elapse_sec, bool) or not isinstance(elapse_sec, int) or not 0 <= elapse_sec <= 86_400:
        raise _Misfit("elapse_sec is a whole number of seconds up to 86400")
    if not isinstance(title, str) or len(title) > _TITLE_MAX:
        raise _Misfit(f"title is a text of at most {_TITLE_MAX} characters")
    return wish
