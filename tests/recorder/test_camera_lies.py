"""Cameras that describe, frame or send wrongly: named or overcome, never hung, never a file that does not play."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, cast

import pytest

from recorder.packets import TrackKind
from recorder.protocol import LinkChanged, Trouble
from tests.camera.boot import Habits
from tests.camera.camera import Camera
from tests.camera.faults import (
    Answer,
    BrokenInterleaving,
    Described,
    Disorder,
    Endless,
    Fault,
    TornPackets,
)
from tests.camera.film import FilmSpec, make_film
from tests.camera.sdp import describe
from tests.media import assert_plays
from tests.recorder.processes import Forks
from tests.recorder.scene import (
    CLOCK_SEC,
    PLAYED_WITH,
    Recorded,
    Scene,
    check_files,
    check_whole,
    matched,
    scene,
    spec_of,
    together,
)

pytestmark = [pytest.mark.faults, pytest.mark.parametrize("reader", PLAYED_WITH)]

FILM = FilmSpec(seconds=60)
OTHER = FilmSpec(seconds=1, width=192, height=112)
NO_STREAM = {"unusable", "timeout", "ended", "not_found"}
KINDS: tuple[TrackKind, ...] = ("video", "audio")
MOST_MEMORY = 200 << 20
"""Bytes of a recorder process, whatever a camera pours into it."""


@dataclass
class Act:
    """What came of one scene."""

    camera: Camera
    recorded: Recorded
    memory: int = 0


def resident(stage: Scene) -> int:
    """Bytes of memory that the recorder process has in use."""
    pages = Path(f"/proc/{stage.recorder.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def play(
    forks: Forks, folder: Path, reader: str, fault: Fault, habits: Habits, transport: Literal["tcp", "udp"]
) -> Act:
    """Online, faulty from the very beginning, recorded for three seconds."""
    with Camera(make_film(FILM), habits) as camera:
        camera.inject(fault)
        with scene(folder, replace(spec_of(camera, reader), transport=transport), forks=forks) as stage:
            stage.online()
            stage.begin()
            stage.recorded(3.0)
            stage.end()
            return Act(camera, stage.close())


def refuse(forks: Forks, folder: Path, reader: str, fault: Fault) -> Act:
    """Fails twice, then the fault is mended and the camera is recorded like any other."""
    with Camera(make_film(FILM)) as camera:
        camera.inject(fault)
        with scene(folder, spec_of(camera, reader), forks=forks) as stage:
            stage.begin()
            stage.lost(2)
            memory = resident(stage)
            camera.mend(fault)
            stage.online()
            stage.recorded(0.8)
            stage.end()
            return Act(camera, stage.close(), memory)


def replaced(old: str, new: str) -> Described:
    """A description in which one piece is another; fails where it is not there."""

    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return Described(change)


def sets_of_another_camera(text: str) -> str:
    """The parameter sets of another camera: what old firmware keeps announcing after the resolution was changed."""
    wrong = next(line for line in describe(make_film(OTHER)).splitlines() if "sprop" in line)
    return "\r\n".join(wrong if "sprop" in line else line for line in text.splitlines()) + "\r\n"


def test_descriptions_that_are_overcome(tmp_path: Path, reader: str) -> None:
    metadata = "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:track7\r\n"
    faults = {
        "sets of another camera": Described(sets_of_another_camera),
        "sets that are none": replaced("sprop-parameter-sets=", "sprop-parameter-sets=!!!!,"),
        "metadata beside": Described(lambda text: text + metadata),
        "bare line feeds": Described(lambda text: text.replace("\r\n", "\n")),
        "no length at the end": Described(lambda text: text + "a=framerate:\r\na=x-dimensions:\r\nz=\r\n"),
        "bytes that are no text": Described(lambda text: text.replace("s=camera", "s=\udcff\udcfe\udc80")),
    }
    acts = {
        name: partial(play, folder=tmp_path / name, reader=reader, fault=fault, habits=Habits(), transport="tcp")
        for name, fault in faults.items()
    }
    for name, act in together(acts).items():
        print(name, [facts.video for facts in act.recorded.slices])
        for kind in KINDS:
            check_whole(act.camera, act.recorded, kind)
        assert not act.recorded.gaps
        for facts in act.recorded.slices:
            assert_plays(facts.path)
        assert act.recorded.slices[-1].video == "h264 160x96"


def test_a_track_that_cannot_be_told_costs_only_itself(tmp_path: Path, reader: str) -> None:
    # Ours leaves such a camera to FFmpeg's reader, where it may.
    reader = "auto" if reader == "own" else reader
    faults = {
        "picture without rtpmap": replaced("a=rtpmap:96 H264/90000\r\n", ""),
        "picture of a codec nobody knows": replaced("H264/90000", "WONDER/90000"),
        "sound without rtpmap": replaced("a=rtpmap:97 MPEG4-GENERIC/16000/1\r\n", ""),
        "sound of a codec nobody knows": replaced("MPEG4-GENERIC", "WONDER"),
    }
    acts = {
        name: partial(play, folder=tmp_path / name, reader=reader, fault=fault, habits=Habits(), transport="tcp")
        for name, fault in faults.items()
    }
    for name, act in together(acts).items():
        (facts,) = act.recorded.slices
        print(f"{name}: {facts.video or 'no picture'}, {facts.audio or 'no sound'};", act.recorded.of(Trouble))
        left: TrackKind = "audio" if "picture" in name else "video"
        check_whole(act.camera, act.recorded, left)
        assert_plays(facts.path)
        assert bool(facts.video) == (left == "video")
        assert act.recorded.of(Trouble), "nobody was told"


def test_answers_that_are_no_stream_are_named_and_the_camera_is_asked_again(tmp_path: Path, reader: str) -> None:
    head = b"RTSP/1.0 200 OK\r\nCSeq: %cseq\r\n"
    noise = random.Random(3).randbytes(4000)
    sdp = head + b"Content-Type: application/sdp\r\nContent-Length: "
    faults: dict[str, Fault] = {
        "noise instead of an answer": Answer("DESCRIBE", noise),
        "HTTP": Answer("OPTIONS", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
        "noise as description": Answer("DESCRIBE", sdp + b"4000\r\n\r\n" + noise),
        "an empty description": Answer("DESCRIBE", sdp + b"0\r\n\r\n"),
        "a description of nothing": Described(lambda text: text[: text.index("m=")]),
        "a negative length": Answer("DESCRIBE", sdp + b"-5\r\n\r\n"),
        "a length that is none": Answer("DESCRIBE", sdp + b"many\r\n\r\nv=0\r\n"),
        "an endless header": Endless("DESCRIBE", "header"),
        "an endless body": Endless("DESCRIBE", "body"),
        "an endless line": Answer("DESCRIBE", head + b"X-Line: " + b"a" * 3_000_000),
        "a transport of another kind": Answer("SETUP", head + b"Session: 1\r\nTransport: RAW/RAW/UDP\r\n\r\n"),
        "no session": Answer("SETUP", head + b"\r\n"),
        "redirects for ever": Answer("DESCRIBE", head.replace(b"200 OK", b"302 Found") + b"Location: %url\r\n\r\n"),
        "500": Answer("PLAY", head.replace(b"200 OK", b"500 Internal Server Error") + b"\r\n"),
    }
    acts = {name: partial(refuse, folder=tmp_path / name, reader=reader, fault=fault) for name, fault in faults.items()}
    print()
    for name, act in together(acts).items():
        said = [event for event in act.recorded.of(LinkChanged) if event.state == "waiting"]
        print(f"{name:30} {said[0].cause:12} {act.memory >> 20:4} MiB  {said[0].detail}")
        assert {event.cause for event in said[:2]} <= NO_STREAM
        assert all(event.detail for event in said)
        assert act.memory < MOST_MEMORY
        check_whole(act.camera, act.recorded, "video")
        for facts in act.recorded.slices:
            assert_plays(facts.path)


def test_a_camera_cannot_point_elsewhere(tmp_path: Path, reader: str) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"a file that no camera may have")
    head = b"RTSP/1.0 302 Found\r\nCSeq: %cseq\r\nLocation: "
    places = (
        f"file://{secret}",
        str(secret),
        f"concat:{secret}",
        "data:video/mp4;base64,AAAA",
        f"subfile,,start,0,end,9,,:{secret}",
        "pipe:0",
        "http://127.0.0.1:9/x.m3u8",
        "gopher://127.0.0.1:9/",
        "rtsp://",
        "//",
    )
    acts = {
        f"{method} {location}": partial(
            refuse,
            folder=tmp_path / method / str(number),
            reader=reader,
            fault=Answer(method, head + location.encode() + b"\r\n\r\n"),
        )
        for number, location in enumerate(places)
        for method in ("DESCRIBE", "PLAY")
    }
    for name, act in together(acts).items():
        said = [event for event in act.recorded.of(LinkChanged) if event.state == "waiting"]
        print(f"{name:60} {said[0].cause:12} {said[0].detail}")
        assert {event.cause for event in said[:2]} <= NO_STREAM | {"refused_url", "unreachable"}
        check_whole(act.camera, act.recorded, "video")


FRAMING: dict[str, Callable[[], Fault]] = {
    "a channel that nobody set up": lambda: BrokenInterleaving("channel", 10),
    "bytes between frames": lambda: BrokenInterleaving("garbage", 40),
    "wrong lengths": lambda: BrokenInterleaving("length", 60),
    "frames cut off": lambda: BrokenInterleaving("cut", 60),
}


def test_framing_that_breaks_costs_the_frames_that_it_hits(tmp_path: Path, reader: str) -> None:
    """FFmpeg's reader finds its way back only after a reconnect, and names no single frame: it is asked for less."""
    names = FRAMING if reader == "own" else ["a channel that nobody set up"]
    acts = {
        name: partial(
            play, folder=tmp_path / name, reader=reader, fault=FRAMING[name](), habits=Habits(), transport="tcp"
        )
        for name in names
    }
    for name, act in together(acts).items():
        print(name, check_named(act))
        assert not act.recorded.causes, "it had to connect again"
        if name in ("a channel that nobody set up", "bytes between frames"):
            for kind in KINDS:
                check_whole(act.camera, act.recorded, kind)
            check_files(act.recorded)


