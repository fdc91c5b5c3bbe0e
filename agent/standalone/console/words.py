"""What the console says beyond `agent.web.words`, in Chinese and in English. A page's own words stand with the page."""

from __future__ import annotations

from aiohttp import web

from agent.web import words
from agent.web.serving import language_of
from agent.web.words import Table

_WORDS: Table = {
    "menu": ("菜单", "Menu"),
    "sign_in": ("登录", "Sign in"),
    "sign_out": ("退出", "Sign out"),
    "set_up": ("开始使用", "Begin"),
    "welcome": (
        "欢迎！请设置管理员的名称和密码，今后用它登录。",
        "Welcome! Choose a name and a password: you sign in with them from now on.",
    ),
    "person_name": ("用户名", "Name"),
    "password": ("密码", "Password"),
    "again": ("再次输入密码", "The password once more"),
    "password_hint": ("至少 10 个字符，任意字符均可。", "At least 10 characters, whatever they are."),
    "set_up_code": ("初始化码", "Set-up code"),
    "set_up_code_hint": (
        "显示在服务器的终端或日志中；在服务器本机打开控制台则不需要。",
        "It stands in the server's terminal or log. On the server's own machine none is needed.",
    ),
    "wrong_code": ("初始化码不正确。", "This is not the set-up code."),
    "bad_name": ("用户名须为 1 到 64 个可见字符。", "A name has 1 to 64 visible characters."),
    "bad_password": (
        "密码须为 10 到 200 个字符，且不能与用户名相同。",
        "A password has 10 to 200 characters, and is not the name.",
    ),
    "not_twice": ("两次输入的密码不一致。", "The two passwords differ."),
    "has_owner": ("管理员已经设置，请登录。", "There is an owner already: please sign in."),
    "forgotten": (
        "忘记密码？在服务器上运行 gather-agent password。",
        "Forgotten? On the server's own machine: gather-agent password",
    ),
    "wrong": ("用户名或密码不正确。", "Name or password is wrong."),
    "slow_down": ("尝试次数过多，请稍后再试。", "Too many attempts. Please wait a while."),
    "administrator": ("管理员", "administrator"),
    "viewer": ("只读用户", "viewer"),
    "only_administrators": ("此页面仅管理员可见。", "This page is for administrators."),
    "yes": ("确定", "Yes"),
    "no": ("取消", "No"),
    "save": ("保存", "Save"),
    "add": ("添加", "Add"),
    "cancel": ("取消", "Cancel"),
    "delete": ("删除", "Delete"),
    "edit": ("修改", "Edit"),
    "copy": ("复制", "Copy"),
    "copied": ("已复制。", "Copied."),
    "unknown": ("等待上报", "not heard of yet"),
    "agent_offline": ("采集端离线", "recorder offline"),
    "stopped": ("已停止", "stopped"),
    "watch": ("直播", "Live"),
    "play": ("播放", "Play"),
    "close": ("关闭", "Close"),
    "download": ("下载", "Download"),
    "disconnected": ("与服务器的连接已断开，正在重试…", "The server cannot be reached; trying again…"),
    "since": ("自", "since"),
}


PAGE_WORDS: web.AppKey[dict[str, tuple[str, str]]] = web.AppKey("page_words")
"""The titles of all pages by path, which the menu needs everywhere."""


def pair(key: str) -> tuple[str, str]:
    """What the console says in both languages."""
    return _WORDS[key]


class Words(words.Words):
    """The console's words in one language, and those of its pages."""

    def __init__(self, language: str, own: Table | None = None) -> None:
        super().__init__(language, {**_WORDS, **(own or {})})


def words_of(request: web.Request) -> Words:
    """The words for a visitor."""
    return Words(language_of(request), request.app.get(PAGE_WORDS))
