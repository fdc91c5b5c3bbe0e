"""Whole conversations over real sockets with a device that can be odd; in the daemon each is a process of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta

import pytest
from pydantic import SecretStr

from agent.onvif import conversations
from agent.onvif.messages import Preset, Rate, Streams
from tests.agent.onvif.talks import converse, device, question
from tests.servers.onvif_device import Device, Stream, serving

BOTH = pytest.mark.parametrize("lacks", [set[str](), {"tr2"}], ids=["media2", "media1"])
"""Devices with both media services, and such with the first one alone."""


@BOTH
async def test_the_largest_picture_is_recorded_from_the_host_that_its_owner_named(lacks: set[str]) -> None:
    async with serving(device(lacks=lacks)) as camera:
        answer = await converse(question(camera.port))
    assert answer.streams is not None, answer.failure
    assert answer.streams.model_copy(update={"ahead_sec": 0.0}) == Streams(
        main="rtsp://127.0.0.1:8554/main?x=1&y=2",
        snapshot="http://127.0.0.1/still/main.jpg",
        model="Room C-1",
        encoding="H264" if lacks else "H265",
    )
    assert abs(answer.streams.ahead_sec) < 5
    assert not [call for call in camera.asked if "SetVideoEncoderConfiguration" in call]
    assert any(call.startswith("tr2:") for call in camera.asked) == (not lacks)


@BOTH
async def test_two_streams_get_their_rates_and_the_clock_in_the_picture_goes(lacks: set[str]) -> None:
    async with serving(device(lacks=lacks)) as camera:
        answer = await converse(question(camera.port, twice=True, main_rate=2048, sub_rate=256, osd=False))
        assert answer.streams is not None
        assert answer.streams.sub == "rtsp://127.0.0.1:8554/sub"
        assert not answer.streams.warnings
        assert [stream.rate for stream in camera.streams] == [256, 2048]
        assert not camera.osd
        await converse(question(camera.port))
        assert camera.osd


async def test_a_rate_that_the_encoder_has_not_is_told() -> None:
    async with serving(device(most_rate=3000)) as camera:
        answer = await converse(question(camera.port, twice=True, main_rate=8000))
    assert answer.streams is not None
    (warning,) = answer.streams.warnings
    assert "the main stream is at 3000 kbit/s: the device takes no 8000" in warning


@BOTH
async def test_a_rate_is_asked_for_within_what_the_encoder_says_it_can_do_and_once(lacks: set[str]) -> None:
    async with serving(device(lacks=lacks, rate_range=(256, 3000))) as camera:
        asked = question(camera.port, twice=True, main_rate=8000, sub_rate=64)
        first = await converse(asked)
        assert first.streams is not None
        assert [stream.rate for stream in camera.streams] == [256, 3000]
        assert first.streams.rates == {"main": Rate(wanted=8000, took=3000), "sub": Rate(wanted=64, took=256)}
        camera.asked.clear()
        again = await converse(asked.model_copy(update={"settled": first.streams.rates}))
    assert again.streams == first.streams.model_copy(update={"ahead_sec": again.streams and again.streams.ahead_sec})
    assert not [call for call in camera.asked if "Set" in call]


@pytest.mark.parametrize("change", [{"shy": False}, {"shy": True}])
@pytest.mark.parametrize("off", [timedelta(days=1, minutes=3), timedelta(hours=-7), timedelta(days=-9000)])
async def test_a_camera_whose_clock_is_off_is_understood(off: timedelta, change: dict[str, bool]) -> None:
    async with serving(device(clock_off=off, **change)) as camera:
        answer = await converse(question(camera.port))
    if change["shy"]:  # its time is for users only, who have to know it: nobody can talk to such a device
        assert answer.failure is not None
        assert answer.failure.cause == "unauthorized"
        return
    assert answer.streams is not None, answer.failure
    assert answer.streams.ahead_sec == pytest.approx(off.total_seconds(), abs=5)


async def test_a_camera_that_tells_its_time_to_users_only_and_whose_clock_is_right_is_understood() -> None:
    async with serving(device(shy=True)) as camera:
        answer = await converse(question(camera.port))
    assert answer.streams is not None, answer.failure


@pytest.mark.parametrize("shy", [False, True])
async def test_a_camera_that_wants_the_digest_of_http_gets_it(shy: bool) -> None:
    async with serving(device(http_digest=True, shy=shy)) as camera:
        answer = await converse(question(camera.port))
        assert answer.streams is not None, answer.failure
        answer = await converse(question(camera.port, password=SecretStr("wrong")))
    assert answer.failure is not None
    assert answer.failure.cause == "unauthorized"


@pytest.mark.parametrize("address", ["http://192.168.99.3", "https://10.0.0.1:8443", "http://127.0.0.1:1"])
async def test_addresses_from_behind_a_router_lead_to_the_configured_host(address: str) -> None:
    async with serving(device(address=address)) as camera:
        answer = await converse(question(camera.port))
    assert answer.streams is not None, answer.failure


@pytest.mark.parametrize(
    "change",
    [
        {"refuses": {"GetServices"}},
        {"oddities": {"GetServices": "empty"}, "lacks": {"tr2"}},
        {"oddities": {"GetSystemDateAndTime": "garbage"}},
        {"oddities": {"GetSnapshotUri": "page"}},
        {"oddities": {"GetProfiles": "slow", "GetStreamUri": "slow"}},
    ],
)
async def test_what_old_and_slow_devices_lack_is_done_without(change: dict[str, object]) -> None:
    async with serving(device(**change)) as camera:
        answer = await converse(question(camera.port))
    assert answer.streams is not None, answer.failure
    assert answer.streams.main == "rtsp://127.0.0.1:8554/main?x=1&y=2"


async def test_a_second_media_service_that_is_listed_and_does_not_work_is_left_alone() -> None:
    camera = device()
    camera.lacks = {"tr2"}
    listed = Device._get_services
    camera._get_services = lambda *given: listed(device(), *given).replace(":0/", f":{camera.port}/")  # type: ignore[method-assign]
    async with serving(camera):
        answer = await converse(question(camera.port))
    assert answer.streams is not None, answer.failure
    assert "tr2:GetProfiles" in camera.asked
    assert "trt:GetStreamUri" in camera.asked


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


async def test_a_device_that_we_do_not_understand_gets_a_second_opinion_over_the_first_media_service() -> None:
    async with serving(device(refuses={"tr2:GetStreamUri"}, clock_off=timedelta(hours=7))) as camera:
        answer = await conversations.converse(question(camera.port, twice=True, main_rate=2048))
    assert answer.streams is not None, answer.failure
    assert answer.streams.main == "rtsp://127.0.0.1:8554/main?x=1&y=2"
    assert answer.streams.sub == "rtsp://127.0.0.1:8554/sub"
    assert "an odd device" in answer.streams.warnings[0]
    assert "trt:GetStreamUri" in camera.asked


async def test_presets_are_listed_and_gone_to_by_name_or_token() -> None:
    async with serving(device()) as camera:
        listed = await converse(question(camera.port, ask="presets"))
        assert listed.presets == (Preset(token="1", name="Blackboard"), Preset(token="2", name="讲台 & <Audience>"))
        for wanted in ("讲台 & <Audience>", "1", "blackboard"):
            answer = await converse(question(camera.port, ask="go_to", preset=wanted))
            assert answer.failure is None
            assert answer.presets[0].name == camera.looks_at
        missing = await converse(question(camera.port, ask="go_to", preset="Door"))
    assert missing.failure is not None
    assert missing.failure.cause == "not_found"
    assert "no preset 'Door'; it has: Blackboard, 讲台" in missing.failure.detail


async def test_a_camera_that_does_not_turn_says_so() -> None:
    async with serving(device(lacks={"tptz"})) as camera:
        answer = await converse(question(camera.port, ask="go_to", preset="1"))
    assert answer.failure is not None
    assert "does not turn" in answer.failure.detail


def odd(call: str, how: str) -> Callable[[], Device]:
    return lambda: device(oddities={call: how}, lacks={"tr2"})


@pytest.mark.parametrize(
    ("make", "change", "cause", "words"),
    [
        (device, {"password": SecretStr("wrong")}, "unauthorized", "user or password"),
        (device, {"user": "", "password": SecretStr("")}, "unauthorized", "user or password"),
        (odd("GetProfiles", "empty"), {}, "unusable", "GetProfiles"),
        (odd("GetProfiles", "page"), {}, "unusable", "GetProfiles"),
        (odd("GetProfiles", "garbage"), {}, "unusable", "GetProfiles"),
        (odd("GetProfiles", "entities"), {}, "unusable", "document type"),
        (odd("GetProfiles", "huge"), {}, "unreachable", "more than 2 MiB"),
        (odd("GetProfiles", "endless"), {"limit_sec": 1.5}, "timeout", "within 2 s"),
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


async def test_the_daemon_holds_it_in_a_process_which_it_ends() -> None:
    async with serving(device()) as camera:
        answer = await conversations.converse(question(camera.port))
        assert answer.streams is not None, answer.failure
        camera.oddities["GetProfiles"] = "endless"
        answer = await conversations.converse(question(camera.port, limit_sec=1.0))
    assert answer.failure is not None
    assert answer.failure.cause == "timeout"


async def test_a_closed_port_and_one_where_something_else_speaks_are_followed_by_the_next_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as mute:
        async with serving(device()) as camera:
            answer = await converse(question(0, ports=(closed, mute.getsockname()[1], camera.port), limit_sec=8.0))
    assert answer.streams is not None, answer.failure
    answer = await converse(question(closed))
    assert answer.failure is not None
    assert answer.failure.cause == "unreachable"
