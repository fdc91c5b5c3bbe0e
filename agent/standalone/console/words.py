"""What the console says beyond `agent.web.words`, in Chinese and in English."""

from __future__ import annotations

from agent.web import words
from agent.web.words import Table

_WORDS: Table = {
    "sign_in": ("登录", "Sign in"),
    "sign_out": ("退出", "Sign out"),
    "credential": ("API 凭证", "API credential"),
    "credential_hint": (
        "首次运行时显示在终端，并保存在数据目录的 secrets.json 中。",
        "Shown in the terminal at the first run, and kept in secrets.json in the data folder.",
    ),
    "wrong": ("凭证不正确。", "This is not the credential."),
    "slow_down": ("尝试次数过多，请稍后再试。", "Too many attempts. Please wait a while."),
    "records": ("最近录像", "Recent recordings"),
    "no_records": ("还没有录像。", "There is no recording yet."),
    "unknown": ("等待上报", "not heard of yet"),
    "agent_offline": ("采集端离线", "agent offline"),
    "stopped": ("已停止", "stopped"),
    "slice": ("片段", "part"),
    "repaired": ("断电或崩溃后修复", "repaired after a crash"),
    "watch": ("直播", "Live"),
    "play": ("播放", "Play"),
    "close": ("关闭", "Close"),
    "download": ("下载", "Download"),
    "for_programs": ("接口与接入", "For programs and agents"),
    "enrol_key": ("采集端接入密钥", "Enrol key for agents"),
    "disconnected": ("与服务器的连接已断开，正在重试…", "The server cannot be reached; trying again…"),
    "not_found": ("没有这个录像。", "There is no such recording."),
    "since": ("自", "since"),
}


class Words(words.Words):
    """The console's words in one language."""

    def __init__(self, language: str) -> None:
        super().__init__(language, _WORDS)
