"""Every call of an endpoint, made over HTTP in both forms of its URL, held against what must come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs

from agent.standalone.api import openapi
from agent.standalone.api.call import Change, Endpoint
from agent.standalone.api.dispatch import ENDPOINTS
from agent.standalone.settings import ServerSettings
from tests.standalone.conformance.cases import READ_BACK, Group, cases_of
from tests.standalone.conformance.world import FORMS, Form, Template, World, world

METHODS = ("POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
Valid = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Observed:
    """What a call was answered with, in words."""

    group: Group
    label: str
    code: int
    said: str


async def observe(endpoint: Endpoint | Change, template: Template, folder: Path) -> list[Observed]:
    """The same calls in both forms; they must be answered alike, and as `cases` says."""
    found = {}
    for form in FORMS:
        settings = ServerSettings(folder / form, timezone="Asia/Shanghai")
        found[form] = await observe_form(endpoint, template, settings, form)
    assert found["query"] == found["path"]
    return found["query"]


async def observe_form(
    endpoint: Endpoint | Change, template: Template, settings: ServerSettings, form: Form
) -> list[Observed]:
    """The calls in one form, on a server with these settings."""
    valid = validator(endpoint)
    async with world(template, settings, form) as here:
        found = [await _methods(endpoint, here)]
        for case in cases_of(endpoint):
            answer = await here.answer(endpoint.name, case)
            valid(answer)
            code = answer.get("err_code", 0)
            assert code == case.code, (endpoint.name, case, answer)
            if case.text:
                list_name, params = READ_BACK[endpoint.name]
                rows = await here.rows(list_name, params)
                assert case.params[case.text] in {row[case.text] for row in rows}, case
            found.append(Observed(case.group, case.label, code, _said(answer)))
        return found


async def _methods(endpoint: Endpoint | Change, here: World) -> Observed:
    for method in METHODS:
        url = here.api.url(endpoint.name, {"token": here.api.token})
        async with here.api.http.request(method, url) as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET"), method
            if method != "HEAD":
                assert await response.json() == {"err_code": 405, "err_msg": "接口只支持 GET 方法"}
    return Observed("method", ", ".join(METHODS), 405, "HTTP 405, 405 接口只支持 GET 方法")


def validator(endpoint: Endpoint | Change) -> Valid:
    """Holds an answer against what the OpenAPI document says of the endpoint; raises where they differ."""
    whole = openapi.document(ENDPOINTS, "http://127.0.0.1", False)
    answers = whole["paths"][f"/api/v1/{endpoint.name}"]["get"]["responses"]["200"]["content"]
    schema = {"components": whole["components"], **answers["application/json"]["schema"]}
    return jsonschema_rs.Draft202012Validator(schema).validate


def _said(answer: dict[str, Any]) -> str:
    """An answer without what differs from run to run."""
    code, message = answer.get("err_code", 0), answer.get("err_msg", "")
    if code:
        return f"{code} {message}"
    if "data" in answer:
        numbers = ", ".join(f"{name} {answer[name]}" for name in ("total_num", "cur_page", "per_page"))
        return f"0, {numbers}, {len(answer['data'])} rows"
    names = [name for name in answer if name not in ("err_code", "err_msg")]
    return ", ".join(["0", *names])
