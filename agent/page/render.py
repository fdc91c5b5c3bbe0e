"""The daemon's views as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from agent.monitoring.alarms import NOT_RECORDING
from agent.page.words import Words
from agent.status import (
    AlarmView,
    ChannelView,
    DaemonView,
    LessonOutcome,
    LessonsView,
    LiveView,
    UploadsView,
    UploadView,
)
from agent.view.outlook import lost_now, outlook
from agent.web.markup import Markup, asset, html
from agent.web.parts import (
    HEALTH,
    GapView,
    LessonLine,
    alarm_list,
    answer_panel,
    bullets,
    length,
    lesson_line,
    page,
    picture,
    section,
    size,
)
from agent.wire.live_causes import live_advice, live_cause

SHOWN_FILES = 6
_KINDS = {"coming": "upcoming", "due": "silent", "recording": "on", "recorded": "done"}


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything that the page shows, at one moment."""

    view: DaemonView
    lessons: LessonsView
    uploads: UploadsView


class Renderer:
    """Renders in one language, with times in the timetable's zone. `pictures`: whether channels are shown."""

    def __init__(self, words: Words, *, pictures: bool, is_open: bool) -> None:
        self._words, self._pictures, self._is_open = words, pictures, is_open

    def home(self, sight: Sight) -> Markup:
        """The page."""
        words = self._words
        title = sight.view.name or "gather-agent"
        body = html(
            asset("home.html", __package__),
            title=title,
            other=words.other,
            other_language=words["other_language"],
            disconnected=words["disconnected"],
            live=self.live(sight),
            read_only=words["read_only_open" if self._is_open else "read_only"],
        )
        return page(title, words, body, asset("head.html", __package__))

    def live(self, sight: Sight) -> Markup:
        """The part that is brought up to date."""
        return _Live(self._words, sight, pictures=self._pictures).markup()


