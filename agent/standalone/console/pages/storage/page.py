"""Storage and queue as a page."""

from __future__ import annotations

import asyncio

from agent.standalone.console.gathers import GatherView
from agent.standalone.console.pages.storage.view import StorageView, read_storage
from agent.standalone.console.site import Page
from agent.standalone.console.visit import Visit
from agent.web.markup import Markup, asset, html
from agent.web.parts import answer_panel, length, section, size
from agent.web.words import Table

LOW_DAYS, SHORT_DAYS = 14, 3
"""Days until the disk is full from which on it is a warning, and bad."""
BUCKET_SEC = 3.0
"""How long a bucket may take to say that it has the newest file: the page waits for it."""
LATE_SEC = 3600.0
"""What has waited for longer than this is late."""

WORDS: Table = {
    "disk_enough": ("服务器磁盘还可用约 {count} 天。", "The server's disk has room for about {count} day{s}."),
    "disk_plenty": ("服务器磁盘空间充足。", "The server's disk has plenty of room."),
    "bucket": ("存储桶", "The bucket"),
    "bucket_well": ("存储桶可用，最新的文件在其中。", "The bucket answers and has the newest file."),
    "bucket_empty": ("存储桶中还没有文件。", "Nothing has come to the bucket yet."),
    "bucket_lost": ("存储桶中没有最新的文件：{path}", "The bucket has not got the newest file: {path}"),
    "bucket_away": ("存储桶不可用：{why}", "The bucket cannot be used: {why}"),
    "bucket_silent": ("{seconds:.0f} 秒内没有应答", "no answer within {seconds:.0f} s"),
    "bucket_disk": (
        "服务器磁盘只存放数据库和正在接收的文件，剩余 {free}。",
        "The server's own disk holds the database and what is arriving; {free} free.",
    ),
    "disk_of_server": ("服务器磁盘", "The server's disk"),
    "disk_used": ("已用 {used}，共 {total}，剩余 {free}", "{used} of {total} used, {free} free"),
    "stored": ("录像存储", "Stored recordings"),
    "stored_text": ("{count} 个文件，{size}；每天约 {a_day}", "{count} file{s}, {size}; about {a_day} a day"),
    "to_delete": ("待删除文件", "Files to be deleted"),
    "gathers": ("采集端", "Recorders"),
    "no_gathers": ("还没有采集端接入。", "No recorder has registered yet."),
    "queue_empty": ("没有待上传的录像", "nothing waits"),
    "queue_of": ("{count} 个切片待上传，{size}", "{count} slice{s} waiting, {size}"),
    "queue_since": ("最早的是 {when}（已 {length}）", "the oldest of {when}, for {length}"),
    "queue_paused": ("上传已暂停", "uploads are paused"),
    "heard": ("最后联系 {when}", "last heard {when}"),
    "never_heard": ("尚未联系", "never heard"),
    "disk_left": ("本机磁盘剩余 {free}", "{free} free on its disk"),
    "disk_short": ("磁盘放不下将要录制的课程", "a coming lesson will not fit on its disk"),
    "disk_low": ("磁盘空间不足", "its disk is low"),
    "disk_full_now": ("磁盘已满", "its disk is full"),
    "disk_state_read_only": ("磁盘为只读", "its disk is read-only"),
    "disk_state_failing": ("磁盘无法写入", "its disk takes nothing"),
    "disk_state_missing": ("录像磁盘未挂载", "its disk is not mounted"),
}
_DISK_WORDS = {
    "short": "disk_short",
    "low": "disk_low",
    "full": "disk_full_now",
    "read_only": "disk_state_read_only",
    "failing": "disk_state_failing",
    "missing": "disk_state_missing",
}


async def view(visit: Visit) -> Markup:
    """The page."""
    words = visit.words
    found = await visit.read(read_storage, visit.now, visit.services.settings.data_dir)
    used = found.disk_total - found.disk_free
    return html(
        asset("storage.html", __package__),
        answer=await _bucket_answer(visit, found) if visit.services.shelf.bucket else _answer(visit, found),
        bucket=_fact(words["bucket"], visit.services.shelf.bucket),
        disk_title=words["disk_of_server"],
        disk=words.of("disk_used", used=size(used), total=size(found.disk_total), free=size(found.disk_free)),
        bar=share_bar(used, found.disk_total),
        stored_title=words["stored"],
        stored=words.of("stored_text", count=found.files, size=size(found.bytes), a_day=size(found.a_day)),
        trash_title=words["to_delete"],
        trash=found.to_delete,
        gathers=section("gathers", "gathers", (gather_line(visit, one) for one in found.gathers), words),
    )


