"""One connection to a camera and the session on it: the protocol's sockets, its clock, the words that are due.

While nobody waits for single packets, what a quarter of a second brought is taken in one receive, or what fills the
system's buffer up to its low-water mark: each wake-up costs more than the packets do (0.3 ms on a busy machine).
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import TypeVar

from recorder.clocks import monotonic
from recorder.errors import SourceError
from recorder.packets import Packet
from recorder.source.rtsp import rtcp
from recorder.source.rtsp.dialogue import Dialogue
from recorder.source.rtsp.framing import Framer
from recorder.source.rtsp.lane import Lane
from recorder.source.rtsp.lip_sync import LipSync
from recorder.source.rtsp.messages import Malformed, Message, Request, answer
from recorder.source.rtsp.outlets import Chosen
from recorder.source.rtsp.problems import Redirected, Refused
from recorder.source.rtsp.sdp import Description
from recorder.source.rtsp.sockets import Connection, PortPair, Wake, wait

BATCH_SEC = 0.25
"""Packets wait so long at most in the system's buffer."""
BATCH_BYTES = 96 << 10
"""And no longer when there are so many of them: a camera whose peer takes nothing throws pictures away."""
WATCHED_BATCH_SEC = 0.03
"""The first while somebody watches live."""
DATAGRAM_BATCH_SEC = 0.01
"""The same for UDP, whose buffer is small and whose packets are lost where it is full."""
FAREWELL_SEC = 0.5
"""So long the camera's answer to TEARDOWN is waited for."""
REPORT_SEC = 5.0
_COURTESY_SEC = 1.0
_BUFFER_BYTES = 256 << 10  # more than a frame, or a message with its head, may have
_SKIPPED_BYTES = 4 << 20
_SKIPPED_SHARE = 0.1
"""A connection is not read any further when so much of it was no frame, in bytes and as a part of all that came: a
camera that loses bytes now and then may do so all day.
"""

_T = TypeVar("_T")


