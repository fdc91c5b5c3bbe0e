"""FLV by libav, to an RTMP server or into an HTTP request. Blocks, and holds the GIL while it connects and closes: for
the live process only.
"""

from __future__ import annotations

import errno
import io
import os
import socket
import stat
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av

from recorder.av_errors import AV_ERRORS
from recorder.live.connecting import authorities, bound_waits, connect
from recorder.live.failures import PushEnded
from recorder.live.framing import LivePacket, LiveTrack
from recorder.live.http_sink import HttpSink
from recorder.live.target import Target
from recorder.specs import LiveCause

VIDEO = ("h264", "hevc", "av1")
"""H.265 and AV1 go as enhanced FLV; anything else has no place in FLV."""
_ENHANCED = {"hevc": "H.265", "av1": "AV1"}
JOINT_SEC = 0.04
"""Between the last packet before a break and the first behind it: viewers see a cut and no pause."""
_SAYS_NOTHING = " and closes the connection without a word"
_FLUSH_PACKETS = 0x0200  # AVFMT_FLAG_FLUSH_PACKETS
_OPTIONS = {
    "flvflags": "no_duration_filesize",
    # A track that falls silent holds the other back no longer than this (libavformat: 10 s).
    "max_interleave_delta": "100000",
}


class _Sink(Protocol):
    error: PushEnded | None

    def write(self, data: bytes) -> int: ...

    def close(self) -> None: ...


class FlvOutput:
    """An open push; everything raises `PushEnded`. Its stream begins at 0 and has no break, whatever comes in.

    `but` is a cause, and a sentence, for which viewers may see or hear less than they expect.
    """

    def __init__(
        self, target: Target, tracks: Sequence[LiveTrack], *, token: str, ca_file: str, limit_sec: float
    ) -> None:
        self._target = target
        self.tracks = tuple(tracks)
        usable = [number for number, track in enumerate(tracks) if track.codec in (*VIDEO, "aac")]
        codecs = [track.codec for track in tracks]
        dropped = "; ".join(f"{codec} cannot be sent as FLV" for codec in codecs if codec not in (*VIDEO, "aac"))
        if not usable:
            raise PushEnded("unusable", dropped or "the channel has no track")
        enhanced = "".join(_ENHANCED[codec] for codec in codecs if codec in _ENHANCED and not target.by_http)
        self.but: tuple[LiveCause | None, str] = (None, "")
        if dropped:
            self.but = ("left_out", dropped)
        elif enhanced:
            self.but = ("enhanced", f"{enhanced} goes as enhanced RTMP: no server says whether it knows that")
        self._sink: _Sink | None = None
        if target.by_http:
            self._sink = HttpSink(target, token, ca_file, limit_sec)
        else:
            connect(target, ca_file, limit_sec).close()  # libav does not tell why it could not
        # Its errors come with the exceptions then, and nothing of it, as it may quote the address, goes to the log.
        av.logging.set_level(av.logging.FATAL)
        self.is_taken = False
        """Whether the server has shown that it takes the stream; until then, what it does to it is a refusal."""
        try:
            with ExitStack() as opening:
                self._output = self._open(ca_file, opening)
                # Without it a packet waits for the next ones until a buffer is full.
                self._output.flags |= _FLUSH_PACKETS
                self._streams = {number: _add_stream(self._output, tracks[number]) for number in usable}
                self._output.start_encoding()
            if self._sink is None:
                _bound_waits_of_libav()
        except (*AV_ERRORS, PushEnded) as error:
            raise self._failed(error) from None
        self.is_taken = target.by_http  # it has answered, if only by silence
        self._shift: Fraction | None = None
        self._last = dict.fromkeys(usable, -1)
        self._end = Fraction(0)

    def _open(self, ca_file: str, opening: ExitStack) -> av.container.OutputContainer:
        target = self._target
        if target.by_http or not target.encrypted:
            return av.open(self._sink or target.url, "w", format="flv", options=_OPTIONS)
        # PyAV has no way to give options to a connection that is written to; the tee muxer passes on what is in its
        # address.  libav checks certificate and host name then: by default it takes anybody's.
        believed = os.open(authorities(target, ca_file), os.O_RDONLY | os.O_CLOEXEC)
        opening.callback(os.close, believed)
        # By its descriptor, because a path may have characters that mean something in such an address.
        options = {**_OPTIONS, "f": "flv", "tls_verify": "1", "ca_file": f"/proc/self/fd/{believed}"}
        listed = ":".join(f"{key}={value}" for key, value in options.items())
        url = target.url.replace("'", r"\'").replace("|", r"\|")
        return av.open(f"[{listed}]{url}", "w", format="tee")

    def rejoin(self) -> None:
        """What comes next follows at once on what was sent, whatever its stamps say."""
        self._shift = None

    def write(self, packet: LivePacket) -> bool:
        """Send a packet; False where it has no place in the stream."""
        stream = self._streams.get(packet.track)
        if stream is None:
            return False
        time_base = self.tracks[packet.track].time_base
        if self._shift is None:
            self._shift = self._end - packet.dts * time_base
        shift = round(self._shift / time_base)
        if packet.dts + shift < 0:
            return False  # sound from before the first picture
        out = av.Packet(packet.data)
        self._last[packet.track] = out.dts = max(packet.dts + shift, self._last[packet.track] + 1)
        out.pts = max(packet.pts + shift, out.dts)
        out.duration = packet.duration
        out.time_base = time_base
        out.is_keyframe = packet.is_key
        out.stream = stream
        self._end = max(self._end, out.dts * time_base + Fraction(JOINT_SEC))
        try:
            self._output.mux_one(out)
        except (*AV_ERRORS, PushEnded) as error:
            raise self._failed(error) from None
        if self._sink is not None and self._sink.error is not None:
            raise self._sink.error
        return True

    def close(self) -> None:
        """Say goodbye to the server, as far as it still listens."""
        with suppress(*AV_ERRORS, PushEnded):
            self._output.close()
        if self._sink is not None:
            self._sink.close()

    def _failed(self, error: Exception) -> PushEnded:
        if isinstance(error, PushEnded):
            return error
        if self._sink is not None and self._sink.error is not None:
            return self._sink.error
        words = self._target.redact(_words_of(error))
        said = f" ({words})" if words else ""
        cause: LiveCause
        if isinstance(error, TimeoutError):
            cause, what = ("stalled", "takes nothing any more") if self.is_taken else ("timeout", "does not answer")
        elif not self.is_taken:
            cause, what = "refused", f"does not take the stream{said or _SAYS_NOTHING}"
        elif isinstance(error, av.error.PermissionError):
            cause, what = "refused", f"ends the stream{said}"
        else:
            cause, what = "ended", f"closed the connection{said}"
        return PushEnded(cause, f"{self._target.shown}: the server {what}")


