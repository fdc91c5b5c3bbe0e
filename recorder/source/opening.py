"""Picks the reader for a source."""

from __future__ import annotations

from collections.abc import Callable

from recorder.source.base import Source
from recorder.source.choice import AutoSource, Memory, ReaderName
from recorder.source.libav import LibavSource
from recorder.source.mp4_camera import Mp4Camera
from recorder.source.rtsp.source import RtspSource
from recorder.source.urls import address_of
from recorder.specs import Limits, SourceSpec

_memory = Memory()


def open_source(spec: SourceSpec, limits: Limits, watched: Callable[[], bool] = lambda: False) -> Source:
    """The source that `spec` describes, not yet opened. Raises `RefusedUrl` for an address that is never opened.

    `spec.reader` counts for RTSP; everything else that is no file is FFmpeg's.  `watched` says whether somebody waits
    for each packet as it comes, so that none is to wait for others.
    """
    if spec.kind == "file":
        return Mp4Camera(spec)
    if spec.reader == "libav" or not address_of(spec).scheme.startswith("rtsp"):
        return LibavSource(spec, limits)
    if spec.reader == "own":
        return RtspSource(spec, limits, watched)

    def make(reader: ReaderName) -> Source:
        return RtspSource(spec, limits, watched) if reader == "own" else LibavSource(spec, limits)

    return AutoSource(_memory.of(spec.location, spec.transport), make)
