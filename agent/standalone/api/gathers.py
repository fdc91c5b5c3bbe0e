"""3.16 and 3.17: recorders."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from agent.standalone.api.call import STAMPS, Call, Change, Endpoint
from agent.standalone.api.envelope import ApiError, Err, done
from agent.standalone.api.paging import Listed, by_id, page
from agent.standalone.api.params import Kind, Param
from agent.standalone.gather.rows import bump, gather_settings
from agent.standalone.hub import Order
from agent.standalone.store.schema import Gather, School

_SHOWN = (
    *("gather_id", "school_id", "mac_addr", "ip_addr", "name_pc", "name_set", "os_name"),
    *("main_rate", "sub_rate", "auto_dvr", "auto_fds", "slice_val", "inter_val", "snap_val"),
)
RANGES = {
    "main_rate": (64, 1_000_000),
    "sub_rate": (64, 1_000_000),
    "auto_dvr": (0, 1),
    "auto_fds": (0, 1),
    "slice_val": (0, 30),
    "inter_val": (0, 3),
    "snap_val": (1, 10),
}
"""What a setting may be; what lies outside is brought to the nearest value that is allowed."""


def list_gather(session: Session, call: Call) -> dict[str, Any]:
    """3.16: `status` 1 while the agent's lease holds."""

    def row(found: Row[*tuple[Any, ...]]) -> dict[str, Any]:
        gather = found[0]
        shown = {name: getattr(gather, name) for name in _SHOWN}
        return shown | {"status": int(gather.is_online(call.now))} | call.stamps(gather)

    listed = Listed(Gather.gather_id, (Gather.gather_id.desc(),), select(Gather), by_id(call.params, Gather.gather_id))
    return page(session, listed, call.params, row)


def mod_gather(session: Session, call: Call) -> tuple[dict[str, Any], list[Order]]:
    """3.17: what is given is changed, and the agent told."""
    params = call.params
    gather = session.get(Gather, params.number("gather_id"))
    if gather is None:
        raise ApiError(Err.NO_ID, "gather_id 不存在")
    if params.has("school_id"):
        if session.get(School, params.number("school_id")) is None:
            raise ApiError(Err.NO_ID, "school_id 不存在")
        gather.school_id = params.number("school_id")
    if params.has("name_set"):
        gather.name_set = params.text("name_set")
    for name, (low, high) in RANGES.items():
        given = "auto_fdfs" if name == "auto_fds" and not params.has(name) else name
        if params.has(given):
            setattr(gather, name, min(max(params.number(given), low), high))
    gather.updated = call.now
    rev = bump(session, gather.gather_id)
    return done(), [Order(gather.gather_id, "mod_gather", rev, gather_settings(gather))]


ENDPOINTS = (
    Endpoint(
        "list_gather",
        list_gather,
        (Param("gather_id", Kind.ID),),
        section="3.16",
        title=("获取采集端列表", "The agents"),
        rows=(*_SHOWN, "status", *STAMPS),
    ),
    Change(
        "mod_gather",
        mod_gather,
        (
            Param("gather_id", Kind.ID, missing=Err.NO_ID),
            Param("school_id", Kind.ID),
            Param("name_set"),
            *(Param(name, Kind.NUMBER) for name in (*RANGES, "auto_fdfs")),
        ),
        section="3.17",
        title=("修改采集端", "Change an agent's settings"),
        raises=(Err.NO_ID,),
    ),
)
