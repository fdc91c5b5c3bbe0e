"""One recorder's settings, with what each of them does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.standalone.api.envelope import ApiError, Err
from agent.standalone.api.gathers import RANGES
from agent.standalone.api.params import Kind, Param, Params
from agent.standalone.console import fields
from agent.standalone.console.gathers import GatherView, read_gathers
from agent.standalone.console.pages.storage.page import WORDS as STORAGE_WORDS
from agent.standalone.console.pages.storage.page import gather_line
from agent.standalone.console.site import Action, Page
from agent.standalone.console.visit import Visit
from agent.standalone.gather.register import revoke
from agent.standalone.store.schema import Gather, School
from agent.web.markup import Markup, html
from agent.web.words import Table

_WORDS: Table = {
    **STORAGE_WORDS,
    "no_agent": ("没有这个采集端。", "There is no such recorder."),
    "name_set": ("名称", "Name"),
    "school_id": ("所在学校", "School"),
    "slice_val": ("切片时长（分钟）", "Length of a slice (minutes)"),
    "slice_val_explained": (
        "每隔多久完成一个录像文件并上传；0 表示整节课一个文件。",
        "How often a file is finished and uploaded; 0 makes one file of a lesson.",
    ),
    "inter_val": ("切片交错（关键帧）", "Overlap of slices (key frames)"),
    "inter_val_explained": (
        "相邻两个文件重复的关键帧组数；0 表示不重复，也不丢失任何画面。",
        "So many groups of pictures stand in both of two files that follow each other; 0 repeats and loses nothing.",
    ),
    "snap_val": ("截图间隔（分钟）", "A picture every (minutes)"),
    "snap_val_explained": ("通道画面多久更新一次。", "How often the channels' pictures are taken anew."),
    "auto_dvr": ("断线自动重连", "Reconnect by itself"),
    "auto_dvr_explained": (
        "关闭后，课程之外掉线的通道保持停止；有课时始终会重连。",
        "Off: a channel that drops outside lessons stays down. A due lesson always reconnects it.",
    ),
    "auto_fds": ("存储故障后自动续传", "Upload again after a storage failure"),
    "auto_fds_explained": (
        "关闭后，存储故障会暂停上传，直到手动恢复。",
        "Off: a storage failure pauses uploads until they are resumed by hand.",
    ),
    "main_rate": ("主码流（Kbps）", "Main stream (kbit/s)"),
    "main_rate_explained": (
        "录像码流，仅对支持设置的 IPC 设备有效。",
        "What is recorded; only where an IPC device lets itself be told.",
    ),
    "sub_rate": ("子码流（Kbps）", "Sub stream (kbit/s)"),
    "sub_rate_explained": (
        "直播码流，仅对支持设置的 IPC 设备有效。",
        "What viewers get; only where an IPC device lets itself be told.",
    ),
    "revoke": ("撤销此采集端的访问权", "Revoke this recorder's access"),
    "revoke_explained": (
        "电脑丢失或停用时：它的连接立即断开，之后只能用接入密钥重新接入；若密钥也可能泄露，请先更换密钥。",
        "For a PC that is lost or given away: its link ends at once, and only the enrol key lets it in again; where "
        "that may be known too, replace the key first.",
    ),
    "sure_revoke": ("确定撤销吗？它将立即离线，正在上传的录像会留在该电脑上。", "Revoke it? It goes offline at once."),
    "back": ("返回", "Back"),
}


def _read(session: Session, now: float, gather_id: int) -> tuple[Gather | None, GatherView | None, Sequence[School]]:
    schools = session.scalars(select(School).order_by(School.school_id)).all()
    shown = next((one for one in read_gathers(session, now) if one.gather_id == gather_id), None)
    return session.get(Gather, gather_id), shown, schools


async def view(visit: Visit) -> Markup:
    """The form."""
    words = visit.words
    gather, shown, schools = await visit.read(_read, visit.now, visit.number("gather_id"))
    if gather is None or shown is None:
        return html('<p class="empty">{text}</p>', text=words["no_agent"])

    def number(name: str) -> Markup:
        low, high = RANGES[name]
        return fields.field(
            name,
            words[name],
            getattr(gather, name),
            kind="number",
            explained=words[f"{name}_explained"],
            min=low,
            max=high,
            required=True,
        )

    inputs = [
        fields.hidden(gather_id=gather.gather_id),
        fields.field("name_set", words["name_set"], gather.name_set, required=True),
        fields.choice("school_id", words["school_id"], {one.school_id: one.name for one in schools}, gather.school_id),
        *map(number, ("slice_val", "inter_val", "snap_val")),
        *(
            fields.switch(name, words[name], getattr(gather, name), words[f"{name}_explained"])
            for name in ("auto_dvr", "auto_fds")
        ),
        *map(number, ("main_rate", "sub_rate")),
    ]
    return html(
        '<ul class="gathers">{gather}</ul><div class="panel">{form}'
        '<p><a href="/console/recorders">{back}</a></p></div>'
        '<div class="panel"><p class="explained">{explained}</p>{revoke}</div>',
        explained=words["revoke_explained"],
        revoke=fields.press(
            "revoke_gather",
            words["revoke"],
            after="/console/recorders",
            sure=words["sure_revoke"],
            is_danger=True,
            gather_id=gather.gather_id,
        ),
        gather=gather_line(visit, shown),
        form=fields.form("mod_gather", inputs, words["save"], after="/console/recorders"),
        back=words["back"],
    )


async def _revoke(visit: Visit, params: Params) -> dict[str, Any]:
    gather_id = params.number("gather_id")
    if not await visit.read(revoke, gather_id):
        raise ApiError(Err.NO_ID, "gather_id 不存在")
    visit.services.hub.end(gather_id, "its access was revoked")
    return {}


PAGE = Page(
    "/console/recorder",
    ("采集端设置", "A recorder's settings"),
    view,
    words=_WORDS,
    actions=(Action("revoke_gather", _revoke, (Param("gather_id", Kind.ID, missing=Err.NO_ID),)),),
    style="storage.css",
    room="agent.standalone.console.pages.storage",
    administrators_only=True,
    under="/console/recorders",
)
