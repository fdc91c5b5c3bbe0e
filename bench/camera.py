"""The benchmark's camera: RTSP over TCP to any number of clients, each from the film's first frame on, in real time.

    python -m bench.camera FILM SECONDS

Everything is cut into RTP packets before the first client comes, so that the camera takes little of the cores that are
measured.  Each access unit is sent at its own time, in one piece.  Prints `ready <port>`; ends with its standard input.
"""

from __future__ import annotations

import asyncio
import base64
import struct
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from bench.film import FILM_SEC
from recorder import parameter_sets

_MTU = 1400
_VIDEO_CLOCK, _AUDIO_CLOCK = 90_000, 48_000
_REPORT_SEC = 5.0
_NTP_EPOCH = 2_208_988_800
_SSRC = (0x11111111, 0x22222222)
_CLOCKS = (_VIDEO_CLOCK, _AUDIO_CLOCK)


@dataclass(frozen=True, slots=True)
class Unit:
    """An access unit: when it is sent, seconds from the beginning, and its RTP packets, framed for TCP (RFC 2326,
    10.12).
    """

    at: float
    framed: bytes


class Show:
    """The film as a camera sends it."""

    def __init__(self, path: Path, seconds: float) -> None:
        with av.open(str(path)) as container:
            video, audio = container.streams.video[0], container.streams.audio[0]
            extradata = video.codec_context.extradata or b""
            self._lengths = parameter_sets.length_bytes("h264", extradata)
            self._sets = parameter_sets.sets_in_extradata("h264", extradata)
            self._config = (audio.codec_context.extradata or b"").hex().upper()
            self._channels = audio.codec_context.channels
            packets = [packet for packet in container.demux(video, audio) if packet.size]
            film = sorted(
                (float((packet.dts or 0) * (packet.time_base or Fraction(1))), packet.stream_index, bytes(packet))
                for packet in packets
            )
            self._video_index = video.index
        self._sequence = [0, 0]
        self.units: list[Unit] = []
        for turn in range(int(seconds // FILM_SEC) + 1):
            for at, index, data in film:
                self.units.append(self._unit(at + turn * FILM_SEC, index == self._video_index, data))

    @property
    def sdp(self) -> bytes:
        """RFC 6184 and RFC 3640."""
        sets = [unit for kind in (7, 8) for unit in self._sets.get(kind, ())]
        sprop = ",".join(base64.b64encode(one).decode() for one in sets)
        aac = f"streamtype=5;profile-level-id=1;mode=AAC-hbr;config={self._config};sizelength=13;indexlength=3"
        lines = [
            "v=0",
            "o=- 1 1 IN IP4 127.0.0.1",
            "s=bench",
            "c=IN IP4 0.0.0.0",
            "t=0 0",
            "a=control:*",
            "m=video 0 RTP/AVP 96",
            f"a=rtpmap:96 H264/{_VIDEO_CLOCK}",
            f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sprop}",
            "a=framerate:25",
            "a=control:track0",
            "m=audio 0 RTP/AVP 97",
            f"a=rtpmap:97 mpeg4-generic/{_AUDIO_CLOCK}/{self._channels}",
            f"a=fmtp:97 {aac};indexdeltalength=3",
            "a=control:track1",
        ]
        return "\r\n".join([*lines, ""]).encode()

    def _unit(self, at: float, is_video: bool, data: bytes) -> Unit:
        if is_video:
            payloads = _h264_payloads(list(parameter_sets.nal_units(data, self._lengths)))
        else:
            payloads = [struct.pack(">HH", 16, len(data) << 3) + data]
        track = 0 if is_video else 1
        stamp = round(at * _CLOCKS[track]) & 0xFFFFFFFF
        framed = bytearray()
        for position, payload in enumerate(payloads):
            marker = 0x80 if position == len(payloads) - 1 else 0
            sequence = self._sequence[track] = (self._sequence[track] + 1) & 0xFFFF
            framed += struct.pack(">BBH", 0x24, 2 * track, 12 + len(payload))
            framed += struct.pack(">BBHII", 0x80, marker | (96 + track), sequence, stamp, _SSRC[track])
            framed += payload
        return Unit(at, bytes(framed))


def _h264_payloads(units: list[bytes]) -> list[bytes]:
    """Single NAL unit packets and FU-A (RFC 6184, 5.6 and 5.8)."""
    payloads = []
    for unit in units:
        if len(unit) <= _MTU:
            payloads.append(unit)
            continue
        indicator, kind = (unit[0] & 0xE0) | 28, unit[0] & 0x1F
        for start in range(1, len(unit), _MTU - 2):
            piece = unit[start : start + _MTU - 2]
            flags = (0x80 if start == 1 else 0) | (0x40 if start + len(piece) == len(unit) else 0)
            payloads.append(bytes((indicator, flags | kind)) + piece)
    return payloads


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, show: Show, sdp: bytes) -> None:
        self._show = show
        self._sdp = sdp
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._next = 0
        self._began = 0.0
        self._report_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while self._received:
            if self._received[:1] == b"$":  # the client's own RTCP
                length = 4 + int.from_bytes(self._received[2:4], "big")
                if len(self._received) < length:
                    return
                self._received = self._received[length:]
                continue
            request, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            self._received = rest
            self._answer(request.decode())

    def _answer(self, request: str) -> None:
        assert self._transport is not None
        first, *lines = request.split("\r\n")
        method, url, _ = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        fields, body = {"CSeq": headers.get("cseq", "0"), "Session": "1;timeout=60"}, b""
        if method == "OPTIONS":
            fields["Public"] = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
        elif method == "DESCRIBE":
            body = self._sdp
            fields |= {"Content-Type": "application/sdp", "Content-Base": url.rstrip("/") + "/"}
        elif method == "SETUP":
            channel = 2 * int(url[-1])
            fields["Transport"] = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
        elif method == "PLAY":
            base = url.rstrip("/")
            fields["RTP-Info"] = f"url={base}/track0;seq=1;rtptime=0,url={base}/track1;seq=1;rtptime=0"
        if body:
            fields["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._transport.write(f"RTSP/1.0 200 OK\r\n{head}\r\n".encode() + body)
        if method == "PLAY" and self._timer is None:
            self._began = self._loop.time()
            self._send()
        elif method == "TEARDOWN":
            self._transport.close()

    def _send(self) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            return
        passed = self._loop.time() - self._began
        units = self._show.units
        if passed >= self._report_at:
            self._transport.write(b"".join(_sender_report(track, passed) for track in (0, 1)))
            self._report_at += _REPORT_SEC
        due = []
        while self._next < len(units) and units[self._next].at <= passed:
            due.append(units[self._next].framed)
            self._next += 1
        self._transport.write(b"".join(due))
        if self._next == len(units):
            self._transport.close()
        else:
            self._timer = self._loop.call_at(self._began + units[self._next].at, self._send)


def _sender_report(track: int, passed: float) -> bytes:
    """RFC 3550, 6.4.1."""
    now = time.time() + _NTP_EPOCH
    stamp = round(passed * _CLOCKS[track]) & 0xFFFFFFFF
    ntp = (int(now), int(now % 1 * (1 << 32)))
    report = struct.pack(">BBHIIIIII", 0x80, 200, 6, _SSRC[track], *ntp, stamp, 0, 0)
    return struct.pack(">BBH", 0x24, 2 * track + 1, len(report)) + report


async def _serve(path: Path, seconds: float) -> None:
    show = Show(path, seconds)
    sdp = show.sdp
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Client(show, sdp), "127.0.0.1", 0, backlog=256)
    print(f"ready {server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), float(sys.argv[2])))
