"""Every codec over every kind of source: recorded, played back and compared packet for packet, or refused by name.

The table in `docs/sources.md` is what must come out; `pytest -s` prints it.  `GATHER_COLUMNS=all` takes every source,
otherwise a comma separates those wanted.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import av
import pytest

from recorder.packets import TrackKind
from recorder.protocol import Event, LinkChanged, Trouble
from recorder.specs import SourceSpec
from tests.camera.camera import Camera
from tests.camera.film import Film, FilmSpec, make_film
from tests.camera.mux import CannotCarry, digests, in_order, muxed, part, pieces, raw_packet
from tests.media import assert_plays, duration_sec, packet_hashes
from tests.recorder.processes import Forks
from tests.recorder.scene import Recorded, scene, together
from tests.servers.http_media import Reply, live_playlist, serving
from tests.servers.rtmp_nginx import RtmpServer, rtmp_server
from tests.servers.rtsp_gst import rtsp_server

pytestmark = pytest.mark.integration

COLUMNS = os.environ.get("GATHER_COLUMNS", "RTSP,HLS,RTMP,looped file").replace("all", "").split(",")
DOCS = Path(__file__).parents[2] / "docs/sources.md"
ROWS: dict[str, dict[str, Any]] = {
    "H.264 + AAC": {},
    "H.265 + AAC": {"video": "hevc"},
    "MJPEG + AAC": {"video": "mjpeg"},
    "AV1 + AAC": {"video": "av1"},
    "H.264 + G.711": {"audio": "pcm_alaw"},
    "H.264 + G.726": {"audio": "g726"},
    "H.264 + Opus": {"audio": "opus"},
    "H.264 + MP2": {"audio": "mp2"},
    "H.264 + PCM": {"audio": "pcm_s16be"},
    "H.264 alone": {"audio": ""},
    "AAC alone": {"video": ""},
}
SEGMENT_SEC = 1.0
NOT_CARRIED = "–"
KINDS: tuple[TrackKind, ...] = ("video", "audio")
Place = Callable[[Film, Path], Any]


def film_of(row: str) -> Film:
    """Long enough for a machine with other things to do."""
    return make_film(FilmSpec(seconds=48, gop=25, **ROWS[row]))


# -- sources


@contextmanager
def rtsp_camera(film: Film, _: Path, reader: str) -> Iterator[SourceSpec]:
    with Camera(film) as camera:
        yield SourceSpec("stream", camera.url(), reader=reader)  # type: ignore[arg-type]


_GST_VIDEO = {"h264": "h264parse ! rtph264pay config-interval=-1", "hevc": "h265parse ! rtph265pay config-interval=-1"}
_GST_AUDIO = {"aac": "aacparse ! rtpmp4gpay", "opus": "opusparse ! rtpopuspay", "mp2": "mpegaudioparse ! rtpmpapay"}


@contextmanager
def rtsp_gst(film: Film, folder: Path) -> Iterator[SourceSpec]:
    video, audio = film.track("video"), film.track("audio")
    payers = {**_GST_VIDEO, "mjpeg": "jpegparse ! rtpjpegpay"} | _GST_AUDIO
    tracks = [track for track in (video, audio) if track is not None]
    if any(track.codec not in payers for track in tracks):
        raise CannotCarry("no payloader in Debian 12")
    path = folder / "film.mkv"
    path.write_bytes(muxed(film, "matroska"))
    launch = f'filesrc location="{path}" ! matroskademux name=file'
    for number, track in enumerate(tracks):
        launch += f" file.{track.kind}_0 ! queue ! {payers[track.codec]} name=pay{number} pt={96 + number}"
    with rtsp_server({"/camera": f"( {launch} )"}) as server:
        yield SourceSpec("stream", server.url())


@contextmanager
def rtmp(film: Film, folder: Path, server: RtmpServer) -> Iterator[SourceSpec]:
    pieces(film, "flv")  # or it cannot be carried
    if any(track.codec in ("hevc", "av1") for track in film.tracks):
        raise CannotCarry("this RTMP server passes on no picture of such a codec")
    url, stop = server.url(folder.name.replace(" ", "").replace("+", "").replace(".", "")), threading.Event()

    def publish() -> None:
        with av.open(url, "w", format="flv") as muxer:
            streams = [muxer.add_stream_from_template(track.template, opaque=True) for track in film.tracks]
            began = time.monotonic()
            for at, index, unit in in_order(film):
                if stop.wait(max(0.0, began + at - time.monotonic())):
                    return
                muxer.mux(raw_packet(film.tracks[index], unit, streams[index]))

    publisher = threading.Thread(target=publish, name="publisher")
    publisher.start()
    try:
        yield SourceSpec("stream", url)
    finally:
        stop.set()
        publisher.join()


@contextmanager
def http_flv(film: Film, _: Path) -> Iterator[SourceSpec]:
    sent = [(piece.at, piece.data) for piece in pieces(film, "flv")]
    with serving({"/live.flv": Reply(paced=sent)}) as server:
        yield SourceSpec("stream", server.url("/live.flv"))


@contextmanager
def hls(film: Film, _: Path) -> Iterator[SourceSpec]:
    """A playlist that goes on: the last four segments of a second each."""
    if any(track.codec in ("mjpeg", "av1", "pcm_alaw", "g726", "pcm_s16be") for track in film.tracks):
        raise CannotCarry("not in MPEG-TS")
    count = int(film.seconds / SEGMENT_SEC)
    segments = [muxed(part(film, n * SEGMENT_SEC, (n + 1) * SEGMENT_SEC), "mpegts") for n in range(count)]
    with serving(live_playlist(segments, SEGMENT_SEC)) as server:
        yield SourceSpec("stream", server.url("/live.m3u8"))


@contextmanager
def looped_file(film: Film, folder: Path) -> Iterator[SourceSpec]:
    """An MP4, or a QuickTime file where MP4 has no place for the sound."""
    try:
        path, data = folder / "film.mp4", muxed(film, "mp4")
    except CannotCarry:
        path, data = folder / "film.mov", muxed(film, "mov")
    path.write_bytes(data)
    yield SourceSpec("file", str(path))


# -- a cell


def cell(forks: Forks, row: str, place: Place, folder: Path) -> Recorded | str:
    """What was recorded of a row over a source, or in a few words why nothing was."""
    film = film_of(row)
    folder.mkdir(parents=True)
    try:
        with place(film, folder) as spec, scene(folder, spec, forks=forks) as stage:
            stage.until("an outcome", lambda events: "online" in states(events) or states(events).count("waiting") > 1)
            if "online" not in states(stage.events):
                said = [one for one in stage.events if isinstance(one, LinkChanged) and one.state == "waiting"]
                print(row, said[-1].detail)
                return f"refused: {said[-1].cause}"
            stage.begin()
            stage.recorded(2.0)
            stage.end()
            recorded = stage.close()
    except CannotCarry:
        return NOT_CARRIED
    return recorded


def in_words(film: Film, recorded: Recorded) -> str:
    """The outcome; a failure is one more thing to read in the table."""
    try:
        return outcome(film, recorded)
    except AssertionError as error:
        return f"FAILED: {error}".replace("\n", " ")[:300]


def states(events: list[Event]) -> list[str]:
    """What was said of the link, one after the other."""
    return [event.state for event in events if isinstance(event, LinkChanged)]


def outcome(film: Film, recorded: Recorded) -> str:
    """`copied`, or what became of which track; fails where something is missing and nobody was told."""
    facts = recorded.slices[0]
    kinds = assert_plays(facts.path)
    words = []
    for kind in KINDS:
        track = film.track(kind)
        if track is None:
            continue
        if kind not in kinds:
            told = [trouble.detail for trouble in recorded.of(Trouble) if trouble.kind == "track"]
            assert told, f"no {kind}, and nobody was told"
            words.append(f"no {'picture' if kind == 'video' else 'sound'}")
        elif kind == "audio" and track.codec != "aac":
            assert facts.audio.startswith("aac")
            assert duration_sec(facts.path, "audio") == pytest.approx(facts.media_sec, abs=0.5)
            assert loudness(facts.path) > 0.05, "silence"
            words.append("sound to AAC")
        else:
            one_piece(packet_hashes(facts.path, kind), digests(film, kind))
    return ", ".join(words) or "copied"


def one_piece(have: list[str], film: list[str]) -> None:
    """The packets are one unbroken piece of the film, which may go round."""
    assert len(have) > 20
    twice = film * 2
    begin = twice.index(have[0])
    assert have == twice[begin : begin + len(have)]


def loudness(path: str) -> float:
    """The loudest sample, of 1."""
    with av.open(path) as container:
        frames: Any = container.decode(audio=0)
        return max(
            abs(sample)
            for frame in frames
            for plane in frame.planes
            for sample in memoryview(bytes(plane)).cast("f")[: frame.samples]
        )


# -- the table


def test_every_codec_over_every_source(tmp_path: Path) -> None:
    columns: dict[str, Place] = {
        "RTSP": partial(rtsp_camera, reader="auto"),
        "RTSP, FFmpeg's reader": partial(rtsp_camera, reader="libav"),
        "RTSP from GStreamer": rtsp_gst,
        "HTTP-FLV": http_flv,
        "HLS": hls,
        "looped file": looped_file,
    }
    found: dict[str, dict[str, str]] = {row: {} for row in ROWS}
    with rtmp_server(tmp_path / "nginx") as server:
        columns["RTMP"] = partial(rtmp, server=server)
        columns = {name: place for name, place in columns.items() if name in COLUMNS or COLUMNS == [""]}
        names = list(columns)
        for batch in (names[begin : begin + 2] for begin in range(0, len(names), 2)):
            acts = {
                (row, column): partial(
                    cell, row=row, place=columns[column], folder=tmp_path / column.replace("'", "") / row
                )
                for row in ROWS
                for column in batch
            }
            for (row, column), came in together(acts).items():
                found[row][column] = came if isinstance(came, str) else in_words(film_of(row), came)
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {row} | " + " | ".join(found[row][column] for column in columns) + " |" for row in ROWS]
    print("\n" + "\n".join(lines))
    documented = documented_cells()
    cells = {(row, column): found[row][column] for row in ROWS for column in columns}
    wrong = {cell: words for cell, words in cells.items() if documented.get(cell) != words}
    assert not wrong, f"docs/sources.md has it otherwise: {wrong}"


def documented_cells() -> dict[tuple[str, str], str]:
    """The table in the docs."""
    lines = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    head, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {(row[0], column): words for row in rows for column, words in zip(head[1:], row[1:], strict=False)}


def test_a_picture_that_begins_with_the_next_key_frame_is_not_left_out(tmp_path: Path) -> None:
    """An RTMP server hands out sound at once and the picture from a key frame on, which smart codecs send seldom."""
    film = make_film(FilmSpec(seconds=60, gop=150))
    with (
        rtmp_server(tmp_path / "nginx") as server,
        rtmp(film, tmp_path / "seldom", server) as spec,
        scene(tmp_path, spec) as stage,
    ):
        stage.online()
        stage.begin()
        stage.recorded(2.0)
        stage.end()
        recorded = stage.close()
    one_piece([packet.digest for packet in recorded.packets("video")], digests(film, "video"))
