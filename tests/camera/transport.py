"""How packets of one track leave: interleaved in the RTSP connection, or by UDP."""

from __future__ import annotations

import contextlib
import re
import socket
from typing import Protocol


class Transport(Protocol):
    """Where the packets of one track go."""

    answer: str  # the `Transport` header of the answer to SETUP

    def send(self, packet: bytes, *, control: bool) -> bool:
        """One RTP packet, or (`control`) RTCP packet; whether it left."""
        ...

    def close(self) -> None:
        """Nothing more leaves."""
        ...


class Interleaver(Protocol):
    """What sends interleaved frames for us."""

    def frame(self, channel: int, packet: bytes) -> bool:
        """`$`, channel, length, packet; whether it left."""
        ...


class Interleaved:
    """RTP over TCP (RFC 2326, 10.12)."""

    def __init__(self, wanted: str, index: int, interleaver: Interleaver) -> None:
        channels = re.search(r"interleaved=(\d+)-(\d+)", wanted)
        self._rtp, self._rtcp = (int(one) for one in channels.groups()) if channels else (2 * index, 2 * index + 1)
        self._interleaver = interleaver
        self.answer = f"RTP/AVP/TCP;unicast;interleaved={self._rtp}-{self._rtcp}"

    def send(self, packet: bytes, *, control: bool) -> bool:
        return self._interleaver.frame(self._rtcp if control else self._rtp, packet)

    def close(self) -> None:
        pass


class Udp:
    """A pair of ports of ours to a pair of the client's."""

    def __init__(self, wanted: str, host: str) -> None:
        ports = re.search(r"client_port=(\d+)-(\d+)", wanted)
        assert ports is not None
        self._rtp, self._rtcp = _port_pair()
        self._peers = tuple((host, int(port)) for port in ports.groups())
        ours = self._rtp.getsockname()[1]
        self.answer = f"RTP/AVP;unicast;client_port={ports[1]}-{ports[2]};server_port={ours}-{ours + 1}"

    def send(self, packet: bytes, *, control: bool) -> bool:
        with contextlib.suppress(OSError):  # the client's port is closed: that is not a sender's affair
            (self._rtcp if control else self._rtp).sendto(packet, self._peers[control])
        return True

    def close(self) -> None:
        self._rtp.close()
        self._rtcp.close()


def _port_pair() -> tuple[socket.socket, socket.socket]:
    """Two UDP sockets on loopback, the first one's port even, the second one's the next."""
    for _ in range(100):
        first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        first.bind(("127.0.0.1", 0))
        port = first.getsockname()[1]
        second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if port % 2 == 0:
                second.bind(("127.0.0.1", port + 1))
                return first, second
        except OSError:
            pass
        first.close()
        second.close()
    raise OSError("no pair of UDP ports is free")
