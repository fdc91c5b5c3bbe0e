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
from agent.standalone.store import tokens
from agent.standalone.store.schema import ApiToken
from agent.standalone.store.tokens import TOKEN_SECONDS
from agent.web.markup import Markup, asset, html
from agent.web.parts import listed
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
    "tokens": ("正在使用的 token", "Tokens that are good now"),
    "tokens_hint": (
        "每个 token 最长有效 {minutes} 分钟。撤销后，使用它的程序立即失效，直到用凭证重新换取。",
        "Each ends by itself after {minutes} minutes. A program whose token is revoked is locked out until it gets a "
        "new one with the credential.",
    ),
    "no_tokens": ("目前没有有效的 token。", "There is none."),
    "made": ("签发于", "made"),
    "seen": ("最近使用", "last used"),
    "revoke": ("撤销", "Revoke"),
    "revoke_all": ("全部撤销", "Revoke all"),
    "sure_revoke": ("确定撤销 {program} 的 token 吗？", "Revoke the token of {program}?"),
    "sure_revoke_all": (
        "确定撤销全部 token 吗？所有程序须用凭证重新换取。",
        "Revoke all tokens? Every program has to get a new one with the credential.",
    ),
    "try_it": ("示例", "For example"),
    "described": ("接口描述（OpenAPI）", "Its description (OpenAPI)"),
}


async def view(visit: Visit) -> Markup:
    """The page."""
    words = visit.words
    good = await visit.read(tokens.open_tokens, visit.now)
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
        tokens_title=words["tokens"],
        tokens_hint=words.of("tokens_hint", minutes=TOKEN_SECONDS // 60),
        tokens=listed((_token(visit, one) for one in good), words["no_tokens"]),
        revoke_all=fields.press("revoke_tokens", words["revoke_all"], sure=words["sure_revoke_all"], is_danger=True)
        if len(good) > 1
        else Markup(),
        replace_title=words["replace"],
        replace_hint=words["replace_hint"],
        replace=fields.press("replace_credential", words["replace"], sure=words["sure_replace"], is_danger=True),
    )


def _token(visit: Visit, one: ApiToken) -> Markup:
    words, since = visit.words, visit.since
    program = one.program or "–"
    about = f"{one.address} · {words['made']} {since(one.made)} · {words['seen']} {since(one.seen)}"
    sure = words.of("sure_revoke", program=f"{program} ({one.address})")
    return html(
        '<li><span>{program}</span> <span class="small">{about}</span> {revoke}</li>',
        program=program,
        about=about,
        revoke=fields.press("revoke_token", words["revoke"], sure=sure, token_id=one.token_id),
    )


async def _replace(visit: Visit, _params: Params) -> dict[str, Any]:
    await asyncio.to_thread(visit.services.keys.replace_credential)
    await visit.read(tokens.revoke_all)
    return {}


async def _revoke(visit: Visit, params: Params) -> dict[str, Any]:
    if not await visit.read(tokens.revoke, params.number("token_id")):
        raise ApiError(Err.NO_ID, "token_id 不存在")
    return {}


async def _revoke_all(visit: Visit, _params: Params) -> dict[str, Any]:
    await visit.read(tokens.revoke_all)
    return {}


PAGE = Page(
    "/console/api",
    ("接口", "API"),
    view,
    words=_WORDS,
    actions=(
        Action("replace_credential", _replace),
        Action("revoke_tokens", _revoke_all),
        Action("revoke_token", _revoke, (Param("token_id", Kind.ID, missing=Err.NO_ID),)),
    ),
    administrators_only=True,
)
