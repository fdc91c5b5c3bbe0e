"""3.1 and 3.2: the version, and the token that everything else needs."""

from __future__ import annotations

import platform
from typing import Any

from sqlalchemy.orm import Session

from agent import __version__
from agent.standalone.api.call import Call, Endpoint
from agent.standalone.api.envelope import ApiError, Err, done
from agent.standalone.api.params import Param
from agent.standalone.keys import looks_like_credential
from agent.standalone.store import tokens
from agent.standalone.store.tokens import TOKEN_SECONDS


def version(_session: Session, call: Call) -> dict[str, Any]:
    """3.1: no envelope, as documented. `TimeZone` is added: times of courses are in it."""
    system = platform.uname()
    return {
        "API": "v1",
        "Name": call.services.settings.name,
        "Version": __version__,
        "Server": f"{system.system} {system.release} {system.machine}",
        "TimeZone": call.services.zone.key,
    }


def access_token(session: Session, call: Call) -> dict[str, Any]:
    """3.2: a token for the administrator's credential. One that was replaced has no access any more (1003)."""
    unionid = call.params.text("unionid")
    if not looks_like_credential(unionid):
        raise ApiError(Err.BAD_UNIONID)
    keys = call.services.keys
    if not keys.is_credential(unionid):
        raise ApiError(Err.NO_PERMISSION if keys.was_credential(unionid) else Err.UNKNOWN_UNIONID)
    token_id = tokens.issue(session, call.now, call.address, call.program)
    return done(token=keys.api_token(token_id), expires=TOKEN_SECONDS)


ENDPOINTS = (
    Endpoint(
        "version",
        version,
        open_to_all=True,
        section="3.1",
        title=("获取服务器版本信息", "The server's version"),
        answers=("API", "Name", "Version", "Server", "TimeZone"),
    ),
    Endpoint(
        "access_token",
        access_token,
        (Param("unionid", missing=Err.BAD_UNIONID),),
        open_to_all=True,
        section="3.2",
        title=("换取访问凭证", "A token for the API credential"),
        answers=("token", "expires"),
        raises=(Err.UNKNOWN_UNIONID, Err.NO_PERMISSION),
    ),
)
