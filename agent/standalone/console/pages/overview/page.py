"""The first page as HTML."""

from __future__ import annotations

from agent.standalone.console.cards import channel_card
from agent.standalone.console.gathers import AlarmLine
from agent.standalone.console.pages.ledger.page import ledger_line
from agent.standalone.console.pages.overview.outlook import Reason
from agent.standalone.console.pages.overview.view import OverviewView, read_overview
from agent.standalone.console.pages.storage.page import WORDS as STORAGE_WORDS
from agent.standalone.console.pages.storage.page import gather_line
from agent.standalone.console.site import Page
from agent.standalone.console.visit import Visit
from agent.web.markup import Markup, asset, html
from agent.web.parts import HEALTH, alarm_list, answer_panel, section
from agent.web.words import Table

_WORDS: Table = {
    **STORAGE_WORDS,
    "next_yes": ("能。{when}：{lessons}。", "Yes: {when}, {lessons}."),
    "next_doubtful": ("很可能。{when}：{lessons}。", "Probably: {when}, {lessons}."),
    "next_no": ("照现状录不上。{when}：{lessons}。", "Not as things stand: {when}, {lessons}."),
    "next_unknown": ("无法确定。{when}：{lessons}。", "It cannot be told: {when}, {lessons}."),
    "in_room": ("{title}（{room}）", "{title} ({room})"),
    "doubt_agent_offline": (
        "{channel}：采集端离线，可能关机，也可能只是断网",
        "{channel}: the recorder is offline; it may be off, or only its network down",
    ),
    "doubt_disk_full": ("{channel}：采集端磁盘空间不足", "{channel}: the recorder's disk is too full for it"),
    "doubt_disk_missing": ("{channel}：采集端录像磁盘未挂载", "{channel}: the recorder's disk is not mounted"),
    "doubt_disk_read_only": ("{channel}：采集端录像磁盘为只读", "{channel}: the recorder's disk is read-only"),
    "doubt_disk_failing": ("{channel}：采集端录像磁盘无法写入", "{channel}: the recorder's disk takes nothing"),
    "now_on": ("正在录制：{what}。", "Recording now: {what}."),
    "now_nothing": ("当前没有正在录制的课程。", "Nothing is being recorded right now."),
    "others_well": ("同时开始的另外 {count} 节没有问题", "{count} other lesson{s} beginning then: all well"),
    "more_channels": ("等 {count} 个", "and {rest} more"),
}
SHOWN_NAMES = 3
_LOST = "not_recording"


async def view(visit: Visit) -> Markup:
    """The page."""
    return _Rendered(visit, await visit.read(read_overview, visit.now, visit.services.zone)).markup()


async def beside(visit: Visit) -> Markup:
    """Where live pictures play."""
    words = visit.words
    return html(asset("watching.html", __package__), close=words["close"], watch=words["watch"])


class _Rendered:
    def __init__(self, visit: Visit, found: OverviewView) -> None:
        self._visit, self._services, self._words, self._found = visit, visit.services, visit.words, found

    def markup(self) -> Markup:
        words, found = self._words, self._found
        return html(
            asset("overview.html", __package__),
            lost=self._lost(),
            answer=self._answer(),
            alarms=alarm_list((self._alarm_line(one) for one in found.alarms if one.kind != _LOST), words),
            channels=section("channels", "channels", (channel_card(self._visit, one) for one in found.channels), words),
            lessons=section(
                "lessons", "lessons", (ledger_line(self._visit, lesson) for lesson in found.lessons), words
            ),
            gathers=section("gathers", "gathers", (gather_line(self._visit, one) for one in found.gathers), words),
            as_of=words["as_of"],
            now=self._services.stamp(found.now),
            zone=self._services.zone.key,
        )

    def _lost(self) -> Markup:
        """What is being lost at this moment: above everything else."""
        silent = [alarm for alarm in self._found.alarms if alarm.kind == _LOST]
        if not silent:
            return Markup()
        text = self._words.of("answer_lost", channel=self._some([alarm.channel for alarm in silent]))
        return answer_panel("bad", text, reasons=map(self._alarm_line, silent), is_alert=True)

    def _answer(self) -> Markup:
        words, found = self._words, self._found
        answer, lessons = found.outlook.answer, found.outlook.lessons
        first = lessons[0] if lessons else None
        sentence = words.of(
            "answer_none" if answer == "none" else f"next_{answer}",
            when=words.when(first.start, found.now, self._services.zone) if first else "",
            lessons=self._some([self._in_room(lesson.title, found.rooms[lesson.camera_id].name) for lesson in lessons]),
        )
        return answer_panel(
            HEALTH[answer],
            sentence,
            question=words["question"],
            reasons=[*map(self._reason, found.outlook.reasons), *self._others()],
            now_line=self._now(),
        )

    def _others(self) -> list[str]:
        count = self._found.outlook.others
        return [self._words.of("others_well", count=count)] if count else []

    def _some(self, names: list[str]) -> str:
        shown = list(dict.fromkeys(names))
        text = self._words.listed(shown[:SHOWN_NAMES])
        if len(shown) <= SHOWN_NAMES:
            return text
        return f"{text} {self._words.of('more_channels', count=len(shown), rest=len(shown) - SHOWN_NAMES)}"

    def _reason(self, reason: Reason) -> str:
        text = self._words.of(f"doubt_{reason.doubt}", channel=reason.where)
        return f"{text} ({self._words.cause(reason.cause)})" if reason.cause else text

    def _in_room(self, title: str, room: str) -> str:
        return self._words.of("in_room", title=title, room=room)

    def _now(self) -> str:
        words = self._words
        on = [
            self._in_room(title or words["by_hand"], channel.name)
            for channel in self._found.channels
            for title in channel.recording
        ]
        return words.of("now_on", what=self._some(on)) if on else words["now_nothing"]

    def _alarm_line(self, alarm: AlarmLine) -> str:
        words = self._words
        since = f"{words['since']} {self._visit.since(alarm.since)}"
        return " · ".join(filter(None, (f"{alarm.channel}: {words.alarm(alarm.kind)}", since, words.why(alarm))))


PAGE = Page(
    "/",
    ("总览", "Overview"),
    view,
    words=_WORDS,
    beside=beside,
    refreshes=True,
    style="storage.css",
    room=__package__,
)
