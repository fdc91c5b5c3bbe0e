"""From a channel as the server knows it to what its recorder opens."""

from __future__ import annotations

import pytest

from agent.sources import NoSource, Sources, sources_of
from agent.wire.models import WireCamera
from recorder.specs import SourceSpec

STREAM = WireCamera(camera_id=7, stream_prop=2, stream_url="rtsp://10.0.0.7/main")


def test_a_channel_has_one_stream_unless_this_machine_knows_a_second() -> None:
    assert sources_of(STREAM, "udp", {8: "rtsp://10.0.0.8/sub"}) == Sources(
        SourceSpec("stream", "rtsp://10.0.0.7/main", transport="udp")
    )
    both = sources_of(STREAM, "udp", {7: "rtsp://10.0.0.7/sub"})
    assert both.sub == SourceSpec("stream", "rtsp://10.0.0.7/sub", transport="udp")
    film = WireCamera(camera_id=7, stream_prop=1, stream_mp4="/films/main.mp4")
    assert sources_of(film, "tcp", {7: "/films/sub.mp4"}) == Sources(
        SourceSpec("file", "/films/main.mp4"), SourceSpec("file", "/films/sub.mp4")
    )


def test_a_second_stream_does_not_stand_in_for_a_first() -> None:
    with pytest.raises(NoSource, match="stream_url"):
        sources_of(WireCamera(camera_id=7, stream_prop=2), "tcp", {7: "rtsp://10.0.0.7/sub"})
