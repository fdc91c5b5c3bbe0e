"""Orders and events as lines of JSON, and back."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any, ClassVar, TypeVar, get_args, get_type_hints

from recorder.errors import ProtocolError
from recorder.protocol.events import Event
from recorder.protocol.orders import Order
from recorder.specs import Limits, RecordingSpec, SliceFacts, SourceSpec, Tuning, Watching

_T = TypeVar("_T")


class _Codec:
    nested: ClassVar[tuple[type, ...]] = (SourceSpec, Tuning, Limits, Watching, RecordingSpec, SliceFacts)

    def __init__(self) -> None:
        self.by_kind = {_kind(cls): cls for cls in (*get_args(Order), *get_args(Event))}
        self.hints = {cls: get_type_hints(cls) for cls in (*self.by_kind.values(), *self.nested)}

    def build(self, cls: type[_T], values: dict[str, Any]) -> _T:
        hints = self.hints[cls]
        unknown = values.keys() - hints.keys()
        if unknown:
            raise ProtocolError(f"{cls.__name__} has no field {sorted(unknown)[0]!r}")
        built = {name: self._value(hints[name], value) for name, value in values.items()}
        try:
            return cls(**built)
        except TypeError as error:
            raise ProtocolError(f"{cls.__name__}: {error}") from error

    def _value(self, hint: Any, value: Any) -> Any:
        if isinstance(value, dict):
            for cls in (hint, *get_args(hint)):
                if cls in self.nested:
                    return self.build(cls, value)
        return value


def _kind(cls: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def encode(message: Order | Event) -> bytes:
    """One line, newline included."""
    return json.dumps({"type": _kind(type(message)), **asdict(message)}, ensure_ascii=False).encode() + b"\n"


_codec = _Codec()


def decode(line: bytes) -> Order | Event:
    """The message of one line; `ProtocolError` when it is none."""
    try:
        values = json.loads(line)
        cls = _codec.by_kind[values.pop("type")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"not a message: {line[:80]!r}") from error
    message: Order | Event = _codec.build(cls, values)
    return message
