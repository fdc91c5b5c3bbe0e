"""All checks, in the order in which a person would ask: does it run, where, when, with whom, with which cameras."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.config import Config, LoadedConfig, control_socket
from agent.doctor import clock, places, service
from agent.doctor.cameras import PATIENCE_SEC, CameraDoctor, Target, Transport, device_at, of_known_device, targets_of
from agent.doctor.findings import Finding, error, note, ok, warning
from agent.doctor.network import reach
from agent.doctor.server import check_server
from agent.schedule.timetable import Timetable
from agent.state import Known, courses_of
from agent.status import CamerasView, DaemonView
from agent.view.offline import NothingThere, known_on_disk, zone_on_disk
from agent.view.verdict import Health, judge
from agent.wire.models import GatherSettings
from agent.words import Words
from recorder.specs import Limits, SourceSpec

DAY_SEC = 86_400.0
_NO_FAULT_OF_THE_SERVER = ("", "no_picture", "changed", "stopped")


@dataclass(frozen=True, slots=True)
class Daemon:
    """What the running daemon says: None where nobody answers; `closed` where somebody does, but not to this user."""

    status: DaemonView | None = None
    cameras: CamerasView | None = None
    closed: bool = False


async def examine(found: LoadedConfig, daemon: Daemon, say: Words, *, as_service: bool) -> list[Finding]:
    """Everything. `as_service` asks about the installed service as well: its unit, its user."""
    config = found.config
    unit = service.find_unit() if as_service else None
    who = places.person(unit.last("User") if unit is not None and os.geteuid() == 0 else "")
    known = _known(config)
    findings = [
        error("config_wrong", wrong.where, key=wrong.key, why=wrong.what, instead=wrong.instead)
        for wrong in found.problems
    ]
    findings += _running(config, daemon, say)
    findings += places.check_folders(config, who, places.Mounts())
    findings += await asyncio.to_thread(lambda: list(places.check_journal(config)))
    seen = await check_server(found, _token(config))
    findings += clock.check_clock(seen.offset_sec, clock.kernel_synchronised(), time.time())
    findings += clock.check_zone(known.timezone)
    of_daemon = _server_of(daemon, config.server.url)
    findings += of_daemon
    findings += seen.findings if config.server.url or not (of_daemon or found.problems) else []
    findings += await asyncio.to_thread(lambda: list(_neighbours(config, daemon)))
    findings += _pushes(daemon)
    if as_service:
        findings += await asyncio.to_thread(lambda: list(service.check_service(unit, config)))
    cameras, rates = await _cameras(config, known, daemon)
    bits = sum(rates) / len(rates) if rates else places.ASSUMED_BITS
    findings += places.check_disk(config, _coming_sec(config, known), bits)
    return findings + cameras


def _neighbours(config: Config, daemon: Daemon) -> Iterator[Finding]:
    """The broker, and the port of the local page."""
    mqtt, local = config.mqtt, config.local
    if mqtt.host and (reached := reach(mqtt.host, mqtt.port)).obstacle:
        yield warning("mqtt_away", f"{mqtt.host}:{mqtt.port}", why=reached.why)
    if daemon.status is None and not daemon.closed and local.port:
        host = local.host if local.host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104 - asked, not bound
        if not reach(host, local.port).obstacle:
            yield warning("page_port_taken", f"{host}:{local.port}")


async def examine_addresses(
    addresses: Sequence[str], config: Config, transport: Transport, user: str = "", password: str = ""
) -> list[Finding]:
    """Cameras that may not be channels yet: streams, ONVIF devices (`onvif://`); without `://` it is a film."""
    here = Path.cwd()
    doctor = CameraDoctor(_limits(config))
    findings: list[Finding] = []
    targets: list[Target] = []
    try:
        for address in addresses:
            if address.startswith("onvif://"):
                device = device_at(address, user, password)
                some, told = await targets_of(device, transport, {}, GatherSettings())
                targets += some
                findings += told
            elif "://" in address:
                targets.append(Target(SourceSpec("stream", address, user, password, transport)))
            else:
                targets.append(Target(SourceSpec("file", str(here / address))))
        return findings + await doctor.look_at_all(targets)
    finally:
        await doctor.close()


def _running(config: Config, daemon: Daemon, say: Words) -> list[Finding]:
    if daemon.closed:
        return [note("daemon_closed", str(control_socket(config.paths.runtime)))]
    if daemon.status is None:
        return list(places.check_lock(config, control_socket(config.paths.runtime)))
    verdict = judge(daemon.status, say)
    if verdict.health is Health.WELL:
        return [ok("daemon_well")]
    severe = error if verdict.health is Health.NOT_RECORDING else warning
    return [severe("daemon_troubled", why="; ".join(verdict.reasons))]


def _pushes(daemon: Daemon) -> Iterator[Finding]:
    """Channels that somebody wants to see live, as the running daemon has them: it alone knows where they go."""
    for channel in daemon.status.channels if daemon.status else ():
        where, push = f"{channel.camera_id} {channel.name}".rstrip(), channel.live
        if push is None:
            continue
        if push.state == "live" and push.cause:
            yield note(f"live_{push.cause}", where, why=push.detail)
        elif push.state == "live":
            yield ok("live_well", where, target=push.target)
        elif push.state == "waiting" and push.cause not in _NO_FAULT_OF_THE_SERVER:
            yield warning(f"live_{push.cause}", where, why=push.detail or push.target)


def _server_of(daemon: Daemon, configured: str) -> list[Finding]:
    """What the running daemon says of its server, where that is another one than the configuration's: `standalone` has
    one of its own, and a changed address needs a restart.
    """
    view = daemon.status
    if view is None or not view.server or view.server == configured:
        return []
    if configured:
        return [warning("server_differs", configured, running=view.server)]
    if view.link == "connected":
        return [ok("server_connected", view.server)]
    return [warning("server_away", view.server, why=view.link_detail or view.link)]


async def _cameras(config: Config, known: Known, daemon: Daemon) -> tuple[list[Finding], list[float]]:
    if not known.cameras:
        return [note("camera_none")], []
    online = {
        camera.camera_id: camera
        for camera in (daemon.cameras.cameras if daemon.cameras else ())
        if camera.state == "online"
    }
    sub_streams = {int(key): one.get_secret_value() for key, one in config.record.sub_streams.items()}
    doctor = CameraDoctor(_limits(config))
    findings: list[Finding] = []
    targets: list[Target] = []
    try:
        for camera_id, camera in sorted(known.cameras.items()):
            if (seen := online.get(camera_id)) is not None:
                tracks = ", ".join(filter(None, (seen.video, seen.audio)))
                findings.append(ok("camera_online", f"{camera_id} {seen.name}".rstrip(), tracks=tracks))
                findings += of_known_device(config.paths.state, camera, known.gather)
                continue
            some, troubles = await targets_of(camera, config.record.transport, sub_streams, known.gather)
            targets += some
            findings += troubles
        findings += await doctor.look_at_all(targets)
    finally:
        await doctor.close()
    measured = [seen.bit_rate for seen in online.values() if seen.bit_rate]
    return findings, [*measured, *doctor.rates]


def _limits(config: Config) -> Limits:
    return Limits(connect_sec=max(config.record.connect_sec, PATIENCE_SEC), stall_sec=config.record.stall_sec)


def _known(config: Config) -> Known:
    try:
        return known_on_disk(config)
    except NothingThere:
        return Known()


def _token(config: Config) -> str:
    with suppress(OSError):
        return (config.paths.state / "token").read_text().strip()
    return ""


def _coming_sec(config: Config, known: Known) -> float:
    """Seconds of lessons on all channels in the coming day."""
    now = time.time()
    lessons = Timetable(courses_of(known), zone_on_disk(config, known)).lessons_between(now, now + DAY_SEC)
    return sum(min(lesson.end, now + DAY_SEC) - max(lesson.start, now) for lesson in lessons)