def _words_of(error: Exception) -> str:
    """What the server said, as libav heard it; else what the system says, where that means anything."""
    log = getattr(error, "log", None)
    if log:
        return str(log[2]).strip().removeprefix("Server error: ")
    # I/O error, end of file, broken pipe: a connection that is closed at different moments.
    number = getattr(error, "errno", None)
    known = None if number in (errno.EIO, errno.EPIPE, errno.ECONNRESET) else getattr(error, "strerror", None)
    return "" if isinstance(error, EOFError) else known or ("" if number else str(error).partition(":")[0])


def _bound_waits_of_libav() -> None:
    """libav opens its connections without any limit: they are found among the descriptors of this process."""
    for entry in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):  # closed meanwhile
            if not stat.S_ISSOCK(entry.stat().st_mode):
                continue
            with socket.socket(fileno=os.dup(int(entry.name))) as connection:
                if connection.family in (socket.AF_INET, socket.AF_INET6) and connection.type == socket.SOCK_STREAM:
                    bound_waits(connection)


def _add_stream(output: av.container.OutputContainer, track: LiveTrack) -> Any:
    """A stream with the parameters of a track that came from another process, and so has no libav stream as template.

    Opaque, so that no encoder is opened; an encoder's context is only where the parameters are written down.
    """
    blank = av.open(io.BytesIO(), "w", format="null")
    stream: Any = output.add_stream_from_template(blank.add_stream(track.codec), opaque=True)
    context = stream.codec_context
    context.extradata = track.extradata
    context.time_base = track.time_base
    if track.kind == "video":
        context.width, context.height = track.width, track.height
    else:
        context.sample_rate = track.sample_rate
        context.layout = "stereo" if track.channels == 2 else "mono"
    return stream
