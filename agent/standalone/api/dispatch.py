"""The way of a call: method, name, token, parameters, work, and the agents' answer where a change concerns them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web
from sqlalchemy.orm import Session

from agent.standalone.api import cameras, catalogue, courses, gathers, openapi, records, system
from agent.standalone.api.call import Call, Change, Endpoint, changes_something
from agent.standalone.api.envelope import MESSAGES, ApiError, Err, failed, respond
from agent.standalone.api.params import Params, from_url
from agent.standalone.hub import transmit
from agent.standalone.keys import TokenExpired, TokenInvalid
from agent.standalone.services import SERVICES
from agent.standalone.store import audit, tokens

PREFIX = "/api/v1/"
ENDPOINTS: tuple[Endpoint | Change, ...] = (
    *system.ENDPOINTS,
    *catalogue.ENDPOINTS,
    *gathers.ENDPOINTS,
    *cameras.ENDPOINTS,
    *records.ENDPOINTS,
    *courses.ENDPOINTS,
)
TABLE = {endpoint.name: endpoint for endpoint in ENDPOINTS}

_T = TypeVar("_T")

log = logging.getLogger(__name__)


async def api_v1(request: web.Request) -> web.Response:
    """Answer one call of API v1."""
    if request.method != "GET":
        body = {"err_code": int(Err.NOT_GET), "err_msg": MESSAGES[Err.NOT_GET]}
        return respond(body, 405, {"Allow": "GET"})
    name, _, path = request.rel_url.raw_path.removeprefix(PREFIX).partition("/")
    services = request.app[SERVICES]
    if name == openapi.NAME:
        return respond(openapi.document(ENDPOINTS, services.base_url(request), services.settings.numbers_as_strings))
    endpoint = TABLE.get(name)
    if endpoint is None:
        return respond({"err_code": int(Err.NO_ENDPOINT), "err_msg": MESSAGES[Err.NO_ENDPOINT]}, 404)
    call = Call(
        services,
        Params(from_url(path, request.rel_url.raw_query_string)),
        services.base_url(request),
        services.clock(),
        address=request.remote or "",
        program=request.headers.get("User-Agent", ""),
    )
    try:
        token_id = None if endpoint.open_to_all else _token(call)
        body = await carry_out(endpoint, call, token_id)
    except ApiError as error:
        return respond(failed(error))
    except Exception:  # the boundary of a request: whatever went wrong has to be an answer
        log.exception("API v1 %s failed", name)
        return respond({"err_code": int(Err.INTERNAL), "err_msg": MESSAGES[Err.INTERNAL]}, 500)
    return respond(_old_numbers(body) if services.settings.numbers_as_strings else body)


async def carry_out(endpoint: Endpoint | Change, call: Call, token_id: int | None = None) -> dict[str, Any]:
    """Check the parameters, do the work, and have the agents carry it out; `ApiError` when it fails.

    Whether the token of this number was revoked is asked in the work's own transaction; without a number, who may call
    was asked before. A change is noted (`audit`) there, too.
    """
    services = call.services
    try:
        call.params.check(endpoint.params)
    except ApiError:
        if token_id is not None:  # first things first
            await services.database.run(_use, call, token_id)
        raise
    if isinstance(endpoint, Endpoint):
        body = await services.database.run(_guarded(endpoint.work, endpoint, token_id), call)
    else:
        fields, answer = await services.hub.change(_guarded(endpoint.work, endpoint, token_id), call)
        body = fields | {"transmit": json.dumps(transmit(answer), ensure_ascii=False)}
    if endpoint.name.startswith("del_"):
        services.sweeper.wake()
    return body


def _guarded(
    work: Callable[[Session, Call], _T], endpoint: Endpoint | Change, token_id: int | None
) -> Callable[[Session, Call], _T]:
    def guarded(session: Session, call: Call) -> _T:
        if token_id is not None:
            _use(session, call, token_id)
        value = work(session, call)
        if changes_something(endpoint):
            audit.note(session, call.now, endpoint.name, call.params.shown(), who=call.who, address=call.address)
        return value

    return guarded


def _token(call: Call) -> int:
    """The number of the token, which is signed and in time."""
    if not call.params.given("token"):
        raise ApiError(Err.NO_TOKEN)
    try:
        return call.services.keys.check_api_token(call.params.text("token"))
    except TokenExpired as error:
        raise ApiError(Err.TOKEN_EXPIRED) from error
    except TokenInvalid as error:
        raise ApiError(Err.BAD_TOKEN) from error


def _use(session: Session, call: Call, token_id: int) -> None:
    if not tokens.use(session, call.now, token_id):
        raise ApiError(Err.TOKEN_EXPIRED)


def _old_numbers(body: dict[str, Any]) -> dict[str, Any]:
    """The answer with the numbers of its rows as strings, as the first implementation printed them."""
    rows = [
        {name: str(value) if isinstance(value, int | float) else value for name, value in row.items()}
        for row in body.get("data", ())
    ]
    return {**body, "data": rows} if "data" in body else body
