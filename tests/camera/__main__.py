"""A camera to play with:

python -m tests.camera --video h264 --audio aac --user viewer --password secret --seconds 60
"""

from __future__ import annotations

import argparse
import time

from tests.camera.auth import Guard
from tests.camera.boot import Habits
from tests.camera.camera import Camera
from tests.camera.film import FilmSpec, make_film


def main() -> None:
    """Runs until it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.camera")
    parser.add_argument("--video", default="h264", choices=("h264", "hevc", "mjpeg", "av1", ""))
    parser.add_argument(
        "--audio", default="aac", choices=("aac", "pcm_alaw", "pcm_mulaw", "g726", "opus", "mp2", "pcm_s16be", "")
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the film, which goes round")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--gop", type=int, default=50)
    parser.add_argument("--b-frames", type=int, default=0)
    parser.add_argument("--sets-in", default="both", choices=("sdp", "band", "both"))
    parser.add_argument("--auth", default="", choices=("", "basic", "digest", "digest-sha256"))
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    wanted = parser.parse_args()
    film = make_film(
        FilmSpec(
            seconds=wanted.seconds,
            video=wanted.video,
            audio=wanted.audio,
            width=wanted.width,
            height=wanted.height,
            gop=wanted.gop,
            b_frames=wanted.b_frames,
        )
    )
    guard = Guard(wanted.auth or ("digest" if wanted.user else ""), wanted.user, wanted.password)
    with Camera(film, Habits(sets_in=wanted.sets_in), guard) as camera:
        print(camera.url())
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
