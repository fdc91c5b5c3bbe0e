"""Cameras with every fault a technician meets, looked at by real recorder processes."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.doctor import cameras
from agent.doctor.cameras import CameraDoctor, Target, device_at, failure, of_known_device, seen, targets_of
from agent.doctor.findings import Finding
from agent.onvif import devices
from agent.onvif.devices import Devices
from agent.onvif.messages import Answer, Question, Streams
from agent.wire.models import GatherSettings, WireCamera
from recorder.protocol import SourceProbed
from recorder.specs import Limits, SourceSpec
from tests.camera.auth import Guard
from tests.camera.boot import Habits
from tests.camera.camera import Camera
from tests.camera.faults import Dead, Fault
from tests.camera.film import FilmSpec, make_film
from tests.camera.rtp import RtpPacket
from tests.camera.session import Session
from tests.camera.transport import Udp
from tests.media import MakeSample
from tests.servers.onvif_device import Device, Stream, serving
from tests.servers.rtsp_gst import file_stream, rtsp_server

LIMITS = Limits(connect_sec=12.0, stall_sec=2.0)
USER, PASSWORD = "viewer", "p@ss:w-o rd"
FILM = FilmSpec()


class UdpLost(Fault):
    """The network drops every datagram."""

    def packets(self, session: Session, packets: list[RtpPacket]) -> list[RtpPacket]:
        over_udp = any(isinstance(line.transport, Udp) for line in session._lines.values())
        return [] if over_udp else packets


@pytest.fixture
async def doctor() -> AsyncIterator[CameraDoctor]:
    doctor = CameraDoctor(LIMITS, look_sec=5.0)
    yield doctor
    await doctor.close()


async def findings_of(doctor: CameraDoctor, url: str, **changes: Any) -> list[Finding]:
    found = await doctor.look_at(Target(replace(SourceSpec("stream", url), **changes)))
    for finding in found:
        for language in ("en", "zh"):
            told = finding.what(language) + finding.advice(language)
            assert PASSWORD not in told
            assert told
    return found


async def the_one(doctor: CameraDoctor, url: str, **changes: Any) -> Finding:
    (found,) = await findings_of(doctor, url, **changes)
    return found


async def test_a_good_camera_with_its_login_in_the_address(doctor: CameraDoctor) -> None:
    with Camera(make_film(FILM), guard=Guard("digest", USER, PASSWORD)) as camera:
        found = await the_one(doctor, camera.url(USER, PASSWORD))
    assert (found.severity, found.code) == ("ok", "camera_well")
    assert found.data["tracks"] == "h264 160x96, aac 16000 Hz 1 ch"
    assert (found.data["gop"], found.data["transport"]) == ("0.4", "TCP")
    assert 20 < float(found.data["fps"]) < 30
    assert len(doctor.rates) == 1


@pytest.mark.parametrize("scheme", ["basic", "digest", "digest-sha256"])
async def test_a_wrong_password_and_none(doctor: CameraDoctor, scheme: Any) -> None:
    with Camera(make_film(FILM), guard=Guard(scheme, USER, PASSWORD)) as camera:
        wrong = await the_one(doctor, camera.url(), user=USER, password="another")
        none = await the_one(doctor, camera.url())
    assert (wrong.severity, wrong.code, wrong.data["user"]) == ("error", "camera_wrong_password", USER)
    assert none.code == "camera_needs_password"


async def test_a_wrong_path(doctor: CameraDoctor) -> None:
    with Camera(make_film(FILM)) as camera:
        found = await the_one(doctor, camera.url() + "/nothing")
    assert found.code == "camera_wrong_path"
    assert "Hikvision" in found.advice("en")


async def test_a_closed_port_and_a_host_that_does_not_exist(doctor: CameraDoctor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    closed = await the_one(doctor, f"rtsp://127.0.0.1:{port}/x")
    assert (closed.code, closed.data["port"]) == ("camera_closed", port)
    unknown = await the_one(doctor, "rtsp://no-such-camera.invalid/x")
    assert (unknown.code, unknown.data["host"]) == ("camera_no_dns", "no-such-camera.invalid")


@pytest.mark.integration
async def test_udp_that_the_network_drops() -> None:
    doctor = CameraDoctor(Limits(connect_sec=4.0, stall_sec=2.0), look_sec=2.0)
    with Camera(make_film(FILM)) as camera:
        camera.inject(UdpLost())
        found = await the_one(doctor, camera.url(), transport="udp")
    await doctor.close()
    assert (found.severity, found.code) == ("error", "camera_udp_blocked")


async def test_a_camera_that_takes_connections_and_says_nothing() -> None:
    doctor = CameraDoctor(Limits(connect_sec=1.0, stall_sec=1.0), look_sec=1.0)
    with Camera(make_film(FILM)) as camera:
        camera.inject(Dead())
        found = await the_one(doctor, camera.url())
    await doctor.close()
    assert found.code == "camera_silent"


VP8 = "( videotestsrc is-live=true ! video/x-raw,width=320,height=240 ! vp8enc deadline=1 ! rtpvp8pay name=pay0 pt=96 )"


@pytest.mark.integration
async def test_a_codec_that_cannot_be_recorded_and_a_digest_login_of_another_maker_s_server(
    doctor: CameraDoctor, sample: MakeSample
) -> None:
    mounts = {"/vp8": VP8, "/camera": file_stream(sample(seconds=16))}
    with rtsp_server(mounts, auth="digest", user=USER, password=PASSWORD) as server:
        unusable = await the_one(doctor, server.url("/vp8"), user=USER, password=PASSWORD)
        wrong = await the_one(doctor, server.url(), user=USER, password="another")
        good = await the_one(doctor, server.url(), user=USER, password=PASSWORD)
    assert unusable.code == "camera_unusable"
    assert "vp8" in unusable.what("en").lower()
    assert (wrong.code, good.code) == ("camera_wrong_password", "camera_well")


@pytest.mark.integration
async def test_no_key_frame_and_rare_ones(doctor: CameraDoctor) -> None:
    film = make_film(FilmSpec(seconds=60, gop=1500, audio=""))
    with Camera(film, Habits(joins="any")) as camera:
        camera.boots[-1].began -= 2.0  # the film's only key frame is past
        found = await findings_of(doctor, camera.url())
    assert [one.code for one in found] == ["camera_no_key_frame", "camera_no_sound"]
    assert found[0].severity == "error"
    assert "50 pictures" in found[0].advice("en")
    rare = list(seen("x", SourceProbed("tcp", video="h264", audio="aac", packets=9, key_frames=1, looked_sec=9.0)))
    assert [(one.severity, one.code) for one in rare] == [("warning", "camera_rare_key_frames")]


async def test_an_address_that_is_none(doctor: CameraDoctor) -> None:
    for address in ("file:///etc/passwd", "rtsp:///x", "ftp://user:secret-pw@host/x?y=secret-pw"):
        found = await the_one(doctor, address)
        assert found.code == "camera_bad_address"
        assert "secret-pw" not in found.what("en")


async def test_films(doctor: CameraDoctor, sample: MakeSample, tmp_path: Path) -> None:
    (good,) = await doctor.look_at(Target(SourceSpec("file", str(sample())), "7 Room"))
    (gone,) = await doctor.look_at(Target(SourceSpec("file", str(tmp_path / "gone.mp4"))))
    assert (good.code, good.where, gone.code) == ("camera_well", "7 Room", "camera_no_file")


def test_what_else_may_be_seen() -> None:
    probed = SourceProbed("tcp", packets=90, video="h264 160x96", key_frames=2, fps=25)
    cut = replace(probed, cause="ended", detail="closed")
    silent = replace(probed, audio="", dropped=["track 1 (audio x): sends no sound"])
    deaf = replace(probed, video="", audio="aac", dropped=["track 0 (video vp9): this codec cannot be recorded"])
    better = replace(probed, audio="aac", dropped=["track 2 (audio aac): a better track of this kind is recorded"])
    codes = [[one.code for one in seen("x", one)] for one in (cut, silent, deaf, better)]
    assert codes == [
        ["camera_broke_off", "camera_no_sound"],
        ["camera_well", "camera_track_dropped"],
        ["camera_no_picture"],
        ["camera_well"],
    ]
    assert failure("x", SourceProbed("tcp", "stalled", "no packet"), "").code == "camera_silent"


async def test_what_a_channel_says_of_its_source() -> None:
    stream = WireCamera(camera_id=7, camera_name="Room", stream_prop=2, stream_url="rtsp://h/1")
    targets, troubles = await targets_of(stream, "tcp", {7: "rtsp://h/2"}, GatherSettings())
    assert [(one.label, one.spec.location) for one in targets] == [
        ("7 Room", "rtsp://h/1"),
        ("7 Room sub", "rtsp://h/2"),
    ]
    assert troubles == []
    nothing = stream.model_copy(update={"stream_url": ""})
    _, (trouble,) = await targets_of(nothing, "tcp", {}, GatherSettings())
    assert trouble.code == "camera_no_source"


async def test_why_a_device_does_not_tell_its_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "ONVIF_PORTS", ())
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]

    async def told(port: int, user: str = "admin") -> Finding:
        camera = WireCamera(
            camera_id=8, camera_name="IPC", stream_prop=0, device_ip=f"127.0.0.1:{port}", device_user=user
        )
        _, (away,) = await targets_of(camera, "tcp", {}, GatherSettings())
        return away

    with socket.create_server(("127.0.0.1", 0)) as rtsp:
        monkeypatch.setattr(cameras, "RTSP_PORT", rtsp.getsockname()[1])
        assert (await told(closed)).code == "camera_onvif_off"
        monkeypatch.setattr(cameras, "RTSP_PORT", closed)
        away = await told(closed)
        assert away.code == "camera_onvif_away"
        assert "gather-agent discover" in away.advice("zh")
    async with serving(Device([], "admin", "right")) as device:
        refused = await told(device.port)
        assert refused.code == "camera_onvif_password"
        assert "Sender not Authorized" in refused.what("zh")
        assert (await told(device.port, "")).code == "camera_onvif_needs_password"
        device.password = ""
        assert (await told(device.port)).code == "camera_onvif"


async def test_of_a_device_that_is_recorded_is_said_what_it_told_the_daemon(tmp_path: Path) -> None:
    camera = device_at("onvif://10.0.0.9", "admin", "x").model_copy(update={"camera_id": 3, "camera_name": "Hall"})
    assert of_known_device(tmp_path, camera, GatherSettings()) == []
    told = Streams(main="rtsp://10.0.0.9/m", model="Yi Home", encoding="H265", ahead_sec=-90.0, warnings=("no rate",))

    async def ask(_: Question) -> Answer:
        return Answer(streams=told)

    await Devices(tmp_path, GatherSettings, time.monotonic, ask).sources(camera, "tcp")
    found = of_known_device(tmp_path, camera, GatherSettings())
    assert [one.code for one in found] == ["camera_device", "camera_clock_behind", "camera_setting"]
    assert "3 Hall" in found[0].what("zh")


async def test_a_device_is_explained_and_nothing_is_set_in_it() -> None:
    streams = [
        Stream("sub", 640, 360, 512, "rtsp://192.168.99.3:8554/sub"),
        Stream("main", 1920, 1080, 4096, "rtsp://192.168.99.3:8554/main", "H265"),
    ]
    async with serving(Device(streams, "admin", "p@ss", clock_off=timedelta(days=-1))) as device:
        known = device_at(f"onvif://127.0.0.1:{device.port}/", "admin", "p@ss")
        targets, told = await targets_of(known, "tcp", {}, GatherSettings(main_rate=2048, sub_rate=256))
    assert [one.spec.location for one in targets] == ["rtsp://127.0.0.1:8554/main", "rtsp://127.0.0.1:8554/sub"]
    assert [one.code for one in told] == ["camera_device", "camera_clock_behind"]
    assert "records H265; stills: http://127.0.0.1/still/main.jpg" in told[0].what("en")
    assert not [call for call in device.asked if "Set" in call or "Create" in call or "Delete" in call]
