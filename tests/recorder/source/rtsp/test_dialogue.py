"""The conversation with a camera, against answers that the test gives."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.source.rtsp.auth import Login
from recorder.source.rtsp.dialogue import Dialogue, first_stamps, is_rtsp, transport_of
from recorder.source.rtsp.messages import Message, Request
from recorder.source.rtsp.problems import Redirected, Refused
from recorder.source.rtsp.sdp import base_of, joined, parse

T = TypeVar("T")
URL = "rtsp://cam/path?x=1"
SDP = b"v=0\r\na=control:*\r\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:trackID=1\n"


def said(status: int = 200, body: bytes = b"", **headers: str) -> Message:
    return Message(status, "why", "", {name.replace("_", "-"): [value] for name, value in headers.items()}, body)


class Camera:
    """Answers by method; what it was asked is in `asked`."""

    def __init__(self, **answers: Message | Callable[[Request], Message]) -> None:
        self.answers: dict[str, Message | Callable[[Request], Message]] = answers
        self.asked: list[Request] = []

    def talk(self, conversation: Generator[Request, Message, T]) -> T:
        try:
            request = next(conversation)
            while True:
                self.asked.append(request)
                answer = self.answers.get(request.method, said())
                request = conversation.send(answer(request) if callable(answer) else answer)
        except StopIteration as done:
            result: T = done.value
            return result


def begun(camera: Camera, old: tuple[str, str] | None = None) -> Dialogue:
    dialogue = Dialogue(URL, Login("u", "p"), old)
    description = camera.talk(dialogue.describe())
    camera.talk(dialogue.set_up(description.media, lambda n: f"RTP/AVP/TCP;interleaved={2 * n}-{2 * n + 1}"))
    camera.talk(dialogue.play())
    return dialogue


SETUP = said(session="abc;timeout=30", transport="RTP/AVP/TCP;unicast;interleaved=4-5;ssrc=0000AB")


def test_from_options_to_teardown() -> None:
    info = said(rtp_info="url=rtsp://10.0.0.9/path/trackID=1;seq=9;rtptime=4000000000")
    camera = Camera(DESCRIBE=said(body=SDP, content_base="rtsp://cam/base/"), SETUP=SETUP, PLAY=info)
    dialogue = begun(camera)
    camera.talk(dialogue.keep_alive())
    camera.talk(dialogue.tear_down())
    assert [(one.method, one.url) for one in camera.asked] == [
        ("OPTIONS", URL),
        ("DESCRIBE", URL),
        ("SETUP", "rtsp://cam/base/trackID=1"),
        ("PLAY", "rtsp://cam/base/"),
        ("GET_PARAMETER", "rtsp://cam/base/"),
        ("TEARDOWN", "rtsp://cam/base/"),
    ]
    assert [one.headers.get("Session") for one in camera.asked] == [None, None, None, "abc", "abc", "abc"]
    assert dialogue.session_sec == 30
    assert dialogue.legs[0].way.channels == (4, 5)
    assert dialogue.legs[0].way.ssrc == 0xAB
    assert dialogue.legs[0].first_stamp == 4_000_000_000
    assert dialogue.session == ""


def test_a_login_is_asked_for_once_and_then_given() -> None:
    def guarded(request: Request) -> Message:
        if "Authorization" not in request.headers:
            return said(401, www_authenticate='Digest realm="r", nonce="n"')
        return said(body=SDP)

    camera = Camera(DESCRIBE=guarded, SETUP=SETUP)
    begun(camera)
    assert [one.method for one in camera.asked].count("DESCRIBE") == 2
    assert "Authorization" in camera.asked[-1].headers


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_errors_are_raised_with_their_status(status: int) -> None:
    with pytest.raises(Refused) as refused:
        begun(Camera(DESCRIBE=said(status)))
    assert refused.value.status == status
    with pytest.raises(Redirected, match="rtsp://other/x"):
        begun(Camera(DESCRIBE=said(302, location="rtsp://other/x")))


def test_options_may_fail() -> None:
    assert begun(Camera(OPTIONS=said(501), DESCRIBE=said(body=SDP), SETUP=SETUP)).playing


def test_keep_alive_by_what_the_camera_can() -> None:
    camera = Camera(DESCRIBE=said(body=SDP), SETUP=SETUP, GET_PARAMETER=said(400))
    dialogue = begun(camera)
    for _ in range(2):
        camera.talk(dialogue.keep_alive())
    assert [one.method for one in camera.asked[-3:]] == ["GET_PARAMETER", "OPTIONS", "OPTIONS"]
    camera = Camera(OPTIONS=said(public="DESCRIBE, PLAY"), DESCRIBE=said(body=SDP), SETUP=SETUP)
    camera.talk(begun(camera).keep_alive())
    assert camera.asked[-1].method == "OPTIONS"


@pytest.mark.parametrize("status", [302, 401, 404, 454, 501])
def test_no_answer_to_a_keep_alive_ends_a_stream_that_comes(status: int) -> None:
    answer = said(status, location="rtsp://elsewhere/x")
    camera = Camera(DESCRIBE=said(body=SDP), SETUP=SETUP)
    dialogue = begun(camera)
    camera.answers |= {"GET_PARAMETER": answer, "OPTIONS": answer}
    for _ in range(3):
        camera.talk(dialogue.keep_alive())


def test_a_track_that_the_camera_does_not_give_costs_only_itself() -> None:
    both = SDP + b"m=audio 0 RTP/AVP 0\na=control:trackID=2\n"

    def asked(wrong: str, status: int) -> tuple[Dialogue, dict[int, Refused]]:
        camera = Camera(
            DESCRIBE=said(body=both),
            SETUP=lambda request: said(status) if request.url.endswith(wrong) else SETUP,
        )
        dialogue = Dialogue(URL, Login("", ""))
        media = camera.talk(dialogue.describe()).media
        return dialogue, camera.talk(dialogue.set_up(media, lambda _: "RTP/AVP/TCP"))

    dialogue, refused = asked("trackID=2", 461)
    assert [(number, error.status) for number, error in refused.items()] == [(1, 461)]
    assert [leg.media.kind for leg in dialogue.legs] == ["video"]
    for wrong, status in (("trackID=1", 461), ("trackID=2", 401)):
        with pytest.raises(Refused):
            asked(wrong, status)


def test_a_full_camera_gets_the_old_session_back() -> None:
    left = iter([said(453), SETUP])
    camera = Camera(DESCRIBE=said(body=SDP), SETUP=lambda _: next(left))
    dialogue = begun(camera, ("rtsp://cam/old", "old-one"))
    torn = next(one for one in camera.asked if one.method == "TEARDOWN")
    assert (torn.url, torn.headers["Session"]) == ("rtsp://cam/old", "old-one")
    assert dialogue.session == "abc"
    with pytest.raises(Refused):
        begun(Camera(DESCRIBE=said(body=SDP), SETUP=said(453)))


@pytest.mark.parametrize(
    ("base", "control", "address"),
    [
        ("rtsp://h/a", "trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a/", "trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a?b=c", "trackID=1", "rtsp://h/a?b=c/trackID=1"),
        ("rtsp://h/a/", "/trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a", "*", "rtsp://h/a"),
        ("rtsp://h/a", "", "rtsp://h/a"),
        ("rtsp://h/a", "RTSP://10.0.0.1/x/1", "RTSP://10.0.0.1/x/1"),
    ],
)
def test_control_addresses(base: str, control: str, address: str) -> None:
    assert joined(base, control) == address


def test_what_controls_are_relative_to() -> None:
    assert base_of(URL, "rtsp://u:p@cam/base/", "") == "rtsp://cam/base/"
    assert base_of(URL, '"rtsp://cam/quoted"', "") == "rtsp://cam/quoted"
    assert base_of(URL, "nonsense", "rtsp://cam/location") == "rtsp://cam/location"
    assert base_of(URL, "http://cam/", "rtsp://[broken") == URL


def test_transports_and_stamps_of_all_kinds() -> None:
    assert transport_of("RTP/AVP;unicast;client_port=1-2;server_port=6970-6971;source=10.0.0.1").server_ports == (
        6970,
        6971,
    )
    assert transport_of("RTP/AVP/TCP;interleaved=2").channels == (2, 3)
    assert transport_of("RTP/AVP/TCP;interleaved=300-301").channels is None
    assert transport_of("").channels is None
    assert first_stamps("url=a;seq=1;rtptime=5, url=b;seq=2") == [("a", 5)]
    assert [is_rtsp(one) for one in ("rtsp://a/b", "rtsps://a", "rtsp://", "file:///x", "rtsp://[x")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_an_sdp_of_a_camera() -> None:
    text = (
        b"v=0\no=- 0 0 IN IP4 1.2.3.4\ns=Media\na=control:rtsp://1.2.3.4/all\n"
        b"m=video 0 RTP/AVP 96\na=rtpmap:96 h265/90000\na=fmtp:96 sprop-vps=QAE=; sprop-sps=QgE=;sprop-pps = RAE=\n"
        b"a=framerate:12.5\na=control:trackID=0\n"
        b"m=audio 0 RTP/AVP 8\na=control:trackID=1\nm=audio 0 RTP/AVP 0\na=sendonly\nm=application 0 RTP/AVP 107\n"
    )
    description = parse(text)
    picture, sound, back, _ = description.media
    assert description.control == "rtsp://1.2.3.4/all"
    assert (picture.encoding, picture.clock, picture.frame_rate) == ("H265", 90_000, 12.5)
    assert picture.fmtp == {"sprop-vps": "QAE=", "sprop-sps": "QgE=", "sprop-pps": "RAE="}
    assert (sound.encoding, sound.clock, sound.channels, sound.control) == ("PCMA", 8000, 1, "trackID=1")
    assert back.sendonly


@pytest.mark.parametrize("line", ["x-dimensions:2592,1944", "framesize:26 2592-1944"])
def test_the_size_of_a_large_picture(line: str) -> None:
    (picture,) = parse(f"v=0\nm=video 0 RTP/AVP 26\na={line}\n".encode()).media
    assert (picture.encoding, picture.size) == ("JPEG", (2592, 1944))
    (picture,) = parse(b"v=0\nm=video 0 RTP/AVP 26\na=x-dimensions:wide\na=framesize:26\n").media
    assert picture.size == (0, 0)


@given(st.binary(max_size=300), st.text(max_size=80))
def test_any_description_and_header(body: bytes, text: str) -> None:
    parse(body)
    parse(b"m=video 0 RTP/AVP 96\na=rtpmap:96 " + body + b"\na=fmtp:96 " + body)
    transport_of(text)
    first_stamps(text)
    base_of(URL, text, text)
    is_rtsp(text)