class Session:
    """Everything raises `OSError`, `TimeoutError` at a limit, `EOFError` at the end, `Stopped` when woken, `Malformed`,
    and what `Dialogue` and `Lane` raise.  `watched` says whether somebody waits for single packets.
    """

    def __init__(self, wake: Wake, *, udp: bool, answer_sec: float, watched: Callable[[], bool]) -> None:
        self._watched = watched
        self.chosen: list[Chosen] = []
        self.framer = Framer()
        self._udp = udp
        self._answer_sec = answer_sec
        self._wake: Wake | None = wake
        self._connection = Connection(wake)
        self._ports: list[PortPair] = []
        self._dialogue: Dialogue | None = None
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._received_bytes = 0
        self._cseq = 0
        self._lanes: list[Lane] = []
        self._lips: LipSync | None = None
        self._next_batch_at = 0.0
        self._keep_alive_at = self._report_at = 0.0  # 0 before PLAY
        self._own_ssrc = int.from_bytes(os.urandom(4), "big")
        self._keeping: tuple[int, Generator[Request, Message, None]] | None = None  # a keep-alive without its answer

    # -- until it plays ----------------------------------------------------------------------------------------------

    def connect(self, host: str, port: int, tls: bool, until: float) -> None:
        """Reach the camera."""
        self._connection.open(host, port, tls, until)

    def describe(self, dialogue: Dialogue, until: float) -> Description:
        """Ask what it sends."""
        self._dialogue = dialogue
        return self._run(dialogue.describe(), until)

    def play(self, chosen: list[Chosen], until: float) -> tuple[str, ...]:
        """Have these tracks sent; those that the camera refuses, with its reason."""
        assert self._dialogue is not None
        self.chosen = list(chosen)
        refused = self._run(self._dialogue.set_up([one.media for one in chosen], self._transport), until)
        for number in sorted(refused, reverse=True):
            del self.chosen[number]
            if self._ports:
                self._ports.pop(number).close()
        self._make_lanes(monotonic())  # what comes before PLAY is answered belongs to the stream already
        self._run(self._dialogue.play(), until)
        for lane in self._lanes:
            lane.begin()
        now = monotonic()
        self._keep_alive_at = now + self._keep_alive_sec
        self._report_at = now + REPORT_SEC
        if not self._udp:
            self._connection.set_low_water(BATCH_BYTES)
        return tuple(
            f"{chosen[number].media.kind} {chosen[number].media.encoding}: the camera does not give it ({error})"
            for number, error in refused.items()
        )

    def drop(self, number: int) -> None:
        """Take nothing of this track any more."""
        del self.chosen[number], self._lanes[number]
        if self._ports:
            self._ports.pop(number).close()

    def _transport(self, number: int) -> str:
        if not self._udp:
            return f"RTP/AVP/TCP;unicast;interleaved={2 * number}-{2 * number + 1}"
        family, local = self._connection.local
        pair = PortPair(family, local, self._connection.peer)
        self._ports.append(pair)
        return f"RTP/AVP;unicast;client_port={pair.port}-{pair.port + 1}"

    def _make_lanes(self, now: float) -> None:
        assert self._dialogue is not None
        for number, (chosen, leg) in enumerate(zip(self.chosen, self._dialogue.legs, strict=True)):
            lane = Lane(leg, chosen.depacketiser, now, datagrams=self._udp)
            self._lanes.append(lane)
            if self._udp:
                if leg.way.server_ports is not None:
                    self._ports[number].open_way(leg.way.server_ports)
                continue
            rtp, control = leg.way.channels or (2 * number, 2 * number + 1)
            self.framer.sinks[rtp] = lane.rtp
            self.framer.sinks[control] = lane.rtcp
            self.framer.payload_types[rtp] = chosen.media.payload_type

    # -- while it plays ----------------------------------------------------------------------------------------------

    def pump(self, until: float) -> list[Packet]:
        """Wait until something comes, take all that is there, and give what has become whole.

        Whatever the clock says, it is looked first: where the process stood still (SIGSTOP, a machine that is moved),
        what the camera sent meanwhile waits in the system's buffers, and the camera was never silent.
        """
        now = monotonic()
        if now < self._next_batch_at:
            full = () if self._udp else (self._connection.fileno(),)
            wait(self._wake, full, -1, min(self._next_batch_at, until))
            now = monotonic()
        out_of_time = now >= until
        came = self._take_datagrams(now) if self._ports else False
        came = self._take_stream(now) or came
        if self.framer.messages:
            self._hear()
        self._mind_session(now)
        if came:
            self._next_batch_at = now + self._batch_sec
        elif not out_of_time:
            self._wait_for_more(min(until, self._keep_alive_at))
            now = monotonic()
        for lane in self._lanes:
            if lane.ordering.holding:
                lane.now = now
                lane.tick()
        packets = self._packets(now)
        if out_of_time and not packets:
            raise TimeoutError
        return packets

    @property
    def _batch_sec(self) -> float:
        if self._udp:
            return DATAGRAM_BATCH_SEC
        return WATCHED_BATCH_SEC if self._watched() else BATCH_SEC

    def _take_stream(self, now: float) -> bool:
        connection = self._connection
        for lane in self._lanes:
            lane.now = now
        came = False
        while True:
            count = connection.receive(self._view[self._filled :])
            if not count:
                return came
            came = True
            end = self._filled + count
            taken = self.framer.scan(self._view[:end])
            for lane in self._lanes:
                lane.settle()
            self._filled = end - taken
            if self._filled == len(self._buffer):
                raise Malformed("a message longer than any")
            if self._filled and taken:
                self._view[: self._filled] = bytes(self._view[taken:end])
            self._received_bytes += count
            if self.framer.skipped_bytes > max(_SKIPPED_BYTES, _SKIPPED_SHARE * self._received_bytes):
                raise Malformed(f"{self.framer.breaks} times something else than a frame")
            if end < len(self._buffer) and not connection.in_pieces:
                return came

    def _take_datagrams(self, now: float) -> bool:
        came = False
        for lane, pair in zip(self._lanes, self._ports, strict=False):
            lane.now = now
            while (packet := pair.receive(pair.rtp)) is not None:
                lane.rtp(packet)
                lane.settle()
                came = True
            while (packet := pair.receive(pair.rtcp)) is not None:
                lane.rtcp(packet)
                came = True
        return came

    def _wait_for_more(self, until: float) -> None:
        descriptors = [self._connection.fileno()]
        for pair in self._ports:
            descriptors += [pair.rtp.fileno(), pair.rtcp.fileno()]
        # Below the low-water mark nothing wakes.
        if not self._udp or any(lane.ordering.holding for lane in self._lanes):
            until = min(until, monotonic() + self._batch_sec)
        wait(self._wake, descriptors, -1, until)

    def _packets(self, now: float) -> list[Packet]:
        """What has become whole, of both tracks in the order of its decode stamps."""
        made: list[list[Packet]] = []
        for lane, chosen in zip(self._lanes, self.chosen, strict=True):
            if lane.frames:
                frames, lane.frames = lane.frames, []
                made.append(chosen.outlet.packets(frames, now))
        self._sync_lips()
        if not made and self._lanes and all(lane.ended for lane in self._lanes):
            raise EOFError
        # Merged, not sorted: a track whose stamps jump keeps its order.
        return made[0] if len(made) == 1 else list(heapq.merge(*made, key=_due))

    def _sync_lips(self) -> None:
        if [chosen.media.kind for chosen in self.chosen] != ["video", "audio"]:
            return
        picture, sound = (lane.clock for lane in self._lanes)
        if self._lips is None or not self._lips.belongs_to(picture, sound):
            self._lips = LipSync(picture, sound)
        self._lips.follow()

    # -- the session -------------------------------------------------------------------------------------------------

    @property
    def _keep_alive_sec(self) -> float:
        assert self._dialogue is not None
        return max(1.0, min(self._dialogue.session_sec / 2, self._dialogue.session_sec - 5.0, 30.0))

    def _mind_session(self, now: float) -> None:
        """The words that are due: keep-alive, receiver reports."""
        if self._keep_alive_at and now >= self._keep_alive_at:
            assert self._dialogue is not None
            self._keep_alive_at = now + self._keep_alive_sec
            self._say(self._dialogue.keep_alive())
        if self._report_at and now >= self._report_at:
            self._report_at = now + REPORT_SEC
            for number, lane in enumerate(self._lanes):
                self._send_report(number, lane)

    def _send_report(self, number: int, lane: Lane) -> None:
        report, way = rtcp.receiver_report(self._own_ssrc, lane.reception()), lane.leg.way
        with suppress(OSError):  # it is only a courtesy
            if not self._udp:
                channel = (way.channels or (2 * number, 2 * number + 1))[1]
                header = bytes((0x24, channel)) + len(report).to_bytes(2, "big")
                self._connection.send(header + report, monotonic() + _COURTESY_SEC)
            elif way.server_ports is not None:
                self._ports[number].rtcp.sendto(report, (self._connection.peer, way.server_ports[1]))

    def _say(self, conversation: Generator[Request, Message, None]) -> None:
        """Begin a conversation whose answers are heard among the packets."""
        try:
            self._send(next(conversation))
        except StopIteration:
            return
        self._keeping = (self._cseq, conversation)

    def _hear(self) -> None:
        """What the camera said among the packets."""
        messages = self.framer.messages
        while messages:
            message = messages.popleft()
            if not message.status:
                self._connection.send(answer(message), monotonic() + _COURTESY_SEC)
                if message.method in ("REDIRECT", "TEARDOWN"):
                    raise EOFError
            elif self._keeping is not None and message.cseq in (None, self._keeping[0]):
                _, conversation = self._keeping
                self._keeping = None
                with suppress(StopIteration):
                    self._send(conversation.send(message))
                    self._keeping = (self._cseq, conversation)

    def _run(self, conversation: Generator[Request, Message, _T], until: float) -> _T:
        """Have a conversation to its end; its answers are waited for."""
        try:
            request = next(conversation)
            while True:
                self._send(request)
                request = conversation.send(self._answer(until))
        except StopIteration as done:
            result: _T = done.value
            return result

    def _answer(self, until: float) -> Message:
        messages = self.framer.messages
        while True:
            while messages:
                message = messages.popleft()
                if message.status and message.cseq in (None, self._cseq):
                    return message
                if not message.status:
                    self._connection.send(answer(message), until)
            if not self._take_stream(monotonic()) and not wait(self._wake, [self._connection.fileno()], -1, until):
                raise TimeoutError

    def _send(self, request: Request) -> None:
        self._cseq += 1
        self._connection.send(request.encode(self._cseq), monotonic() + self._answer_sec)

    # -- the end -----------------------------------------------------------------------------------------------------

    def farewell(self) -> bool:
        """Give the session back; whether the camera confirmed that, or there was none."""
        if self._dialogue is None or not self._dialogue.session:
            return True
        self._wake = self._keeping = None
        self._connection.detach_wake()
        self._connection.set_low_water(1)
        with suppress(OSError, EOFError, Malformed, Refused, Redirected, SourceError):
            self._run(self._dialogue.tear_down(), monotonic() + FAREWELL_SEC)
            return True
        return False

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
        for pair in self._ports:
            pair.close()


def _due(packet: Packet) -> float:
    base = packet.track.time_base
    return (packet.dts or 0) * base.numerator / base.denominator
