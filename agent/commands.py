"""The server's commands, carried out; each answer says what really became of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import ValidationError

from agent.channels.channel import Channel
from agent.channels.recorders import RecorderGone
from agent.clock import Clock
from agent.link.relay import answer
from agent.live import ANSWER_SEC, Lives, PushFailed
from agent.onvif.devices import DeviceAway, Devices
from agent.schedule.edits import edits
from agent.schedule.timetable import BadCourse, course_from_wire
from agent.sources import NoSource, require_source
from agent.spool.uploads import Uploads
from agent.state import AgentState
from agent.status import DaemonView
from agent.wire.codes import Code
from agent.wire.commands import COMMANDS, CameraRef, GoToPreset, SetCourse, StartLive, StartRecord
from agent.wire.live_causes import live_advice, live_cause
from agent.wire.models import Answer, Command, GatherSettings, WireCamera, WireModel
from recorder.errors import RefusedUrl

log = logging.getLogger(__name__)

OFFLINE_SEC = 2.0
"""A channel that is not online at this moment may be about to be: so long a wish for live waits before it says no."""


_OF_THE_WHOLE = frozenset({"add_camera", "mod_camera", "del_camera", "set_course", "mod_gather"})
"""What these change stands in a sync as well."""


class Refused(Exception):
    """A command that cannot be done, with the code that says why."""

    def __init__(self, code: Code, message: str = "", data: dict[str, Any] | None = None) -> None:
        super().__init__(message or code.name)
        self.code = code
        self.message = message
        self.data = data


class Commands:
    """One method a command. `reconcile()` brings about what a command changed and returns when orders are out."""

    def __init__(
        self,
        state: AgentState,
        channels: Mapping[int, Channel],
        uploads: Uploads,
        clock: Clock,
        lives: Lives,
        *,
        devices: Devices,
        reconcile: Callable[[], Awaitable[None]],
        view: Callable[[], DaemonView],
    ) -> None:
        self._state, self._channels, self._uploads, self._clock = state, channels, uploads, clock
        self._lives, self._devices, self._reconcile, self._view = lives, devices, reconcile, view
        self._one_at_a_time = asyncio.Lock()
        self._methods: dict[str, Callable[[Any], Awaitable[dict[str, Any]]]] = {
            "add_camera": self._put_camera,
            "mod_camera": self._put_camera,
            "del_camera": self._del_camera,
            "start_camera": self._start_camera,
            "stop_camera": self._stop_camera,
            "set_course": self._set_course,
            "mod_gather": self._mod_gather,
            "start_record": self._start_record,
            "stop_record": self._stop_record,
            "snapshot": self._snapshot,
            "start_live": self._start_live,
            "stop_live": self._stop_live,
            "presets": self._presets,
            "go_to_preset": self._go_to_preset,
            "pause_upload": self._pause_upload,
            "resume_upload": self._resume_upload,
            "status": self._status,
        }

    async def carry_out(self, command: Command) -> Answer:
        """Do it. Never raises: whatever happens becomes the answer."""
        method, model = self._methods.get(command.cmd), COMMANDS.get(command.cmd)
        if method is None or model is None:
            return answer(command.id, Code.UNKNOWN_COMMAND, message=f"unknown command {command.cmd!r}")
        try:
            data = await self._do(method, model.model_validate(command.data), command)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            return answer(command.id, Code.BAD_DATA, message=f"{where}: {first['msg']}")
        except (BadCourse, NoSource) as error:
            return answer(command.id, Code.BAD_DATA, message=str(error))
        except Refused as refused:
            return answer(command.id, refused.code, refused.data, refused.message)
        except Exception as error:  # a task's boundary: the caller gets FAILED instead of silence
            log.exception("command %s failed", command.cmd)
            return answer(command.id, Code.FAILED, message=f"{type(error).__name__}: {error}")
        log.info("command %s %s done", command.cmd, {k: v for k, v in command.data.items() if k.endswith("_id")})
        return answer(command.id, Code.OK, data)

    async def _do(
        self, method: Callable[[Any], Awaitable[dict[str, Any]]], data: WireModel, command: Command
    ) -> dict[str, Any]:
        if command.cmd in ("snapshot", "status", "start_live", "stop_live", "presets", "go_to_preset"):
            return await method(data)
        syncs = self._state.syncs
        async with self._one_at_a_time:
            if command.cmd in _OF_THE_WHOLE and self._state.syncs != syncs and command.rev <= self._state.known.rev:
                # It waited here, for a slow disk, while a link dropped and another brought the whole state.
                log.info("command %s is part of the state of revision %d", command.cmd, self._state.known.rev)
                return {}
            before = dict(self._state.known.cameras)
            done = await method(data)
            for edit in edits(before, self._state.known.cameras):
                log.info("command %s: %s", command.cmd, edit)
            if command.rev:
                self._state.known.rev = max(self._state.known.rev, command.rev)
                self._state.save()
            await self._state.durable()
            return done

    def _known(self, camera_id: int) -> WireCamera:
        try:
            return self._state.known.cameras[camera_id]
        except KeyError:
            raise Refused(Code.NO_SUCH_CAMERA) from None

    async def _put_camera(self, camera: WireCamera) -> dict[str, Any]:
        require_source(camera)
        for course in camera.courses:
            course_from_wire(course, camera.camera_id)
        self._state.put_camera(camera)
        await self._reconcile()
        return {"camera_id": camera.camera_id}

    async def _del_camera(self, ref: CameraRef) -> dict[str, Any]:
        self._state.remove_camera(ref.camera_id)
        await self._reconcile()
        return {"camera_id": ref.camera_id}

    async def _start_camera(self, ref: CameraRef) -> dict[str, Any]:
        self._known(ref.camera_id)
        self._state.want(ref.camera_id, True)
        channel = self._channels.get(ref.camera_id)
        if channel is not None and channel.desired.connect and channel.waits_for_people:
            channel.renew()
        await self._reconcile()
        return {"camera_id": ref.camera_id}

    async def _stop_camera(self, ref: CameraRef) -> dict[str, Any]:
        self._known(ref.camera_id)
        self._state.want(ref.camera_id, False)
        self._state.stop_manual(ref.camera_id, self._clock.wall())
        await self._reconcile()
        return {"camera_id": ref.camera_id}

    async def _set_course(self, change: SetCourse) -> dict[str, Any]:
        self._known(change.camera_id)
        for course in change.courses:
            if course.is_delete != 3:
                course_from_wire(course, change.camera_id)
        self._state.change_courses(change.camera_id, list(change.courses))
        await self._reconcile()
        return {"camera_id": change.camera_id, "courses": len(self._state.known.cameras[change.camera_id].courses)}

    async def _mod_gather(self, settings: GatherSettings) -> dict[str, Any]:
        self._state.known.gather = settings
        self._state.save()
        await self._reconcile()
        return {}

    async def _start_record(self, order: StartRecord) -> dict[str, Any]:
        self._known(order.camera_id)
        now = self._clock.wall()
        end = now + order.elapse_sec if order.elapse_sec else None
        if not self._state.lengthen_manual(order.camera_id, now, end):
            self._state.start_manual(order.camera_id, now, end, order.title)
        await self._reconcile()
        channel = self._channels.get(order.camera_id)
        return {"camera_id": order.camera_id, "online": channel is not None and channel.online}

    async def _stop_record(self, ref: CameraRef) -> dict[str, Any]:
        self._known(ref.camera_id)
        if not self._state.stop_manual(ref.camera_id, self._clock.wall()):
            raise Refused(Code.NOT_RECORDING)
        await self._reconcile()
        return {"camera_id": ref.camera_id}

    async def _snapshot(self, ref: CameraRef) -> dict[str, Any]:
        self._known(ref.camera_id)
        channel = self._channels.get(ref.camera_id)
        if channel is None or not channel.desired.connect:
            raise Refused(Code.CAMERA_STOPPED)
        try:
            taken = await channel.snapshot()
        except (RecorderGone, TimeoutError) as error:
            raise Refused(
                Code.NO_PICTURE, f"no picture: {str(error) or 'the channel did not answer in time'}"
            ) from error
        if taken.error:
            raise Refused(Code.NO_PICTURE, taken.error)
        return {"camera_id": ref.camera_id, "width": taken.width, "height": taken.height, "taken": taken.taken_at}

    async def _presets(self, ref: CameraRef) -> dict[str, Any]:
        return {"camera_id": ref.camera_id, "presets": await self._asked(ref.camera_id, "")}

    async def _go_to_preset(self, order: GoToPreset) -> dict[str, Any]:
        (preset,) = await self._asked(order.camera_id, order.preset)
        return {"camera_id": order.camera_id, "preset": preset}

    async def _asked(self, camera_id: int, preset: str) -> list[dict[str, Any]]:
        try:
            found = await self._devices.presets(self._known(camera_id), preset)
        except DeviceAway as away:
            raise Refused(Code.DEVICE_REFUSES, str(away)) from away
        return [one.model_dump() for one in found]

    async def _pause_upload(self, _: WireModel) -> dict[str, Any]:
        self._state.hold_uploads(True)
        return {}

    async def _start_live(self, order: StartLive) -> dict[str, Any]:
        self._known(order.camera_id)
        channel = self._channels.get(order.camera_id)
        if channel is None or not channel.desired.connect:
            raise Refused(Code.CAMERA_STOPPED)
        patience = ANSWER_SEC if channel.online else OFFLINE_SEC
        try:
            view = await self._lives.start(order.camera_id, order.push_url, order.lease_sec, patience)
        except RefusedUrl as error:
            raise Refused(Code.BAD_DATA, f"push_url: {error}") from error
        except PushFailed as failed:
            if not channel.online:
                why = channel.shown_link
                detail = why.detail or why.cause or why.state
                raise Refused(Code.CAMERA_OFFLINE, f"the channel is offline: {detail}") from failed
            raise Refused(Code.PUSH_FAILED, *_why_not_live(order.camera_id, failed)) from failed
        done = {"camera_id": order.camera_id, "state": view.state, "target": view.target, "until": view.until}
        return done | ({"cause": view.cause, "detail": view.detail} if view.cause else {})

    async def _stop_live(self, ref: CameraRef) -> dict[str, Any]:
        self._known(ref.camera_id)
        return {"camera_id": ref.camera_id, "was_live": await self._lives.stop(ref.camera_id)}

    async def _resume_upload(self, _: WireModel) -> dict[str, Any]:
        self._state.hold_uploads(False)
        self._uploads.resume()
        return {}

    async def _status(self, _: WireModel) -> dict[str, Any]:
        return self._view().model_dump(mode="json")


def _why_not_live(camera_id: int, failed: PushFailed) -> tuple[str, dict[str, Any]]:
    """What and where, and what to do; the same for programs, and for people who read Chinese."""
    advice = live_advice(failed.cause, "en")
    said = {
        "camera_id": camera_id,
        "cause": failed.cause,
        "detail": str(failed),
        "target": failed.view.target,
        "retry_at": failed.view.retry_at,
        "en": f"{live_cause(failed.cause, 'en')}: {advice}",
        "zh": f"{live_cause(failed.cause, 'zh')}：{live_advice(failed.cause, 'zh')}",
    }
    return f"{failed}; {advice}" if advice else str(failed), said
