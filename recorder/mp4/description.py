"""How tracks are described in a file: by libavformat, which knows every codec, once for each slice.

It writes a header in memory, from the tracks' templates and the first packet of each, and that is taken apart.  What
counts samples and time in it is ours; the rest (`stsd` with its codec's boxes, handler, media header, size of the
picture, title and comment) is passed on as it is.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import av

from recorder.mp4.boxes import box, child, children
from recorder.packets import Packet, Track

_DISPLAY_BYTES = 60


@dataclass(frozen=True, slots=True)
class TrackBoxes:
    """Of one track: `display` is the end of `tkhd` (layer to height), `media` the boxes in `minf` but `stbl`."""

    display: bytes
    language: bytes
    handler: bytes
    media: bytes
    samples: bytes


@dataclass(frozen=True, slots=True)
class Description:
    """Of a file: the whole `ftyp` and `udta`, and one `TrackBoxes` a track."""

    file_type: bytes
    tracks: tuple[TrackBoxes, ...]
    user_data: bytes


def describe(tracks: Sequence[Track], first: Mapping[Track, Packet], tags: Mapping[str, str]) -> Description:
    """Ask libavformat. `first` holds the first packet of each track that has one; raises what PyAV raises."""
    sink = io.BytesIO()
    with av.open(sink, "w", format="mp4", options={"movflags": "frag_custom+delay_moov"}) as output:
        output.metadata.update(tags)
        streams = [_add_stream(output, track) for track in tracks]
        for track, stream in zip(tracks, streams, strict=True):
            if track in first:
                output.mux_one(_at_zero(first[track], stream))
        output.start_encoding()  # where no packet came
    top = dict(reversed(list(children(sink.getvalue()))))
    header = top[b"moov"]
    found = [_track_boxes(trak) for kind, trak in children(header) if kind == b"trak"]
    user_data = next((box(kind, inside) for kind, inside in children(header) if kind == b"udta"), b"")
    return Description(box(b"ftyp", top[b"ftyp"]), tuple(found), user_data)


def _track_boxes(trak: bytes) -> TrackBoxes:
    media = child(trak, b"mdia")
    inside = list(children(child(media, b"minf")))
    return TrackBoxes(
        display=child(trak, b"tkhd")[-_DISPLAY_BYTES:],
        language=child(media, b"mdhd")[-4:],
        handler=box(b"hdlr", child(media, b"hdlr")),
        media=b"".join(box(kind, contents) for kind, contents in inside if kind != b"stbl"),
        samples=box(b"stsd", child(media, b"minf", b"stbl", b"stsd")),
    )


def _add_stream(output: av.container.OutputContainer, track: Track) -> Any:
    # `opaque`: the parameters as they are; otherwise PyAV looks for an encoder of the decoder's name.
    stream = output.add_stream_from_template(track.template, opaque=True)
    if track.codec == "hevc":
        stream.codec_context.codec_tag = "hvc1"  # players of one large maker refuse hev1
    return stream


def _at_zero(packet: Packet, stream: Any) -> av.Packet[Any]:
    raw = av.Packet(packet.data)
    raw.pts = raw.dts = 0
    raw.duration, raw.time_base = packet.duration, packet.track.time_base
    raw.is_keyframe, raw.stream = packet.is_key, stream
    return raw
