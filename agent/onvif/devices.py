"""The streams of IPC channels, for the daemon: asked of the device in a process of its own, remembered across restarts.

A device that was asked once is recorded from its last known streams at once, and asked again beside it: a lesson never
waits for a camera's web server, nor fails with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError

from agent.files import replace_file
from agent.onvif.conversations import Conversations
from agent.onvif.messages import Answer, DeviceCause, Failure, Preset, Question, Streams
from agent.sources import IPC, NoSource, Sources, device_password
from agent.wire.models import GatherSettings, WireCamera
from recorder.specs import SourceSpec

log = logging.getLogger(__name__)

ONVIF_PORTS = (80, 8000, 8080, 8899, 2020, 443, 888, 5000, 10080)
"""Where brands have it, the standard's port first; closed ones are passed over at once."""
LIMIT_SEC = 8.0
"""For one port of one device, 5 to 10 s: a live device answers all calls in a fraction of a second."""
AGAIN_SEC = 30.0
"""A device is not asked again within this time."""
REFUSED_SEC = 900.0
"""A device that has refused user and password is not asked again within this time for what can be done without."""

Ask = Callable[[Question], Awaitable[Answer]]


class DeviceAway(Exception):
    """The device does not tell its streams, and never has."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.cause: DeviceCause = failure.cause


class _Remembered(BaseModel):
    """For which device settings the streams were told, and which."""

    host: str
    twice: bool
    streams: Streams


class _File(BaseModel):
    devices: dict[int, _Remembered] = Field(default_factory=dict)


class Devices:
    """One for the daemon. `settings` are the server's, with the rates; `ask` holds the conversation; with `only_look`
    nothing is set in any device.
    """

    def __init__(
        self,
        state: Path,
        settings: Callable[[], GatherSettings],
        monotonic: Callable[[], float],
        ask: Ask | None = None,
        *,
        only_look: bool = False,
    ) -> None:
        self._path = state / "devices.json"
        self._settings, self._monotonic = settings, monotonic
        self._ask: Ask = ask or Conversations()
        self._asks: Literal["streams", "look"] = "look" if only_look else "streams"
        self._known = self._load()
        self._asked: dict[int, tuple[float, Question]] = {}
        self._told: dict[int, tuple[str, ...]] = {}
        self._refused: dict[int, tuple[float, Question]] = {}
        self._checks: dict[int, asyncio.Task[None]] = {}
        self._turning: set[asyncio.Task[None]] = set()

    def told(self, camera: WireCamera) -> Streams | None:
        """What the device said of itself when it was last asked."""
        return self._remembered(camera.camera_id, self.question(camera))

    async def sources(self, camera: WireCamera, transport: Literal["tcp", "udp"]) -> Sources:
        """What the channel's recorder opens. Raises `DeviceAway`, or `NoSource` where the channel names no device."""
        question = self.question(camera)
        streams = self._remembered(camera.camera_id, question)
        if streams is None:
            streams = await self._inquire(camera.camera_id, question)
        return _sources(camera, streams, transport)

    def is_outdated(self, camera: WireCamera) -> bool:
        """Whether something else is wanted of the device than when it was last asked."""
        return self._asked.get(camera.camera_id, (0.0, None))[1] != self.question(camera)

    def check(self, camera: WireCamera, changed: Callable[[], None], warn: Callable[[str], Awaitable[None]]) -> None:
        """Ask the device again beside what goes on, unless it was asked just now; `changed` is called when its streams
        are others, `warn` with each sentence about what it would not set.
        """
        camera_id = camera.camera_id
        if camera_id not in self._checks:
            task = asyncio.create_task(self._check(camera, changed, warn), name=f"channel {camera_id} device")
            self._checks[camera_id] = task
            task.add_done_callback(lambda _: self._checks.pop(camera_id, None))

    async def presets(self, camera: WireCamera, wanted: str = "") -> tuple[Preset, ...]:
        """What is stored in a channel's camera; with `wanted`, turn to that one, which is the answer.

        Raises `DeviceAway`, which says why in words, and `NoSource` where the channel has no device.
        """
        if camera.stream_prop != IPC:
            raise NoSource("only an IPC channel has a device that can be turned")
        question = self.question(camera)
        asked = question.model_copy(update={"ask": "go_to" if wanted else "presets", "preset": wanted})
        answer = await self._ask(asked)
        self._note(camera.camera_id, question, answer)
        if answer.failure is not None:
            raise DeviceAway(answer.failure)
        return answer.presets

    def turn(self, camera: WireCamera, preset: str, warn: Callable[[str], Awaitable[None]]) -> None:
        """Turn a channel's camera to a preset beside what goes on; `warn` is called where that cannot be."""

        async def go() -> None:
            if self._rests(camera.camera_id, self.question(camera)):
                await warn(f"the camera does not look at preset {preset!r}: it refuses user or password")
                return
            try:
                (found,) = await self.presets(camera, preset)
                log.info("channel %d looks at preset %s", camera.camera_id, found.name or found.token)
            except (DeviceAway, NoSource) as error:
                await warn(f"the camera does not look at preset {preset!r}: {error}")

        task = asyncio.create_task(go(), name=f"channel {camera.camera_id} preset")
        self._turning.add(task)
        task.add_done_callback(self._turning.discard)

    async def close(self) -> None:
        """End what goes on."""
        checks = [*self._checks.values(), *self._turning]
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)

    def question(self, camera: WireCamera) -> Question:
        """What is asked of a channel's device. Raises `NoSource`."""
        host, port = _host_and_port(camera.device_ip)
        settings = self._settings()
        return Question(
            ask=self._asks,
            host=host,
            ports=tuple(dict.fromkeys(one for one in (port, camera.device_cmd_port, *ONVIF_PORTS) if one)),
            user=camera.device_user,
            password=SecretStr(device_password(camera)),
            twice=bool(camera.device_twice),
            main_rate=settings.main_rate,
            sub_rate=settings.sub_rate,
            osd=bool(camera.device_osd),
            mirror=bool(camera.device_mirror),
            limit_sec=LIMIT_SEC,
        )

    async def _check(
        self, camera: WireCamera, changed: Callable[[], None], warn: Callable[[str], Awaitable[None]]
    ) -> None:
        camera_id, question = camera.camera_id, self.question(camera)
        asked_at, asked = self._asked.get(camera_id, (0.0, None))
        before = self._remembered(camera_id, question)
        if self._rests(camera_id, question):
            return
        if asked != question or self._monotonic() - asked_at >= AGAIN_SEC:
            try:
                await self._inquire(camera_id, question)
            except DeviceAway as error:
                log.warning("channel %d: %s; its last known streams are used", camera_id, error)
                return
        now = self._known.devices[camera_id].streams
        for warning in now.warnings:
            if warning not in self._told.get(camera_id, ()):
                await warn(warning)
        self._told[camera_id] = now.warnings
        if before is not None and (before.main, before.sub) != (now.main, now.sub):
            log.info("channel %d: the device has other streams now", camera_id)
            changed()

    async def _inquire(self, camera_id: int, question: Question) -> Streams:
        before = self._remembered(camera_id, question)
        settled = {} if before is None else before.rates
        answer = await self._ask(question.model_copy(update={"settled": settled}))
        self._asked[camera_id] = (self._monotonic(), question)
        self._note(camera_id, question, answer)
        if answer.streams is None:
            raise DeviceAway(answer.failure or Failure(cause="unusable", detail=f"{question.host}: no answer"))
        remembered = _Remembered(host=question.host, twice=question.twice, streams=answer.streams)
        if self._known.devices.get(camera_id) != remembered:
            self._known.devices[camera_id] = remembered
            content = self._known.model_dump_json(indent=1).encode()
            try:
                await asyncio.to_thread(replace_file, self._path, content, mode=0o600)
            except OSError as error:
                log.warning("%s cannot be written (%s): after a restart the devices are asked anew", self._path, error)
        return answer.streams

    def _note(self, camera_id: int, question: Question, answer: Answer) -> None:
        if answer.failure is not None and answer.failure.cause == "unauthorized":
            self._refused[camera_id] = (self._monotonic(), question)
        else:
            self._refused.pop(camera_id, None)

    def _rests(self, camera_id: int, question: Question) -> bool:
        """Whether the device has lately refused what would be asked with now: cameras lock after some wrong passwords.
        A channel that has no streams asks all the same, and waits as long in between.
        """
        at, refused = self._refused.get(camera_id, (0.0, None))
        if refused is None or (refused.host, refused.user, refused.password) != (
            question.host,
            question.user,
            question.password,
        ):
            return False
        return self._monotonic() - at < REFUSED_SEC

    def _remembered(self, camera_id: int, question: Question) -> Streams | None:
        known = self._known.devices.get(camera_id)
        if known is None or (known.host, known.twice) != (question.host, question.twice):
            return None
        return known.streams

    def _load(self) -> _File:
        try:
            return _File.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return _File()
        except (OSError, ValidationError) as error:
            why = error.strerror if isinstance(error, OSError) else "damaged"
            log.warning("%s cannot be read (%s): the devices are asked anew", self._path, why)
            return _File()


def _sources(camera: WireCamera, streams: Streams, transport: Literal["tcp", "udp"]) -> Sources:
    def spec(address: str) -> SourceSpec:
        return SourceSpec("stream", address, camera.device_user, device_password(camera), transport)

    return Sources(spec(streams.main), spec(streams.sub) if streams.sub else None)


def host_of(camera: WireCamera) -> str:
    """Where an IPC channel's device is. Raises `NoSource`."""
    return _host_and_port(camera.device_ip)[0]


def _host_and_port(text: str) -> tuple[str, int]:
    """`device_ip`: an address or a name, with a port where it is not the usual one."""
    written = text.strip()
    if not written:
        raise NoSource("an IPC channel needs device_ip, the camera's address")
    host, colon, port = written.rpartition(":")
    if colon and port.isdecimal() and (":" not in host or host.endswith("]")):
        return host.strip("[]"), int(port)
    return written.strip("[]"), 0
