"""Sound that an MP4 cannot carry to every player becomes AAC: G.711, G.726, Opus, MP2, PCM.

Samples are counted without a break, so that frames join exactly; where they begin is told by the camera's stamps.
"""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.fifo import AudioFifo
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from recorder.av_errors import AV_ERRORS
from recorder.packets import Packet, Track

RESYNC_SEC = 0.1
"""The camera's stamps rule again when the count of samples has left them by this much (packets were lost)."""

SPOILT_PACKETS = 50
"""So many packets in a row that cannot be decoded, and there is no sound to be had; fewer are lost packets."""

_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


class AudioError(Exception):
    """The sound cannot be transcoded; the message is for people."""


def needs_transcoding(track: Track) -> bool:
    """AAC is copied, everything else transcoded."""
    return track.kind == "audio" and track.codec != "aac"


class AacTranscoder:
    """One audio track on its way to AAC; everything raises `AudioError`, after which it is not to be used.

    `track` takes the place of the one given.
    """

    def __init__(self, track: Track) -> None:
        rate = track.sample_rate if track.sample_rate in _AAC_RATES else 48000
        layout = "mono" if track.channels <= 1 else "stereo"
        try:
            self._decoder = _decoder(track)
            # A stream that writes nothing: it is the template from which slices take the parameters.
            self._sink = av.open(io.BytesIO(), "w", format="null")
            stream: Any = self._sink.add_stream("aac", rate=rate, layout=layout)
            self._encoder: AudioCodecContext = stream.codec_context
            self._encoder.bit_rate = (32000 if rate <= 16000 else 64000) * (1 if layout == "mono" else 2)
            self._sink.start_encoding()
        except AV_ERRORS as error:
            raise AudioError(f"{track.codec} cannot become AAC: {error}") from error
        self.track = replace(
            track,
            codec="aac",
            time_base=Fraction(1, rate),
            extradata=self._encoder.extradata or b"",
            sample_rate=rate,
            channels=1 if layout == "mono" else 2,
            template=stream,
        )
        self._resampler: AudioResampler | None = None
        self._resampled = AudioFifo()  # what is no whole frame for the encoder yet
        self._shape: tuple[str, str, int] | None = None  # of the frames that the resampler takes
        self._spoilt = 0
        self._source = track
        self._source_rate = track.sample_rate or rate
        self._heard = 0  # samples decoded, in the camera's rate
        self._fed = 0  # samples given to the encoder, in its rate
        self._lost = 0  # packets in front of the next one that is made
        self._offset: int | None = None  # the camera's clock minus the count of samples, in samples

    def feed(self, packet: Packet) -> list[Packet]:
        """The AAC packets that are ready now; none while samples for a whole one are missing.

        A packet that cannot be decoded is one that was lost.
        """
        self._lost += packet.lost
        try:
            frames = self._decoded(packet)
            if not frames:
                return []
            self._follow(packet, sum(frame.samples for frame in frames))
            return [made for frame in frames for made in self._encoded(frame, packet.arrival)]
        except AV_ERRORS as error:
            raise AudioError(f"{self._source.codec} cannot become AAC: {error}") from error

    def _decoded(self, packet: Packet) -> list[av.AudioFrame]:
        raw = av.Packet(packet.data)
        raw.pts = raw.dts = None
        try:
            frames = self._decoder.decode(raw)
        except AV_ERRORS:
            self._spoilt += 1
            if self._spoilt >= SPOILT_PACKETS:
                raise
            self._lost += 1
            self._offset = None  # the count of samples says nothing any more
            return []
        self._spoilt = 0
        return frames

    def _encoded(self, frame: av.AudioFrame, arrival: float) -> list[Packet]:
        out: list[Packet] = []
        frame.pts = None
        self._resample(frame)
        for piece in self._resampled.read_many(self._encoder.frame_size):
            piece.pts, piece.time_base = self._fed, self.track.time_base
            self._fed += piece.samples
            out += [self._packet(made, arrival) for made in self._encoder.encode(piece)]
        return out

    def _resample(self, frame: av.AudioFrame) -> None:
        """To the encoder's shape; a camera may change its own in mid-stream, from mono to stereo, say."""
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        pieces: list[av.AudioFrame] = []
        if self._resampler is None or shape != self._shape:
            if self._resampler is not None:
                pieces += self._resampler.resample(None)
            self._shape = shape
            self._resampler = AudioResampler("fltp", self._encoder.layout.name, self._encoder.rate)
        for piece in (*pieces, *self._resampler.resample(frame)):
            piece.pts = None
            self._resampled.write(piece)

    def _follow(self, packet: Packet, samples: int) -> None:
        """Compare the camera's clock with the count of samples."""
        rate = self.track.sample_rate
        position = self._heard * rate // self._source_rate
        self._heard += samples
        if packet.pts is None or not samples:
            return
        offset = round(packet.pts * self._source.time_base * rate) - position
        if self._offset is None or packet.lost or abs(offset - self._offset) > RESYNC_SEC * rate:
            self._offset = offset

    def _packet(self, made: av.Packet[AudioStream], arrival: float) -> Packet:
        pts = (made.pts or 0) + (self._offset or 0)
        lost, self._lost = self._lost, 0
        return Packet(self.track, bytes(made), pts, pts, self._encoder.frame_size, True, arrival, lost)


def _decoder(track: Track) -> AudioCodecContext:
    decoder = av.CodecContext.create(track.codec, "r")
    if not isinstance(decoder, AudioCodecContext):
        raise AudioError(f"{track.codec} is not an audio codec")
    if track.extradata:
        decoder.extradata = track.extradata
    if track.sample_rate:
        decoder.sample_rate = track.sample_rate
    if "g726" in track.codec:
        # How many bits stand for a sample is said by the rate alone; the usual one is four (32 kbit/s).
        bit_rate = track.template.codec_context.bit_rate if track.template is not None else 0
        bits = round((bit_rate or 0) / (track.sample_rate or 8000)) or 4
        decoder.options = {"bits_per_coded_sample": str(bits)}
    decoder.layout = "stereo" if track.channels == 2 else "mono"
    return decoder
