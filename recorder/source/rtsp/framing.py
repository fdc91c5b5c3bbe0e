"""Cuts a TCP connection into RTSP messages and interleaved packets (RFC 2326, 10.12), and finds the way back when the
framing is broken.

Some cameras lose bytes of their own when their send buffer is full: what follows is then no frame.  The next place that
looks like one is sought: a `$` with a channel of ours, a length, and an RTP header with a payload type of that channel,
or the beginning of a message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from recorder.source.rtsp.messages import MAX_HEAD_BYTES, Malformed, Message, parse_head

DOLLAR = 0x24
HEADER_BYTES = 4
_METHODS = (b"OPTIONS ", b"GET_PARAMETER ", b"SET_PARAMETER ", b"ANNOUNCE ", b"REDIRECT ", b"TEARDOWN ")
_BEGINNINGS = (b"RTSP/", *_METHODS)
_LONGEST = max(map(len, _BEGINNINGS))

Sink = Callable[[memoryview], None]


class Framer:
    """`sinks` takes the packets of each channel, `messages` holds what else came.

    `payload_types` says, for a channel of RTP, which payload type it carries; channels not in it carry RTCP.
    `skipped_bytes` counts what belonged to no frame, `breaks` how often.
    """

    def __init__(self) -> None:
        self.sinks: dict[int, Sink] = {}
        self.payload_types: dict[int, int] = {}
        self.messages: deque[Message] = deque()
        self.skipped_bytes = 0
        self.breaks = 0
        self._broken = False

    def scan(self, data: memoryview) -> int:
        """Take what is whole; how many bytes that was. The rest must stand at the beginning next time.

        Raises `Malformed` where not even a way back can be sought: there is no stream yet.
        """
        position, end = 0, len(data)
        sinks = self.sinks
        while end - position >= HEADER_BYTES:
            if data[position] == DOLLAR and not self._broken:
                following = position + HEADER_BYTES + (data[position + 2] << 8 | data[position + 3])
                sink = sinks.get(data[position + 1])
                if sink is not None:
                    if following > end:
                        return position
                    if (
                        following + 1 >= end
                        or (data[following] == DOLLAR and data[following + 1] in sinks)
                        or self._begins(data, following)
                        or not (inner := self._inner(data, position, following))
                    ):
                        sink(data[position + HEADER_BYTES : following])
                        position = following
                    else:
                        # Its length is wrong, or it is short of bytes: other frames begin in it.
                        self.breaks += 1
                        position = self._skip(position, inner)
                    continue
                if not sinks or self._foreign(data, position):
                    if following > end:
                        return position
                    position = following  # a channel that nobody asked for
                    continue
            elif not self._broken and self._begins_message(data, position):
                taken = self._message(data, position)
                if not taken:
                    return position
                position += taken
                continue
            elif not self._broken and self._may_begin_message(data, position):
                return position
            position, found = self._resume(data, position)
            if not found:
                return position
        return position

    def _begins(self, data: memoryview, position: int) -> bool:
        """Whether a frame or a message begins here, as far as can be told."""
        if data[position] == DOLLAR:
            return self._plausible(data, position) or self._foreign(data, position)
        return self._begins_message(data, position) or self._may_begin_message(data, position)

    def _inner(self, data: memoryview, position: int, following: int) -> int:
        """Where in a frame another one begins; 0 for nowhere."""
        body = bytes(data[position:following])
        offset = 1
        while (offset := body.find(b"$", offset)) >= 0:
            if self._plausible(data, position + offset):
                return position + offset
            offset += 1
        return 0

    def _plausible(self, data: memoryview, position: int) -> bool:
        """Whether an RTP or RTCP header of that channel stands here."""
        if position + 6 > len(data):
            return False
        channel = data[position + 1]
        if channel not in self.sinks or data[position + 4] >> 6 != 2:
            return False
        kind = self.payload_types.get(channel)
        return data[position + 5] & 0x7F == kind if kind is not None else 200 <= data[position + 5] <= 207

    def _foreign(self, data: memoryview, position: int) -> bool:
        """A well-formed packet of a channel that is not ours: ONVIF metadata that came unasked, say."""
        return position + 6 <= len(data) and data[position + 4] >> 6 == 2 and data[position + 1] < 32

    @staticmethod
    def _begins_message(data: memoryview, position: int) -> bool:
        return bytes(data[position : position + _LONGEST]).startswith(_BEGINNINGS)

    @staticmethod
    def _may_begin_message(data: memoryview, position: int) -> bool:
        """Too few bytes to say: the beginning of a message may have come in part."""
        some = bytes(data[position : position + _LONGEST])
        return len(some) < _LONGEST and any(one.startswith(some) for one in _BEGINNINGS)

    def _message(self, data: memoryview, position: int) -> int:
        """Take the message that begins here; its length, 0 while it is not whole."""
        head = bytes(data[position : position + MAX_HEAD_BYTES])
        end, gap = head.find(b"\r\n\r\n"), 4
        bare = head.find(b"\n\n")
        if end < 0 or 0 <= bare < end:
            end, gap = bare, 2
        if end < 0:
            if len(head) == MAX_HEAD_BYTES:
                raise Malformed("a message without an end")
            return 0
        message = parse_head(head[:end])
        begin = position + end + gap
        length = message.length
        if begin + length > len(data):
            return 0
        body = bytes(data[begin : begin + length])
        self.messages.append(Message(message.status, message.reason, message.method, message.headers, body))
        return end + gap + length

    def _resume(self, data: memoryview, position: int) -> tuple[int, bool]:
        """The next place that looks like a frame, and whether there is one."""
        if not self.sinks:
            raise Malformed(f"no RTSP message: {bytes(data[position : position + 40])!r}")
        if not self._broken:
            self.breaks += 1
            self._broken = True
            start = position + 1  # here nothing begins
        else:
            start = position
        rest = bytes(data[start:])
        offset = 0
        while True:
            places = [place for one in (b"$", b"RTSP/") if (place := rest.find(one, offset)) >= 0]
            if not places:
                keep = min(len(rest), HEADER_BYTES)
                return self._skip(position, start + len(rest) - keep), False
            offset = min(places)
            if rest[offset] != DOLLAR or self._plausible(data, start + offset):
                self._broken = False
                return self._skip(position, start + offset), True
            if len(rest) - offset < 6:
                return self._skip(position, start + offset), False
            offset += 1

    def _skip(self, position: int, to: int) -> int:
        self.skipped_bytes += to - position
        return to
