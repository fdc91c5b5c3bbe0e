"""One channel: how it stands, its source, start and stop; or a new one of a recorder."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.standalone.api.cameras import ADD_DEVICE
from agent.standalone.api.envelope import ApiError, Err
from agent.standalone.api.params import Kind, Param, Params
from agent.standalone.console import fields
from agent.standalone.console.cards import channel_card
from agent.standalone.console.gathers import ChannelView, read_channels
from agent.standalone.console.pages.overview.page import beside
from agent.standalone.console.sentences import of_answer
from agent.standalone.console.site import Action, Page
from agent.standalone.console.visit import Visit
from agent.standalone.store.schema import Camera, Gather, Grade
from agent.web.markup import Markup, asset, html, joined
from agent.web.words import Table
from agent.wire.commands import CameraRef

DEVICE, FILE, STREAM = 0, 1, 2
_DO = {DEVICE: "add_device", FILE: "add_camera", STREAM: "add_camera"}
_WORDS: Table = {
    "no_channel": ("没有这个通道或采集端。", "There is no such channel or recorder."),
    "new_channel": ("新通道", "A new channel"),
    "of_agent": ("采集端", "Recorder"),
    "camera_name": ("名称（班级）", "Name (the classroom)"),
    "grade_id": ("年级", "Grade"),
    "source": ("画面来源", "Source"),
    "kind_0": ("网络摄像机（IPC）", "IPC device"),
    "kind_1": ("MP4 文件", "MP4 file"),
    "kind_2": ("RTSP / RTMP 地址", "RTSP / RTMP address"),
    "stream_url": ("地址", "Address"),
    "stream_url_explained": (
        "例如 rtsp://192.168.1.64:554/stream1；用户名和密码写在地址里：rtsp://用户:密码@…",
        "As rtsp://192.168.1.64:554/stream1; with a user: rtsp://user:password@…",
    ),
    "stream_mp4": ("文件", "File"),
    "stream_mp4_explained": (
        "采集端电脑上 MP4 文件的完整路径，循环播放。",
        "The full path of an MP4 file on the recorder's disk; it plays in a loop.",
    ),
    "device_ip": ("IP 地址", "Address"),
    "device_ip_explained": ("支持 ONVIF 的摄像机。", "Of a camera that speaks ONVIF."),
    "device_cmd_port": ("端口", "Port"),
    "device_cmd_port_explained": ("0 表示自动（80）。", "0 finds it (80)."),
    "device_user": ("用户名", "User"),
    "device_pass": ("密码", "Password"),
    "show": ("显示", "Show"),
    "device_mirror": ("画面镜像", "Mirror the picture"),
    "device_osd": ("叠加字幕（OSD）", "Text in the picture (OSD)"),
    "device_twice": ("双码流", "Two streams"),
    "device_twice_explained": (
        "主码流录像，子码流用于直播和截图。",
        "The main stream is recorded, the sub stream feeds live and pictures.",
    ),
    "device_show": ("显示预览", "Show a preview"),
    "start": ("启动", "Start"),
    "stop": ("停止", "Stop"),
    "test": ("测试：立即截图", "Test: take a picture now"),
    "test_hint": (
        "采集端会连接摄像机并立即截一张图；结果显示在上方。",
        "The recorder takes a picture at once; what came of it is said above.",
    ),
    "sure_stop": (
        "停止“{name}”？有课时仍会自动录像。",
        "Stop “{name}”? A due lesson is recorded all the same.",
    ),
    "sure_delete": (
        "删除“{name}”？它的课表和全部录像也会被删除，且无法恢复。",
        "Delete “{name}”? Its timetable and all of its recordings go too, and nothing brings them back.",
    ),
    "back": ("返回", "Back"),
}
_Values = Mapping[str, Any]
_NEW: _Values = {"device_osd": 1, "device_show": 1, "device_cmd_port": 0}


def _read(
    session: Session, now: float, camera_id: int, gather_id: int
) -> tuple[Camera | None, Gather | None, ChannelView | None, Sequence[Grade]]:
    camera = session.get(Camera, camera_id) if camera_id else None
    gather = session.get(Gather, camera.gather_id if camera else gather_id)
    shown = next((one for one in read_channels(session, now) if one.camera_id == camera_id), None) if camera else None
    return camera, gather, shown, session.scalars(select(Grade).order_by(Grade.grade_id)).all()


async def view(visit: Visit) -> Markup:
    """The channel of `camera_id`, or forms for a new one of `gather_id`."""
    words = visit.words
    camera, gather, shown, grades = await visit.read(
        _read, visit.now, visit.number("camera_id"), visit.number("gather_id")
    )
    if gather is None or (visit.number("camera_id") and camera is None):
        return html('<p class="empty">{text}</p>', text=words["no_channel"])
    options = {grade.grade_id: f"{grade.grade_type} {grade.grade_name}" for grade in grades}
    if camera is None or shown is None:
        return _new(visit, gather, options)
    return html(
        asset("channel.html", __package__),
        card=channel_card(visit, shown),
        presses=_presses(visit, camera),
        hint=words["test_hint"],
        title=camera.camera_name,
        form=_form(visit, camera.stream_prop, options, camera=camera),
        kinds=_kinds(visit, camera.stream_prop, f"camera_id={camera.camera_id}"),
        delete=fields.press(
            "del_camera",
            words["delete"],
            after="/console/recorders",
            sure=words["sure_delete"].format(name=camera.camera_name),
            is_danger=True,
            camera_id=camera.camera_id,
        ),
        back=words["back"],
    )


def _new(visit: Visit, gather: Gather, grades: Mapping[int, str]) -> Markup:
    kind = _kind_asked(visit, FILE)
    return html(
        asset("channel_new.html", __package__),
        title=visit.words["new_channel"],
        of_agent=visit.words["of_agent"],
        agent=gather.name_set or gather.name_pc,
        kinds=_kinds(visit, kind, f"gather_id={gather.gather_id}"),
        form=_form(visit, kind, grades, gather=gather),
        back=visit.words["back"],
    )


def _kinds(visit: Visit, own: int, which: str) -> Markup:
    """The kinds of sources to choose from, as links: what a form asks for depends on it."""
    chosen = _kind_asked(visit, own)
    return html(
        '<nav class="kinds" aria-label="{label}">{links}</nav>',
        label=visit.words["source"],
        links=joined(
            html(
                '<a href="/console/channel?{which}&amp;kind={kind}"{current}>{text}</a>',
                which=Markup(which),
                kind=kind,
                current=Markup(' aria-current="true"') if kind == chosen else Markup(),
                text=visit.words[f"kind_{kind}"],
            )
            for kind in (FILE, STREAM, DEVICE)
        ),
    )


def _kind_asked(visit: Visit, default: int) -> int:
    kind = visit.number("kind", default)
    return kind if kind in _DO else default


def _form(
    visit: Visit,
    own: int,
    grades: Mapping[int, str],
    *,
    camera: Camera | None = None,
    gather: Gather | None = None,
) -> Markup:
    words, kind = visit.words, _kind_asked(visit, own)

    def value(name: str) -> Any:
        return getattr(camera, name) if camera is not None else _NEW.get(name, "")

    which = {"camera_id": camera.camera_id} if camera else {"gather_id": gather.gather_id if gather else 0}
    inputs = [
        fields.hidden(stream_prop=kind, **which),
        fields.field("camera_name", words["camera_name"], value("camera_name"), required=True),
        fields.choice("grade_id", words["grade_id"], grades, value("grade_id")),
        *_source(words, kind, value),
    ]
    go = words["save" if camera else "add"]
    do = "mod_camera" if camera else _DO[kind]
    after = f"/console/channel?camera_id={camera.camera_id}" if camera else "/console/recorders"
    return fields.form(do, inputs, go, after=after)


def _source(words: Any, kind: int, value: Any) -> list[Markup]:
    if kind != DEVICE:
        name = "stream_mp4" if kind == FILE else "stream_url"
        explained = words[f"{name}_explained"]
        return [fields.field(name, words[name], value(name), explained=explained, spellcheck="false", required=True)]
    return [
        fields.field(
            "device_ip", words["device_ip"], value("device_ip"), explained=words["device_ip_explained"], required=True
        ),
        fields.field(
            "device_cmd_port",
            words["device_cmd_port"],
            value("device_cmd_port"),
            kind="number",
            explained=words["device_cmd_port_explained"],
            min=0,
            max=65535,
        ),
        fields.field("device_user", words["device_user"], value("device_user"), autocomplete="off"),
        html(
            asset("password.html", __package__),
            label=words["device_pass"],
            value=clear_text(value("device_pass")),
            show=words["show"],
        ),
        *(
            fields.switch(name, words[name], value(name), words[explained] if explained else "")
            for name, explained in (
                ("device_twice", "device_twice_explained"),
                ("device_osd", ""),
                ("device_mirror", ""),
                ("device_show", ""),
            )
        ),
    ]


def clear_text(device_pass: str) -> str:
    """A device's password as people type it; API v1 and the wire have it in base64 (`docs/protocol.md`, 4)."""
    try:
        return base64.b64decode(device_pass, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return device_pass


def _presses(visit: Visit, camera: Camera) -> Markup:
    words, camera_id = visit.words, camera.camera_id
    sure = words["sure_stop"].format(name=camera.camera_name)
    return joined(
        [
            fields.press("start_camera", words["start"], camera_id=camera_id),
            fields.press("stop_camera", words["stop"], sure=sure, camera_id=camera_id),
            fields.press("test_camera", words["test"], camera_id=camera_id),
        ]
    )


async def _test(visit: Visit, params: Params) -> dict[str, Any]:
    """Have the agent take a picture; what it answers."""
    camera_id = params.number("camera_id")
    camera = await visit.read(_camera, camera_id)
    if camera is None:
        raise ApiError(Err.NO_ID, "camera_id 不存在")
    answer = await visit.services.hub.ask(camera.gather_id, "snapshot", CameraRef(camera_id=camera_id))
    return {"agent": of_answer(answer, visit.words.language)}


def _camera(session: Session, camera_id: int) -> Camera | None:
    return session.get(Camera, camera_id)


PAGE = Page(
    "/console/channel",
    ("通道", "A channel"),
    view,
    words=_WORDS,
    beside=beside,
    actions=(Action("test_camera", _test, (Param("camera_id", Kind.ID, missing=Err.NO_ID),)),),
    changes=(ADD_DEVICE,),
    administrators_only=True,
    under="/console/recorders",
)