def test_packets_full_of_noise_end_nothing(tmp_path: Path, reader: str) -> None:
    act = together(
        {"torn": partial(play, folder=tmp_path, reader=reader, fault=TornPackets(25), habits=Habits(), transport="tcp")}
    )["torn"]
    assert not act.recorded.causes
    assert len(act.recorded.packets("video")) > 50


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_packets_that_are_lost_doubled_and_overtaken(
    tmp_path: Path, reader: str, transport: Literal["tcp", "udp"]
) -> None:
    """Over TCP as well: many a camera drops packets on its side of the connection when the network is slow."""
    habits = Habits(mtu=200)
    faults = {
        "doubled": Disorder(twice=0.1),
        "overtaken": Disorder(overtaken=0.1, late=3),
        "lost": Disorder(loss=0.01),
        "all of it": Disorder(loss=0.01, twice=0.05, overtaken=0.05),
    }
    acts = {
        name: partial(play, folder=tmp_path / name, reader=reader, fault=fault, habits=habits, transport=transport)
        for name, fault in faults.items()
    }
    for name, act in together(acts).items():
        assert not act.recorded.causes
        if reader == "libav":
            assert act.recorded.slices  # it keeps no order over TCP and names no loss
            continue
        print(f"{transport} {name}:", check_named(act))
        if name in ("doubled", "overtaken"):
            for kind in KINDS:
                check_whole(act.camera, act.recorded, kind)
            check_files(act.recorded)


