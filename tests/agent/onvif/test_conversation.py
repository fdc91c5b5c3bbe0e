"""Whole conversations: the process that the daemon starts, over real sockets with a device that can be odd."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta

import pytest
from pydantic import SecretStr

from agent.onvif.devices import converse
from agent.onvif.messages import Question, Streams
from tests.servers.onvif_device import Device, Stream, serving


def device(**change: object) -> Device:
    streams = [
        Stream("sub", 640, 360, 512, "rtsp://192.168.99.3:8554/sub"),
        Stream("main", 1920, 1080, 4096, "rtsp://192.168.99.3:8554/main?x=1&amp;y=2"),
    ]
    return Device(streams, **change)  # type: ignore[arg-type]


def question(port: int, **change: object) -> Question:
    told = {"host": "127.0.0.1", "ports": (port,), "user": "admin", "password": SecretStr("p@ss:/#1")}
    return Question.model_validate({**told, **change})


async def test_the_largest_picture_is_recorded_from_the_host_that_its_owner_named() -> None:
    async with serving(device()) as camera:
        answer = await converse(question(camera.port))
    assert answer.streams == Streams(main="rtsp://127.0.0.1:8554/main?x=1&y=2", model="Room C-1")
    assert "SetVideoEncoderConfiguration" not in camera.asked


async def test_two_streams_get_their_rates_and_the_clock_in_the_picture_goes() -> None:
    async with serving(device()) as camera:
        answer = await converse(question(camera.port, twice=True, main_rate=2048, sub_rate=512, osd=False))
        assert answer.streams is not None
        assert answer.streams.sub == "rtsp://127.0.0.1:8554/sub"
        assert not answer.streams.warnings
        assert [stream.rate for stream in camera.streams] == [512, 2048]
        assert not camera.osd
        await converse(question(camera.port))
        assert camera.osd


async def test_a_camera_whose_clock_is_hours_off_is_understood() -> None:
    async with serving(device(clock_off=timedelta(hours=-7, minutes=-3))) as camera:
        answer = await converse(question(camera.port))
    assert answer.streams is not None, answer.failure


async def test_what_the_device_will_not_set_is_a_warning_and_the_streams_are_there() -> None:
    refused = {"SetVideoEncoderConfiguration", "GetOSDs"}
    async with serving(device(refuses=refused)) as camera:
        answer = await converse(question(camera.port, twice=True, main_rate=2048, sub_rate=512, mirror=True))
    assert answer.streams is not None
    assert answer.streams.main and answer.streams.sub
    rate, text, mirror = answer.streams.warnings
    assert "main stream stays at 4096 kbit/s instead of 2048" in rate
    assert "SetVideoEncoderConfiguration" in rate
    assert "GetOSDs" in text
    assert "mirror" in mirror


def odd(call: str, how: str) -> Callable[[], Device]:
    return lambda: device(oddities={call: how})


@pytest.mark.parametrize(
    ("make", "change", "cause", "words"),
    [
        (device, {"password": SecretStr("wrong")}, "unauthorized", "user or password"),
        (device, {"user": "", "password": SecretStr("")}, "unauthorized", "user or password"),
        (odd("GetProfiles", "empty"), {}, "unusable", "GetProfiles"),
        (odd("GetProfiles", "page"), {}, "unusable", "GetProfiles"),
        (odd("GetStreamUri", "cut"), {}, "unreachable", "GetStreamUri"),
        (odd("GetStreamUri", "silent"), {"limit_sec": 1.5}, "timeout", "within 2 s"),
        (lambda: Device([]), {}, "unusable", "no profile with a picture"),
        (lambda: Device([Stream("x", 1, 1, 1, "file:///etc/passwd")]), {}, "unusable", "no rtsp:// address"),
    ],
)
async def test_a_failure_names_the_device_the_call_and_a_cause(
    make: Callable[[], Device], change: dict[str, object], cause: str, words: str
) -> None:
    async with serving(make()) as camera:
        answer = await converse(question(camera.port, **change))
    assert answer.failure is not None
    assert answer.failure.cause == cause, answer.failure
    assert words in answer.failure.detail
    assert f"127.0.0.1:{camera.port}" in answer.failure.detail
    assert "p@ss" not in answer.failure.detail


async def test_a_closed_port_is_followed_by_the_next_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    async with serving(device()) as camera:
        answer = await converse(question(0, ports=(closed, camera.port)))
    assert answer.streams is not None
    answer = await converse(question(closed))
    assert answer.failure is not None
    assert answer.failure.cause == "unreachable"
