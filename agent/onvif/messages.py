"""What the daemon asks a conversation process, and what that answers: one JSON object each way."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, field_serializer

DeviceCause = Literal["unreachable", "unauthorized", "timeout", "unusable", "not_found"]
"""Words of `recorder.specs.Cause`."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rate(_Message):
    """What bit rate a stream was asked for and what the device made of it, kbit/s."""

    wanted: int
    took: int


class Question(_Message):
    """`ask`: find the streams of this device, and set what the server wants set; `look`: set nothing; or list its
    presets; or turn to the one whose name or token `preset` is.

    `ports` are tried in turn; a refused connection leads to the next.  `twice`: main and sub stream are wanted and get
    their rates, kbit/s (API v1, 3.16: the rates are those of the two-stream mode).
    """

    host: str
    ports: tuple[int, ...]
    ask: Literal["streams", "look", "presets", "go_to"] = "streams"
    preset: str = ""
    user: str = ""
    password: SecretStr = SecretStr("")
    twice: bool = False
    main_rate: int = 0
    sub_rate: int = 0
    osd: bool = True
    mirror: bool = False
    limit_sec: float = 8.0
    settled: dict[str, Rate] = Field(default_factory=dict)

    @field_serializer("password", when_used="json")
    def _clear(self, password: SecretStr) -> str:
        return password.get_secret_value()


class Streams(_Message):
    """Addresses without user and password; `sub` empty: the device has no second stream, or none was wanted.

    `snapshot`: where the device gives out stills, empty: nowhere. `encoding`: of the main stream, as the device calls
    it. `ahead_sec`: how far its clock is from ours. `warnings`: what the device would not set, each a sentence.
    `rates`: what it made of the wanted ones, `main` and `sub`.
    """

    main: str
    sub: str = ""
    snapshot: str = ""
    encoding: str = ""
    ahead_sec: float = 0.0
    model: str = ""
    warnings: tuple[str, ...] = ()
    rates: dict[str, Rate] = Field(default_factory=dict)


class Failure(_Message):
    """No stream, and why; `detail` names device and call."""

    cause: DeviceCause
    detail: str


class Preset(_Message):
    """A position that is stored in a camera."""

    token: str
    name: str = ""


class Answer(_Message):
    """What was asked for, or the failure. `presets` of `go_to`: the one that was gone to."""

    streams: Streams | None = None
    presets: tuple[Preset, ...] = ()
    failure: Failure | None = None


class Found(_Message):
    """A device that answered a discovery: its address, what it calls itself, and its service addresses.

    `near`: its address is in a network of this machine. `endpoint`: what it calls itself for ever, where it does.
    """

    host: str
    port: int = 80
    name: str = ""
    hardware: str = ""
    services: tuple[str, ...] = ()
    endpoint: str = ""
    near: bool = True


FoundList = TypeAdapter(list[Found])
"""What a discovery answers."""
