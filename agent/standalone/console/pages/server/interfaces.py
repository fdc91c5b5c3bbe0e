"""For programs: the address of API v1, its credential, its description."""

from __future__ import annotations

import asyncio
from typing import Any

from agent.standalone.api.envelope import ApiError, Err
from agent.standalone.api.openapi import NAME
from agent.standalone.api.params import Kind, Param, Params
from agent.standalone.console import fields
from agent.standalone.console.site import Action, Page
from agent.standalone.console.visit import Visit
from agent.standalone.keys import TOKEN_SECONDS
from agent.standalone.store import tokens
from agent.web.markup import Markup, asset, html
from agent.web.words import Table

_WORDS: Table = {
    "address": ("接口地址", "Address"),
    "credential": ("API 凭证（unionid）", "API credential (unionid)"),
    "credential_hint": (
        "程序用它换取有效期 {minutes} 分钟的 token。它等同于管理员密码，请勿外传。",
        "Programs exchange it for a token that is good for {minutes} minutes. It is worth an administrator's password.",
    ),
    "reveal": ("显示凭证", "Show the credential"),
    "replace": ("更换凭证", "Replace the credential"),
    "replace_hint": (
        "更换后，使用旧凭证和现有 token 的程序立即失效；直播播放地址也会失效。",
        "Programs with the former credential or a token of it are locked out at once; addresses of live pages end too.",
    ),
    "sure_replace": ("确定更换 API 凭证吗？使用旧凭证的程序会立即失效。", "Replace the API credential?"),
    "try_it": ("示例", "For example"),
    "described": ("接口描述（OpenAPI）", "Its description (OpenAPI)"),
}


async def view(visit: Visit) -> Markup:
    """The page."""
    words = visit.words
    url = f"{visit.services.base_url(visit.request)}/api/v1/"
    return html(
        asset("interfaces.html", __package__),
        address_title=words["address"],
        address=fields.copied("api-address", url, words["copy"], words["copied"]),
        credential_title=words["credential"],
        hint=words["credential_hint"].format(minutes=TOKEN_SECONDS // 60),
        reveal=words["reveal"],
        credential=fields.copied("api-credential", visit.services.keys.credential, words["copy"], words["copied"]),
        try_it=words["try_it"],
        example=f"curl '{url}access_token?unionid=…'\ncurl '{url}list_camera?token=…&per=10&cur=1'",
        described=words["described"],
        document=f"/api/v1/{NAME}",
        replace_title=words["replace"],
        replace_hint=words["replace_hint"],
        replace=fields.press("replace_credential", words["replace"], sure=words["sure_replace"], is_danger=True),
    )


async def _replace(visit: Visit, _params: Params) -> dict[str, Any]:
    await asyncio.to_thread(visit.services.keys.replace_credential)
    await visit.read(tokens.revoke_all)
    return {}


async def _revoke(visit: Visit, params: Params) -> dict[str, Any]:
    if not await visit.read(tokens.revoke, params.number("token_id")):
        raise ApiError(Err.NO_ID, "token_id 不存在")
    return {}


PAGE = Page(
    "/console/api",
    ("接口", "API"),
    view,
    words=_WORDS,
    actions=(
        Action("replace_credential", _replace),
        Action("revoke_token", _revoke, (Param("token_id", Kind.ID, missing=Err.NO_ID),)),
    ),
    administrators_only=True,
)
