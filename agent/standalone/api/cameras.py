"""3.18 to 3.24: channels."""

from __future__ import annotations

import re
import secrets
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from agent.standalone.api.call import FRAME, STAMPS, Call, Change, Endpoint
from agent.standalone.api.envelope import ApiError, Err, done
from agent.standalone.api.paging import Listed, by_id, page
from agent.standalone.api.params import Kind, Param, Params
from agent.standalone.gather.rows import bump, wire_camera
from agent.standalone.hub import Order
from agent.standalone.live.player import address_of
from agent.standalone.store.schema import (
    Alarm,
    Camera,
    Course,
    Gap,
    Gather,
    Grade,
    Image,
    Lesson,
    Record,
    School,
    StoredFile,
)
from agent.standalone.store.trash import throw_away
from agent.wire.commands import CameraRef

_DEVICE_TEXTS = ("device_ip", "device_user", "device_pass")
_DEVICE_SWITCHES = ("device_mirror", "device_osd", "device_twice", "device_show")
_BLANKS_FOR_PLUSES = re.compile(r"(?:[A-Za-z0-9/+ ]{4})*(?:[A-Za-z0-9/+ ]{2}==|[A-Za-z0-9/+ ]{3}=)?")
"""Base64 in an address whose "+" was not spelled %2B."""
_OWNER = (
    select(Gather.gather_id, Gather.rev)
    .join_from(Camera, Gather, Gather.gather_id == Camera.gather_id)
    .where(Camera.camera_id == bindparam("camera_id"))
)
"""Made once: a whole school is started at the same moment, and the two rows as objects take six times as long."""
_STREAM = re.compile(r"(rtsps?|rtmps?|https?)://[^\s/]+\S*", re.IGNORECASE)


def list_camera(session: Session, call: Call) -> dict[str, Any]:
    """3.18, with `camera_id` and `gather_id` as optional filters."""
    query = (
        select(Camera, Gather, School, Grade, Image)
        .join(Gather, Gather.gather_id == Camera.gather_id, isouter=True)
        .join(School, School.school_id == Gather.school_id, isouter=True)
        .join(Grade, Grade.grade_id == Camera.grade_id, isouter=True)
        .join(Image, Image.camera_id == Camera.camera_id, isouter=True)
    )
    where = by_id(call.params, Camera.camera_id, Camera.gather_id)
    listed = Listed(Camera.camera_id, (Camera.camera_id.desc(),), query, where)
    return page(session, listed, call.params, lambda row: _shown(call, row), storage_addr=call.base_url)