def _answer(visit: Visit, found: StorageView) -> Markup:
    days = found.days_left
    if days is None or days > 365:
        return answer_panel("good", visit.words["disk_plenty"])
    health = "bad" if days < SHORT_DAYS else "warn" if days < LOW_DAYS else "good"
    return answer_panel(health, visit.words.of("disk_enough", count=int(days)))


async def _bucket_answer(visit: Visit, found: StorageView) -> Markup:
    """Whether the bucket can be used, by asking it for the file that came last."""
    words, shelf = visit.words, visit.services.shelf
    disk = words.of("bucket_disk", free=size(found.disk_free))
    if not found.newest:
        return answer_panel("calm", words["bucket_empty"], reasons=[disk])
    try:
        async with asyncio.timeout(BUCKET_SEC):
            there = await shelf.size(found.newest) >= 0
    except TimeoutError:
        why = words.of("bucket_silent", seconds=BUCKET_SEC)
        return answer_panel("bad", words.of("bucket_away", why=why), reasons=[disk], is_alert=True)
    except OSError as error:
        return answer_panel("bad", words.of("bucket_away", why=error), reasons=[disk], is_alert=True)
    if there:
        return answer_panel("good", words["bucket_well"], reasons=[disk])
    return answer_panel("bad", words.of("bucket_lost", path=found.newest), reasons=[disk], is_alert=True)


def _fact(title: str, text: str) -> Markup:
    return html("<div><dt>{title}</dt><dd>{text}</dd></div>", title=title, text=text) if text else Markup()


def share_bar(used: float, total: float) -> Markup:
    """How much of it is used."""
    share = 1000 * min(max(used / total, 0.0), 1.0) if total else 0.0
    kind = "full" if share > 950 else "used"
    return html(
        '<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="due" width="1000" height="10"/><rect class="{kind}" width="{share:.1f}" height="10"/></svg>',
        kind=kind,
        share=share,
    )


def gather_line(visit: Visit, one: GatherView) -> Markup:
    """An agent with its queue and its disk."""
    words = visit.words
    zone = visit.services.zone
    heard = words.of("heard", when=words.when(one.heard, visit.now, zone)) if one.heard else words["never_heard"]
    trouble = [one.queue_error]
    if one.disk_state in _DISK_WORDS:
        trouble.append(words[_DISK_WORDS[one.disk_state]])
    if one.queue_paused:
        trouble.append(words["queue_paused"])
    late = one.queue_oldest is not None and visit.now - one.queue_oldest > LATE_SEC
    return html(
        asset("gather.html", __package__),
        name=one.name,
        kind="online" if one.alive else "agent_offline",
        state=words["online" if one.alive else "agent_offline"],
        queue_kind="late" if late else "",
        queue=_queue(visit, one),
        trouble=" · ".join(filter(None, trouble)),
        disk=words.of("disk_left", free=size(one.disk_free)) if one.disk_free else "",
        bar=share_bar(one.disk_total - one.disk_free, one.disk_total) if one.disk_total else Markup(),
        about=" · ".join(filter(None, (one.address, one.version, "" if one.alive else heard))),
    )


def _queue(visit: Visit, one: GatherView) -> str:
    words = visit.words
    if not one.queue_files:
        return words["queue_empty"]
    text = words.of("queue_of", count=one.queue_files, size=size(one.queue_bytes))
    if one.queue_oldest is None:
        return text
    when = words.when(one.queue_oldest, visit.now, visit.services.zone)
    return f"{text} · {words.of('queue_since', when=when, length=length(visit.now - one.queue_oldest))}"


PAGE = Page(
    "/console/storage",
    ("存储与队列", "Storage & queue"),
    view,
    words=WORDS,
    refreshes=True,
    style="storage.css",
    room=__package__,
)
