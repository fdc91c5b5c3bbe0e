"""The daemon's view as Prometheus metrics: `docs/metrics.md` lists and explains them.

Nothing is kept for monitoring's sake: what is scraped is read off the view, the tally and the kernel at that moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from agent.monitoring.alarms import NOT_RECORDING
from agent.monitoring.tally import Tally
from agent.status import ChannelView, DaemonView, LiveView
from agent.vitals import Consumption, LoopLag
from recorder.specs import AlarmKind, Cause

ALARM_KINDS = (NOT_RECORDING, *get_args(AlarmKind))


class Exposition(Collector):
    """One scrape."""

    def __init__(
        self, view: DaemonView, tally: Tally, used: Consumption, lag: LoopLag, *, clock_steps: int, is_ready: bool
    ) -> None:
        self._view, self._tally, self._used, self._lag = view, tally, used, lag
        self._clock_steps, self._is_ready = clock_steps, is_ready

    def text(self, accept: str) -> tuple[bytes, str]:
        """The body and its content type, in the format that the scraper's `Accept` header asks for."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        yield InfoMetricFamily("gather_build", "The program.", {"version": self._view.version})
        yield _gauge("gather_ready", "1 while /readyz says that recording is possible.", float(self._is_ready))
        yield from self._channels()
        yield from self._alarms()
        yield from self._losses()
        yield from self._spool()
        yield from self._link()
        yield from self._process()

    def _channels(self) -> Iterator[Metric]:
        channels = self._view.channels
        yield _by_camera(
            "gather_recording_expected", "Recordings that should be on now.", {c.camera_id: c.due for c in channels}
        )
        yield _by_camera(
            "gather_recording_active",
            "Recordings that are due and grow.",
            {c.camera_id: self._active(c) for c in channels},
        )
        yield _by_camera(
            "gather_last_packet_age_seconds",
            "Since the camera's last packet; missing before the first.",
            {c.camera_id: c.packet_age_sec for c in channels if c.packet_age_sec is not None},
        )
        yield _by_camera(
            "gather_camera_wanted", "1 while the camera is switched on.", {c.camera_id: c.wanted for c in channels}
        )
        yield _by_camera(
            "gather_camera_online", "1 while packets come.", {c.camera_id: c.state == "online" for c in channels}
        )
        yield _by_camera(
            "gather_camera_receive_bytes_per_second",
            "What the camera's main stream brings.",
            {c.camera_id: (c.bit_rate or 0.0) / 8 for c in channels},
        )
        restarts = CounterMetricFamily(
            "gather_recorder_restarts", "Recorder processes that ended unexpectedly.", labels=["camera_id"]
        )
        for channel in channels:
            restarts.add_metric([str(channel.camera_id)], channel.restarts)
        yield restarts
        yield from self._live()
        if self._view.next_lessons:
            start = min(lesson.start for lesson in self._view.next_lessons)
            yield _gauge("gather_next_lesson_start_timestamp_seconds", "Unix time of the next lesson.", start)

    def _live(self) -> Iterator[Metric]:
        pushes = {channel.camera_id: channel.live for channel in self._view.channels if channel.live is not None}
        state = GaugeMetricFamily("gather_live_state", "1 for the state of a push.", labels=["camera_id", "state"])
        for camera_id, push in pushes.items():
            for name in get_args(LiveView.model_fields["state"].annotation):
                state.add_metric([str(camera_id), name], float(push.state == name))
        yield state
        now = self._view.now
        lasted = {camera_id: max(0.0, now - push.since) for camera_id, push in pushes.items()}
        yield _by_camera("gather_live_seconds", "How long it has been in that state.", lasted)
        skipped = {camera_id: push.skipped for camera_id, push in pushes.items()}
        yield _by_camera("gather_live_skipped_packets", "Not sent: the line is slow.", skipped)

    def _active(self, channel: ChannelView) -> int:
        begun = sum(recording.began_at is not None for recording in channel.recordings)
        silent = sum(
            alarm.kind == NOT_RECORDING and alarm.camera_id == channel.camera_id for alarm in self._view.alarms
        )
        return max(0, channel.due - max(silent, channel.due - begun))

    def _alarms(self) -> Iterator[Metric]:
        standing = GaugeMetricFamily("gather_alarms", "Alarms that stand.", labels=["alarm"])
        for kind in ALARM_KINDS:
            standing.add_metric([kind], sum(alarm.kind == kind for alarm in self._view.alarms))
        yield standing
        yield _counter("gather_alarms_raised", "Alarms raised since the start.", "alarm", self._tally.alarms)

    def _losses(self) -> Iterator[Metric]:
        yield _counter(
            "gather_gap_seconds", "Time that could not be recorded.", "cause", self._tally.gap_sec, get_args(Cause)
        )
        yield _counter("gather_gaps", "Gaps in recordings.", "cause", self._tally.gaps, get_args(Cause))
        yield CounterMetricFamily("gather_slices", "Finished slices.", self._tally.slices)
        yield CounterMetricFamily("gather_recorded_seconds", "Media in them.", self._tally.recorded_sec)
        yield CounterMetricFamily("gather_recorded_bytes", "Their size.", self._tally.recorded_bytes)

    def _spool(self) -> Iterator[Metric]:
        view, queue = self._view, self._view.queue
        files = GaugeMetricFamily(
            "gather_upload_backlog_files",
            "Slices on their way: not stored yet, stored but not confirmed.",
            labels=["state"],
        )
        files.add_metric(["recorded"], queue.recorded)
        files.add_metric(["uploaded"], queue.uploaded)
        yield files
        yield _gauge("gather_upload_backlog_bytes", "What the server has not confirmed.", queue.waiting_bytes)
        yield _gauge(
            "gather_upload_oldest_seconds",
            "Age of the oldest slice that is not confirmed; 0 without any.",
            max(0.0, view.now - queue.oldest) if queue.oldest is not None else 0.0,
        )
        yield _gauge("gather_upload_failing", "1 while a file waits for another try.", float(bool(queue.error)))
        yield _gauge("gather_upload_paused", "1 while uploads wait for somebody to resume them.", float(queue.paused))
        yield CounterMetricFamily("gather_uploads", "Slices stored.", self._tally.uploads)
        yield CounterMetricFamily("gather_uploaded_bytes", "Their size.", self._tally.uploaded_bytes)
        yield _gauge("gather_disk_free_bytes", "On the disk of the recordings.", view.disk_free)

    def _link(self) -> Iterator[Metric]:
        view = self._view
        yield _gauge("gather_server_configured", "1 with a server to belong to.", float(bool(view.server)))
        state = GaugeMetricFamily("gather_link_state", "1 for the link's state.", labels=["state"])
        for name in get_args(DaemonView.model_fields["link"].annotation):
            state.add_metric([name], float(view.link == name))
        yield state

    def _process(self) -> Iterator[Metric]:
        used = self._used
        yield CounterMetricFamily("gather_clock_step", "Times that the wall clock was set.", self._clock_steps)
        yield _gauge(
            "gather_event_loop_lag_seconds",
            "How late the event loop was, longest of a minute.",
            self._lag.of_last_minute,
        )
        yield CounterMetricFamily("gather_process_cpu_seconds", "Of the daemon, without recorders.", used.cpu_sec)
        yield _gauge("gather_process_resident_memory_bytes", "Of the daemon, without recorders.", used.resident_bytes)
        yield _gauge("gather_process_open_fds", "Of the daemon, without recorders.", used.descriptors)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value)


def _by_camera(name: str, meaning: str, values: Mapping[int, float]) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=["camera_id"])
    for camera_id, value in values.items():
        family.add_metric([str(camera_id)], float(value))
    return family


def _counter(name: str, meaning: str, label: str, values: Mapping[str, float], always: Iterable[str] = ()) -> Metric:
    """`always` are there from the start: a counter that appears with its first event has no rate for it."""
    family = CounterMetricFamily(name, meaning, labels=[label])
    for word in sorted({*always, *values}):
        family.add_metric([word], values.get(word, 0))
    return family
