"""What is made of a cheap camera that speaks ONVIF through onvif_simple_server."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from agent.onvif.messages import Preset
from tests.agent.onvif.talks import converse, question
from tests.servers.onvif_device import listening
from tests.servers.simple_onvif import SimpleDevice

STREAMS = [
    ("H265", 1920, 1080, "rtsp://10.0.0.3/ch0_0.h264?a=1&b=2"),
    ("H264", 640, 360, "rtsp://10.0.0.3/ch0_1.h264"),
]


@pytest.mark.parametrize(("media2", "codec"), [(True, "H265"), (False, "H264")])
async def test_both_streams_and_what_it_does_not_set(media2: bool, codec: str) -> None:
    camera = SimpleDevice(STREAMS, media2=media2)
    async with listening(camera.answer) as port:
        answer = await converse(question(port, twice=True, main_rate=8192, sub_rate=512, mirror=True))
    assert answer.streams is not None, answer.failure
    assert answer.streams.main == "rtsp://127.0.0.1/ch0_0.h264?a=1&b=2"
    assert answer.streams.sub == "rtsp://127.0.0.1/ch0_1.h264"
    assert (answer.streams.encoding, answer.streams.model, answer.streams.snapshot) == (codec, "Yi Home", "")
    main, sub, text, mirror = answer.streams.warnings
    now = "is at 5000 kbit/s" if media2 else "has a rate that the device does not tell"
    assert f"the main stream {now}: the device takes no 8192" in main
    assert f"the sub stream {now}: the device takes no 512" in sub
    assert "says yes and does nothing" in text
    assert "mirror" in mirror


async def test_a_device_that_refuses_what_it_does_not_know_is_recorded_all_the_same() -> None:
    camera = SimpleDevice(STREAMS, strict=True)
    async with listening(camera.answer) as port:
        answer = await converse(question(port, twice=True, main_rate=2048))
    assert answer.streams is not None, answer.failure
    assert "the main stream stays at 5000 kbit/s instead of 2048" in answer.streams.warnings[0]


async def test_presets() -> None:
    camera = SimpleDevice(STREAMS)
    async with listening(camera.answer) as port:
        listed = await converse(question(port, ask="presets"))
        await converse(question(port, ask="go_to", preset="door"))
    assert listed.presets == (Preset(token="PresetToken_0", name="Board"), Preset(token="PresetToken_7", name="Door"))
    assert camera.commands == ["PresetToken_7"]


@pytest.mark.parametrize("password", ["", "wrong"])
async def test_a_wrong_password_is_called_so(password: str) -> None:
    async with listening(SimpleDevice(STREAMS).answer) as port:
        answer = await converse(question(port, password=SecretStr(password)))
    assert answer.failure is not None
    assert (answer.failure.cause, "Sender not Authorized" in answer.failure.detail) == ("unauthorized", True)
