"""The camera against Debian's ffmpeg: every frame is there, in order, and nobody complains."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.camera.auth import Guard
from tests.camera.boot import Habits
from tests.camera.camera import Camera
from tests.camera.film import FilmSpec, make_film
from tests.media import ffprobe, frame_numbers, packet_hashes

pytestmark = pytest.mark.integration

USER, PASSWORD = "viewer", "p@ss:w/o rd"
SECONDS = 2


def play(camera: Camera, out: Path, *options: str, transport: str = "tcp") -> None:
    """Have ffmpeg copy a few seconds of a camera into a file; its only complaint may be about the very first stamp."""
    url = camera.url(USER, PASSWORD) if camera.guard.scheme else camera.url()
    command = ["ffmpeg", "-v", "warning", "-y", "-rtsp_transport", transport, "-i", url, "-t", str(SECONDS)]
    command += [*(options or ("-c", "copy")), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    complaints = [line for line in done.stderr.splitlines() if line and "Timestamps are unset in a packet" not in line]
    assert done.returncode == 0, done.stderr
    assert not complaints, complaints


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(
    "wanted",
    [
        {"video": "h264", "audio": "aac"},
        {"video": "h264", "audio": "pcm_alaw", "width": 640, "height": 360},
        {"video": "hevc", "audio": "pcm_mulaw"},
        {"video": "mjpeg", "audio": ""},
    ],
    ids=lambda wanted: "-".join(str(one) for one in wanted.values()),
)
def test_ffmpeg_receives_what_was_sent(tmp_path: Path, wanted: dict[str, Any], transport: str) -> None:
    film = make_film(FilmSpec(**wanted))
    out = tmp_path / "copy.mkv"
    with Camera(film, guard=Guard("digest", USER, PASSWORD)) as camera:
        play(camera, out, transport=transport)
    ffprobe(out)
    for track in film.tracks:
        sent = [one.unit.digest for one in camera.sent if one.kind == track.kind and one.whole]
        received = packet_hashes(out, track.kind)
        assert len(received) > 20
        assert received == sent[: len(received)]
    numbers = frame_numbers(out)
    assert None not in numbers
    assert numbers == list(range(numbers[0] or 0, (numbers[0] or 0) + len(numbers)))


@pytest.mark.parametrize("audio", ["g726", "opus", "mp2", "pcm_s16be"])
def test_other_sounds_decode_in_ffmpeg(tmp_path: Path, audio: Any) -> None:
    out = tmp_path / "sound.wav"
    with Camera(make_film(FilmSpec(video="", audio=audio))) as camera:
        play(camera, out, "-c:a", "pcm_s16le")
    sound = ffprobe(out)["streams"][0]
    assert float(sound["duration"]) == pytest.approx(SECONDS, abs=0.3)


@pytest.mark.parametrize("scheme", ["basic", "digest"])
@pytest.mark.parametrize("sets_in", ["sdp", "band"])
def test_logins_and_places_of_parameter_sets(tmp_path: Path, scheme: Any, sets_in: Any) -> None:
    out = tmp_path / "copy.mkv"
    with Camera(make_film(FilmSpec(audio="")), Habits(sets_in=sets_in), Guard(scheme, USER, PASSWORD)) as camera:
        play(camera, out)
    ffprobe(out)
    assert None not in frame_numbers(out)


def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    with Camera(make_film(FilmSpec(audio="")), guard=Guard("digest", USER, "another")) as camera:
        command = ["ffmpeg", "-v", "error", "-i", camera.url(USER, PASSWORD), "-c", "copy", str(tmp_path / "x.mkv")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "401" in done.stderr
    assert not camera.sent
