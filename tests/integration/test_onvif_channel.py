"""An IPC channel from its ONVIF device to a slice: addresses asked for, both streams read from a real RTSP server."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from agent.onvif.devices import Devices
from agent.schedule.reconciler import Desired, Due
from agent.wire.models import GatherSettings, WireCamera
from recorder.protocol import SliceClosed
from recorder.specs import Tuning
from tests.agent.rooms import recorded_sec, rooms_in
from tests.media import MakeSample, assert_plays
from tests.servers.onvif_device import Device, Stream, serving
from tests.servers.rtsp_gst import file_stream, rtsp_server

pytestmark = pytest.mark.integration

USER, PASSWORD = "admin", "p@ss:/#1"


async def test_the_main_stream_is_recorded_and_the_sub_stream_is_there(sample: MakeSample, tmp_path: Path) -> None:
    main = file_stream(sample(seconds=60, width=640, height=360))
    sub = file_stream(sample(seconds=60))
    with rtsp_server({"/main": main, "/sub": sub}, auth="digest", user=USER, password=PASSWORD) as rtsp:
        inside = f"rtsp://192.168.99.3:{rtsp.port}"
        streams = [Stream("a", 320, 180, 512, f"{inside}/sub"), Stream("b", 640, 360, 4096, f"{inside}/main")]
        async with serving(Device(streams, USER, PASSWORD)) as device, rooms_in(tmp_path) as rooms:
            settings = GatherSettings(main_rate=2048, sub_rate=512)
            devices = Devices(tmp_path / "state", lambda: settings, rooms.clock.monotonic)
            rooms.setup = replace(rooms.setup, devices=devices)
            camera = WireCamera(
                camera_id=7,
                stream_prop=0,
                device_ip=f"127.0.0.1:{device.port}",
                device_user=USER,
                device_pass=base64.b64encode(PASSWORD.encode()).decode(),
                device_twice=1,
            )
            channel = rooms.channel(camera)
            due = Due("course:5:1", 7, 5, rooms.clock.wall(), None)
            channel.want(Desired(connect=True, reconnect=True, due=(due,)), Tuning(snap_sec=0))
            await rooms.until(lambda: recorded_sec(channel) > 3)
            assert channel.sub_link is not None
            assert channel.link.video == "h264 640x360"
            assert channel.sub_link.video == "h264 320x180"
            await channel.close()
            (closed,) = [event for event in rooms.events if isinstance(event, SliceClosed)]
            await devices.close()
    assert closed.facts.video == "h264 640x360"
    assert_plays(Path(closed.facts.path))
    assert device.streams[1].rate == 2048
