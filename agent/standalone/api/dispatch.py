"""The way of a call: method, name, token, parameters, work, and the agents' answer where a change concerns them."""

from __future__ import annotations

import json
import logging
from typing import Any

from aiohttp import web

from agent.standalone.api import cameras, catalogue, courses, gathers, records, system
from agent.standalone.api.call import Call, Change, Endpoint
from agent.standalone.api.envelope import MESSAGES, ApiError, Err, failed, respond
from agent.standalone.api.params import Params, from_url
from agent.standalone.gather.hub import transmit
from agent.standalone.keys import Keys, TokenExpired, TokenInvalid
from agent.standalone.services import SERVICES

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

log = logging.getLogger(__name__)


async def api_v1(request: web.Request) -> web.Response:
    """Answer one call of API v1."""
    if request.method != "GET":
        body = {"err_code": int(Err.NOT_GET), "err_msg": MESSAGES[Err.NOT_GET]}
        return respond(body, 405, {"Allow": "GET"})
    name, _, path = request.rel_url.raw_path.removeprefix(PREFIX).partition("/")
    endpoint = TABLE.get(name)
    if endpoint is None:
        return respond({"err_code": int(Err.NO_ENDPOINT), "err_msg": MESSAGES[Err.NO_ENDPOINT]}, 404)
    services = request.app[SERVICES]
    call = Call(
        services,
        Params(from_url(path, request.rel_url.raw_query_string)),
        services.base_url(request),
        services.clock(),
    )
    try:
        body = await _carry_out(endpoint, call)
        if name.startswith("del_"):
            services.sweeper.wake()
    except ApiError as error:
        return respond(failed(error))
    except Exception:  # the boundary of a request: whatever went wrong has to be an answer
        log.exception("API v1 %s failed", name)
        return respond({"err_code": int(Err.INTERNAL), "err_msg": MESSAGES[Err.INTERNAL]}, 500)
    return respond(_old_numbers(body) if services.settings.numbers_as_strings else body)


async def _carry_out(endpoint: Endpoint | Change, call: Call) -> dict[str, Any]:
    services = call.services
    if isinstance(endpoint, Change) or not endpoint.open_to_all:
        _check_token(services.keys, call.params)
    call.params.check(endpoint.params)
    if isinstance(endpoint, Endpoint):
        return await services.database.run(endpoint.work, call)
    fields, answer = await services.hub.change(endpoint.work, call)
    return fields | {"transmit": json.dumps(transmit(answer), ensure_ascii=False)}


def _check_token(keys: Keys, params: Params) -> None:
    if not params.given("token"):
        raise ApiError(Err.NO_TOKEN)
    try:
        keys.check_api_token(params.text("token"))
    except TokenExpired as error:
        raise ApiError(Err.TOKEN_EXPIRED) from error
    except TokenInvalid as error:
        raise ApiError(Err.BAD_TOKEN) from error


def _old_numbers(body: dict[str, Any]) -> dict[str, Any]:
    """The answer with the numbers of its rows as strings, as the first implementation printed them."""
    rows = [
        {name: str(value) if isinstance(value, int | float) else value for name, value in row.items()}
        for row in body.get("data", ())
    ]
    return {**body, "data": rows} if "data" in body else body
