"""Picks the reader for a source."""

from __future__ import annotations

from recorder.source.base import Source
from recorder.source.libav import LibavSource
from recorder.source.mp4_camera import Mp4Camera
from recorder.specs import Limits, SourceSpec


def open_source(spec: SourceSpec, limits: Limits) -> Source:
    """The source that `spec` describes, not yet opened. Raises `RefusedUrl` for an address that is never opened."""
    if spec.kind == "file":
        return Mp4Camera(spec)
    return LibavSource(spec, limits)
