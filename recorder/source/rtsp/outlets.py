"""From whole frames to the recorder's packets: their track, their decode stamps, what was lost in front of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from recorder import parameter_sets
from recorder.packets import Packet, Track
from recorder.parameter_sets import SetCodec
from recorder.source.rtsp import descriptions, jpeg, mpeg_audio
from recorder.source.rtsp.aac import Aac, config_of
from recorder.source.rtsp.decode_order import PROBE, DecodeOrder, depth_of
from recorder.source.rtsp.h264 import H264
from recorder.source.rtsp.h265 import H265
from recorder.source.rtsp.lane import Frame
from recorder.source.rtsp.plain_audio import CODECS, PlainAudio
from recorder.source.rtsp.problems import NotOurs
from recorder.source.rtsp.sdp import Media
from recorder.source.rtsp.sequence_sets import BadSet
from recorder.source.rtsp.units import Depacketiser
from recorder.source.tracks import ParameterWatch

_USUAL_FPS = 25.0
_HELD_BYTES = 16 << 20
_VIDEO: dict[str, SetCodec] = {"H264": "h264", "H265": "hevc"}


_Shape = TypeVar("_Shape")


class Outlet(Protocol):
    """`track` is None until the camera has told enough; what comes before is held, not lost."""

    track: Track | None

    def packets(self, frames: Sequence[Frame], arrival: float) -> list[Packet]:
        """What can be passed on now that these frames have come. Raises `NotOurs`."""
        ...


@dataclass(frozen=True, slots=True)
class Chosen:
    """A track that is asked for and what takes its packets."""

    media: Media
    depacketiser: Depacketiser
    outlet: Outlet


def is_ours(media: Media) -> bool:
    """Whether this reader can take it apart."""
    if media.clock <= 0 or not media.protocol.startswith("RTP/AVP"):
        return False
    if media.kind == "video":
        return media.encoding in _VIDEO or media.encoding == "JPEG"
    return media.encoding in ("MPEG4-GENERIC", "MPA") or media.encoding in CODECS


def choose(announced: Sequence[Media]) -> tuple[list[Chosen], tuple[str, ...]]:
    """At most one picture and one sound, and what of both kinds was left out, with the reason.

    Raises `NotOurs` where the camera has a picture, or a sound, but none that this reader can take apart.
    """
    chosen: list[Chosen] = []
    dropped: list[str] = []
    for kind in ("video", "audio"):
        those = [media for media in announced if media.kind == kind]
        ours = [media for media in those if is_ours(media)]
        if those and not ours:
            raise NotOurs(f"{those[0].encoding or 'an unnamed codec'} ({kind}) is not one of our own reader's")
        # ONVIF's back channel is written like a sound that could be heard; AAC needs no transcoding.
        ours.sort(key=lambda media: (media.sendonly, kind == "audio" and media.encoding != "MPEG4-GENERIC"))
        if ours:
            chosen.append(_chosen(len(chosen), ours[0]))
        dropped += [f"{kind} {media.encoding}: a better track of this kind is recorded" for media in ours[1:]]
        dropped += [f"{kind} {media.encoding}: unknown to our reader" for media in those if media not in ours]
    return chosen, tuple(dropped)


def _chosen(index: int, media: Media) -> Chosen:
    if codec := _VIDEO.get(media.encoding):
        if media.fmtp.get("packetization-mode") == "2" or media.fmtp.get("sprop-max-don-diff", "0") != "0":
            raise NotOurs(f"{media.encoding} in interleaved packets")
        return Chosen(media, H264() if codec == "h264" else H265(), VideoOutlet(index, codec, media))
    if media.encoding == "JPEG":
        return Chosen(media, jpeg.Jpeg(media.size), _jpeg_outlet(index, media))
    if media.encoding == "MPA":
        return Chosen(media, mpeg_audio.MpegAudio(), _mpeg_audio_outlet(index, media))
    if media.encoding == "MPEG4-GENERIC":
        config = config_of(media)
        return Chosen(media, Aac(media, config), SoundOutlet(descriptions.aac_track(index, config, media.clock)))
    plain = CODECS[media.encoding]
    rate = plain.real_rate or media.clock
    track = descriptions.sound_track(index, plain.name, media.clock, rate, media.channels, bits=plain.bits)
    return Chosen(media, PlainAudio(plain, media.channels), SoundOutlet(track))


class SoundOutlet:
    """Everything is known from the beginning."""

    def __init__(self, track: Track) -> None:
        self.track: Track | None = track
        self._track = track

    def packets(self, frames: Sequence[Frame], arrival: float) -> list[Packet]:
        """See `Outlet.packets`."""
        return [
            Packet(self._track, unit.data, pts, pts, unit.duration, True, arrival, unit.lost) for unit, pts in frames
        ]


class TellingOutlet(Generic[_Shape]):
    """Each frame says by itself what it is (`read`); one that is something else makes another track."""

    def __init__(self, read: Callable[[bytes], _Shape], make: Callable[[_Shape], Track]) -> None:
        self.track: Track | None = None
        self._read = read
        self._make = make
        self._shape: _Shape | None = None

    def packets(self, frames: Sequence[Frame], arrival: float) -> list[Packet]:
        """See `Outlet.packets`."""
        return [self._packet(frame, arrival) for frame in frames]

    def _packet(self, frame: Frame, arrival: float) -> Packet:
        unit, pts = frame
        shape = self._read(unit.data)
        if self.track is None or shape != self._shape:
            self.track, self._shape = self._make(shape), shape
        return Packet(self.track, unit.data, pts, pts, unit.duration, True, arrival, unit.lost)


def _jpeg_outlet(index: int, media: Media) -> TellingOutlet[tuple[int, int]]:
    return TellingOutlet(
        jpeg.size_of, lambda size: descriptions.picture_track(index, "mjpeg", media.clock, size[0], size[1])
    )


def _mpeg_audio_outlet(index: int, media: Media) -> TellingOutlet[mpeg_audio.Sound]:
    def read(frame: bytes) -> mpeg_audio.Sound:
        header = mpeg_audio.header_of(frame)
        assert header is not None  # it was cut by it
        return header.sound

    return TellingOutlet(
        read, lambda sound: descriptions.sound_track(index, sound.codec, media.clock, sound.rate, sound.channels)
    )


class VideoOutlet:
    """H.264 and H.265: parameter sets from SDP, in band, or both, where those in band win."""

    def __init__(self, index: int, codec: SetCodec, media: Media) -> None:
        self.track: Track | None = None
        self._index = index
        self._codec: SetCodec = codec
        self._clock = media.clock
        self._step = round(media.clock / (media.frame_rate or _USUAL_FPS))
        self._sets = descriptions.announced_sets(codec, media)
        self._watch: ParameterWatch | None = None
        self._order: DecodeOrder | None = None
        self._held: list[tuple[Frame, float]] = []
        self._held_bytes = 0

    def packets(self, frames: Sequence[Frame], arrival: float) -> list[Packet]:
        """See `Outlet.packets`."""
        if self._order is not None:
            return [self._packet(frame, arrival) for frame in frames]
        for frame in frames:
            self._hold(frame, arrival)
            if self.track is None:
                self._find_track(frame)
        if self.track is None or not self._held or not self._find_order():
            return []
        held, self._held = self._held, []
        return [self._packet(frame, came) for frame, came in held]

    @property
    def waits_for_sets(self) -> bool:
        """Pictures come, but nothing that tells how to decode them."""
        return self.track is None and bool(self._held)

    def _hold(self, frame: Frame, arrival: float) -> None:
        self._held.append((frame, arrival))
        self._held_bytes += len(frame.unit.data)
        while self._held_bytes > _HELD_BYTES and len(self._held) > 1:
            self._held_bytes -= len(self._held.pop(0)[0].unit.data)

    def _find_track(self, frame: Frame) -> None:
        if frame.unit.sets:
            self._sets = {**self._sets, **frame.unit.sets}
        if not descriptions.complete(self._codec, self._sets):
            return
        try:
            self.track, self._sequence = descriptions.video_track(self._index, self._codec, self._sets, self._clock)
        except BadSet as error:
            raise NotOurs(f"{self._codec}: {error}") from error
        self._watch = ParameterWatch(self.track)

    def _find_order(self) -> bool:
        """Whether it is known how far pictures stand out of order; else a few more are waited for."""
        depth = self._sequence.reorder
        if len(self._held) < (PROBE if depth is None else depth + 1):
            return False
        shown = [frame.pts for frame, _ in self._held]
        guessed = depth is None
        if depth is None:
            depth = depth_of(shown)
        self._order = DecodeOrder(depth, self._clock, self._step, shown[: depth + 1], guessed=guessed)
        return True

    def _packet(self, frame: Frame, arrival: float) -> Packet:
        unit, pts = frame
        assert self._watch is not None
        assert self._order is not None
        if unit.sets and unit.is_key and parameter_sets.changed(self._sets, unit.sets):
            self._change(unit.sets, unit.data)
        return Packet(self._watch.track, unit.data, pts, self._order.place(pts), 0, unit.is_key, arrival, unit.lost)

    def _change(self, seen: parameter_sets.Sets, key_frame: bytes) -> None:
        assert self._watch is not None
        self._sets = {**self._sets, **seen}
        try:
            extradata = descriptions.extradata_of(self._codec, self._sets)
            depth = descriptions.sequence_of(self._codec, self._sets).reorder
        except BadSet as error:
            raise NotOurs(f"{self._codec}: {error}") from error
        self.track = self._watch.key_frame(key_frame, extradata)
        if depth is not None:
            self._order = DecodeOrder(depth, self._clock, self._step)
