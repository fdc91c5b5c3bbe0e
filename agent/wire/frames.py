"""The relay's text frames: JSON objects told apart by their keys.

agent  -> server   {"hello": {...}}   {"id", "err_code", "err_msg", "data"}   {"event", "seq", "data"}
server -> agent    {"sync": {...}}    {"id", "cmd", "rev", "data"}
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from agent.wire.models import Answer, Command, EventFrame, Hello, Sync, WireCamera, WireModel

MAX_FRAME = 4 << 20
"""Bytes; a full sync of a school with 100 channels and 10,000 courses is below this."""


class FrameError(ValueError):
    """A text frame that is none of this protocol; `id` is set when it names a command that can be answered."""

    def __init__(self, message: str, command_id: str = "") -> None:
        super().__init__(message)
        self.command_id = command_id


class PartialSync(Sync):
    """A sync in which the channels `damaged` could not be understood; `why` is the first thing that is wrong."""

    damaged: tuple[int, ...]
    why: str


class _Numbered(WireModel):
    camera_id: int


def from_server(text: str | bytes) -> Sync | Command:
    """What a server's frame says; `FrameError` otherwise."""
    frame = _object(text)
    command_id = _id(frame)
    try:
        if "sync" in frame:
            return _sync(frame["sync"])
        if "cmd" in frame:
            if not command_id:
                raise FrameError("a command without an id, which nobody could be told the end of")
            return Command.model_validate({**frame, "id": command_id, "data": frame.get("data") or {}})
    except ValidationError as error:
        raise FrameError(_first(error), command_id) from error
    raise FrameError("neither sync nor command", command_id)


def from_agent(text: str | bytes) -> Hello | Answer | EventFrame:
    """What an agent's frame says; `FrameError` otherwise."""
    frame = _object(text)
    try:
        if "hello" in frame:
            return Hello.model_validate(frame["hello"])
        if "event" in frame:
            return EventFrame.model_validate(frame)
        if "err_code" in frame:
            return Answer.model_validate({**frame, "id": str(frame.get("id", ""))})
    except ValidationError as error:
        raise FrameError(_first(error)) from error
    raise FrameError("neither hello, answer nor event")


def to_text(frame: Sync | Command | Hello | Answer | EventFrame) -> str:
    """The frame as it goes on the wire."""
    body: dict[str, Any] = frame.model_dump(mode="json")
    if isinstance(frame, Sync):
        body = {"sync": body}
    elif isinstance(frame, Hello):
        body = {"hello": body}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _sync(body: Any) -> Sync:
    """Channel by channel: whoever reads the state of a big school lets other threads run in between.

    One channel of which nothing can be understood but its number must not cost the others their lessons, nor itself
    those that are known. Raises `ValidationError` where anything else is wrong.
    """
    cameras = body.get("cameras") if isinstance(body, dict) else None
    if not isinstance(cameras, list):
        return Sync.model_validate(body)
    good: list[WireCamera] = []
    damaged: list[int] = []
    why = ""
    for number, camera in enumerate(cameras):
        try:
            good.append(WireCamera.model_validate(camera))
        except ValidationError as error:
            why = why or f"cameras.{number}.{_first(error)}"
            damaged.append(_Numbered.model_validate(camera).camera_id)
    rest = Sync.model_validate({**body, "cameras": []})
    if damaged:
        return PartialSync(rev=rest.rev, gather=rest.gather, cameras=tuple(good), damaged=tuple(damaged), why=why)
    return rest.model_copy(update={"cameras": tuple(good)})


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        frame = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise FrameError("not JSON") from error
    if not isinstance(frame, dict):
        raise FrameError("not a JSON object")
    return frame


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON (RFC 8259, 6)")


def _id(frame: dict[str, Any]) -> str:
    """A command's id; empty where there is none that an answer could bear."""
    given = frame.get("id")
    text = str(given) if isinstance(given, str | int) else ""
    return text if text.encode(errors="replace").decode() == text else ""


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
