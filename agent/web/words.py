"""What the pages say, in Chinese and in English: the words that both have, and a class for all of a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

LANGUAGES = {"zh": "zh-CN", "en": "en"}

Table = Mapping[str, tuple[str, str]]
"""By key: Chinese, English."""

COMMON: Table = {
    "other_language": ("English", "中文"),
    "channels": ("通道", "Channels"),
    "no_channels": ("还没有通道。", "There is no channel yet."),
    "lessons": ("今日课程", "Today's lessons"),
    "no_lessons": ("今天没有课程。", "There are no lessons today."),
    "no_picture": ("暂无画面", "No picture yet"),
    "online": ("在线", "online"),
    "offline": ("离线", "offline"),
    "idle": ("未在录像", "not recording"),
    "recording": ("正在录像", "recording"),
    "by_hand": ("手动录像", "by hand"),
    "picture_of": ("画面时间", "picture of"),
    "state_upcoming": ("未开始", "upcoming"),
    "state_on": ("正在录像", "recording"),
    "state_silent": ("应录未录", "should be recording"),
    "state_done": ("已完成", "done"),
    "state_unreported": ("无录像", "nothing recorded"),
    "state_partly": ("不完整", "incomplete"),
    "state_missed": ("没有录到", "missed"),
    "state_unheard": ("结果未知", "not known yet"),
    "state_closing": ("等待结果", "closing"),
    "coverage": ("完整度", "coverage"),
    "complete": ("完整，无缺失", "complete, nothing missing"),
    "gaps": ("缺失", "missing"),
    "more_gaps": ("另有 {count} 处缺失，共 {time}", "{count} more gap{s}, {time} in all"),
    "seconds": ("秒", "s"),
    "as_of": ("更新于", "as of"),
    "question": ("下一节课能录上吗？", "Will the next lesson be recorded?"),
    "answer_yes": ("能。{when}，{what}，{channel}。", "Yes, {when}: {what}, {channel}."),
    "answer_doubtful": ("很可能。{when}，{what}，{channel}。", "Probably, {when}: {what}, {channel}."),
    "answer_no": (
        "照现状录不上。{when}，{what}，{channel}。",
        "Not as things stand: {when}, {what}, {channel}.",
    ),
    "answer_none": ("未来一周没有课程安排。", "No lesson is planned for the coming week."),
    "answer_lost": ("现在应录而未录：{channel}。", "Right now {channel} should be recorded and is not."),
    "doubt_not_recording": ("{channel}：没有录上", "{channel} records nothing"),
    "doubt_camera_away": ("{channel}：摄像机不可用", "{channel}: the camera is not available"),
    "doubt_camera_starting": ("{channel}：摄像机正在连接", "{channel}: the camera is being connected"),
    "today": ("今天", "today"),
    "tomorrow": ("明天", "tomorrow"),
    "weekdays": ("星期一 星期二 星期三 星期四 星期五 星期六 星期日", "Mon Tue Wed Thu Fri Sat Sun"),
    "alarms": ("告警", "Alarms"),
    "why_dark": (
        "除最亮的二十分之一外，亮度都低于 {luma:.0f}",
        "all but the brightest twentieth is below luma {luma:.0f}",
    ),
    "why_still": (
        "{sec:.0f} 秒内仅 {percent:.1f}% 的像素有变化",
        "{percent:.1f}% of the pixels changed in {sec:.0f} s",
    ),
    "why_quiet": ("电平 {dbfs:.0f} dBFS", "the level is {dbfs:.0f} dBFS"),
    "why_digital_silence": ("声音数据全为零", "the sound is a digital zero"),
    "why_no_sound_track": ("摄像头没有送出音轨", "the camera sends no sound track"),
    "why_sound_stays_away": ("收不到声音数据", "the sound's packets stay away"),
    "why_no_recorder": ("录制进程未运行", "no recorder"),
    "why_connecting": ("正在连接摄像头", "connecting"),
    "why_waiting": ("等待重新连接摄像头", "waiting"),
    "why_down": ("通道未连接", "down"),
    "why_idle": ("主码流未连接", "idle"),
    "cause_unreachable": ("无法连接摄像头", "camera unreachable"),
    "cause_unauthorized": ("摄像头拒绝用户名或密码", "camera refused user or password"),
    "away_unauthorized": (
        "更正后请重新启动通道；为免账号被锁定，约每 15 分钟才重试一次",
        "start the channel anew when it is right: it is tried about every 15 minutes only, as cameras lock",
    ),
    "cause_not_found": ("没有这个流或文件", "no such stream or file"),
    "cause_timeout": ("摄像头应答超时", "camera did not answer in time"),
    "cause_stalled": ("画面中断", "stream fell silent"),
    "cause_ended": ("摄像头关闭了流", "camera closed the stream"),
    "cause_unusable": ("码流无法录制", "stream cannot be recorded"),
    "cause_refused_url": ("地址不允许", "address not allowed"),
    "cause_disk": ("磁盘写入失败", "disk failed"),
    "cause_overflow": ("磁盘过慢", "disk too slow"),
    "cause_packet_loss": ("网络丢包", "packets lost"),
    "cause_sound_lost": ("声音丢包，画面完整", "sound lost, the picture is there"),
    "cause_restart": ("录制进程重启", "recorder restarted"),
    "cause_late": ("开始晚了", "began late"),
    "cause_clock": ("本机时钟被调快", "this machine's clock was set forward"),
    "cause_asleep": ("本机休眠", "this machine slept"),
    "cause_no_key_frame": ("没有关键帧", "no key frame"),
    "cause_unreported": ("采集端没有这节课的记录", "the recorder knows nothing of it"),
    "cause_silent": ("应录未录", "should be recording and is not"),
    "cause_agent_offline": ("采集端离线，结果未知", "recorder offline, not known yet"),
    "cause_stopped": ("手动停止", "stopped by hand"),
    "alarm_not_recording": ("应录未录", "should be recording and is not"),
    "alarm_black": ("画面全黑", "the picture is black"),
    "alarm_frozen": ("画面静止", "the picture stands still"),
    "alarm_silent": ("没有声音", "the sound is silent"),
    "alarm_no_audio": ("缺少音轨", "no sound arrives"),
}


class Told(Protocol):
    """What was told of an alarm."""

    @property
    def why(self) -> str:
        """One word: `why_<word>` or `cause_<word>` is its sentence."""
        ...

    @property
    def figures(self) -> Mapping[str, float]:
        """The numbers in its sentence."""
        ...

    @property
    def detail(self) -> str:
        """The sentence in English."""
        ...


class Words:
    """The words of one language: the common ones and a page's own."""

    def __init__(self, language: str, own: Table) -> None:
        self.language = language if language in LANGUAGES else "zh"
        self._column = list(LANGUAGES).index(self.language)
        self._own = own

    @property
    def tag(self) -> str:
        """The language as HTML names it."""
        return LANGUAGES[self.language]

    @property
    def other(self) -> str:
        """The other language."""
        return "en" if self.language == "zh" else "zh"

    def __getitem__(self, key: str) -> str:
        pair = self._own.get(key) or COMMON[key]
        return pair[self._column]

    def of(self, key: str, **values: object) -> str:
        """A sentence, filled in; `{s}` in it is the English plural's of `count`."""
        return self[key].format(**{"s": "" if values.get("count") == 1 else "s"} | values)

    def listed(self, names: Iterable[str]) -> str:
        """Names one after the other, as the language separates them."""
        return ("、" if self.language == "zh" else ", ").join(names)

    def when(self, unix: float, now: float, zone: ZoneInfo) -> str:
        """`today 14:00`, `tomorrow 08:00`, `Mon 08:00`, and with the date where it is further away than six days."""
        then, today = datetime.fromtimestamp(unix, zone), datetime.fromtimestamp(now, zone)
        days = (then.date() - today.date()) // timedelta(days=1)
        if days in (0, 1):
            day = self["today" if days == 0 else "tomorrow"]
        else:
            day = self["weekdays"].split()[then.weekday()]
            if not 0 <= days < 7:
                day = f"{then:%Y-%m-%d}"
        return f"{day} {then:%H:%M}"

    def cause(self, cause: str) -> str:
        """A gap's or a channel's cause; one that is not known here as it came."""
        return self._known("cause", cause)

    def trouble(self, cause: str) -> str:
        """Why a channel is away, and what to do where waiting does not mend it; empty where no cause is known."""
        advice = COMMON.get(f"away_{cause}")
        return "; ".join(filter(None, (cause and self.cause(cause), advice[self._column] if advice else "")))

    def alarm(self, kind: str) -> str:
        """What stands wrong; a kind that is not known here as it came."""
        return self._known("alarm", kind)

    def why(self, alarm: Told) -> str:
        """Why an alarm stands. A word that is not known here (a newer agent's), or none (an older one's): as it came.

        Where the word has no figures, an English reader also gets the detail: an address, an errno.
        """
        pair = COMMON.get(f"why_{alarm.why}") or COMMON.get(f"cause_{alarm.why}")
        if pair is None:
            return alarm.detail
        try:
            said = pair[self._column].format_map(alarm.figures)
        except (LookupError, ValueError):
            return alarm.detail
        is_more = self.language == "en" and not alarm.figures and alarm.detail not in (said, alarm.why)
        return ": ".join(filter(None, (said, alarm.detail if is_more else "")))

    def _known(self, what: str, word: str) -> str:
        pair = COMMON.get(f"{what}_{word}")
        return pair[self._column] if pair else word


def preferred(accept_language: str) -> str:
    """The language that an `Accept-Language` header likes best; Chinese when it likes neither."""
    best, chosen = 0.0, "zh"
    for part in accept_language.lower().split(","):
        match = re.fullmatch(r"\s*([a-z]{1,8})(?:-[a-z0-9-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*", part)
        if match and match[1] in LANGUAGES and (quality := float(match[2] or 1)) > best:
            best, chosen = quality, match[1]
    return chosen
