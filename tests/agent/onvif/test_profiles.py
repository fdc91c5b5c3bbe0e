"""The choice among a device's profiles, and what of an address counts."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.onvif.profiles import SHOWN_WIDTH, BadAddress, Profile, address, choose, encoding


def profile(
    token: str, width: int, height: int, encoding: str = "H264", source: str = "s", encoder: str = ""
) -> Profile:
    return Profile(token, source, encoder or token, encoding, width, height)


MAIN = profile("main", 2560, 1440, "H265")
HD = profile("hd", 1280, 720)
SD = profile("sd", 640, 360)
JPEG = profile("jpeg", 1024, 576, "JPEG")


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ([SD, MAIN, HD], (MAIN, HD)),
        ([MAIN], (MAIN, None)),
        ([MAIN, JPEG], (MAIN, JPEG)),
        ([MAIN, JPEG, SD], (MAIN, SD)),
        ([profile("a", 1920, 1080), profile("b", 1920, 1080, encoder="a")], (profile("a", 1920, 1080), None)),
        ([MAIN, profile("other", 640, 360, source="second sensor")], (MAIN, None)),
        ([MAIN, profile("wide", 1920, 1080)], (MAIN, profile("wide", 1920, 1080))),
        ([profile("mjpeg", 1920, 1080, "JPEG"), SD, HD], (HD, SD)),
        ([profile("mjpeg", 2560, 1440, "JPEG"), SD], (profile("mjpeg", 2560, 1440, "JPEG"), SD)),
        ([profile("old", 1920, 1080, "MPEG4"), SD], (SD, None)),
        (
            [profile("a", 1920, 1080, encoder="e"), profile("b", 640, 360, encoder="e")],
            (profile("a", 1920, 1080, encoder="e"), profile("b", 640, 360, encoder="e")),
        ),
    ],
)
def test_choice(offered: list[Profile], expected: tuple[Profile, Profile | None]) -> None:
    assert choose(offered) == expected


profiles = st.builds(
    Profile,
    token=st.text(max_size=3),
    source=st.sampled_from(["a", "b"]),
    encoder=st.sampled_from(["1", "2", "3"]),
    encoding=st.sampled_from(["H264", "JPEG", "MPEG4"]),
    width=st.integers(0, 4096),
    height=st.integers(0, 4096),
)


@given(st.lists(profiles, min_size=1, max_size=8))
def test_what_is_recorded_is_never_smaller_than_what_is_shown(offered: list[Profile]) -> None:
    main, sub = choose(offered)
    recorded = [one for one in offered if one.encoding != "MPEG4"] or offered
    assert all(main.area >= one.area for one in recorded if one.encoding == main.encoding)
    others = [one for one in recorded if one.source == main.source and one.encoder != main.encoder]
    smaller = [one for one in others if one.area <= main.area]
    if sub is None:
        assert not smaller or main.encoding == "MPEG4"
        return
    assert sub.source == main.source
    assert not sub.shares_encoder(main)
    assert sub.encoding != "MPEG4"
    assert sub.area <= main.area
    if sub.width > SHOWN_WIDTH:
        assert not [one for one in smaller if one.width <= SHOWN_WIDTH]


@pytest.mark.parametrize(
    ("told", "expected"),
    [("H264", "H264"), ("h.265", "H265"), ("video/HEVC", "H265"), ("MJPEG", "JPEG"), ("", ""), ("MPV4-ES", "MPV4ES")],
)
def test_a_codec_has_one_name(told: str, expected: str) -> None:
    assert encoding(told) == expected


@pytest.mark.parametrize(
    ("uri", "host", "expected"),
    [
        ("rtsp://10.0.0.9:8554/a?x=1", "cam.school", "rtsp://cam.school:8554/a?x=1"),
        ("rtsp://u:p@10.0.0.9/a", "192.168.1.64", "rtsp://192.168.1.64/a"),
        (" rtsps://[fe80::1]:322/a ", "fe80::2", "rtsps://[fe80::2]:322/a"),
    ],
)
def test_the_configured_host_counts(uri: str, host: str, expected: str) -> None:
    assert address(uri, host) == expected


@given(st.one_of(st.text(), st.text().map(lambda rest: f"rtsp://{rest}")))
def test_any_text_gives_an_rtsp_address_at_the_configured_host_or_is_refused(uri: str) -> None:
    try:
        parts = urlsplit(address(uri, "camera"))
    except BadAddress:
        return
    assert (parts.scheme in ("rtsp", "rtsps"), parts.hostname, parts.username) == (True, "camera", None)
