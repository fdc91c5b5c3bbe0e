"""Cameras: the way to each, and what comes out of it, looked at by a recorder process."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from agent.channels.recorders import RecorderGone, RecorderHost
from agent.doctor.findings import Finding, error, note, ok, warning
from agent.doctor.network import reach
from agent.onvif.devices import DeviceAway, Devices, host_of
from agent.onvif.messages import Streams
from agent.sources import IPC, NoSource, sources_of
from agent.wire.models import GatherSettings, WireCamera
from recorder.errors import RefusedUrl
from recorder.protocol import ProbeSource, SourceProbed
from recorder.source.urls import Address, address_of
from recorder.specs import Limits, SourceSpec

LOOK_SEC = 10.0
PATIENCE_SEC = 12.0
"""A camera with rare key frames takes longer to be opened than a recording would wait: here it is to be named."""
SECOND_LOOK_SEC = 6.0
"""By the other transport, where the first brought nothing."""
AT_ONCE = 4
RARE_GOP_SEC = 5.0
RTSP_PORT = 554
DEVICE_THERE_SEC = 3.0
DEVICE_CLOCK_SEC = 30.0
"""Beyond it the time in the picture is wrong; signing in works all the same."""
_SLACK_SEC = 10.0  # for the process to come up, and an open and a stall limit that fire late
_EXAMPLES = "/Streaming/Channels/101 (Hikvision), /cam/realmonitor?channel=1&subtype=0 (Dahua)"
_BETTER = "a better track of this kind"
Transport = Literal["tcp", "udp"]


@dataclass(frozen=True, slots=True)
class Target:
    """A source to look at; `label` is what people call it, empty: its address."""

    spec: SourceSpec
    label: str = ""


class CameraDoctor:
    """Looks at sources, some at a time."""

    def __init__(self, limits: Limits, look_sec: float = LOOK_SEC) -> None:
        self._limits, self._look_sec = limits, look_sec
        self._host = RecorderHost()
        self._room = asyncio.Semaphore(AT_ONCE)
        self.rates: list[float] = []
        """Bits per second of what was looked at."""

    async def close(self) -> None:
        """End the fork server."""
        await self._host.close()

    async def look_at_all(self, targets: Iterable[Target]) -> list[Finding]:
        """What is to be said of each, in their order."""
        found = await asyncio.gather(*(self.look_at(target) for target in targets))
        return [finding for findings in found for finding in findings]

    async def look_at(self, target: Target) -> list[Finding]:
        """What is to be said of one source."""
        async with self._room:
            if target.spec.kind == "file":
                return list(
                    self._judged(target.label or target.spec.location, await self._probe(target.spec), "", None)
                )
            try:
                address = address_of(target.spec)
            except RefusedUrl as refused:
                shown = target.label or target.spec.location.partition("?")[0].rpartition("@")[2]
                return [error("camera_bad_address", shown, why=str(refused))]
            where = f"{target.label} ({address.shown})" if target.label else address.shown
            limit = min(self._limits.connect_sec, self._limits.stall_sec)
            reached = await asyncio.to_thread(reach, address.host, address.port, limit)
            if reached.obstacle:
                said: dict[str, str | int | float] = {"host": address.host, "port": address.port, "why": reached.why}
                return [error(f"camera_{reached.obstacle}", where, **said)]
            probed = await self._probe(target.spec)
            other = None
            if _is_worth_another(probed, address):
                other = await self._probe(_other_way(target.spec), min(self._limits.connect_sec, SECOND_LOOK_SEC))
            return list(self._judged(where, probed, user_of(target.spec), other))

    async def _probe(self, spec: SourceSpec, connect_sec: float = 0.0) -> SourceProbed:
        limits = replace(self._limits, connect_sec=connect_sec or self._limits.connect_sec)
        limit = limits.connect_sec * 2 + self._look_sec + self._limits.stall_sec * 2 + _SLACK_SEC
        try:
            async with asyncio.timeout(limit):
                process = await self._host.spawn()
                try:
                    await process.order(ProbeSource(spec, limits, self._look_sec))
                    while (event := await process.event()) is not None:
                        if isinstance(event, SourceProbed):
                            return event
                finally:
                    process.kill()
                    await process.close()
        except RecorderGone as gone:
            return SourceProbed(spec.transport, "no_probe", str(gone))
        except TimeoutError:
            return SourceProbed(spec.transport, "timeout", f"no answer within {limit:.0f} s")
        return SourceProbed(spec.transport, "no_probe", "the recorder process ended without a word")

    def _judged(self, where: str, probed: SourceProbed, user: str, other: SourceProbed | None) -> Iterator[Finding]:
        if probed.packets and probed.bit_rate:
            self.rates.append(probed.bit_rate)
        if other is not None and not other.cause:
            yield error("camera_udp_blocked", where) if probed.transport == "udp" else warning("camera_only_udp", where)
        elif probed.cause and not probed.packets:
            yield failure(where, probed, user)
        else:
            yield from seen(where, probed)


def failure(where: str, probed: SourceProbed, user: str) -> Finding:
    """Nothing came."""
    code = {
        "unauthorized": "camera_wrong_password" if user else "camera_needs_password",
        "not_found": "camera_wrong_path" if "://" in where else "camera_no_file",
        "unusable": "camera_unusable",
        "no_probe": "camera_no_probe",
    }.get(probed.cause, "camera_silent")
    return error(code, where, user=user, why=_why(probed), examples=_EXAMPLES)


def _why(probed: SourceProbed) -> str:
    """What the recorder said, without the address that stands before it already."""
    return re.sub(r"^\S+://\S+: ", "", probed.detail) or probed.cause


def seen(where: str, probed: SourceProbed) -> Iterator[Finding]:
    """Something came: is it what a recording needs?"""
    left_out = [reason for reason in probed.dropped if _BETTER not in reason]
    if probed.cause:
        yield error("camera_broke_off", where, packets=probed.packets, why=_why(probed))
    elif not probed.video:
        yield error("camera_no_picture", where, audio=probed.audio, why="; ".join(left_out))
        return
    elif not probed.key_frames:
        gop = round(2 * probed.fps) or 50
        yield error("camera_no_key_frame", where, seconds=f"{probed.looked_sec:.0f}", gop=gop)
    else:
        yield _well(where, probed)
    for reason in left_out:
        yield warning("camera_track_dropped", where, why=reason)
    if not probed.audio and not left_out:
        yield note("camera_no_sound", where)


def _well(where: str, probed: SourceProbed) -> Finding:
    gop = probed.gop_sec if probed.key_frames > 1 else probed.looked_sec
    if gop > RARE_GOP_SEC:
        return warning("camera_rare_key_frames", where, gop=f"{gop:.1f}")
    return ok(
        "camera_well",
        where,
        tracks=", ".join(filter(None, (probed.video, probed.audio))),
        fps=f"{probed.fps:g}",
        gop=f"{gop:.1f}",
        rate=f"{probed.bit_rate / 1e6:.1f} Mbit/s",
        transport=probed.transport.upper(),
    )


def user_of(spec: SourceSpec) -> str:
    """The user by whose name a stream is asked for."""
    return spec.user or unquote(urlsplit(spec.location).username or "")


def _is_worth_another(probed: SourceProbed, address: Address) -> bool:
    """Whether the other transport may tell more."""
    silent = probed.cause in ("timeout", "unusable", "stalled", "ended") and not probed.packets
    return silent and address.scheme.startswith("rtsp")


def _other_way(spec: SourceSpec) -> SourceSpec:
    return replace(spec, transport="udp" if spec.transport == "tcp" else "tcp")


async def targets_of(
    camera: WireCamera, transport: Transport, sub_streams: dict[int, str], settings: GatherSettings
) -> tuple[list[Target], list[Finding]]:
    """The sources of a channel; or what keeps them from being known."""
    label = f"{camera.camera_id or ''} {camera.camera_name}".strip()
    told: Streams | None = None
    try:
        if camera.stream_prop == IPC:
            # Remembered nowhere: what the daemon knows of its devices is its own.
            with tempfile.TemporaryDirectory() as folder:
                devices = Devices(Path(folder), lambda: settings, time.monotonic, only_look=True)
                sources = await devices.sources(camera, transport)
                told = devices.told(camera)
        else:
            sources = sources_of(camera, transport, sub_streams)
    except NoSource as failed:
        return [], [error("camera_no_source", label, why=str(failed))]
    except DeviceAway as away:
        return [], [await asyncio.to_thread(_why_away, camera, label, away)]
    targets = [Target(sources.main, label)]
    if sources.sub is not None:
        targets.append(Target(sources.sub, f"{label} sub"))
    return targets, list(of_device(label, told)) if told is not None else []


def of_known_device(state: Path, camera: WireCamera, settings: GatherSettings) -> list[Finding]:
    """What a channel's device told the daemon when it was last asked; nothing where that cannot be read."""
    label = f"{camera.camera_id} {camera.camera_name}".strip()
    if camera.stream_prop != IPC or not os.access(state / "devices.json", os.R_OK):
        return []
    try:
        told = Devices(state, lambda: settings, time.monotonic, only_look=True).told(camera)
    except NoSource:
        return []
    return [] if told is None else list(of_device(label, told))


