"""From a channel as the server knows it to what a recorder opens. Plain functions."""

from __future__ import annotations

import base64
import binascii
from typing import Literal

from agent.wire.models import WireCamera
from recorder.protocol import SourceSpec


class NoSource(ValueError):
    """The channel does not say where its stream is; the message names the field."""


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
    raise NoSource(
        "an IPC channel needs its stream addresses resolved over ONVIF, which this version does not do yet;"
        " add it as a stream (stream_prop 2) with the camera's rtsp:// address"
    )


def device_password(camera: WireCamera) -> str:
    """The clear text of `device_pass`; what is not base64 is taken as it stands, as older servers send it."""
    try:
        return base64.b64decode(camera.device_pass, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return camera.device_pass


def describe(camera: WireCamera) -> str:
    """The source in words for status pages, without secrets."""
    if camera.stream_prop == 1:
        return camera.stream_mp4
    address = camera.stream_url if camera.stream_prop == 2 else camera.device_ip
    scheme, separator, rest = address.partition("://")
    return scheme + separator + rest.rpartition("@")[2]
