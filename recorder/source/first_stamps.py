"""Stamps for the first packets of a connection, which libav gives out without any.

libav's RTSP reader cuts H.264 into frames with a parser that knows a stamp only from the second frame on, and the first
one is often the key frame that a recording begins with.  So such packets are held until the first stamped packet of
their track, a frame later, says where they belong.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from recorder.packets import Packet, Track

# When so many packets are held, the track in question gives no stamps at all, and all go on as they are.
_PATIENCE_PACKETS = 64
_USUAL_FPS = 25


class FirstStamps:
    """Pure: packets in, packets out in the same order."""

    def __init__(self, tracks: Iterable[Track]) -> None:
        self._unsettled = {track.index for track in tracks}
        self._held: list[Packet] = []

    def add(self, packet: Packet) -> list[Packet]:
        """What can go on now that this packet has come."""
        if not self._unsettled:
            return [packet]
        index = packet.track.index
        self._held.append(packet)
        if index in self._unsettled and (packet.dts is not None or packet.pts is not None):
            self._unsettled.discard(index)
            self._fill(packet)
        if len(self._held) > _PATIENCE_PACKETS:
            self._unsettled.clear()
        return self._release()

    def flush(self) -> list[Packet]:
        """What is still held, as it came: the connection is lost."""
        self._unsettled.clear()
        return self._release()

    def _fill(self, settled: Packet) -> None:
        """Count back from the first stamped packet of a track."""
        dts = settled.dts if settled.dts is not None else settled.pts
        assert dts is not None
        for position in range(len(self._held) - 2, -1, -1):
            packet = self._held[position]
            if packet.track.index == settled.track.index:
                dts -= packet.duration or settled.duration or round(1 / (_USUAL_FPS * packet.track.time_base))
                self._held[position] = replace(packet, pts=dts, dts=dts)

    def _release(self) -> list[Packet]:
        ready = next(
            (position for position, packet in enumerate(self._held) if packet.track.index in self._unsettled),
            len(self._held),
        )
        released, self._held = self._held[:ready], self._held[ready:]
        return released