def _why_away(camera: WireCamera, label: str, away: DeviceAway) -> Finding:
    """What keeps a device from telling its streams; where it is silent, whether anything is at its address."""
    if away.cause == "unauthorized":
        code = "camera_onvif_password" if camera.device_user else "camera_onvif_needs_password"
        return error(code, label, user=camera.device_user, why=str(away))
    if away.cause in ("unreachable", "timeout"):
        host = host_of(camera)
        there = reach(host, RTSP_PORT, DEVICE_THERE_SEC).obstacle
        return error("camera_onvif_off" if not there else "camera_onvif_away", label, host=host, why=str(away))
    return error("camera_onvif", label, why=str(away))


def of_device(label: str, told: Streams) -> Iterator[Finding]:
    """What an ONVIF device says of itself."""
    yield note("camera_device", label, model=told.model, encoding=told.encoding, stills=told.snapshot or "-")
    if abs(told.ahead_sec) > DEVICE_CLOCK_SEC:
        off = f"{abs(told.ahead_sec):.0f}"
        code = "camera_clock_ahead" if told.ahead_sec > 0 else "camera_clock_behind"
        yield warning(code, label, seconds=off)
    for why in told.warnings:
        yield warning("camera_setting", label, why=why)


def device_at(address: str, user: str, password: str) -> WireCamera:
    """A channel of the device at `onvif://host:port`, which may not be one yet."""
    return WireCamera(
        camera_id=0,
        camera_name=address,
        stream_prop=0,
        device_ip=address.removeprefix("onvif://").rstrip("/"),
        device_user=user,
        device_pass=base64.b64encode(password.encode()).decode(),
        device_twice=1,
    )
