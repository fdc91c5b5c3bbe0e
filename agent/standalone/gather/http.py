"""The HTTP habits of the gather protocol: bearer tokens, JSON bodies, the envelope, refusals."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError
from sqlalchemy import select
from sqlalchemy.exc import DataError, SQLAlchemyError
from sqlalchemy.orm import Session

from agent.standalone.bodies import MOST_REPORT_BYTES, in_time
from agent.standalone.keys import digest
from agent.standalone.services import SERVICES
from agent.standalone.store.schema import Gather
from agent.wire.models import Reply

_Model = TypeVar("_Model", bound=BaseModel)


class Refused(Exception):
    """A request that is not done: HTTP status, and a sentence for the log at the other end."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """The agent that calls."""

    gather_id: int
    agent_uid: str


def answer(body: BaseModel, status: int = 200) -> web.Response:
    """A body of the wire as a response."""
    text = json.dumps(body.model_dump(mode="json"), ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/json", charset="utf-8")


@web.middleware
async def refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn `Refused` into an answer; `err_code` is then the HTTP status."""
    try:
        return await handler(request)
    except Refused as refused:
        return answer(Reply(err_code=refused.status, err_msg=str(refused)), refused.status)
    except (OverflowError, DataError):
        return answer(Reply(err_code=400, err_msg="a value is out of range"), 400)
    except (SQLAlchemyError, OSError) as error:
        log.exception("%s %s could not be stored", request.method, _what(request))
        return answer(Reply(err_code=503, err_msg=f"not stored, try again: {type(error).__name__}"), 503)


def _what(request: web.Request) -> str:
    """What was asked for, without the ticket that an address may be."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "?"


def bearer(request: web.Request) -> str:
    """The bearer token of a request; refused when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refused(401, "an Authorization: Bearer header is needed")
    return token.strip()


async def caller(request: web.Request) -> Caller:
    """The agent whose token the request bears; refused when it is nobody's."""
    found = await request.app[SERVICES].database.run(by_token, bearer(request))
    if found is None:
        raise Refused(401, "this token is not known here; register again")
    return found


def by_token(session: Session, token: str) -> Caller | None:
    """The agent of a token."""
    row = session.scalar(select(Gather).where(Gather.token_hash == digest(token)))
    return None if row is None else Caller(row.gather_id, row.agent_uid)


async def body(request: web.Request, model: type[_Model], most: int = MOST_REPORT_BYTES) -> _Model:
    """The request's body as this model; refused (400) with the first field that is wrong. Ask first who calls."""
    async with in_time():
        data = await request.clone(client_max_size=most).read()
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "body"
        raise Refused(400, f"{place}: {first['msg']}") from error
