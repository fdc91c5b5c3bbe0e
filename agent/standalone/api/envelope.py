"""Codes and messages of API v1, in the document's words, and the envelope around every answer."""

from __future__ import annotations

import json
import re
from enum import IntEnum
from typing import Any

from aiohttp import web

_NAME = re.compile(r"[a-z]+_[a-z_]+")


class Err(IntEnum):
    """`err_code`. 404, 405 and 500 are not in the document: they answer what is no call of API v1."""

    OK = 0
    BAD_UNIONID = 1001
    UNKNOWN_UNIONID = 1002
    NO_PERMISSION = 1003
    NO_TOKEN = 1004
    TOKEN_FAILED = 1005
    BAD_TOKEN = 1006
    TOKEN_EXPIRED = 1007
    NO_NAME = 1008
    NO_ADDRESS = 1009
    NO_ID = 1010
    BAD_TIME = 1011
    OVERLAP = 1012
    CROSS_DAY = 1013
    NO_ENDPOINT = 404
    NOT_GET = 405
    INTERNAL = 500


MESSAGES: dict[Err, str] = {
    Err.OK: "OK",
    Err.BAD_UNIONID: "无效的 unionid",
    Err.UNKNOWN_UNIONID: "没有找到 unionid 指定的帐号",
    Err.NO_PERMISSION: "unionid 对应的帐号没有接口访问权限",
    Err.NO_TOKEN: "没有凭证，请确认参数",
    Err.TOKEN_FAILED: "生成 token 过程中发生错误",
    Err.BAD_TOKEN: "解析 token 失败",
    Err.TOKEN_EXPIRED: "凭证已过期，请重新获取",
    Err.NO_NAME: "没有名称，请确认参数",
    Err.NO_ADDRESS: "没有地址，请确认参数",
    Err.NO_ID: "没有编号，请确认参数",
    Err.BAD_TIME: "输入日期格式不正确",
    Err.OVERLAP: "输入时间与已有时间发生重叠",
    Err.CROSS_DAY: "不支持跨天任务",
    Err.NO_ENDPOINT: "没有这个接口",
    Err.NOT_GET: "接口只支持 GET 方法",
    Err.INTERNAL: "服务器内部错误",
}


class ApiError(Exception):
    """A call that fails with a documented code. `detail` says more than the document's message and follows it; `field`
    is the parameter it is about, by default the one that `detail` begins with.
    """

    def __init__(self, code: Err, detail: str = "", *, field: str = "") -> None:
        super().__init__(MESSAGES[code] + (f"，{detail}" if detail else ""))
        self.code = code
        self.detail = detail
        named = _NAME.match(detail)
        self.field = field or (named[0] if named else "")


def done(**fields: Any) -> dict[str, Any]:
    """The answer of a call that succeeded."""
    return {"err_code": int(Err.OK), "err_msg": MESSAGES[Err.OK], **fields}


def failed(error: ApiError) -> dict[str, Any]:
    """The answer of a call that failed."""
    return {"err_code": int(error.code), "err_msg": str(error)}


def respond(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """JSON with Chinese text as it is. API v1 answers 200 also to a call that fails: the code is in the body."""
    text = json.dumps(body, ensure_ascii=False)
    return web.Response(
        status=status,
        text=text,
        content_type="application/json",
        charset="utf-8",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
