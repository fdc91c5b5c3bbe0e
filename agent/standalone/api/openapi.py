"""The OpenAPI document of API v1, made of the descriptions by which calls are answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent import __version__
from agent.standalone.api.call import Change, Endpoint
from agent.standalone.api.envelope import MESSAGES, Err
from agent.standalone.api.fields import FIELDS
from agent.standalone.api.params import Kind, Param

NAME = "openapi.json"
_LIST = ("total_num", "max_page", "cur_page", "per_page")
_TAGS = (
    ("_school", "学校 / schools"),
    ("_subject", "科目 / subjects"),
    ("_grade", "年级 / grades"),
    ("_teacher", "教师 / teachers"),
    ("_gather", "采集端 / agents"),
    ("_camera", "通道 / channels"),
    ("_record", "录像 / recordings"),
    ("_course", "录像任务 / courses"),
    ("", "系统 / server"),
)
_INTRODUCTION = """\
所有请求都使用 GET；参数可以写成 `?name=value&…`，也可以写成 `/name/value/…`（值中的 `/` 写作 `%2F`）。\
除 `version` 与 `access_token` 外都需要 `token`。失败的调用同样返回 HTTP 200，由 `err_code` 说明。

Every call is a GET. Parameters may also be written as path, `/api/v1/<endpoint>/<name>/<value>/…`, with `%2F` for a `/`
in a value. All but `version` and `access_token` need a `token`. A call that fails answers HTTP 200
too: `err_code` tells why."""


def document(endpoints: Iterable[Endpoint | Change], url: str, numbers_as_strings: bool) -> dict[str, Any]:
    """The document of a server at this address."""
    endpoints = tuple(endpoints)
    return {
        "openapi": "3.1.0",
        "info": {"title": "云录播 API v1", "version": __version__, "description": _INTRODUCTION},
        "servers": [{"url": url}],
        "tags": [{"name": name} for _, name in _TAGS],
        "paths": {
            f"/api/v1/{endpoint.name}": {"get": _operation(endpoint, numbers_as_strings)} for endpoint in endpoints
        },
        "components": {
            "schemas": {name: _schema(name) for name in sorted(_used(endpoints))},
            "responses": {
                "NotGet": _response("不是 GET / not a GET", _failure((Err.NOT_GET,))),
                "Internal": _response("服务器内部错误 / the server failed", _failure((Err.INTERNAL,))),
            },
            "securitySchemes": {"token": {"type": "apiKey", "in": "query", "name": "token"}},
        },
    }


def _operation(endpoint: Endpoint | Change, numbers_as_strings: bool) -> dict[str, Any]:
    codes = "\n".join(f"- `{int(code)}` {MESSAGES[code]}" for code in endpoint.codes)
    return {
        "operationId": endpoint.name,
        "summary": " / ".join(endpoint.title),
        "description": f"{endpoint.section}\n\n{codes}".strip(),
        "tags": [next(tag for ending, tag in _TAGS if endpoint.name.removesuffix("_status").endswith(ending))],
        "parameters": [_parameter(param) for param in endpoint.all_params if param.name != "token"],
        "security": [] if endpoint.open_to_all else [{"token": []}],
        "responses": {
            "200": _response("OK", _answer(endpoint, numbers_as_strings)),
            "405": {"$ref": "#/components/responses/NotGet"},
            "500": {"$ref": "#/components/responses/Internal"},
        },
    }


def _parameter(param: Param) -> dict[str, Any]:
    field = FIELDS[param.name]
    schema: dict[str, Any] = {"type": "string" if param.kind in (Kind.TEXT, Kind.IDS) else "integer"}
    if param.kind is Kind.ID:
        schema |= {"minimum": 0, "maximum": 10**18 - 1}
    if param.kind is Kind.IDS:
        schema |= {"pattern": r"^[0-9]{1,18}(,[0-9]{1,18})*$", "examples": ["1,2,3"]}
    if param.kind is Kind.TEXT and param.missing is not None:
        schema["minLength"] = 1
    if param.kind is Kind.TEXT and param.name == "start_time":
        schema |= {"pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$", "examples": ["10:30:30"]}
    return {
        "name": param.name,
        "in": "query",
        "required": param.missing is not None,
        "description": f"{field.zh} / {field.en}",
        "schema": schema,
    }


def _answer(endpoint: Endpoint | Change, numbers_as_strings: bool) -> dict[str, Any]:
    """What comes with HTTP 200: the documented answer, or a code."""
    if endpoint.name == "version":  # 3.1 has no envelope
        return _object({name: _reference(name) for name in endpoint.answers})
    fields: dict[str, Any] = {"err_code": {"const": 0}, "err_msg": {"const": MESSAGES[Err.OK]}}
    fields |= {name: _reference(name) for name in endpoint.answers}
    if isinstance(endpoint, Change):
        fields["transmit"] = _reference("transmit")
    if endpoint.rows:
        fields |= {name: _reference(name) for name in _LIST}
        row = {name: _in_row(name, numbers_as_strings) for name in endpoint.rows}
        fields["data"] = {"type": "array", "items": _object(row)}
    return {"oneOf": [_object(fields), _failure(endpoint.codes)]}


def _failure(codes: Iterable[Err]) -> dict[str, Any]:
    return _object({"err_code": {"enum": [int(code) for code in codes]}, "err_msg": {"type": "string"}})


def _in_row(name: str, numbers_as_strings: bool) -> dict[str, Any]:
    if numbers_as_strings and FIELDS[name].type == "integer":
        return {"type": "string", "pattern": "^-?[0-9]+$"}
    return _reference(name)


def _used(endpoints: Iterable[Endpoint | Change]) -> set[str]:
    found = {*_LIST, "transmit"}
    for endpoint in endpoints:
        found |= {*endpoint.answers, *endpoint.rows}
    return found


def _schema(name: str) -> dict[str, Any]:
    field = FIELDS[name]
    limits = {"minimum": field.least, "maximum": field.most}
    return {
        "type": field.type,
        "description": f"{field.zh} / {field.en}",
        **{limit: value for limit, value in limits.items() if value is not None},
    }


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
