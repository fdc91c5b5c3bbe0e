"""`POST /gather/v1/register`: who an agent is, and what it gets."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from aiohttp import web
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from agent.standalone.bodies import MOST_BYTES
from agent.standalone.gather.http import Caller, Refused, answer, bearer, body, by_token
from agent.standalone.gather.rows import gather_settings
from agent.standalone.keys import digest
from agent.standalone.services import SERVICES
from agent.standalone.store.schema import Camera, Gather, School
from agent.wire.models import GatherSettings, RegisterReply, RegisterRequest, StorageTarget


async def register(request: web.Request) -> web.Response:
    """Answer a registration: with the enrol key the agent gets a token of its own, with that token it is only
    welcomed back.
    """
    services = request.app[SERVICES]
    key = bearer(request)
    now = services.clock()
    # The key is judged before the body, of which a stranger's is not even read: with an empty agent_uid an agent learns
    # whether its key or token is good, and nothing else happens.
    enrols = services.keys.is_enrol_key(key)
    known = None if enrols else await services.database.run(by_token, key)
    if not enrols and known is None:
        raise Refused(401, "neither the enrol key nor a token of this server")
    wanted = await body(request, RegisterRequest, MOST_BYTES)
    if not wanted.agent_uid.strip():
        raise Refused(400, "agent_uid: must not be empty")
    if known is None:
        gather_id, token, settings = await services.database.run(_enrol, wanted, services.hub.connected, now)
    else:
        gather_id, token, settings = await services.database.run(_welcome, known, wanted, now)
    base = services.base_url(request)
    return answer(
        RegisterReply(
            gather_id=gather_id,
            token=token,
            relay_url="ws" + base.removeprefix("http") + "/gather/v1/relay",
            server_time=now,
            timezone=services.zone.key,
            storage=StorageTarget(kind="http", url=base + "/gather/v1/files"),
            gather=settings,
        )
    )


def _enrol(
    session: Session, wanted: RegisterRequest, connected: Callable[[int], bool], now: float
) -> tuple[int, str, GatherSettings]:
    gather = session.scalar(select(Gather).where(Gather.agent_uid == wanted.agent_uid))
    gather = gather or _same_machine(session, wanted.mac_addr, connected)
    token = secrets.token_urlsafe(32)
    if gather is None:
        school = session.scalar(select(School.school_id).order_by(School.school_id).limit(1))
        gather = Gather(created=now, school_id=school or 0, agent_uid=wanted.agent_uid, name_set=wanted.name_pc)
        session.add(gather)
    gather.token_hash = digest(token)
    _note(session, gather, wanted, now)
    return gather.gather_id, token, gather_settings(gather)


def revoke(session: Session, gather_id: int) -> bool:
    """Take an agent's token away; whether there is that agent. It comes in again with the enrol key only."""
    gather = session.get(Gather, gather_id)
    if gather is None:
        return False
    gather.token_hash = digest(secrets.token_urlsafe(32))  # of a token that nobody ever had
    gather.lease_until = 0.0
    return True


def _same_machine(session: Session, mac_addr: str, connected: Callable[[int], bool]) -> Gather | None:
    """The row of a machine that was installed anew. One whose agent is connected belongs to a second agent on that
    machine.
    """
    if not mac_addr:
        return None
    rows = session.scalars(select(Gather).where(Gather.mac_addr == mac_addr).order_by(Gather.gather_id.desc()))
    return next((row for row in rows if not connected(row.gather_id)), None)


def _welcome(session: Session, known: Caller, wanted: RegisterRequest, now: float) -> tuple[int, str, GatherSettings]:
    if known.agent_uid != wanted.agent_uid:
        raise Refused(403, "agent_uid: this token was given to another agent")
    gather = session.get_one(Gather, known.gather_id)
    _note(session, gather, wanted, now)
    return gather.gather_id, "", gather_settings(gather)


def _note(session: Session, gather: Gather, wanted: RegisterRequest, now: float) -> None:
    gather.agent_uid = wanted.agent_uid
    gather.mac_addr = wanted.mac_addr
    gather.ip_addr = wanted.ip_addr
    gather.name_pc = wanted.name_pc
    gather.os_name = wanted.os_name
    gather.version = wanted.version
    gather.updated = now
    session.flush()
    session.execute(update(Camera).where(Camera.gather_id == gather.gather_id).values(status=-1, recording=[]))