def _shown(call: Call, row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    camera, gather, school, grade, image = row
    return {
        "camera_id": camera.camera_id,
        "camera_name": camera.camera_name,
        "image_id": image.image_id if image else 0,
        "image_fdfs": image.file_fdfs if image else "",
        "gather_id": camera.gather_id,
        "name_set": gather.name_set if gather else "",
        "school_id": school.school_id if school else 0,
        "school_name": school.name if school else "",
        "grade_id": camera.grade_id,
        "grade_type": grade.grade_type if grade else "",
        "grade_name": grade.grade_name if grade else "",
        "stream_prop": camera.stream_prop,
        "stream_url": camera.stream_url,
        "stream_mp4": camera.stream_mp4,
        **{name: getattr(camera, name) for name in (*_DEVICE_TEXTS, "device_cmd_port", *_DEVICE_SWITCHES)},
        "status": camera_status(camera, gather, call.now),
        "clicks": camera.clicks,
        **call.stamps(camera),
    }


def camera_status(camera: Camera, gather: Gather | None, now: float) -> int:
    """A channel's state: what its agent said last while the agent's lease holds, offline (0) after."""
    return camera.status if gather is not None and gather.is_online(now) else 0


def add_camera(session: Session, call: Call) -> tuple[dict[str, Any], list[Order]]:
    """3.19: an MP4 file (1) or a stream (2). A new channel is wanted: the agent starts it.

    And an IPC device (0), which the document leaves to the agent's own window: there is none here.
    """
    params = call.params
    prop = params.number("stream_prop")
    if prop == 0 and not params.text("device_ip"):
        raise ApiError(Err.NO_ID, "stream_prop 为 0 时需要 device_ip")
    if prop == 0:
        return add_device(session, call)
    if prop not in (1, 2):
        raise ApiError(Err.NO_ID, "stream_prop 只能是 0、1 或 2")
    _check_source(prop, params.text("stream_mp4"), params.text("stream_url"))
    return _add(session, _new(session, call, prop))


def add_device(session: Session, call: Call) -> tuple[dict[str, Any], list[Order]]:
    """What 3.19 cannot, for the console: a channel of an IPC device (0), with its address, user and password."""
    return _add(session, _new(session, call, 0))


def _new(session: Session, call: Call, prop: int) -> Camera:
    params = call.params
    gather_id = params.number("gather_id")
    if session.get(Gather, gather_id) is None:
        raise ApiError(Err.NO_ID, "gather_id 不存在")
    camera = Camera(gather_id=gather_id, snapshot_key=secrets.token_hex(16), created=call.now, updated=call.now)
    camera.camera_name = params.text("camera_name")
    camera.stream_prop = prop
    _set_grade(session, camera, params)
    camera.stream_url, camera.stream_mp4 = params.text("stream_url"), params.text("stream_mp4")
    _set_device(camera, params)
    return camera


def _add(session: Session, camera: Camera) -> tuple[dict[str, Any], list[Order]]:
    session.add(camera)
    session.flush()
    rev = bump(session, camera.gather_id)
    return done(camera_id=camera.camera_id), [Order(camera.gather_id, "add_camera", rev, wire_camera(session, camera))]


def mod_camera(session: Session, call: Call) -> tuple[dict[str, Any], list[Order]]:
    """3.20: what is given is changed; the agent gets the whole channel."""
    params = call.params
    camera = _camera(session, params.number("camera_id"))
    camera.camera_name = params.text("camera_name")
    if params.has("grade_id"):
        _set_grade(session, camera, params)
    if params.number("stream_prop", camera.stream_prop) not in (0, 1, 2):
        raise ApiError(Err.NO_ID, "stream_prop 只能是 0、1 或 2")
    camera.stream_prop = params.number("stream_prop", camera.stream_prop)
    for name in ("stream_url", "stream_mp4"):
        if params.given(name):
            setattr(camera, name, params.text(name))
    _set_device(camera, params)
    _check_source(camera.stream_prop, camera.stream_mp4, camera.stream_url)
    camera.updated = call.now
    order = Order(camera.gather_id, "mod_camera", bump(session, camera.gather_id), wire_camera(session, camera))
    return done(), [order]


def del_camera(session: Session, call: Call) -> tuple[dict[str, Any], list[Order]]:
    """3.21: the channels with courses, records and pictures; the agent stops them, the files go in the background."""
    ids = call.params.ids("camera_id")
    query = select(Camera).where(Camera.camera_id.in_(ids)).order_by(Camera.camera_id)
    cameras = session.scalars(query).all()
    found = [camera.camera_id for camera in cameras]
    throw_away(session, StoredFile.camera_id.in_(found))
    lessons = select(Lesson.lesson_id).where(Lesson.camera_id.in_(found))
    session.execute(delete(Gap).where(Gap.lesson_id.in_(lessons)))
    for table in (Record, Image, Alarm, Lesson, Course, Camera):
        session.execute(delete(table).where(table.camera_id.in_(found)))
    owners = select(Gather).where(Gather.gather_id.in_({camera.gather_id for camera in cameras})).with_for_update()
    gathers = {gather.gather_id: gather for gather in session.scalars(owners)}
    orders = []
    for camera in cameras:
        gather = gathers[camera.gather_id]
        gather.rev += 1
        orders.append(Order(gather.gather_id, "del_camera", gather.rev, CameraRef(camera_id=camera.camera_id)))
    return done(), orders


def get_camera_status(session: Session, call: Call) -> dict[str, Any]:
    """3.22: 0 or 1; a channel not heard of since its agent registered is offline."""
    camera = _camera(session, call.params.number("camera_id"))
    status = camera_status(camera, session.get(Gather, camera.gather_id), call.now)
    return done(camera_id=camera.camera_id, status=max(status, 0))


def start_camera(session: Session, call: Call) -> tuple[dict[str, Any], list[Order]]:
    """3.23: starts it, also when it runs already."""
    return _switch(session, call, "start_camera")


def stop_camera(session: Session, call: Call) -> tuple[dict[str, Any], list[Order]]:
    """3.24: stops it, also when it is stopped already."""
    return _switch(session, call, "stop_camera")


def _switch(session: Session, call: Call, cmd: str) -> tuple[dict[str, Any], list[Order]]:
    camera_id = call.params.number("camera_id")
    owner = session.execute(_OWNER, {"camera_id": camera_id}).one_or_none()
    if owner is None:
        raise ApiError(Err.NO_ID, "camera_id 不存在")
    return done(), [Order(owner.gather_id, cmd, owner.rev, CameraRef(camera_id=camera_id))]


def _camera(session: Session, camera_id: int) -> Camera:
    camera = session.get(Camera, camera_id)
    if camera is None:
        raise ApiError(Err.NO_ID, "camera_id 不存在")
    return camera


def _set_grade(session: Session, camera: Camera, params: Params) -> None:
    if session.get(Grade, params.number("grade_id")) is None:
        raise ApiError(Err.NO_ID, "grade_id 不存在")
    camera.grade_id = params.number("grade_id")


def _set_device(camera: Camera, params: Params) -> None:
    for name in _DEVICE_TEXTS:
        if params.given(name):
            text = params.text(name)
            if name == "device_pass" and _BLANKS_FOR_PLUSES.fullmatch(text):
                text = text.replace(" ", "+")
            setattr(camera, name, text)
    for name in _DEVICE_SWITCHES:
        if params.has(name):
            setattr(camera, name, min(max(params.number(name), 0), 1))
    port = "device_cmd_port" if params.has("device_cmd_port") else "device_cmd_prot"
    camera.device_cmd_port = min(max(params.number(port, camera.device_cmd_port or 0), 0), 65535)


def _check_source(prop: int, path: str, url: str) -> None:
    if prop == 1 and not path:
        raise ApiError(Err.NO_NAME, field="stream_mp4")
    if prop == 2 and not url:
        raise ApiError(Err.NO_NAME, field="stream_url")
    if prop == 2 and _STREAM.fullmatch(url) is None:
        raise ApiError(Err.NO_NAME, "stream_url 必须是 rtsp:// 或 rtmp:// 地址")


def play_camera(session: Session, call: Call) -> dict[str, Any]:
    """3.31: the address of a page to be framed, which needs no token, cannot be guessed and is good for some hours."""
    camera_id = call.params.number("camera_id")
    if session.get(Camera, camera_id) is None:
        raise ApiError(Err.NO_ID, "camera_id 不存在")
    ticket = call.services.keys.admission("camera", camera_id)
    return done(play_url=address_of(call.base_url, ticket, *call.params.frame()))


_CAMERA_ID = (Param("camera_id", Kind.ID, missing=Err.NO_ID),)
_NAME = Param("camera_name", missing=Err.NO_NAME)
_SOURCE = (Param("stream_url"), Param("stream_mp4"))
_DEVICE = (
    *(Param(name) for name in _DEVICE_TEXTS),
    *(Param(name, Kind.NUMBER) for name in ("device_cmd_port", "device_cmd_prot", *_DEVICE_SWITCHES)),
)
_UNKNOWN = (Err.NO_ID,)

ADD_DEVICE = Change(
    "add_device",
    add_device,
    (
        Param("gather_id", Kind.ID, missing=Err.NO_ID),
        Param("grade_id", Kind.ID, missing=Err.NO_ID),
        _NAME,
        Param("device_ip", missing=Err.NO_ADDRESS),
        *_DEVICE[1:],
    ),
)
"""Not one of API v1's."""

ENDPOINTS = (
    Endpoint(
        "list_camera",
        list_camera,
        (Param("camera_id", Kind.ID), Param("gather_id", Kind.ID)),
        section="3.18",
        title=("获取通道列表", "The channels"),
        answers=("storage_addr",),
        rows=(
            *(
                "camera_id",
                "camera_name",
                "image_id",
                "image_fdfs",
                "gather_id",
                "name_set",
                "school_id",
                "school_name",
            ),
            *("grade_id", "grade_type", "grade_name", "stream_prop", "stream_url", "stream_mp4", *_DEVICE_TEXTS),
            *("device_cmd_port", *_DEVICE_SWITCHES, "status", "clicks", *STAMPS),
        ),
    ),
    Change(
        "add_camera",
        add_camera,
        (
            Param("gather_id", Kind.ID, missing=Err.NO_ID),
            Param("grade_id", Kind.ID, missing=Err.NO_ID),
            Param("stream_prop", Kind.NUMBER, missing=Err.NO_ID),
            _NAME,
            *_SOURCE,
            *_DEVICE,
        ),
        section="3.19",
        title=("添加通道", "Add a channel: an MP4 file or a stream"),
        answers=("camera_id",),
        raises=(Err.NO_ID, Err.NO_NAME),
    ),
    Change(
        "mod_camera",
        mod_camera,
        (*_CAMERA_ID, _NAME, Param("grade_id", Kind.ID), Param("stream_prop", Kind.NUMBER), *_SOURCE, *_DEVICE),
        section="3.20",
        title=("修改通道", "Change a channel"),
        raises=(Err.NO_ID, Err.NO_NAME),
    ),
    Change(
        "del_camera",
        del_camera,
        (Param("camera_id", Kind.IDS, missing=Err.NO_ID),),
        section="3.21",
        title=("删除通道", "Delete channels with everything that belongs to them"),
    ),
    Endpoint(
        "get_camera_status",
        get_camera_status,
        _CAMERA_ID,
        section="3.22",
        title=("获取通道运行状态", "Whether a channel is online"),
        answers=("camera_id", "status"),
        raises=_UNKNOWN,
    ),
    Change(
        "start_camera",
        start_camera,
        _CAMERA_ID,
        section="3.23",
        title=("启动通道", "Start a channel"),
        raises=_UNKNOWN,
    ),
    Change(
        "stop_camera", stop_camera, _CAMERA_ID, section="3.24", title=("停止通道", "Stop a channel"), raises=_UNKNOWN
    ),
    Endpoint(
        "play_camera",
        play_camera,
        (*_CAMERA_ID, *FRAME),
        section="3.31",
        title=("播放直播通道", "A page that plays a channel live"),
        answers=("play_url",),
        raises=_UNKNOWN,
    ),
)
