"""What codes mean, in the page's language. Chinese is the documents' own; English has a sentence for each code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from agent.standalone.api.envelope import MESSAGES, ApiError, Err
from agent.wire import codes
from agent.wire.codes import Code
from agent.wire.models import Answer

ENGLISH: Mapping[int, str] = {
    Err.OK: "Saved.",
    Err.BAD_UNIONID: "This is not a credential.",
    Err.UNKNOWN_UNIONID: "Nobody has this credential.",
    Err.NO_PERMISSION: "Only an administrator may do this.",
    Err.NO_TOKEN: "You are not signed in.",
    Err.TOKEN_FAILED: "No token could be made.",
    Err.BAD_TOKEN: "This form is of another session: please load the page again.",
    Err.TOKEN_EXPIRED: "Your time is over: please sign in again.",
    Err.NO_NAME: "A name is missing.",
    Err.NO_ADDRESS: "An address is missing.",
    Err.NO_ID: "Nothing is chosen, or it does not exist (any more).",
    Err.BAD_TIME: "This is no valid time.",
    Err.OVERLAP: "It overlaps another lesson of this channel.",
    Err.CROSS_DAY: "A lesson may not go on past midnight.",
    Err.NO_ENDPOINT: "There is no such order.",
    Err.NOT_GET: "This address cannot be asked this way.",
    Err.INTERNAL: "Something went wrong on the server; its log says what.",
}
_CHINESE: Mapping[int, str] = {
    Err.OK: "已保存。",
    Err.NO_PERMISSION: "只有管理员可以执行此操作。",
    Err.NO_TOKEN: "尚未登录。",
    Err.BAD_TOKEN: "表单已失效，请刷新页面。",
}
"""Where the document's message speaks of a program's mistake and people read it."""
AGENT: Mapping[int, tuple[str, str]] = {
    Code.OK: ("采集端已执行。", "The recorder has done it."),
    Code.NOT_CONNECTED: ("没有建立连接。", "There is no connection."),
    Code.AGENT_OFFLINE: (
        "已保存；采集端离线，连接后自动执行。",
        "Saved. The recorder is offline; it gets this as soon as it is back.",
    ),
    Code.SEND_FAILED: (
        "已保存；与采集端的连接中断，恢复后自动执行。",
        "Saved. The connection to the recorder broke; it gets this when it is back.",
    ),
    Code.NO_DATA: ("没有JSON数据参数。", "The order had no data."),
    Code.UNKNOWN_COMMAND: ("采集端版本过旧，不认识该命令。", "The recorder is too old to know this order."),
    Code.NO_LIVE_SERVER: ("没有找到在线的直播服务器。", "There is no live server."),
    Code.NO_MAC: ("没有找到采集端的MAC地址", "The recorder's MAC address is not known."),
    Code.PUSH_FAILED: ("直播推流失败。", "The live picture could not be sent."),
    Code.NO_SUCH_CAMERA: ("采集端没有这个通道。", "The recorder has no such channel."),
    Code.BAD_DATA: ("命令数据格式不正确。", "The recorder could not read the order."),
    Code.NOT_RECORDING: ("该通道没有正在进行的手动录像。", "Nothing is being recorded by hand on this channel."),
    Code.NO_PICTURE: ("暂时无法截图。", "No picture can be taken at the moment."),
    Code.TIMED_OUT: ("已保存；采集端应答超时。", "Saved. The recorder did not answer in time."),
    Code.FAILED: ("采集端执行命令失败。", "The recorder could not do it."),
    Code.CAMERA_STOPPED: ("通道已停止。", "The channel is stopped."),
    Code.CAMERA_OFFLINE: ("通道离线，暂无画面。", "The channel is offline; there is no picture."),
    Code.DEVICE_REFUSES: ("摄像机没有执行。", "The camera does not do it."),
}
_TIMES = re.compile(r"\d\d:\d\d:\d\d ~ \d\d:\d\d:\d\d")


def of_code(code: Err, language: str) -> str:
    """What a code of API v1 says."""
    return ENGLISH[code] if language == "en" else _CHINESE.get(code, MESSAGES[code])


def of_error(error: ApiError, language: str) -> str:
    """What went wrong, with the times of the other lesson where two overlap."""
    if language != "en":
        return str(error)
    times = _TIMES.search(error.detail)
    return f"{ENGLISH[error.code]} {times[0]}" if times else ENGLISH[error.code]


def of_transmit(transmit: str, language: str) -> dict[str, Any] | None:
    """What the agents made of it, as `of_answer`; None where no agent was concerned."""
    return of_answer(Answer.model_validate({"id": "", **json.loads(transmit)}), language) if transmit else None


def of_answer(answer: Answer, language: str) -> dict[str, Any]:
    """An agent's answer: `done`, `err_code`, and a sentence, with the agent's own reason where it gave one."""
    pair = AGENT.get(answer.err_code)
    sentence = answer.err_msg if pair is None else pair[language == "en"]
    if answer.err_code == Code.PUSH_FAILED and (why := str(answer.data.get("en" if language == "en" else "zh", ""))):
        sentence = f"{sentence} {why} ({answer.data.get('detail')})"
    elif pair is not None and answer.err_msg and answer.err_msg != codes.MESSAGES.get(Code(answer.err_code)):
        sentence = f"{sentence} ({answer.err_msg})"
    return {"done": answer.err_code == Code.OK, "err_code": answer.err_code, "sentence": sentence}
