"""Network streams through libavformat: RTSP(S), RTMP(S), HTTP-FLV, HLS and what else FFmpeg demuxes from a socket."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterator
from itertools import chain

import av
from av.container import InputContainer
from av.packet import Packet as AvPacket
from av.stream import Stream
from av.video.stream import VideoStream

from recorder.clocks import monotonic
from recorder.errors import SourceError
from recorder.packets import Packet, Track
from recorder.source import adts, failures
from recorder.source.cutting import Connections, Watchdog
from recorder.source.first_stamps import FirstStamps
from recorder.source.heaps import Heaps
from recorder.source.tracks import ParameterWatch, awaited_picture, choose, late_track, name_of, track_of
from recorder.source.urls import Address, address_of
from recorder.specs import Limits, SourceSpec

KEY_FRAME_SEC = 20.0
"""So long a picture that is announced is waited for while packets come: smart codecs send few key frames."""
_PROBE_SEC = 5.0
# FLV announces no tracks: libav would wait a minute and a half of the stream for a sound that may never come.
_LIVE_PROBE_MICROSECONDS = "2000000"
# HLS delivers whole segments, and nothing until the next one is there; so long at least one is waited for.
_HLS_STALL_SEC = 30.0
_UDP_BUFFER_BYTES = 4 << 20
_HTTP_FORMATS = "flv,live_flv,hls,mpegts,mpjpeg,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,h264,hevc,aac,mp3"


class LibavSource:
    """`Source` over PyAV. Its packets keep the camera's stamps; start codes or lengths stay as they come.

    `open` takes at most `connect_sec`, and a read that waits longer than `stall_sec` is a stall, whatever trickles in.
    """

    def __init__(self, spec: SourceSpec, limits: Limits) -> None:
        """`spec` must be of kind "stream"; raises `RefusedUrl` for an address that is never opened."""
        self._address = address_of(spec)
        self._transport = spec.transport
        self._limits = limits
        self._heaps: Heaps | None = None
        self._connections = Connections()
        self._watchdog: Watchdog | None = None
        self._container: InputContainer | None = None
        self._packets: Iterator[AvPacket[Stream]] = iter(())
        self._watches: dict[int, ParameterWatch] = {}
        self._leader = 0  # the track by which heaps are measured
        self._wrapped: set[int] = set()  # tracks whose frames bear ADTS headers
        self._first_stamps = FirstStamps(())
        self._ready: deque[Packet] = deque()
        self._dropped: tuple[str, ...] = ()
        self._interrupted = False

    @property
    def stall_sec(self) -> float:
        """As asked for; a source of segments may be silent for longer, between two of them."""
        if self._heaps is None:
            return self._limits.stall_sec
        return max(self._limits.stall_sec, _HLS_STALL_SEC, self._heaps.silence_sec)

    @property
    def dropped(self) -> tuple[str, ...]:
        """Tracks that were left out, each with the reason."""
        return self._dropped

    def open(self) -> tuple[Track, ...]:
        """Connect and probe; see `Source.open`."""
        self._watchdog = Watchdog(self._connections, monotonic)
        self._watchdog.start()
        with self._connections.opening(self._check_interrupt):
            self._check_interrupt()
            self._reach()
            container = self._container = self._demuxer(self._watchdog)
            if _may_lack_its_picture(container):
                container.close()
                container = self._container = self._demuxer(self._watchdog, patient=True)
        if container.format.name == "hls":
            self._heaps = Heaps()
        streams, self._dropped = choose(list(container.streams))
        self._leader = streams[0].index if streams else 0
        tracks_found = [track_of(stream) for stream in streams]
        awaited = awaited_picture(list(container.streams))
        if awaited is not None and all(track.kind == "audio" for track in tracks_found):
            self._packets = container.demux(awaited, *streams)
            if late := self._await_picture(awaited):
                tracks_found.insert(0, late)
                self._dropped = tuple(reason for reason in self._dropped if not reason.startswith(name_of(awaited)))
        else:
            self._packets = container.demux(*streams) if streams else iter(())
        if not tracks_found:
            reasons = "; ".join(self._dropped) or "it announces no track"
            raise SourceError("unusable", f"{self._address.shown}: nothing that can be recorded ({reasons})")
        self._watches = {track.index: ParameterWatch(self._bare(track)) for track in tracks_found}
        tracks = tuple(watch.track for watch in self._watches.values())
        self._first_stamps = FirstStamps(tracks)
        return tracks

    def read(self) -> Packet:
        """The next packet; see `Source.read`."""
        while not self._ready:
            try:
                self._ready.extend(self._first_stamps.add(self._next()))
            except SourceError:
                self._ready.extend(self._first_stamps.flush())
                if not self._ready:
                    raise
        return self._ready.popleft()

    def _next(self) -> Packet:
        packet = self._next_raw()
        while packet.stream_index not in self._watches:  # a picture that was waited for in vain
            packet = self._next_raw()
        return self._ours(packet)

    def _next_raw(self) -> AvPacket[Stream]:
        watchdog = self._watchdog
        assert watchdog is not None, "open() comes first"
        watchdog.waiting(self.stall_sec)
        try:
            packet = next(self._packets, None)
            while packet is not None and not packet.size:  # libav ends a stream with an empty packet for each track
                packet = next(self._packets, None)
        except (av.FFmpegError, OSError) as error:
            # Its message may hold the password.
            raise self._lost(error, watchdog.tripped) from None
        finally:
            watchdog.done()
        if packet is None:
            raise self._lost(None, watchdog.tripped)
        self._check_interrupt()
        if self._heaps is not None and packet.dts is not None and packet.stream_index == self._leader:
            self._heaps.took(monotonic(), packet.dts * float(packet.time_base))
        return packet

    def interrupt(self) -> None:
        """Make a blocked `open` or `read` give up: at once when it waits for data, else within the stall limit."""
        self._interrupted = True
        self._connections.cut()

    def close(self) -> None:
        """Let go of the connection; tracks and packets stay valid."""
        self._packets = iter(())
        container, self._container = self._container, None
        watchdog, self._watchdog = self._watchdog, None
        try:
            if container is not None:
                container.close()
        finally:
            if watchdog is not None:
                watchdog.stop()

    def _await_picture(self, stream: VideoStream) -> Track | None:
        """The track of an announced picture once its first key frame is there; nothing that came meanwhile is lost."""
        early: list[AvPacket[Stream]] = []
        give_up = monotonic() + KEY_FRAME_SEC
        track = None
        while track is None and monotonic() < give_up:
            packet = self._next_raw()
            early.append(packet)
            if packet.stream_index == stream.index and packet.is_keyframe:
                track = late_track(stream, bytes(packet))
        usable = (packet for packet in early if track is not None or packet.stream_index != stream.index)
        self._packets = chain(usable, self._packets)
        return track

    def _bare(self, track: Track) -> Track:
        """The track as it is recorded: without the headers that MPEG-TS puts before each frame of AAC."""
        if not adts.may_be_wrapped(track):
            return track
        early: list[AvPacket[Stream]] = []
        while not early or early[-1].stream_index != track.index:
            early.append(self._next_raw())
        self._packets = chain(early, self._packets)
        found = adts.bare_track(track, bytes(early[-1]))
        if found is not None:
            self._wrapped.add(track.index)
        return found or track

    def _ours(self, packet: AvPacket[Stream]) -> Packet:
        watch = self._watches[packet.stream_index]
        data = bytes(packet)
        if packet.stream_index in self._wrapped:
            data = adts.bare(data)
        track = watch.track
        if packet.is_keyframe and track.kind == "video":
            announced = packet.has_sidedata("new_extradata")
            track = watch.key_frame(data, bytes(packet.get_sidedata("new_extradata")) if announced else b"")
        return Packet(
            track=track,
            data=data,
            pts=packet.pts,
            dts=packet.dts,
            duration=packet.duration or 0,
            is_key=packet.is_keyframe,
            arrival=monotonic(),
        )

    def _reach(self) -> None:
        """Resolve the name and see that the port is open: libav does both, but does not tell which one failed."""
        patience = min(self._limits.connect_sec, self._limits.stall_sec)
        try:
            socket.create_connection((self._address.host, self._address.port), timeout=patience).close()
        except (OSError, UnicodeError) as error:
            reason = error if isinstance(error, OSError) else OSError(0, "not a host name")
            raise failures.while_connecting(self._address, reason) from error
        self._check_interrupt()

    def _demuxer(self, watchdog: Watchdog, patient: bool = False) -> InputContainer:
        watchdog.waiting(self._limits.connect_sec + (KEY_FRAME_SEC if patient else 0.0))
        options = _options(self._address, self._transport, self._limits)
        if patient:
            options["analyzeduration"] = str(round(KEY_FRAME_SEC * 1e6))
        try:
            container = av.open(
                self._address.url,
                "r",
                container_options=options,
                metadata_errors="replace",
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            self._check_interrupt()
            raise failures.while_opening(self._address, error, watchdog.tripped) from None
        finally:
            watchdog.done()
        if watchdog.tripped or self._interrupted:  # what has been found is found on a connection that is cut
            container.close()
            self._check_interrupt()
            raise failures.while_opening(self._address, TimeoutError("the connect limit was reached"), out_of_time=True)
        return container

    def _lost(self, error: Exception | None, stalled: bool) -> SourceError:
        self._check_interrupt()
        return failures.while_reading(self._address, error, self.stall_sec, stalled)

    def _check_interrupt(self) -> None:
        if self._interrupted:
            raise SourceError("stopped", f"{self._address.shown}: stopped")


def _may_lack_its_picture(container: InputContainer) -> bool:
    """Whether this is FLV of which only sound has come: a server may begin the picture with the next key frame, and
    PyAV shows no track that appears after opening.
    """
    kinds = {stream.type for stream in container.streams}
    return container.format.name in ("flv", "live_flv") and "video" not in kinds


def _options(address: Address, transport: str, limits: Limits) -> dict[str, str]:
    # A second line behind the watchdog, for waits that hang on no TCP connection of ours.
    microseconds = str(round(max(limits.connect_sec, limits.stall_sec) * 1e6))
    options = {"protocol_whitelist": address.protocol_whitelist}
    if address.scheme.startswith("rtsp"):
        options |= {"rtsp_transport": transport, "timeout": microseconds, "allowed_media_types": "video+audio"}
        options["analyzeduration"] = str(round(min(_PROBE_SEC, limits.connect_sec / 2) * 1e6))
        if transport == "udp":
            options["buffer_size"] = str(_UDP_BUFFER_BYTES)
    elif address.scheme.startswith("rtmp"):
        options |= {
            "rtmp_live": "live",
            "rw_timeout": microseconds,
            "analyzeduration": _LIVE_PROBE_MICROSECONDS,
        }
    else:
        options |= {
            "rw_timeout": microseconds,
            "format_whitelist": _HTTP_FORMATS,
            "analyzeduration": _LIVE_PROBE_MICROSECONDS,
        }
    return options
