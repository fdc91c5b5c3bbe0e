"""The reading thread against sources that the test plays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from recorder.clocks import monotonic
from recorder.errors import SourceError
from recorder.packets import Packet, Track
from recorder.protocol import Event, LinkChanged, Trouble
from recorder.specs import Limits, SourceSpec
from recorder.stream.audio import SPOILT_PACKETS
from recorder.stream.feed import Feed
from recorder.stream.reader import Reader
from recorder.stream.ring import Ring
from recorder.stream.timeline import Timeline
from tests.media import MakeSample, camera_packets, tracks_of
from tests.recorder.stream.test_audio import G711, tone
from tests.servers.http_media import Reply, remuxed, serving

LIMIT_SEC = 10.0


class Played:
    """A source out of a list of packets: then it ends, falls silent, or does what the test wants."""

    def __init__(self, tracks: list[Track], packets: list[Packet], then: Callable[[Played], Packet]) -> None:
        self._tracks = tuple(tracks)
        self._packets = iter(packets)
        self._then = then
        self.interrupted = threading.Event()
        self.played = threading.Event()  # every packet has gone the whole way of the reader
        self.closed = 0
        self.dropped: tuple[str, ...] = ()
        self.stall_sec = 0.05

    def open(self) -> tuple[Track, ...]:
        return self._tracks

    def read(self) -> Packet:
        packet = next(self._packets, None)
        if packet is not None:
            return packet
        self.played.set()
        return self._then(self)

    def interrupt(self) -> None:
        self.interrupted.set()

    def close(self) -> None:
        self.closed += 1


def ends(_: Played) -> Packet:
    raise SourceError("ended", "the camera closed the stream")


def falls_silent(source: Played) -> Packet:
    source.interrupted.wait(LIMIT_SEC)
    raise SourceError("stopped", "interrupted")


def breaks(_: Played) -> Packet:
    raise RuntimeError("a defect in a source")


class Heard:
    """The events, and waiting for one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def tell(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait_for(self, wanted: Callable[[Event], bool]) -> Event:
        with self._changed:
            assert self._changed.wait_for(lambda: any(map(wanted, self.events)), LIMIT_SEC), self.events
            return next(filter(wanted, self.events))


@contextmanager
def reading(
    monkeypatch: pytest.MonkeyPatch, sources: list[Played], wanted: bool = True
) -> Iterator[tuple[Reader, Heard, Feed]]:
    left = iter(sources)

    def open_source(*_: object) -> Played:
        source = next(left, None)
        if source is None:
            raise SourceError("unreachable", "no more sources")
        return source

    monkeypatch.setattr("recorder.stream.reader.open_source", open_source)
    heard, feed = Heard(), Feed(Ring(60.0, 1 << 30), 1 << 30)
    reader = Reader(
        SourceSpec("file", "played"),
        Limits(stall_sec=0.05),
        Timeline(),
        feed,
        emit=heard.tell,
        needed=lambda: True,
        wanted=lambda: wanted,
        lost=lambda cause: heard.tell(Trouble("lost", cause)),
        key_frame=lambda: None,
    )
    reader.start()
    try:
        yield reader, heard, feed
    finally:
        assert reader.close(LIMIT_SEC)
        assert [source.closed for source in sources] == [1] * len(sources)


def is_state(state: str, cause: str = "") -> Callable[[Event], bool]:
    return lambda event: isinstance(event, LinkChanged) and event.state == state and (not cause or event.cause == cause)


def test_a_lost_source_is_opened_again(monkeypatch: pytest.MonkeyPatch, sample: MakeSample) -> None:
    packets = camera_packets(sample(), 1.0)
    again = Played(tracks_of(packets), packets, falls_silent)
    with reading(monkeypatch, [Played(tracks_of(packets), packets, ends), again]) as (reader, heard, feed):
        heard.wait_for(is_state("waiting", "ended"))
        heard.wait_for(lambda _: sum(map(is_state("online"), heard.events)) == 2)
        assert again.played.wait(LIMIT_SEC)
        assert reader.packets == 2 * len(packets)
        sessions = {timed.lineup.session for timed in feed.since(0.0)}
    assert sessions == {1, 2}
    assert Trouble("lost", "ended") in heard.events


def test_fifty_connections_leave_nothing_behind(sample: MakeSample) -> None:
    feed = Feed(Ring(5.0, 1 << 20), 1 << 20)
    left: list[tuple[int, int]] = []
    done = threading.Event()

    def emit(event: Event) -> None:
        if isinstance(event, LinkChanged) and event.state == "waiting":
            assert event.cause == "ended"
            left.append((len(list(Path("/proc/self/fd").iterdir())), threading.active_count()))
            if len(left) == 50:
                done.set()

    with serving({"/camera.flv": Reply(body=remuxed(sample(), "flv"))}) as server:
        reader = Reader(
            SourceSpec("stream", server.url("/camera.flv")),
            Limits(retry_min_sec=0.001, retry_max_sec=0.001),
            Timeline(),
            feed,
            emit=emit,
            needed=lambda: True,
            wanted=lambda: True,
            lost=lambda _: None,
            key_frame=lambda: None,
        )
        reader.start()
        assert done.wait(2 * LIMIT_SEC)
        assert reader.close(LIMIT_SEC)
    # The server's own threads and sockets come and go: what leaks grows from the first ten to the last.
    assert max(left[40:]) <= max(left[:10])


def test_silence_is_ended_by_the_own_stall_clock(monkeypatch: pytest.MonkeyPatch, sample: MakeSample) -> None:
    packets = camera_packets(sample(), 0.2)
    with reading(monkeypatch, [Played(tracks_of(packets), packets, falls_silent)]) as (reader, heard, _):
        heard.wait_for(is_state("online"))
        reader.watch(monotonic() + 1.0)
        heard.wait_for(is_state("waiting", "stalled"))


def test_a_picture_that_stops_is_a_stall_while_the_sound_goes_on(
    monkeypatch: pytest.MonkeyPatch, sample: MakeSample
) -> None:
    packets = camera_packets(sample(), 1.0)
    sound = [packet for packet in packets if packet.track.kind == "audio"]
    now = monotonic()
    both = [replace(one, arrival=now) for one in packets] + [replace(one, arrival=now + 20.0) for one in sound]
    source = Played(tracks_of(packets), both, falls_silent)
    with reading(monkeypatch, [source]) as (reader, heard, _):
        assert source.played.wait(LIMIT_SEC)
        reader.watch(now + 20.0)
        heard.wait_for(is_state("waiting", "stalled"))


def test_a_source_that_may_pause_is_left_alone(monkeypatch: pytest.MonkeyPatch, sample: MakeSample) -> None:
    """HLS delivers whole segments, and a file may hold a slide show."""
    now = monotonic()
    packets = [replace(one, arrival=now) for one in camera_packets(sample(), 0.2)]
    source = Played(tracks_of(packets), packets, falls_silent)
    source.stall_sec = 30.0
    with reading(monkeypatch, [source]) as (reader, heard, _):
        heard.wait_for(is_state("online"))
        assert reader.heap_sec == 30.0
        assert source.played.wait(LIMIT_SEC)
        for second in range(56):
            reader.watch(now + second)
        assert not source.interrupted.is_set()
        source.stall_sec = 40.0  # it has learnt that its heaps are longer
        for second in range(56, 76):
            reader.watch(now + second)
        assert reader.heap_sec == 40.0
        assert not source.interrupted.is_set()
        for second in range(76, 85):
            reader.watch(now + second)
        heard.wait_for(is_state("waiting", "stalled"))


def test_silence_is_not_counted_while_nobody_looked(monkeypatch: pytest.MonkeyPatch, sample: MakeSample) -> None:
    """The whole process stood still: the reading thread may not have had its turn yet."""
    now = monotonic()
    packets = [replace(one, arrival=now) for one in camera_packets(sample(), 0.2)]
    source = Played(tracks_of(packets), packets, falls_silent)
    source.stall_sec = 2.0
    with reading(monkeypatch, [source]) as (reader, heard, _):
        assert source.played.wait(LIMIT_SEC)
        reader.watch(now + 1.0)
        for second in range(61, 65):
            reader.watch(now + second)
        assert not source.interrupted.is_set()
        reader.watch(now + 66.0)
        heard.wait_for(is_state("waiting", "stalled"))


def test_a_defect_is_a_lost_source(monkeypatch: pytest.MonkeyPatch, sample: MakeSample) -> None:
    packets = camera_packets(sample(), 0.2)
    with reading(monkeypatch, [Played(tracks_of(packets), packets, breaks)]) as (_, heard, _feed):
        heard.wait_for(is_state("waiting", "unusable"))


def test_an_unwanted_source_stays_down(monkeypatch: pytest.MonkeyPatch, sample: MakeSample) -> None:
    packets = camera_packets(sample(), 0.2)
    with reading(monkeypatch, [Played(tracks_of(packets), packets, ends)], wanted=False) as (_, heard, _feed):
        heard.wait_for(is_state("down", "ended"))
    assert [event.state for event in heard.events if isinstance(event, LinkChanged)] == ["connecting", "online", "down"]


def test_g711_comes_out_as_aac(monkeypatch: pytest.MonkeyPatch, sample: MakeSample) -> None:
    picture = [p for p in camera_packets(sample(), 2.0) if p.track.kind == "video"]
    both = sorted([*picture, *tone(100)], key=lambda packet: packet.arrival)
    source = Played([picture[0].track, G711], both, falls_silent)
    with reading(monkeypatch, [source]) as (_, heard, feed):
        online = heard.wait_for(is_state("online"))
        assert source.played.wait(LIMIT_SEC)
        sound = [timed for timed in feed.since(0.0) if timed.packet.track.kind == "audio"]
    assert isinstance(online, LinkChanged)
    assert online.audio == "aac 8000 Hz 1 ch"
    assert {timed.packet.track.codec for timed in sound} == {"aac"}
    assert sound[-1].at == pytest.approx(2.0, abs=0.5)


def test_sound_that_breaks_costs_only_the_sound(monkeypatch: pytest.MonkeyPatch, sample: MakeSample) -> None:
    picture = [p for p in camera_packets(sample(), 2.0) if p.track.kind == "video"]
    opus = Track(1, "audio", "opus", G711.time_base, sample_rate=48_000, channels=2)
    nonsense = [Packet(opus, b"\xff\xff\xff\xff", n, n, 0, True, 1 + n / 50) for n in range(2 * SPOILT_PACKETS)]
    both = sorted([*picture, *nonsense], key=lambda packet: packet.arrival)
    source = Played([picture[0].track, opus], both, falls_silent)
    with reading(monkeypatch, [source]) as (_, heard, feed):
        trouble = heard.wait_for(lambda event: isinstance(event, Trouble))
        assert source.played.wait(LIMIT_SEC)
        taken = feed.since(0.0)
    assert isinstance(trouble, Trouble)
    assert trouble.kind == "track"
    assert [timed.packet.data for timed in taken] == [packet.data for packet in picture]
    assert taken[-1].lineup.tracks == (picture[0].track,)


def test_closed_while_a_source_is_being_made(monkeypatch: pytest.MonkeyPatch, sample: MakeSample) -> None:
    """There is nothing yet to interrupt then; the source must not be opened for as long as it may take."""
    packets = camera_packets(sample(), 0.2)
    making, go_on = threading.Event(), threading.Event()

    class Slow(Played):
        def open(self) -> tuple[Track, ...]:
            assert self.interrupted.wait(LIMIT_SEC)
            raise SourceError("stopped", "interrupted")

    source = Slow(tracks_of(packets), packets, falls_silent)

    def open_source(*_: object) -> Played:
        making.set()
        assert go_on.wait(LIMIT_SEC)
        return source

    monkeypatch.setattr("recorder.stream.reader.open_source", open_source)
    feed = Feed(Ring(60.0, 1 << 30), 1 << 30)
    reader = Reader(
        SourceSpec("file", "played"),
        Limits(),
        Timeline(),
        feed,
        emit=lambda _: None,
        needed=lambda: True,
        wanted=lambda: True,
        lost=lambda _: None,
        key_frame=lambda: None,
    )
    reader.start()
    assert making.wait(LIMIT_SEC)
    assert not reader.close(0.0)
    go_on.set()
    assert source.interrupted.wait(1.0)
    assert reader.close(LIMIT_SEC)
