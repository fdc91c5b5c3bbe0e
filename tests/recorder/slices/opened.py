"""Slices as a recording writes them, for tests of what becomes of them."""

from __future__ import annotations

from pathlib import Path

from recorder.names import SliceName, new_uid
from recorder.packets import Packet
from recorder.slices.slice_file import SliceFile
from recorder.slices.slice_meta import SliceMeta
from recorder.stream.timeline import Timeline
from tests.media import tracks_of

META = SliceMeta(7, 5, 11, 1, 1_700_000_000.0)


def open_slice(folder: Path, packets: list[Packet], meta: SliceMeta = META) -> SliceFile:
    """An open slice with all of these packets in it, of a recording of channel 7."""
    timeline = Timeline()
    lineup = timeline.begin_session(tracks_of(packets))
    name = SliceName(new_uid(), 7, 1_700_000_000, 5, 11, meta.slice_inx)
    file = SliceFile(folder, name, lineup.tracks, meta, fragment_sec=1.0, sync_sec=1.0)
    for packet in packets:
        file.write(timeline.repair(packet))
    return file