def check_named(act: Act) -> str:
    """Every picture, and all sound, from the first recorded to the last is recorded, or lies in a gap; in words, how
    many.
    """
    gaps = act.recorded.gaps
    # A recording that begins while a key frame is lost begins with the next one, which is said, too.
    assert {gap.cause for gap in gaps} <= {"packet_loss", "sound_lost", "no_key_frame"}
    words = []
    for kind, of_kind, name in (("video", "packet_loss", "pictures"), ("audio", "sound_lost", "packets of sound")):
        sent = [one for one in act.camera.sent if one.kind == kind]
        places = matched(sent, act.recorded.packets(cast(TrackKind, kind)))
        missing = [sent[index] for index in range(places[0], places[-1]) if index not in set(places)]
        missing = [one for one in missing if one.at > act.recorded.due_at]  # the ring's are not of the recording
        its_own = [gap for gap in gaps if gap.cause in (of_kind, "no_key_frame")]
        for one in missing:
            named = [gap for gap in its_own if gap.since - CLOCK_SEC < one.at < gap.until + CLOCK_SEC]
            assert named, f"{kind} sent at {one.at} is neither recorded nor named: {gaps}"
        assert len(missing) <= (places[-1] - places[0]) / 3
        assert missing or not any(gap.cause == of_kind for gap in gaps), "nothing was lost"
        words.append(f"{len(places)} {name} recorded, {len(missing)} lost")
    return f"{'; '.join(words)}; {len(gaps)} gaps"
