"""From a channel as the server knows it to what a recorder opens. Plain functions."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from agent.logs import HIDDEN
from agent.wire.models import WireCamera
from recorder.source.urls import redact
from recorder.specs import SourceSpec

IPC = 0
"""`stream_prop` of a channel whose streams an ONVIF device tells."""


class NoSource(ValueError):
    """The channel does not say where its stream is; the message names the field."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a channel's recorder opens: `main` is recorded, `sub` (None: there is none) feeds live and pictures."""

    main: SourceSpec
    sub: SourceSpec | None = None


def sources_of(camera: WireCamera, transport: Literal["tcp", "udp"], sub_streams: Mapping[int, str]) -> Sources:
    """Both sources of a channel. Raises `NoSource` where the main one is not told.

    API v1 has an address for one stream only (`device_twice` means the profiles of an IPC), so that the second one of
    a stream channel stands in this machine's configuration: `sub_streams`, camera id → URL, or path of a film.
    """
    main = main_source(camera, transport)
    address = sub_streams.get(camera.camera_id, "")
    if not address:
        return Sources(main)
    if "://" in address:
        return Sources(main, SourceSpec("stream", address, transport=transport))
    return Sources(main, SourceSpec("file", address))


def main_source(camera: WireCamera, transport: Literal["tcp", "udp"]) -> SourceSpec:
    """Where the recorded stream comes from. Raises `NoSource`."""
    if camera.stream_prop == 1:
        if not camera.stream_mp4:
            raise NoSource("an MP4 channel needs stream_mp4, the full path of the file on this machine")
        return SourceSpec("file", camera.stream_mp4)
    if camera.stream_prop == 2:
        if not camera.stream_url:
            raise NoSource("a stream channel needs stream_url (rtsp://… or rtmp://…)")
        return SourceSpec("stream", camera.stream_url, transport=transport)
    raise NoSource("an IPC channel's streams are those that its device tells (agent.onvif)")


def require_source(camera: WireCamera) -> None:
    """Raises `NoSource` where the channel does not say what it is recorded from."""
    if camera.stream_prop != IPC:
        main_source(camera, "tcp")
    elif not camera.device_ip.strip():
        raise NoSource("an IPC channel needs device_ip, the camera's address")


def device_password(camera: WireCamera) -> str:
    """The clear text of `device_pass`; what is not base64 is taken as it stands, as older servers send it."""
    try:
        return base64.b64decode(camera.device_pass, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return camera.device_pass


def secrets_of(camera: WireCamera) -> list[str]:
    """What of a channel must stand in no log, as it is written anywhere."""
    userinfo = camera.stream_url.partition("://")[2].partition("/")[0].rpartition("@")[0]
    password = userinfo.partition(":")[2]
    found = [password, unquote(password), camera.device_pass, device_password(camera)]
    return [secret for secret in found if secret]


def describe(camera: WireCamera) -> str:
    """The source in words for status pages, without secrets."""
    if camera.stream_prop == 1:
        return camera.stream_mp4
    return shown(camera.stream_url if camera.stream_prop == 2 else camera.device_ip)


def shown(address: str) -> str:
    """An address without user, password and telling query fields."""
    return redact(address).replace(f"://{HIDDEN}@", "://")