class _Live:
    def __init__(self, words: Words, sight: Sight, *, pictures: bool) -> None:
        self._words, self._sight, self._pictures = words, sight, pictures
        self._view = sight.view
        self._zone = ZoneInfo(sight.lessons.timezone)
        self._silent = {alarm.camera_id for alarm in self._view.alarms if alarm.kind == NOT_RECORDING}

    def markup(self) -> Markup:
        words, view = self._words, self._view
        found = outlook(view)
        lesson = found.lesson
        answer = words.answer(
            found,
            self._when(lesson.start) if lesson else "",
            self._what(lesson.title, lesson.course_id) if lesson else "",
            lesson.camera_name or str(lesson.camera_id) if lesson else "",
        )
        server = view.server or words["no_server"]
        return html(
            asset("live.html", __package__),
            lost=self._lost(),
            answer=answer_panel(
                HEALTH[found.answer],
                answer,
                question=words["question"],
                reasons=map(words.reason, found.reasons),
                now_line=self._now(),
            ),
            alarms=self._alarms(),
            channels=section("channels", "channels", map(self._channel, view.channels), words),
            lessons=section("lessons", "lessons", map(self._lesson, self._sight.lessons.lessons), words),
            queue_title=words["queue"],
            queue=self._queue(),
            queue_error=view.queue.error,
            files=self._files(),
            machine_title=words["machine"],
            disk_title=words["disk_free"],
            disk=size(view.disk_free),
            server_title=words["server"],
            server=server,
            link_kind="online" if view.link == "connected" else "idle" if not view.server else "offline",
            link=words[f"link_{view.link}"] if view.server else "–",
            link_detail=view.link_detail if view.server else "",
            version_title=words["version"],
            version=view.version,
            as_of=words["as_of"],
            now=self._clock(view.now),
            zone=self._zone.key,
        )

    # -- what is on, what is wrong

    def _lost(self) -> Markup:
        """What is being lost at this moment: above everything else."""
        lost = lost_now(self._view)
        if not lost:
            return Markup()
        names = ", ".join(dict.fromkeys(reason.channel for reason in lost))
        return answer_panel(
            "bad",
            self._words.of("answer_lost", channel=names),
            reasons=dict.fromkeys(map(self._words.reason, lost)),
            is_alert=True,
        )

    def _now(self) -> str:
        words, sentences = self._words, []
        for channel in self._view.channels:
            for recording in channel.recordings:
                if recording.began_at is None or channel.camera_id in self._silent:
                    continue
                end = recording.planned_end
                about = {
                    "what": self._what(recording.title, recording.course_id),
                    "channel": channel.name or channel.camera_id,
                    "until": "" if end is None else self._clock(end)[:5],
                }
                sentences.append(words.of("now_open" if end is None else "now_on", **about))
        due = any(channel.due for channel in self._view.channels)
        return " ".join(sentences) or ("" if due else words["now_nothing"])

    def _alarms(self) -> Markup:
        if not self._view.alarms:
            return Markup()
        return alarm_list(map(self._alarm, self._view.alarms), self._words)

    def _alarm(self, alarm: AlarmView) -> str:
        words = self._words
        channel = alarm.name or words.of("channel_number", number=alarm.camera_id)
        since = words.of("since", time=self._clock(alarm.since), length=length(self._view.now - alarm.since))
        parts = [f"{channel}: {words.alarm(alarm.kind)}", alarm.title, since, words.why(alarm)]
        if alarm.times > 1:
            parts.append(words.of("times", times=alarm.times))
        return " · ".join(filter(None, parts))

    # -- channels and lessons

    def _channel(self, channel: ChannelView) -> Markup:
        words = self._words
        name = channel.name or words.of("channel_number", number=channel.camera_id)
        shown = self._pictures and channel.snapshot_at is not None
        address = f"/pictures/{channel.camera_id}?{channel.snapshot_at:.0f}" if shown else ""
        on = ", ".join(self._what(one.title, one.course_id) for one in channel.recordings if one.began_at is not None)
        kind, state = ("on", f"{words['recording']}: {on}") if on else ("idle", words["idle"])
        if channel.camera_id in self._silent:
            kind, state = "silent", words["due_silent"]
        away = channel.state in ("waiting", "down")
        trouble = [words.trouble(channel.cause), channel.detail] if away else []
        notes = [words.of("restarts", count=channel.restarts)] if channel.restarts else []
        if channel.sub_state:
            notes.append(f"{words['sub_stream']}: {words[channel.sub_state]}")
        if (push := channel.live) is not None:
            notes.append(self._push(push))
        rate = f"{channel.bit_rate / 1e6:.1f} Mbit/s" if channel.bit_rate else ""
        return html(
            asset("channel.html"),
            picture=picture(address, name, words),
            name=name,
            kind="offline" if away else channel.state,
            state=words[channel.state],
            recording_kind=kind,
            recording=state,
            trouble=" — ".join(filter(None, trouble)),
            media=" · ".join(filter(None, (channel.video, channel.audio, rate))),
            gather=" · ".join(notes),
            taken=f"{words['picture_of']} {self._clock(channel.snapshot_at)}" if channel.snapshot_at else "",
        )

    def _push(self, push: LiveView) -> str:
        words, language = self._words, self._words.language
        told = live_cause(push.cause, language), live_advice(push.cause, language), push.detail
        why = " — ".join(filter(None, told))
        said = words.of(f"live_{push.state}", target=push.target, time=self._clock(push.since), detail=why)
        if push.state == "live" and push.cause:
            return f"{said}: {why}"
        return f"{said} ({words.of('live_retry', time=self._clock(push.retry_at))})" if push.retry_at else said

    def _lesson(self, lesson: LessonOutcome) -> Markup:
        is_lost = lesson.state == "recording" and lesson.camera_id in self._silent
        line = LessonLine(
            begin=lesson.planned_start,
            end=lesson.planned_end,
            title=self._what(lesson.title, lesson.course_id),
            camera=lesson.camera_name or self._words.of("channel_number", number=lesson.camera_id),
            teacher="",
            kind="silent" if is_lost else _KINDS.get(lesson.state, lesson.state),
            coverage=lesson.coverage,
            gaps=tuple(GapView(gap.since, gap.until, gap.cause) for gap in lesson.gaps),
            is_over_drawn=lesson.state not in ("coming", "not_due"),
        )
        return lesson_line(line, self._view.now, self._words, self._clock)

    # -- uploads

    def _queue(self) -> str:
        words, view = self._words, self._view
        queue = view.queue
        files = queue.recorded + queue.uploaded
        if not view.server and files:
            return words.of("queue_kept", files=files)
        if not files:
            return words["queue_empty"]
        oldest = self._when(queue.oldest) if queue.oldest is not None else "–"
        text = words.of("queue_waiting", files=files, size=size(queue.waiting_bytes), oldest=oldest)
        return f"{text} {words['queue_paused']}" if queue.paused else text

    def _files(self) -> Markup:
        if not self._view.server:
            return Markup()
        uploads = self._sight.uploads
        lines = [self._file(file) for file in uploads.files[:SHOWN_FILES]]
        left = len(uploads.files) - len(lines) + uploads.more
        if left > 0:
            lines.append(self._words.of("queue_more", count=left))
        return bullets(lines, "files")

    def _file(self, file: UploadView) -> str:
        name = file.camera_name or self._words.of("channel_number", number=file.camera_id)
        what = self._what(file.title, file.course_id)
        state = self._words.of(f"up_{file.state}", attempts=file.attempts)
        return " · ".join(
            filter(
                None,
                (self._when(file.started_at), name, f"{what} {file.slice_inx}", size(file.size), state, file.error),
            )
        )

    # -- times and names

    def _what(self, title: str, course_id: int) -> str:
        return title or (self._words.of("lesson_number", number=course_id) if course_id else self._words["by_hand"])

    def _clock(self, unix: float) -> str:
        return datetime.fromtimestamp(unix, self._zone).strftime("%H:%M:%S")

    def _when(self, unix: float) -> str:
        return self._words.when(unix, self._view.now, self._zone)
