"""FLV tags: whatever the pieces they come in; nonsense is told from a stream; those of a real muxer are understood."""

from __future__ import annotations

import contextlib
import io

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.standalone.live.flv import FlvError, Kind, Tag, TagReader, file_head
from tests.media import MakeSample, av_packet, camera_packets, tracks_of
from tests.standalone.live.streams import AAC_HEADER, AVC_HEADER, HEVC_HEADER, META, picture, read, sound, written

TAGS = st.lists(st.builds(Tag, st.sampled_from(Kind), st.integers(0, 2**32 - 1), st.binary(max_size=300)), max_size=20)


@given(TAGS, st.integers(1, 64))
def test_tags_come_out_as_they_went_in(tags: list[Tag], piece: int) -> None:
    data, reader = written(*tags), TagReader()
    out: list[Tag] = []
    for start in range(0, len(data), piece):
        out += reader.feed(data[start : start + piece])
    assert out == tags


@given(st.binary(min_size=1, max_size=400))
def test_nonsense_ends_in_one_error_or_in_nothing(data: bytes) -> None:
    for begin in (b"", file_head(video=True, audio=False)):
        with contextlib.suppress(FlvError):
            assert all(len(tag.body) < len(data) for tag in TagReader().feed(begin + data))


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1",
        b"FLV\x02\x05\0\0\0\x09\0\0\0\0",
        b"FLV\x01\x05\0\0\xff\x09\0\0\0\0",
        file_head(video=True, audio=True) + b"\x09\xff\xff\xff" + bytes(20),
        written(picture(0))[:-1] + b"\x01",
    ],
)
def test_what_is_no_flv(data: bytes) -> None:
    with pytest.raises(FlvError):
        list(TagReader().feed(data))


@pytest.mark.parametrize(
    ("tag", "codec", "is_header", "is_key", "is_aside"),
    [
        (AVC_HEADER, b"\x07", True, False, False),
        (AAC_HEADER, b"\x0a", True, False, False),
        (HEVC_HEADER, b"hvc1", True, False, False),
        (META, b"", False, False, False),
        (picture(0), b"\x07", False, True, False),
        (picture(1), b"\x07", False, False, False),
        (sound(1), b"\x0a", False, False, False),
        (Tag(Kind.VIDEO, 0, b"\x91hvc1frame"), b"hvc1", False, True, False),
        (Tag(Kind.VIDEO, 0, b"\xa3hvc1frame"), b"hvc1", False, False, False),
        (Tag(Kind.VIDEO, 0, b"\x17\x02\0\0\0"), b"\x07", False, False, True),
        (Tag(Kind.VIDEO, 0, b"\x92av01"), b"av01", False, False, True),
        (Tag(Kind.VIDEO, 0, b"\x94hvc1colours"), b"hvc1", False, False, True),
        (Tag(Kind.AUDIO, 0, b"\x90Opusx"), b"Opus", True, False, False),
        (Tag(Kind.AUDIO, 0, b"\x2fmp3"), b"\x02", False, False, False),
        (Tag(Kind.VIDEO, 0, b""), b"", False, False, False),
    ],
)
def test_what_a_tag_is(tag: Tag, codec: bytes, is_header: bool, is_key: bool, is_aside: bool) -> None:
    assert (tag.codec, tag.is_header, tag.is_key, tag.is_aside) == (codec, is_header, is_key, is_aside)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_real_muxers_tags_are_understood(sample: MakeSample, codec: str) -> None:
    packets = camera_packets(sample(seconds=4, gop_sec=1, codec=codec), 3.9)
    file = io.BytesIO()
    with av.open(file, "w", format="flv") as output:
        streams = {track: output.add_stream_from_template(track.template, opaque=True) for track in tracks_of(packets)}
        for packet in packets:
            output.mux(av_packet(packet, streams[packet.track]))
    tags = read(file.getvalue())
    assert [tag.kind for tag in tags if tag.is_header] in ([Kind.AUDIO, Kind.VIDEO], [Kind.VIDEO, Kind.AUDIO])
    frames = [tag for tag in tags if tag.kind is Kind.VIDEO and not tag.is_header and not tag.is_aside]
    assert [index for index, tag in enumerate(frames) if tag.is_key] == [0, 25, 50, 75]
    assert len(frames) == sum(packet.track.kind == "video" for packet in packets)
