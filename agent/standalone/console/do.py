"""`POST /console/do/<name>`: the changes that people make, by the same work, checks, codes and messages as API v1.

Session cookie, form token and, for nearly everything, an administrator; parameters as a JSON object or a form. The
answer is API v1's envelope and beside it what a person needs: `sentence` in the page's language, `field` (the parameter
at fault), and `agent` where a recorder had to carry it out.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from agent.standalone.api.call import Call, Change, Endpoint, changes_something
from agent.standalone.api.dispatch import TABLE, carry_out
from agent.standalone.api.envelope import MESSAGES, ApiError, Err, done, failed, respond
from agent.standalone.api.params import Params, clean
from agent.standalone.bodies import in_time
from agent.standalone.console import access, sentences
from agent.standalone.console.site import Action, Refused
from agent.standalone.console.visit import Visit, visit_of
from agent.standalone.console.words import words_of
from agent.standalone.store import audit

PREFIX = "/console/do/"
TOKEN_HEADER = "X-Form-Token"  # noqa: S105 - a header's name
REFUSED = 20001
"""`err_code` of an action of the console's own that is not done; API v1 has no number for those."""
_Doable = Action | Endpoint | Change
_FOR_VIEWERS = ("play_camera", "play_record")

log = logging.getLogger(__name__)


class _NoForm(ValueError):
    """A body that is neither a JSON object nor a form."""


def route(actions: Iterable[Action], changes: Iterable[Change]) -> web.RouteDef:
    """The route; `actions` and `changes` are the console's own."""
    named: dict[str, _Doable] = {
        name: endpoint for name, endpoint in TABLE.items() if changes_something(endpoint) or name in _FOR_VIEWERS
    }
    named |= {change.name: change for change in changes}
    named |= {action.name: action for action in actions}

    async def do(request: web.Request) -> web.Response:
        return await _do(request, named)

    return web.post(PREFIX + "{name}", do)


async def _do(request: web.Request, named: Mapping[str, _Doable]) -> web.Response:
    visit = await visit_of(request, words_of)
    if visit is None:
        return _refusal(Err.NO_TOKEN, 401, words_of(request).language)
    language = visit.words.language
    try:
        given = await _given(request)
    except _NoForm:
        return _refusal(Err.NO_ID, 400, language)
    if not _is_ours(request, given.pop("form_token", "")):
        return _refusal(Err.BAD_TOKEN, 403, language)
    what = named.get(request.match_info["name"])
    if what is None:
        return _refusal(Err.NO_ENDPOINT, 404, language)
    open_to_viewers = what.for_everyone if isinstance(what, Action) else what.name in _FOR_VIEWERS
    if not (visit.is_administrator or open_to_viewers):
        return _refusal(Err.NO_PERMISSION, 403, language)
    return await _answer(visit, what, Params(given))


async def _answer(visit: Visit, what: _Doable, params: Params) -> web.Response:
    language = visit.words.language
    try:
        if isinstance(what, Action):
            body = await _act(visit, what, params)
        else:
            body = await carry_out(what, _call(visit, params))
    except ApiError as error:
        return respond({**failed(error), "sentence": sentences.of_error(error, language), "field": error.field})
    except Refused as error:
        sentence = error.sentence(language)
        return respond({"err_code": REFUSED, "err_msg": sentence, "sentence": sentence, "field": error.field})
    except Exception:  # the boundary of a request: whatever went wrong has to be an answer
        log.exception("the console's %s failed", what.name)
        return _refusal(Err.INTERNAL, 500, language)
    body = {"sentence": sentences.of_code(Err.OK, language), "field": "", **body}
    if told := sentences.of_transmit(body.get("transmit", ""), language):
        body["agent"] = told
    return respond(body)


async def _act(visit: Visit, action: Action, params: Params) -> dict[str, Any]:
    params.check(action.params)
    fields = await action.work(visit, params)
    await visit.read(
        audit.note,
        visit.now,
        action.name,
        params.shown(),
        who=visit.person.name,
        address=visit.request.remote or "",
    )
    return done(**fields)


def _call(visit: Visit, params: Params) -> Call:
    services, request = visit.services, visit.request
    base_url = services.base_url(request)
    return Call(services, params, base_url, visit.now, who=visit.person.name, address=request.remote or "")


def _is_ours(request: web.Request, in_form: str) -> bool:
    """Whether a page of this session sends it: by its token, and by what the browser says of its origin."""
    given = request.headers.get(TOKEN_HEADER, "") or in_form
    return access.is_own_form(request) and access.is_form_of(request, request.cookies.get(access.COOKIE, ""), given)


async def _given(request: web.Request) -> dict[str, str]:
    async with in_time():
        return await _read(request)


async def _read(request: web.Request) -> dict[str, str]:
    if request.content_type == "application/json":
        try:
            values = await request.json()
        except ValueError as error:
            raise _NoForm from error
        if not isinstance(values, dict):
            raise _NoForm
        return clean({str(name): _text(value) for name, value in values.items()})
    return clean({name: value for name, value in (await request.post()).items() if isinstance(value, str)})


def _text(value: Any) -> str:
    """A JSON value as API v1 would have it in an address."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return "" if value is None else json.dumps(value)


def _refusal(code: Err, status: int, language: str) -> web.Response:
    sentence = sentences.of_code(code, language)
    return respond({"err_code": int(code), "err_msg": MESSAGES[code], "sentence": sentence, "field": ""}, status)
