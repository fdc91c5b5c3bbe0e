"""What the local page says beyond `agent.web.words`, in Chinese and in English."""

from __future__ import annotations

from agent.view.outlook import Outlook, Reason
from agent.web import words
from agent.web.words import Table

_WORDS: Table = {
    "doubt_no_channel": ("{channel}：采集端没有这个通道", "{channel} is no channel of this recorder"),
    "doubt_disk_full": ("磁盘空间不足", "the disk is too full for it"),
    "doubt_disk_missing": ("录像磁盘未挂载", "the disk of the recordings is not mounted"),
    "doubt_disk_read_only": ("录像磁盘为只读", "the disk of the recordings is read-only"),
    "doubt_disk_failing": ("录像磁盘无法写入", "the disk of the recordings takes nothing"),
    "now_on": ("正在录制：{what}，{channel}，至 {until}。", "Recording now: {what}, {channel}, until {until}."),
    "now_open": ("正在录制：{what}，{channel}。", "Recording now: {what}, {channel}."),
    "now_nothing": ("当前没有课程需要录制。", "Nothing is due right now."),
    "lesson_number": ("课程 {number}", "lesson {number}"),
    "channel_number": ("通道 {number}", "channel {number}"),
    "no_alarms": ("没有告警。", "No alarm."),
    "since": ("自 {time} 起，已 {length}", "since {time}, for {length}"),
    "times": ("第 {times} 次", "time {times}"),
    "off": ("已停止", "off"),
    "starting": ("启动中", "starting"),
    "connecting": ("连接中", "connecting"),
    "waiting": ("不可用，重试中", "not available, tried again"),
    "down": ("离线", "down"),
    "due_silent": ("应录未录", "should be recording"),
    "sub_stream": ("子码流", "sub stream"),
    "live_live": ("正在直播到 {target}，自 {time} 起", "live at {target} since {time}"),
    "live_connecting": ("正在连接直播服务器 {target}", "connecting to {target} for live"),
    "live_waiting": ("直播到 {target} 等待中：{detail}", "live at {target} waits: {detail}"),
    "live_retry": ("{time} 重试", "next try at {time}"),
    "restarts": ("录像进程重启 {count} 次", "restarts of the recorder: {count}"),
    "state_not_due": ("无需录制", "not due"),
    "open_end": ("直到停止", "until stopped"),
    "queue": ("上传", "Uploads"),
    "queue_empty": ("没有待上传的录像。", "Nothing waits to be uploaded."),
    "queue_waiting": (
        "{files} 个切片待交付，共 {size}；最早的是 {oldest}。",
        "{files} slices to deliver, {size}; the oldest is of {oldest}.",
    ),
    "queue_paused": ("上传已暂停。", "Uploads are paused."),
    "queue_kept": ("未配置服务器：{files} 个切片保留在本机。", "No server is configured: {files} slices stay here."),
    "queue_more": ("另有 {count} 个", "{count} more"),
    "up_uploading": ("上传中", "on its way"),
    "up_waiting": ("等待", "waiting"),
    "up_retrying": ("第 {attempts} 次失败，将重试", "failed {attempts} times, tried again"),
    "up_paused": ("已暂停", "paused"),
    "up_stored": ("已存储，待确认", "stored, to be confirmed"),
    "machine": ("本机", "This machine"),
    "disk_free": ("录像磁盘剩余", "Free on the disk of the recordings"),
    "server": ("服务器", "Server"),
    "no_server": ("未配置", "none configured"),
    "link_offline": ("未连接", "not connected"),
    "link_registering": ("注册中", "registering"),
    "link_registered": ("已注册，中转未连接", "registered, relay not connected"),
    "link_connected": ("已连接", "connected"),
    "version": ("版本", "Version"),
    "disconnected": ("采集程序没有应答，正在重试…", "The recorder does not answer; trying again…"),
    "read_only": (
        "此页面只读，仅供本机查看。",
        "This page is read-only and answers this machine only.",
    ),
    "read_only_open": ("此页面只读。", "This page is read-only."),
}


class Words(words.Words):
    """The local page's words in one language."""

    def __init__(self, language: str) -> None:
        super().__init__(language, _WORDS)

    def reason(self, reason: Reason) -> str:
        """What speaks against it, with the cause where one is known."""
        text = self.of(f"doubt_{reason.doubt}", channel=reason.channel)
        return f"{text} ({self.cause(reason.cause)})" if reason.cause else text

    def answer(self, found: Outlook, when: str, what: str, channel: str) -> str:
        """Whether the next lesson will be recorded, in one sentence."""
        return self.of(f"answer_{found.answer}", when=when, what=what, channel=channel)
