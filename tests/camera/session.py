"""One client of the camera: its requests, and the thread that sends it what is due."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.packets import TrackKind
from tests.camera import sdp
from tests.camera.boot import Boot, Due, Sent
from tests.camera.packetise import payloads
from tests.camera.requests import Request, RequestParser
from tests.camera.rtp import RtpPacket, sender_report
from tests.camera.transport import Interleaved, Transport, Udp

if TYPE_CHECKING:
    from tests.camera.camera import Camera

_POLL_SEC = 0.1


@dataclass
class _Line:
    """One track on its way to one client."""

    transport: Transport
    kind: TrackKind
    packets: int = 0
    octets: int = 0
    reported: float = float("-inf")
    opened: bool = False


class Session:
    """`serve` runs until the client goes, the camera loses its power (`cut`), or both part in peace."""

    def __init__(self, camera: Camera, boot: Boot, sock: socket.socket, number: int) -> None:
        self.number = number
        self.boot = boot
        self.playing = False
        self.gone_at: float | None = None
        self._camera = camera
        self._sock = sock
        self._closed = threading.Event()
        self._writing = threading.Lock()
        self._lines: dict[int, _Line] = {}
        self._entries: dict[tuple[int, int], Sent] = {}
        self._player: threading.Thread | None = None
        self._counts: dict[int, int] = {}
        self._id = f"{number:08X}"
        self.torn_down = False

    @property
    def was_set_up(self) -> bool:
        """Whether it has got as far as SETUP."""
        return bool(self._lines)

    # -- what faults use ---------------------------------------------------------------------------------------------

    def raw(self, data: bytes) -> bool:
        """Bytes into the RTSP connection; whether it still stands."""
        return self._written(data) and not self._closed.is_set()

    def wait(self, seconds: float) -> bool:
        """Let time pass; whether the session still stands afterwards."""
        return not self._closed.wait(seconds)

    def cut(self, *, reset: bool) -> None:
        """End it from our side: with RST as by a power failure, or with FIN."""
        self._closed.set()
        with contextlib.suppress(OSError):
            if reset:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                self._sock.close()
            else:
                self._sock.shutdown(socket.SHUT_RDWR)

    # -- requests ----------------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Answer until the end."""
        parser = RequestParser()
        self._sock.settimeout(_POLL_SEC)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while not self._closed.is_set():
                try:
                    data = self._sock.recv(65536)
                except TimeoutError:
                    continue
                if not data:
                    break
                for request in parser.feed(data):
                    self._camera.requests.append(request)
                    self._answer(request)
        except OSError:
            pass  # reset by the client, or cut by us
        finally:
            self._closed.set()
            if self._player is not None:
                self._player.join()
            for line in self._lines.values():
                line.transport.close()
            self._sock.close()
            self.playing = False
            self.gone_at = time.monotonic()

    def _answer(self, request: Request) -> None:
        for fault in self._camera.faults:
            reply = fault.reply(self, request)
            if reply is not None:
                self.raw(reply)
                return
        if not self._camera.guard.admits(request.method, request.headers.get("authorization", "")):
            asked = "".join(f"WWW-Authenticate: {one}\r\n" for one in self._camera.guard.challenges())
            self._say(request, "401 Unauthorized", asked)
            return
        handler = {
            "OPTIONS": self._options,
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._play,
            "GET_PARAMETER": self._alive,
            "SET_PARAMETER": self._alive,
            "TEARDOWN": self._teardown,
        }.get(request.method)
        if handler is None:
            self._say(request, "501 Not Implemented")
        else:
            handler(request)

    def _options(self, request: Request) -> None:
        self._say(request, "200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN\r\n")

    def _describe(self, request: Request) -> None:
        if not request.url.partition("?")[0].rstrip("/").endswith(self._camera.path):
            self._say(request, "404 Not Found")
            return
        text = sdp.describe(self.boot.film, self.boot.habits.sets_in, self.boot.habits.audio_first)
        for fault in self._camera.faults:
            text = fault.sdp(text)
        base = request.url.partition("?")[0].rstrip("/") + "/"
        headers = f"Content-Type: application/sdp\r\nContent-Base: {base}\r\n"
        self._say(request, "200 OK", headers, text.encode("utf-8", "surrogateescape"))

    def _setup(self, request: Request) -> None:
        index = request.url.rpartition("track")[2]
        if not index.isdigit() or int(index) >= len(self.boot.film.tracks):
            self._say(request, "404 Not Found")
            return
        if not self._lines and not self._camera.has_room(self):
            self._say(request, "453 Not Enough Bandwidth")
            return
        wanted = request.headers.get("transport", "")
        transport: Transport
        if "TCP" in wanted:
            transport = Interleaved(wanted, int(index), self)
        else:
            transport = Udp(wanted, self._sock.getpeername()[0])
        self._lines[int(index)] = _Line(transport, self.boot.film.tracks[int(index)].kind)
        timeout = f"Session: {self._id};timeout={max(1, round(self.boot.habits.session_sec))}\r\n"
        self._say(request, "200 OK", f"Transport: {transport.answer}\r\n{timeout}")

    def _play(self, request: Request) -> None:
        if not self._lines:
            self._say(request, "455 Method Not Valid in This State")
            return
        position = self.boot.position
        headers = f"Session: {self._id}\r\nRange: npt=now-\r\n"
        if self.boot.habits.rtp_info:
            headers += f"RTP-Info: {self._rtp_info(request, position)}\r\n"
        self._say(request, "200 OK", headers)
        if self._player is None:
            self.playing = True
            self._player = threading.Thread(target=self._send_all, args=(position,), name="camera player")
            self._player.start()

    def _rtp_info(self, request: Request, position: float) -> str:
        infos = []
        for index in sorted(self._lines):
            track = self.boot.film.tracks[index]
            stamp = self.boot.stamps[index] + round(position * track.clock) & 0xFFFFFFFF
            url = f"{request.url.rstrip('/')}/track{index}"
            infos.append(f"url={url};seq={self.boot.sequences[index] & 0xFFFF};rtptime={stamp}")
        return ",".join(infos)

    def _alive(self, request: Request) -> None:
        self._say(request, "200 OK", f"Session: {self._id}\r\n")

    def _teardown(self, request: Request) -> None:
        self._say(request, "200 OK", f"Session: {self._id}\r\n")
        self.torn_down = True
        self._closed.set()

    def _say(self, request: Request, status: str, headers: str = "", body: bytes = b"") -> None:
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self.raw(f"RTSP/1.0 {status}\r\nCSeq: {request.cseq}\r\n{headers}{length}\r\n".encode() + body)

    # -- sending -----------------------------------------------------------------------------------------------------

    def _written(self, data: bytes) -> bool:
        with self._writing:
            try:
                self._sock.sendall(data)
            except OSError:
                self._closed.set()
                return False
        return True

    def frame(self, channel: int, packet: bytes) -> bool:
        """An interleaved frame; whether it left."""
        data = b"$" + bytes([channel]) + len(packet).to_bytes(2, "big") + packet
        for fault in self._camera.faults:
            data = fault.wire(self, data)
        return self._written(data)

    def _send_all(self, position: float) -> None:
        for due in self.boot.since(position):
            line = self._lines.get(due.track)
            if line is None:
                continue
            late = self.boot.began + due.at - time.monotonic()
            if late > 0 and not self.wait(late):
                return
            if self._closed.is_set():
                return
            if not line.opened:
                if line.kind == "video" and self.boot.habits.joins == "key" and not due.unit.is_key:
                    continue
                line.opened = True
            self._send(due, line)

    def _send(self, due: Due, line: _Line) -> None:
        boot, index = self.boot, due.track
        track = boot.film.tracks[index]
        stamp = boot.stamps[index] + due.pts
        for fault in self._camera.faults:
            stamp = fault.stamp(track.kind, track.clock, stamp)
        self._report(index, line, stamp, boot.wall + due.pts / track.clock)
        packets = self._packets(due, stamp)
        entry = Sent(
            self.number, boot.number, track.kind, due.unit, time.time(), stamp, {one.sequence for one in packets}
        )
        self._camera.sent.append(entry)
        self._entries.update({(index, one.sequence): entry for one in packets})
        for fault in self._camera.faults:
            packets = fault.packets(self, packets)
        for packet in packets:
            data = packet.encoded()
            if any(fault.takes_over(self, data) for fault in self._camera.faults):
                continue
            # Counted before anything else: the client may have read it, and gone, before this thread runs again.
            if line.transport.send(data, control=False) and (index, packet.sequence) in self._entries:
                self._entries.pop((index, packet.sequence)).waiting.discard(packet.sequence)
            if self._closed.is_set():
                return
            line.packets += 1
            line.octets += len(packet.payload)

    def _packets(self, due: Due, stamp: int) -> list[RtpPacket]:
        boot, index = self.boot, due.track
        track = boot.film.tracks[index]
        pieces = payloads(track, due.unit, boot.habits.sets_in, boot.habits.mtu)
        packets = []
        for number, piece in enumerate(pieces):
            marker = number == len(pieces) - 1 and (track.kind == "video" or track.codec == "aac")
            # One count for all clients would be a camera of its own kind; each gets its own.
            packets.append(
                RtpPacket(sdp.payload_type(track), marker, self._sequence(index), stamp, boot.ssrcs[index], piece)
            )
        return packets

    def _sequence(self, index: int) -> int:
        count = self._counts[index] = self._counts.get(index, -1) + 1
        return self.boot.sequences[index] + count

    def _report(self, index: int, line: _Line, stamp: int, wall: float) -> None:
        every = self.boot.habits.sender_report_sec
        now = time.monotonic()
        if not every or now - line.reported < every:
            return
        line.reported = now
        report = sender_report(self.boot.ssrcs[index], wall, stamp, line.packets, line.octets)
        if not any(fault.takes_over(self, report) for fault in self._camera.faults):
            line.transport.send(report, control=True)
