"""Noise in place of a stream, a description or a file: named, nothing hung, nothing left open, no process lost.

`GATHER_NOISE` says how many pieces of noise each kind of source gets (default 12), `GATHER_SEED` which.
"""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from recorder.protocol import LinkChanged, Pulse
from recorder.specs import SourceSpec
from tests.camera.film import FilmSpec, make_film
from tests.camera.mux import muxed
from tests.camera.sdp import describe
from tests.recorder.processes import Forks
from tests.recorder.scene import LIMITS, Recorded, scene, together

pytestmark = pytest.mark.faults

PIECES = int(os.environ.get("GATHER_NOISE", "12"))
SEED = int(os.environ.get("GATHER_SEED", "1"))
RESTLESS = replace(LIMITS, connect_sec=2.0, stall_sec=1.0, retry_min_sec=0.05, retry_max_sec=0.05)
FILM = FilmSpec(seconds=3)
Noise = Callable[[random.Random], bytes]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Bytes flipped, left out, repeated or cut off."""
    piece = bytearray(data)
    for _ in range(chance.choice((1, 5, 40, 200))):
        place = chance.randrange(len(piece))
        match chance.randrange(4):
            case 0:
                piece[place] = chance.randrange(256)
            case 1:
                del piece[place : place + chance.randrange(1, 50)]
            case 2:
                piece[place:place] = chance.randbytes(chance.randrange(1, 50))
            case _:
                piece[place : place + 4] = b"\xff\xff\xff\xff"
        if not piece:
            return b""
    return bytes(piece[: chance.randrange(len(piece))]) if chance.random() < 0.3 else bytes(piece)


def plain(chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice((1, 100, 5000, 200_000)))


def rtsp_answers(chance: random.Random) -> bytes:
    """A camera's whole side of the conversation, damaged."""
    sdp = describe(make_film(FILM)).encode()
    said = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE, SETUP, PLAY\r\n\r\n"
    said += (
        b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(sdp) + sdp
    )
    for number in (3, 4):
        said += b"RTSP/1.0 200 OK\r\nCSeq: %d\r\nSession: 1\r\nTransport: RTP/AVP/TCP;interleaved=%d-%d\r\n\r\n" % (
            number,
            2 * number - 6,
            2 * number - 5,
        )
    said += b"RTSP/1.0 200 OK\r\nCSeq: 5\r\nSession: 1\r\n\r\n"
    for number in range(200):
        said += b"$\x00\x00\x34\x80\x60" + number.to_bytes(2, "big") + chance.randbytes(48)
    return damaged(said, chance)


def over_http(data: bytes) -> Noise:
    return lambda chance: b"HTTP/1.0 200 OK\r\nContent-Type: video/x-any\r\n\r\n" + damaged(data, chance)


@contextmanager
def speaking(noise: Noise) -> Iterator[tuple[int, list[int]]]:
    """A server that says a piece to everyone who connects, another each time; its port, and what it said."""
    closing = False
    sizes: list[int] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    if closing:
                        return
                    piece = noise(random.Random(f"{SEED} {len(sizes)}"))
                    sizes.append(len(piece))
                    connection.settimeout(2.0)
                    try:
                        connection.sendall(piece)
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65536):
                            pass
                    except OSError:
                        pass  # it has heard enough

        thread = threading.Thread(target=serve, name="noise")
        thread.start()
        try:
            yield listener.getsockname()[1], sizes
        finally:
            closing = True
            with socket.create_connection(listener.getsockname()):
                pass
            thread.join()


def listen(forks: Forks, scheme: str, reader: str, noise: Noise, folder: Path) -> tuple[Recorded, int]:
    """A recorder that records from such a server; what came of it, and how many pieces it was told."""
    with speaking(noise) as (port, sizes):
        spec = SourceSpec("stream", f"{scheme}://127.0.0.1:{port}/live", reader=reader)  # type: ignore[arg-type]
        with scene(folder, spec, limits=RESTLESS, forks=forks) as stage:
            stage.begin()
            stage.lost(2)
            before = stage.census()
            stage.lost(2 + PIECES)
            assert stage.census()[0] <= before[0] + 1, "threads are left behind"
            assert stage.census()[1] <= before[1] + 2, "descriptors are left behind"
            stage.end()
            return stage.close(), len(sizes)


def test_noise_as_a_stream(tmp_path: Path) -> None:
    film = make_film(FILM)
    cases: dict[str, tuple[str, str, Noise]] = {
        "RTSP, own reader: noise": ("rtsp", "own", plain),
        "RTSP, own reader: damaged answers": ("rtsp", "own", rtsp_answers),
        "RTSP, FFmpeg's reader: noise": ("rtsp", "libav", plain),
        "RTSP, FFmpeg's reader: damaged answers": ("rtsp", "libav", rtsp_answers),
        "RTMP: noise": ("rtmp", "auto", plain),
        "HTTP: noise": ("http", "auto", plain),
        "HTTP: damaged FLV": ("http", "auto", over_http(muxed(film, "flv"))),
        "HTTP: damaged MPEG-TS": ("http", "auto", over_http(muxed(film, "mpegts"))),
        "HTTP: damaged MP4": ("http", "auto", over_http(muxed(film, "mp4"))),
        "HTTP: damaged playlist": ("http", "auto", over_http(b"#EXTM3U\n#EXTINF:2,\nfile:///etc/passwd\n" * 20)),
    }
    acts = {
        name: partial(listen, scheme=scheme, reader=reader, noise=noise, folder=tmp_path / str(number))
        for number, (name, (scheme, reader, noise)) in enumerate(cases.items())
    }
    for name, (recorded, told) in together(acts).items():
        said = [event for event in recorded.of(LinkChanged) if event.state == "waiting"]
        causes = {cause: [one.cause for one in said].count(cause) for cause in {one.cause for one in said}}
        print(f"{name}: {told} pieces, {causes}")
        assert set(causes) <= {"unusable", "timeout", "ended", "stalled", "not_found", "unauthorized", "unreachable"}
        assert all(event.detail for event in said)


def play(forks: Forks, path: Path, folder: Path) -> str:
    """What a recorder makes of a file."""
    with scene(folder, SourceSpec("file", str(path)), limits=RESTLESS, forks=forks) as stage:
        stage.until(
            "an outcome",
            lambda events: any(isinstance(one, LinkChanged) and one.state in ("online", "waiting") for one in events),
        )
        first = next(one for one in stage.events if isinstance(one, LinkChanged) and one.state != "connecting")
        stage.begin()
        pulses = sum(isinstance(one, Pulse) for one in stage.events)
        stage.until("a sign of life", lambda events: sum(isinstance(one, Pulse) for one in events) > pulses + 1)
        stage.close()
    return first.cause or first.state


def test_noise_as_a_file(tmp_path: Path) -> None:
    acts = {}
    for number in range(PIECES):
        chance = random.Random(f"{SEED} file {number}")
        container = chance.choice(("mp4", "matroska", "mpegts"))
        path = tmp_path / f"{number}.film"
        path.write_bytes(plain(chance) if number % 4 == 0 else damaged(muxed(make_film(FILM), container), chance))
        acts[number] = partial(play, path=path, folder=tmp_path / f"slices-{number}")
    outcomes: list[str] = []
    names = list(acts)
    for begin in range(0, len(names), 12):
        outcomes += together({name: acts[name] for name in names[begin : begin + 12]}).values()
    print({outcome: outcomes.count(outcome) for outcome in set(outcomes)})
    assert set(outcomes) <= {"online", "unusable", "ended"}
